"""A project with one released service behind a gateway, on a real cluster, driven by either face of the product."""

import http.client
import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.kubernetes.releasing.plan import NONE, Analysis, Bound, Plan, Step, Strategy
from engine.api import Engine, Outcome
from tests.cluster.shared import Cluster
from tests.components.kubernetes.releasing.callers import Callers

SOAK = int(os.environ.get("MODELPORT_SOAK") or 0)
soak = pytest.mark.skipif(not SOAK, reason="one of the longer ones: make soak runs it, and so does MODELPORT_SOAK=1")
ROOT = Path(__file__).parents[4]
PROMETHEUS = "monitoring/prometheus:9090"
PROGRAM = """\
import os

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from components.kubernetes import ModelNamespace, ModelService
from components.kubernetes.release import Release
from components.kubernetes.service import rendered

given = pulumi.Config().require_object("given")
space = ModelNamespace(given["namespace"], {})
args = {"namespace": space.name, "image": given["image"], **given["service"]}
pin = os.environ.get("MODELPORT_RELEASE_PIN")
released = {"service": "digits", "namespace": space.name, "candidate": given["image"], "pin": pin, **given["release"]}
release = Release("digits", {**released, "template": rendered("digits", args)})
service = ModelService("digits", {**args, "image": release.stable})
if given["host"]:
    meta = {"name": "digits", "namespace": space.name}
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "hostname": given["host"]}
    gateway = CustomResource(
        "gateway",
        api_version="gateway.networking.k8s.io/v1",
        kind="Gateway",
        metadata=meta,
        spec={"gatewayClassName": "modelport-test", "listeners": [listener]},
    )
    refs = [{"name": "digits", "port": 80, "weight": 100}, {"name": "digits-canary", "port": 80, "weight": 0}]
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}], "backendRefs": refs}
    CustomResource(
        "route",
        api_version="gateway.networking.k8s.io/v1",
        kind="HTTPRoute",
        metadata={**meta, "annotations": {"pulumi.com/patchForce": "true"}},
        spec={"parentRefs": [{"name": "digits"}], "hostnames": [given["host"]], "rules": [rule]},
        opts=pulumi.ResourceOptions(depends_on=[gateway, service]),
    )
pulumi.export("serves", release.stable_digest)
pulumi.export("verdict", release.verdict)
"""

STEPS = (Step(30, 3.0), Step(60, 3.0))
LOOSE = Analysis(
    PROMETHEUS,
    success_rate=Bound(min=0.97),
    accuracy=Bound(min=0.8),
    min_samples=15,
    interval=1.0,
    inconclusive="wait",  # type: ignore[arg-type]
    wait=60.0,
)


