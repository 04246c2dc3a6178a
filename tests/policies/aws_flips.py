"""What breaks the rules of clusters, machines, containers and functions on AWS."""

import base64
import json
from typing import Any, Final

from tests.policies.flips import GONE, Flip, made

_CLUSTER: Final = "aws:eks/cluster:Cluster"
_NODES: Final = "aws:eks/nodeGroup:NodeGroup"
_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
_TASK: Final = "aws:ecs/taskDefinition:TaskDefinition"
_ECS: Final = "aws:ecs/cluster:Cluster"
_FUNCTION: Final = "aws:lambda/function:Function"
_PERMISSION: Final = "aws:lambda/permission:Permission"
_SETTINGS: Final = "aws:apigateway/methodSettings:MethodSettings"
_STAGE: Final = "aws:apigateway/stage:Stage"
_CONFIGURATION: Final = "aws:sagemaker/endpointConfiguration:EndpointConfiguration"
_MODEL: Final = "aws:sagemaker/model:Model"
_IMAGE: Final = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/models/digits@sha256:" + "a1" * 32
_EVERYBODY: Final = "cluster-that-some-may-reach"


def _eks(rule: str, change: dict[str, Any], **how: Any) -> Flip:
    return Flip(rule, "cluster", _CLUSTER, "shop", change, **how)


def _template(rule: str, change: dict[str, Any], **how: Any) -> Flip:
    return Flip(rule, "ec2", _TEMPLATE, "digits", change, **how)


def _task(rule: str, **container: Any) -> Flip:
    whole = {"name": "model", "image": _IMAGE, "readonlyRootFilesystem": True, **container}
    return Flip(rule, "ecs", _TASK, "digits", {"containerDefinitions": json.dumps([whole])})


def _variable(name: str, value: str) -> dict[str, Any]:
    return {"environment": [{"name": name, "value": value}]}


CLUSTERS: Final = (
    _eks(
        "eks-api-not-open",
        {"vpcConfig.endpointPublicAccess": True, "vpcConfig.publicAccessCidrs": ["0.0.0.0/0"]},
        unknown="vpcConfig.publicAccessCidrs",
    ),
    _eks("eks-api-not-open", {"vpcConfig.endpointPublicAccess": True}),
    _eks("eks-api-not-open", {"vpcConfig.endpointPublicAccess": GONE}),
    Flip(
        "eks-api-not-open",
        _EVERYBODY,
        _CLUSTER,
        "open",
        {"vpcConfig.publicAccessCidrs": ["192.0.2.0/24", "0.0.0.0/1"]},
        unknown="vpcConfig.publicAccessCidrs[0]",
    ),
    _eks("eks-api-private", {"vpcConfig.endpointPublicAccess": True, "vpcConfig.publicAccessCidrs": ["192.0.2.0/24"]}),
    _eks("eks-api-private", {"vpcConfig.endpointPrivateAccess": GONE}),
    _eks("eks-logs", {"enabledClusterLogTypes": ["api", "audit"]}),
    _eks("eks-logs", {"enabledClusterLogTypes": GONE}),
    _eks("eks-secrets-encrypted", {"encryptionConfig": GONE}),
    _eks("eks-secrets-encrypted", {"encryptionConfig.resources": []}),
    _eks("eks-secrets-encrypted", {"encryptionConfig.provider": GONE}, unknown=None),
    _eks("eks-access-entries", {"accessConfig.authenticationMode": "CONFIG_MAP"}),
    _eks("eks-access-entries", {"accessConfig": GONE}),
    _eks("eks-access-entries", {"accessConfig.bootstrapClusterCreatorAdminPermissions": True}),
    Flip(
        "eks-nodes-no-open-ssh",
        "cluster",
        _NODES,
        "shop-system",
        {"remoteAccess": {"ec2SshKey": "laptop"}},
    ),
    Flip(
        "eks-nodes-private",
        "stack-aws-eks",
        "aws:ec2/subnet:Subnet",
        "models-private-a",
        {"mapPublicIpOnLaunch": True},
        breaks=("models-system", "models-l4-on-demand", "models-l4-spot"),
    ),
)

