"""A program of a few lines with one ModelService, driven by the embedded engine on a real cluster."""

import json
import os
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.api import Engine, Outcome
from model_build.push import push
from tests.cluster.shared import Cluster

PROGRAM = """\
import pulumi
from components.kubernetes import ModelNamespace, ModelService

given = pulumi.Config().require_object("given")
below = None
if given["own"]:
    below = pulumi.ResourceOptions(depends_on=[ModelNamespace(given["namespace"], {"quota": given["quota"]})])
service = ModelService("digits", {"namespace": given["namespace"], **given["service"]}, below)
pulumi.export("url", service.url)
"""


@dataclass
class Program:
    """`quota` is the namespace's; `write` takes the service's arguments."""

    path: Path
    cluster: Cluster
    namespace: str = field(default_factory=lambda: f"shop-{secrets.token_hex(4)}")
    quota: dict[str, Any] = field(default_factory=dict[str, Any])
    own: bool = True
    """Whether the namespace is the program's too."""
    said: list[str] = field(default_factory=list[str])

    @classmethod
    def make(cls, path: Path, cluster: Cluster) -> "Program":
        path.mkdir(parents=True)
        runtime = {"name": "python", "options": {"virtualenv": ".venv"}}
        (path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "shop", "runtime": runtime}))
        (path / "__main__.py").write_text(PROGRAM)
        (path / ".venv").symlink_to(sys.prefix)
        return cls(path, cluster)

    def write(self, image: str, **service: Any) -> None:
        base = {"image": image, "type": "NodePort", "allowed_networks": ["0.0.0.0/0"], "ready_timeout": 120}
        given = {"namespace": self.namespace, "own": self.own, "quota": self.quota, "service": {**base, **service}}
        config = {"config": {"shop:given": json.dumps(given)}}
        (self.path / "Pulumi.test.yaml").write_text(yaml.safe_dump(config))

    @property
    def engine(self) -> Engine:
        return Engine(self.path, "test")

    def _hear(self, event: dict[str, Any]) -> None:
        diagnostic = event.get("diagnosticEvent")
        if diagnostic and diagnostic["severity"] != "debug":
            self.said.append(diagnostic["message"].rstrip())

    def up(self) -> Outcome:
        self.said.clear()
        outcome = self.engine.up(on_event=self._hear)
        assert outcome.exit_code == 0, "\n".join([outcome.error, *self.said])
        return outcome

    def fails(self) -> list[str]:
        """`up`, which has to fail: the lines that say why, without what a reader of them does not look for."""
        self.said.clear()
        outcome = self.engine.up(on_event=self._hear)
        assert outcome.exit_code != 0, "\n".join(self.said)
        return outcome.error.strip().splitlines()

    def destroy(self) -> Outcome:
        outcome = self.engine.destroy(on_event=self._hear)
        assert outcome.exit_code == 0, "\n".join([outcome.error, *self.said])
        return outcome

    def get(self, *words: str) -> Any:
        return json.loads(self.cluster.kubectl("get", *words, "--namespace", self.namespace, "--output", "json"))

    def node_port(self) -> int:
        return self.cluster.answering(int(self.get("service", "digits")["spec"]["ports"][0]["nodePort"]))

    def pods(self) -> list[Any]:
        """Pods of the service that are not on their way out."""
        found: list[Any] = self.get("pods", "--selector", "app.kubernetes.io/name=digits")["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def pushed(cluster: Cluster, image: str) -> str:
    """Push `oci:LAYOUT@DIGEST` to the cluster's registry: the reference that its nodes pull."""
    layout, _, digest = image.removeprefix("oci:").rpartition("@")
    repository = f"{cluster.registry}/tests/digits"
    push(Path(layout), digest, repository)
    return f"{repository}@{digest}"


def environ(cluster: Cluster) -> dict[str, str]:
    return {"KUBECONFIG": os.fspath(cluster.kubeconfig), "PULUMI_CONFIG_PASSPHRASE": ""}


def until(met: Any, seconds: float = 180.0) -> None:
    """Wait for a thing to be so; whoever waits has a reason to expect it."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, met
        time.sleep(0.2)
