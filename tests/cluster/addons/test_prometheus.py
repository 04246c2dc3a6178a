"""Prometheus scrapes the pods that ask for it, and takes rules from ConfigMaps."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster.addons import prometheus
from tests.cluster.addons.given import Exporter, Place, eventually
from tests.cluster.shared import Cluster

_MINE = {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}


@pytest.fixture(autouse=True)
def _addon(cluster: Cluster) -> Iterator[None]:
    with cluster.addon("prometheus"):
        yield


def test_a_model_server_is_scraped_with_what_it_is(place: Place, exporter: Callable[..., Exporter]) -> None:
    labels = {
        "app.kubernetes.io/name": "digits",
        "app.kubernetes.io/component": "model",
        "modelport.io/track": "canary",
        "modelport.io/revision": "0123456789ab",
    }
    exporter(labels, {}).tell(7)
    (found,) = eventually(lambda: _query(place, f'wanted{{namespace="{place.name}"}} == 7'))
    known = {"namespace": place.name, "pod": "exporter", "service": "digits"}
    known |= {"track": "canary", "revision": "0123456789ab"}
    assert found["metric"].items() >= known.items()
    assert found["value"][1] == "7"


def test_another_pod_is_scraped_when_it_asks_for_it(place: Place, exporter: Callable[..., Exporter]) -> None:
    exporter({}, _MINE).tell(3)
    (found,) = eventually(lambda: _query(place, f'wanted{{namespace="{place.name}"}} == 3'))
    assert found["metric"]["pod"] == "exporter"


def test_rules_are_those_of_configmaps_and_a_wrong_one_is_told(place: Place, exporter: Callable[..., Exporter]) -> None:
    exporter({}, _MINE).tell(5)
    only = f'wanted{{namespace="{place.name}"}}'
    record = {"record": "wanted:doubled", "expr": f"2 * {only}"}
    alert = {"alert": "TooMuch", "expr": f"{only} > 4", "labels": {"severity": "page"}}
    place.apply(_rules("wrong", {"record": "wanted:broken", "expr": "wanted{"}), _rules("right", record, alert))
    (doubled,) = eventually(lambda: _query(place, f'wanted:doubled{{namespace="{place.name}"}}'))
    assert doubled["value"][1] == "10"
    (fired,) = eventually(lambda: _query(place, f'ALERTS{{namespace="{place.name}", alertstate="firing"}}'))
    assert (fired["metric"]["alertname"], fired["metric"]["severity"]) == ("TooMuch", "page")
    told = eventually(lambda: json.loads(place.kubectl("get", "events", "-o=json"))["items"])
    refused = [item["involvedObject"]["name"] for item in told if item["reason"] == "RulesRefused"]
    assert refused == ["wrong"]
    place.kubectl("delete", "configmap", "right")
    rules = f'count(ALERTS{{namespace="{place.name}"}}) or vector(0)'
    eventually(lambda: _query(place, rules)[0]["value"][1] == "0")


def _query(place: Place, expression: str) -> list[dict[str, Any]]:
    return prometheus.query(place.cluster, expression)


def _rules(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
    key, value = prometheus.RULES
    text = json.dumps({"groups": [{"name": name, "rules": list(rules)}]})
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": {key: value}},
        "data": {"rules.yml": text},
    }
