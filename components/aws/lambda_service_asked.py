"""What a LambdaService is asked for, checked."""

import re
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, NotRequired, TypedDict, cast

import pulumi

from components import checks, environment
from components.aws import checks as aws
from components.aws import lambda_service_steps, nodes
from components.aws.ecs_task import image as in_ecr

# "Lambda quotas" in its guide, and the models of its calls in botocore 1.43, 2026-11-22.
MEMORY: Final = (128, 10_240)
"""MB of a function. Beyond that are capacity providers of one's own alone."""
TIMEOUT: Final = (1, 900)
"""Seconds of an answer."""
DISK: Final = (512, 10_240)
"""MB of /tmp."""
ENVIRONMENT: Final = 4096
"""Bytes of all variables, names and values."""
RESERVED: Final = re.compile(r"AWS_\w*|_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_TASK_ROOT|LAMBDA_RUNTIME_DIR|TZ")
"""Variables that Lambda keeps to itself, or that it sets."""
CONCURRENCY: Final = 100_000
"""More than any account has without a talk with AWS first."""
TOPICS: Final = 5
"""That one alarm tells."""
MEMORY_USUAL, TIMEOUT_USUAL, LOG_DAYS = 2048, 29, 365
PRINCIPAL: Final = r"(role|user)/[\w+=,.@/-]{1,512}|root"


class LambdaArchitecture(Enum):
    """Processors that a function runs on, for which its image was made."""

    X86_64 = "x86_64"
    """What ModelImage makes."""
    ARM64 = "arm64"
    """AWS's own, Graviton, for an image of one's own."""


class LambdaStrategy(Enum):
    """How a new version comes to its requests."""

    ROLLING = "rolling"
    """All at once: no version waits for another, as each has environments of its own."""
    CANARY = "canary"
    """A share of the requests, larger step by step, by the weights of the alias."""


