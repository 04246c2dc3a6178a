"""A model on Google Cloud: the network, the cluster and its nodes, the registry, and what stands around them.

What is asked for is imported then: `pulumi_gcp` and each of its modules cost time at every start of a program.
"""

from typing import TYPE_CHECKING

from components import lazily, sdks

if TYPE_CHECKING:
    from components.gcp.network import GcpExistingNetwork, GcpGoogleApis, GcpNat, GcpNetwork, GcpNetworkArgs
    from components.gcp.registry import ArtifactRegistry, ArtifactRegistryArgs

__all__ = [
    "ArtifactRegistry",
    "ArtifactRegistryArgs",
    "GcpExistingNetwork",
    "GcpGoogleApis",
    "GcpNat",
    "GcpNetwork",
    "GcpNetworkArgs",
]

_MODULES = {
    "network": ("GcpExistingNetwork", "GcpGoogleApis", "GcpNat", "GcpNetwork", "GcpNetworkArgs"),
    "registry": ("ArtifactRegistry", "ArtifactRegistryArgs"),
}
sdks.put_in()
__getattr__ = lazily.exported(__name__, _MODULES, sdk="pulumi_gcp", extra="gcp", what="what is made on Google Cloud")
