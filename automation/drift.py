"""`modelport drift`: what in the world is no longer as the state says, found by a refresh that writes nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from automation import operate
from automation.drivers import drive
from automation.exits import Exit
from automation.lifecycle import Request, check_targets
from automation.projects import Target, select
from automation.report import texts
from automation.showing import SCHEMA, complain
from engine.values import is_dict

SHOWN = 100
"""Characters of a value that a line shows."""


@dataclass(frozen=True)
class Drifted:
    """One resource that is not as the state says."""

    urn: str
    type: str
    gone: bool
    """Whether it is there no more."""
    properties: Mapping[str, tuple[Any, Any]]
    """By path, what the state has and what is there; None where there is nothing. Secrets stay hidden."""

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    def told(self) -> dict[str, Any]:
        """As JSON."""
        changed = {key: {"state": old, "world": new} for key, (old, new) in self.properties.items()}
        return {"urn": self.urn, "type": self.type, "name": self.name, "gone": self.gone, "properties": changed}


class Finding:
    """Hears a refresh's events, and keeps what they say of drift."""

    def __init__(self) -> None:
        self.found: list[Drifted] = []

    def __call__(self, event: Mapping[str, Any]) -> None:
        payload = event.get("resOutputsEvent")
        if payload is None:
            return
        data = cast("dict[str, Any]", payload["metadata"])
        if data["op"] not in ("update", "delete", "replace"):
            return
        old, new = _outputs(data.get("old")), _outputs(data.get("new"))
        gone = data["op"] == "delete"
        changed = {} if gone else dict(_differences("", old, new))
        self.found.append(Drifted(str(data["urn"]), str(data["type"]), gone, changed))


def drift(request: Request) -> Exit:
    """Say what has drifted; the code says whether anything has."""
    target = select(request.cwd, request.stack, from_file=False)
    driver = drive(target, request.engine)
    check_targets(driver, "refresh", request.options)
    options = replace(request.options, preview_only=True)
    # A document is written at its end alone, and this one never is.
    silent = replace(request.shown, operation="refresh", stack=target.stack, preview=True, as_json=True)
    finding = Finding()
    ended, _ = operate.perform(
        driver, "refresh", options, silent, stack=target.stack, verbose=request.verbose, also=finding
    )
    found = sorted(finding.found, key=lambda each: each.urn)
    code = ended.code if ended.code is not Exit.DONE or not found else Exit.DRIFTED
    if request.as_json:
        print(json.dumps(_document(target, driver.name, code, found, ended.errors), indent=4))
    elif ended.code is Exit.DONE:
        _say(target, found)
    complain(ended.errors)
    return code


def _document(target: Target, engine: str, code: Exit, found: list[Drifted], errors: list[str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "stack": target.stack,
        "engine": engine,
        "result": {Exit.DONE: "none", Exit.DRIFTED: "drifted"}.get(code, "failed"),
        "exit_code": int(code),
        "resources": [each.told() for each in found],
        "errors": errors,
    }


def _say(target: Target, found: list[Drifted]) -> None:
    if not found:
        print(f"stack {target.stack}: everything is as the state says")
        return
    for each in found:
        print(f"{each.type} {each.name} is {'gone' if each.gone else 'not as the state says'}")
        for path, (old, new) in each.properties.items():
            print(f"    {path}: {_shown(old)} => {_shown(new)}")
    count = f"{len(found)} resource{'' if len(found) == 1 else 's'}"
    print(
        f"\n{count} of stack {target.stack} drifted; modelport refresh -s {target.stack} takes it into the state, "
        f"modelport up -s {target.stack} --refresh puts it right"
    )


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _outputs(state: Any) -> dict[str, Any]:
    known: Any = state.get("outputs") if is_dict(state) else None
    return {key: value for key, value in known.items() if key != "__provider"} if is_dict(known) else {}


def _differences(path: str, old: Any, new: Any) -> "list[tuple[str, tuple[Any, Any]]]":
    """The innermost places of two values that differ; a list is one place.

    What is new in the world is marked as a secret by nobody: what is one by its name or its look is not told either.
    """
    if not (is_dict(old) and is_dict(new)):
        return [] if old == new else [(path, (texts.hidden(path, old), texts.hidden(path, new)))]
    out: list[tuple[str, tuple[Any, Any]]] = []
    for key in sorted({*old, *new}):
        out += _differences(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    return out
