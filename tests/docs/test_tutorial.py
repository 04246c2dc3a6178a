"""The tutorial does what it says: its commands run, and answer with the lines that it shows."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.docs import pages
from tests.docs.pages import ROOT, Block
from tests.ports import free_port

PAGE: Final = ROOT / "docs" / "tutorial.md"
PORT: Final = "8090"
_MARK: Final = "=== step"


@dataclass
class Step:
    """A command, and the lines that it is to answer with."""

    command: str
    answers: list[str] = field(default_factory=list[str])

    def said(self, output: str) -> list[str]:
        """Lines that it did not answer with, one after another in this order."""
        missed: list[str] = []
        at = 0
        for line in self.answers:
            pattern = ".*".join(re.escape(part) for part in line.strip().split("..."))
            found = re.compile(pattern).search(output, at)
            if found is None:
                missed.append(line)
            else:
                at = found.end()
        return missed


def _steps(block: Block) -> list[Step]:
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line.removeprefix("$ ")))
        elif line.strip(" ."):
            found[-1].answers.append(line)
    return found


def _project(folder: Path) -> Path:
    """A copy of what is tracked, as a clone has it, with this environment."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in listed.split("\0"):
        if name and not name.startswith(("tests/", "docs/", "benchmarks/")) and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Step, str]]:
    """Each step with what it said, on both of its streams: one shell from the beginning to the end."""
    project = _project(tmp_path_factory.mktemp("tutorial"))
    steps: list[Step] = []
    script = ""
    for block in sorted(pages.blocks("console", "yaml"), key=lambda each: each.line):
        if block.page != PAGE:
            continue
        if block.language == "yaml":
            script += f"cat > Pulumi.first.yaml <<'END'\n{block.text}END\n"
            continue
        for step in _steps(block):
            script += f"(exit $code); {step.command}\ncode=$?\necho '{_MARK}'\n"
            steps.append(step)
    port = str(free_port())
    script = "code=0\n" + script.replace(PORT, port)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")}
    home = tmp_path_factory.mktemp("home")
    environment |= {"MODELPORT_DATA_DIR": str(home / "data"), "MODELPORT_STATE_DIR": str(home / "state")}
    ran = subprocess.run(
        ["bash"], input=script, cwd=project, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    said = ran.stdout.replace(port, PORT).split(f"{_MARK}\n")
    assert len(said) == len(steps) + 1, ran.stdout
    return list(zip(steps, said, strict=False))


def test_every_command_answers_with_what_the_page_shows(walked: list[tuple[Step, str]]) -> None:
    assert {step.command: (missed, output) for step, output in walked if (missed := step.said(output))} == {}


def test_no_command_fails_that_is_not_meant_to(walked: list[tuple[Step, str]]) -> None:
    """Two are, and the page shows their exit codes; any other that says an error is a mistake."""
    failed = [step.command for step, output in walked if re.search(r"^(error|bash|sed|curl): ", output, re.MULTILINE)]
    assert failed == [
        ".venv/bin/modelport up -s first --yes",
        ".venv/bin/modelport preview -s prod --policy-pack policies",
    ]


def test_the_tutorial_is_whole(walked: list[tuple[Step, str]]) -> None:
    verbs = [step.command.split()[1] for step, _ in walked if step.command.startswith(".venv/bin/modelport")]
    assert verbs == ["--version", "preview", "up", "output", "report", "up", "preview", "preview", "preview", "destroy",
                     "stack"]  # fmt: skip


def test_a_line_that_is_not_answered_is_seen() -> None:
    step = Step("true", ["one ... three", "four"])
    assert step.said("zero\none two three\nfour") == []
    assert step.said("one two\nfour") == ["one ... three"]
    assert step.said("four\none two three") == ["four"]
