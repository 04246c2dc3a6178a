"""The texts that the official CLI printed, made again from the events that it printed them from."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from engine.display import views
from engine.display.options import Options
from tests.engine.display.record import GOLDENS, normalised

RECORDED = sorted(file.name.removesuffix(".tree.jsonl") for file in GOLDENS.glob("*.tree.jsonl"))


def events(name: str, view: str = "tree") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDENS / f"{name}.{view}.jsonl").read_text().splitlines()]


def options(name: str, **more: Any) -> Options:
    operation: Any = name.rpartition("-")[2]
    return Options(operation=operation, stack="dev", color="never", **more)


def shown(name: str, **more: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    view = views.choose(options(name, **more), interactive=False, project="gallery", out=out, err=err)
    recorded = "diff" if "diff" in more else "json" if "as_json" in more else "tree"
    for event in events(name, recorded):
        view(event)
    view.close()
    return out.getvalue(), err.getvalue()


def golden(name: str, view: str) -> str:
    return (GOLDENS / f"{name}.{view}").read_text()


def test_something_was_recorded() -> None:
    assert RECORDED == [
        "gone-destroy", "step1-preview", "step1-up", "step2-preview", "step2-up", "step3-preview", "step3-up"
    ]  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_the_tree_as_plain_lines(name: str) -> None:
    lines, expected = normalised(shown(name)[0]).splitlines(), golden(name, "tree.txt").splitlines()
    # what had not ended is shown in the order of a Go map, which is chance
    assert sorted(lines) == sorted(expected)
    end = expected.index("Diagnostics:") if "Diagnostics:" in expected else expected.index("Resources:")
    assert lines[end:] == expected[end:]


@pytest.mark.parametrize("name", RECORDED)
def test_every_difference_in_full(name: str) -> None:
    assert normalised(shown(name, diff=True)[0]) == golden(name, "diff.txt")


@pytest.mark.parametrize("name", [name for name in RECORDED if name.endswith("preview")])
def test_a_preview_as_json(name: str) -> None:
    told = json.loads(shown(name, as_json=True)[0])
    assert told == {**json.loads(golden(name, "json.txt")), "duration": told["duration"]}
    assert isinstance(told["duration"], int)


def test_diagnostics_of_the_full_view_go_to_the_error_stream() -> None:
    out, err = shown("step1-up", diff=True)
    assert err == "warning: the light is dim\n"
    assert "dim" not in out


def test_no_recording_names_the_machine_that_it_was_made_on() -> None:
    for file in Path(GOLDENS).iterdir():
        assert "file://" not in file.read_text()


def test_what_a_program_that_broke_off_did_not_tell_is_not_shown_as_gone() -> None:
    """The stack's outputs are as they were; a row says a long error in short, its whole stands below."""
    out = io.StringIO()
    view = views.choose(options("step2-up"), interactive=False, project="gallery", out=out, err=io.StringIO())
    long = "the frame does not hold: " + "x" * 200
    for event in events("step2-up"):
        step = (event.get("resOutputsEvent") or {}).get("metadata") or {}
        if step.get("type") != "pulumi:pulumi:Stack":
            view(event)
        else:
            said = {"severity": "error", "prefix": "error: ", "message": long, "color": "never", "urn": step["urn"]}
            view({"diagnosticEvent": said})
    view.close()
    text = out.getvalue()
    assert "Outputs:" in shown("step2-up")[0] and "Outputs:" not in text
    assert (text.count(long), text.count("error: the frame does not hold: xxx") > 1) == (1, True)
