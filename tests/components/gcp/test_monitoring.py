"""Cloud Monitoring's side of a model: what is collected, shown and told, as it would be registered."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi_gcp.kms.key_ring import KeyRing

from components.gcp import collector, dashboard
from components.gcp.monitoring import GcpMonitoring, GcpMonitoringArgs
from components.kubernetes import ModelNamespace, names
from serving import metrics
from tests.components.kubernetes import checking
from tests.components.planned import UNKNOWN, Plan, Planned, plan
from tests.components.upgrading import Told

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROMETHEUS_ENGINE = (
    "github.com/GoogleCloudPlatform/prometheus-engine",
    "v0.17.2",
    "charts/operator/crds/*_podmonitorings.yaml",
)
PROJECT, NUMBER = "shop-prod", "123456789012"
ARGS: dict[str, Any] = {
    "project": PROJECT,
    "location": "europe-west4",
    "cluster_name": "shop",
    "services": [{"namespace": "models", "service": "digits"}],
}
FULL: dict[str, Any] = {
    "load_balancer": {"backend_service_name": "shop-1a2b3c4"},
    "hostname": "models.example.com",
    "gpu_percent": 95,
    "emails": ["ops@example.com", "Team.ML@example.com"],
    "topic": True,
    "project_number": NUMBER,
    "services": [
        {"namespace": "models", "service": "digits", "latency": 0.1, "error_percent": 0.5},
        {"namespace": "models", "service": "words"},
    ],
}
POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
CHANNEL = "gcp:monitoring/notificationChannel:NotificationChannel"
CHECK = "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig"
MONITOR = "kubernetes:monitoring.googleapis.com/v1:PodMonitoring"
DASHBOARD = "gcp:monitoring/dashboard:Dashboard"
METRIC = "gcp:logging/metric:Metric"
TOLD: Told = {CHECK: lambda made: {"uptimeCheckId": f"{made.name}-check"}}


def planned(preview: bool = True, **more: Any) -> Plan:
    given = cast("GcpMonitoringArgs", {**ARGS, **more})
    return plan(lambda: GcpMonitoring("watch", given), preview=preview, outputs=TOLD)


def policy(about: str, preview: bool = True, **more: Any) -> dict[str, Any]:
    return planned(preview, **more).one(POLICY, f"watch-{about}").inputs


def asked(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's only condition."""
    (condition,) = inputs["conditions"]
    return cast("dict[str, Any]", condition["conditionPrometheusQueryLanguage"])


def body(found: Plan) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(found.one(DASHBOARD).inputs["dashboardJson"]))


def queries(shown: Mapping[str, Any]) -> list[str]:
    """All that a dashboard asks, with the distance of two points as one minute."""
    return [
        data["timeSeriesQuery"]["prometheusQuery"].replace(dashboard.INTERVAL, "1m")
        for tile in shown["mosaicLayout"]["tiles"]
        for data in tile["widget"].get("xyChart", {}).get("dataSets", [])
    ]


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "monitoring.txt")


def test_what_is_known_late_is_unknown_in_a_preview() -> None:
    def program() -> None:
        ring = KeyRing("ring", location="europe-west4")
        late = {"cluster_name": ring.id, "key_name": ring.id, "load_balancer": {"backend_service_name": ring.id}}
        more = {"topic": True, "project_number": NUMBER, "hostname": "models.example.com"}
        GcpMonitoring("watch", cast("GcpMonitoringArgs", {**ARGS, **more, **late}))

    found = plan(program)
    assert found.one("gcp:pubsub/topic:Topic").inputs["kmsKeyName"] == UNKNOWN
    assert found.one(METRIC).inputs["filter"] == UNKNOWN
    assert {asked(each.inputs)["query"] for each in found.all(POLICY)} == {UNKNOWN}
    assert found.one(DASHBOARD).inputs["dashboardJson"] == UNKNOWN


def test_a_preview_shows_what_is_asked_wherever_it_can() -> None:
    unknown = {each.name for each in planned(**FULL).all(POLICY) if asked(each.inputs)["query"] == UNKNOWN}
    assert unknown == {"watch-uptime", "watch-certificate"}


