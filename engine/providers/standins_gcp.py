"""What stands in for Google Cloud in a plan."""

from engine.providers.standins import Asked, Entry
from engine.values import Props, Secret

PROJECT = "stand-in-project"
NUMBER = "123456789012"
REGION = "us-central1"
KUBERNETES = "1.33"

_LETTERS = {"us-central1": "abcf", "us-east1": "bcd", "europe-west1": "bcd"}
_SELF = "https://www.googleapis.com/compute/v1/"


def project_of(asked: Asked) -> str:
    variables = ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
    return asked.setting("project", *variables, default=PROJECT)


def zone_of(asked: Asked) -> str:
    variables = ("GOOGLE_ZONE", "GCLOUD_ZONE", "CLOUDSDK_COMPUTE_ZONE")
    return asked.setting("zone", *variables)


def region_of(asked: Asked) -> str:
    variables = ("GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION")
    by_zone = zone_of(asked).rpartition("-")[0]
    return asked.setting("region", *variables, default=by_zone or REGION)


def _zones(asked: Asked) -> Props:
    region, project = region_of(asked), project_of(asked)
    names = [f"{region}-{letter}" for letter in _LETTERS.get(region, "abc")]
    if asked.args.get("status") == "DOWN":
        names = []
    id_ = f"projects/{project}/regions/{region}"
    return {**asked.args, "id": id_, "names": names, "project": project, "region": region}


def _project(asked: Asked) -> Props:
    project = str(asked.args.get("projectId") or project_of(asked))
    return {
        **asked.args,
        "id": f"projects/{project}",
        "projectId": project,
        "name": project,
        "number": NUMBER,
        "labels": {},
        "effectiveLabels": {},
        "pulumiLabels": {},
    }


def _client(asked: Asked) -> Props:
    region, project = region_of(asked), project_of(asked)
    zone = zone_of(asked)
    return {
        "id": f'projects/"{project}"/regions/"{region}"/zones/"{zone}"',
        "project": project,
        "region": region,
        "zone": zone,
        "accessToken": Secret("stand-in"),
        "defaultLabels": {},
    }


def _versions(asked: Asked) -> Props:
    wanted = [part for part in str(asked.args.get("versionPrefix") or "").split("-")[0].split(".") if part]
    parts = wanted if len(wanted) > 1 else KUBERNETES.split(".")
    version = ".".join([*parts, "0"][: max(3, len(parts))]) + "-gke.1"
    channels = dict.fromkeys(("RAPID", "REGULAR", "STABLE", "EXTENDED"), version)
    return {
        **asked.args,
        "id": "stand-in",
        "project": project_of(asked),
        "defaultClusterVersion": version,
        "latestMasterVersion": version,
        "latestNodeVersion": version,
        "validMasterVersions": [version],
        "validNodeVersions": [version],
        "releaseChannelDefaultVersion": channels,
        "releaseChannelLatestVersion": channels,
        "releaseChannelUpgradeTargetVersion": channels,
    }


def _image(asked: Asked) -> Props:
    project = project_of(asked)
    family = str(asked.args.get("family") or "")
    name = str(asked.args.get("name") or (f"{family}-stand-in" if family else "stand-in"))
    path = f"projects/{project}/global/images/{name}"
    return {
        **asked.args,
        "id": path,
        "name": name,
        "family": family,
        "project": project,
        "selfLink": _SELF + path,
        "status": "READY",
    }


def _account(asked: Asked) -> Props:
    project = project_of(asked)
    email = f"{NUMBER}-compute@developer.gserviceaccount.com"
    name = f"projects/{project}/serviceAccounts/{email}"
    return {"id": name, "name": name, "email": email, "member": f"serviceAccount:{email}", "project": project}


def _network(asked: Asked) -> Props:
    project = project_of(asked)
    path = f"projects/{project}/global/networks/{asked.args.get('name')}"
    return {**asked.args, "id": path, "project": project, "selfLink": _SELF + path}


_PROJECT_RULE = f"the project of the call, else of the provider, else of GOOGLE_PROJECT and its like, else `{PROJECT}`"

ENTRIES = {
    "gcp:compute/getZones:getZones": Entry(
        _zones, f"the zones of the region of call or provider (else `{REGION}`): Google's letters, else `a`, `b`, `c`"
    ),
    "gcp:organizations/getProject:getProject": Entry(_project, f"{_PROJECT_RULE}; the number `{NUMBER}`"),
    "gcp:organizations/getClientConfig:getClientConfig": Entry(
        _client, "project, region and zone of the provider; the access token is the word `stand-in`"
    ),
    "gcp:container/getEngineVersions:getEngineVersions": Entry(
        _versions, f"one version that begins as asked (`versionPrefix`), else `{KUBERNETES}.0-gke.1`"
    ),
    "gcp:compute/getImage:getImage": Entry(_image, "the name that is asked for, else the family and `-stand-in`"),
    "gcp:compute/getDefaultServiceAccount:getDefaultServiceAccount": Entry(
        _account, f"`{NUMBER}-compute@developer.gserviceaccount.com`"
    ),
    "gcp:compute/getNetwork:getNetwork": Entry(_network, "id and link of the network of that name"),
}
