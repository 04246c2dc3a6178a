"""A plan as a configuration of the Terraform provider that pulumi_gcp is made from, and what its schema has against it.

found = judging.planned(lambda: GcpNetwork("net", {...}))
assert misfits(found) == []
hcl(found)                  # as text, for what reads Terraform
configuration(found)        # as JSON
"""

from typing import Final

from tests.components.gcp import judging
from tests.components.gcp.judging_schema import BINDINGS
from tests.components.gcp.judging_types import kind
from tests.components.judging_terraform import Terraform

_RENAMED: dict[tuple[str, str], str] = {}
"""Terraform's name by its type and Pulumi's word, where that is not the name in one word, nor its plural."""
TERRAFORM: Final = Terraform("gcp", "google", BINDINGS, kind, _RENAMED, judging.references, judging.named)
misfits = TERRAFORM.misfits
configuration = TERRAFORM.configuration
hcl = TERRAFORM.hcl