def test_an_alert_says_all_that_whoever_gets_it_needs() -> None:
    found = planned(False, emails=["ops@example.com"], runbook="https://example.com/runbook", labels={"team": "ml"})
    inputs = dict(found.one(POLICY, "watch-models-digits-latency").inputs)
    assert asked(inputs).pop("query").startswith("1 - (sum(rate(modelport_request_duration_seconds_bucket{")
    said = "of a hundred requests to models/digits more than one takes longer than 0.25 seconds"
    content = inputs["documentation"].pop("content")
    assert content.startswith(f"Of{said[2:]}.\n\nLook at requests in flight")
    assert inputs == {
        "project": PROJECT,
        "displayName": "watch-models-digits-latency",
        "severity": "CRITICAL",
        "combiner": "OR",
        "conditions": [
            {
                "displayName": said,
                "conditionPrometheusQueryLanguage": {
                    "duration": "300s",
                    "evaluationInterval": "60s",
                    "ruleGroup": "watch",
                    "alertRule": "ModelportModelsDigitsLatency",
                    "disableMetricValidation": True,
                },
            }
        ],
        "notificationChannels": ["watch-ops-example-com-id"],
        "alertStrategy": {"autoClose": "1800s", "notificationPrompts": ["OPENED", "CLOSED"]},
        "documentation": {
            "subject": f"watch: {said}",
            "mimeType": "text/markdown",
            "links": [{"displayName": "Runbook", "url": "https://example.com/runbook"}],
        },
        "userLabels": {"team": "ml", "modelport-component": "watch"},
    }


def test_what_users_feel_is_critical_and_everything_else_a_warning() -> None:
    found = planned(**FULL).all(POLICY)
    critical = {each.name.removeprefix("watch-") for each in found if each.inputs["severity"] == "CRITICAL"}
    services = {f"models-{name}-{what}" for name in ("digits", "words") for what in ("latency", "errors", "pods")}
    assert critical == {*services, "balancer-errors", "uptime"}
    assert {each.inputs["severity"] for each in found} == {"CRITICAL", "WARNING"}


def test_everybody_hears_of_every_alert() -> None:
    found = planned(False, **FULL)
    told = ["watch-ops-example-com-id", "watch-team-ml-example-com-id", "watch-topic-id"]
    assert all(each.inputs["notificationChannels"] == told for each in found.all(POLICY))


def test_how_long_something_lasts_before_it_is_told() -> None:
    lasting = {each.name: asked(each.inputs)["duration"] for each in planned(minutes=2, **FULL).all(POLICY)}
    assert lasting["watch-models-digits-latency"] == lasting["watch-memory"] == "120s"
    # Counted over a quarter of an hour as it is.
    assert lasting["watch-models-digits-restarts"] == lasting["watch-models-digits-workers"] == "0s"
    # As any Prometheus has it.
    assert lasting["watch-models-digits-unheard"] == "300s"
    # A minute or two without a word is nothing yet.
    assert lasting["watch-silent"] == "600s"
    assert asked(policy("silent", minutes=20))["duration"] == "1200s"
    assert policy("silent", close_minutes=60)["alertStrategy"]["autoClose"] == "3600s"


def test_what_is_not_there_is_not_watched() -> None:
    names_ = {each.name for each in planned().all(POLICY)}
    absent = {"watch-balancer-errors", "watch-uptime", "watch-certificate", "watch-gpus"}
    assert names_ & absent == set()
    assert absent <= {each.name for each in planned(**FULL).all(POLICY)}
    bare = planned()
    assert [bare.all(each) for each in (CHECK, CHANNEL, "gcp:pubsub/topic:Topic", "gcp:kms/keyRing:KeyRing")] == [
        []
    ] * 4


