"""CloudWatch's side of a model: what is collected, shown and told, as it would be registered."""

import json
import re
import subprocess
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pulumi_aws.kms.key import Key

from components.aws import collector, monitoring
from components.aws.monitoring import AwsMonitoring, AwsMonitoringArgs
from components.kubernetes import names
from serving import metrics
from tests.components.kubernetes import checking
from tests.components.planned import UNKNOWN, Plan, Planned, plan
from tests.tools import debian

SNAPSHOTS = Path(__file__).parent / "snapshots"
DIGEST = "sha256:" + "a" * 64
ARGS: dict[str, Any] = {
    "account_id": "123456789012",
    "region": "eu-central-1",
    "cluster_name": "shop",
    "collector_image": f"public.ecr.aws/cloudwatch-agent/cloudwatch-agent@{DIGEST}",
    "services": [{"namespace": "models", "service": "digits"}],
}
BALANCER = {
    "arn_suffix": "app/shop/0123456789abcdef",
    "target_group_arn_suffix": "targetgroup/shop/0123456789abcdef",
}
NETWORK = {**BALANCER, "arn_suffix": "net/shop/0123456789abcdef", "network": True}
FULL: dict[str, Any] = {
    "load_balancer": BALANCER,
    "gpu_percent": 95,
    "emails": ["ops@example.com", "Team.ML@example.com"],
    "services": [
        {"namespace": "models", "service": "digits", "latency": 0.1, "error_percent": 0.5},
        {"namespace": "models", "service": "words"},
    ],
}
ALARM, DIMENSIONS = (
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    {"ClusterName": "shop", "Namespace": "models", "Service": "digits"},
)
HERE = "eu-central-1:123456789012"


def planned(preview: bool = True, **more: Any) -> Plan:
    given = cast("AwsMonitoringArgs", {**ARGS, **more})
    return plan(lambda: AwsMonitoring("watch", given), preview=preview)


def alarm(about: str, preview: bool = True, **more: Any) -> dict[str, Any]:
    return planned(preview, **more).one(ALARM, f"watch-{about}").inputs


def about(planned_: Planned) -> dict[str, Any]:
    """An alarm without its text, its tags and who is told."""
    told = ("alarmDescription", "tags", "alarmActions", "okActions")
    return {key: value for key, value in planned_.inputs.items() if key not in told}


def policy(found: Plan, type_: str, name: str, key: str = "policy") -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", json.loads(found.one(type_, name).inputs[key])["Statement"])


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "monitoring.txt")


def test_what_is_known_late_is_unknown_in_a_preview() -> None:
    def program() -> None:
        key = Key("key", policy="{}")
        late = {"cluster_name": key.description, "key_arn": key.arn, "load_balancer": {
            "arn_suffix": key.key_id, "target_group_arn_suffix": key.key_id}}  # fmt: skip
        AwsMonitoring("watch", cast("AwsMonitoringArgs", {**ARGS, **late}))

    found = plan(program)
    groups = found.all("aws:cloudwatch/logGroup:LogGroup")
    assert {each.inputs["name"] for each in groups} == {UNKNOWN}
    assert found.one(ALARM, "watch-unhealthy-targets").inputs["dimensions"] == {
        "LoadBalancer": UNKNOWN,
        "TargetGroup": UNKNOWN,
    }
    assert found.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"] == UNKNOWN
    (settings,) = (each for each in found.resources if each.inputs.get("kind") == "ConfigMap")
    assert settings.inputs["data"] == UNKNOWN


def test_latency_is_told_by_the_slowest_of_a_hundred() -> None:
    found = planned(**FULL).one(ALARM, "watch-models-digits-latency")
    assert about(found) == {
        "namespace": "Modelport",
        "metricName": "ModelLatency",
        "dimensions": DIMENSIONS,
        "extendedStatistic": "p99",
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 0.1,
        "evaluateLowSampleCountPercentiles": "ignore",
        "treatMissingData": "notBreaching",
        "period": 60,
        "evaluationPeriods": 5,
        "datapointsToAlarm": 3,
    }
    assert alarm("models-words-latency", **FULL)["threshold"] == 0.25


