"""The page in docs is the pack's own, and every rule says what a reader needs."""

import json
import re
from typing import Any, cast

import pytest

from engine.policy.schemas import problems
from policies import table
from policies.pack import NAME, RULES
from policies.rules import EXCEPTIONS, Rule, StackRule

KNOWN = (
    r"CKV2?_(AWS|GCP|K8S|GIT)_\d+",
    r"CIS [A-Za-z ]+ \d+(\.\d+)+ \d+(\.\d+)*",
    r"PSS [a-zA-Z_]+",
    r"AWS Config [a-z0-9-]+",
)
"""How ids of others are written."""


def test_the_page_in_docs_is_the_packs_own() -> None:
    """A changed rule: `make docs`."""
    assert table.PAGE.read_text(encoding="utf-8") == table.page()


def test_every_rule_has_a_row_and_every_setting() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| ", table.page(), re.MULTILINE)
    assert {each.name for each in RULES} == set(rows)
    assert len(rows) == len(RULES) + sum(len(each.config) for each in RULES)


def test_every_row_has_as_many_cells_as_its_heading() -> None:
    width = 0
    for line in table.page().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert not (cells and width) or cells == width, line
        width = cells


def test_names_are_unique_and_in_kebab_case() -> None:
    names = [each.name for each in RULES]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", name)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.name)
def test_a_rule_says_what_a_reader_needs(rule: Rule | StackRule) -> None:
    assert rule.links and all(link.startswith("https://") for link in rule.links)
    assert [each for each in rule.ids if not any(re.fullmatch(known, each) for known in KNOWN)] == []
    for text in (rule.title, rule.why, rule.fix):
        assert text and not text.endswith((".", " ")) and "  " not in text
    assert rule.title[0].isupper()
    assert rule.fix[0].islower() or rule.fix[:2].isupper()


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.name)
def test_settings_have_defaults_that_fit_their_schemas(rule: Rule | StackRule) -> None:
    for schema in rule.config.values():
        assert schema["description"]
        assert problems(dict(schema), schema["default"]) == []


def test_the_configuration_that_the_page_shows_fits_the_policies() -> None:
    (shown,) = re.findall(r"^```json\n(.*?)^```", table.page(), re.DOTALL | re.MULTILINE)
    config: dict[str, Any] = json.loads(shown)
    known = {each.name: each for each in RULES}
    assert config.keys() - {"all"} <= known.keys()
    for name, given in config.items():
        for key, value in cast("dict[str, Any]", given).items() if isinstance(given, dict) else ():
            if key != "enforcementLevel":
                schema = EXCEPTIONS if key == "exceptions" else known[name].config[key]
                assert problems(dict(schema), value) == [], f"{name}.{key}"


def test_the_pack_is_called_as_the_page_says() -> None:
    assert f"called `{NAME}`" in table.page()
