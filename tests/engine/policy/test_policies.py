"""Every policy case that the official engine was recorded on: ours must do the same, step by step."""

import difflib
from pathlib import Path

import pytest

from tests.engine.conformance.runner import OURS, PASSPHRASE
from tests.engine.conformance.test_conformance import command, dump
from tests.engine.policy.running import NAMES, PolicyCase


@pytest.mark.parametrize("name", NAMES)
def test_packs_do_under_ours_what_they_do_under_the_official_engine(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    engine = command("MODELPORT_CONFORMANCE_ENGINE") or OURS
    case = PolicyCase(name, tmp_path.resolve(), engine, command("MODELPORT_CONFORMANCE_OTHER"))
    for number in range(1, len(case.steps) + 1):
        expected, actual = case.golden(number), case.run(number)
        difference = difflib.unified_diff(dump(expected), dump(actual), "official", "ours", lineterm="", n=4)
        assert actual == expected, f"{name}, step {number}:\n" + "\n".join(difference)