def test_errors_are_a_share_of_requests() -> None:
    def metric(name: str, called: str) -> dict[str, Any]:
        found = {"namespace": "Modelport", "metricName": name, "dimensions": DIMENSIONS, "period": 60, "stat": "Sum"}
        return {"id": called, "metric": found, "returnData": False}

    assert about(planned(**FULL).one(ALARM, "watch-models-digits-errors")) == {
        "metricQueries": [
            {
                "id": "share",
                "expression": "IF(requests > 0, 100 * (FILL(f0, 0)) / requests, 0)",
                "label": "per cent of requests",
                "returnData": True,
            },
            metric("ModelFaults", "f0"),
            metric("ModelRequests", "requests"),
        ],
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 0.5,
        "treatMissingData": "notBreaching",
        "evaluationPeriods": 5,
        "datapointsToAlarm": 3,
    }


def test_the_load_balancer_is_watched_as_its_kind_can_be() -> None:
    found = planned(load_balancer=BALANCER)
    errors = found.one(ALARM, "watch-balancer-errors").inputs["metricQueries"]
    assert [each["metric"]["metricName"] for each in errors[1:]] == [
        "HTTPCode_ELB_5XX_Count",
        "HTTPCode_Target_5XX_Count",
        "RequestCount",
    ]
    assert {each["metric"]["namespace"] for each in errors[1:]} == {"AWS/ApplicationELB"}
    assert errors[0]["expression"] == "IF(requests > 0, 100 * (FILL(f0, 0) + FILL(f1, 0)) / requests, 0)"
    sick = found.one(ALARM, "watch-unhealthy-targets").inputs
    assert (sick["metricName"], sick["statistic"], sick["threshold"]) == ("UnHealthyHostCount", "Maximum", 0)
    assert sick["dimensions"] == {
        "LoadBalancer": BALANCER["arn_suffix"],
        "TargetGroup": BALANCER["target_group_arn_suffix"],
    }
    other = planned(load_balancer=NETWORK)
    assert other.one(ALARM, "watch-unhealthy-targets").inputs["namespace"] == "AWS/NetworkELB"
    assert [each.name for each in other.all(ALARM) if "balancer" in each.name] == []
    assert [each.name for each in planned().all(ALARM) if "targets" in each.name] == []


def test_the_cluster_is_watched_and_its_silence_is_told() -> None:
    found = {
        each.name: (each.inputs["metricName"], each.inputs["threshold"], each.inputs["treatMissingData"])
        for each in planned(**FULL).all(ALARM)
        if each.inputs.get("namespace") == "ContainerInsights"
    }
    assert found == {
        "watch-failed-nodes": ("cluster_failed_node_count", 0, "notBreaching"),
        "watch-memory": ("node_memory_utilization", 85, "notBreaching"),
        "watch-disk": ("node_filesystem_utilization", 80, "notBreaching"),
        "watch-gpus": ("node_gpu_utilization", 95, "notBreaching"),
        "watch-silent": ("cluster_node_count", 1, "breaching"),
    }
    silent = alarm("silent")
    assert (silent["comparisonOperator"], silent["statistic"]) == ("LessThanThreshold", "SampleCount")
    assert "watch-gpus" not in {each.name for each in planned().all(ALARM)}


def test_what_users_feel_is_told_as_one() -> None:
    found = planned(False, **FULL)
    (topic,) = found.all("aws:sns/topic:Topic")
    told = [f"arn:aws:test:eu-central-1:123456789012:{topic.name}"]
    whole = found.one("aws:cloudwatch/compositeAlarm:CompositeAlarm").inputs
    felt = [f"watch-models-{service}-{what}" for service in ("digits", "words") for what in ("latency", "errors")]
    felt += ["watch-unhealthy-targets", "watch-balancer-errors"]
    assert whole["alarmRule"] == " OR ".join(f'ALARM("{each}")' for each in felt)
    assert whole["alarmActions"] == whole["okActions"] == told
    assert whole["alarmName"] == "watch-users"
    for each in found.all(ALARM):
        expected = None if each.name in felt else told
        assert each.inputs.get("alarmActions") == each.inputs.get("okActions") == expected


