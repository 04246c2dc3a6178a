"""A model on AWS: the network, the cluster and its nodes, the registry, and what stands around them.

What is asked for is imported then: `pulumi_aws` and each of its modules cost time at every start of a program.
"""

from typing import TYPE_CHECKING

from components import lazily, sdks

if TYPE_CHECKING:
    from components.aws.api_gateway import (
        AwsApiDomain,
        AwsApiFunction,
        AwsApiGateway,
        AwsApiGatewayArgs,
        AwsUsagePlan,
    )
    from components.aws.autoscaler import EksAutoscaler, EksAutoscalerArgs, EksAutoscalerKind
    from components.aws.budget import AwsBudget, AwsBudgetAction, AwsBudgetArgs, AwsCostTag
    from components.aws.cluster import EksCluster, EksClusterArgs, EksSupport
    from components.aws.ec2_service import (
        Ec2LoadBalancer,
        Ec2Release,
        Ec2Service,
        Ec2ServiceArgs,
        Ec2Step,
        Ec2Strategy,
    )
    from components.aws.ecs import (
        EcsCapacity,
        EcsLoadBalancer,
        EcsRelease,
        EcsService,
        EcsServiceArgs,
        EcsStep,
        EcsStrategy,
    )
    from components.aws.ecs_monitoring import EcsMonitoring, EcsMonitoringArgs, EcsWatchedBalancer
    from components.aws.github import GithubOidcRole, GithubOidcRoleArgs
    from components.aws.gitlab import GitlabOidcRole, GitlabOidcRoleArgs
    from components.aws.gpu_nodes import (
        EksGpuImage,
        EksGpuNodeGroup,
        EksGpuNodeGroupArgs,
        EksTaint,
        EksTaintEffect,
    )
    from components.aws.identity import (
        AwsCondition,
        AwsIdentity,
        AwsIdentityArgs,
        AwsObjects,
        AwsService,
        AwsStatement,
    )
    from components.aws.lambda_service import (
        LambdaArchitecture,
        LambdaRelease,
        LambdaService,
        LambdaServiceArgs,
        LambdaStep,
        LambdaStrategy,
    )
    from components.aws.load_balancer import (
        AwsExistingCertificate,
        AwsLoadBalancer,
        AwsLoadBalancerArgs,
        AwsLoadBalancerKind,
    )
    from components.aws.monitoring import AwsMonitoring, AwsMonitoringArgs, AwsWatchedBalancer, AwsWatchedService
    from components.aws.network import AwsEndpoint, AwsExistingVpc, AwsNat, AwsNetwork, AwsNetworkArgs
    from components.aws.pools import EksNodeImage, EksNodePool
    from components.aws.registry import EcrRegistry, EcrRegistryArgs
    from components.aws.sagemaker import (
        SageMakerCapture,
        SageMakerEndpoint,
        SageMakerEndpointArgs,
        SageMakerRelease,
        SageMakerShadow,
        SageMakerStep,
        SageMakerStrategy,
        SageMakerVariant,
    )
    from components.aws.secrets import AwsSecret, AwsSecretRotation, AwsSecrets, AwsSecretsArgs
    from components.aws.weighted_dns import (
        WeightedDns,
        WeightedDnsArgs,
        WeightedDnsBalancer,
        WeightedDnsProof,
        WeightedDnsSide,
    )

