"""What a ComputeService is asked for, checked."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import pulumi

from components import checks, environment, scaling
from components.gcp import backends, catalog, cluster_nodes, compute_service_release, gpus, keys, release_steps
from components.gcp import checks as gcp
from components.gcp import compute_service_boot as boot
from components.gcp.compute_service_release import ComputeRelease
from components.gcp.gpus import GkeAttachedGpu, Gpus
from components.scaling import Counted

WHAT: Final = "ComputeService"
LONGEST: Final = 22
"""Characters of a name: an account is called so too, of 30 characters with Pulumi's suffix (IAM, "Create service
accounts", 2026-11-22); a group may have more."""
USUAL: Final = "n2-standard-2"
"""For a model that computes on processors: what every region has."""
MACHINE_IMAGE: Final = "projects/cos-cloud/global/images/family/cos-stable"
"""Google's newest Container-Optimized OS as an instance starts ("Milestones and build numbers" of it, 2026-11-22)."""
ARM: Final = ("c4a", "n4a", "t2a")
"""Machine series of ARM (Compute Engine, "Machine families", 2026-11-22)."""
MOST_INSTANCES: Final = 1000
STARTS: Final = (10, 3600)
"""Seconds that autohealing waits for (compute.v1, InstanceGroupManagerAutoHealingPolicy, 2026-11-22)."""
STARTS_USUAL, STARTS_WITH_GPUS = 300, 900
LATENCY: Final = 3600.0
"""Seconds; more than a load balancer waits is of no use."""
MOST_METRICS: Final = 5
"""More than anybody scales by; each is asked for by the autoscaler all the time."""


class ComputeSpread(Enum):
    """How instances are spread over zones."""

    EVEN = "even"
    """As many in each, come what may."""
    BALANCED = "balanced"
    """As even as there is capacity."""
    ANY = "any"
    """Wherever there is capacity."""


class ComputeMetricKind(Enum):
    """What of a metric is aimed at."""

    GAUGE = "gauge"
    """Its value."""
    DELTA_PER_SECOND = "delta-per-second"
    """What is added to it in a second."""
    DELTA_PER_MINUTE = "delta-per-minute"
    """What is added to it in a minute."""


class ComputeMetric(TypedDict):
    """A metric of Cloud Monitoring that instances come and go by."""

    name: str
    """Type of the metric, as `pubsub.googleapis.com/subscription/num_undelivered_messages`."""
    target: NotRequired[float]
    """Its value that is aimed at, of each instance or of the group. Either this or `of_each`."""
    of_each: NotRequired[float]
    """How much of a value of the whole group one instance is to get, as ten messages of those that wait."""
    kind: NotRequired[ComputeMetricKind]
    """What of it is aimed at, with `target`. Default: its value."""
    filter: NotRequired[str]
    """Which time series, as a filter of Cloud Monitoring of equalities alone. Default: that of each instance."""


class ComputeServiceArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    region: str
    """Region, as `europe-west4`."""
    image: pulumi.Input[str]
    """What to run, an image in Artifact Registry by digest: the output `reference` of a ModelImage that was pushed
    there."""
    network_id: pulumi.Input[str]
    """Whole name of the network, `projects/PROJECT/global/networks/NAME`: of a GcpNetwork."""
    subnetwork_id: pulumi.Input[str]
    """Whole name of its subnetwork in the region. From there Artifact Registry has to be reached: by Private Google
    Access or Cloud NAT."""
    load_balanced: NotRequired[bool]
    """Whether a load balancer leads to the instances, as a GcpLoadBalancer does with `instances`: what it counts bounds
    a canary, and scales. Default: no."""
    allowed_service_accounts: NotRequired[Sequence[pulumi.Input[str]]]
    """Addresses of service accounts whose machines in the network may speak to the instances, beside the load balancer.
    Default: none."""
    machine_type: NotRequired[str]
    """Machine type, as `n2-standard-4`, `g2-standard-8`, or one of the series N1 with a `gpu`. Default:
    n2-standard-2."""
    gpu: NotRequired[GkeAttachedGpu]
    """GPU that is attached to a machine of the series N1, which has none of its own. Default: none."""
    gpu_count: NotRequired[int]
    """How many of that GPU each instance has. Default: 1."""
    machine_image: NotRequired[str]
    """Image of the machines' disks or a family of images, `projects/PROJECT/global/images/...`: one like Google's
    Container-Optimized OS. Default: its newest as an instance starts."""
    spot: NotRequired[bool]
    """Whether the instances are Spot VMs, which are cheaper and may be taken away, all at once too. Default: no."""
    disk_gib: NotRequired[int]
    """GiB of each instance's disk. Default: 30, and 100 with GPUs."""
    disk_key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS for these disks, in the region, which the service agent of Compute Engine may
    use. Default: a key of Google's own."""
    zones: NotRequired[Sequence[str]]
    """Zones of the region that instances may be in, which stay as they are. Default: the first three, or those that
    have the machine type with its GPUs."""
    spread: NotRequired[ComputeSpread]
    """How instances are spread over them. Default: even."""
    min: NotRequired[int]
    """The fewest instances. Default: 2."""
    desired: NotRequired[int]
    """Instances at the start; from then on the autoscaler says how many. Default: `min`."""
    max: NotRequired[int]
    """The most instances. Default: `min`, and nothing is scaled."""
    cpu_target: NotRequired[float]
    """Percent of their CPU that instances are to use. Default: 60."""
    predictive: NotRequired[bool]
    """Whether instances come before they are needed, as CPU was used on days and weeks before. Default: no."""
    requests_target: NotRequired[float]
    """Requests in a minute that each instance is to get of a GcpLoadBalancer. Default: that is not looked at."""
    metrics: NotRequired[Sequence[ComputeMetric]]
    """Metrics of Cloud Monitoring that instances come and go by, too; whatever asks for more wins. Default: none."""
    release: NotRequired[ComputeRelease]
    """How a new version takes the place of the old one; whatever fails is rolled back. Default: rolling."""
    error_percent: NotRequired[float]
    """Percent of the load balancer's answers that may be errors before a canary goes back. Default: 1."""
    latency_seconds: NotRequired[float]
    """Seconds within which 99 of 100 of its answers must come, or a canary goes back. Default: not looked at."""
    alert_policies: NotRequired[Sequence[pulumi.Input[str]]]
    """Whole names of alert policies of this project, `projects/PROJECT/alertPolicies/ID`: while an incident of one is
    open, a canary goes back. Default: none."""
    startup_seconds: NotRequired[int]
    """Seconds that an instance may take until the model answers, before it is made anew: 10 to 3600. Default: 300, and
    900 with GPUs, whose driver is installed first."""
    workers: NotRequired[int]
    """Processes that answer on each instance. Default: one for each core, four at most."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own. Anybody who may describe instance templates reads it."""
    allow_sessions: NotRequired[bool]
    """Whether whoever may log in by OS Login and Identity-Aware Proxy gets a shell on instances. Default: no, nobody
    does."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's; others are another version of the
    instances. Default: none."""