def test_a_service_that_sleeps_may_have_no_pods() -> None:
    services = [{"namespace": "models", "service": "digits", "least_pods": 0}]
    assert "watch-models-digits-pods" not in {each.name for each in planned(services=services).all(POLICY)}
    services = [{"namespace": "models", "service": "digits", "least_pods": 3}]
    assert asked(policy("models-digits-pods", services=services))["query"].endswith(" < 3")


def test_mails_and_topic_are_channels() -> None:
    found = {each.name: (each.inputs["type"], each.inputs["labels"]) for each in planned(False, **FULL).all(CHANNEL)}
    assert found == {
        "watch-ops-example-com": ("email", {"email_address": "ops@example.com"}),
        "watch-team-ml-example-com": ("email", {"email_address": "Team.ML@example.com"}),
        "watch-topic": ("pubsub", {"topic": "watch-id"}),
    }


def test_the_topic_is_encrypted_and_told_by_cloud_monitoring_alone() -> None:
    found = planned(False, **FULL)
    topic = found.one("gcp:pubsub/topic:Topic")
    assert topic.inputs["kmsKeyName"] == "watch-id"
    assert topic.inputs["messageStoragePolicy"] == {"allowedPersistenceRegions": ["europe-west4"]}
    # Not before the account that encrypts may use the key.
    assert {"watch", "watch-topic"} <= topic.depends_on
    ring = found.one("gcp:kms/keyRing:KeyRing")
    assert (ring.inputs["location"], found.one("gcp:kms/cryptoKey:CryptoKey").inputs["rotationPeriod"]) == (
        "europe-west4",
        "7776000s",
    )
    (user,) = found.all("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")
    assert user.inputs["member"] == f"serviceAccount:service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"
    (teller,) = found.all("gcp:pubsub/topicIAMMember:TopicIAMMember")
    assert (teller.inputs["role"], teller.inputs["member"]) == (
        "roles/pubsub.publisher",
        f"serviceAccount:service-{NUMBER}@gcp-sa-monitoring-notification.iam.gserviceaccount.com",
    )
    # Google makes that account with the first channel.
    assert "watch-topic" in teller.depends_on


def test_a_key_of_somebodys_is_taken_for_the_topic() -> None:
    key = f"projects/{PROJECT}/locations/europe-west4/keyRings/models/cryptoKeys/models"
    found = planned(topic=True, project_number=NUMBER, key_name=key, location="europe-west4-b")
    assert found.one("gcp:pubsub/topic:Topic").inputs["kmsKeyName"] == key
    assert found.all("gcp:kms/cryptoKey:CryptoKey") == []


def test_the_hostname_is_asked_with_tls_whether_it_is_ready() -> None:
    inputs = planned(hostname="models.example.com", labels={"team": "ml"}).one(CHECK).inputs
    assert inputs == {
        "project": PROJECT,
        "displayName": "watch",
        "monitoredResource": {
            "type": "uptime_url",
            "labels": {"project_id": PROJECT, "host": "models.example.com"},
        },
        "httpCheck": {
            "requestMethod": "GET",
            "path": "/v2/health/ready",
            "port": 443,
            "useSsl": True,
            "validateSsl": True,
            "acceptedResponseStatusCodes": [{"statusValue": 200}],
        },
        "period": "60s",
        "timeout": "10s",
        "userLabels": {"team": "ml", "modelport-component": "watch"},
    }


def monitors(**more: Any) -> list[dict[str, Any]]:
    return [each.inputs for each in planned(False, **more).all(MONITOR)]


def test_each_services_pods_are_asked() -> None:
    services = [{"namespace": "models", "service": "digits"}, {"namespace": "shop", "service": "words"}]
    found = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in monitors(services=services)}
    assert found == {("models", "digits"), ("shop", "words")}
    (one,) = monitors(scrape_seconds=5)
    (endpoint,) = one["spec"]["endpoints"]
    assert (endpoint["interval"], endpoint["timeout"]) == ("5s", "5s")
    assert monitors()[0]["spec"]["endpoints"][0]["interval"] == "30s"