def test_logs_and_topic_are_encrypted_with_a_key_of_ours() -> None:
    found = planned(False, emails=FULL["emails"], log_days=30)
    key = "arn:aws:test:eu-central-1:123456789012:watch"
    assert found.one("aws:kms/key:Key").inputs["enableKeyRotation"] is True
    assert found.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"] == key
    groups = found.all("aws:cloudwatch/logGroup:LogGroup")
    assert {each.inputs["name"]: (each.inputs["kmsKeyId"], each.inputs["retentionInDays"]) for each in groups} == {
        f"/aws/containerinsights/shop/{kind}": (key, 30) for kind in ("application", "dataplane", "host", "performance")
    }
    _, logs, alarms = policy(found, "aws:kms/key:Key", "watch")
    assert logs["Principal"] == {"Service": "logs.eu-central-1.amazonaws.com"}
    assert alarms == {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    }
    kept = {each.inputs["retentionInDays"] for each in planned().all("aws:cloudwatch/logGroup:LogGroup")}
    assert kept == {365}
    given = f"arn:aws:kms:{HERE}:key/12345678-1234-1234-1234-123456789012"
    own = planned(key_arn=given)
    assert own.all("aws:kms/key:Key") == []
    assert own.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"] == given


def test_alarms_of_this_account_alone_may_tell_and_nobody_in_the_clear() -> None:
    found = planned(False, emails=FULL["emails"])
    told, clear = policy(found, "aws:sns/topicPolicy:TopicPolicy", "watch")
    assert (told["Principal"], told["Action"]) == ({"Service": "cloudwatch.amazonaws.com"}, "sns:Publish")
    assert told["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:{HERE}:alarm:*"},
    }
    assert (clear["Effect"], clear["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    mails = {
        each.name: (each.inputs["protocol"], each.inputs["endpoint"])
        for each in found.all("aws:sns/topicSubscription:TopicSubscription")
    }
    assert mails == {
        "watch-ops-example-com": ("email", "ops@example.com"),
        "watch-team-ml-example-com": ("email", "Team.ML@example.com"),
    }


def test_container_insights_comes_after_what_it_writes_to() -> None:
    found = planned(False)
    add_on = found.one("aws:eks/addon:Addon")
    assert add_on.inputs["addonName"] == "amazon-cloudwatch-observability"
    assert add_on.inputs["addonVersion"] == monitoring.ADD_ON_VERSION
    assert add_on.inputs["podIdentityAssociations"] == [
        {"roleArn": "arn:aws:test:eu-central-1:123456789012:watch-agent", "serviceAccount": "cloudwatch-agent"}
    ]
    assert json.loads(add_on.inputs["configurationValues"]) == {
        "agent": {"config": {"logs": {"metrics_collected": {"kubernetes": {"enhanced_container_insights": True}}}}},
        "containerLogs": {"enabled": True},
    }
    groups = {each.name for each in found.all("aws:cloudwatch/logGroup:LogGroup")}
    assert {*groups, "watch-agent-insights"} <= add_on.depends_on
    running = found.one("kubernetes:apps/v1:Deployment").depends_on
    assert {"watch-collector", "watch-collector-metrics", "watch-collector-settings"} <= running
    # The add-on makes the namespace.
    assert "watch-agent" in found.one("kubernetes:core/v1:ConfigMap").depends_on


def test_roles_write_to_their_own_and_to_nothing_else() -> None:
    found = planned(False, metric_namespace="Shop/Models")
    for name, account in (("agent", "cloudwatch-agent"), ("collector", "modelport-collector")):
        (trusted,) = policy(found, "aws:iam/role:Role", f"watch-{name}", "assumeRolePolicy")
        assert trusted["Condition"]["StringEquals"] == {
            "aws:SourceAccount": "123456789012",
            "aws:RequestTag/eks-cluster-arn": f"arn:aws:eks:{HERE}:cluster/shop",
            "aws:RequestTag/kubernetes-namespace": "amazon-cloudwatch",
            "aws:RequestTag/kubernetes-service-account": account,
        }
    roles = "aws:iam/rolePolicy:RolePolicy"
    assert policy(found, roles, "watch-collector-metrics") == [
        {
            "Effect": "Allow",
            "Action": ["cloudwatch:PutMetricData"],
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "Shop/Models"}},
        }
    ]
    written, listed, machine, measured = policy(found, roles, "watch-agent-insights")
    assert written["Resource"] == f"arn:aws:logs:{HERE}:log-group:/aws/containerinsights/shop/*"
    assert written["Action"] == ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    assert listed["Action"] == ["logs:DescribeLogGroups"]
    assert all(each.startswith("ec2:Describe") for each in machine["Action"])
    assert measured["Condition"] == {"StringEquals": {"cloudwatch:namespace": "ContainerInsights"}}