class Machine(NamedTuple):
    """What an instance is."""

    type: str
    gpus: Gpus | None
    zones: list[str]

    @property
    def attached(self) -> bool:
        """Whether its GPUs are no part of its type."""
        return self.gpus is not None and self.type in gpus.N1

    @property
    def disk_type(self) -> str:
        return cluster_nodes.disk_type(self.type) if self.gpus is None else gpus.disk_type(self.type)


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: ComputeServiceArgs) -> None:
        """Raises ArgsError."""
        checks.given(WHAT, args, ComputeServiceArgs)
        gcp.named(WHAT, name, LONGEST)
        gcp.project(f"{WHAT}.project", args["project"])
        gcp.region(f"{WHAT}.region", args["region"])
        told = cast("Mapping[str, Any]", args)
        self.project, self.region = args["project"], args["region"]
        self.image = checks.asked(args["image"], partial(gcp.image, f"{WHAT}.image"))
        self.network = gcp.told(f"{WHAT}.network_id", args["network_id"], gcp.whole_network)
        self.subnetwork = gcp.told(
            f"{WHAT}.subnetwork_id", args["subnetwork_id"], partial(gcp.subnetwork, region=self.region)
        )
        self.balanced = args.get("load_balanced", False)
        self.callers = [
            gcp.told(f"{WHAT}.allowed_service_accounts[{at}]", each, gcp.account)
            for at, each in enumerate(args.get("allowed_service_accounts") or [])
        ]
        self.machine = _machine(told, self.region)
        self.machine_image = args.get("machine_image", MACHINE_IMAGE)
        _machine_image(self.machine_image)
        self.spot = _spot(args.get("spot", False), self.machine)
        usual = 30 if self.machine.gpus is None else 100
        # Below, the system leaves an image no room; above, pd-balanced has no more.
        self.disk_gib = checks.whole(f"{WHAT}.disk_gib", args.get("disk_gib", usual), 10, 65_536, "GiB")
        self.disk_key = keys.given(f"{WHAT}.disk_key_name", args.get("disk_key_name"), self.region)
        self.spread = checks.choice(f"{WHAT}.spread", args.get("spread", ComputeSpread.EVEN), ComputeSpread)
        self._scaled(told)
        self._released(told)
        self.workers = args.get("workers")
        if self.workers is not None:
            self.workers = checks.whole(f"{WHAT}.workers", self.workers, 1, 256, "processes")
        self.env = args.get("env") or {}
        boot.held({key: value for key, value in self.env.items() if isinstance(value, str)})
        environment.plain(f"{WHAT}.env", self.env)
        self.sessions = args.get("allow_sessions", False)

    def _scaled(self, args: Mapping[str, Any]) -> None:
        counted = Counted(
            self.balanced,
            "a load balancer that counts them",
            "write load_balanced: True, and lead a GcpLoadBalancer here",
            # A share of what a load balancer takes an instance to be able to.
            least=6,
            most=60 * backends.MOST_RATE,
        )
        self.counts = scaling.counts(WHAT, args, MOST_INSTANCES, "instances", counted)
        self.predictive = args.get("predictive", False)
        self.metrics = [_metric(f"{WHAT}.metrics[{at}]", each) for at, each in enumerate(args.get("metrics") or [])]
        if len(self.metrics) > MOST_METRICS:
            got = f"{len(self.metrics)} metrics"
            raise checks.wrong(f"{WHAT}.metrics", got, f"at most {MOST_METRICS}", "leave some out")
        for key in ("predictive", "metrics"):
            if args.get(key) and not self.counts.scaled:
                expected = f"a max above min ({self.counts.least}) beside it"
                raise checks.wrong(f"{WHAT}.{key}", args[key], expected, "raise max")

    def _released(self, args: Mapping[str, Any]) -> None:
        self.release = compute_service_release.asked(args.get("release") or ComputeRelease(), len(self.machine.zones))
        self.bounds = release_steps.bounds(WHAT, args, LATENCY)
        self.policies = [
            gcp.told(f"{WHAT}.alert_policies[{at}]", each, partial(release_steps.policy, project=self.project))
            for at, each in enumerate(args.get("alert_policies") or [])
        ]
        release_steps.looked_at(WHAT, args, self.release.plan)
        for key in ("error_percent", "latency_seconds"):
            if args.get(key) is not None and not self.balanced:
                expected = "a load balancer that measures it"
                fix = f"write load_balanced: True, and lead a GcpLoadBalancer here, or leave {key} out"
                raise checks.wrong(f"{WHAT}.{key}", args[key], expected, fix)
        starts = STARTS_USUAL if self.machine.gpus is None else STARTS_WITH_GPUS
        self.starts = checks.whole(f"{WHAT}.startup_seconds", args.get("startup_seconds", starts), *STARTS, "seconds")


