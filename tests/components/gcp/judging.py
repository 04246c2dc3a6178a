"""A component's plan with the ids, names and addresses that Google would give, for judges that we did not write.

    found = planned(lambda: GcpNetwork("net", {...}))
    found.one("gcp:compute/subnetwork:Subnetwork").inputs["network"]    # projects/shop-prod/global/networks/net-8f14e45

What a resource tells once it is made is like nothing else in the plan, so that who reads a value knows whose it is:
`references`.
"""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from tests.components.gcp.judging_schema import told
from tests.components.gcp.judging_types import kind, loaded
from tests.components.judging import Told, digits, opened, put, snake, takes
from tests.components.planned import Plan, Planned, plan

PROJECT: Final = "shop-prod"
NUMBER: Final = "123456789012"
REGION: Final = "europe-west4"

_AUTONAMED: Final[Mapping[str, str]] = {"gcp:serviceaccount/account:Account": "accountId"}
"""What Pulumi names by itself where that is not called `name`."""
_NAMED_BY_US: Final = ("gcp:dns/recordSet:RecordSet",)
"""What has a name that Pulumi never makes."""
_NAMED: Final = {"gcp:serviceaccount/account:Account": "accountId"}
"""Under which word Pulumi makes a name, where that is not `name`."""
_LONGEST: Final[Mapping[str, int]] = {"gcp:container/nodePool:NodePool": 40, "gcp:serviceaccount/account:Account": 30}
"""Characters that Pulumi or Google holds a name to, where they are not 63."""
_SERVER_NAMED: Final = (
    "gcp:monitoring/alertPolicy:AlertPolicy",
    "gcp:monitoring/dashboard:Dashboard",
    "gcp:monitoring/notificationChannel:NotificationChannel",
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig",
)
"""What Google gives a name, which is its id: `projects/shop-prod/alertPolicies/1234`."""
_IDS: Final[Mapping[str, str]] = {
    "gcp:apigateway/apiConfig:ApiConfig": "projects/{project}/locations/global/apis/{api}/configs/{api_config_id}",
    "gcp:billing/budget:Budget": "billingAccounts/{billing_account}/budgets/{uuid}",
    "gcp:container/nodePool:NodePool": "projects/{project}/locations/{location}/clusters/{cluster}/nodePools/{name}",
    "gcp:logging/metric:Metric": "{name}",
    "gcp:monitoring/customService:CustomService": "projects/{project}/services/{serviceId}",
    "gcp:monitoring/slo:Slo": "projects/{project}/services/{service}/serviceLevelObjectives/{sloId}",
    "gcp:monitoring/alertPolicy:AlertPolicy": "projects/{project}/alertPolicies/{number}",
    "gcp:monitoring/dashboard:Dashboard": f"projects/{NUMBER}/dashboards/{{uuid}}",
    "gcp:monitoring/notificationChannel:NotificationChannel": "projects/{project}/notificationChannels/{number}",
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": "projects/{project}/uptimeCheckConfigs/{number}",
    "gcp:serviceaccount/account:Account": "projects/{project}/serviceAccounts/{email}",
    "gcp:storage/bucket:Bucket": "{name}",
    "gcp:storage/bucketObject:BucketObject": "{bucket}-{name}",
}
"""What an id looks like, where that is not the first of the forms by which the provider imports a resource."""
_EMAIL: Final = "{accountId}@{project}.iam.gserviceaccount.com"
_TELLS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "gcp:apigateway/api:Api": {
        "managedService": ("{apiId}-{hex}.apigateway.{project}.cloud.goog", "{}.managed_service"),
    },
    "gcp:apigateway/gateway:Gateway": {
        "defaultHostname": ("{gatewayId}-{hex}.ew.gateway.dev", "{}.default_hostname"),
    },
    "gcp:artifactregistry/repository:Repository": {
        "registryUri": ("{location}-docker.pkg.dev/{project}/{repositoryId}", "{}.registry_uri"),
    },
    "gcp:certificatemanager/certificateMap:CertificateMap": {},
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": {
        "dnsResourceRecords.0.name": ("_acme-challenge_{hex}.{domain}.", "{}.dns_resource_record[0].name"),
        "dnsResourceRecords.0.type": ("CNAME", ""),
        "dnsResourceRecords.0.data": (
            "{hex}.7.authorize.certificatemanager.goog.",
            "{}.dns_resource_record[0].data",
        ),
    },
    "gcp:cloudfunctionsv2/function:Function": {
        "url": ("https://{location}-{project}.cloudfunctions.net/{name}", "{}.url"),
        "serviceConfig.uri": ("https://{name}-{hex}.a.run.app", "{}.service_config[0].uri"),
        "serviceConfig.service": (
            "projects/{project}/locations/{location}/services/{name}",
            "{}.service_config[0].service",
        ),
    },
    "gcp:cloudrunv2/service:Service": {
        "uri": ("https://{name}-{hex}.a.run.app", "{}.uri"),
        "urls.0": ("https://{name}-{hex}.{location}.run.app", "{}.urls[0]"),
        "latestReadyRevision": ("{name}-00001-{hex}", "{}.latest_ready_revision"),
        "latestCreatedRevision": ("{name}-00001-{hex}", "{}.latest_created_revision"),
    },
    "gcp:compute/address:Address": {"address": ("198.51.100.{byte}", "{}.address")},
    "gcp:compute/globalAddress:GlobalAddress": {"address": ("203.0.113.{byte}", "{}.address")},
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager": {
        "instanceGroup": (
            "https://www.googleapis.com/compute/v1/projects/{project}/regions/{region}/instanceGroups/{name}",
            "{}.instance_group",
        )
    },
    "gcp:compute/router:Router": {},
    "gcp:compute/securityPolicy:SecurityPolicy": {"fingerprint": ("{hex}fp=", "{}.fingerprint")},
    "gcp:compute/sSLPolicy:SSLPolicy": {"fingerprint": ("{hex}fp=", "{}.fingerprint")},
    "gcp:compute/subnetwork:Subnetwork": {
        "gatewayAddress": ("10.0.0.1", ""),
        "subnetworkId": ("{number}", "{}.subnetwork_id"),
    },
    "gcp:compute/network:Network": {"numericId": ("{number}", "{}.numeric_id")},
    "gcp:container/cluster:Cluster": {
        "endpoint": ("198.18.0.{byte}", "{}.endpoint"),
        "masterAuth.clusterCaCertificate": ("{hex}ca==", "{}.master_auth[0].cluster_ca_certificate"),
        "controlPlaneEndpointsConfig.dnsEndpointConfig.endpoint": (
            "gke-{hex}.{location}.gke.goog",
            "{}.control_plane_endpoints_config[0].dns_endpoint_config[0].endpoint",
        ),
        "masterVersion": ("1.35.{byte}-gke.{number}", "{}.master_version"),
    },
    "gcp:container/nodePool:NodePool": {
        f"{word}.{at}": (
            f"https://www.googleapis.com/compute/v1/projects/{{project}}/zones/{REGION}-{zone}/{what}/gke-{{hex}}-grp",
            f"{{}}.{snake(word)}[{at}]",
        )
        for word, what in (
            ("instanceGroupUrls", "instanceGroupManagers"),
            ("managedInstanceGroupUrls", "instanceGroups"),
        )
        for at, zone in enumerate("abc")
    },
    "gcp:dns/managedZone:ManagedZone": {
        "nameServers.0": ("ns-cloud-{hex}1.googledomains.com.", "{}.name_servers[0]"),
        "managedZoneId": ("{number}", "{}.managed_zone_id"),
    },
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool": {
        "name": (
            f"projects/{NUMBER}/locations/global/workloadIdentityPools/{{workloadIdentityPoolId}}",
            "{}.name",
        ),
    },
    "gcp:logging/projectBucketConfig:ProjectBucketConfig": {
        "name": ("projects/{project}/locations/{location}/buckets/{bucketId}", "{}.name")
    },
    "gcp:logging/projectSink:ProjectSink": {
        "writerIdentity": (
            f"serviceAccount:service-{NUMBER}@gcp-sa-logging.iam.gserviceaccount.com",
            "{}.writer_identity",
        )
    },
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": {"uptimeCheckId": ("{name}-{hex}", "{}.uptime_check_id")},
    "gcp:projects/serviceIdentity:ServiceIdentity": {
        "email": (f"service-{NUMBER}@gcp-sa-{{hex}}.iam.gserviceaccount.com", "{}.email"),
        "member": (f"serviceAccount:service-{NUMBER}@gcp-sa-{{hex}}.iam.gserviceaccount.com", "{}.member"),
    },
    "gcp:serviceaccount/account:Account": {
        "email": (_EMAIL, "{}.email"),
        "member": (f"serviceAccount:{_EMAIL}", "{}.member"),
        "name": (f"projects/{{project}}/serviceAccounts/{_EMAIL}", "{}.name"),
        "uniqueId": ("1{number}", "{}.unique_id"),
    },
    "gcp:storage/bucket:Bucket": {"url": ("gs://{name}", "{}.url")},
    "gcp:vertex/aiEndpoint:AiEndpoint": {
        "dedicatedEndpointDns": (
            f"https://{{name}}.{{location}}-{NUMBER}.prediction.vertexai.goog",
            "{}.dedicated_endpoint_dns",
        ),
    },
}
"""What a made resource tells beside its id, name and address in Compute Engine, by the path to it: the value, and how
Terraform refers to it."""

