"""What the Terraform provider takes that pulumi_gcp is made from (google-beta, which has all that the other one has).

network = schema("google_compute_network")
assert network["auto_create_subnetworks"].kind == "boolean"
"""

from pathlib import Path
from typing import Final

from tests.components.judging_schema import Bindings
from tests.tools import pypi

INTERFACES: Final = (
    *("apigateway.v1", "apikeys.v2", "artifactregistry.v1", "billingbudgets.v1"),
    # Who may call an endpoint of Vertex AI is in beta alone.
    *("aiplatform.v1", "aiplatform.v1beta1", "bigquery.v2"),
    *("certificatemanager.v1", "cloudfunctions.v2", "cloudkms.v1"),
    *("cloudresourcemanager.v1", "compute.v1", "container.v1", "dns.v1", "iam.v1", "logging.v2"),
    *("monitoring.v1", "monitoring.v3", "networkmanagement.v1", "pubsub.v1", "run.v2"),
    *("secretmanager.v1", "servicenetworking.v1", "serviceusage.v1", "storage.v1"),
)
"""Google's interfaces that components make something by; those that are generally available alone."""
_DOCUMENTS: Final = "googleapiclient/discovery_cache/documents"
_ARCHIVE: Final = "cdktn_provider_google_beta/_jsii/*.tgz"


def folder() -> Path:
    """Where the bindings and Google's descriptions of its interfaces are."""
    return pypi.files(pypi.GOOGLE, _ARCHIVE, *(f"{_DOCUMENTS}/{each}.json" for each in INTERFACES))


def described(interface: str) -> Path:
    """Google's description of one of its interfaces."""
    return folder() / _DOCUMENTS / f"{interface}.json"


def _of(path: str) -> str | None:
    # A type's declarations are in a folder of its own, those of a large one in several files.
    _, _, rest = path.partition("package/lib/")
    name = rest.partition("/")[0]
    return name.replace("-", "_") if name.startswith("google-") else None


BINDINGS: Final = Bindings(folder, _ARCHIVE, _of)
schema = BINDINGS.schema
told = BINDINGS.told
