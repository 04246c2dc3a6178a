"""`modelport --engine embedded` in the place of `pulumi` in a script, or in a conformance suite."""

import json
import sys
from pathlib import Path

import pytest

from automation.flags import engine_verbs
from tests.automation.conftest import Project
from tests.engine.conformance.runner import PASSPHRASE, Case
from tests.engine.conformance.test_conformance import held

LOGGED = "--stack dev --non-interactive --event-log e.jsonl --parallel 1"


@pytest.mark.parametrize(
    "words",
    [
        "stack init dev --non-interactive",
        "config set demo:a b --stack dev --secret",
        "config set demo:a.b c --stack dev --plaintext --path",
        f"preview {LOGGED}",
        f"up {LOGGED} --yes --skip-preview --target urn:x",
        f"refresh {LOGGED} --yes --skip-preview",
        f"destroy {LOGGED} --yes --skip-preview",
        "cancel --stack dev --yes",
        "stack export --stack dev --show-secrets",
        "-C folder --non-interactive up --stack dev --yes",
        "stack --stack dev output",
        "update --stack dev --non-interactive --yes",
        "stack ls --non-interactive",
    ],
)
def test_the_words_of_the_official_cli_go_to_the_engine(words: str) -> None:
    assert engine_verbs(["--engine", "embedded", *words.split()]) == words.split()
    assert engine_verbs([f"--engine={'embedded'}", *words.split()]) == words.split()


@pytest.mark.parametrize(
    "words",
    [
        "--engine embedded up --yes",
        "--engine embedded up --yes --json -s dev",
        "--engine embedded stack ls",
        "--engine embedded -C folder up --yes",
        "--engine embedded stack export --help",
        "--engine embedded doctor",
        "--engine embedded",
        "--engine pulumi stack init dev",
        "up --engine embedded --non-interactive",
        "stack export -s dev",
    ],
)
def test_all_else_is_for_the_command(words: str) -> None:
    assert engine_verbs(words.split()) is None


def test_a_stack_lives_through_them(project: Project) -> None:
    def engine(words: str) -> str:
        done = project.run("--engine", "embedded", *words.split())
        assert done.returncode == 0, done.stderr
        return done.stdout

    (project.root / "Pulumi.dev.yaml").unlink()
    engine("stack init dev --non-interactive")
    engine("config set color mauve-secret --stack dev --secret")
    assert "mauve-secret" not in (project.root / "Pulumi.dev.yaml").read_text()
    engine(f"preview {LOGGED}")
    engine(f"up {LOGGED} --yes --skip-preview")
    logged = [json.loads(line) for line in (project.root / "e.jsonl").read_text().splitlines()]
    assert [event["summaryEvent"]["resourceChanges"] for event in logged if "summaryEvent" in event] == [{"create": 2}]
    exported = json.loads(engine("stack export --stack dev --show-secrets"))
    colors = [r["inputs"]["color"] for r in exported["deployment"]["resources"] if r["urn"].endswith("::thing")]
    assert "mauve-secret" in json.dumps(colors)
    engine(f"destroy {LOGGED} --yes --skip-preview")
    engine("cancel --stack dev --yes")


@pytest.mark.parametrize("name", ["secrets", "killed"])
def test_what_the_official_engine_was_recorded_on_is_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    held(Case(name, tmp_path.resolve(), [sys.executable, "-m", "automation", "--engine", "embedded"]))