def test_what_managed_prometheus_is_told_fits_its_own_definition() -> None:
    assert checking.violations(monitors(**FULL), PROMETHEUS_ENGINE, minors=1) == []
    wrong: list[dict[str, Any]] = [{**each, "spec": {**each["spec"], "endpoint": []}} for each in monitors()]
    assert checking.violations(wrong, PROMETHEUS_ENGINE, minors=1) != []


def test_models_are_found_by_the_labels_that_they_have_and_told_by_those_that_queries_ask() -> None:
    (found,) = (each["spec"] for each in monitors())
    pod = {**names.labels("digits", names.STABLE), names.REVISION: "0123456789ab"}
    assert found["selector"]["matchLabels"].items() <= pod.items()
    told = {each["to"]: pod[each["from"]] for each in found["targetLabels"]["fromPod"]}
    assert told == {"service": "digits", "track": "stable", "revision": "0123456789ab"}
    # A series has these labels, and those of its place that managed Prometheus gives each.
    given = {
        *told,
        *found["targetLabels"]["metadata"],
        "project_id",
        "location",
        "cluster",
        "namespace",
        "job",
        "instance",
    }
    (endpoint,) = found["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == (names.PORT_NAME, names.METRICS)
    of_ours = {"route", "code", "le", "answered_by", "outcome"}
    for query in [asked(each.inputs)["query"] for each in planned().all(POLICY)] + queries(body(planned(False))):
        for selector in re.findall(r"(?:modelport_\w+|\bup)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)=~?\"", selector)) <= given | of_ours


def test_what_is_asked_for_is_what_the_server_tells() -> None:
    """A renamed metric or route would leave an alert without a number, and nobody would say so."""
    counts = metrics.Counts(1)
    counts.row(0).request("infer", 503, 0.02)
    counts.row(0).request("health", 200, 0.02)
    told = metrics.render(counts, "digits", "1", "text/plain")[0].decode()
    lines = [line for line in told.splitlines() if not line.startswith("#")]
    (drop,) = monitors()[0]["spec"]["endpoints"][0]["metricRelabeling"]
    routes = {match for line in lines for match in re.findall(r'route="(\w+)"', line)}
    assert {each for each in routes if not re.fullmatch(drop["regex"], each)} == {"infer", "classify", "feedback"}
    there = {re.split(r"[{ ]", line)[0] for line in lines}
    wanted = {
        name
        for query in [asked(each.inputs)["query"] for each in planned().all(POLICY)] + queries(body(planned(False)))
        for name in re.findall(r"\bmodelport_\w+", query)
    }
    assert wanted - there == set()


def test_models_are_asked_once_their_namespace_is_there() -> None:
    def program() -> None:
        space = ModelNamespace("models", {})
        opts = pulumi.ResourceOptions(depends_on=[space])
        GcpMonitoring("watch", cast("GcpMonitoringArgs", ARGS), opts)

    (found,) = plan(program, preview=False).all(MONITOR)
    assert "models" in found.depends_on


def faults(**more: Any) -> dict[str, Any]:
    return planned(False, **more).one(METRIC).inputs


def test_faults_in_the_log_are_counted_by_service_and_kind() -> None:
    services = [{"namespace": "models", "service": "digits"}, {"namespace": "shop", "service": "words"}]
    found = faults(services=services)
    assert found["name"] == "watch-faults"
    assert found["filter"].splitlines() == [
        'resource.type="k8s_container"',
        f'resource.labels.project_id="{PROJECT}"',
        'resource.labels.location="europe-west4"',
        'resource.labels.cluster_name="shop"',
        'resource.labels.container_name="model"',
        'resource.labels.namespace_name=("models" OR "shop")',
        'labels."k8s-pod/app_kubernetes_io/name"=("digits" OR "words")',
        "severity>=ERROR",
        f'textPayload=~"{collector.FAULTS}"',
    ]
    descriptor = found["metricDescriptor"]
    assert (descriptor["metricKind"], descriptor["valueType"], descriptor["unit"]) == ("DELTA", "INT64", "1")
    assert {each["key"] for each in descriptor["labels"]} == set(found["labelExtractors"]) == {"service", "kind"}
    assert "\\" not in found["filter"] + "".join(found["labelExtractors"].values())