_IMAGE: Final = f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@sha256:{'a1' * 32}"
_RELEASED: Final[dict[str, Any]] = {"stable": _IMAGE, "stable_digest": _IMAGE.partition("@")[2], "history": []}
_OURS: Final[Mapping[str, dict[str, Any]]] = {
    "pulumi-python:dynamic/modelport:ApiKey": {"key": "only for tests", "sha256": "ab" * 32},
    "pulumi-python:dynamic/modelport:FunctionSource": {"sha256": "5e" * 32, "runtime": "python311"},
    "pulumi-python:dynamic/modelport:ModelImage": {
        "reference": _IMAGE,
        "digest": _IMAGE.partition("@")[2],
        "metrics": {"bytes": 58407.0, "p50_ms": 0.1},
    },
    "pulumi-python:dynamic/modelport:CloudRunTraffic": {"revision": ""},
    "pulumi-python:dynamic/modelport:VertexDeployment": {
        "deployed": "1001",
        "model": f"projects/{PROJECT}/locations/{REGION}/models/digits@1",
        "attachment": f"projects/tenant/regions/{REGION}/serviceAttachments/psc-1001",
    },
    "pulumi-python:dynamic/modelport:Release": {**_RELEASED, "owner": "shop/test"},
    "pulumi-python:dynamic/modelport:ReleaseRecord": _RELEASED,
}
"""What resources of ours tell that a stack has beside those of Google Cloud."""


