"""Rules of what answers for a model on Google Cloud beside GKE: Cloud Run, Vertex AI, Cloud Functions, machines."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import EnforcementLevel, Severity

from policies.gcp_gke import default_account
from policies.given import holds_secret, is_secret, no, number, yes
from policies.looking import Look, NotKnown
from policies.rules import Rule

_RUN: Final = "gcp:cloudrunv2/service:Service"
_JOB: Final = "gcp:cloudrunv2/job:Job"
_RUN_V1: Final = "gcp:cloudrun/service:Service"
_POOL: Final = "gcp:cloudrunv2/workerPool:WorkerPool"
_FUNCTION: Final = "gcp:cloudfunctionsv2/function:Function"
_FUNCTION_V1: Final = "gcp:cloudfunctions/function:Function"
_ENVIRONMENTS: Final = {
    _FUNCTION: ("serviceConfig.environmentVariables", "buildConfig.environmentVariables"),
    _FUNCTION_V1: ("environmentVariables", "buildEnvironmentVariables"),
}
"""Where functions have variables as a mapping."""
_ON: Final = ("true", "yes", "y", "1")
_OFF: Final = ("false", "no", "n", "0")
"""Words that Compute Engine takes in metadata for a boolean, in any letters."""
_DOORS: Final = ("serial-port-enable", "enable-oslogin", "ssh-keys", "sshKeys")
_ENDPOINT: Final = ("gcp:vertex/aiEndpoint:AiEndpoint",)
_MACHINES: Final = (
    "gcp:compute/instance:Instance",
    "gcp:compute/instanceTemplate:InstanceTemplate",
    "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate",
)
_RUN_DOCS: Final = "https://cloud.google.com/run/docs"
_GCE_DOCS: Final = "https://cloud.google.com/compute/docs"


def _ingress(each: Look) -> Iterator[str]:
    if (told := each.at("ingress", "INGRESS_TRAFFIC_ALL")) == "INGRESS_TRAFFIC_ALL":
        yield f"ingress is {told}, expected INGRESS_TRAFFIC_INTERNAL_ONLY, or one with the load balancer"


def _template(each: Look) -> Look:
    return each.part({_JOB: "template.template", _RUN_V1: "template.spec"}.get(each.type, "template"))


def _run_account(each: Look) -> Iterator[str]:
    if default_account(account := _template(each).at("serviceAccount")):
        yield f"template.serviceAccount is {account or 'not said'}, expected an account of its own"


def _run_key(each: Look) -> Iterator[str]:
    if not _template(each).told("encryptionKey"):
        yield "template.encryptionKey is not there, expected a key of your own"


def _run_bounded(each: Look) -> Iterator[str]:
    if not any(_counted(each, path) for path in ("template.scaling.maxInstanceCount", "scaling.maxInstanceCount")):
        yield "template.scaling.maxInstanceCount is not said, expected a number"


def _counted(each: Look, path: str) -> bool:
    """Whether a number stands there, known or not; the provider reads 0 as nothing."""
    try:
        return number(each.at(path), 0) > 0
    except NotKnown:
        return True


def _run_variables(each: Look) -> Iterator[Look]:
    for container in _template(each).each("containers"):
        yield from container.each("envs")


def _variables(each: Look) -> Iterator[Look]:
    if each.type in _ENVIRONMENTS:
        for path in _ENVIRONMENTS[each.type]:
            for name in each.keys(path):
                found = {"name": name, "value": each.keyed(path, name)}
                yield Look(each.type, each.name, each.urn, found, path, each.config, each.tags, each.options)
    else:
        yield from _run_variables(each)


def _plain(variable: Look) -> Iterator[str]:
    if is_secret(name := str(variable.at("name", "")), variable.at("value")):
        yield f"{variable.path} has {name} in plain text, expected a reference to Secret Manager"


def _function_ingress(each: Look) -> Iterator[str]:
    if (told := each.at("serviceConfig.ingressSettings", "ALLOW_ALL")) == "ALLOW_ALL":
        yield f"serviceConfig.ingressSettings is {told}, expected ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB"


def _function_account(each: Look) -> Iterator[str]:
    if default_account(account := each.at("serviceConfig.serviceAccountEmail")):
        yield f"serviceConfig.serviceAccountEmail is {account or 'not said'}, expected an account of its own"


def _endpoint_key(each: Look) -> Iterator[str]:
    if not each.told("encryptionSpec.kmsKeyName"):
        yield "encryptionSpec.kmsKeyName is not there, expected a key of your own"


def _endpoint_private(each: Look) -> Iterator[str]:
    if not each.told("network") and not yes(each.at("privateServiceConnectConfig.enablePrivateServiceConnect")):
        yield "network and privateServiceConnectConfig are not there, expected one of both"


def _addresses(each: Look) -> Iterator[str]:
    for one in each.each("networkInterfaces"):
        for path in ("accessConfigs", "ipv6AccessConfigs"):
            if one.at(path):
                yield f"{one.path}.{path} gives a public address, expected none"


def _booted(each: Look) -> Iterator[str]:
    if not yes(each.at("shieldedInstanceConfig.enableSecureBoot")):
        yield "shieldedInstanceConfig.enableSecureBoot is off, as where it is not said, expected true"
    for word in ("enableVtpm", "enableIntegrityMonitoring"):
        if no(each.at(f"shieldedInstanceConfig.{word}")):
            yield f"shieldedInstanceConfig.{word} is false, expected true"


def _machine_account(each: Look) -> Iterator[str]:
    if each.at("serviceAccount") is not None and default_account(each.at("serviceAccount.email")):
        told = each.at("serviceAccount.email") or "not said"
        yield f"serviceAccount.email is {told}, expected an account of the machine's own"


def _metadata(each: Look) -> Iterator[str]:
    names = each.keys("metadata")
    told = {name: str(each.keyed("metadata", name, "")).strip().lower() for name in names if name in _DOORS}
    if told.get("serial-port-enable") in _ON:
        yield "metadata has serial-port-enable, expected none"
    if (oslogin := told.get("enable-oslogin")) in _OFF:
        yield f"metadata has enable-oslogin {oslogin}, expected TRUE"
    for name in ("ssh-keys", "sshKeys"):
        if told.get(name):
            yield f"metadata has {name}, expected none"


def _started(each: Look) -> Iterator[str]:
    for name in each.keys("metadata"):
        if holds_secret(str(each.keyed("metadata", name, ""))):
            yield f"metadata.{name} has a key in it, expected none"
    if holds_secret(str(each.at("metadataStartupScript", ""))):
        yield "metadataStartupScript has a key in it, expected none"


RULES: Final = (
    Rule(
        name="run-ingress",
        title="A service of Cloud Run is reached from within, or by a load balancer",
        why="What Cloud Armor and a load balancer hold back goes round them",
        fix="write INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER or INGRESS_TRAFFIC_INTERNAL_ONLY",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        links=(f"{_RUN_DOCS}/securing/ingress",),
        types=(_RUN,),
        look=_ingress,
    ),
    Rule(
        name="run-own-account",
        title="A service of Cloud Run has an account of its own",
        why="The account that it has else may edit the project in many places",
        fix="name a service account as template.serviceAccount",
        severity=Severity.HIGH,
        links=(f"{_RUN_DOCS}/securing/service-identity",),
        types=(_RUN, _JOB),
        look=_run_account,
    ),
    Rule(
        name="run-own-key",
        title="An image on Cloud Run is encrypted with a key of one's own",
        why="Who may use the key, and when it is taken from everybody, is not in your hands",
        fix="name a key as template.encryptionKey",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=(f"{_RUN_DOCS}/securing/using-cmek",),
        types=(_RUN, _JOB),
        look=_run_key,
    ),
    Rule(
        name="run-bounded",
        title="How many instances a service of Cloud Run has is bounded",
        why="One caller's loop starts as many as the project may have, and the bill has no end",
        fix="write template.scaling.maxInstanceCount",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=(f"{_RUN_DOCS}/configuring/max-instances",),
        types=(_RUN,),
        look=_run_bounded,
    ),
    Rule(
        name="gcp-no-secrets-in-environment",
        title="No service and no function of Google Cloud has a secret in its environment",
        why="Everybody who may look at it reads the secret",
        fix="keep it in Secret Manager, and name it by valueSource or secretEnvironmentVariables",
        severity=Severity.HIGH,
        links=(f"{_RUN_DOCS}/configuring/services/secrets",),
        types=(_RUN, _JOB, _RUN_V1, _POOL, *_ENVIRONMENTS),
        over=_variables,
        look=_plain,
    ),
    Rule(
        name="function-ingress",
        title="A function of Google Cloud is reached from within, or by a load balancer",
        why="Anybody finds its address, and tries",
        fix="write ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_GCP_124",),
        links=("https://cloud.google.com/functions/docs/networking/network-settings",),
        types=(_FUNCTION,),
        look=_function_ingress,
    ),
    Rule(
        name="function-own-account",
        title="A function of Google Cloud has an account of its own",
        why="The account that it has else may edit the project in many places",
        fix="name a service account as serviceConfig.serviceAccountEmail",
        severity=Severity.HIGH,
        links=("https://cloud.google.com/functions/docs/securing/function-identity",),
        types=(_FUNCTION,),
        look=_function_account,
    ),
    Rule(
        name="vertex-own-key",
        title="An endpoint of Vertex AI is encrypted with a key of one's own",
        why="Who may decrypt a model, and until when, is in nobody's hands",
        fix="write encryptionSpec for a new endpoint; one that is there would be replaced",
        severity=Severity.MEDIUM,
        ids=("CKV2_GCP_24",),
        links=("https://cloud.google.com/vertex-ai/docs/general/cmek",),
        types=_ENDPOINT,
        look=_endpoint_key,
    ),
    Rule(
        name="vertex-private",
        title="An endpoint of Vertex AI is reached from networks of one's own",
        why="Whoever gets hold of a token asks it from anywhere",
        fix="write privateServiceConnectConfig for a new endpoint; one that is there would be replaced",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV2_GCP_33",),
        links=("https://cloud.google.com/vertex-ai/docs/predictions/choose-endpoint-type",),
        types=_ENDPOINT,
        look=_endpoint_private,
    ),
    Rule(
        name="gce-no-public-address",
        title="Machines of Compute Engine have no public addresses",
        why="What a firewall lets in by mistake comes from everywhere",
        fix="leave accessConfigs out, with Cloud NAT as the way out",
        severity=Severity.HIGH,
        ids=("CKV_GCP_40",),
        links=(f"{_GCE_DOCS}/ip-addresses",),
        types=_MACHINES,
        look=_addresses,
    ),
    Rule(
        name="gce-secure-boot",
        title="Machines of Compute Engine start what is signed alone",
        why="What got into a machine once starts with it ever after",
        fix="write shieldedInstanceConfig.enableSecureBoot: true",
        severity=Severity.MEDIUM,
        ids=("CKV_GCP_39",),
        links=("https://cloud.google.com/compute/shielded-vm/docs/shielded-vm",),
        types=_MACHINES,
        look=_booted,
    ),
    Rule(
        name="gce-own-account",
        title="Machines of Compute Engine have accounts of their own",
        why="The account that they have else may edit the project in many places",
        fix="name a service account by its email",
        severity=Severity.HIGH,
        ids=("CKV_GCP_30",),
        links=(f"{_GCE_DOCS}/access/service-accounts",),
        types=_MACHINES,
        look=_machine_account,
    ),
    Rule(
        name="gce-no-back-door",
        title="Nobody gets into a machine but by OS Login",
        why="Serial ports ask no firewall, and keys in metadata end with nobody's leaving",
        fix="leave serial-port-enable and ssh-keys out, and write enable-oslogin: TRUE",
        severity=Severity.MEDIUM,
        ids=("CKV_GCP_34", "CKV_GCP_35"),
        links=(f"{_GCE_DOCS}/oslogin",),
        types=_MACHINES,
        look=_metadata,
    ),
    Rule(
        name="gce-no-keys-in-metadata",
        title="What a machine is told as it starts has no keys in it",
        why="Everybody who may look at the machine reads it, and so does each process on it",
        fix="let the machine read a secret of Secret Manager",
        severity=Severity.CRITICAL,
        links=(f"{_GCE_DOCS}/metadata/overview",),
        types=_MACHINES,
        look=_started,
    ),
)