class LambdaStep(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the requests that the new version gets."""
    pause: NotRequired[float]
    """Seconds that the step takes, whole minutes. Default: 60."""


class LambdaRelease(TypedDict):
    """How a new version takes the place of the old one."""

    strategy: NotRequired[LambdaStrategy]
    """How it comes to its requests. Default: rolling."""
    steps: NotRequired[Sequence[LambdaStep]]
    """The steps of a canary: one, or equal ones with equal pauses, as 25, 50, 75."""


class LambdaServiceArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider, and of the image's registry."""
    image: pulumi.Input[str]
    """The image in ECR by digest: the output `reference` of a ModelImage."""
    memory: NotRequired[int]
    """MB of memory, and of CPU with it: 1769 are one core. Default: 2048."""
    timeout: NotRequired[int]
    """Seconds within which an answer must come, the start of an environment among them. Default: 29, as an API waits
    no longer."""
    disk_mb: NotRequired[int]
    """MB of /tmp, all that can be written. Default: 512."""
    architecture: NotRequired[LambdaArchitecture]
    """Processors that the image was made for. Default: x86_64."""
    reserved_concurrency: NotRequired[int]
    """The most requests at once: kept free for this function, and further ones are refused. Default: what the account
    has left."""
    provisioned_concurrency: NotRequired[int]
    """Environments that are started before requests come, and paid for all the time. Default: none."""
    url: NotRequired[bool]
    """Whether the function has a URL, which answers whoever IAM lets call. Default: yes."""
    anonymous: NotRequired[bool]
    """Whether the URL answers everybody on the internet. Default: no, callers sign their requests (SigV4)."""
    caller_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ARNs of roles, users or accounts that may call the URL. Default: whoever is allowed to by IAM in this account."""
    vpc_id: NotRequired[pulumi.Input[str]]
    """Id of the VPC that the function reaches out into, beside `subnet_ids`. Default: none, and no model needs one."""
    subnet_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Ids of private subnets of that VPC, at least two."""
    release: NotRequired[LambdaRelease]
    """How a new version takes the place of the old one. Default: rolling."""
    error_percent: NotRequired[float]
    """Percent of the answers that may be errors by the server's fault before a canary is rolled back. Default: 1."""
    latency_seconds: NotRequired[float]
    """Seconds within which 99 of 100 answers must come, or a canary is rolled back. Default: not looked at."""
    alarm_names: NotRequired[Sequence[pulumi.Input[str]]]
    """Names of CloudWatch alarms that roll a canary back, beside those of errors and latency. Default: none."""
    alarm_topic_arns: NotRequired[Sequence[pulumi.Input[str]]]
    """ARNs of SNS topics that hear of alarms. Default: none."""
    role_arn: NotRequired[pulumi.Input[str]]
    """ARN of what the function is to AWS: of an AwsIdentity for functions. Its right to log is added. Default: a role
    that may do nothing else."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own; encrypted by the key."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of environment, image cache and logs. Default: one made for them, which rotates."""
    log_days: NotRequired[int]
    """Days for which logs are kept. Default: 365."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: LambdaServiceArgs) -> None:
        """Raises ArgsError."""
        checks.given("LambdaService", args, LambdaServiceArgs)
        # The longest that is made of it is a name of 64 characters, `NAME-canary` with Pulumi's suffix.
        aws.named("LambdaService", name, 48)
        aws.account("LambdaService.account_id", args["account_id"])
        aws.region("LambdaService.region", args["region"])
        self.image = checks.asked(args["image"], partial(_image, region=args["region"]))
        numbers = {
            "memory": (MEMORY, "MB", MEMORY_USUAL),
            "timeout": (TIMEOUT, "seconds", TIMEOUT_USUAL),
            "disk_mb": (DISK, "MB", DISK[0]),
        }
        whole = {
            key: checks.whole(f"LambdaService.{key}", args.get(key, usual), *bounds, unit)
            for key, (bounds, unit, usual) in numbers.items()
        }
        self.memory, self.timeout, self.disk = whole["memory"], whole["timeout"], whole["disk_mb"]
        given = args.get("architecture", LambdaArchitecture.X86_64)
        self.architecture = checks.choice("LambdaService.architecture", given, LambdaArchitecture)
        self.reserved, self.provisioned = _concurrency(cast("Mapping[str, Any]", args))
        self.url, self.anonymous = args.get("url", True), args.get("anonymous", False)
        self.callers = _listed(args, "caller_arns", partial(_arn, service="iam", resource=PRINCIPAL, example="role/a"))
        self._reached(args)
        self.vpc, self.subnets = self._network(args)
        self.strategy, self.shift = _release(args.get("release") or LambdaRelease())
        self.errors = args.get("error_percent", 1)
        checks.within("LambdaService.error_percent", self.errors, 0, 100, "percent")
        self.latency = args.get("latency_seconds")
        if self.latency is not None:
            checks.within("LambdaService.latency_seconds", self.latency, 0.001, self.timeout, "seconds")
        self.alarms = _listed(args, "alarm_names", _alarm)
        self.topics = _listed(args, "alarm_topic_arns", partial(_topic, region=args["region"]))
        if len(self.topics) > TOPICS:
            got, expected = f"{len(self.topics)} topics", f"at most {TOPICS}, as an alarm tells no more"
            raise checks.wrong("LambdaService.alarm_topic_arns", got, expected, "leave some out")
        self.role = args.get("role_arn")
        if self.role is not None:
            role = partial(_arn, service="iam", resource=r"role/[\w+=,.@/-]{1,512}", example="role/digits")
            self.role = _told("LambdaService.role_arn", self.role, role)
        self.key = nodes.key("LambdaService.key_arn", args.get("key_arn"), args["region"])
        self.log_days = args.get("log_days", LOG_DAYS)
        aws.log_days("LambdaService.log_days", self.log_days)
        self.env = _environment(args.get("env") or {})

    def _reached(self, args: LambdaServiceArgs) -> None:
        for key in ("anonymous", "caller_arns"):
            if not self.url and args.get(key):
                raise checks.wrong(f"LambdaService.{key}", args.get(key), "none without a URL", "write url: True")
        if self.anonymous and self.callers:
            fix = "leave anonymous out"
            raise checks.wrong("LambdaService.caller_arns", args.get("caller_arns"), "none beside anonymous", fix)

    def _network(self, args: LambdaServiceArgs) -> tuple[pulumi.Input[str] | None, pulumi.Input[Any] | None]:
        vpc, subnets = args.get("vpc_id"), args.get("subnet_ids")
        if (vpc is None) != (subnets is None):
            missing = "vpc_id" if vpc is None else "subnet_ids"
            raise checks.wrong(f"LambdaService.{missing}", None, "both of vpc_id and subnet_ids", f"write {missing}")
        if vpc is None or subnets is None:
            return None, None
        rule = partial(aws.identity, kind="vpc")
        return _told("LambdaService.vpc_id", vpc, rule), nodes.subnets("LambdaService.subnet_ids", subnets, 2)


def _image(value: str, region: str) -> None:
    in_ecr(value, "LambdaService.image")
    found = value.split(".")[3]
    if found != region:
        raise checks.wrong(
            "LambdaService.image", value, f"an image in {region}, as Lambda pulls from its own region", "push it there"
        )


def _concurrency(args: Mapping[str, Any]) -> tuple[int | None, int | None]:
    found: dict[str, int | None] = {}
    for key in ("reserved_concurrency", "provisioned_concurrency"):
        value = args.get(key)
        found[key] = value
        if value is not None:
            found[key] = checks.whole(f"LambdaService.{key}", value, 1, CONCURRENCY, "requests at once")
    reserved, provisioned = found["reserved_concurrency"], found["provisioned_concurrency"]
    if reserved is not None and provisioned is not None:
        pair = [("provisioned_concurrency", provisioned), ("reserved_concurrency", reserved)]
        checks.in_order([(f"LambdaService.{key}", number) for key, number in pair])
    return reserved, provisioned


def _release(given: LambdaRelease) -> tuple[LambdaStrategy, lambda_service_steps.Shift | None]:
    what = "LambdaService.release"
    checks.given(what, given, LambdaRelease)
    strategy = checks.choice(f"{what}.strategy", given.get("strategy", LambdaStrategy.ROLLING), LambdaStrategy)
    steps = list(given.get("steps") or [])
    if strategy is LambdaStrategy.CANARY:
        return strategy, lambda_service_steps.steps(f"{what}.steps", steps, LambdaStep)
    if steps:
        raise checks.wrong(f"{what}.steps", steps, "none beside strategy rolling", "leave steps out")
    return strategy, None


def _environment(given: Mapping[str, pulumi.Input[str]]) -> Mapping[str, pulumi.Input[str]]:
    environment.plain("LambdaService.env", given, r"[A-Za-z][A-Za-z0-9_]+")
    for key in given:
        if RESERVED.fullmatch(key):
            raise checks.wrong(
                "a key of LambdaService.env", key, "one that Lambda does not keep to itself", "leave it out"
            )
    plain = {key: value for key, value in given.items() if isinstance(value, str)}
    size = sum(len(key.encode()) + len(value.encode()) for key, value in plain.items())
    if size > ENVIRONMENT:
        raise checks.wrong("LambdaService.env", f"{size} bytes", f"at most {ENVIRONMENT}", "leave some out")
    return given


def _listed(args: LambdaServiceArgs, key: str, rule: Callable[[str, str], object]) -> list[pulumi.Input[str]]:
    given = cast("Sequence[pulumi.Input[str]]", cast("Mapping[str, Any]", args).get(key) or [])
    return [_told(f"LambdaService.{key}[{at}]", each, rule) for at, each in enumerate(given)]


def _told(what: str, value: pulumi.Input[str], rule: Callable[[str, str], object]) -> pulumi.Input[str]:
    """What another resource tells of itself is taken for what it is; what a program writes is checked."""
    if not isinstance(value, pulumi.Output):
        rule(what, cast("str", value))
    return value


def _arn(what: str, value: object, service: str, resource: str, example: str) -> None:
    aws.arn(what, value, service, f"({resource})", example)


def _topic(what: str, value: str, region: str) -> None:
    _arn(what, value, "sns", r"[\w-]{1,256}", "alarms")
    aws.here(what, value, region)


def _alarm(what: str, value: object) -> None:
    checks.fits(what, value, r"[ -~]{1,255}", "the name of an alarm", "digits-errors")