def planned(program: Callable[[], object]) -> Plan:
    """What `program` registers in an `up` on Google Cloud. Raises what the program raises."""
    return plan(program, preview=False, outputs=TOLD, ids=identity)


def named(each: Planned) -> dict[str, str]:
    """The name that Pulumi makes for a resource that has none, by what it is called. Raises ValueError if too long."""
    word = _NAMED.get(each.type, "name")
    if word in each.inputs or each.type in (*_NAMED_BY_US, *_SERVER_NAMED) or not _has(each.type, snake(word)):
        return {}
    name = f"{each.name}-{digits(each)[:7]}"
    if len(name) > (longest := _LONGEST.get(each.type, 63)):
        raise ValueError(f"{each.type} {each.name}: Pulumi makes no name of more than {longest} characters")
    return {word: name}


def references(plan: Plan) -> dict[str, tuple[str, str]]:
    """Who tells a value, by the value: its urn and how Terraform refers to it, `{}` for the resource."""
    found: dict[str, tuple[str, str]] = {}
    for each in plan.resources:
        if not each.custom or not each.type.startswith("gcp:"):
            continue
        for word, name in named(each).items():
            found[name] = (each.urn, f"{{}}.{snake(word)}")
        found.setdefault(identity(each), (each.urn, "{}.id"))
        for value, path in _tells(each).values():
            if path:
                found.setdefault(_filled(value, each), (each.urn, path))
    return found


