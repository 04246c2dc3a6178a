import re
import subprocess
import sys
from pathlib import Path

import pytest

from automation.exits import MEANING, Exit

ROOT = Path(__file__).parent.parent.parent
# not pydantic: typer itself takes it to check a flag with
HEAVY = {"pulumi", "grpc", "onnx", "onnxruntime", "numpy", "rich", "cryptography", "yaml", "google", "model_build"}
COMMANDS = [
    *("preview", "up", "refresh", "destroy", "drift", "cancel", "output", "build", "report", "rollback", "gc"),
    *("doctor", "new"),
]


def modules_after(*arguments: str) -> set[str]:
    """Top-level packages in a fresh interpreter after the command has run there."""
    code = (
        "import sys\nfrom automation.cli import main\n"
        f"try:\n    main({list(arguments)!r})\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('\\nmodules', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["up", "--help"], ["--version"]])
def test_help_imports_nothing_that_takes_time(arguments: list[str]) -> None:
    assert modules_after(*arguments) & HEAVY == set()


def help_of(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "automation", *arguments, "--help"], capture_output=True, text=True, check=True
    ).stdout


def test_help_lists_every_exit_code() -> None:
    text = help_of()
    for code in Exit:
        assert f"{code.value:<5}{MEANING[code]}" in text


def test_help_lists_every_command_in_the_order_of_the_page() -> None:
    text = help_of()
    commands = text.partition("Commands:\n")[2].partition("\n\n")[0]
    page = (ROOT / "docs" / "cli.md").read_text()
    told = re.findall(r"^    modelport ([a-z]+)  ", page, re.MULTILINE)
    assert [line.split()[0] for line in commands.splitlines()] == told
    assert "..." not in commands


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_shows_how_it_is_written(command: str) -> None:
    assert f"\n  modelport {command}" in help_of(command)


def test_the_page_on_exit_codes_has_each_of_them() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    for code in Exit:
        assert f"| {code.value} | {MEANING[code]} |" in page


def test_the_page_on_the_command_has_every_command() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    assert [name for name in COMMANDS if f"modelport {name}" not in page] == []


def test_a_standard_output_that_is_full_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "automation", "--help"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: there is no room left where standard output")


def test_a_standard_output_that_is_closed_is_no_mistake() -> None:
    command = f"exec '{sys.executable}' -m automation --help >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--bogus"], "error: no such option: --bogus"),
        (["bogus"], "error: no such command 'bogus'"),
        (["up", "--parallel", "x"], "error: invalid value for '--parallel'"),
    ],
)
def test_a_mistake_in_the_flags_is_one_line(words: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "automation", *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(said)
    assert done.stderr.endswith("--help lists what there is\n")
