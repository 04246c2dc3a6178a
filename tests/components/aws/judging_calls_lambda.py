"""Which calls make what runs in AWS Lambda, and the API before it."""

from collections.abc import Mapping
from typing import Any, Final

from tests.components.aws.judging_call import Call, Made, Row


def _below(operation: str, gone: str, **takes: str) -> Made:
    """What stands below a path of a REST API."""
    called = {"restApi": "restApiId", **takes}
    about = {"restApiId": "{restApi}", "resourceId": "{resourceId}", "httpMethod": "{httpMethod}"}
    return Made((Call("apigateway", operation, takes=called),), gone=(Call("apigateway", gone, fixed=about),))


def _patched(word: str) -> dict[str, Any]:
    return {"patchOperations": [{"op": "replace", "path": word, "value": "{cloudwatchRoleArn}"}]}


def _settings(inputs: Mapping[str, Any]) -> Made:
    words = {
        "loggingLevel": "logging/loglevel",
        "dataTraceEnabled": "logging/dataTrace",
        "metricsEnabled": "metrics/enabled",
        "cachingEnabled": "caching/enabled",
        "cacheDataEncrypted": "caching/dataEncrypted",
        "throttlingRateLimit": "throttling/rateLimit",
        "throttlingBurstLimit": "throttling/burstLimit",
    }
    about = {"restApiId": "{restApi}", "stageName": "{stageName}"}
    asked = [
        {"op": "replace", "path": f"/*/*/{words[key]}", "value": str(value).lower() if key != "loggingLevel" else value}
        for key, value in inputs["settings"].items()
    ]
    call = Call(
        "apigateway",
        "UpdateStage",
        takes={"restApi": "restApiId", "methodPath": "", "settings": ""},
        fixed={"patchOperations": asked, **about},
    )
    return Made((call,))


