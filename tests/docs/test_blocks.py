"""Every block of code on every page is right, by its kind; what runs of them runs in tests/stacks/test_docs.py."""

import ast
import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.spec import StackSpec
from tests.docs import command_lines, pages
from tests.docs.pages import ROOT, Block
from tests.stacks import test_docs

KNOWN = {"", "console", "shell", "sh", "bash", "yaml", "json", "python", "text", "promql", "dockerfile", "typescript"}
KNOWN |= {"go", "csharp", "java", "hcl", "toml", "diff", "markdown"}


def _each(*languages: str) -> list[Any]:
    return [pytest.param(each, id=each.name) for each in pages.blocks(*languages)]


def test_every_block_says_of_what_language_it_is() -> None:
    """An indented one, and a fence without a word, hold commands and what they print."""
    found = {
        each.info.split()[0]
        for page in pages.pages()
        for each in pages.tokens(page)
        if each.type == "fence" and each.info.strip()
    }
    assert found - KNOWN == set()


@pytest.mark.parametrize("block", _each("yaml"))
def test_yaml_is_yaml(block: Block, tmp_path: Path) -> None:
    given: Any = yaml.safe_load(block.text.replace("{...}", "{}"))
    if given is None:  # a comment for an editor
        assert block.text.startswith("#")
        return
    assert isinstance(given, dict)
    config: dict[str, Any] = given.get("config") or given
    ours = any(str(key).startswith("modelport:") for key in config)
    if ours and block.page not in test_docs.PAGES:
        test_docs.test_a_section_of_a_stack_file_is_right(block.text, tmp_path)
    if "config" in given and "modelport:model" in config and "{...}" not in block.text:
        path = tmp_path / "Pulumi.whole.yaml"
        path.write_text(block.text)
        assert StackSpec.from_file(path).model is not None


@pytest.mark.parametrize("block", _each("json"))
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", _each("python"))
def test_a_program_compiles_and_what_it_imports_is_there(block: Block) -> None:
    # Of a page on a Deployer, what stands in a function of the reader's own may wait.
    compile(block.text, block.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for each in ast.walk(ast.parse(block.text)):
        if isinstance(each, ast.Import):
            for name in each.names:
                importlib.import_module(name.name)
        if isinstance(each, ast.ImportFrom):
            module = importlib.import_module(str(each.module))
            for name in each.names:
                assert hasattr(module, name.name), f"{each.module} has no {name.name}"


def test_every_command_line_is_one_that_there_is() -> None:
    mistakes: list[str] = []
    ours = 0
    for block in pages.shells():
        for line in pages.lines(block):
            try:
                found = list(command_lines.commands(line))
            except ValueError:  # what was printed has quotation marks of its own
                assert not line.startswith(("modelport", ".venv/bin/modelport", "aws ")), f"{block.name}: {line}"
                continue
            ours += sum(each[0].endswith("modelport") for each in found)
            listed = command_lines.is_listed(line)  # in a list of commands, each with what it is for
            for each in found:
                why = command_lines.wrong(each)
                if why is not None and not (listed and "Missing" in why):
                    mistakes.append(f"{block.name}: {why}")
    assert mistakes == []
    assert ours > 70


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("modelport fly -s prod", "modelport has no command fly"),
        (".venv/bin/modelport preview -s prod --polcy-pack policies", "No such option"),
        ("PULUMI_STACK=prod modelport stack histry", "modelport stack has no command histry"),
        ("modelport --engine embedded preview --fly", "No such option"),
        ("modelport --engine embedded stack init dev --non-interactve", "unknown flag"),
        ("modelport --engine embedded stack init dev --non-interactive", None),
        ("modelport up -s prod --parallel many", "valid integer"),
        ("modelport gc | modelport output one two three", "unexpected extra argument"),
        ("make fly", "no target fly"),
        ("make cluster ADDONS=keda  # a cluster", None),
        ("aws ecs describe-servces", "no operation"),
        ("aws ecs describe-services --cluser models", "no option cluser"),
        ("aws exs describe-services", "no service"),
        ("modelport drift -s prod --json | jq .resources", None),
        ("modelport rollback --to 4 -s dev   a number of the history", None),
    ],
)
def test_a_wrong_command_line_is_seen(line: str, said: str | None) -> None:
    found = [why for each in command_lines.commands(line) if (why := command_lines.wrong(each)) is not None]
    assert found == [] if said is None else said.lower() in " ".join(found).lower()


def test_targets_of_make_are_read_from_the_makefile() -> None:
    assert {"up", "docs", "site", "mypy", "pyright"} <= command_lines.targets()
    assert (ROOT / "Makefile").is_file()
