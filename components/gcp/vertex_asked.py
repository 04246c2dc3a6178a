"""What a VertexEndpoint is asked for, checked."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import pulumi

from components import checks, environment
from components.gcp import checks as gcp
from components.gcp import gpus, keys, members, release_steps, vertex_steps
from components.gcp.gpus import GkeAttachedGpu
from components.gcp.vertex_steps import VertexRelease
from components.gcp.vertex_version import ACCELERATORS, Scale, Version

WHAT: Final = "VertexEndpoint"
LONGEST: Final = 40
"""Characters of a name: an endpoint has 63 ("projects.locations.endpoints.create", `endpointId`, 2026-11-22), with
Pulumi's suffix, and what belongs to it is called by it."""
HOST: Final = 63
"""Characters of a part of a DNS name, of which a private endpoint's is of its id, its region and the project."""
MACHINE_USUAL: Final = "n2-standard-2"
REPLICAS: Final = 1000
"""More than any project's quota gives without a talk with Google first."""
START: Final = (60, 3600)
"""Seconds of a start."""
LATENCY: Final = 3600
"""Seconds of an answer at most ("Use dedicated public endpoints for online inference", 2026-11-22)."""
VARIABLES: Final = 100
"""Variables of a container at most: far fewer than a request of this size has room for."""
ARM: Final = ("a4x", "c4a", "n4a", "t2a")
"""Series of Compute Engine with processors of arm64."""
GPUS: Final = ("a2", "a3", "a4", "g2", "g4")
"""Series whose machines have GPUs of their own."""
TABLE: Final = "requests"
_DATASET: Final = r"[a-z][a-z0-9.:-]{4,61}\.[A-Za-z0-9_]{1,1024}"


class VertexPrivate(TypedDict):
    """Where a private endpoint is reached, by Private Service Connect: outputs of a GcpNetwork."""

    network_id: pulumi.Input[str]
    """Whole name of the network, `projects/PROJECT/global/networks/NAME`."""
    subnetwork_id: pulumi.Input[str]
    """Whole name of a subnetwork in the endpoint's region, of which it has an address."""
    global_access: NotRequired[bool]
    """Whether it is reached from other regions too. Default: no."""
    projects: NotRequired[Sequence[str]]
    """Ids of other projects that may make a way to it of their own; changed, it is another endpoint. Default: none."""


class VertexLogging(TypedDict):
    """Requests and answers, kept in a table of BigQuery until somebody deletes them."""

    percent: float
    """Percent of the requests that are kept, above 0 to 100."""
    dataset: NotRequired[str]
    """Dataset that they are kept in, `PROJECT.DATASET`, which may be written by
    `service-NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com`. Default: one is made, which only that account and owners
    of the project may use."""
    delete_data: NotRequired[bool]
    """Whether what was kept goes with the component. Default: no."""


class VertexEndpointArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    project_number: str
    """Number of the project, digits as text: Vertex AI's own account, which opens the image, is named by it."""
    region: str
    """Region, as `europe-west4`."""
    image: pulumi.Input[str]
    """What to run, an image in Artifact Registry by digest: the output `reference` of a ModelImage. One of another
    project has to be readable for `service-NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com`."""
    machine_type: NotRequired[str]
    """Machine of a replica, of x86_64, as `n2-standard-4`, or with NVIDIA GPUs, as `g2-standard-8`. Default:
    n2-standard-2."""
    gpu: NotRequired[GkeAttachedGpu]
    """GPU that is attached to a machine of the series N1. Default: none."""
    gpu_count: NotRequired[int]
    """How many of that each replica has. Default: 1."""
    spot: NotRequired[bool]
    """Whether replicas run on spot machines, which Google takes back when it needs them. Default: no."""
    min: NotRequired[int]
    """The fewest replicas, which are always paid for. Default: 2."""
    max: NotRequired[int]
    """The most replicas, which have to be within the project's quota. Default: `min`, and nothing is scaled."""
    cpu_target: NotRequired[int]
    """Percent of their CPU that replicas are to use. Default: 60."""
    gpu_target: NotRequired[int]
    """Percent of the time that their GPUs are to be busy. Default: 60 for a machine that has some."""
    workers: NotRequired[int]
    """Processes that answer in each replica. Default: one for each core, 4 at most."""
    startup_seconds: NotRequired[int]
    """Seconds within which the model must answer in a new replica, once its machine is there. Default: 300."""
    private: NotRequired[VertexPrivate]
    """The network that it is reached in, and nowhere else. Its containers reach nobody then. Default: it is reached on
    the internet, by whom IAM lets. Changed, it is another endpoint."""
    dedicated: NotRequired[bool]
    """Whether an endpoint on the internet has a host name and a way in of its own, with requests of up to 10 MB and
    answers within an hour, rather than those of the region, with 1.5 MB and 60 seconds. Default: yes. VPC Service
    Controls guard the region's alone."""
    invokers: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Who may call it: IAM members by a short name of each, as
    `{"shop": "serviceAccount:shop@shop-prod.iam.gserviceaccount.com"}`. Default: nobody beyond who may in the whole
    project."""
    release: NotRequired[VertexRelease]
    """How a new version takes the place of the old one. Default: rolling."""
    error_percent: NotRequired[float]
    """Percent of the answers that may be errors by the server's fault before a release goes back. Default: 1."""
    latency_seconds: NotRequired[float]
    """Seconds within which 99 of 100 answers must come, or a release goes back. Default: not looked at."""
    alert_policies: NotRequired[Sequence[pulumi.Input[str]]]
    """Whole names of alert policies of this project, `projects/PROJECT/alertPolicies/ID`: while an incident of one is
    open, a release goes back. Default: none."""
    service_account: NotRequired[pulumi.Input[str]]
    """Address of what the containers are to Google Cloud: of a GcpIdentity; whoever runs `up` must be allowed to act as
    it. Default: an account of Google's own, which may do nothing in the project."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own. Anybody who may look at models reads it."""
    logging: NotRequired[VertexLogging]
    """What is kept of requests and answers. Default: nothing."""
    access_logs: NotRequired[bool]
    """Whether each request is an entry of the project's logs, without what it holds. Default: yes."""
    key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS that encrypts the endpoint and the model, of this region; the account
    `service-NUMBER@gcp-sa-aiplatform.iam.gserviceaccount.com` has to be allowed to encrypt and decrypt with it, and
    beside `logging` `bq-NUMBER@bigquery-encryption.iam.gserviceaccount.com`. Changed, it is another endpoint. Default:
    one made for it, which rotates and which those may use."""
    allow_deletion: NotRequired[bool]
    """Whether the endpoint may be deleted, by `destroy` too. Default: no."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class Private(NamedTuple):
    """Where a private endpoint is reached."""

    network: pulumi.Input[str]
    subnetwork: pulumi.Input[str]
    everywhere: bool
    projects: list[str]


class Logging(NamedTuple):
    """What is kept of requests."""

    share: float
    dataset: str | None
    delete: bool


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: VertexEndpointArgs) -> None:
        """Raises ArgsError."""
        checks.given(WHAT, args, VertexEndpointArgs)
        gcp.named(WHAT, name, LONGEST)
        gcp.project(f"{WHAT}.project", args["project"])
        gcp.number(f"{WHAT}.project_number", args["project_number"])
        gcp.region(f"{WHAT}.region", args["region"])
        told = cast("Mapping[str, Any]", args)
        self.project, self.number, self.region = args["project"], args["project_number"], args["region"]
        self.image = checks.asked(args["image"], partial(gcp.image, f"{WHAT}.image"))
        machine = _machine(told)
        self.scale = _scale(told, machine)
        account = args.get("service_account")
        if account is not None:
            account = gcp.told(f"{WHAT}.service_account", account, gcp.account)
        self.version = Version(
            str(args.get("machine_type", MACHINE_USUAL)),
            ACCELERATORS[machine.model] if machine is not None else None,
            machine.count if machine is not None else 0,
            args.get("spot", False),
            checks.whole(f"{WHAT}.startup_seconds", args.get("startup_seconds", 300), *START, "seconds"),
            _environment(told),
            account,
            args.get("access_logs", True),
        )
        self.private = self._private(name, args.get("private"))
        self.dedicated = self._dedicated(args)
        everybody = "name them, as Vertex AI answers nobody without an account"
        self.invokers = members.asked(f"{WHAT}.invokers", args.get("invokers") or {}, everybody, "shop")
        self.plan = vertex_steps.asked(args.get("release") or VertexRelease())
        self.bounds = release_steps.bounds(WHAT, told, LATENCY)
        self.policies = [
            gcp.told(f"{WHAT}.alert_policies[{at}]", each, partial(release_steps.policy, project=self.project))
            for at, each in enumerate(args.get("alert_policies") or [])
        ]
        release_steps.looked_at(WHAT, told, self.plan)
        self.logging = _logging(args.get("logging"))
        self.key = keys.given(f"{WHAT}.key_name", args.get("key_name"), self.region)
        self.allow_deletion = args.get("allow_deletion", False)

    def _private(self, name: str, given: VertexPrivate | None) -> Private | None:
        what = f"{WHAT}.private"
        if given is None:
            return None
        checks.given(what, given, VertexPrivate)
        most = HOST - len(f"-{self.region}-{self.number}") - gcp.SUFFIX
        if len(name) > most:
            raise checks.wrong(
                f"the name of {WHAT}",
                name,
                f"at most {most} characters of a private endpoint in {self.region}, whose host name has its region and "
                "the project's number",
                "take a shorter one",
            )
        projects = list(given.get("projects") or [])
        for at, each in enumerate(projects):
            gcp.project(f"{what}.projects[{at}]", each)
        if len({self.project, *projects}) != 1 + len(projects):
            expected = f"each project once, and {self.project} not among them"
            raise checks.wrong(f"{what}.projects", projects, expected, f"write {sorted({*projects} - {self.project})}")
        return Private(
            gcp.told(f"{what}.network_id", given["network_id"], gcp.whole_network),
            gcp.told(f"{what}.subnetwork_id", given["subnetwork_id"], partial(gcp.subnetwork, region=self.region)),
            given.get("global_access", False),
            projects,
        )

    def _dedicated(self, args: VertexEndpointArgs) -> bool:
        if self.private is not None and "dedicated" in args:
            expected = "nothing beside private, where each endpoint has a way in of its own"
            raise checks.wrong(f"{WHAT}.dedicated", args["dedicated"], expected, "leave it out")
        return self.private is None and args.get("dedicated", True)