LAMBDA: Final[dict[str, Row]] = {
    "aws:lambda/function:Function": Made(
        (
            Call(
                "lambda",
                "CreateFunction",
                takes={"name": "FunctionName", "imageUri": "Code.ImageUri", "loggingConfig": "LoggingConfig"},
                gives={"arn": "FunctionArn", "version": "Version"},
            ),
            Call(
                "lambda",
                "PutFunctionConcurrency",
                takes={"reservedConcurrentExecutions": "ReservedConcurrentExecutions"},
                fixed={"FunctionName": "{name}"},
                when="reservedConcurrentExecutions",
            ),
        ),
        gone=(Call("lambda", "DeleteFunction", fixed={"FunctionName": "{name}"}),),
    ),
    "aws:lambda/functionUrl:FunctionUrl": Made(
        (Call("lambda", "CreateFunctionUrlConfig", takes={"authorizationType": "AuthType"}),),
        gone=(
            Call(
                "lambda",
                "DeleteFunctionUrlConfig",
                fixed={"FunctionName": "{functionName}", "Qualifier": "{qualifier}"},
            ),
        ),
    ),
    "aws:lambda/permission:Permission": Made(
        (
            Call(
                "lambda",
                "AddPermission",
                takes={"function": "FunctionName"},
                # The provider thinks of an id where there is none.
                fixed={"StatementId": "terraform-1"},
            ),
        ),
    ),
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": Made(
        (Call("lambda", "PutProvisionedConcurrencyConfig"),),
        gone=(
            Call(
                "lambda",
                "DeleteProvisionedConcurrencyConfig",
                fixed={"FunctionName": "{functionName}", "Qualifier": "{qualifier}"},
            ),
        ),
    ),
    "aws:cloudformation/stack:Stack": Made(
        (
            Call(
                "cloudformation",
                "CreateStack",
                takes={"name": "StackName", "iamRoleArn": "RoleARN"},
                told={
                    "parameters": lambda given: [
                        {"ParameterKey": key, "ParameterValue": value} for key, value in given.items()
                    ]
                },
                gives={"id": "StackId"},
            ),
        ),
        gone=(Call("cloudformation", "DeleteStack", fixed={"StackName": "{name}"}),),
    ),
    "aws:codedeploy/application:Application": Made(
        (Call("codedeploy", "CreateApplication", takes={"name": "applicationName"}),),
        gone=(Call("codedeploy", "DeleteApplication", fixed={"applicationName": "{name}"}),),
    ),
    "aws:codedeploy/deploymentConfig:DeploymentConfig": Made(
        (
            Call(
                "codedeploy",
                "CreateDeploymentConfig",
                takes={
                    f"trafficRoutingConfig.timeBased{kind}.{word}": f"{kind.lower()}{word.capitalize()}"
                    for kind in ("Canary", "Linear")
                    for word in ("percentage", "interval")
                },
            ),
        ),
        gone=(
            Call(
                "codedeploy",
                "DeleteDeploymentConfig",
                fixed={"deploymentConfigName": "{deploymentConfigName}"},
            ),
        ),
    ),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": Made(
        (
            Call(
                "codedeploy",
                "CreateDeploymentGroup",
                takes={"appName": "applicationName"},
                told={"alarmConfiguration.alarms": lambda names: [{"name": each} for each in names]},
            ),
        ),
        gone=(
            Call(
                "codedeploy",
                "DeleteDeploymentGroup",
                fixed={"applicationName": "{appName}", "deploymentGroupName": "{deploymentGroupName}"},
            ),
        ),
    ),
    "aws:apigateway/restApi:RestApi": Made(
        (
            Call(
                "apigateway",
                "CreateRestApi",
                takes={"endpointConfiguration.types": "types"},
                gives={"id": "id", "rootResourceId": "rootResourceId"},
            ),
        ),
        gone=(Call("apigateway", "DeleteRestApi", fixed={"restApiId": "{id}"}),),
    ),
    "aws:apigateway/resource:Resource": Made(
        (Call("apigateway", "CreateResource", takes={"restApi": "restApiId"}, gives={"id": "id"}),),
        gone=(Call("apigateway", "DeleteResource", fixed={"restApiId": "{restApi}", "resourceId": "{id}"}),),
    ),
    "aws:apigateway/method:Method": _below("PutMethod", "DeleteMethod", authorization="authorizationType"),
    "aws:apigateway/integration:Integration": _below(
        "PutIntegration", "DeleteIntegration", timeoutMilliseconds="timeoutInMillis"
    ),
    "aws:apigateway/deployment:Deployment": Made(
        (Call("apigateway", "CreateDeployment", takes={"restApi": "restApiId"}, gives={"id": "id"}),),
        gone=(Call("apigateway", "DeleteDeployment", fixed={"restApiId": "{restApi}", "deploymentId": "{id}"}),),
        apart=frozenset({"triggers"}),
    ),
    "aws:apigateway/stage:Stage": Made(
        (
            Call(
                "apigateway",
                "CreateStage",
                takes={"restApi": "restApiId", "deployment": "deploymentId", "xrayTracingEnabled": "tracingEnabled"},
            ),
        ),
        gone=(Call("apigateway", "DeleteStage", fixed={"restApiId": "{restApi}", "stageName": "{stageName}"}),),
        # CreateStage has no word for it: the provider patches the stage.
        apart=frozenset({"accessLogSettings"}),
    ),
    "aws:apigateway/methodSettings:MethodSettings": _settings,
    "aws:apigateway/account:Account": Made(
        (
            Call(
                "apigateway",
                "UpdateAccount",
                takes={"cloudwatchRoleArn": ""},
                fixed=_patched("/cloudwatchRoleArn"),
            ),
        ),
    ),
    "aws:apigateway/apiKey:ApiKey": Made(
        (Call("apigateway", "CreateApiKey", fixed={"enabled": True}, gives={"id": "id"}),),
        gone=(Call("apigateway", "DeleteApiKey", fixed={"apiKey": "{id}"}),),
    ),
    "aws:apigateway/usagePlan:UsagePlan": Made(
        (
            Call(
                "apigateway",
                "CreateUsagePlan",
                takes={"throttleSettings": "throttle", "quotaSettings": "quota"},
                gives={"id": "id"},
            ),
        ),
        gone=(Call("apigateway", "DeleteUsagePlan", fixed={"usagePlanId": "{id}"}),),
    ),
    "aws:apigateway/usagePlanKey:UsagePlanKey": Made(
        (Call("apigateway", "CreateUsagePlanKey"),),
        gone=(
            Call(
                "apigateway",
                "DeleteUsagePlanKey",
                fixed={"usagePlanId": "{usagePlanId}", "keyId": "{keyId}"},
            ),
        ),
    ),
    "aws:apigateway/domainName:DomainName": Made(
        (
            Call(
                "apigateway",
                "CreateDomainName",
                takes={"endpointConfiguration.types": "types"},
                gives={"regionalDomainName": "regionalDomainName", "regionalZoneId": "regionalHostedZoneId"},
            ),
        ),
        gone=(Call("apigateway", "DeleteDomainName", fixed={"domainName": "{domainName}"}),),
    ),
    "aws:apigateway/basePathMapping:BasePathMapping": Made(
        (Call("apigateway", "CreateBasePathMapping", takes={"restApi": "restApiId", "stageName": "stage"}),),
        gone=(
            Call(
                "apigateway",
                "DeleteBasePathMapping",
                fixed={"domainName": "{domainName}", "basePath": "(none)"},
            ),
        ),
    ),
}
