"""Rules of what stands on AWS."""

from typing import Final

from policies import aws_buckets, aws_eks, aws_identity, aws_machines, aws_network, aws_serving, aws_storage

RULES: Final = (
    *aws_eks.RULES,
    *aws_machines.RULES,
    *aws_serving.RULES,
    *aws_network.RULES,
    *aws_identity.RULES,
    *aws_buckets.RULES,
    *aws_storage.RULES,
)
