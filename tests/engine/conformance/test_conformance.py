"""Every case that the official engine was recorded on: ours must do the same, step by step.

MODELPORT_CONFORMANCE_ENGINE names another command to drive, such as `pulumi`; MODELPORT_CONFORMANCE_OTHER one that
takes every even step on the same state, to show that a stack begun on one engine goes on under the other.
"""

import difflib
import json
import os
import shlex
from pathlib import Path

import pytest

from tests.engine.conformance.normalise import Record
from tests.engine.conformance.runner import CASES, OURS, PASSPHRASE, Case

NAMES = sorted(folder.name for folder in CASES.iterdir() if (folder / "case.yaml").exists())

NOT_YET = {
    "k8s-await-fails": "the engine's own Kubernetes provider is not built yet",
    "k8s-basics": "the engine's own Kubernetes provider is not built yet",
    "k8s-conflict": "the engine's own Kubernetes provider is not built yet",
    "k8s-custom": "the engine's own Kubernetes provider is not built yet",
    "k8s-names": "the engine's own Kubernetes provider is not built yet",
    "k8s-providers": "the engine's own Kubernetes provider is not built yet",
    "k8s-refresh": "the engine's own Kubernetes provider is not built yet",
    "k8s-replace": "the engine's own Kubernetes provider is not built yet",
}
"""Recorded cases that are not brought in, and why; each joins `cases/` with what it needs."""


def command(variable: str) -> list[str] | None:
    found = os.environ.get(variable)
    return shlex.split(found) if found else None


def dump(record: Record) -> list[str]:
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_does_what_the_official_one_did(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    engine = command("MODELPORT_CONFORMANCE_ENGINE") or OURS
    case = Case(name, tmp_path.resolve(), engine, command("MODELPORT_CONFORMANCE_OTHER"))
    for number in range(1, len(case.steps) + 1):
        expected, actual = case.golden(number), case.run(number)
        difference = difflib.unified_diff(dump(expected), dump(actual), "official", "ours", lineterm="", n=4)
        assert actual == expected, f"{name}, step {number}:\n" + "\n".join(difference)


def test_no_case_is_both_brought_in_and_put_off() -> None:
    assert not set(NAMES) & set(NOT_YET)
