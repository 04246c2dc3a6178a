"""checkov's word on plans on Google Cloud.

assert checkov({"network": judging.planned(lambda: GcpNetwork("net", {...}))}) == []
"""

from collections.abc import Mapping
from typing import Final

from tests.components import judging_checkov
from tests.components.gcp import judging_terraform
from tests.components.planned import Plan

NEVER_WANTED: Final[dict[str, str]] = {
    "CKV_GCP_82 google_kms_crypto_key": "what is destroyed of a key can be brought back for thirty days; a stack that "
    "could not be taken away would keep what it encrypted, too",
}
"""Checks that ask for what is not wanted here of any resource of a type, and why not. What is not wanted of one alone
stands with the program that makes it, in `TOO_MUCH`."""


def checkov(plans: Mapping[str, Plan]) -> list[str]:
    """`NAME: CKV_GCP_66 google_container_cluster.shop: what it asks for`, for each check that fails."""
    return judging_checkov.checkov(judging_terraform.TERRAFORM, plans)


def told(line: str) -> str | None:
    """`CKV_GCP_66 google_container_cluster.shop` of a line, none where that is never wanted."""
    found = line.split(": ")[1]
    return None if found.partition(".")[0] in NEVER_WANTED else found
