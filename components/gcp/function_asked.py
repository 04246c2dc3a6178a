"""What a CloudFunction is asked for, checked."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import pulumi

from components import checks
from components.gcp import checks as gcp
from components.gcp import cloud_run_sizes, keys, members, serverless
from components.gcp.cloud_run_asked import CloudRunEgress, CloudRunIngress, CloudRunNetwork, CloudRunSecret
from components.gcp.serverless import Json

WHAT: Final = "CloudFunction"
LONGEST: Final = 16
"""Characters of a name: an account is called `NAME-build`, of 30 characters with Pulumi's suffix (IAM, "Create service
accounts", 2026-11-22)."""
SHORTEST: Final = 4
"""The same, at least ("Method: functions.create" of the Cloud Functions API, 2026-11-22)."""
CONCURRENCY_USUAL, TIMEOUT_USUAL, MOST_USUAL = 80, 60, 10
READ_BY_GOOGLE: Final = re.compile(r"MODELPORT_RESULTS|FUNCTION_.*|GOOGLE_.*|EXT_.*|ENTRY_POINT|HOST|DEBUG|WORKERS")
"""Variables that Google's framework goes by, or that are this component's own."""
_DIGEST: Final = r"@sha256:[0-9a-f]{64}"
_TOPIC: Final = r"projects/[a-z][a-z0-9.:-]{4,61}/topics/[A-Za-z][\w.~+%-]{2,254}"
_BUCKET: Final = r"(?!goog)(?!.*google)(?!([0-9]+\.){3}[0-9]+$)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
_PLACED: Final = r"projects/[a-z][a-z0-9.:-]{4,61}/locations/[a-z0-9-]+"
_NAME: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"

INGRESS: Final[Mapping[CloudRunIngress, str]] = {
    CloudRunIngress.INTERNAL: "ALLOW_INTERNAL_ONLY",
    CloudRunIngress.LOAD_BALANCER: "ALLOW_INTERNAL_AND_GCLB",
    CloudRunIngress.ALL: "ALLOW_ALL",
}
"""What gcloud's words are in the API."""


class CloudFunctionConnector(TypedDict):
    """A connector of Serverless VPC Access, where instances are to have no addresses of the network themselves."""

    connector: pulumi.Input[str]
    """Its whole name, `projects/PROJECT/locations/REGION/connectors/NAME`."""
    egress: NotRequired[CloudRunEgress]
    """What goes that way. Default: all."""


class CloudFunctionTrigger(TypedDict):
    """Events that are answered in the place of requests: those of a topic, or those of a bucket."""

    topic: NotRequired[pulumi.Input[str]]
    """Whole name of a topic of Pub/Sub in this project, `projects/PROJECT/topics/NAME`. The data of each message is
    what would be asked over HTTP, of the content type that its attribute `content-type` says, JSON without."""
    bucket: NotRequired[pulumi.Input[str]]
    """Name of a bucket: the content of each object that is written there is asked, of the content type that it has."""
    bucket_location: NotRequired[str]
    """Location of that bucket, as `eu`. Default: `region`."""
    results: pulumi.Input[str]
    """Where answers go: beside `topic` the whole name of another topic, beside `bucket` the name of another bucket. A
    message has the attributes `answers` (the id of what it answers) and `status`; an object is called `NAME/GENERATION`
    of what it answers, and `.json` behind it where it is that."""
    retry: NotRequired[bool]
    """Whether an event comes again that could not be answered for the server's fault. Default: yes, for a day; one
    whose own fault it is has an answer that says so."""


class CloudFunctionArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    project_number: str
    """Number of the project, digits as text: Google's own accounts, which build and encrypt, are named by it."""
    region: str
    """Region, as `europe-west4`."""
    image: pulumi.Input[str]
    """The image by digest: the output `reference` of a ModelImage, pushed or not. A function runs no image; its source
    is made of what is in it."""
    layout_image: NotRequired[pulumi.Input[str]]
    """Where the image lies on the machine that built it, so that nothing is fetched from a registry there: the output
    `layout_image` of a ModelImage. Default: nowhere else than `image` says."""
    cpu: NotRequired[int]
    """vCPU of an instance: 1, 2, 4, 6 or 8. Default: 1."""
    memory: NotRequired[int]
    """MiB of an instance, what is written to /tmp among it. Default: 2048, or the least beside that many vCPU."""
    concurrency: NotRequired[int]
    """The most requests at once in an instance, 1 to 1000; another one starts beyond. Default: 80."""
    timeout: NotRequired[int]
    """Seconds within which an answer must come, 1 to 3600. Default: 60."""
    min: NotRequired[int]
    """Instances that stay without any request, and are paid for. Default: 0, so the first request waits for a start."""
    max: NotRequired[int]
    """The most instances; more requests wait, and are refused. Default: 10, or `min` if that is more."""
    ingress: NotRequired[CloudRunIngress]
    """Where requests may come from. Default: the project's VPC networks alone."""
    invokers: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Who may call it: IAM members by a short name of each, as
    `{"shop": "serviceAccount:shop@shop-prod.iam.gserviceaccount.com"}`. Default: nobody beyond who may in the whole
    project."""
    anonymous: NotRequired[bool]
    """Whether it answers everybody whom `ingress` lets through, without asking who that is (`allUsers`). Default:
    no."""
    trigger: NotRequired[CloudFunctionTrigger]
    """Events that it answers, and nothing else then. Default: none, it answers HTTP."""
    network: NotRequired[CloudRunNetwork]
    """VPC network that instances reach out into, with addresses of their own in it. Default: none."""
    connector: NotRequired[CloudFunctionConnector]
    """Connector by which they reach out into one, in the place of `network`. Default: none."""
    service_account: NotRequired[pulumi.Input[str]]
    """Address of what the instances are to Google Cloud: of a GcpIdentity. Default: an account that may do nothing but
    read `secrets`, and what `trigger` asks for."""
    build_service_account: NotRequired[pulumi.Input[str]]
    """Address of who builds, in Cloud Build. Default: an account that may read the source, write to `repository` and
    write its log."""
    build_worker_pool: NotRequired[pulumi.Input[str]]
    """Whole name of a private pool of Cloud Build in this region, `projects/PROJECT/locations/REGION/workerPools/NAME`;
    for one of another project, `service-NUMBER@gcf-admin-robot.iam.gserviceaccount.com` needs
    `roles/cloudbuild.customworkers.builder` there. Builds fetch what `requirements.txt` names from PyPI. Default:
    Google's own pool."""
    repository: NotRequired[pulumi.Input[str]]
    """Whole name of the repository in Artifact Registry that builds write to, of this region and encrypted by
    `key_name`. Default: one made for them."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own. Anybody who may describe functions reads it."""
    secrets: NotRequired[Mapping[str, CloudRunSecret]]
    """Variables whose values are secrets of Secret Manager, which the account may then read. Default: none."""
    key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS that encrypts source, image and what runs, of this region. Each of
    `service-NUMBER@` with `gcf-admin-robot`, `gcp-sa-artifactregistry`, `gcp-sa-eventarc`, `gs-project-accounts` and
    `serverless-robot-prod`, before `.iam.gserviceaccount.com`, has to be allowed to encrypt and decrypt with it.
    Default: one made for it, which rotates and which these may use. `gs-project-accounts` is there once somebody has
    asked for it: `gcloud storage service-agent --project PROJECT`."""
    binary_authorization: NotRequired[bool]
    """Whether the project's policy of Binary Authorization decides which images run. Default: no."""
    allow_deletion: NotRequired[bool]
    """Whether the function may be deleted, by `destroy` too. Default: no."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class Trigger(NamedTuple):
    """A trigger, checked: a topic or a bucket."""

    topic: pulumi.Input[str] | None
    bucket: pulumi.Input[str] | None
    location: str
    results: pulumi.Input[str]
    retry: bool


class Asked:
    """The arguments, checked."""

    def __init__(self, name: str, args: CloudFunctionArgs) -> None:
        """Raises ArgsError."""
        checks.given(WHAT, args, CloudFunctionArgs)
        gcp.named(WHAT, name, LONGEST)
        if len(name) < SHORTEST:
            expected = f"at least {SHORTEST} characters, as a function's name has"
            raise checks.wrong(f"the name of {WHAT}", name, expected, f"for example {name}-model")
        gcp.project(f"{WHAT}.project", args["project"])
        gcp.number(f"{WHAT}.project_number", args["project_number"])
        gcp.region(f"{WHAT}.region", args["region"])
        told = cast("Mapping[str, Any]", args)
        self.project, self.number, self.region = args["project"], args["project_number"], args["region"]
        self.image = checks.asked(args["image"], _image)
        self.layout_image = args.get("layout_image")
        if self.layout_image is not None:
            self.layout_image = checks.asked(self.layout_image, _layout_image)
        size = cloud_run_sizes.asked({key: told[key] for key in ("cpu", "memory") if key in told}, WHAT)
        self.cpu, self.memory = size.cpu, size.memory
        self.min = checks.whole(f"{WHAT}.min", args.get("min", 0), 0, serverless.INSTANCES, "instances")
        most = max(MOST_USUAL, self.min)
        self.max = checks.whole(f"{WHAT}.max", args.get("max", most), 1, serverless.INSTANCES, "instances")
        checks.in_order([(f"{WHAT}.min", self.min), (f"{WHAT}.max", self.max)])
        usual = args.get("concurrency", CONCURRENCY_USUAL)
        self.concurrency = checks.whole(f"{WHAT}.concurrency", usual, *serverless.CONCURRENCY, "requests at once")
        seconds = args.get("timeout", TIMEOUT_USUAL)
        self.timeout = checks.whole(f"{WHAT}.timeout", seconds, *serverless.TIMEOUT, "seconds")
        self.ingress = checks.choice(f"{WHAT}.ingress", args.get("ingress", CloudRunIngress.INTERNAL), CloudRunIngress)
        everybody = "name them, or write anonymous: True to answer everybody"
        self.invokers = members.asked(f"{WHAT}.invokers", args.get("invokers") or {}, everybody, "shop")
        self.anonymous = args.get("anonymous", False)
        if self.anonymous and self.invokers:
            got = sorted(self.invokers)
            raise checks.wrong(f"{WHAT}.invokers", got, "none beside anonymous", "leave anonymous out")
        self.trigger = self._trigger(told)
        self.egress = self._egress(args)
        self._who(told)
        self.env, self.secrets = serverless.variables(WHAT, told, CloudRunSecret)
        for key in (*self.env, *self.secrets):
            if READ_BY_GOOGLE.fullmatch(key):
                what = f"a key of {WHAT}.{'env' if key in self.env else 'secrets'}"
                raise checks.wrong(what, key, "one that no framework of Google's goes by", "leave it out")
        self.binary_authorization = args.get("binary_authorization", False)
        self.allow_deletion = args.get("allow_deletion", False)

    def _who(self, args: Mapping[str, Any]) -> None:
        """Accounts, and where a build takes place. Raises ArgsError."""
        self.account, self.builder = (
            None if args.get(key) is None else gcp.told(f"{WHAT}.{key}", args[key], gcp.account)
            for key in ("service_account", "build_service_account")
        )
        self.key = keys.given(f"{WHAT}.key_name", args.get("key_name"), self.region)
        self.pool = self._here(args, "build_worker_pool", "worker pool", "workerPools/builds")
        self.repository = self._here(args, "repository", "repository", "repositories/functions")
        if self.repository is not None and self.key is None:
            expected = "`key_name` with it, as a function has one key with its repository"
            fix = "write key_name with the key of the repository, or leave repository out"
            raise checks.wrong(f"{WHAT}.repository", args["repository"], expected, fix)

    def _here(self, args: Mapping[str, Any], key: str, kind: str, example: str) -> pulumi.Input[str] | None:
        if args.get(key) is None:
            return None
        rule = partial(_placed, region=self.region, kind=kind, example=example)
        return gcp.told(f"{WHAT}.{key}", args[key], rule)

    def _trigger(self, args: Mapping[str, Any]) -> Trigger | None:
        given, what = args.get("trigger"), f"{WHAT}.trigger"
        if given is None:
            return None
        checks.given(what, given, CloudFunctionTrigger)
        for key in ("invokers", "anonymous"):
            if args.get(key):
                expected = "none beside a trigger, whose own account alone calls it"
                raise checks.wrong(f"{WHAT}.{key}", args[key], expected, f"leave {key} out")
        if self.ingress is not CloudRunIngress.INTERNAL:
            expected = "internal beside a trigger, whose events count as that"
            raise checks.wrong(f"{WHAT}.ingress", self.ingress.value, expected, "leave ingress out")
        topic, bucket, results = given.get("topic"), given.get("bucket"), given["results"]
        if (topic is None) == (bucket is None):
            got = [key for key in ("topic", "bucket") if given.get(key) is not None]
            raise checks.wrong(what, got, "one of topic and bucket", "write a topic, or a bucket")
        if results in (topic, bucket):
            expected = "another place than events come from, as an answer would be the next event"
            raise checks.wrong(f"{what}.results", results, expected, "write another one")
        location = given.get("bucket_location", self.region)
        checks.fits(f"{what}.bucket_location", location, r"[a-z]+([0-9]|-[a-z]+[0-9])?", "a location of buckets", "eu")
        if topic is not None:
            if "bucket_location" in given:
                raise checks.wrong(f"{what}.bucket_location", location, "none beside a topic", "leave it out")
            topic = gcp.told(f"{what}.topic", topic, partial(_topic, project=self.project))
            results = gcp.told(f"{what}.results", results, partial(_topic, project=None))
        else:
            bucket, results = gcp.told(f"{what}.bucket", bucket, _bucket), gcp.told(f"{what}.results", results, _bucket)
        return Trigger(topic, bucket, location, results, bool(given.get("retry", True)))

    def _egress(self, args: CloudFunctionArgs) -> Json:
        """The way into a VPC network, in the words of the SDK. Raises ArgsError."""
        network, connector = args.get("network"), args.get("connector")
        if network is not None and connector is not None:
            got, expected = ["connector", "network"], "one way into a network"
            raise checks.wrong(f"network and connector of {WHAT}", got, expected, "leave connector out")
        if network is not None:
            what = f"{WHAT}.network"
            checks.given(what, network, CloudRunNetwork)
            interface = serverless.interface(what, network, self.region)
            egress = checks.choice(f"{what}.egress", network.get("egress", CloudRunEgress.ALL), CloudRunEgress)
            return {
                "direct_vpc_network_interfaces": [interface],
                "direct_vpc_egress": f"VPC_EGRESS_{_api(egress)}",
            }
        if connector is not None:
            what = f"{WHAT}.connector"
            checks.given(what, connector, CloudFunctionConnector)
            egress = checks.choice(f"{what}.egress", connector.get("egress", CloudRunEgress.ALL), CloudRunEgress)
            rule = partial(_placed, region=self.region, kind="connector", example="connectors/shop")
            return {
                "vpc_connector": gcp.told(f"{what}.connector", connector["connector"], rule),
                "vpc_connector_egress_settings": _api(egress),
            }
        return {}


def _api(egress: CloudRunEgress) -> str:
    return egress.value.replace("-", "_").upper()


def _image(value: object) -> None:
    in_layout = isinstance(value, str) and re.fullmatch(rf"oci:/.+{_DIGEST}", value)
    in_registry = isinstance(value, str) and re.fullmatch(
        rf"[\w.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[\w.-]+)?{_DIGEST}", value
    )
    if not in_layout and not in_registry:
        expected = "an image by digest, in a registry or a layout of this machine"
        raise checks.wrong(f"{WHAT}.image", value, expected, "pass the reference of a ModelImage")


def _layout_image(value: object) -> None:
    expected = "an image in a layout of this machine, oci:PATH@sha256:..."
    checks.fits(f"{WHAT}.layout_image", value, rf"oci:/.+{_DIGEST}", expected, "the layout_image of a ModelImage")


def _topic(what: str, value: object, project: str | None) -> None:
    checks.fits(what, value, _TOPIC, "the whole name of a topic", f"projects/{project or 'shop-prod'}/topics/asked")
    found = str(value).split("/")[1]
    if project is not None and found != project:
        raise checks.wrong(what, value, f"a topic of {project}, as Eventarc wants it", "take or make one there")


def _bucket(what: str, value: object) -> None:
    checks.fits(what, value, _BUCKET, "the name of a bucket, without gs://", "shop-asked")


def _placed(what: str, value: object, region: str, kind: str, example: str) -> None:
    collection = example.partition("/")[0]
    whole = f"projects/shop-prod/locations/{region}/{example}"
    checks.fits(what, value, f"{_PLACED}/{collection}/{_NAME}", f"the whole name of a {kind}", whole)
    if str(value).split("/")[3] != region:
        raise checks.wrong(what, value, f"one of {region}, where what uses it is", f"make or take one in {region}")
