"""The section `release` of a stack on a real cluster: behind TLS and API keys, watched by its own monitoring."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from automation.exits import Exit
from tests.cluster.addons import prometheus
from tests.cluster.shared import Cluster
from tests.components.kubernetes.releasing.stage import soak
from tests.stacks.clusters import ROOT, STACK, Project
from tests.stacks.test_gateway import BODY, PATIENCE, Shop, bearer

pytestmark = soak


@pytest.fixture(scope="module")
def shop(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        Project.opened(tmp_path_factory.mktemp("releasing"), cluster) as project,
        cluster.addon("gateway"),
        cluster.addon("cert_manager"),
        cluster.addon("prometheus"),
    ):
        made = Shop(project)
        made.up(**_released(1))
        yield made
        made.project.destroy()


def _released(version: int, longest: float = 5000.0) -> dict[str, Any]:
    """A version of the model that is told by no label, and judged by how long it takes."""
    analysis = {
        "prometheus": f"{prometheus.NAMESPACE}/prometheus:9090",
        "success_rate": {"min": 0.95},
        "p99_ms": {"max": longest},
        "accuracy": {"max_drop": 0.5},
        "min_samples": 10,
        "interval": 1,
        "inconclusive": "wait",
        "wait": 90,
    }
    return {
        "model": {"version": str(version)},
        "monitoring": {"mode": "plain", "namespace": prometheus.NAMESPACE, "scrape_seconds": 1},
        "release": {"strategy": "canary", "steps": [{"weight": 50, "pause": 4}], "analysis": analysis},
    }


@contextmanager
def _calling(shop: Shop) -> Iterator[Counter[tuple[int, str]]]:
    """Callers with a key, who give feedback too; how many answers of which status and version they got."""
    seen: Counter[tuple[int, str]] = Counter()
    over, lock, key = threading.Event(), threading.Lock(), bearer(shop.keys()["default"])

    def call() -> None:
        with shop.client() as client:
            while not over.wait(0.02):
                answer = client.post("/v2/models/digits/infer", json=BODY, headers=key)
                version = answer.json()["model_version"] if answer.status_code == 200 else ""
                with lock:
                    seen[answer.status_code, version] += 1
                told = {"revision": answer.headers.get("modelport-revision", ""), "correct": True}
                client.post("/v2/models/digits/feedback", json=told, headers=key)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for each in threads:
        each.start()
    try:
        yield seen
    finally:
        over.set()
        for each in threads:
            each.join(timeout=PATIENCE)


def test_a_version_beyond_its_bound_is_rolled_back(shop: Shop) -> None:
    shop.write(**_released(2, longest=0.001))
    with _calling(shop) as seen:
        line = shop.project.fails().error.strip().splitlines()[-1]
    assert "modelport: rolled back: digits: version " in line
    assert "p99 latency in ms is " in line and "expected at most 0.001, at step 1 of 1 (50 % of the requests)" in line
    assert set(seen) == {(200, "1"), (200, "2")}
    assert _answers(shop) == "1"
    assert set(shop.project.refresh().changes) == {"same"}
    # What is still to be done, and what depends on it.
    assert _changing(shop) == ["Release", "Deployment", "ModelServer"]
    # With the recipe from before, its image takes the place of the one that was built for nothing: no more than that.
    shop.write(**_released(1))
    before = shop.project.get("deployment", "digits")["metadata"]["resourceVersion"]
    changes = shop.project.up().changes
    assert (set(changes), changes["update"]) == ({"same", "update"}, 1)
    assert shop.project.get("deployment", "digits")["metadata"]["resourceVersion"] == before
    assert set(shop.project.preview().changes) == {"same"}


def test_a_version_that_keeps_to_it_is_promoted_and_left_again(shop: Shop) -> None:
    shop.write(**_released(2))
    with _calling(shop) as seen:
        shop.project.up()
        assert _answers(shop) == "2"
        words = ("rollback", "1", "--yes", "--stack", STACK, "--engine", "embedded", "--cwd", str(shop.project.path))
        done = subprocess.run(
            [sys.executable, "-m", "automation", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == Exit.DONE, done.stdout + done.stderr
    assert set(seen) == {(200, "1"), (200, "2")}
    assert _answers(shop) == "1"
    found = [each for each in shop.project.engine.export()["deployment"]["resources"] if "Release" in each["type"]]
    assert [each["version"] for each in found[0]["outputs"]["history"]] == ["1", "2", "1"], json.dumps(found)


def _changing(shop: Shop) -> list[str]:
    """Types of the resources that a preview would change, in their order."""
    found: list[str] = []

    def hear(event: dict[str, Any]) -> None:
        told = event.get("resourcePreEvent")
        if told and told["metadata"]["op"] != "same":
            found.append(str(told["metadata"]["type"]))

    assert shop.project.engine.preview(on_event=hear).exit_code == 0
    return [each.rpartition(":")[2] for each in found]


def _answers(shop: Shop) -> str:
    """The version that answers."""
    with shop.client() as client:
        answer: httpx.Response = client.post(
            "/v2/models/digits/infer", json=BODY, headers=bearer(shop.keys()["default"])
        )
        return str(answer.json()["model_version"])
