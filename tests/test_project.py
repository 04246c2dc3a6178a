"""What holds for the tree as a whole."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("requirements-torch.lock", "requirements-tf.lock")
"""Locks of what is too large for everybody's environment."""


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_every_dependency_is_pinned_with_a_hash() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    names = {re.split(r"[\[<>=; ]", line)[0].lower() for line in project["dependencies"] + extras} - {"modelport"}
    locks = "".join((ROOT / name).read_text() for name in HEAVY)
    pins = re.findall(r"^([a-z0-9._-]+)==\S+.*?\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", locks, re.MULTILINE)
    assert names - {name for name, _ in pins} == set()


@pytest.mark.parametrize("heavy", HEAVY)
def test_what_has_a_heavy_framework_has_the_versions_of_what_has_not(heavy: str) -> None:
    pinned = {
        name: set(re.findall(r"^([a-z0-9._-]+==.*?) \\$", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", heavy)
    }
    assert pinned["requirements.lock"]
    assert pinned["requirements.lock"] - pinned[heavy] == set()


def test_locks_name_no_address() -> None:
    locks = [*tracked("*.lock"), *tracked("*requirements*.txt")]
    assert len(locks) >= 3
    assert [path.name for path in locks if "://" in path.read_text()] == []


def test_the_targets_that_the_readme_names_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named
    assert named - targets == set()


def test_python_modules_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py")
        if (lines := len(path.read_text().splitlines())) > 500
    }
    assert long == {}
