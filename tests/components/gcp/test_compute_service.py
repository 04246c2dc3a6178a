"""A model on instances of Compute Engine as it would be registered: who may reach it, what it may do, its release."""

import json
from functools import partial
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi_gcp.compute.network import Network

from components.gcp.compute_service import ComputeService, ComputeServiceArgs, ComputeSpread, ComputeStrategy
from components.gcp.gpus import GkeAttachedGpu
from components.gcp.load_balancer import GcpLoadBalancer
from tests.components.gcp import judging_checkov
from tests.components.planned import UNKNOWN, Plan, Planned, plan
from tests.components.upgrading import Told

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT, REGION = "shop-prod", "europe-west4"
DIGEST = f"sha256:0123456789ab{'0' * 52}"
IMAGE = f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@{DIGEST}"
NETWORK = f"projects/{PROJECT}/global/networks/shop"
SUBNETWORK = f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop"
ACCOUNT = f"digits-1234567@{PROJECT}.iam.gserviceaccount.com"
API = "https://www.googleapis.com/compute/v1"
TEMPLATE_LINK = f"{API}/projects/{PROJECT}/regions/{REGION}/instanceTemplates/digits-1234567"
GROUP_LINK = f"{API}/projects/{PROJECT}/regions/{REGION}/instanceGroups/digits"
CHECK_LINK = f"{API}/projects/{PROJECT}/global/healthChecks/digits-1234567"
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models"
POLICY = f"projects/{PROJECT}/alertPolicies/1234567890123456789"
ZONES = [f"{REGION}-{letter}" for letter in "abc"]
HERE: ComputeServiceArgs = {
    "project": PROJECT,
    "region": REGION,
    "image": IMAGE,
    "network_id": NETWORK,
    "subnetwork_id": SUBNETWORK,
}
FULL: ComputeServiceArgs = {
    **HERE,
    "load_balanced": True,
    "allowed_service_accounts": [f"callers@{PROJECT}.iam.gserviceaccount.com"],
    "machine_type": "n1-standard-8",
    "gpu": GkeAttachedGpu.T4,
    "gpu_count": 2,
    "spot": True,
    "disk_gib": 200,
    "disk_key_name": KEY,
    "zones": ZONES[:2],
    "spread": ComputeSpread.BALANCED,
    "min": 2,
    "desired": 3,
    "max": 8,
    "cpu_target": 50,
    "predictive": True,
    "requests_target": 600,
    "metrics": [
        {"name": "custom.googleapis.com/waiting", "target": 4.5},
        {
            "name": "pubsub.googleapis.com/subscription/num_undelivered_messages",
            "of_each": 10,
            "filter": 'resource.type = "pubsub_subscription"',
        },
    ],
    "release": {
        "strategy": ComputeStrategy.CANARY,
        "steps": [{"weight": 10, "pause": 600}, {"weight": 50}],
        "pause": 900,
        "max_surge": 4,
        "max_unavailable": 2,
    },
    "error_percent": 0.5,
    "latency_seconds": 0.25,
    "alert_policies": [POLICY],
    "startup_seconds": 1200,
    "workers": 3,
    "env": {"MODELPORT_QUEUE": "16"},
    "allow_sessions": True,
    "labels": {"team": "ml"},
}
TEMPLATE = "gcp:compute/regionInstanceTemplate:RegionInstanceTemplate"
GROUP = "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager"
SCALER = "gcp:compute/regionAutoscaler:RegionAutoscaler"
FIREWALL = "gcp:compute/firewall:Firewall"
CHECK = "gcp:compute/healthCheck:HealthCheck"
ROLLOUT = "pulumi-python:dynamic/modelport:ComputeRollout"
TOLD: Told = {
    "gcp:serviceaccount/account:Account": lambda _made: {"email": ACCOUNT},
    TEMPLATE: lambda _made: {"selfLink": TEMPLATE_LINK},
    GROUP: lambda _made: {"instanceGroup": GROUP_LINK},
    CHECK: lambda _made: {"selfLink": CHECK_LINK},
}


