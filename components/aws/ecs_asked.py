"""What an EcsService is asked for, held to what AWS takes before anything is registered."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, NotRequired, TypedDict, cast

import pulumi

from components import checks, environment
from components.aws import checks as aws
from components.aws import ecs_capacity, ecs_release, ecs_scaling, ecs_sizes, ecs_task, nodes
from components.aws.ecs_release import EcsLoadBalancer, EcsRelease

LOG_DAYS = 365
ENVIRONMENT = 32_768
"""Bytes of all variables, names and values: of the 65 536 of a task definition (ECS developer guide, "Service quotas",
2026-11-22), which says more than these."""
SPOT_MOST = 99
ALONE: Final = ("instance_types", "gpus", "max_instances", "disk_gib", "disk_key_arn")
"""What is about instances, which Fargate has none of."""
TARGET_GROUP = r"targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]{16,17}"


class EcsCapacity(Enum):
    """What tasks run on."""

    FARGATE = "fargate"
    """Machines that AWS keeps, by CPU and memory. They have no GPUs."""
    GPU_INSTANCES = "gpu-instances"
    """Instances with GPUs in this account, as many as tasks want, none without."""


class EcsServiceArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    image: pulumi.Input[str]
    """What to run, an image in ECR by digest: the output `reference` of a ModelImage that was pushed there."""
    vpc_id: pulumi.Input[str]
    """Id of the VPC: of an AwsNetwork."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Ids of private subnets, of at least two zones."""
    load_balancer: NotRequired[EcsLoadBalancer]
    """What leads to the tasks from outside: outputs of an AwsLoadBalancer. Default: nothing."""
    allowed_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Ids of security groups that may speak to the tasks beside the load balancer's. Default: none."""
    namespace_id: NotRequired[pulumi.Input[str]]
    """Id of a private DNS namespace of Cloud Map, where the tasks are found by the component's name. Default: none."""
    capacity: NotRequired[EcsCapacity]
    """What tasks run on. Default: Fargate."""
    spot_percent: NotRequired[int]
    """Percent of the tasks beyond `min` on spare capacity, which is cheaper and may be taken away. Default: 0."""
    instance_types: NotRequired[Sequence[str]]
    """With GPUs: types of instances, the preferred one first."""
    gpus: NotRequired[int]
    """GPUs of each task. Default: 1 on instances with GPUs."""
    max_instances: NotRequired[int]
    """With GPUs: the most instances. Default: enough for twice `max` tasks, as a release wants them."""
    disk_gib: NotRequired[int]
    """With GPUs: GiB of each instance's encrypted disk. Default: 100."""
    disk_key_arn: NotRequired[pulumi.Input[str]]
    """With GPUs: ARN of the KMS key of these disks. Default: the account's key of EBS."""
    cpu: NotRequired[int]
    """Units of CPU of each task, 1024 to a vCPU. Default: for `requests_per_second` at the measured latency."""
    memory: NotRequired[int]
    """MiB of each task. Default: the server's and twice the model's for each worker, and requests in hand."""
    metrics: NotRequired[pulumi.Input[dict[str, float]]]
    """The model's numbers, `bytes` and `p50_ms`: the output `metrics` of a ModelImage."""
    workers: NotRequired[int]
    """Processes that answer in each task. Default: 1."""
    requests_per_second: NotRequired[float]
    """What one task is to answer steadily. Default: 20."""
    min: NotRequired[int]
    """The fewest tasks. Default: 2."""
    desired: NotRequired[int]
    """Tasks at the start; from then on the autoscaler says how many. Default: `min`."""
    max: NotRequired[int]
    """The most tasks. Default: `min`, and nothing is scaled."""
    cpu_target: NotRequired[float]
    """Percent of their CPU that tasks are to use. Default: 60."""
    requests_target: NotRequired[float]
    """Requests in a minute that each task is to get. Default: that is not looked at."""
    release: NotRequired[EcsRelease]
    """How a new version takes the place of the old one; whatever fails is rolled back. Default: rolling."""
    alarm_names: NotRequired[Sequence[pulumi.Input[str]]]
    """Names of CloudWatch alarms that roll a release back, beside those of errors and latency. Default: none."""
    error_percent: NotRequired[float]
    """Percent of the answers that may be errors before a release is rolled back. Default: 1."""
    latency_seconds: NotRequired[float]
    """Seconds within which 99 of 100 answers must come, or a release is rolled back. Default: not looked at."""
    task_role_arn: NotRequired[pulumi.Input[str]]
    """ARN of what the tasks are to AWS: of an AwsIdentity for tasks. Default: one that may do nothing."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own. Anybody who may describe tasks reads it."""
    python: NotRequired[str]
    """Path of the Python in the image, which asks the server whether it lives. Default: that of this library's base."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of logs, sessions and Fargate's disks. Default: one made for them, which rotates."""
    log_days: NotRequired[int]
    """Days for which logs are kept. Default: 365."""
    wait: NotRequired[bool]
    """Whether an `up` waits until a release is over, and fails when it was rolled back. Default: no, ECS goes on."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: EcsServiceArgs) -> None:
        """Raises ArgsError."""
        checks.given("EcsService", args, EcsServiceArgs)
        # The longest that is made of it is a role's name, `NAME-execution` with Pulumi's suffix, of 64 characters.
        aws.named("EcsService", name, 40)
        aws.account("EcsService.account_id", args["account_id"])
        aws.region("EcsService.region", args["region"])
        told = cast("Mapping[str, Any]", args)
        self.image = checks.asked(args["image"], ecs_task.image)
        self.vpc = _told(args["vpc_id"], partial(aws.identity, "EcsService.vpc_id", kind="vpc"))
        self.subnets = nodes.subnets("EcsService.subnet_ids", args["subnet_ids"], 2)
        self.callers = [
            _told(each, partial(aws.identity, f"EcsService.allowed_security_group_ids[{at}]", kind="sg"))
            for at, each in enumerate(args.get("allowed_security_group_ids") or [])
        ]
        self.namespace = _namespace(args)
        self.balancer = _balancer(args)
        self.release = ecs_release.asked(args.get("release") or EcsRelease())
        self.alarms = [
            _told(each, partial(_alarm, f"EcsService.alarm_names[{at}]"))
            for at, each in enumerate(args.get("alarm_names") or [])
        ]
        self._side_by_side()
        self.errors = args.get("error_percent", 1)
        checks.within("EcsService.error_percent", self.errors, 0, 100, "percent")
        self.latency = args.get("latency_seconds")
        if self.latency is not None:
            checks.within("EcsService.latency_seconds", self.latency, 0.001, 3600, "seconds")
        self._measured(told)
        self.counts = ecs_scaling.counts(told, self.balancer)
        self.capacity = checks.choice("EcsService.capacity", args.get("capacity", EcsCapacity.FARGATE), EcsCapacity)
        self.spot = args.get("spot_percent", 0)
        # Something always stays on demand, for the time when no spare capacity is to be had.
        checks.within("EcsService.spot_percent", self.spot, 0, SPOT_MOST, "percent")
        self.instances = self._instances(name, told)
        self.wanted = ecs_sizes.wanted(told)
        if self.instances.types:
            ecs_sizes.of_instances(self.wanted, self.instances.types)
        else:
            ecs_sizes.of_fargate(self.wanted)
        if not isinstance(args.get("metrics"), pulumi.Output):
            ecs_sizes.fitted(self.wanted, cast("Any", args.get("metrics")), self.instances.types)
        self.task_role = args.get("task_role_arn")
        if self.task_role is not None:
            example = "role/digits"
            rule = partial(aws.arn, "EcsService.task_role_arn", service="iam", resource=r"role/[\w+=,.@/-]{1,512}")
            self.task_role = _told(self.task_role, partial(rule, example=example))
        self.key = nodes.key("EcsService.key_arn", args.get("key_arn"), args["region"])
        aws.log_days("EcsService.log_days", args.get("log_days", LOG_DAYS))
        self.wait = args.get("wait", False)
        python = args.get("python", ecs_task.PYTHON)
        checks.fits("EcsService.python", python, r"(/[\w.-]+)+", "the path of a program", ecs_task.PYTHON)
        _environment(args.get("env") or {})
        self.task = ecs_task.Task(
            args["region"],
            args["account_id"],
            self.instances.gpus,
            self.wanted.workers,
            args.get("env") or {},
            python,
        )

    def _instances(self, name: str, args: Mapping[str, Any]) -> ecs_capacity.Instances:
        if self.capacity is EcsCapacity.GPU_INSTANCES:
            ecs_capacity.provider_name(name)
            return ecs_capacity.instances(args, args["region"], self.counts.most)
        for key in ALONE:
            if key in args:
                gpus = (
                    "none on Fargate, which has no GPUs" if key == "gpus" else "none on Fargate, which has no instances"
                )
                fix = "write capacity: EcsCapacity.GPU_INSTANCES with instance_types"
                raise checks.wrong(f"EcsService.{key}", args[key], gpus, f"leave {key} out, or {fix}")
        return ecs_capacity.Instances()

    def _side_by_side(self) -> None:
        """Hold a release of two versions to what ECS needs for it. Raises ArgsError."""
        if not self.release.side_by_side:
            return
        strategy = f"EcsService.release.strategy is {self.release.strategy.value!r}, expected"
        needed = ("rule_arn", "alternate_target_group_arn")
        if self.balancer is None or not set(needed) <= set(self.balancer):
            raise checks.ArgsError(
                f"{strategy} a load balancer with two target groups beside it; write load_balancer with "
                f"{' and '.join(needed)}, or strategy rolling"
            )
        if self.namespace is not None:
            raise checks.ArgsError(
                f"{strategy} no namespace_id beside it, as names lead to both versions at once; leave namespace_id out"
            )
        if "arn_suffix" not in self.balancer and not self.alarms:
            raise checks.ArgsError(
                f"{strategy} an alarm that rolls it back; write alarm_names, or load_balancer with arn_suffix and "
                "target_group_arn_suffix"
            )

    def _measured(self, args: Mapping[str, Any]) -> None:
        """Bounds that nothing would measure are refused. Raises ArgsError."""
        for key in ("error_percent", "latency_seconds"):
            if key in args and (self.balancer is None or "arn_suffix" not in self.balancer):
                expected = "an application load balancer that measures it"
                fix = f"write load_balancer with arn_suffix and target_group_arn_suffix, or leave {key} out"
                raise checks.wrong(f"EcsService.{key}", args[key], expected, fix)


def _told(value: pulumi.Input[str], rule: Callable[[str], object]) -> pulumi.Input[str]:
    """What another resource tells of itself is taken for what it is; what a program writes is checked."""
    if not isinstance(value, pulumi.Output):
        rule(cast("str", value))
    return value


def _balancer(args: EcsServiceArgs) -> EcsLoadBalancer | None:
    given = args.get("load_balancer")
    if given is None:
        return None
    what = "EcsService.load_balancer"
    checks.given(what, given, EcsLoadBalancer)
    arn = partial(aws.arn, service="elasticloadbalancing", resource=TARGET_GROUP)
    example = "targetgroup/digits/0123456789abcdef"
    rules: dict[str, Any] = {
        "target_group_arn": partial(arn, f"{what}.target_group_arn", example=example),
        "alternate_target_group_arn": partial(arn, f"{what}.alternate_target_group_arn", example=example),
        "security_group_id": partial(aws.identity, f"{what}.security_group_id", kind="sg"),
        "rule_arn": partial(
            aws.arn,
            f"{what}.rule_arn",
            service="elasticloadbalancing",
            resource=r"listener(-rule)?/(app|net)/[\w/-]+",
            example="listener-rule/app/digits/0123456789abcdef/0123456789abcdef/0123456789abcdef",
        ),
    }
    found = {
        key: _told(value, rules[key]) if key in rules else value
        for key, value in cast("Mapping[str, Any]", given).items()
    }
    if ("arn_suffix" in given) != ("target_group_arn_suffix" in given):
        there, other = ("arn_suffix", "target_group_arn_suffix")
        missing = other if there in given else there
        raise checks.wrong(f"{what}.{missing}", None, "both of what CloudWatch knows them by", f"write {missing}: ...")
    return cast("EcsLoadBalancer", found)


def _namespace(args: EcsServiceArgs) -> pulumi.Input[str] | None:
    if (given := args.get("namespace_id")) is None:
        return None
    rule = partial(
        checks.fits,
        "EcsService.namespace_id",
        pattern=r"ns-[a-z0-9]{8,32}",
        expected="the id of a namespace of Cloud Map",
        example="ns-0123456789abcdef",
    )
    return _told(given, rule)


def _environment(given: Mapping[str, pulumi.Input[str]]) -> None:
    environment.plain("EcsService.env", given)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in given.items() if isinstance(value, str))
    if size > ENVIRONMENT:
        expected = f"at most {ENVIRONMENT}, as a task definition has twice as many for all that it says"
        raise checks.wrong("EcsService.env", f"{size} bytes", expected, "shorten it")


def _alarm(what: str, value: object) -> None:
    checks.fits(what, value, r"[ -~]{1,255}", "the name of an alarm", "digits-errors")