def kind(line: str) -> str | None:
    """What the metric makes of a line of the log: the kind of its fault."""
    if not re.search(collector.FAULTS, line):
        return None
    (pattern,) = re.findall(r'REGEXP_EXTRACT\(textPayload, "(.*)"\)', faults()["labelExtractors"]["kind"])
    found = re.search(pattern, line)
    assert found is not None
    return found[1]


def test_a_server_that_cannot_start_is_a_fault(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "serving"]
    environment = {"MODELPORT_PORT": "no port", "MODELPORT_MODEL": str(tmp_path), "PATH": ""}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert [kind(line) for line in ran.stderr.splitlines()] == ["error"]


def test_a_traceback_is_one_fault() -> None:
    ran = subprocess.run([sys.executable, "-c", "1 / 0"], capture_output=True, text=True, check=False)
    found = [kind(line) for line in ran.stderr.splitlines()]
    assert [each for each in found if each is not None] == ["Traceback"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("modelport: worker 12 ended (killed by SIGKILL), another starts in 1 s", "ended"),
        ("modelport: not drained after 30 s, so what is in hand is cut", "not drained"),
        ("modelport: serving digits on http://0.0.0.0:8080 with 2 workers (pid 1)", None),
        ("modelport: draining (SIGTERM)", None),
        ("modelport: API keys: 2 let in from now on", None),
    ],
)
def test_a_line_that_tells_of_no_fault_is_none(line: str, found: str | None) -> None:
    assert kind(line) == found


@pytest.mark.parametrize("said", ["worker {", "not drained after {", "error: {"])
def test_the_servers_own_lines_begin_so(said: str) -> None:
    sources = Path(metrics.__file__).parent.rglob("*.py")
    assert any(f'say(f"{said}' in each.read_text() for each in sources)


@pytest.mark.parametrize(("autopilot", "space"), [(False, "gmp-system"), (True, "gke-gmp-system")])
def test_outputs_are_known_in_a_preview(autopilot: bool, space: str) -> None:
    told: dict[str, Any] = {}

    def program() -> None:
        made = GcpMonitoring("watch", cast("GcpMonitoringArgs", {**ARGS, "autopilot": autopilot}))
        made.collector_namespace.apply(lambda value: told.update(space=value))
        made.topic_id.apply(lambda value: told.update(topic=value))

    plan(program)
    assert told == {"space": space, "topic": ""}


def test_outputs_are_what_others_take() -> None:
    told: dict[str, Any] = {}

    def program() -> None:
        made = GcpMonitoring("watch", cast("GcpMonitoringArgs", {**ARGS, **FULL}))
        for key in ("dashboard_url", "channel_ids", "policy_ids", "topic_id"):
            cast("pulumi.Output[Any]", getattr(made, key)).apply(partial(told.__setitem__, key))

    def id_(made: Planned) -> str:
        return f"projects/{NUMBER}/dashboards/1b2c" if made.type == DASHBOARD else f"{made.name}-id"

    found = plan(program, preview=False, outputs=TOLD, ids=id_)
    policies = told.pop("policy_ids")
    assert sorted(policies) == sorted(f"{each.name}-id" for each in found.all(POLICY))
    assert told == {
        "dashboard_url": "https://console.cloud.google.com/monitoring/dashboards/builder/1b2c?project=shop-prod",
        "channel_ids": ["watch-ops-example-com-id", "watch-team-ml-example-com-id", "watch-topic-id"],
        "topic_id": "watch-id",
    }


def test_what_turns_out_wrong_once_it_is_known_is_refused_then() -> None:
    def program() -> None:
        late = pulumi.Output.from_input("Shop")
        GcpMonitoring("watch", cast("GcpMonitoringArgs", {**ARGS, "cluster_name": late}))

    with pytest.raises(ValueError, match=r"GcpMonitoring\.cluster_name is 'Shop', expected the name of a cluster"):
        plan(program)