def made_of(args: ComputeServiceArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(lambda: ComputeService(name, args), preview=preview, outputs=TOLD)


def changed(**more: Any) -> ComputeServiceArgs:
    return cast("ComputeServiceArgs", {**HERE, **more})


def _template(found: Plan) -> dict[str, Any]:
    return found.one(TEMPLATE).inputs


def files(found: Plan) -> dict[str, str]:
    """What an instance is given as it starts, by path."""
    text = _template(found)["metadata"]["user-data"]
    first, _, rest = text.partition("\n")
    assert first == "#cloud-config"
    return {each["path"]: each["content"] for each in json.loads(rest)["write_files"]}


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("name", "args"), [("compute", HERE), ("compute-full", FULL)], ids=["usual", "full"])
def test_names_and_parents_stay(name: str, args: ComputeServiceArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Network("net").id
        more = {"image": later, "network_id": later, "subnetwork_id": later, "disk_key_name": later}
        more |= {"allowed_service_accounts": [later], "alert_policies": [later], "env": {"A": later}}
        ComputeService("digits", cast("ComputeServiceArgs", {**FULL, **more}))

    found = plan(program)
    template = _template(found)
    assert template["metadata"]["user-data"] == UNKNOWN
    assert template["metadata"]["enable-oslogin"] == "TRUE"
    assert template["disks"][0]["diskEncryptionKey"] == {"kmsKeySelfLink": UNKNOWN}
    assert template["networkInterfaces"][0]["subnetwork"] == UNKNOWN
    group = found.one(GROUP).inputs
    assert group["versions"] == [{"instanceTemplate": UNKNOWN}]
    assert (group["name"], group["targetSize"]) == ("digits", 3)
    rollout = found.one(ROLLOUT).inputs
    assert (rollout["template"], rollout["policy"], rollout["bounds"]) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert found.one(FIREWALL, "digits-health").inputs["project"] == UNKNOWN


def test_nobody_has_tampered_with_an_instance_and_it_has_no_address_outside() -> None:
    template = _template(made_of(HERE))
    assert template["shieldedInstanceConfig"] == {
        "enableSecureBoot": True,
        "enableVtpm": True,
        "enableIntegrityMonitoring": True,
    }
    (interface,) = template["networkInterfaces"]
    assert interface == {"subnetwork": SUBNETWORK, "nicType": "GVNIC", "stackType": "IPV4_ONLY"}
    assert template["canIpForward"] is False


def test_nobody_logs_in_by_a_key_of_the_project_or_by_a_serial_port() -> None:
    metadata = {key: value for key, value in _template(made_of(HERE))["metadata"].items() if key != "user-data"}
    assert metadata == {
        "block-project-ssh-keys": "TRUE",
        "enable-oslogin": "TRUE",
        "serial-port-enable": "FALSE",
        "disable-legacy-endpoints": "TRUE",
        "google-logging-enabled": "true",
        "google-monitoring-enabled": "true",
        "cos-update-strategy": "update_disabled",
    }


def test_checkov_has_nothing_against_the_template() -> None:
    """It knows the rules of global templates alone, which has the same words."""
    found = made_of(FULL)
    one = found.one(TEMPLATE)
    word = "gcp:compute/instanceTemplate:InstanceTemplate"
    same = {key: value for key, value in one.inputs.items() if key != "region"}

    def judged(**other: Any) -> set[str]:
        each = Planned(word, one.name, one.urn, one.parent, True, {**same, **other}, one.request)
        return {line.split(": ")[1].partition(".")[0] for line in judging_checkov.checkov({"one": Plan([each])})}

    assert judged() == set()
    # And it does look.
    open_ = {"metadata": {**same["metadata"], "serial-port-enable": "true", "block-project-ssh-keys": "FALSE"}}
    assert {each.partition(" ")[0] for each in judged(**open_, canIpForward=True)} == {
        "CKV_GCP_32",
        "CKV_GCP_35",
        "CKV_GCP_36",
    }


def test_a_machine_is_of_googles_container_optimized_os() -> None:
    template = _template(made_of(HERE))
    assert template["machineType"] == "n2-standard-2"
    assert template["disks"] == [
        {
            "boot": True,
            "autoDelete": True,
            "sourceImage": "projects/cos-cloud/global/images/family/cos-stable",
            "diskType": "pd-balanced",
            "diskSizeGb": 30,
            "labels": {"modelport-component": "digits"},
        }
    ]
    assert template["scheduling"] == {
        "provisioningModel": "STANDARD",
        "automaticRestart": True,
        "onHostMaintenance": "MIGRATE",
    }
    assert "guestAccelerators" not in template
    # It would be read by nobody since 2026-07-31.
    assert "gce-container-declaration" not in template["metadata"]
    own = "projects/shop-images/global/images/hardened-cos-1"
    assert _template(made_of(changed(machine_image=own)))["disks"][0]["sourceImage"] == own
    assert _template(made_of(changed(machine_type="c4-standard-4")))["disks"][0]["diskType"] == "hyperdisk-balanced"


def test_a_machine_with_gpus_is_ended_where_it_cannot_be_moved() -> None:
    attached = _template(made_of(FULL))
    assert attached["guestAccelerators"] == [{"type": "nvidia-tesla-t4", "count": 2}]
    assert attached["scheduling"] == {
        "provisioningModel": "SPOT",
        "preemptible": True,
        "automaticRestart": False,
        "onHostMaintenance": "TERMINATE",
    }
    assert attached["disks"][0]["diskEncryptionKey"] == {"kmsKeySelfLink": KEY}
    found = made_of(changed(machine_type="g2-standard-8"))
    own = _template(found)
    assert "guestAccelerators" not in own
    assert (own["scheduling"]["onHostMaintenance"], own["disks"][0]["diskSizeGb"]) == ("TERMINATE", 100)
    assert found.one(GROUP).inputs["autoHealingPolicies"]["initialDelaySec"] == 900
    assert "GPUS=yes" in files(found)["/etc/modelport/settings"].splitlines()
    assert "LD_LIBRARY_PATH=/usr/local/nvidia/lib64" in files(found)["/etc/modelport/env"].splitlines()
    # Not every zone of the region has the newest.
    newest = made_of(changed(machine_type="a3-ultragpu-8g", spot=True)).one(GROUP).inputs
    assert newest["distributionPolicyZones"] == ["europe-west4-a"]


def test_an_instance_is_told_which_image_it_runs_by_digest() -> None:
    found = files(made_of(changed(workers=3, env={"MODELPORT_QUEUE": "16"})))
    assert found["/etc/modelport/settings"].splitlines() == [
        "CLOSED='sshd.service sshd.socket'",
        "GPUS=no",
        f"IMAGE={IMAGE}",
        "NAME=digits",
        "PORT=8080",
        "REGISTRY=europe-west4-docker.pkg.dev",
    ]
    assert found["/etc/modelport/env"].splitlines() == [
        "MODELPORT_DRAIN_TIMEOUT=20",
        "MODELPORT_HOST=0.0.0.0",
        "MODELPORT_MAX_HELD_BYTES=67108864",
        "MODELPORT_PORT=8080",
        "MODELPORT_QUEUE=16",
        "MODELPORT_REVISION=0123456789ab",
        "MODELPORT_WORKERS=3",
    ]


def test_an_instance_pulls_from_its_one_repository_and_writes_logs_and_metrics_alone() -> None:
    found = made_of(changed(image=IMAGE.replace(PROJECT, "shop-images").replace(REGION, "europe")))
    member = f"serviceAccount:{ACCOUNT}"
    (pulls,) = found.all("gcp:artifactregistry/repositoryIamMember:RepositoryIamMember")
    assert pulls.inputs == {
        "location": "europe",
        "project": "shop-images",
        "repository": "models",
        "role": "roles/artifactregistry.reader",
        "member": member,
    }
    allowed = found.all("gcp:projects/iAMMember:IAMMember")
    assert {(each.inputs["role"], each.inputs["member"], each.inputs["project"]) for each in allowed} == {
        ("roles/logging.logWriter", member, PROJECT),
        ("roles/monitoring.metricWriter", member, PROJECT),
    }
    assert _template(found)["serviceAccount"] == {
        "email": ACCOUNT,
        "scopes": ["https://www.googleapis.com/auth/cloud-platform"],
    }
    # An instance that may not pull yet, or cannot be asked whether it answers, is made anew for nothing.
    for each in (GROUP, ROLLOUT):
        assert {"digits", "digits-logs", "digits-metrics", "digits-health"} <= found.one(each).depends_on
        types = {urn.rpartition("$")[2].partition("::")[0] for urn in found.one(each).request["dependencies"]}
        assert "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember" in types


def test_googles_front_ends_alone_speak_to_instances() -> None:
    (rule,) = made_of(HERE).all(FIREWALL)
    assert rule.inputs == {
        "project": PROJECT,
        "network": NETWORK,
        "description": "Google's front ends and health checks to instances of digits",
        "direction": "INGRESS",
        "sourceRanges": ["35.191.0.0/16", "130.211.0.0/22"],
        "targetServiceAccounts": [ACCOUNT],
        "allows": [{"protocol": "tcp", "ports": ["8080"]}],
    }


def test_others_speak_to_instances_where_they_are_named() -> None:
    found = made_of(FULL)
    callers, sessions = (found.one(FIREWALL, f"digits-{each}").inputs for each in ("callers", "sessions"))
    assert callers["sourceServiceAccounts"] == [f"callers@{PROJECT}.iam.gserviceaccount.com"]
    assert (callers["allows"], callers["targetServiceAccounts"]) == (
        [{"protocol": "tcp", "ports": ["8080"]}],
        [ACCOUNT],
    )
    assert sessions["sourceRanges"] == ["35.235.240.0/20"]
    assert sessions["allows"] == [{"protocol": "tcp", "ports": ["22"]}]
    assert callers["logConfig"] == sessions["logConfig"] == {"metadata": "INCLUDE_ALL_METADATA"}
    assert "CLOSED=''" in files(found)["/etc/modelport/settings"].splitlines()


def test_rules_are_made_where_the_network_is() -> None:
    shared = {"network_id": "projects/shop-net/global/networks/shop"}
    shared["subnetwork_id"] = f"projects/shop-net/regions/{REGION}/subnetworks/shop"
    found = made_of(changed(**shared, allow_sessions=True))
    assert {each.inputs["project"] for each in found.all(FIREWALL)} == {"shop-net"}
    assert found.one(GROUP).inputs["project"] == PROJECT


def test_the_group_is_one_of_the_zones_of_the_region() -> None:
    found = made_of(HERE)
    group = found.one(GROUP).inputs
    assert (group["name"], group["baseInstanceName"], group["region"]) == ("digits", "digits", REGION)
    assert group["versions"] == [{"instanceTemplate": TEMPLATE_LINK}]
    assert (group["distributionPolicyZones"], group["distributionPolicyTargetShape"]) == (ZONES, "EVEN")
    assert group["namedPorts"] == [{"name": "http", "port": 8080}]
    assert (group["waitForInstances"], group["waitForInstancesStatus"]) == (True, "STABLE")
    assert group["instanceLifecyclePolicy"] == {"defaultActionOnFailure": "REPAIR", "forceUpdateOnRepair": "NO"}
    assert found.one(GROUP).request["customTimeouts"] == {"create": "35m", "update": "35m", "delete": "30m"}


def test_an_instance_on_which_the_model_does_not_answer_is_made_anew() -> None:
    found = made_of(HERE)
    check = found.one(CHECK).inputs
    assert check["httpHealthCheck"] == {
        "requestPath": "/v2/health/ready",
        "port": 8080,
        "portSpecification": "USE_FIXED_PORT",
    }
    # A minute, where the load balancer takes twenty seconds.
    assert check["checkIntervalSec"] * check["unhealthyThreshold"] == 60
    assert found.one(GROUP).inputs["autoHealingPolicies"] == {"healthCheck": CHECK_LINK, "initialDelaySec": 300}


def test_a_new_instance_answers_before_an_old_one_goes() -> None:
    group = made_of(HERE).one(GROUP).inputs
    assert group["updatePolicy"] == {
        "type": "PROACTIVE",
        "minimalAction": "REPLACE",
        "mostDisruptiveAllowedAction": "REPLACE",
        "replacementMethod": "SUBSTITUTE",
        "instanceRedistributionType": "PROACTIVE",
        "maxSurgeFixed": 3,
        "maxUnavailableFixed": 0,
    }
    none = made_of(changed(release={"max_surge": 0})).one(GROUP).inputs["updatePolicy"]
    assert (none["maxSurgeFixed"], none["maxUnavailableFixed"]) == (0, 3)
    full = made_of(FULL).one(GROUP).inputs
    assert (full["updatePolicy"]["maxSurgeFixed"], full["updatePolicy"]["maxUnavailableFixed"]) == (4, 2)
    assert full["distributionPolicyTargetShape"] == "BALANCED"
    # Instances that stand where there is capacity are not moved to where there is none.
    assert full["updatePolicy"]["instanceRedistributionType"] == "NONE"


def test_instances_are_scaled_by_whatever_asks_for_more() -> None:
    found = made_of(FULL)
    made = found.one(SCALER).inputs
    assert (made["name"], made["target"]) == ("digits", "digits-id")
    assert made["autoscalingPolicy"] == {
        "mode": "ON",
        "minReplicas": 2,
        "maxReplicas": 8,
        "cooldownPeriod": 1200,
        "cpuUtilization": {"target": 0.5, "predictiveMethod": "OPTIMIZE_AVAILABILITY"},
        "scaleInControl": {"maxScaledInReplicas": {"percent": 50}, "timeWindowSec": 600},
        # Ten a second, of the thousand that a load balancer takes an instance to be able to.
        "loadBalancingUtilization": {"target": 0.01},
        "metrics": [
            {"name": "custom.googleapis.com/waiting", "target": 4.5, "type": "GAUGE"},
            {
                "name": "pubsub.googleapis.com/subscription/num_undelivered_messages",
                "singleInstanceAssignment": 10,
                "filter": 'resource.type = "pubsub_subscription"',
            },
        ],
    }
    group = found.one(GROUP)
    assert group.inputs["targetSize"] == 3
    assert group.request["ignoreChanges"] == ["targetSize"]
    usual = made_of(changed(max=4)).one(SCALER).inputs["autoscalingPolicy"]
    assert usual["cpuUtilization"] == {"target": 0.6, "predictiveMethod": "NONE"}
    assert not {"loadBalancingUtilization", "metrics"} & set(usual)


def test_what_nothing_scales_is_as_many_as_was_said() -> None:
    found = made_of(changed(min=3))
    assert not found.all(SCALER)
    group = found.one(GROUP)
    assert group.inputs["targetSize"] == 3
    assert "ignoreChanges" not in group.request


def test_a_version_comes_to_the_group_by_a_rollout_that_knows_what_the_group_is_to_be() -> None:
    found = made_of(FULL)
    rollout = found.one(ROLLOUT).inputs
    assert {key: rollout[key] for key in ("project", "region", "group", "template", "balanced", "starts")} == {
        "project": PROJECT,
        "region": REGION,
        "group": "digits",
        "template": TEMPLATE_LINK,
        "balanced": True,
        "starts": 1200,
    }
    assert json.loads(rollout["stages"]) == [[10, 600], [50, 300], [100, 900]]
    assert json.loads(rollout["bounds"]) == {"error_percent": 0.5, "latency": 0.25, "policies": [POLICY]}
    assert json.loads(rollout["policy"]) == {
        "updatePolicy": {
            "type": "PROACTIVE",
            "minimalAction": "REPLACE",
            "mostDisruptiveAllowedAction": "REPLACE",
            "replacementMethod": "SUBSTITUTE",
            "instanceRedistributionType": "NONE",
            "maxSurge": {"fixed": 4},
            "maxUnavailable": {"fixed": 2},
        },
        "autoHealingPolicies": [{"healthCheck": CHECK_LINK, "initialDelaySec": 1200}],
    }
    usual = made_of(HERE).one(ROLLOUT).inputs
    assert (json.loads(usual["stages"]), usual["balanced"]) == ([[100, 0]], False)


def test_outputs() -> None:
    known: dict[str, Any] = {}

    def program() -> None:
        made = ComputeService("digits", HERE)
        for each in ComputeService.__annotations__:
            output: pulumi.Output[Any] = getattr(made, each)
            output.apply(partial(known.__setitem__, each))

    plan(program, preview=False, outputs=TOLD)
    assert known == {
        "group_name": "digits",
        "group_id": "digits-id",
        "instance_group": GROUP_LINK,
        "named_port": "http",
        "template_id": "digits-id",
        "service_account": ACCOUNT,
        "serving": TEMPLATE_LINK,
    }


@pytest.mark.parametrize("preview", [True, False])
def test_a_load_balancer_leads_to_it(preview: bool) -> None:
    def program() -> None:
        service = ComputeService("digits", changed(load_balanced=True))
        edge: Any = {
            "project": PROJECT,
            "hostname": "models.example.com",
            "zone_name": "example.com",
            "managed_zone": "example-com",
            "client_cidrs": ["192.0.2.0/24"],
            "instances": {"instance_group": service.instance_group, "named_port": service.named_port},
            "draining_seconds": 90,
        }
        GcpLoadBalancer("edge", edge)

    record = {"name": "_acme-challenge.models.example.com.", "type": "CNAME", "data": "a.b."}
    proof: Told = {
        "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": lambda _: {"dnsResourceRecords": [record]}
    }
    found = plan(program, preview=preview, outputs={**TOLD, **proof})
    backend = found.one("gcp:compute/backendService:BackendService")
    (group,) = backend.inputs["backends"]
    assert group["group"] == (UNKNOWN if preview else GROUP_LINK)
    assert backend.inputs["portName"] == (UNKNOWN if preview else "http")
    assert backend.inputs["connectionDrainingTimeoutSec"] == 90
    # Instances are there before somebody is sent to them, and go after.
    assert "digits" in backend.depends_on
    assert [each.name for each in found.all(FIREWALL)] == ["digits-health"]


def test_every_resource_that_takes_labels_has_them() -> None:
    found = made_of(FULL)
    assert _template(found)["labels"] == {"team": "ml", "modelport-component": "digits"}
    assert _template(found)["disks"][0]["labels"] == {"team": "ml", "modelport-component": "digits"}


def test_a_secret_that_is_no_text_stays_one() -> None:
    def program() -> None:
        ComputeService("digits", changed(env={"UPSTREAM": pulumi.Output.secret("only for tests")}))

    found = plan(program, preview=False, outputs=TOLD)
    assert set(_template(found)["metadata"]["user-data"]) == {"(secret)"}
