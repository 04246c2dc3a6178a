"""What a SageMakerEndpoint is asked for, held to what AWS takes before anything is registered."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import pulumi

from components import checks, environment
from components.aws import checks as aws
from components.aws import ecs_task, nodes, sagemaker_release, sagemaker_types
from components.aws.sagemaker_release import SageMakerRelease, SageMakerStrategy

LOG_DAYS: Final = 365
VARIANT: Final = "main"
"""What the variant of an endpoint with one is called: a release wants the same name before and after."""
SHADOW: Final = "shadow"
MOST_VARIANTS: Final = 10
MOST_ALARMS: Final = 10
MOST_VARIABLES: Final = 100
"""Of a container's environment (the model of CreateModel in botocore 1.43, 2026-11-22)."""
MOST_INSTANCES: Final = 1000
"""Far above any account's quota of one instance type."""


class SageMakerVariant(TypedDict):
    """Another version that answers a share of the requests."""

    image: pulumi.Input[str]
    """What it runs, an image in ECR by digest."""
    weight: float
    """Its share, beside the weights of all variants together."""
    instance_type: NotRequired[str]
    """What it runs on. Default: as the endpoint's own."""


class SageMakerShadow(TypedDict):
    """A version that gets copies of requests, and whose answers nobody gets."""

    image: pulumi.Input[str]
    """What it runs, an image in ECR by digest."""
    percent: NotRequired[float]
    """Percent of the requests that are copied. Default: 100."""
    instance_type: NotRequired[str]
    """What it runs on. Default: as the endpoint's own."""
    instances: NotRequired[int]
    """How many instances. Default: `min` of the endpoint."""


class SageMakerCapture(TypedDict):
    """Requests and answers, kept in an encrypted bucket."""

    percent: int
    """Percent of the requests that are kept, 1 to 100."""
    days: NotRequired[int]
    """Days for which they are kept. Default: 90."""
    answers: NotRequired[bool]
    """Whether answers are kept beside requests. Default: yes."""
    delete_data: NotRequired[bool]
    """Whether what was kept goes with the component. Default: no."""


class SageMakerEndpointArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    image: pulumi.Input[str]
    """What to run, an image in ECR of this region by digest: the output `reference` of a ModelImage whose recipe says
    `manifest: docker`, as SageMaker takes no OCI image."""
    vpc_id: pulumi.Input[str]
    """Id of the VPC: of an AwsNetwork."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Ids of private subnets, of at least two zones."""
    instance_type: NotRequired[str]
    """What it runs on, as `ml.m7i.large`. Default: that."""
    weight: NotRequired[float]
    """Share of the requests for `image`, beside the weights of `variants`. Default: 1."""
    variants: NotRequired[Mapping[str, SageMakerVariant]]
    """Other versions that answer a share of the requests, by name. Default: none."""
    shadow: NotRequired[SageMakerShadow]
    """A version that gets copies of the requests. Default: none."""
    min: NotRequired[int]
    """The fewest instances of each variant. Default: 2."""
    max: NotRequired[int]
    """The most instances of each variant. Default: `min`, and nothing is scaled."""
    cpu_target: NotRequired[float]
    """Percent of their CPU that instances are to use. Default: 60 where there is no other target."""
    requests_target: NotRequired[float]
    """Requests in a minute that each instance is to get. Default: that is not looked at."""
    in_flight_target: NotRequired[float]
    """Requests that each instance is to have in hand, measured each ten seconds. Default: that is not looked at."""
    workers: NotRequired[int]
    """Processes that answer on each instance. Default: one for each core, 4 at most."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own. Anybody who may describe models reads it."""
    startup_seconds: NotRequired[int]
    """Seconds within which the model must answer on a new instance. Default: 300."""
    release: NotRequired[SageMakerRelease]
    """How a new version takes the place of the old one; whatever fails is rolled back. Default: rolling."""
    alarm_names: NotRequired[Sequence[pulumi.Input[str]]]
    """Names of CloudWatch alarms that roll a release back, beside those of errors and latency. Default: none."""
    error_percent: NotRequired[float]
    """Percent of the answers that may be errors before a release is rolled back. Default: 1."""
    latency_seconds: NotRequired[float]
    """Seconds within which 99 of 100 answers must come, or a release is rolled back. Default: not looked at."""
    capture: NotRequired[SageMakerCapture]
    """What is kept of requests and answers. Default: nothing."""
    allow_network: NotRequired[bool]
    """Whether the container may speak to anybody; a server with its model in its image has no need to. Default: no."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of disks, logs and what is kept. Default: one made for them, which rotates."""
    log_days: NotRequired[int]
    """Days for which logs are kept. Default: 365."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class Variant(NamedTuple):
    """A version on its instances."""

    name: str
    image: pulumi.Input[str]
    weight: float
    instance_type: str
    instances: int


class Capture(NamedTuple):
    """What is kept of requests."""

    percent: int
    days: int
    modes: tuple[str, ...]
    delete: bool


class Targets(NamedTuple):
    """What instances are scaled by."""

    least: int
    most: int
    cpu: float | None
    requests: float | None
    in_flight: float | None

    @property
    def scaled(self) -> bool:
        return self.most > self.least


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: SageMakerEndpointArgs) -> None:
        """Raises ArgsError."""
        checks.given("SageMakerEndpoint", args, SageMakerEndpointArgs)
        # The longest that is made of it is a model's name, `NAME-VARIANT` with Pulumi's suffix, of 63 characters.
        aws.named("SageMakerEndpoint", name, 32)
        if name.endswith("-"):
            raise checks.wrong("the name of SageMakerEndpoint", name, "no - at its end", f"write {name.strip('-')}")
        aws.account("SageMakerEndpoint.account_id", args["account_id"])
        aws.region("SageMakerEndpoint.region", args["region"])
        self._region = args["region"]
        self.vpc = _told(args["vpc_id"], partial(aws.identity, "SageMakerEndpoint.vpc_id", kind="vpc"))
        self.subnets = nodes.subnets("SageMakerEndpoint.subnet_ids", args["subnet_ids"], 2)
        self.release = sagemaker_release.asked(args.get("release") or SageMakerRelease())
        self.targets = self._targets(cast("Mapping[str, Any]", args))
        self.variants = self._variants(args)
        self.shadow = self._shadow(args)
        self._released()
        self.errors = args.get("error_percent", 1)
        checks.within("SageMakerEndpoint.error_percent", self.errors, 0, 100, "percent")
        self.latency = args.get("latency_seconds")
        if self.latency is not None:
            checks.within("SageMakerEndpoint.latency_seconds", self.latency, 0.001, 60, "seconds")
        self.alarms = self._alarms(args.get("alarm_names") or [])
        self.startup = checks.whole(
            "SageMakerEndpoint.startup_seconds", args.get("startup_seconds", 300), 60, 3600, "seconds"
        )
        self.env = self._env(args)
        self.capture = _capture(args)
        self.isolated = not args.get("allow_network", False)
        self.key = nodes.key("SageMakerEndpoint.key_arn", args.get("key_arn"), self._region)
        aws.log_days("SageMakerEndpoint.log_days", args.get("log_days", LOG_DAYS))

    def _image(self, what: str, value: pulumi.Input[str]) -> pulumi.Input[str]:
        def here(known: str) -> None:
            ecs_task.image(known, what)
            found = ecs_task.repository(known, self._region).split(":")[3]
            if found != self._region:
                fix = f"push it to a repository in {self._region}"
                raise checks.wrong(what, known, f"an image in {self._region}, where the endpoint is", fix)

        return checks.asked(value, here)

    def _targets(self, args: Mapping[str, Any]) -> Targets:
        what = "SageMakerEndpoint"
        least = checks.whole(f"{what}.min", args.get("min", 2), 1, MOST_INSTANCES, "instances")
        most = checks.whole(f"{what}.max", args.get("max", least), 1, MOST_INSTANCES, "instances")
        checks.in_order([(f"{what}.min", least), (f"{what}.max", most)])
        bounds = {"cpu_target": (1, 100, "percent"), "requests_target": (1, 1e7, "requests a minute")}
        for key, (low, high, unit) in {**bounds, "in_flight_target": (0.1, 1e5, "requests")}.items():
            if key in args:
                checks.within(f"{what}.{key}", args[key], low, high, unit)
                if most == least:
                    raise checks.wrong(f"{what}.{key}", args[key], f"a max above min ({least}) beside it", "raise max")
        others = [args.get("requests_target"), args.get("in_flight_target")]
        cpu = args.get("cpu_target", 60 if others == [None, None] else None)
        return Targets(least, most, cpu, *others)

    def _variants(self, args: SageMakerEndpointArgs) -> list[Variant]:
        what, count = "SageMakerEndpoint", self.targets.least
        kind = args.get("instance_type", "ml.m7i.large")
        sagemaker_types.check(f"{what}.instance_type", kind, self._region)
        weight = args.get("weight", 1)
        checks.within(f"{what}.weight", weight, 0, 1e6)
        found = [Variant(VARIANT, self._image(f"{what}.image", args["image"]), weight, kind, count)]
        for name, given in (args.get("variants") or {}).items():
            where = f"{what}.variants[{name!r}]"
            expected = "1 to 16 of a-z, 0-9 and -, a letter first, and neither main nor shadow"
            checks.fits(f"a key of {what}.variants", name, r"(?!(main|shadow)$)[a-z]([-a-z0-9]{0,14}[a-z0-9])?",
                        expected, "next")  # fmt: skip
            checks.given(where, given, SageMakerVariant)
            checks.within(f"{where}.weight", given["weight"], 0, 1e6)
            other = given.get("instance_type", kind)
            sagemaker_types.check(f"{where}.instance_type", other, self._region)
            found.append(Variant(name, self._image(f"{where}.image", given["image"]), given["weight"], other, count))
        if len(found) > MOST_VARIANTS:
            told = f"at most {MOST_VARIANTS - 1} beside the endpoint's own, as SageMaker takes {MOST_VARIANTS}"
            raise checks.wrong(f"{what}.variants", f"{len(found) - 1} variants", told, "leave some out")
        if not any(each.weight for each in found):
            raise checks.wrong(f"{what}.weight", weight, "a weight above 0 for one variant at least", "write 1")
        return found

    def _shadow(self, args: SageMakerEndpointArgs) -> Variant | None:
        given, what = args.get("shadow"), "SageMakerEndpoint.shadow"
        if given is None:
            return None
        checks.given(what, given, SageMakerShadow)
        if len(self.variants) > 1:
            told = "none beside variants, as SageMaker shadows an endpoint of one variant"
            raise checks.wrong(what, "set", told, "leave one of them out")
        percent = given.get("percent", 100)
        checks.within(f"{what}.percent", percent, 1, 100, "percent")
        own = self.variants[0]
        kind = given.get("instance_type", own.instance_type)
        sagemaker_types.check(f"{what}.instance_type", kind, self._region)
        count = checks.whole(f"{what}.instances", given.get("instances", own.instances), 1, MOST_INSTANCES, "instances")
        if not own.weight:
            raise checks.wrong("SageMakerEndpoint.weight", own.weight, "a weight above 0 beside a shadow", "write 1")
        # SageMaker copies a share: that of the shadow's weight in the variant's own.
        return Variant(SHADOW, self._image(f"{what}.image", given["image"]), own.weight * percent / 100, kind, count)

    def _released(self) -> None:
        """Hold the release to what SageMaker can do with so many instances and variants. Raises ArgsError."""
        strategy, least = self.release.strategy, self.targets.least
        what = "SageMakerEndpoint.release.strategy"
        if strategy is SageMakerStrategy.ROLLING and len(self.variants) > 1:
            told = "another one beside variants, as SageMaker rolls endpoints of one variant"
            raise checks.wrong(what, strategy.value, told, "write canary or blue-green")
        if strategy is not SageMakerStrategy.BLUE_GREEN and least < 2:
            told = "2 instances at least, as the first that are new may be half of them"
            raise checks.wrong("SageMakerEndpoint.min", least, f"{told} with strategy {strategy.value}",
                               "write 2, or strategy blue-green")  # fmt: skip

    def _alarms(self, names: Sequence[pulumi.Input[str]]) -> list[pulumi.Input[str]]:
        found = [_told(each, partial(_alarm, f"SageMakerEndpoint.alarm_names[{at}]")) for at, each in enumerate(names)]
        each_has = 1 if self.latency is None else 2
        own = len(self.variants) * each_has
        if own > MOST_ALARMS:
            most = MOST_ALARMS // each_has - 1
            told = f"at most {most} with latency_seconds, as SageMaker takes {MOST_ALARMS} alarms and each has two"
            fix = "leave some out, or latency_seconds"
            raise checks.wrong("SageMakerEndpoint.variants", f"{len(self.variants) - 1} variants", told, fix)
        if own + len(found) > MOST_ALARMS:
            told = f"at most {MOST_ALARMS - own}, as SageMaker takes {MOST_ALARMS} and {own} are of the variants"
            raise checks.wrong("SageMakerEndpoint.alarm_names", f"{len(found)} names", told, "join some into one alarm")
        return found

    def _env(self, args: SageMakerEndpointArgs) -> dict[str, pulumi.Input[str]]:
        what, found = "SageMakerEndpoint.env", dict(args.get("env") or {})
        environment.plain(what, found)
        for key, value in found.items():
            if isinstance(value, str) and len(value) > 1024:
                told = "at most 1024, as SageMaker takes no more"
                raise checks.wrong(f"{what}[{key!r}]", f"a text of {len(value)} characters", told, "shorten it")
        if "workers" in args:
            count = checks.whole("SageMakerEndpoint.workers", args["workers"], 1, 256, "processes")
            found["MODELPORT_WORKERS"] = str(count)
        if len(found) > MOST_VARIABLES:
            told = f"at most {MOST_VARIABLES}, as SageMaker takes no more"
            raise checks.wrong(what, f"{len(found)} variables", told, "leave some out")
        return found


def _capture(args: SageMakerEndpointArgs) -> Capture | None:
    given, what = args.get("capture"), "SageMakerEndpoint.capture"
    if given is None:
        return None
    checks.given(what, given, SageMakerCapture)
    percent = checks.whole(f"{what}.percent", given["percent"], 1, 100, "percent")
    days = checks.whole(f"{what}.days", given.get("days", 90), 1, 3650, "days")
    modes = ("Input", "Output") if given.get("answers", True) else ("Input",)
    return Capture(percent, days, modes, given.get("delete_data", False))


def _told(value: pulumi.Input[str], rule: Callable[[str], object]) -> pulumi.Input[str]:
    """What another resource tells of itself is taken for what it is; what a program writes is checked."""
    if not isinstance(value, pulumi.Output):
        rule(cast("str", value))
    return value


def _alarm(what: str, value: object) -> None:
    checks.fits(what, value, r"[ -~]{1,255}", "the name of an alarm", "digits-errors")
