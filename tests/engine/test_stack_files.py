"""Pulumi.STACK.yaml as it is written: by the side of what the official CLI makes of the same commands."""

from pathlib import Path

import pytest
import yaml

from engine.errors import BadInput
from engine.projects import StackFile, load_project

BEFORE = """\
# kept by hand
config:
  # how many
  gallery:a: "1" # at least
  gallery:b:
    - x # first
encryptionsalt: v1:salt
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: gallery\nruntime: python\n")
    return tmp_path


def edited(project: Path, *changes: tuple[str, str], path: bool = False, kind: str = "") -> str:
    for key, value in changes:
        file = StackFile.load(load_project(project), "dev")
        file.set(key, value, secret=None, path=path, kind=kind)
        file.save()
    return (project / "Pulumi.dev.yaml").read_text()


def test_comments_order_and_quotes_stay(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text(BEFORE)
    text = edited(project, ("a", "2"), ("n", "3"))
    assert text == BEFORE.replace('"1"', '"2"').replace("encryption", '  gallery:n: "3"\nencryption')


def test_nothing_changes_where_nothing_is_changed(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text(BEFORE)
    assert edited(project, ("a", "1")) == BEFORE


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("1", '"1"'),
        ("1.5", '"1.5"'),
        ("true", '"true"'),
        ("007", '"007"'),
        ("", '""'),
        ("yes", '"yes"'),
        ("2020-01-01", '"2020-01-01"'),
        ("eu-west-1", "eu-west-1"),
        ("a: b", "'a: b'"),
        ("a #b", "'a #b'"),
    ],
)
def test_a_text_is_quoted_as_the_official_cli_quotes_it(project: Path, value: str, line: str) -> None:
    text = edited(project, ("k", value))
    assert text == f"config:\n  gallery:k: {line}\n"
    assert yaml.safe_load(text)["config"]["gallery:k"] == value


def test_a_text_of_several_lines_is_a_block(project: Path) -> None:
    assert edited(project, ("k", "a\nb\n")) == "config:\n  gallery:k: |\n    a\n    b\n"


def test_a_path_makes_what_is_missing_and_keeps_numbers(project: Path) -> None:
    text = edited(project, ("o.p[0]", "5"), ("o.t", "true"), ("o.s", "1.5"), path=True)
    assert text == 'config:\n  gallery:o:\n    p:\n      - 5\n    t: true\n    s: "1.5"\n'


def test_a_kind_is_held_to(project: Path) -> None:
    assert edited(project, ("o.i", "7"), path=True, kind="string") == 'config:\n  gallery:o:\n    i: "7"\n'
    with pytest.raises(BadInput, match="expected a value of type int"):
        edited(project, ("o.i", "seven"), path=True, kind="int")


def test_a_value_that_goes_takes_nothing_with_it(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text(BEFORE)
    file = StackFile.load(load_project(project), "dev")
    file.remove("b")
    file.save()
    kept = [line for line in BEFORE.splitlines() if "gallery:b" not in line and "first" not in line]
    assert (project / "Pulumi.dev.yaml").read_text().splitlines() == kept
