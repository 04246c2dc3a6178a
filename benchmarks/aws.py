"""Stacks on AWS planned without credentials: what is measured, and beside what, says `benchmarks._stacks`.

python -m benchmarks.aws
"""

from benchmarks._stacks import Cloud, measure

TARGETS = {"aws-eks": 3.0, "aws-ecs": 3.0}
"""Stack files, and what was asked for about a hundred resources."""
IMPORTS = {
    "import pulumi": "import pulumi",
    "what aws-eks has on AWS": "import components.aws as a\n"
    "for name in ('AwsNetwork', 'EksCluster', 'EksGpuNodeGroup', 'EcrRegistry', 'AwsLoadBalancer', 'EksAutoscaler', "
    "'AwsMonitoring', 'AwsIdentity'): getattr(a, name)",
    "its packages of pulumi_aws, whole": "import pulumi_aws as aws\n"
    "aws.ec2.Vpc, aws.eks.Cluster, aws.iam.Role, aws.ecr.Repository, aws.lb.LoadBalancer, aws.cloudwatch.Dashboard",
}
SERVICES = {
    "in the cluster": """
from components.kubernetes import ModelService
for number in range(COUNT):
    image = f"registry.example.com/model@sha256:{number:064x}"
    ModelService(f"model-{number}", {"namespace": "many", "image": image, "replicas": 1})
""",
    "of ECS": """
from components.aws import EcsService
from tests.components.aws import test_ecs_release
for number in range(COUNT):
    EcsService(f"digits-{number}", {**test_ecs_release.BOTH, "max": 8})
""",
    "on EC2": """
from components.aws import Ec2Service
from tests.components.aws import test_ec2_service
for number in range(COUNT):
    Ec2Service(f"digits-{number}", test_ec2_service.FULL)
""",
    "in Lambda": """
from components.aws import LambdaService
from tests.components.aws import test_lambda_service
for number in range(COUNT):
    LambdaService(f"digits-{number}", test_lambda_service.FULL)
""",
    "in SageMaker": """
from components.aws import SageMakerEndpoint
from tests.components.aws import test_sagemaker
for number in range(COUNT):
    SageMakerEndpoint(f"digits-{number}", test_sagemaker.FULL)
""",
}


if __name__ == "__main__":
    measure(Cloud("aws", TARGETS, IMPORTS, SERVICES))