MACHINES: Final = (
    _template("ec2-metadata-tokens", {"metadataOptions.httpTokens": "optional"}),
    _template("ec2-metadata-tokens", {"metadataOptions": GONE}),
    _template("ec2-metadata-one-hop", {"metadataOptions.httpPutResponseHopLimit": 2}),
    _template("ec2-disks-encrypted", {"blockDeviceMappings[0].ebs.encrypted": "false"}),
    _template("ec2-disks-encrypted", {"blockDeviceMappings[0].ebs.encrypted": GONE}),
    _template("ec2-no-public-address", {"networkInterfaces[0].associatePublicIpAddress": "true"}),
    _template(
        "ec2-no-keys-in-user-data",
        {"userData": base64.b64encode(b"export AWS_ACCESS_KEY_ID=AKIA" + b"Q" * 16).decode()},
    ),
    Flip(
        "asg-launch-template",
        "ec2",
        "aws:autoscaling/group:Group",
        "digits",
        {"launchConfiguration": "digits-4f69855"},
        unknown=None,
    ),
    _task("ecs-not-privileged", privileged=True),
    _task("ecs-read-only-root", readonlyRootFilesystem=False),
    _task("ecs-no-secrets-in-environment", **_variable("UPSTREAM_TOKEN", "hunter2")),
    _task("ecs-no-secrets-in-environment", **_variable("HARMLESS", "AKIA" + "Q" * 16)),
    Flip("ecs-no-host-namespaces", "ecs", _TASK, "digits", {"pidMode": "host"}),
    Flip("ecs-no-host-namespaces", "ecs", _TASK, "digits", {"networkMode": "host"}),
    Flip("ecs-roles-apart", "ecs", _TASK, "digits", {"taskRoleArn": "same", "executionRoleArn": "same"}),
    Flip("ecs-sessions-logged", "ecs", _ECS, "digits", {"configuration.executeCommandConfiguration.logging": "NONE"}),
    Flip(
        "ecs-sessions-logged",
        "ecs",
        _ECS,
        "digits",
        {"configuration.executeCommandConfiguration.logConfiguration.cloudWatchEncryptionEnabled": False},
    ),
    Flip("ecs-insights", "ecs", _ECS, "digits", {"settings[0].value": "disabled"}),
    Flip("ecs-insights", "ecs", _ECS, "digits", {"settings": GONE}),
    Flip(
        "ecs-no-public-address",
        "ecs",
        "aws:ecs/service:Service",
        "digits",
        {"networkConfiguration.assignPublicIp": True},
    ),
)

SERVING: Final = (
    Flip("lambda-callers-named", "function-with-everything", _PERMISSION, "whole-caller-0", {"principal": "*"}),
    Flip(
        "lambda-services-bounded",
        "secrets",
        _PERMISSION,
        "shop-database",
        {"sourceArn": GONE, "sourceAccount": GONE},
        unknown="principal",
    ),
    Flip(
        "lambda-concurrency",
        "function-with-everything",
        _FUNCTION,
        "whole",
        {"reservedConcurrentExecutions": GONE},
    ),
    Flip("lambda-traced", "function", _FUNCTION, "digits", {"tracingConfig.mode": "PassThrough"}),
    Flip(
        "lambda-environment-own-key",
        "function-with-everything",
        _FUNCTION,
        "whole",
        {"kmsKeyArn": GONE},
        unknown="environment.variables",
    ),
    Flip(
        "aws-no-secrets-in-environment",
        "function-with-everything",
        _FUNCTION,
        "whole",
        {"environment.variables.API_KEY": "hunter2"},
    ),
    Flip(
        "aws-no-secrets-in-environment",
        "sagemaker",
        _MODEL,
        "digits",
        {"primaryContainer.environment.UPSTREAM_PASSWORD": "hunter2"},
    ),
    Flip("lambda-code-signed", "function", _FUNCTION, "digits", {"packageType": "Zip"}),
    Flip(
        "lambda-failures-kept",
        "function-with-everything",
        _PERMISSION,
        "whole-caller-0",
        {"principal": "s3.amazonaws.com"},
        breaks=("whole",),
    ),
    Flip(
        "api-tls-modern",
        "api-with-a-name",
        "aws:apigateway/domainName:DomainName",
        "named",
        {"securityPolicy": "TLS_1_0"},
    ),
    Flip("api-logged", "api", _STAGE, "digits", {"accessLogSettings": GONE}, unknown=None),
    Flip("api-traced", "api", _STAGE, "digits", {"xrayTracingEnabled": False}),
    Flip("api-no-bodies-in-logs", "api", _SETTINGS, "digits", {"settings.dataTraceEnabled": True}),
    Flip(
        "api-cache-encrypted",
        "api",
        _SETTINGS,
        "digits",
        {"settings.cachingEnabled": True, "settings.cacheDataEncrypted": False},
    ),
    Flip(
        "sagemaker-own-key",
        "sagemaker",
        _CONFIGURATION,
        "digits",
        {"kmsKeyArn": GONE},
        unknown="productionVariants[0].instanceType",
    ),
    Flip(
        "sagemaker-capture-own-key",
        "sagemaker-with-everything",
        _CONFIGURATION,
        "digits",
        {"dataCaptureConfig.kmsKeyId": GONE},
        unknown="dataCaptureConfig.enableCapture",
    ),
    Flip("sagemaker-isolated", "sagemaker", _MODEL, "digits", {"enableNetworkIsolation": False}),
    Flip("sagemaker-in-vpc", "sagemaker", _MODEL, "digits", {"vpcConfig": GONE}, unknown=None),
    Flip("budget-tells", "budget", "aws:budgets/budget:Budget", "spend", {"notifications": []}),
    Flip(
        "ec2-no-public-address",
        "ec2",
        "aws:ec2/instance:Instance",
        "bastion",
        {"associatePublicIpAddress": True},
        added=made("aws:ec2/instance:Instance", "bastion", {"instanceType": "t3.micro"}),
    ),
)
