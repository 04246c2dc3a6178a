"""Which calls make what runs in Amazon ECS, and what scales it."""

import json
from typing import Final

from tests.components.aws.judging_call import Call, Made, Row

_SCALED: Final = {
    "ServiceNamespace": "{serviceNamespace}",
    "ResourceId": "{resourceId}",
    "ScalableDimension": "{scalableDimension}",
}

ECS: Final[dict[str, Row]] = {
    "aws:ecs/cluster:Cluster": Made(
        (
            Call(
                "ecs",
                "CreateCluster",
                takes={"name": "clusterName"},
                gives={"arn": "cluster.clusterArn", "id": "cluster.clusterArn"},
            ),
        ),
        gone=(Call("ecs", "DeleteCluster", fixed={"cluster": "{name}"}),),
    ),
    "aws:ecs/capacityProvider:CapacityProvider": Made(
        (Call("ecs", "CreateCapacityProvider", gives={"arn": "capacityProvider.capacityProviderArn"}),),
        gone=(Call("ecs", "DeleteCapacityProvider", fixed={"capacityProvider": "{name}"}),),
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": Made(
        (
            Call(
                "ecs",
                "PutClusterCapacityProviders",
                takes={
                    "clusterName": "cluster",
                    "defaultCapacityProviderStrategies": "defaultCapacityProviderStrategy",
                },
                fixed={"defaultCapacityProviderStrategy": []},
            ),
        ),
        gone=(
            Call(
                "ecs",
                "PutClusterCapacityProviders",
                fixed={
                    "cluster": "{clusterName}",
                    "capacityProviders": [],
                    "defaultCapacityProviderStrategy": [],
                },
            ),
        ),
    ),
    "aws:ecs/taskDefinition:TaskDefinition": Made(
        (
            Call(
                "ecs",
                "RegisterTaskDefinition",
                told={"containerDefinitions": json.loads},
                gives={"arn": "taskDefinition.taskDefinitionArn"},
            ),
        ),
        gone=(Call("ecs", "DeregisterTaskDefinition", fixed={"taskDefinition": "{arn}"}),),
        apart=frozenset({"skipDestroy", "trackLatest"}),
    ),
    "aws:ecs/service:Service": Made(
        (
            Call(
                "ecs",
                "CreateService",
                takes={
                    "name": "serviceName",
                    "deploymentCircuitBreaker": "deploymentConfiguration.deploymentCircuitBreaker",
                    "deploymentMinimumHealthyPercent": "deploymentConfiguration.minimumHealthyPercent",
                    "deploymentMaximumPercent": "deploymentConfiguration.maximumPercent",
                    "alarms": "deploymentConfiguration.alarms",
                    "networkConfiguration": "networkConfiguration.awsvpcConfiguration",
                    "iamRole": "role",
                },
                told={
                    "networkConfiguration.assignPublicIp": lambda public: "ENABLED" if public else "DISABLED",
                },
                gives={"arn": "service.serviceArn", "id": "service.serviceArn"},
            ),
        ),
        gone=(Call("ecs", "DeleteService", fixed={"cluster": "{cluster}", "service": "{name}", "force": True}),),
        apart=frozenset({"waitForSteadyState", "forceNewDeployment", "forceDelete", "triggers"}),
    ),
    "aws:appautoscaling/target:Target": Made(
        (Call("application-autoscaling", "RegisterScalableTarget"),),
        gone=(Call("application-autoscaling", "DeregisterScalableTarget", fixed=_SCALED),),
    ),
    "aws:appautoscaling/policy:Policy": Made(
        (Call("application-autoscaling", "PutScalingPolicy", takes={"name": "PolicyName"}),),
        gone=(Call("application-autoscaling", "DeleteScalingPolicy", fixed={"PolicyName": "{name}", **_SCALED}),),
    ),
    "aws:servicediscovery/service:Service": Made(
        (Call("servicediscovery", "CreateService", gives={"id": "Service.Id", "arn": "Service.Arn"}),),
        gone=(Call("servicediscovery", "DeleteService", fixed={"Id": "{id}"}),),
        apart=frozenset({"forceDestroy"}),
    ),
}