__all__ = [
    "AwsApiDomain",
    "AwsApiFunction",
    "AwsApiGateway",
    "AwsApiGatewayArgs",
    "AwsBudget",
    "AwsBudgetAction",
    "AwsBudgetArgs",
    "AwsCondition",
    "AwsCostTag",
    "AwsEndpoint",
    "AwsExistingCertificate",
    "AwsExistingVpc",
    "AwsIdentity",
    "AwsIdentityArgs",
    "AwsLoadBalancer",
    "AwsLoadBalancerArgs",
    "AwsLoadBalancerKind",
    "AwsMonitoring",
    "AwsMonitoringArgs",
    "AwsNat",
    "AwsNetwork",
    "AwsNetworkArgs",
    "AwsObjects",
    "AwsSecret",
    "AwsSecretRotation",
    "AwsSecrets",
    "AwsSecretsArgs",
    "AwsService",
    "AwsStatement",
    "AwsUsagePlan",
    "AwsWatchedBalancer",
    "AwsWatchedService",
    "Ec2LoadBalancer",
    "Ec2Release",
    "Ec2Service",
    "Ec2ServiceArgs",
    "Ec2Step",
    "Ec2Strategy",
    "EcrRegistry",
    "EcrRegistryArgs",
    "EcsCapacity",
    "EcsLoadBalancer",
    "EcsMonitoring",
    "EcsMonitoringArgs",
    "EcsRelease",
    "EcsService",
    "EcsServiceArgs",
    "EcsStep",
    "EcsStrategy",
    "EcsWatchedBalancer",
    "EksAutoscaler",
    "EksAutoscalerArgs",
    "EksAutoscalerKind",
    "EksCluster",
    "EksClusterArgs",
    "EksGpuImage",
    "EksGpuNodeGroup",
    "EksGpuNodeGroupArgs",
    "EksNodeImage",
    "EksNodePool",
    "EksSupport",
    "EksTaint",
    "EksTaintEffect",
    "GithubOidcRole",
    "GithubOidcRoleArgs",
    "GitlabOidcRole",
    "GitlabOidcRoleArgs",
    "LambdaArchitecture",
    "LambdaRelease",
    "LambdaService",
    "LambdaServiceArgs",
    "LambdaStep",
    "LambdaStrategy",
    "SageMakerCapture",
    "SageMakerEndpoint",
    "SageMakerEndpointArgs",
    "SageMakerRelease",
    "SageMakerShadow",
    "SageMakerStep",
    "SageMakerStrategy",
    "SageMakerVariant",
    "WeightedDns",
    "WeightedDnsArgs",
    "WeightedDnsBalancer",
    "WeightedDnsProof",
    "WeightedDnsSide",
]

_MODULES = {
    "api_gateway": ("AwsApiDomain", "AwsApiFunction", "AwsApiGateway", "AwsApiGatewayArgs", "AwsUsagePlan"),
    "autoscaler": ("EksAutoscaler", "EksAutoscalerArgs", "EksAutoscalerKind"),
    "budget": ("AwsBudget", "AwsBudgetAction", "AwsBudgetArgs", "AwsCostTag"),
    "cluster": ("EksCluster", "EksClusterArgs", "EksSupport"),
    "ec2_service": (*("Ec2LoadBalancer", "Ec2Release", "Ec2Service", "Ec2ServiceArgs", "Ec2Step", "Ec2Strategy"),),
    "ecs": (
        *("EcsCapacity", "EcsLoadBalancer", "EcsRelease", "EcsService", "EcsServiceArgs", "EcsStep"),
        "EcsStrategy",
    ),
    "ecs_monitoring": ("EcsMonitoring", "EcsMonitoringArgs", "EcsWatchedBalancer"),
    "github": ("GithubOidcRole", "GithubOidcRoleArgs"),
    "gitlab": ("GitlabOidcRole", "GitlabOidcRoleArgs"),
    "gpu_nodes": ("EksGpuImage", "EksGpuNodeGroup", "EksGpuNodeGroupArgs", "EksTaint", "EksTaintEffect"),
    "identity": ("AwsCondition", "AwsIdentity", "AwsIdentityArgs", "AwsObjects", "AwsService", "AwsStatement"),
    "lambda_service": (
        *("LambdaArchitecture", "LambdaRelease", "LambdaService", "LambdaServiceArgs", "LambdaStep"),
        "LambdaStrategy",
    ),
    "load_balancer": ("AwsExistingCertificate", "AwsLoadBalancer", "AwsLoadBalancerArgs", "AwsLoadBalancerKind"),
    "monitoring": ("AwsMonitoring", "AwsMonitoringArgs", "AwsWatchedBalancer", "AwsWatchedService"),
    "network": ("AwsEndpoint", "AwsExistingVpc", "AwsNat", "AwsNetwork", "AwsNetworkArgs"),
    "pools": ("EksNodeImage", "EksNodePool"),
    "registry": ("EcrRegistry", "EcrRegistryArgs"),
    "secrets": ("AwsSecret", "AwsSecretRotation", "AwsSecrets", "AwsSecretsArgs"),
    "sagemaker": (
        *("SageMakerCapture", "SageMakerEndpoint", "SageMakerEndpointArgs", "SageMakerRelease", "SageMakerShadow"),
        *("SageMakerStep", "SageMakerStrategy", "SageMakerVariant"),
    ),
    "weighted_dns": (
        *("WeightedDns", "WeightedDnsArgs", "WeightedDnsBalancer", "WeightedDnsProof", "WeightedDnsSide"),
    ),
}
sdks.put_in()
__getattr__ = lazily.exported(__name__, _MODULES, sdk="pulumi_aws", extra="aws", what="what is made on AWS")