def tells(each: Planned, path: str) -> str:
    """What a resource tells in a plan: its `id`, or what lies at a path of its outputs."""
    return identity(each) if path == "id" else _filled(_tells(each)[path][0], each)


def outputs(each: Planned) -> dict[str, Any]:
    """What a made resource tells beside its id and its inputs."""
    if not each.type.startswith("gcp:"):
        return dict(_OURS.get(each.type, {}))
    found: dict[str, Any] = dict(named(each))
    if each.type in _SERVER_NAMED:
        found["name"] = identity(each)
    for path, (value, _) in _tells(each).items():
        first, *rest = path.split(".")
        found[first] = put(found.get(first, opened(each.inputs.get(first))), rest, _filled(value, each))
    return found


def _tells(each: Planned) -> Mapping[str, tuple[str, str]]:
    found = dict(_TELLS.get(each.type, {}))
    if each.type.startswith("gcp:compute/") and "self_link" in told(kind(each.type)):
        found["selfLink"] = (f"https://www.googleapis.com/compute/v1/{identity(each)}", "{}.self_link")
    return found


def identity(each: Planned) -> str:
    """The id that a made resource has."""
    if not each.type.startswith("gcp:"):
        return f"{each.name}-id"
    return _filled(_IDS.get(each.type) or _imported(each.type) or "{label}-{hex}", each)


@functools.cache
def _imported(token: str) -> str | None:
    """The first of the forms by which the provider imports a resource, which is that of its id."""
    source = Path(loaded(token).__file__).read_text()
    found = re.search(r"## Import\n.*?^\s*\* `(\S*/\{\{\w+\}\}\S*)`$", source, re.DOTALL | re.MULTILINE)
    return re.sub(r"\{\{(\w+)\}\}", r"{\1}", found[1]) if found else None


def _filled(template: str, each: Planned) -> str:
    number = digits(each)
    uuid = f"{number[:8]}-{number[8:12]}-4{number[12:15]}-8{number[15:18]}-{number[18:30]}"
    made = {"label": each.name, "uuid": uuid, "hex": number[:12], "number": str(int(number[:13], 16)).zfill(16)[:16]}
    made["byte"] = str(int(number[:4], 16) % 250 + 2)

    def told_by(found: re.Match[str]) -> str:
        word = found[1]
        if word in made:
            return made[word]
        if word == "email":
            return _filled(_EMAIL, each)
        given = {snake(key): opened(value) for key, value in {**each.inputs, **named(each)}.items()}
        if word in ("project", "project_id"):
            return str(given.get("project", PROJECT))
        value = str(given.get(snake(word)) or (given.get("name", each.name) if word.endswith("_id") else REGION))
        # An id within an id is told by its last part, unless the other one begins with it.
        return value.rpartition("/")[2] if found.start() else value

    return re.sub(r"\{(\w+)\}", told_by, template)


@functools.cache
def _has(token: str, word: str) -> bool:
    """Whether the resource of a token takes `word`."""
    return takes(loaded(token), token.rpartition(":")[2], word)


TOLD: Final = Told(outputs)
"""What every made resource tells."""
