"""What a CloudRunService is asked for, checked."""

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial
from typing import Any, Final, NotRequired, TypedDict, cast

import pulumi

from components import checks
from components.gcp import checks as gcp
from components.gcp import cloud_run_sizes, cloud_run_steps, keys, members, release_steps, serverless
from components.gcp.cloud_run_revision import Json, Revision
from components.gcp.cloud_run_sizes import WHAT, CloudRunGpu
from components.gcp.cloud_run_steps import CloudRunRelease

LONGEST: Final = 22
"""Characters of a name: an account is called so too, of 30 characters with Pulumi's suffix (IAM, "Create service
accounts", 2026-11-22); a service may have 49."""
START, START_WITH_GPU = (2, 600), (2, 1800)
"""Seconds of a start ("Configure container health checks" of Cloud Run, 2026-11-22)."""
AUDIENCES: Final = 32_768
"""Characters of all audiences as JSON ("Set custom audiences for services", the same)."""
CONCURRENCY_USUAL, TIMEOUT_USUAL, MOST_USUAL, START_USUAL = 80, 60, 10, 240


class CloudRunIngress(Enum):
    """Where requests may come from, before anybody is asked who he is."""

    INTERNAL = "internal"
    """VPC networks of this project or its perimeter, and Google's own services in it."""
    LOAD_BALANCER = "internal-and-cloud-load-balancing"
    """The same, and a load balancer that leads here."""
    ALL = "all"
    """Anywhere, the internet too."""


INGRESS: Final[Mapping[CloudRunIngress, str]] = {
    CloudRunIngress.INTERNAL: "INGRESS_TRAFFIC_INTERNAL_ONLY",
    CloudRunIngress.LOAD_BALANCER: "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
    CloudRunIngress.ALL: "INGRESS_TRAFFIC_ALL",
}
"""What gcloud's words are in the API."""


class CloudRunEgress(Enum):
    """What of that which a server asks for goes by its VPC network."""

    ALL = "all-traffic"
    """All of it: the network's firewall and NAT decide."""
    PRIVATE_RANGES = "private-ranges-only"
    """What is for private addresses; the rest goes to the internet by itself."""


class CloudRunNetwork(TypedDict):
    """The VPC network that instances reach out into: outputs of a GcpNetwork."""

    network_id: pulumi.Input[str]
    """Whole name of the network, `projects/PROJECT/global/networks/NAME`."""
    subnetwork_id: pulumi.Input[str]
    """Whole name of a subnetwork in the service's region, /26 or larger: instances have addresses of it."""
    tags: NotRequired[Sequence[str]]
    """Network tags of the instances, which firewall rules for what goes out may name. Default: none."""
    egress: NotRequired[CloudRunEgress]
    """What goes that way. Default: all."""


class CloudRunSecret(TypedDict):
    """A secret of Secret Manager that a variable has the value of; it is in no plan and in no state."""

    secret: pulumi.Input[str]
    """Its whole name, `projects/PROJECT/secrets/NAME`, or its name alone where it is of this project."""
    version: NotRequired[str]
    """Number of the version, or `latest`: what that is as an instance starts. Default: latest."""


class CloudRunServiceArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    project_number: str
    """Number of the project, digits as text: Cloud Run's own account, which opens the image, is named by it."""
    region: str
    """Region, as `europe-west4`."""
    image: pulumi.Input[str]
    """The image in Artifact Registry by digest: the output `reference` of a ModelImage. One of another project has to
    be readable for `service-NUMBER@serverless-robot-prod.iam.gserviceaccount.com`."""
    cpu: NotRequired[int]
    """vCPU of an instance: 1, 2, 4, 6 or 8. Default: 1; with a GPU the fewest that it takes."""
    memory: NotRequired[int]
    """MiB of an instance, what is written to /tmp among it. Default: 2048, or the least beside that many vCPU."""
    gpu: NotRequired[CloudRunGpu]
    """GPU of each instance, for an image that uses one. Default: none."""
    gpu_zonal_redundancy: NotRequired[bool]
    """Whether GPUs are kept free in another zone; without, an instance may find none when a zone fails, and costs less.
    Either has a quota of its own. Default: yes."""
    workers: NotRequired[int]
    """Processes that answer in each instance. Default: 1."""
    concurrency: NotRequired[int]
    """The most requests at once in an instance, 1 to 1000; another one starts beyond. Default: 80."""
    timeout: NotRequired[int]
    """Seconds within which an answer must come, 1 to 3600. Default: 60."""
    min: NotRequired[int]
    """Instances that stay without any request, and are paid for. Default: 0, so the first request waits for a start."""
    max: NotRequired[int]
    """The most instances of a version; more requests wait, and are refused. Default: 10, or `min` if that is more."""
    cpu_always: NotRequired[bool]
    """Whether an instance has its CPU between requests too, and is paid for as long as it lives. Default: no; with a
    GPU always."""
    startup_boost: NotRequired[bool]
    """Whether an instance has more CPU as it starts. Default: yes."""
    startup_seconds: NotRequired[int]
    """Seconds that a start may take, the model's loading among them: at most 600, with a GPU 1800. Default: 240."""
    ingress: NotRequired[CloudRunIngress]
    """Where requests may come from. Default: the project's VPC networks alone."""
    invokers: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Who may call it: IAM members by a short name of each, as
    `{"shop": "serviceAccount:shop@shop-prod.iam.gserviceaccount.com"}`. Default: nobody beyond who may in the whole
    project."""
    anonymous: NotRequired[bool]
    """Whether it answers everybody whom `ingress` lets through, without asking who that is (`allUsers`): behind a load
    balancer, say. Default: no."""
    audiences: NotRequired[Sequence[str]]
    """What callers' identity tokens may be for beside the service's own URL, as `https://models.example.com` behind a
    load balancer. Default: nothing else."""
    network: NotRequired[CloudRunNetwork]
    """VPC network that instances reach out into. Default: none, they reach the internet alone."""
    release: NotRequired[CloudRunRelease]
    """How a new version takes the place of the old one. Default: rolling."""
    error_percent: NotRequired[float]
    """Percent of the answers that may be errors by the server's fault before a release goes back. Default: 1."""
    latency_seconds: NotRequired[float]
    """Seconds within which 99 of 100 answers must come, or a release goes back. Default: not looked at."""
    alert_policies: NotRequired[Sequence[pulumi.Input[str]]]
    """Whole names of alert policies of this project, `projects/PROJECT/alertPolicies/ID`: while an incident of one is
    open, a release goes back. Default: none."""
    service_account: NotRequired[pulumi.Input[str]]
    """Address of what the instances are to Google Cloud: of a GcpIdentity. Default: an account that may do nothing but
    read `secrets`."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own. Anybody who may describe services reads it."""
    secrets: NotRequired[Mapping[str, CloudRunSecret]]
    """Variables whose values are secrets of Secret Manager, which the account may then read. Default: none."""
    key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS that encrypts the image where it runs, of this region; the account
    `service-NUMBER@serverless-robot-prod.iam.gserviceaccount.com` has to be allowed to encrypt and decrypt with it.
    Default: one made for it, which rotates and which that account may use."""
    binary_authorization: NotRequired[bool]
    """Whether the project's policy of Binary Authorization decides which images run. Default: no."""
    allow_deletion: NotRequired[bool]
    """Whether the service may be deleted, by `destroy` too. Default: no."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: CloudRunServiceArgs) -> None:
        """Raises ArgsError."""
        checks.given(WHAT, args, CloudRunServiceArgs)
        gcp.named(WHAT, name, LONGEST)
        gcp.project(f"{WHAT}.project", args["project"])
        gcp.number(f"{WHAT}.project_number", args["project_number"])
        gcp.region(f"{WHAT}.region", args["region"])
        told = cast("Mapping[str, Any]", args)
        self.project, self.number, self.region = args["project"], args["project_number"], args["region"]
        self.image = checks.asked(args["image"], partial(gcp.image, f"{WHAT}.image"))
        self.min = checks.whole(f"{WHAT}.min", args.get("min", 0), 0, serverless.INSTANCES, "instances")
        self.revision = _revision(told, max(MOST_USUAL, self.min))
        checks.in_order([(f"{WHAT}.min", self.min), (f"{WHAT}.max", self.revision.most)])
        self.ingress = checks.choice(f"{WHAT}.ingress", args.get("ingress", CloudRunIngress.INTERNAL), CloudRunIngress)
        everybody = "name them, or write anonymous: True to answer everybody"
        self.invokers = members.asked(f"{WHAT}.invokers", args.get("invokers") or {}, everybody, "shop")
        self.anonymous = args.get("anonymous", False)
        if self.anonymous and self.invokers:
            got = sorted(self.invokers)
            raise checks.wrong(f"{WHAT}.invokers", got, "none beside anonymous", "leave anonymous out")
        self.audiences = _audiences(list(args.get("audiences") or []), everybody=self.anonymous)
        self.plan = cloud_run_steps.asked(args.get("release") or CloudRunRelease())
        self.bounds = release_steps.bounds(WHAT, told, self.revision.timeout)
        self.policies = [
            gcp.told(f"{WHAT}.alert_policies[{at}]", each, partial(release_steps.policy, project=self.project))
            for at, each in enumerate(args.get("alert_policies") or [])
        ]
        release_steps.looked_at(WHAT, told, self.plan)
        self.account = args.get("service_account")
        if self.account is not None:
            self.account = gcp.told(f"{WHAT}.service_account", self.account, gcp.account)
        self.key = keys.given(f"{WHAT}.key_name", args.get("key_name"), self.region)
        self.binary_authorization = args.get("binary_authorization", False)
        self.allow_deletion = args.get("allow_deletion", False)


def _audiences(given: list[str], *, everybody: bool) -> list[str]:
    what = f"{WHAT}.audiences"
    if given and everybody:
        raise checks.wrong(what, given, "none beside anonymous, which asks for no token", "leave audiences out")
    for at, each in enumerate(given):
        checks.fits(f"{what}[{at}]", each, r"[!-~]+", "what a token is for, as a URL", "https://models.example.com")
    if len(json.dumps(given)) > AUDIENCES:
        raise checks.wrong(what, f"{len(given)} of them", f"at most {AUDIENCES} characters as JSON", "leave some out")
    return given


def _revision(args: Mapping[str, Any], most: int) -> Revision:
    size = cloud_run_sizes.asked(args)
    always = args.get("cpu_always", size.gpu is not None)
    if size.gpu is not None and not always:
        raise checks.wrong(
            f"{WHAT}.cpu_always", always, "True beside a GPU, as Cloud Run has it", "leave cpu_always out"
        )
    bounds: dict[str, tuple[tuple[int, int], str, int]] = {
        "workers": ((1, 64), "processes", 1),
        "concurrency": (serverless.CONCURRENCY, "requests at once", CONCURRENCY_USUAL),
        "timeout": (serverless.TIMEOUT, "seconds", TIMEOUT_USUAL),
        "max": ((1, serverless.INSTANCES), "instances", most),
        "startup_seconds": (START if size.gpu is None else START_WITH_GPU, "seconds", START_USUAL),
    }
    whole = {
        key: checks.whole(f"{WHAT}.{key}", args.get(key, usual), *within, unit)
        for key, (within, unit, usual) in bounds.items()
    }
    env, secrets = serverless.variables(WHAT, args, CloudRunSecret)
    return Revision(
        size,
        whole["workers"],
        whole["concurrency"],
        whole["timeout"],
        whole["max"],
        whole["startup_seconds"],
        always,
        args.get("startup_boost", True),
        args.get("gpu_zonal_redundancy", True),
        env,
        secrets,
        _network(args.get("network"), str(args["region"])),
    )


def _network(given: CloudRunNetwork | None, region: str) -> Json | None:
    if given is None:
        return None
    what = f"{WHAT}.network"
    checks.given(what, given, CloudRunNetwork)
    interface = serverless.interface(what, given, region)
    egress = checks.choice(f"{what}.egress", given.get("egress", CloudRunEgress.ALL), CloudRunEgress)
    return {"networkInterfaces": [interface], "egress": egress.value.replace("-", "_").upper()}
