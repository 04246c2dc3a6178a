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

from tests.cluster.shared import Cluster
from tests.engine.conformance.normalise import Record
from tests.engine.conformance.runner import CASES, OURS, PASSPHRASE, Case

NAMES = sorted(folder.name for folder in CASES.iterdir() if (folder / "case.yaml").exists())

KUBERNETES = [name for name in NAMES if name.startswith("k8s-")]


def command(variable: str) -> list[str] | None:
    found = os.environ.get(variable)
    return shlex.split(found) if found else None


def dump(record: Record) -> list[str]:
    return json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False).splitlines()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in KUBERNETES])
def test_the_engine_does_what_the_official_one_did(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    held(Case(name, tmp_path.resolve(), *engines()))


@pytest.mark.parametrize("name", KUBERNETES)
def test_the_engine_does_what_the_official_one_did_in_a_cluster(
    name: str, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    case = Case(name, tmp_path.resolve(), *engines(), cluster)
    with cluster.alone(name):
        case.clear()
        try:
            held(case)
        finally:
            case.clear()


def engines() -> tuple[list[str], list[str] | None]:
    return command("MODELPORT_CONFORMANCE_ENGINE") or OURS, command("MODELPORT_CONFORMANCE_OTHER")


def held(case: Case) -> None:
    """Run the steps, and compare what was done with what the official engine did."""
    for number in range(1, len(case.steps) + 1):
        expected, actual = case.golden(number), case.run(number)
        difference = difflib.unified_diff(dump(expected), dump(actual), "official", "ours", lineterm="", n=4)
        assert actual == expected, f"{case.source.name}, step {number}:\n" + "\n".join(difference)
