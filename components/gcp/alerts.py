"""Alert policies of Cloud Monitoring, made of what is watched: each tells for itself, with what to look at first."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_gcp.monitoring.alert_policy import AlertPolicy

from components.gcp.labels import Labels
from components.gcp.watching import Watched


def made(
    name: str,
    project: str,
    watched: Sequence[Watched],
    channels: Sequence[pulumi.Input[str]],
    close_minutes: int,
    runbook: str | None,
    labels: Labels,
    child: pulumi.ResourceOptions,
) -> list[AlertPolicy]:
    """A policy for each.

    channels: ids of who is told. close_minutes: after how long without data an incident ends by itself.
    runbook: address that each of them names.
    """
    return [
        AlertPolicy(
            f"{name}-{each.about}",
            project=project,
            display_name=f"{name}-{each.about}",
            severity="CRITICAL" if each.felt else "WARNING",
            combiner="OR",
            conditions=[_condition(name, each)],
            notification_channels=list(channels),
            alert_strategy={
                "auto_close": f"{close_minutes * 60}s",
                # Who hears that something is wrong hears that it is over.
                "notification_prompts": ["OPENED", "CLOSED"],
            },
            documentation=_documentation(name, each, runbook),
            user_labels=labels.all(),
            opts=child,
        )
        for each in watched
    ]


def _condition(name: str, watched: Watched) -> Any:
    asked = {
        "query": watched.query,
        "duration": f"{watched.seconds}s",
        "evaluation_interval": "60s",
        "rule_group": name,
        "alert_rule": "Modelport" + "".join(each.capitalize() for each in watched.about.split("-")),
        # A metric is known to Cloud Monitoring from its first sample on, which a new model has not sent yet.
        "disable_metric_validation": True,
    }
    return {"display_name": watched.description, "condition_prometheus_query_language": asked}


def _documentation(name: str, watched: Watched, runbook: str | None) -> Any:
    text = f"{watched.description[:1].upper()}{watched.description[1:]}.\n\n{watched.advice}"
    told = {"subject": f"{name}: {watched.description}", "content": text, "mime_type": "text/markdown"}
    return told if runbook is None else {**told, "links": [{"display_name": "Runbook", "url": runbook}]}
