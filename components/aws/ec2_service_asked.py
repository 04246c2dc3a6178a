"""What an Ec2Service is asked for, held to what AWS takes before anything is registered."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NotRequired, TypedDict, cast

import pulumi

from components import checks, environment
from components.aws import catalog, ec2_service_release, ecs_scaling, ecs_task, nodes
from components.aws import checks as aws
from components.aws import ec2_service_boot as boot
from components.aws.ec2_service_release import Ec2Release

LOG_DAYS = 365
USUAL: Final = ("m7i.large", "m6i.large", "m5.large")
"""Types for a model that computes on processors, each as large as the others; every region has one of them."""
MOST_INSTANCES: Final = 1000
SPOT_MOST = 99
LONGEST: Final = 40
"""Characters of the name; the role's has 64, of which Pulumi's suffix takes eight."""
TARGET_GROUP = r"targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]{16,17}"
DAYS: Final = 365
"""That an instance may live, at most (the model of CreateAutoScalingGroup has seconds; EC2 Auto Scaling user guide,
"Replace instances based on maximum instance lifetime", 2026-11-22)."""


class Ec2LoadBalancer(TypedDict):
    """The load balancer that leads to the instances: outputs of an AwsLoadBalancer with `instance_targets`."""

    target_group_arn: pulumi.Input[str]
    """ARN of the target group, whose targets are instances."""
    security_group_id: pulumi.Input[str]
    """Id of its security group, the only one that may speak to the instances."""
    arn_suffix: NotRequired[pulumi.Input[str]]
    """What CloudWatch knows an application load balancer by: for alarms, and to scale by requests."""
    target_group_arn_suffix: NotRequired[pulumi.Input[str]]
    """What it knows the target group by."""


class Ec2ServiceArgs(TypedDict):
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
    load_balancer: NotRequired[Ec2LoadBalancer]
    """What leads to the instances from outside: outputs of an AwsLoadBalancer. Default: nothing."""
    allowed_security_group_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Ids of security groups that may speak to the instances beside the load balancer's. Default: none."""
    instance_types: NotRequired[Sequence[str]]
    """Types of instances, the preferred one first, all with NVIDIA GPUs or all without. Default: those of `m7i.large`,
    `m6i.large` and `m5.large` that the region has."""
    image_id: NotRequired[str]
    """Id of the machine image, as `ami-...`, one like AWS's own for ECS on Amazon Linux 2023. Default: AWS's newest as
    an instance starts, with NVIDIA's driver for types with GPUs."""
    spot_percent: NotRequired[int]
    """Percent of the instances beyond `min` on spare capacity, which is cheaper and may be taken away. Default: 0."""
    disk_gib: NotRequired[int]
    """GiB of each instance's encrypted disk. Default: 30, and 100 with GPUs."""
    disk_key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of these disks, which the service-linked role of EC2 Auto Scaling may use. Default: the
    account's key of EBS."""
    min: NotRequired[int]
    """The fewest instances, always on demand. Default: 2."""
    desired: NotRequired[int]
    """Instances at the start; from then on the autoscaler says how many. Default: `min`."""
    max: NotRequired[int]
    """The most instances. Default: `min`, and nothing is scaled."""
    cpu_target: NotRequired[float]
    """Percent of their CPU that instances are to use. Default: 60."""
    requests_target: NotRequired[float]
    """Requests in a minute that each instance is to get. Default: that is not looked at."""
    release: NotRequired[Ec2Release]
    """How a new version takes the place of the old one; whatever fails is rolled back. Default: rolling."""
    alarm_names: NotRequired[Sequence[pulumi.Input[str]]]
    """Names of CloudWatch alarms that roll a release back, beside those of errors and latency. Default: none."""
    error_percent: NotRequired[float]
    """Percent of the answers that may be errors before a release is rolled back. Default: 1."""
    latency_seconds: NotRequired[float]
    """Seconds within which 99 of 100 answers must come, or a release is rolled back. Default: not looked at."""
    wait: NotRequired[bool]
    """Whether an `up` waits until a release is over, and fails when it was rolled back. Default: yes. Without, AWS goes
    on alone, which wants `image_id`: it rolls no image back that it looks up itself."""
    workers: NotRequired[int]
    """Processes that answer on each instance. Default: one for each core, four at most."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own. Anybody who may describe launch templates reads it."""
    max_instance_days: NotRequired[int]
    """Days after which an instance is replaced, by one of the newest machine image. Default: 30."""
    allow_sessions: NotRequired[bool]
    """Whether whoever may use SSM's Session Manager gets a shell on instances. Default: no, nobody does."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of the logs. Default: one made for them, which rotates."""
    log_days: NotRequired[int]
    """Days for which logs are kept. Default: 365."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: Ec2ServiceArgs) -> None:
        """Raises ArgsError."""
        checks.given("Ec2Service", args, Ec2ServiceArgs)
        aws.named("Ec2Service", name, LONGEST)
        aws.account("Ec2Service.account_id", args["account_id"])
        aws.region("Ec2Service.region", args["region"])
        told = cast("Mapping[str, Any]", args)
        self.region, self.account = args["region"], args["account_id"]
        self.image = checks.asked(args["image"], partial(ecs_task.image, what="Ec2Service.image"))
        self.vpc = _told(args["vpc_id"], partial(aws.identity, "Ec2Service.vpc_id", kind="vpc"))
        self.subnets = nodes.subnets("Ec2Service.subnet_ids", args["subnet_ids"], 2)
        self.callers = [
            _told(each, partial(aws.identity, f"Ec2Service.allowed_security_group_ids[{at}]", kind="sg"))
            for at, each in enumerate(args.get("allowed_security_group_ids") or [])
        ]
        self.balancer = _balancer(args)
        self.types, self.gpus = _types(told, self.region)
        self.image_id = args.get("image_id")
        if self.image_id is not None:
            aws.identity("Ec2Service.image_id", self.image_id, "ami")
        self.counts = ecs_scaling.counts(told, self.balancer, "Ec2Service", MOST_INSTANCES, "instances")
        self.spot = checks.whole("Ec2Service.spot_percent", args.get("spot_percent", 0), 0, SPOT_MOST, "percent")
        key = nodes.key("Ec2Service.disk_key_arn", args.get("disk_key_arn"), self.region)
        # The machine image itself has 30.
        usual = 100 if self.gpus else 30
        gib = checks.whole("Ec2Service.disk_gib", args.get("disk_gib", usual), 30, 16_384, "GiB")
        self.disk = nodes.disk("Ec2Service.disk_gib", gib, key)
        self.release = ec2_service_release.asked(args.get("release") or Ec2Release())
        self.wait = args.get("wait", True)
        if not self.wait and self.image_id is None:
            expected = "true without image_id, as AWS rolls no image back that it looks up itself"
            raise checks.wrong("Ec2Service.wait", False, expected, "write image_id, or leave wait out")
        self.alarms = [
            _told(each, partial(_alarm, f"Ec2Service.alarm_names[{at}]"))
            for at, each in enumerate(args.get("alarm_names") or [])
        ]
        self.errors = args.get("error_percent", 1)
        checks.within("Ec2Service.error_percent", self.errors, 0, 100, "percent")
        self.latency = args.get("latency_seconds")
        if self.latency is not None:
            checks.within("Ec2Service.latency_seconds", self.latency, 0.001, 3600, "seconds")
        self._measured(told)
        self.workers = args.get("workers")
        if self.workers is not None:
            self.workers = checks.whole("Ec2Service.workers", self.workers, 1, 256, "processes")
        self.env = args.get("env") or {}
        environment.plain("Ec2Service.env", self.env)
        boot.held({key: value for key, value in self.env.items() if isinstance(value, str)})
        self.days = checks.whole("Ec2Service.max_instance_days", args.get("max_instance_days", 30), 1, DAYS, "days")
        self.sessions = args.get("allow_sessions", False)
        self.key = nodes.key("Ec2Service.key_arn", args.get("key_arn"), self.region)
        self.log_days = args.get("log_days", LOG_DAYS)
        aws.log_days("Ec2Service.log_days", self.log_days)

    @property
    def measured(self) -> bool:
        """Whether an application load balancer counts answers."""
        return self.balancer is not None and "arn_suffix" in self.balancer

    def _measured(self, args: Mapping[str, Any]) -> None:
        """Bounds that nothing would measure are refused, and more alarms than a refresh takes. Raises ArgsError."""
        for key in ("error_percent", "latency_seconds"):
            if key in args and not self.measured:
                expected = "an application load balancer that measures it"
                fix = f"write load_balancer with arn_suffix and target_group_arn_suffix, or leave {key} out"
                raise checks.wrong(f"Ec2Service.{key}", args[key], expected, fix)
        most = ec2_service_release.ALARMS - (self.measured + (self.latency is not None))
        if len(self.alarms) > most:
            expected = f"at most {most}, as an instance refresh looks at {ec2_service_release.ALARMS} with ours"
            fix = "join some of them in a composite alarm"
            raise checks.wrong("Ec2Service.alarm_names", f"{len(self.alarms)} alarms", expected, fix)


def _types(args: Mapping[str, Any], region: str) -> tuple[list[str], bool]:
    """Types of instances, and whether they have GPUs. Raises ArgsError."""
    what = "Ec2Service.instance_types"
    usual = [each for each in USUAL if catalog.offered(each, region)]
    types = nodes.types(what, args.get("instance_types", usual), region)
    arms = [each for each in types if nodes.arm(each) or (each in catalog.GPU_TYPES and catalog.GPU_TYPES[each].arm)]
    if arms:
        raise checks.wrong(what, arms[0], "a type of x86_64, as images are of", f"for example {usual[0]}")
    with_gpus = [each for each in types if _meant_for_gpus(each)]
    if not with_gpus:
        return types, False
    for each in types:
        if each not in with_gpus:
            expected = f"types that all have GPUs, as {with_gpus[0]} has, or none of them"
            raise checks.wrong(what, types, expected, f"write {with_gpus}")
        aws.gpu_type(what, each)
    return types, True


def _meant_for_gpus(type_: str) -> bool:
    """Families of G and P have accelerators, and those that are left out are told why."""
    return type_ in catalog.GPU_TYPES or type_[0] in "gp"


def _told(value: pulumi.Input[str], rule: Callable[[str], object]) -> pulumi.Input[str]:
    """What another resource tells of itself is taken for what it is; what a program writes is checked."""
    if not isinstance(value, pulumi.Output):
        rule(cast("str", value))
    return value


def _balancer(args: Ec2ServiceArgs) -> Ec2LoadBalancer | None:
    given = args.get("load_balancer")
    if given is None:
        return None
    what = "Ec2Service.load_balancer"
    checks.given(what, given, Ec2LoadBalancer)
    rules: dict[str, Any] = {
        "target_group_arn": partial(
            aws.arn,
            f"{what}.target_group_arn",
            service="elasticloadbalancing",
            resource=TARGET_GROUP,
            example="targetgroup/digits/0123456789abcdef",
        ),
        "security_group_id": partial(aws.identity, f"{what}.security_group_id", kind="sg"),
    }
    found = {
        key: _told(value, rules[key]) if key in rules else value
        for key, value in cast("Mapping[str, Any]", given).items()
    }
    if ("arn_suffix" in given) != ("target_group_arn_suffix" in given):
        there, other = ("arn_suffix", "target_group_arn_suffix")
        missing = other if there in given else there
        raise checks.wrong(f"{what}.{missing}", None, "both of what CloudWatch knows them by", f"write {missing}: ...")
    return cast("Ec2LoadBalancer", found)


def _alarm(what: str, value: object) -> None:
    checks.fits(what, value, r"[ -~]{1,255}", "the name of an alarm", "digits-errors")
