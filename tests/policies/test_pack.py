"""The pack as a user runs it: the command, a program or a stack of ours, and what is printed, stopped and put right."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from policies.table import EXAMPLE

ROOT: Final = Path(__file__).resolve().parents[2]
PROGRAM: Final = """\
import pulumi
from pulumi_kubernetes import Provider
from pulumi_kubernetes.core.v1 import Pod

config = pulumi.Config()
inside = Provider("inside", render_yaml_to_directory=config.require("rendered"))
context = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
container = {
    "name": "model",
    "image": "registry.example.com/models/digits@sha256:" + "a" * 64,
    "imagePullPolicy": "Always",
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    "readinessProbe": {"httpGet": {"port": 8080}},
    "livenessProbe": {"httpGet": {"port": 8080}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
change = config.get_object("change") or {}
for key in change.get("without", []):
    del container["securityContext"][key]
container |= change.get("container", {})
Pod(
    "digits",
    metadata={"name": "digits", "namespace": "models"},
    spec={"automountServiceAccountToken": False, "securityContext": context, "containers": [container]},
    opts=pulumi.ResourceOptions(provider=inside),
)
"""
QUIET: Final[dict[str, Any]] = {"pod-network-policy": "disabled"}
"""The program's pod stands alone."""


@dataclass
class Shop:
    """A project of somebody's own that has the library installed."""

    root: Path

    def run(
        self, *words: str, change: dict[str, Any] | None = None, config: dict[str, Any] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """The command, with `change` of the pod and a configuration of the pack."""
        given = {"shop:rendered": str(self.root / "rendered"), "shop:change": json.dumps(change or {})}
        (self.root / "Pulumi.test.yaml").write_text(yaml.safe_dump({"config": given}))
        file = self.root / "policies.json"
        file.write_text(json.dumps({**QUIET, **(config or {})}))
        place = "import policies; print(*policies.__path__)"  # as docs/policies.md has it
        pack = subprocess.run([sys.executable, "-c", place], cwd=self.root, capture_output=True, text=True, check=True)
        chosen = ["--policy-pack", pack.stdout.strip(), "--policy-pack-config", str(file)]
        return command([*words, "-s", "test", *chosen], self.root, self.root)

    def made(self) -> list[Any]:
        """The objects that an `up` has made."""
        files = sorted((self.root / "rendered").rglob("*.yaml"))
        return [yaml.safe_load(file.read_text()) for file in files]


def command(words: list[str], folder: Path, home: Path) -> "subprocess.CompletedProcess[str]":
    """`modelport`, on a machine of its own."""
    environment = {
        **os.environ,
        "PULUMI_CONFIG_PASSPHRASE": "only for tests",
        "MODELPORT_STATE_DIR": str(home / "state"),
        "KUBECONFIG": str(home / "nowhere"),
    }
    whole = [sys.executable, "-m", "automation", "--engine", "embedded", *words]
    return subprocess.run(
        whole, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    runtime = {"name": "python", "options": {"virtualenv": ".venv"}}
    (tmp_path / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "shop", "runtime": runtime}))
    (tmp_path / "__main__.py").write_text(PROGRAM)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return Shop(tmp_path)


def test_a_stack_of_a_cloud_keeps_the_pack(tmp_path: Path) -> None:
    """A preview of it ends well, and says what it cannot know before the model is built."""
    ran = command(["preview", "-s", "aws-lambda", "--policy-pack", "policies"], ROOT, tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "modelport@v" in ran.stdout
    assert "[mandatory]" not in ran.stdout
    assert "not yet known: imageUri of models, reference of models decides whether" in ran.stdout


def test_what_is_right_goes_up_without_a_line(shop: Shop) -> None:
    ran = shop.run("up", "--yes")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "✅ modelport@v" in ran.stdout
    assert "[advisory]" not in ran.stdout
    assert [each["kind"] for each in shop.made()] == ["Pod"]


PRIVILEGED: Final[dict[str, Any]] = {"container": {"securityContext": {"privileged": True}}}
ONLY: Final[dict[str, Any]] = {"all": "disabled", "pod-not-privileged": "mandatory"}


def test_what_breaks_a_mandatory_policy_ends_a_preview_and_says_why(shop: Shop) -> None:
    ran = shop.run("preview", change=PRIVILEGED, config=ONLY)
    assert ran.returncode == 1
    assert "[mandatory] [severity: critical]  pod-not-privileged  (kubernetes:core/v1:Pod: digits)" in ran.stdout
    assert "container 'model' is privileged, expected privileged false; take privileged away" in ran.stdout


def test_a_mandatory_policy_stops_the_step_and_an_advisory_one_does_not(shop: Shop) -> None:
    stopped = shop.run("up", "--yes", change=PRIVILEGED, config=ONLY)
    assert (stopped.returncode, shop.made()) == (1, [])
    told = shop.run("up", "--yes", change=PRIVILEGED, config={**ONLY, "pod-not-privileged": "advisory"})
    assert (told.returncode, len(shop.made())) == (0, 1)
    assert "[advisory] [severity: critical]  pod-not-privileged" in told.stdout


def test_what_breaks_a_policy_of_the_stack_ends_a_preview(shop: Shop) -> None:
    ran = shop.run("preview", config={"all": "disabled", "pod-network-policy": "mandatory"})
    assert ran.returncode == 1
    assert "no NetworkPolicy of this stack in models takes its pods, expected one for Ingress" in ran.stdout


def test_remediate_puts_right_what_nobody_said(shop: Shop) -> None:
    config = {"all": "disabled", "pod-no-escalation": {"enforcementLevel": "remediate"}}
    ran = shop.run("up", "--yes", change={"without": ["allowPrivilegeEscalation"]}, config=config)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "[remediate]  pod-no-escalation  (1 resource)" in ran.stdout
    (pod,) = shop.made()
    assert pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


def test_remediate_does_not_overrule_what_was_said(shop: Shop) -> None:
    config = {"all": "disabled", "pod-no-escalation": {"enforcementLevel": "remediate"}}
    change = {"container": {"securityContext": {"allowPrivilegeEscalation": True}}}
    ran = shop.run("preview", change=change, config=config)
    assert ran.returncode == 1
    assert "[mandatory] [severity: medium]  pod-no-escalation" in ran.stdout


@pytest.mark.parametrize(
    ("until", "code"), [("2999-12-31", 0), ("2026-01-31", 1)], ids=["an exception", "one that is over"]
)
def test_an_exception_in_the_file_holds_to_its_last_day(shop: Shop, until: str, code: int) -> None:
    exception = {"resource": "digits", "reason": "it drives a device", "until": until}
    ran = shop.run("preview", change=PRIVILEGED, config={"all": "disabled", "pod-not-privileged": {
        "enforcementLevel": "mandatory", "exceptions": [exception],
    }})  # fmt: skip
    assert ran.returncode == code, ran.stdout


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"cost-ceiling": {"ceiling_per_hour": "40"}},
            "ceiling_per_hour: Invalid type. Expected: number, given: string",
        ),
        ({"cost-ceiling": {"prices": {"m7i.large": -1}}}, "Must be greater than or equal to 0"),
        ({"pod-seccomp": {"exceptions": [{"resource": "digits"}]}}, "exceptions.0: reason is required"),
        (
            {"pod-seccomp": {"exceptions": [{"resource": "a", "reason": "b", "until": "soon"}]}},
            "Does not match pattern",
        ),
        ({"pod-seccomp": {"enforcementLevel": "please"}}, '"please" is not a valid enforcement level'),
    ],
)
def test_a_wrong_configuration_is_refused(shop: Shop, config: dict[str, Any], said: str) -> None:
    ran = shop.run("preview", config=config)
    assert ran.returncode != 0
    assert said in ran.stdout + ran.stderr


def test_the_configuration_of_the_page_is_taken(shop: Shop) -> None:
    ran = shop.run("preview", config=dict(EXAMPLE))
    assert ran.returncode == 0, ran.stdout + ran.stderr
