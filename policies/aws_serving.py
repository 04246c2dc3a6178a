"""Rules of what answers for a model on AWS where one has no machine: Lambda, API Gateway, SageMaker; and budgets."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.given import is_secret, number, one, yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule, StackRule, Whole

_FUNCTION: Final = "aws:lambda/function:Function"
_PERMISSION: Final = "aws:lambda/permission:Permission"
_MODEL: Final = ("aws:sagemaker/model:Model",)
_CONFIGURATION: Final = ("aws:sagemaker/endpointConfiguration:EndpointConfiguration",)
_UNWAITED: Final = ("s3", "sns", "events", "ses", "config", "codecommit", "iot", "logs")
"""Services that hand a function its work and do not wait for the answer."""
_OWN_DISKS: Final = (
    *("m5d", "m6gd", "c5d", "c6gd", "r5d", "r6gd", "r7gd", "g4dn", "g5", "g6", "g6e", "g7", "g7e"),
    *("p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300", "p6e-gb200", "trn1", "trn1n", "trn2", "inf2"),
)
"""Families with disks that their hardware encrypts: SageMaker takes no key where there is one of them."""
_LAMBDA: Final = "https://docs.aws.amazon.com/lambda/latest/dg"
_API: Final = "https://docs.aws.amazon.com/apigateway/latest/developerguide"
_SAGEMAKER: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg"


def _caller(each: Look) -> Iterator[str]:
    principal = str(each.at("principal"))
    held = any(each.told(path) for path in ("principalOrgId", "sourceArn", "sourceAccount"))
    if principal == "*" and not held:
        yield "principal is *, expected who may call it"


def _service(each: Look) -> Iterator[str]:
    principal = str(each.at("principal"))
    held = any(each.told(path) for path in ("sourceArn", "sourceAccount", "principalOrgId"))
    if principal.endswith((".amazonaws.com", ".amazonaws.com.cn")) and not held:
        yield f"principal is {principal} of any account, expected sourceArn or sourceAccount beside it"


def _concurrency(each: Look) -> Iterator[str]:
    if number(each.at("reservedConcurrentExecutions"), -1) < 0:
        yield "reservedConcurrentExecutions is not said, expected a number"


def _tracing(each: Look) -> Iterator[str]:
    if (mode := each.at("tracingConfig.mode", "PassThrough")) != "Active":
        yield f"tracingConfig.mode is {mode}, expected Active"


def _variables_key(each: Look) -> Iterator[str]:
    if each.keys("environment.variables") and not each.told("kmsKeyArn"):
        yield "environment has variables and kmsKeyArn is not there, expected a key of your own"


def _variables(each: Look) -> Iterator[str]:
    path = "environment.variables" if each.type == _FUNCTION else "environment"
    for name in each.keys(path):
        if is_secret(name, each.keyed(path, name)):
            yield f"{each.path}.{path} has {name} in plain text, expected the name of a secret".lstrip(".")


def _images(each: Look) -> Iterator[Look]:
    if each.type == _FUNCTION:
        yield each
    else:
        yield from each.each("primaryContainer")
        yield from each.each("containers")


def _signed(each: Look) -> Iterator[str]:
    if each.at("packageType", "Zip") == "Zip" and not each.told("codeSigningConfigArn"):
        yield "codeSigningConfigArn is not there, expected who may sign the archive"


def _lost(whole: Whole) -> Iterator[tuple[Look, str]]:
    configured = whole.all("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig")
    for function in whole.all(_FUNCTION):
        calls = [each for each in whole.all(_PERMISSION) if whole.refers(each, "function", function)]
        unwaited = [each for each in calls if str(each.at("principal")).partition(".")[0] in _UNWAITED]
        kept = function.told("deadLetterConfig") or any(
            whole.refers(each, "functionName", function) and each.told("destinationConfig.onFailure")
            for each in configured
        )
        if unwaited and not kept:
            yield function, f"{unwaited[0].at('principal')} calls it and waits for no answer, expected deadLetterConfig"


def _old_tls(each: Look) -> Iterator[str]:
    if (policy := one(each.at("securityPolicy"))) in (None, "TLS_1_0"):
        yield f"securityPolicy is {policy or 'not said'}, expected TLS_1_2 or newer"


def _api_logs(each: Look) -> Iterator[str]:
    if not each.told("accessLogSettings.destinationArn"):
        yield "accessLogSettings is not there, expected logs with a format"


def _api_traced(each: Look) -> Iterator[str]:
    if not yes(each.at("xrayTracingEnabled")):
        yield "xrayTracingEnabled is off, as where it is not said, expected true"


def _bodies(each: Look) -> Iterator[str]:
    if yes(each.at("settings.dataTraceEnabled")):
        yield "settings.dataTraceEnabled is true, expected false"


def _without_bodies(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["settings", "dataTraceEnabled"], False) if [*_bodies(each)] else None


def _cache(each: Look) -> Iterator[str]:
    if yes(each.at("settings.cachingEnabled")) and not yes(each.at("settings.cacheDataEncrypted")):
        yield "settings.cachingEnabled is true and cacheDataEncrypted is off, expected both"


def _volumes(each: Look) -> Iterator[str]:
    if each.told("kmsKeyArn"):
        return
    variants = [*each.each("productionVariants"), *each.each("shadowProductionVariants")]
    types = [str(variant.at("instanceType")) for variant in variants if variant.told("instanceType")]
    if types and not any(kind.removeprefix("ml.").partition(".")[0] in _OWN_DISKS for kind in types):
        yield f"kmsKeyArn is not there for {', '.join(dict.fromkeys(types))}, expected a key of your own"


def _captured(each: Look) -> Iterator[str]:
    if yes(each.at("dataCaptureConfig.enableCapture")) and not each.told("dataCaptureConfig.kmsKeyId"):
        yield "dataCaptureConfig keeps requests without kmsKeyId, expected a key of your own"


def _isolated(each: Look) -> Iterator[str]:
    if not yes(each.at("enableNetworkIsolation")):
        yield "enableNetworkIsolation is off, as where it is not said, expected true"


def _in_vpc(each: Look) -> Iterator[str]:
    if not each.told("vpcConfig.subnets"):
        yield "vpcConfig is not there, expected subnets and security groups"


def _told(each: Look) -> Iterator[str]:
    reached = [
        one
        for one in each.each("notifications")
        if one.values("subscriberEmailAddresses") or one.values("subscriberSnsTopicArns")
    ]
    if not reached:
        yield "notifications tells nobody, expected an address or a topic"


RULES: Final = (
    Rule(
        name="lambda-callers-named",
        title="Who may call a function is named",
        why="Any account of AWS calls it, on yours",
        fix="name an account, a role or a service",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_301",),
        links=(f"{_LAMBDA}/access-control-resource-based.html",),
        types=(_PERMISSION,),
        look=_caller,
    ),
    Rule(
        name="lambda-services-bounded",
        title="A service that may call a function does so for you alone",
        why="Somebody else's bucket or rule calls your function through the same service",
        fix="write sourceArn or sourceAccount",
        severity=Severity.HIGH,
        ids=("CKV_AWS_364",),
        links=(f"{_LAMBDA}/permissions-function-services.html",),
        types=(_PERMISSION,),
        look=_service,
    ),
    Rule(
        name="lambda-concurrency",
        title="How many run of a function at once is bounded",
        why="One caller's loop takes all that the account may run, and the bill has no end",
        fix="write reservedConcurrentExecutions",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_115",),
        links=(f"{_LAMBDA}/configuration-concurrency.html",),
        types=(_FUNCTION,),
        look=_concurrency,
    ),
    Rule(
        name="lambda-traced",
        title="A function is traced",
        why="Where the time of a slow answer went is seen by nobody",
        fix="write Active",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_50",),
        links=(f"{_LAMBDA}/services-xray.html",),
        types=(_FUNCTION,),
        look=_tracing,
    ),
    Rule(
        name="lambda-environment-own-key",
        title="The environment of a function is encrypted with a key of one's own",
        why="Everybody who may describe functions reads the variables of all of them",
        fix="name a key as kmsKeyArn",
        severity=Severity.LOW,
        ids=("CKV_AWS_173",),
        links=(f"{_LAMBDA}/configuration-envvars-encryption.html",),
        types=(_FUNCTION,),
        look=_variables_key,
    ),
    Rule(
        name="aws-no-secrets-in-environment",
        title="No function and no model on SageMaker has a secret in its environment",
        why="Everybody who may describe it reads the secret",
        fix="keep it in Secrets Manager, and let the role read it",
        severity=Severity.HIGH,
        ids=("CKV_AWS_45",),
        links=(f"{_LAMBDA}/with-secrets-manager.html",),
        types=(_FUNCTION, *_MODEL),
        over=_images,
        look=_variables,
    ),
    Rule(
        name="lambda-code-signed",
        title="The archive of a function is signed by whom you trust",
        why="Whoever may update the function runs what he likes as its role",
        fix="name a code signing configuration; an image by its digest needs none",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_272",),
        links=(f"{_LAMBDA}/configuration-codesigning.html",),
        types=(_FUNCTION,),
        look=_signed,
    ),
    StackRule(
        name="lambda-failures-kept",
        title="Work that nobody waits for is not lost",
        why="After two more tries Lambda forgets what failed",
        fix="name a queue or a topic for what failed",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_116",),
        links=(f"{_LAMBDA}/invocation-async-retain-records.html",),
        look=_lost,
    ),
    Rule(
        name="api-tls-modern",
        title="A name of API Gateway speaks TLS 1.2 at least",
        why="TLS 1.0 can be read by who listens, and is refused by who checks",
        fix="write securityPolicy: TLS_1_2, or one of SecurityPolicy_TLS13_*",
        severity=Severity.HIGH,
        ids=("CKV_AWS_206",),
        links=(f"{_API}/apigateway-custom-domain-tls-version.html",),
        types=("aws:apigateway/domainName:DomainName",),
        look=_old_tls,
    ),
    Rule(
        name="api-logged",
        title="API Gateway logs who asked",
        why="Who called, and what was answered, is found nowhere else",
        fix="write accessLogSettings",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_76",),
        links=(f"{_API}/set-up-logging.html",),
        types=("aws:apigateway/stage:Stage", "aws:apigatewayv2/stage:Stage"),
        look=_api_logs,
    ),
    Rule(
        name="api-traced",
        title="API Gateway is traced",
        why="Where the time of a slow answer went is seen by nobody",
        fix="write xrayTracingEnabled: true",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_73",),
        links=(f"{_API}/apigateway-xray.html",),
        types=("aws:apigateway/stage:Stage",),
        look=_api_traced,
    ),
    Rule(
        name="api-no-bodies-in-logs",
        title="API Gateway writes no request into its logs",
        why="What callers send, and their keys, are read by all who may read logs",
        fix="write dataTraceEnabled: false",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_276",),
        links=(f"{_API}/set-up-logging.html",),
        types=("aws:apigateway/methodSettings:MethodSettings",),
        look=_bodies,
        remedy=_without_bodies,
    ),
    Rule(
        name="api-cache-encrypted",
        title="Answers that API Gateway keeps are encrypted",
        why="What was answered to one caller lies on a disk in plain",
        fix="write cacheDataEncrypted: true, or turn the cache off",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_308",),
        links=(f"{_API}/api-gateway-caching.html",),
        types=("aws:apigateway/methodSettings:MethodSettings",),
        look=_cache,
    ),
    Rule(
        name="sagemaker-own-key",
        title="Disks of an endpoint of SageMaker are encrypted with a key of one's own",
        why="Who may decrypt a model and what it was sent, and until when, is in nobody's hands",
        fix="name a key as kmsKeyArn",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_98",),
        links=("https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html",),
        types=_CONFIGURATION,
        look=_volumes,
    ),
    Rule(
        name="sagemaker-capture-own-key",
        title="What SageMaker keeps of requests is encrypted with a key of one's own",
        why="Requests are what callers know of themselves",
        fix="name a key as dataCaptureConfig.kmsKeyId",
        severity=Severity.MEDIUM,
        links=(f"{_SAGEMAKER}/model-monitor-data-capture.html",),
        types=_CONFIGURATION,
        look=_captured,
    ),
    Rule(
        name="sagemaker-isolated",
        title="A model on SageMaker talks to nobody",
        why="A model that somebody else trained sends away what it is asked",
        fix="write enableNetworkIsolation: true",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_370",),
        links=(f"{_SAGEMAKER}/mkt-algo-model-internet-free.html",),
        types=_MODEL,
        look=_isolated,
    ),
    Rule(
        name="sagemaker-in-vpc",
        title="A model on SageMaker is in a VPC",
        why="Its traffic goes by networks that no flow log and no security group of yours sees",
        fix="write vpcConfig with subnets and security groups",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("AWS Config sagemaker-model-in-vpc",),
        links=(f"{_SAGEMAKER}/host-vpc.html",),
        types=_MODEL,
        look=_in_vpc,
    ),
    Rule(
        name="budget-tells",
        title="A budget tells somebody",
        why="Nobody hears of what was spent before the bill",
        fix="write notifications with addresses or topics",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=("https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-managing-costs.html",),
        types=("aws:budgets/budget:Budget",),
        look=_told,
    ),
)
