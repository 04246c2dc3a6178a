"""Rules of what stands on Google Cloud."""

from typing import Final

from policies import gcp_gke, gcp_identity, gcp_network, gcp_serving, gcp_storage

RULES: Final = (
    *gcp_gke.RULES,
    *gcp_serving.RULES,
    *gcp_network.RULES,
    *gcp_identity.RULES,
    *gcp_storage.RULES,
)