def manifests(**more: Any) -> list[dict[str, Any]]:
    return [each.inputs for each in planned(False, **more).resources if each.type.startswith("kubernetes:")]


def test_manifests_fit_their_schemas_and_checkov() -> None:
    found = manifests()
    assert checking.violations(found) == []
    # It asks the API server where the models are, for which it needs the token of its account.
    assert [line.split(": ")[0] for line in checking.checkov(found)] == [
        "CKV_K8S_38 Deployment.amazon-cloudwatch.modelport-collector"
    ]


def test_one_collector_counts_once_and_reads_its_settings_anew() -> None:
    def pod(**more: Any) -> tuple[dict[str, Any], str]:
        (made,) = (each for each in manifests(**more) if each["kind"] == "Deployment")
        mark = made["spec"]["template"]["metadata"]["annotations"]["modelport.io/settings"]
        return made["spec"], str(mark)

    spec, mark = pod()
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert mark == pod()[1] != pod(metric_namespace="Other")[1]


def pipeline() -> dict[str, Any]:
    (settings,) = (each for each in manifests() if each["kind"] == "ConfigMap")
    return cast("dict[str, Any]", yaml.safe_load(settings["data"]["pipeline.yaml"]))


def test_prometheus_own_checker_takes_how_models_are_asked(tmp_path: Path) -> None:
    asked = pipeline()["receivers"]["prometheus/models"]["config"]
    # Debian's is built without Kubernetes' discovery.
    assert asked["scrape_configs"][0].pop("kubernetes_sd_configs") == [{"role": "pod"}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(asked))
    tool = debian.program("prometheus", "promtool")
    command = [str(tool.path), "check", "config", "prometheus.yml"]
    ran = subprocess.run(command, cwd=tmp_path, env=tool.env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_is_kept_is_what_the_server_tells() -> None:
    """A renamed metric, route or label would leave CloudWatch without a number and nobody would say so."""
    (scrape,) = pipeline()["receivers"]["prometheus/models"]["config"]["scrape_configs"]
    kept = {each["source_labels"][0]: each["regex"] for each in scrape["metric_relabel_configs"]}
    counts = metrics.Counts(1)
    counts.row(0).request("infer", 200, 0.02)
    counts.row(0).request("infer", 503, 0.02)
    text = metrics.render(counts, "digits", "1", "text/plain")[0].decode()
    told = [line for line in text.splitlines() if not line.startswith("#")]
    found = [line for line in told if re.fullmatch(kept["__name__"], re.split(r"[{ ]", line)[0])]
    routes = {label for line in found for label in re.findall(r'route="(\w+)"', line)}
    assert {"infer", "classify"} <= routes
    assert re.fullmatch(kept["route"], "infer")
    names_ = {re.split(r"[{ ]", line)[0] for line in found}
    renamed = {each["include"] for each in pipeline()["processors"]["metricstransform"]["transforms"]}
    assert {re.sub(r"_(bucket|sum|count)$", "", each) for each in names_} == renamed
    codes = set(re.findall(r'code="(\d+)"', "".join(found)))
    (faults,) = (each for each in pipeline()["processors"]["metricstransform"]["transforms"] if each.get("match_type"))
    pattern = faults["experimental_match_labels"]["code"]
    assert {each for each in codes if re.fullmatch(pattern, each)} == {"503"}


def test_models_are_found_by_the_labels_that_they_have() -> None:
    (scrape,) = pipeline()["receivers"]["prometheus/models"]["config"]["scrape_configs"]
    given = {
        f"__meta_kubernetes_pod_label_{re.sub(r'[^a-zA-Z0-9]', '_', key)}": value
        for key, value in names.labels("digits", names.STABLE).items()
    }
    given["__meta_kubernetes_pod_container_port_name"] = names.PORT_NAME
    given["__meta_kubernetes_pod_phase"] = "Running"
    given["__meta_kubernetes_namespace"] = "models"
    got: dict[str, str] = {}
    for rule in scrape["relabel_configs"]:
        (label,) = rule["source_labels"]
        if rule.get("action") == "keep":
            assert re.fullmatch(rule["regex"], given[label])
        else:
            got[rule["target_label"]] = given[label]
    assert got == {"Namespace": "models", "Service": "digits"}
    assert scrape["metrics_path"] == names.METRICS


def test_the_pipeline_is_whole_and_in_its_order() -> None:
    found = pipeline()
    (flow,) = found["service"]["pipelines"].values()
    assert flow == {
        "receivers": list(found["receivers"]),
        # A pod that starts anew must not be taken off the others.
        "processors": ["cumulativetodelta", "metricstransform", "batch"],
        "exporters": list(found["exporters"]),
    }
    assert set(flow["processors"]) == set(found["processors"])
    exporter = found["exporters"]["awscloudwatch"]
    assert (exporter["region"], exporter["namespace"]) == ("eu-central-1", "Modelport")
    # With it each pod and each address of one were a metric.
    assert exporter["resource_to_telemetry_conversion"] == {"enabled": False}
    for each in found["processors"]["metricstransform"]["transforms"]:
        aggregated, added = each["operations"]
        assert aggregated["label_set"] == ["Namespace", "Service"]
        assert (added["new_label"], added["new_value"]) == ("ClusterName", "shop")


def test_alarms_and_dashboard_ask_for_what_is_collected() -> None:
    made = {each["new_name"] for each in pipeline()["processors"]["metricstransform"]["transforms"]}
    assert made == {"ModelLatency", "ModelRequests", "ModelFaults"}
    found = planned(False, **FULL)
    asked = {each.inputs["metricName"] for each in found.all(ALARM) if each.inputs.get("namespace") == "Modelport"}
    shown = {line[1] for line in lines(body(found)) if line[0] == "Modelport"}
    assert asked == {"ModelLatency"}
    assert shown == made
    for line in lines(body(found)):
        if line[0] == "Modelport":
            assert tuple(line[2:-1:2]) == collector.DIMENSIONS


def body(found: Plan) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(found.one("aws:cloudwatch/dashboard:Dashboard").inputs["dashboardBody"]))


