"""A copy of the project with a stack in a real cluster, driven by the embedded engine."""

import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.api import Engine, Outcome
from tests.cluster.shared import Cluster

ROOT = Path(__file__).resolve().parents[2]
STACK = "dev"


@dataclass
class Project:
    """The stack file of the repository with a namespace of its own, and with what the tests put over it."""

    path: Path
    cluster: Cluster
    namespace: str = field(default_factory=lambda: f"shop-{secrets.token_hex(4)}")
    said: list[str] = field(default_factory=list[str])

    @classmethod
    @contextmanager
    def opened(cls, home: Path, cluster: Cluster) -> Iterator["Project"]:
        """One in `home`, with a session's environment that finds the cluster and has state of its own.

        Every test's stack has the same name, so where two shared a state, the second would go on with the first.
        """
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KUBECONFIG", os.fspath(cluster.kubeconfig))
            patch.setenv("PULUMI_CONFIG_PASSPHRASE", "only for tests")
            patch.setenv("MODELPORT_STATE_DIR", os.fspath(home / "state"))
            patch.setenv("MODELPORT_DATA_DIR", os.fspath(home / "data"))
            yield cls._make(home / "project", cluster)

    @classmethod
    def _make(cls, path: Path, cluster: Cluster) -> "Project":
        shutil.copytree(ROOT / "examples", path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("Pulumi.yaml", "__main__.py"):
            shutil.copyfile(ROOT / name, path / name)
        (path / ".venv").symlink_to(sys.prefix)
        made = cls(path, cluster)
        made.write()
        return made

    def write(self, **changed: Any) -> None:
        """`Pulumi.dev.yaml`, with keys of `changed` put over its sections."""
        text = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())
        config = text["config"]
        # From outside of the cluster, through a port of the nodes: the host that the tests run on.
        base: dict[str, Any] = {
            "kubernetes": {"namespace": self.namespace},
            # Of its own, as destroy takes the image away.
            "image": {"push": f"{self.cluster.registry}/{self.namespace}/digits", "keep": False},
            "service": {"type": "NodePort", "allow": ["0.0.0.0/0"], "ready_timeout": 120},
        }
        for part in {*base, *changed}:
            merged = {**config.get(f"modelport:{part}", {}), **base.get(part, {}), **(changed.get(part) or {})}
            config[f"modelport:{part}"] = merged
        (self.path / f"Pulumi.{STACK}.yaml").write_text(yaml.safe_dump(text))

    @property
    def engine(self) -> Engine:
        return Engine(self.path, STACK)

    def _hear(self, event: dict[str, Any]) -> None:
        diagnostic = event.get("diagnosticEvent")
        if diagnostic and diagnostic["severity"] != "debug":
            self.said.append(diagnostic["message"].rstrip())

    def preview(self) -> Outcome:
        return self._done(self.engine.preview(on_event=self._hear))

    def up(self) -> Outcome:
        return self._done(self.engine.up(on_event=self._hear))

    def refresh(self) -> Outcome:
        return self._done(self.engine.refresh(on_event=self._hear))

    def destroy(self) -> Outcome:
        return self._done(self.engine.destroy(on_event=self._hear))

    def fails(self) -> Outcome:
        """`up`, which has to fail."""
        self.said.clear()
        outcome = self.engine.up(on_event=self._hear)
        assert outcome.exit_code != 0
        return outcome

    def _done(self, outcome: Outcome) -> Outcome:
        assert outcome.exit_code == 0, "\n".join([outcome.error, *self.said])
        return outcome

    def outputs(self) -> dict[str, Any]:
        return dict(self.engine.outputs())

    def get(self, *words: str) -> Any:
        """What `kubectl get` says, as objects."""
        return json.loads(self.cluster.kubectl("get", *words, "--namespace", self.namespace, "--output", "json"))

    def node_port(self) -> int:
        return self.cluster.answering(int(self.get("service", "digits")["spec"]["ports"][0]["nodePort"]))

    def pods(self) -> list[Any]:
        """Pods of the service that are not on their way out."""
        found: list[Any] = self.get("pods", "--selector", "app.kubernetes.io/name=digits")["items"]
        return [each for each in found if "deletionTimestamp" not in each["metadata"]]
