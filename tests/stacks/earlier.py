"""A stack that makes a cluster of its own, as an engine would have left it behind, and a project to preview it in."""

import base64
import json
import os
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from engine.api import Engine, Outcome
from tests.components.planned import Plan, Planned

ROOT = Path(__file__).resolve().parents[2]
MODEL = "pulumi-python:dynamic/modelport:ModelImage"
RELEASE = "pulumi-python:dynamic/modelport:Release"
Told = Mapping[str, Callable[[Planned], dict[str, Any]]]
"""By type, what a made resource tells beside its inputs."""


class Project:
    """A copy of the project with the stack, driven by the embedded engine without credentials."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said: list[str] = []
        self.steps: list[dict[str, Any]] = []

    @classmethod
    def make(cls, path: Path) -> "Project":
        shutil.copytree(ROOT / "examples", path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copyfile(ROOT / "__main__.py", path / "__main__.py")
        told = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
        (path / "Pulumi.yaml").write_text(yaml.safe_dump({**told, "name": "shop"}))
        (path / ".venv").symlink_to(sys.prefix)
        return cls(path)

    @property
    def engine(self) -> Engine:
        return Engine(self.path, "test")

    def preview(self, whole: dict[str, Any]) -> Outcome:
        (self.path / "Pulumi.test.yaml").write_text(yaml.safe_dump(whole, sort_keys=False))
        self.said.clear()
        self.steps.clear()
        outcome = self.engine.preview(on_event=self._hear)
        assert outcome.exit_code == 0, "\n".join([outcome.error, *self.said])
        return outcome

    def bring_up(
        self,
        whole: dict[str, Any],
        made: Plan,
        told: Told,
        identity: Callable[[Planned], str] = lambda made: f"{made.name}-id",
    ) -> None:
        """Leave a state as if the stack had been brought up. made: its plan of an `up`, with these answers and ids."""
        self.preview(whole)
        first = {each["type"]: each["new"]["inputs"] for each in self.steps}
        self.engine.init()
        left = state(made, first[MODEL], first["pulumi:providers:pulumi-python"], told, identity)
        assert self.engine.import_(json.dumps(left)) == []

    def _hear(self, event: dict[str, Any]) -> None:
        if "resourcePreEvent" in event:
            self.steps.append(event["resourcePreEvent"]["metadata"])
        diagnostic = event.get("diagnosticEvent")
        if diagnostic and diagnostic["severity"] != "debug":
            self.said.append(diagnostic["message"].rstrip())


@contextmanager
def alone(home: Path, commands: Mapping[str, str], *forgotten: str) -> Generator[Project, None, None]:
    """A project on a machine without credentials.

    commands: what would be asked for them, which are there and fail, by the beginning of names of variables that are
    `forgotten`.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_CONFIG_PASSPHRASE", "only for tests")
        patch.setenv("MODELPORT_STATE_DIR", os.fspath(home / "state"))
        patch.setenv("KUBECONFIG", os.fspath(home / "nowhere"))
        (home / "bin").mkdir()
        for name, text in commands.items():
            (home / "bin" / name).write_text(text)
            (home / "bin" / name).chmod(0o755)
        patch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")
        for key in [each for each in os.environ if each.startswith(forgotten)]:
            patch.delenv(key)
        yield Project.make(home / "project")


