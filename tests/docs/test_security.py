"""What the page on security claims is shown by something that is there."""

import ast
import re

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    line.strip("| ").split(" | ")
    for table in re.findall(r"^\| what holds \| shown by \|\n\|[-| ]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    for line in table.splitlines()
]


def _names(shown: str) -> list[str]:
    """Paths of evidence, each with `::test` behind it or without."""
    return re.findall(r"`([\w./-]+\.(?:py|lock)(?:::\w+)?)`", shown)


def _is_there(evidence: str) -> bool:
    path, _, test = evidence.partition("::")
    if not (ROOT / path).is_file():
        return False
    tree = ast.parse((ROOT / path).read_text()) if test else None
    return tree is None or any(isinstance(each, ast.FunctionDef) and each.name == test for each in ast.walk(tree))


def test_there_are_claims() -> None:
    assert len(ROWS) > 35


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_a_claim_is_shown_by_something_that_is_there(row: list[str]) -> None:
    claim, shown = row
    assert claim and _names(shown)
    assert [each for each in _names(shown) if not _is_there(each)] == []


def test_evidence_that_is_not_there_is_seen() -> None:
    assert not _is_there("tests/docs/test_security.py::test_that_nobody_wrote")
    assert not _is_there("tests/docs/no_such_file.py")
    assert _is_there("tests/docs/test_security.py::test_there_are_claims")