def lines(given: Mapping[str, Any]) -> list[list[Any]]:
    return [
        line for widget in given["widgets"] if widget["type"] == "metric" for line in widget["properties"]["metrics"]
    ]


@pytest.mark.parametrize("more", [{}, FULL, {"load_balancer": NETWORK}])
def test_the_dashboard_is_what_cloudwatch_takes(more: dict[str, Any]) -> None:
    found = body(planned(False, **more))
    covered: list[set[tuple[int, int]]] = []
    for widget in found["widgets"]:
        assert set(widget) == {"type", "x", "y", "width", "height", "properties"}
        assert 0 <= widget["x"] < widget["x"] + widget["width"] <= 24
        across = range(widget["x"], widget["x"] + widget["width"])
        covered.append({(x, y) for x in across for y in range(widget["y"], widget["y"] + widget["height"])})
        if widget["type"] == "metric":
            properties = widget["properties"]
            assert properties["region"] == "eu-central-1"
            assert (properties["view"], properties["period"]) == ("timeSeries", 60)
            assert properties["metrics"]
    assert not any(one & other for one, other in combinations(covered, 2))
    for space, metric, *dimensions, options in lines(found):
        assert space in ("Modelport", "ContainerInsights", "AWS/ApplicationELB", "AWS/NetworkELB")
        assert metric
        assert len(dimensions) % 2 == 0
        assert all(isinstance(each, str) for each in dimensions)
        assert options["stat"] in ("Sum", "Maximum", "Average", "p50", "p90", "p99")
    (first, *_) = found["widgets"]
    assert first["type"] == "alarm"
    assert all(each.startswith("arn:") for each in first["properties"]["alarms"])


def test_outputs_are_known_in_a_preview() -> None:
    told: list[Any] = []

    def program() -> None:
        made = AwsMonitoring("watch", cast("AwsMonitoringArgs", ARGS))
        for output in (made.dashboard_url, made.namespace, made.metric, made.collector_namespace):
            output.apply(told.append)
        made.service_alarm_name.apply(told.append)

    plan(program)
    url = "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#dashboards/dashboard/watch"
    assert sorted(told) == sorted([url, "Modelport", "ModelLatency", "amazon-cloudwatch", "watch-users"])
