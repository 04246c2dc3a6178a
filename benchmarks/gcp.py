"""Stacks on Google Cloud planned without credentials: what is measured, and beside what, says `benchmarks._stacks`.

python -m benchmarks.gcp
"""

from benchmarks._stacks import Cloud, measure

TARGETS = {"gcp-gke": 3.0, "gcp-cloudrun": 3.0, "gcp-vertex": 3.0}
"""Stack files, and what was asked for about a hundred resources."""
IMPORTS = {
    "import pulumi": "import pulumi",
    "what gcp-gke has on Google Cloud": "import components.gcp as g\n"
    "for name in ('GcpNetwork', 'GkeCluster', 'GkeGpuNodePool', 'ArtifactRegistry', 'GcpLoadBalancer', "
    "'GcpMonitoring', 'GcpIdentity'): getattr(g, name)",
    "its packages of pulumi_gcp, whole": "import pulumi_gcp as gcp\n"
    "gcp.compute.Network, gcp.container.Cluster, gcp.serviceaccount.Account, gcp.artifactregistry.Repository, "
    "gcp.certificatemanager.Certificate, gcp.monitoring.Dashboard, gcp.kms.CryptoKey, gcp.projects.IAMMember",
}
# A function is made from what its image has in it, so its preview is not of its plan alone.
SERVICES = {
    "of Cloud Run": """
from components.gcp import CloudRunService
from tests.components.gcp import test_cloud_run
for number in range(COUNT):
    CloudRunService(f"digits-{number}", test_cloud_run.FULL)
""",
    "of Vertex AI": """
from components.gcp import VertexEndpoint
from tests.components.gcp import test_vertex
for number in range(COUNT):
    VertexEndpoint(f"digits-{number}", test_vertex.FULL)
""",
    "on Compute Engine": """
from components.gcp import ComputeService
from tests.components.gcp import test_compute_service
for number in range(COUNT):
    ComputeService(f"digits-{number}", test_compute_service.FULL)
""",
}


if __name__ == "__main__":
    measure(Cloud("gcp", TARGETS, IMPORTS, SERVICES))
