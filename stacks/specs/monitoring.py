"""The section `monitoring`: what is measured, shown and told of the model in the cluster."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from stacks.specs.part import Part
from stacks.specs.words import Labels, Namespace, Web


class MonitoringSpec(Part):
    """What is measured, shown and told of the model in the cluster."""

    mode: Literal["operator", "plain"] = "operator"
    """`operator`: a ServiceMonitor and a PrometheusRule for the Prometheus Operator. `plain`: a ConfigMap with scrape
    configuration and rules as files, for any Prometheus."""
    namespace: Namespace = "monitoring"
    """Namespace of Prometheus, whose pods may scrape the model's."""
    objective: Annotated[float, Field(gt=0.5, lt=1)] = 0.999
    """The share of requests that are to be answered without a fault of the server's."""
    latency: Annotated[float, Field(gt=0)] = 0.25
    """Seconds within which `latency_objective` of the requests are to be answered: a bound of its histogram."""
    latency_objective: Annotated[float, Field(gt=0.5, lt=1)] = 0.99
    """The share of requests that `latency` is about."""
    window_days: Annotated[StrictInt, Field(ge=1, le=90)] = 30
    """Days over which the objectives are to hold."""
    scrape_seconds: Annotated[StrictInt, Field(ge=1, le=300)] = 15
    """Seconds between two scrapes."""
    labels: Annotated[Labels, Field(default_factory=dict[str, str])]
    """Labels by which Prometheus finds its monitors and rules, as `release: kube-prometheus-stack`."""
    dashboard: StrictBool = True
    """Whether there is a dashboard for Grafana: a ConfigMap with the label `grafana_dashboard`."""
    runbook: Web | None = None
    """Address that an alert names for whoever gets it."""