@dataclass
class Stage:
    """`stable` is the image that serves; whoever releases another says so."""

    path: Path
    cluster: Cluster
    stable: str
    gateway: str
    """Address of the gateway's data plane; empty without one."""
    service: dict[str, Any] = field(default_factory=dict[str, Any])
    """What its ModelService is told besides."""
    driver: str = "embedded"
    """The engine of `run` and `command`."""
    namespace: str = field(default_factory=lambda: f"release-{secrets.token_hex(4)}")
    said: list[str] = field(default_factory=list[str])
    heard: list[float] = field(default_factory=list[float])
    """When each line was said."""

    @classmethod
    def make(cls, path: Path, cluster: Cluster, stable: str, gateway: str, **service: Any) -> "Stage":
        path.mkdir(parents=True)
        runtime = {"name": "python", "options": {"virtualenv": ".venv"}}
        (path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "shop", "runtime": runtime}))
        (path / "__main__.py").write_text(PROGRAM)
        (path / ".venv").symlink_to(sys.prefix)
        made = cls(path, cluster, stable, gateway, service)
        made.write(stable)
        return made

    @property
    def host(self) -> str:
        return f"{self.namespace}.example.test" if self.gateway else ""

    def write(self, image: str, plan: Plan | None = None, analysis: Analysis = NONE) -> None:
        """The stack file that asks for `image`, by default with a rolling update."""
        resources = {"cpu": "20m", "memory": "192Mi", "cpu_limit": "1"}
        given: dict[str, Any] = {
            "namespace": self.namespace,
            "image": image,
            "host": self.host,
            "service": {
                "replicas": 1,
                "resources": resources,
                "allowed_namespaces": ["gateway-system"],
                "monitoring_namespace": "monitoring",
                "same_namespace": True,
                **self.service,
            },
            "release": {
                "strategy": (plan or Plan()).canonical(),
                "analysis": analysis.canonical(),
                "routes": ["digits"] if self.gateway else [],
            },
        }
        (self.path / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": {"shop:given": json.dumps(given)}}))

    # In this process

    @property
    def engine(self) -> Engine:
        return Engine(self.path, "test")

    def up(self) -> Outcome:
        """`up`, which has to succeed."""
        self._listen()
        outcome = self.engine.up(on_event=self._hear)
        assert outcome.exit_code == 0, "\n".join([outcome.error or "", *self.said])
        return outcome

    def fails(self) -> str:
        """`up`, which has to fail: all that was said."""
        self._listen()
        outcome = self.engine.up(on_event=self._hear)
        assert outcome.exit_code != 0, "\n".join(self.said)
        return "\n".join([outcome.error or "", *self.said])

    def preview(self) -> int:
        """How many resources a preview would change; what it said is in `said`."""
        self._listen()
        return _changed(self.engine.preview(on_event=self._hear))

    def refresh(self) -> int:
        """How many resources a refresh finds changed."""
        self._listen()
        return _changed(self.engine.refresh(on_event=self._hear))

    def unlock(self) -> None:
        """Release the stack that a killed operation left locked."""
        assert self.engine.cancel() == 1

    def destroy(self) -> None:
        outcome = self.engine.destroy(on_event=self._hear)
        assert outcome.exit_code == 0, "\n".join([outcome.error or "", *self.said])

    def outputs(self) -> dict[str, Any]:
        return self.engine.outputs()

    def _listen(self) -> None:
        self.said.clear()
        self.heard.clear()

    def _hear(self, event: dict[str, Any]) -> None:
        diagnostic = event.get("diagnosticEvent")
        if diagnostic and diagnostic["severity"] != "debug":
            self.said.append(diagnostic["message"].rstrip())
            self.heard.append(time.monotonic())

    def judged(self) -> float:
        """Seconds from the first look at a candidate until it was to be rolled back."""
        first = next(at for at, line in enumerate(self.said) if re.search(r" \d+ of [\d.]+ s: ", line))
        last = next(at for at, line in enumerate(self.said) if "rolling back: " in line)
        return self.heard[last] - self.heard[first]

    # As the command

    def command(self, *words: str) -> "subprocess.Popen[str]":
        """`modelport WORDS`, on its way."""
        return subprocess.Popen(
            [
                sys.executable,
                "-m",
                "automation",
                *words,
                "--stack",
                "test",
                "--engine",
                self.driver,
                "--cwd",
                str(self.path),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        with self.command(*words) as process:
            out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    # What is there

    def get(self, *words: str) -> Any:
        return json.loads(self.cluster.kubectl("get", *words, "--namespace", self.namespace, "--output", "json"))

    def serves(self) -> str:
        """The image that the service's Deployment runs."""
        return str(self.get("deployment", "digits")["spec"]["template"]["spec"]["containers"][0]["image"])

    def deployments(self) -> set[str]:
        return {each["metadata"]["name"] for each in self.get("deployments")["items"]}

    def weights(self) -> list[list[tuple[str, int]]]:
        """Each rule of the route, its backends with their weights."""
        rules = self.get("httproute", "digits")["spec"]["rules"]
        return [[(ref["name"], ref["weight"]) for ref in rule["backendRefs"]] for rule in rules]

    def at_rest(self) -> bool:
        """Whether nothing is left of any release."""
        ours = [[("digits", 100), ("digits-canary", 0)]]
        return self.deployments() == {"digits"} and (not self.gateway or self.weights() == ours)

    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("configmap", "digits-release")["data"]["release"])
        return found

    def answered(self) -> None:
        """Wait for the gateway: it has a new route some time after the API server has, and says 404 until then."""

        def answers() -> bool:
            connection = http.client.HTTPConnection(self.gateway, 80, timeout=60)
            try:
                connection.request("GET", "/v2/models/digits", headers={"Host": self.host})
                return connection.getresponse().status == 200
            finally:
                connection.close()

        until(answers)

    def callers(self, **given: Any) -> Callers:
        """Through the gateway; without one through the service's address, by a connection for each request."""
        if self.gateway:
            return Callers(self.gateway, 80, self.host, **given)
        address = str(self.get("service", "digits")["spec"]["clusterIP"])
        return Callers(address, 80, address, fresh=True, **given)


def _changed(outcome: Outcome) -> int:
    assert outcome.exit_code == 0, outcome.error
    return sum(count for kind, count in outcome.changes.items() if kind != "same")


def canary(*steps: Step, **given: Any) -> Plan:
    return Plan(Strategy.CANARY, steps or STEPS, ready=120.0, **given)


def revision(reference: str) -> str:
    return reference.rpartition(":")[2][:12]


def until(met: Callable[[], Any], seconds: float = 120.0) -> None:
    """Wait for a thing to be so; whoever waits has a reason to expect it."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, met
        time.sleep(0.2)
