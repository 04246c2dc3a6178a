"""The components as programs, each as it is made by default and in its other kinds: what the judges judge."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from pulumi import Output
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.route53.zone import Zone

from components.aws.autoscaler import EksAutoscaler, EksAutoscalerKind
from components.aws.budget import AwsBudget
from components.aws.cluster import EksCluster
from components.aws.ec2_service import Ec2Service
from components.aws.ecs import EcsService
from components.aws.github import GithubOidcRole
from components.aws.gpu_nodes import EksGpuImage, EksGpuNodeGroup
from components.aws.identity import AwsIdentity, AwsService
from components.aws.lambda_service import LambdaService, LambdaStrategy
from components.aws.load_balancer import AwsLoadBalancer, AwsLoadBalancerKind
from components.aws.monitoring import AwsMonitoring
from components.aws.network import AwsNetwork
from components.aws.registry import EcrRegistry
from components.aws.secrets import AwsSecrets
from stacks import aws_ecs, aws_eks
from stacks.spec import StackSpec
from tests.components.aws.judging import ACCOUNT, REGION
from tests.components.aws.judging_programs_base import (
    DIGEST,
    GROUP,
    KEY,
    NODES,
    SUBNETS,
    VPC,
    cluster,
    cluster_that_some_may_reach,
    network,
    network_that_was_there,
    network_without_a_way_out,
)
from tests.components.aws.judging_programs_dns import weighted, weighted_name
from tests.components.aws.judging_programs_ec2 import ec2, ec2_with_everything, stack_aws_ec2
from tests.components.aws.judging_programs_ecs import ecs, ecs_with_gpus
from tests.components.aws.judging_programs_guard import (
    budget,
    github,
    github_of_an_organisation,
    gitlab,
    secrets,
    tasks_watched,
)
from tests.components.aws.judging_programs_lambda import (
    api,
    api_with_a_name,
    function,
    function_behind_an_api,
    function_with_everything,
    stack_aws_lambda,
)
from tests.components.aws.judging_programs_sagemaker import (
    sagemaker,
    sagemaker_in,
    sagemaker_of_two_versions,
    sagemaker_with_everything,
    stack_aws_sagemaker,
)

ROOT: Final = Path(__file__).parents[3]


def gpu_nodes() -> None:
    EksGpuNodeGroup(
        "gpu",
        {
            "region": REGION,
            "cluster_name": "shop",
            "cluster_version": "1.35",
            "subnet_ids": SUBNETS,
            "node_role_arn": NODES,
            "instance_types": ["g6.xlarge"],
        },
    )


def gpu_nodes_on_spot() -> None:
    EksGpuNodeGroup(
        "gpu",
        {
            "region": REGION,
            "cluster_name": "shop",
            "cluster_version": "1.35",
            "subnet_ids": SUBNETS,
            "node_role_arn": NODES,
            "instance_types": ["g6.xlarge", "g6.2xlarge"],
            "image": EksGpuImage.BOTTLEROCKET,
            "spot": True,
            "max": 4,
            "disk_key_arn": KEY,
            "labels": {"team": "ml"},
        },
    )


def registry() -> None:
    EcrRegistry("models", {"account_id": ACCOUNT, "region": REGION, "repository": "models/digits"})


def registry_that_others_pull_from() -> None:
    EcrRegistry(
        "models",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "repository": "models/digits",
            "key_arn": KEY,
            "pull_account_ids": ["210987654321"],
            "delete_images": True,
        },
    )


def identity_of_a_pod() -> None:
    AwsIdentity(
        "digits",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "service": AwsService.POD,
            "cluster_name": "shop",
            "namespace": "models",
            "service_account": "digits",
            "reads_objects": [{"bucket": "shop-models", "prefix": "digits/"}],
            "reads_secret_arns": [f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:api-AbCdEf"],
            "decrypts_with_key_arns": [KEY],
            "puts_metrics_in": ["Modelport"],
        },
    )


def identity_of_a_task() -> None:
    AwsIdentity("digits", {"account_id": ACCOUNT, "region": REGION, "service": AwsService.TASK})


def karpenter() -> None:
    EksAutoscaler(
        "shop",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "cluster_name": "shop",
            "image": f"public.ecr.aws/karpenter/controller@{DIGEST}",
            "node_role_arn": NODES,
            "node_role_name": "nodes",
            "subnet_ids": SUBNETS,
            "security_group_id": GROUP,
            "separate_node_role": True,
            "pools": [
                {"name": "cpu"},
                {"name": "gpu", "gpus": True, "instance_types": ["g6.xlarge"], "limit_gpus": 8},
            ],
        },
    )


def cluster_autoscaler() -> None:
    EksAutoscaler(
        "shop",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "cluster_name": "shop",
            "kind": EksAutoscalerKind.CLUSTER_AUTOSCALER,
            "image": f"registry.k8s.io/autoscaling/cluster-autoscaler@{DIGEST}",
        },
    )


def balancer() -> None:
    AwsLoadBalancer(
        "front",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "vpc_id": VPC,
            "subnet_ids": SUBNETS,
            "hostname": "models.example.com",
            "other_hostnames": ["digits.example.com"],
            "zone_name": "example.com",
            "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
            "client_cidrs": ["10.0.0.0/16"],
            "target_security_group_id": GROUP,
        },
    )


def balancer_of_connections() -> None:
    AwsLoadBalancer(
        "front",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "vpc_id": VPC,
            "subnet_ids": SUBNETS,
            "hostname": "models.example.com",
            "zone_name": "example.com",
            "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
            "client_cidrs": ["0.0.0.0/0"],
            "target_security_group_id": GROUP,
            "kind": AwsLoadBalancerKind.NLB,
            "internet_facing": True,
            "node_port": 30080,
            "allow_tls_1_2": True,
            "certificate": {
                "arn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012",
                "names": ["*.example.com"],
            },
        },
    )


def monitoring() -> None:
    AwsMonitoring(
        "watch",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "cluster_name": "shop",
            "collector_image": f"public.ecr.aws/cloudwatch-agent/cloudwatch-agent@{DIGEST}",
            "services": [{"namespace": "models", "service": "digits"}],
            "load_balancer": {
                "arn_suffix": "app/shop/0123456789abcdef",
                "target_group_arn_suffix": "targetgroup/shop/0123456789abcdef",
            },
            "emails": ["ops@example.com"],
            "gpu_percent": 95,
        },
    )


def everything() -> None:
    """One after the other, each on what the one before tells, and all of it free to go again."""
    here = {"account_id": ACCOUNT, "region": REGION}
    net = AwsNetwork("net", {"account_id": ACCOUNT, "region": REGION, "cluster_names": ["shop"]})
    shop = EksCluster(
        "shop",
        {
            **here,
            "version": "1.35",
            "subnet_ids": net.private_subnet_ids,
            "admins": {"ops": f"arn:aws:iam::{ACCOUNT}:role/ops"},
            "allow_deletion": True,
        },
    )
    about = {"region": REGION, "cluster_name": shop.name}
    EksGpuNodeGroup(
        "gpu",
        {
            **about,
            "cluster_version": shop.version,
            "subnet_ids": net.private_subnet_ids,
            "node_role_arn": shop.node_role_arn,
            "instance_types": ["g6.xlarge"],
            "spot": True,
        },
    )
    EcrRegistry("models", {**here, "repository": "models/digits", "delete_images": True})
    identity = AwsIdentity(
        "digits",
        {
            **here,
            "service": AwsService.POD,
            "cluster_name": shop.name,
            "namespace": "models",
            "service_account": "digits",
            "puts_metrics_in": ["Modelport"],
        },
    )
    EksAutoscaler(
        "nodes",
        {
            **here,
            "cluster_name": shop.name,
            "image": f"public.ecr.aws/karpenter/controller@{DIGEST}",
            "node_role_arn": shop.node_role_arn,
            "node_role_name": shop.node_role_name,
            "subnet_ids": net.private_subnet_ids,
            "security_group_id": shop.security_group_id,
        },
    )

    # A simulated cluster has no security group of its own.
    answering = SecurityGroup("answering", vpc_id=net.vpc_id, description="What answers")
    zone = Zone("example", name="example.com")
    way = AwsLoadBalancer(
        "way",
        {
            **here,
            "vpc_id": net.vpc_id,
            "subnet_ids": net.private_subnet_ids,
            "hostname": "models.example.com",
            "zone_name": "example.com",
            "hosted_zone_id": zone.zone_id,
            "client_cidrs": ["10.0.0.0/16"],
            "target_security_group_id": answering.id,
            "delete_logs": True,
            "allow_deletion": True,
        },
    )
    weighted(zone.zone_id, way)
    AwsSecrets(
        "kept",
        {
            **here,
            "secrets": {"api": {"value": Output.secret("only for tests")}},
            "writer_role_arns": [f"arn:aws:iam::{ACCOUNT}:role/ops"],
            "reader_role_arns": [identity.role_arn],
            "delete_at_once": True,
        },
    )
    GithubOidcRole(
        "ci",
        {
            **here,
            "repository": "example/models",
            "by_name_alone": True,
            "branches": ["main"],
            "without_permissions_boundary": True,
        },
    )
    AwsBudget("spend", {**here, "monthly_usd": 500, "emails": ["ops@example.com"]})
    suffixes = {"arn_suffix": way.arn_suffix, "target_group_arn_suffix": way.target_group_arn_suffix}
    AwsMonitoring(
        "watch",
        {
            **here,
            "cluster_name": shop.name,
            "collector_image": f"public.ecr.aws/cloudwatch-agent/cloudwatch-agent@{DIGEST}",
            "services": [{"namespace": "models", "service": "digits"}],
            "load_balancer": suffixes,
            "emails": ["ops@example.com"],
        },
    )
    LambdaService(
        "answers",
        {
            **here,
            "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@{DIGEST}",
            "release": {"strategy": LambdaStrategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
            "reserved_concurrency": 50,
        },
    )
    EcsService(
        "tasks",
        {
            **here,
            "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@{DIGEST}",
            "vpc_id": net.vpc_id,
            "subnet_ids": net.private_subnet_ids,
            "load_balancer": {
                "target_group_arn": way.target_group_arn,
                "security_group_id": way.security_group_id,
                **suffixes,
            },
            "max": 4,
        },
    )
    sagemaker_in(net.vpc_id, net.private_subnet_ids)
    Ec2Service(
        "machines",
        {
            **here,
            "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@{DIGEST}",
            "vpc_id": net.vpc_id,
            "subnet_ids": net.private_subnet_ids,
            "allowed_security_group_ids": [way.security_group_id],
            "max": 4,
        },
    )


def stack_aws_eks() -> None:
    aws_eks.deploy(StackSpec.from_file(ROOT / "Pulumi.aws-eks.yaml"))


def stack_aws_ecs() -> None:
    aws_ecs.deploy(StackSpec.from_file(ROOT / "Pulumi.aws-ecs.yaml"))


_EACH = (
    *(network, network_without_a_way_out, network_that_was_there),
    *(cluster, cluster_that_some_may_reach, gpu_nodes, gpu_nodes_on_spot),
    *(registry, registry_that_others_pull_from, identity_of_a_pod, identity_of_a_task),
    *(karpenter, cluster_autoscaler, monitoring, balancer, balancer_of_connections, weighted_name),
    *(budget, secrets, github, github_of_an_organisation, gitlab, tasks_watched),
    *(api, api_with_a_name, function, function_behind_an_api, function_with_everything, stack_aws_lambda),
    *(sagemaker, sagemaker_with_everything, sagemaker_of_two_versions, stack_aws_sagemaker),
    *(ec2, ec2_with_everything, stack_aws_ec2),
    *(ecs, ecs_with_gpus, everything, stack_aws_eks, stack_aws_ecs),
)
PROGRAMS: Final[dict[str, Callable[[], None]]] = {each.__name__.replace("_", "-"): each for each in _EACH}