def _logging(given: VertexLogging | None) -> Logging | None:
    what = f"{WHAT}.logging"
    if given is None:
        return None
    checks.given(what, given, VertexLogging)
    checks.within(f"{what}.percent", given["percent"], 0.01, 100, "percent")
    dataset = given.get("dataset")
    if dataset is not None:
        checks.fits(f"{what}.dataset", dataset, _DATASET, "a dataset with its project", "shop-prod.requests")
        if "delete_data" in given:
            expected = "none beside dataset, which somebody else has made"
            raise checks.wrong(f"{what}.delete_data", given["delete_data"], expected, "leave it out")
    return Logging(given["percent"] / 100, dataset, given.get("delete_data", False))


def _machine(args: Mapping[str, Any]) -> gpus.Gpus | None:
    """The machine with its GPUs; none for one without. Raises ArgsError."""
    machine_type, what = args.get("machine_type", MACHINE_USUAL), f"{WHAT}.machine_type"
    gcp.machine_type(what, machine_type)
    series = machine_type.partition("-")[0]
    if series in ARM:
        expected = "a machine that the image runs on, which is for x86_64"
        raise checks.wrong(what, machine_type, expected, f"for example {MACHINE_USUAL}")
    given = [key for key in ("gpu", "gpu_count") if args.get(key) is not None]
    has = (
        machine_type in gpus.GPU_TYPES or gpus.family(machine_type) in gpus.ZONES or series in ("a2", "a3", "a4", "g2")
    )
    if not given and not has:
        return None
    found = gpus.machine(WHAT, machine_type, args.get("gpu"), args.get("gpu_count"))
    gpus.offered(WHAT, machine_type, found, str(args["region"]), None)
    return found


def _scale(args: Mapping[str, Any], machine: gpus.Gpus | None) -> Scale:
    least = checks.whole(f"{WHAT}.min", args.get("min", 2), 1, REPLICAS, "replicas")
    most = checks.whole(f"{WHAT}.max", args.get("max", least), 1, REPLICAS, "replicas")
    checks.in_order([(f"{WHAT}.min", least), (f"{WHAT}.max", most)])
    for key in ("cpu_target", "gpu_target"):
        if args.get(key) is not None and most == least:
            raise checks.wrong(f"{WHAT}.{key}", args[key], f"a max above min ({least}) beside it", "raise max")
    if args.get("gpu_target") is not None and machine is None:
        expected = "none beside a machine without GPUs"
        raise checks.wrong(f"{WHAT}.gpu_target", args["gpu_target"], expected, "leave it out")
    cpu = checks.whole(f"{WHAT}.cpu_target", args.get("cpu_target", 60), 1, 100, "percent")
    gpu = checks.whole(f"{WHAT}.gpu_target", args.get("gpu_target", 60), 1, 100, "percent")
    return Scale(least, most, cpu, gpu if machine is not None else None)


def _environment(args: Mapping[str, Any]) -> Mapping[str, pulumi.Input[str]]:
    what, found = f"{WHAT}.env", dict(cast("Mapping[str, pulumi.Input[str]]", args.get("env") or {}))
    environment.plain(what, found)
    for key, value in found.items():
        if key.startswith("AIP_"):
            raise checks.wrong(f"a key of {what}", key, "one that Vertex AI does not set itself", "leave it out")
        # Each $$ is a dollar there.
        if isinstance(value, str) and re.search(r"(?<!\$)(?:\$\$)*\$\(", value):
            expected = "no $(, which Vertex AI would put another variable in for"
            raise checks.wrong(f"{what}[{key!r}]", value, expected, "write $$( for $(")
    if len(found) > VARIABLES:
        raise checks.wrong(what, f"{len(found)} variables", f"at most {VARIABLES}", "leave some out")
    if "workers" in args:
        found["MODELPORT_WORKERS"] = str(checks.whole(f"{WHAT}.workers", args["workers"], 1, 256, "processes"))
    return found
