"""Rules of what stands on AWS."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.looking import Look
from policies.rules import Rule


def _open_api(each: Look) -> Iterator[str]:
    if each.at("vpcConfig.endpointPublicAccess") is False:
        return
    if any(cidr.props in ("0.0.0.0/0", "::/0") for cidr in each.each("vpcConfig.publicAccessCidrs")):
        yield "vpcConfig.publicAccessCidrs lets anybody ask the API server, expected networks of your own"
    elif not each.told("vpcConfig.publicAccessCidrs"):
        yield "vpcConfig.publicAccessCidrs is not said, which is everybody, expected networks of your own"


RULES: Final = (
    Rule(
        name="eks-api-not-open",
        title="The API server of an EKS cluster is not open to the internet",
        why="Whoever finds a hole in it, or a token, can try from anywhere",
        fix="name the networks that may ask, or make the endpoint private",
        severity=Severity.HIGH,
        ids=("CKV_AWS_38", "CKV_AWS_39"),
        links=("https://docs.aws.amazon.com/eks/latest/userguide/cluster-endpoint.html",),
        types=("aws:eks/cluster:Cluster",),
        look=_open_api,
    ),
)