def _machine(args: Mapping[str, Any], region: str) -> Machine:
    """Machine type, GPUs and zones. Raises ArgsError."""
    what, wanted = f"{WHAT}.machine_type", args.get("zones")
    type_ = args.get("machine_type", USUAL)
    if type_ in gpus.GPU_TYPES or _meant_for_gpus(type_) or args.get("gpu") is not None:
        found = gpus.machine(WHAT, type_, args.get("gpu"), args.get("gpu_count"))
        return Machine(type_, found, gpus.offered(WHAT, type_, found, region, wanted))
    gcp.machine_type(what, type_)
    if args.get("gpu_count") is not None:
        raise checks.wrong(f"{WHAT}.gpu_count", args["gpu_count"], "nothing without gpu", "write gpu, or leave it out")
    if type_.partition("-")[0] in ARM:
        raise checks.wrong(what, type_, "a machine type of x86-64, as images are of", f"for example {USUAL}")
    if wanted is None:
        return Machine(type_, None, catalog.zones(region)[:3])
    if isinstance(wanted, str) or not wanted:
        expected = "a list of at least one zone"
        raise checks.wrong(f"{WHAT}.zones", wanted, expected, f"write {catalog.zones(region)}, or leave it out")
    gcp.zones(f"{WHAT}.zones", wanted, region)
    return Machine(type_, None, list(wanted))


def _meant_for_gpus(type_: object) -> bool:
    """The families A and G have accelerators, and those that are left out are told why."""
    first = str(type_).partition("-")[0]
    return first[:1] in ("a", "g") and first[1:2].isdigit()


def _spot(spot: bool, machine: Machine) -> bool:
    """Types that are sold as Spot VMs alone are asked for as such. Raises ArgsError."""
    if machine.type in (*gpus.SPOT_ALONE, *gpus.RESERVED_OR_SPOT) and not spot:
        expected = f"True for {machine.type}, which is not sold on demand"
        raise checks.wrong(f"{WHAT}.spot", spot, expected, "write spot: True, or take another machine_type")
    return spot


def _machine_image(value: object) -> None:
    pattern = r"projects/[a-z][a-z0-9.:-]{4,61}/global/images/(family/)?[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
    checks.fits(f"{WHAT}.machine_image", value, pattern, "the whole name of an image or of a family", MACHINE_IMAGE)


def _metric(what: str, given: ComputeMetric) -> dict[str, Any]:
    """A metric as the autoscaler takes it. Raises ArgsError."""
    checks.given(what, given, ComputeMetric)
    told = cast("Mapping[str, Any]", given)
    example = "pubsub.googleapis.com/subscription/num_undelivered_messages"
    pattern = r"[a-z0-9.-]+\.[a-z]+/[A-Za-z0-9_./-]{1,200}"
    checks.fits(f"{what}.name", given["name"], pattern, "the type of a metric of Cloud Monitoring", example)
    made: dict[str, Any] = {"name": given["name"]}
    aims = [key for key in ("target", "of_each") if given.get(key) is not None]
    if len(aims) != 1:
        raise checks.wrong(f"{what}.target", given.get("target"), "either it or of_each", "write one of them")
    checks.within(f"{what}.{aims[0]}", told[aims[0]], 1e-6, 1e12)
    if aims == ["target"]:
        kind = checks.choice(f"{what}.kind", given.get("kind", ComputeMetricKind.GAUGE), ComputeMetricKind)
        made |= {"target": told["target"], "type": kind.value.replace("-", "_").upper()}
    else:
        if given.get("kind") is not None:
            raise checks.wrong(f"{what}.kind", given.get("kind"), "nothing beside of_each", "leave it out")
        made["single_instance_assignment"] = told["of_each"]
    if (asked := given.get("filter")) is not None:
        pattern = r'(?is)(?!(?:[^"]|"[^"]*")*?\bor\b).{1,2000}'
        example = 'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = "digits"'
        checks.fits(f"{what}.filter", asked, pattern, "equalities, joined by AND", example)
        made["filter"] = asked
    return made
