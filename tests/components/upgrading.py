"""Stacks that an earlier release has made: kept as what was registered then, previewed by what is here now.

    EARLIER = Earlier("cluster", shop, TOLD)     # def shop(changed): EksCluster("shop", {**HERE, **changed})
    # ... kept in the folder `snapshots` beside the module of `shop`
    assert EARLIER.changes(folder) == {}
    assert EARLIER.changes(folder, {"version": "1.36"}) == {"update": {"shop"}}

The engine compares as it does for anybody. There is no provider of a cloud here: an input that differs is an update,
whatever the provider would make of it, and of what is updated nothing but its inputs is known.
"""

import importlib.metadata
import inspect
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.api import Engine, Options
from tests.components.planned import Planned, plan

Json = dict[str, Any]
Told = Mapping[str, Callable[[Planned], Json]]
"""By type, what a made resource tells beside its inputs."""

_STACK = "urn:pulumi:test::shop::pulumi:pulumi:Stack::shop-test"
_VERSIONS = {name: importlib.metadata.version(f"pulumi_{name}") for name in ("aws", "gcp", "kubernetes")}
_ID = "7c1f1c35-5a7e-4a36-9c0d-2a8f3f8e3a11"


class Earlier:
    """What an earlier release has made of `program`, kept in `snapshots/NAME-state.json`.

    program: a function of a test's module; it makes all of the stack, with what it is given changed in it.
    """

    def __init__(self, name: str, program: Callable[[Mapping[str, Any]], object], told: Told | None = None) -> None:
        self._file = Path(inspect.getfile(program)).parent / "snapshots" / f"{name}-state.json"
        self._program = program
        self._told: Told = told or {}

    @cached_property
    def state(self) -> list[Json]:
        """The resources; they are written of a plan of an `up` where there is no file, and the test fails once."""
        if not self._file.exists():
            made = plan(lambda: self._program({}), preview=False, outputs=self._told).resources
            # The mocks count the stack as a type above all others, which the engine does not.
            lines = [
                json.dumps(_resource(each, self._told), sort_keys=True).replace("pulumi:pulumi:Stack$", "")
                for each in made
            ]
            self._file.write_text("[\n" + ",\n".join(sorted(lines)) + "\n]\n")
            raise AssertionError(f"{self._file.name} was written: what is registered from now on is held to it")
        found: list[Json] = json.loads(self._file.read_text())
        return found

    def changes(
        self,
        folder: Path,
        changed: Mapping[str, Any] | None = None,
        state: list[Json] | None = None,
        *,
        typed: bool = False,
    ) -> dict[str, set[str]]:
        """What a preview of the program would do to that stack: each step, and to which resources.

        changed: what the program is given. state: what is there by now, if not what was made.
        folder: the fixture of that name, below which the backend is. typed: resources as TYPE::NAME, not by name alone.
        """
        project = folder / "project"
        project.mkdir(exist_ok=True)
        (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        where, name = self._program.__module__, self._program.__name__
        (project / "__main__.py").write_text(f"from {where} import {name}\n{name}({dict(changed or {})!r})\n")
        engine = Engine(project, "test")
        if not engine.exists():
            engine.init()
            exported: Any = engine.export()
            exported["deployment"]["resources"] = _deployed(self.state if state is None else state)
            engine.import_(json.dumps(exported), force=True)
        events: list[Any] = []
        outcome = engine.preview(Options(), events.append)
        assert outcome.exit_code == 0, outcome.error
        found: dict[str, set[str]] = {}
        for each in events:
            about = each.get("resourcePreEvent", {}).get("metadata")
            if about is not None and about["op"] != "same":
                urn = str(about["urn"])
                called = urn.rpartition("$")[2] if typed else urn.rpartition("::")[2]
                found.setdefault(about["op"], set()).add(called)
        return found


def _resource(each: Planned, told: Told) -> Json:
    found: Json = {"urn": each.urn, "type": each.type, "custom": each.custom, "parent": each.request["parent"]}
    if each.custom:
        given = {"arn": f"arn:aws:test:eu-central-1:123456789012:{each.name}", "name": each.name}
        outputs = {**given, **each.inputs, **told.get(each.type, lambda _: {})(each)}
        found |= {"id": f"{each.name}-id", "inputs": each.inputs, "outputs": outputs}
        found["dependencies"] = sorted(each.request.get("dependencies", []))
    return found


def _deployed(state: list[Json]) -> list[Json]:
    """In the order of a deployment: parents and providers first, and what is depended on before who does."""
    rest = {each["urn"]: each for each in state}
    made: list[Json] = [{"urn": _STACK, "type": "pulumi:pulumi:Stack", "custom": False}]
    for name in sorted({each["type"].partition(":")[0] for each in state if each["custom"]}):
        about = {"version": _VERSIONS[name]} if name in _VERSIONS else {}
        made.append(
            {
                "urn": _provider(name),
                "type": f"pulumi:providers:{name}",
                "custom": True,
                "id": _ID,
                "inputs": about,
                "outputs": about,
            }
        )
    while rest:
        free = [each for each in rest.values() if not {each["parent"], *each.get("dependencies", [])} & set(rest)]
        assert free, "the resources depend on each other"
        for each in free:
            whose = {"provider": f"{_provider(each['type'].partition(':')[0])}::{_ID}"} if each["custom"] else {}
            made.append({**each, **whose})
            del rest[each["urn"]]
    return made


def _provider(package: str) -> str:
    """The urn of a package's default provider."""
    # That of our own resources has no version.
    suffix = f"_{_VERSIONS[package].replace('.', '_')}" if package in _VERSIONS else ""
    return f"urn:pulumi:test::shop::pulumi:providers:{package}::default{suffix}"
