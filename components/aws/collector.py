"""What takes the numbers of models to CloudWatch: the CloudWatch agent, with a pipeline of its own.

The servers tell Prometheus' histograms, of which CloudWatch's own way of reading Prometheus keeps nothing, and the
embedded metric format no more than least, most and sum. The agent's exporter for CloudWatch sends each bucket as a
value with its count, which is what a percentile needs. Pure, on plain values; the parts of the pipeline are those of
amazon-cloudwatch-agent's service/defaultcomponents, read 2026-11-22.
"""

from typing import Any, Final

import yaml

from components.aws import policies
from components.kubernetes import names

Json = dict[str, Any]

NAME: Final = "modelport-collector"
NAMESPACE: Final = "amazon-cloudwatch"
"""The namespace of Container Insights' add-on, which makes it."""
LATENCY, REQUESTS, FAULTS = "ModelLatency", "ModelRequests", "ModelFaults"
DIMENSIONS: tuple[str, ...] = ("ClusterName", "Namespace", "Service")
HEALTH: Final = 13133
FOLDER: Final = "/etc/modelport-collector"
RULES: Final[list[Json]] = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
"""In the whole cluster: it finds the models by their labels."""

_COMMAND: Final = "/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent"
_DURATION, _REQUESTS = "modelport_request_duration_seconds", "modelport_requests_total"

AGENT: Final = """\
[agent]
  interval = "60s"
  flush_interval = "1s"
  metric_batch_size = 1000
  metric_buffer_limit = 10000
  omit_hostname = true
"""
"""The agent's own file: it has to be there, and says nothing about what is collected."""


def rights(namespace: str) -> str:
    """Its role's policy."""
    # PutMetricData knows no resources; its namespaces are what a role is held to.
    within = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return policies.document(policies.allow(["cloudwatch:PutMetricData"], "*", within))


def command() -> list[str]:
    return [
        _COMMAND,
        "-config",
        f"{FOLDER}/agent.toml",
        "-envconfig",
        f"{FOLDER}/env.json",
        "-otelconfig",
        f"{FOLDER}/pipeline.yaml",
    ]


def files(region: str, cluster: str, namespace: str) -> dict[str, str]:
    """What it reads."""
    settings = yaml.safe_dump(pipeline(region, cluster, namespace), sort_keys=False, width=1000)
    return {"agent.toml": AGENT, "env.json": "{}", "pipeline.yaml": settings}


def pipeline(region: str, cluster: str, namespace: str) -> Json:
    """From the pods of models to CloudWatch, once a minute."""
    return {
        "extensions": {"health_check": {"endpoint": f"0.0.0.0:{HEALTH}"}},
        "receivers": {"prometheus/models": {"config": {"scrape_configs": [_scrape()]}}},
        "processors": {
            # Before pods are added up: one that starts anew begins at nothing.
            "cumulativetodelta": {},
            "metricstransform": {"transforms": _transforms(cluster)},
            "batch": {"timeout": "10s"},
        },
        "exporters": {
            "awscloudwatch": {
                "region": region,
                "namespace": namespace,
                "force_flush_interval": "60s",
                "max_values_per_datum": 150,
                # Else each pod and each address of one were a metric.
                "resource_to_telemetry_conversion": {"enabled": False},
            }
        },
        "service": {
            "extensions": ["health_check"],
            "pipelines": {
                "metrics/models": {
                    "receivers": ["prometheus/models"],
                    "processors": ["cumulativetodelta", "metricstransform", "batch"],
                    "exporters": ["awscloudwatch"],
                }
            },
            "telemetry": {"metrics": {"level": "none"}},
        },
    }


def _scrape() -> Json:
    pod = "__meta_kubernetes_pod"

    def keep(label: str, value: str) -> Json:
        return {"action": "keep", "source_labels": [label], "regex": value}

    return {
        "job_name": "models",
        "scrape_interval": "60s",
        "scrape_timeout": "10s",
        "metrics_path": names.METRICS,
        "kubernetes_sd_configs": [{"role": "pod"}],
        "relabel_configs": [
            keep(f"{pod}_label_{_meta(names.COMPONENT)}", "model"),
            keep(f"{pod}_label_{_meta(names.MANAGED_BY)}", "modelport"),
            keep(f"{pod}_container_port_name", names.PORT_NAME),
            keep(f"{pod}_phase", "Running"),
            {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "Namespace"},
            {"source_labels": [f"{pod}_label_{_meta(names.APP)}"], "target_label": "Service"},
        ],
        "metric_relabel_configs": [
            keep("__name__", f"{_DURATION}_(bucket|sum|count)|{_REQUESTS}"),
            keep("route", "infer|classify"),
        ],
    }


def _meta(label: str) -> str:
    """A label as Prometheus' discovery calls it."""
    return "".join(each if each.isalnum() else "_" for each in label)


def _transforms(cluster: str) -> list[Json]:
    faults = {"match_type": "regexp", "experimental_match_labels": {"code": "5.."}}
    return [
        {"include": _DURATION, "action": "update", "new_name": LATENCY, "operations": _dimensions(cluster)},
        {"include": _REQUESTS, **faults, "action": "insert", "new_name": FAULTS, "operations": _dimensions(cluster)},
        {"include": _REQUESTS, "action": "update", "new_name": REQUESTS, "operations": _dimensions(cluster)},
    ]


def _dimensions(cluster: str) -> list[Json]:
    """Nothing but DIMENSIONS stays of a metric's labels."""
    return [
        {"action": "aggregate_labels", "label_set": list(DIMENSIONS[1:]), "aggregation_type": "sum"},
        {"action": "add_label", "new_label": DIMENSIONS[0], "new_value": cluster},
    ]