def state(
    found: Plan, image: Mapping[str, Any], default: Mapping[str, Any], told: Told, identity: Callable[[Planned], str]
) -> dict[str, Any]:
    """A deployment as an engine would have left it behind: what was registered, with what is made up for answers.

    told: those answers. identity: the ids that were given. image, default: inputs of the model's image, and of the
    provider of dynamic resources, as they were checked.
    """
    ids = {each.urn: identity(each) for each in found.resources if each.custom}
    stack = "urn:pulumi:test::shop::pulumi:pulumi:Stack::shop-test"
    own = "urn:pulumi:test::shop::pulumi:providers:pulumi-python::default"
    resources: list[dict[str, Any]] = [
        {"urn": stack, "custom": False, "type": "pulumi:pulumi:Stack"},
        {
            "urn": own,
            "custom": True,
            "id": "default-id",
            "type": "pulumi:providers:pulumi-python",
            "inputs": dict(default),
        },
    ]
    providers = {"pulumi-python": f"{own}::default-id"}
    for each in found.resources:
        if each.type.startswith("pulumi:providers:"):
            providers[each.type.rpartition(":")[2]] = f"{each.urn}::{ids[each.urn]}"
    for each in _after_what_they_need(found.resources):
        inputs = _stored(each.request.get("object", {}))
        if each.type == "kubernetes:core/v1:Secret":
            # As the provider's check has it.
            texts = json.loads(inputs.pop("stringData")["plaintext"])
            data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
            inputs["data"] = {_SIGNATURE: _SECRET, "plaintext": json.dumps(data)}
        if each.type == MODEL:
            inputs = {**image, "destination": inputs["destination"]}
        one: dict[str, Any] = {"urn": each.urn, "custom": each.custom, "type": each.type, "inputs": inputs}
        one["parent"] = each.request.get("parent") or stack
        one["dependencies"] = each.request.get("dependencies", [])
        needed = each.request.get("propertyDependencies", {})
        one["propertyDependencies"] = {key: value.get("urns", []) for key, value in needed.items()}
        if each.custom:
            one["id"] = ids[each.urn]
            one["outputs"] = {**inputs, **_told(each, told)}
            if each.type.startswith("pulumi:providers:"):
                one["inputs"] = one["outputs"] = {**inputs, "version": each.request["version"]}
            else:
                one["provider"] = providers[each.type.partition(":")[0]]
        if each.request.get("protect"):
            one["protect"] = True
        resources.append(one)
    manifest = {"time": "2026-11-22T00:00:00Z", "magic": "", "version": ""}
    whole: dict[str, Any] = {"version": 3, "deployment": {"manifest": manifest, "resources": resources}}
    return cast("dict[str, Any]", json.loads(plain(json.dumps(whole))))


def needed(made: Plan, kind: str) -> list[set[str]]:
    """For each resource of a kind all that it depends on, by kind and name: what an engine deletes after it."""
    found = {plain(each.urn): each for each in made.resources}

    def needs(urn: str, seen: set[str]) -> set[str]:
        request = found[urn].request
        provider = str(request.get("provider", "")).rpartition("::")[0]
        for other in map(plain, [*request.get("dependencies", []), provider]):
            if other in found and other not in seen:
                seen.add(other)
                needs(other, seen)
        return seen

    return [
        {f"{found[other].type.rpartition(':')[2]} {found[other].name}" for other in needs(urn, set())}
        for urn, each in found.items()
        if each.type.endswith(f":{kind}")
    ]


def plain(urns: str) -> str:
    """URNs as an engine has them: the mocks name the stack in front of what lies right below it."""
    return urns.replace("pulumi:pulumi:Stack$", "")


def _told(made: Planned, told: Told) -> dict[str, Any]:
    """As the mocks tell it."""
    about: dict[str, Any] = {"arn": f"arn:aws:test:eu-central-1:123456789012:{made.name}", "name": made.name}
    known = told.get(made.type, lambda _: {})(made)
    return {**{key: value for key, value in about.items() if key not in made.inputs}, **known}


def _after_what_they_need(given: list[Planned]) -> list[Planned]:
    """As a state has them: nobody before his parent or what he depends on."""
    waiting, found, there, named = list(given), list[Planned](), set[str](), set[str]()
    every = {each.urn for each in given}
    while waiting:
        ready = [
            each
            for each in waiting
            if not (({each.request.get("parent", "")} | set(each.request.get("dependencies", []))) & every - there)
            and (each.type.partition(":")[0] != "kubernetes" or "cluster" in named)
        ]
        assert ready
        found += ready
        there |= {each.urn for each in ready}
        named |= {each.name for each in ready if each.type == "pulumi:providers:kubernetes"}
        waiting = [each for each in waiting if each.urn not in there]
    return found


_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def _stored(value: Any) -> Any:
    """Secrets as a state without encryption has them."""
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return {_SIGNATURE: value[_SIGNATURE], "plaintext": json.dumps(value["value"])}
        return {key: _stored(each) for key, each in value.items()}
    return [_stored(each) for each in value] if isinstance(value, list) else value
