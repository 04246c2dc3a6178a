import pytest

from automation.diagnosis import Reason, Tracebacks, raised, reason, weigh
from automation.exits import Exit

TRACEBACK = """\
Exception calling application: modelport: gate missed: digits: accuracy is 0.91, expected at least 0.95; train longer
Traceback (most recent call last):
  File "/somewhere/provider.py", line 12, in create
    raise GateMissed("digits", [...])
model_build.errors.GateMissed: modelport: gate missed: digits: accuracy is 0.91, expected at least 0.95; train longer
"""


def test_a_providers_traceback_comes_down_to_its_message() -> None:
    assert reason(TRACEBACK) == Reason(
        Exit.GATE_MISSED, "digits: accuracy is 0.91, expected at least 0.95; train longer"
    )


def test_bad_input_keeps_its_code() -> None:
    found = reason("error: modelport: bad input: model.onnx is no ONNX file, expected one; export it again")
    assert found == Reason(Exit.BAD_INPUT, "model.onnx is no ONNX file, expected one; export it again")


def test_the_last_exception_of_a_chain_is_the_one_told() -> None:
    text = (
        "Traceback (most recent call last):\n  File \"a\", line 1, in b\nKeyError: 'x'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        'Traceback (most recent call last):\n  File "a", line 2, in b\n'
        "components.local.errors.PortInUse: port 80 is in use, expected a free one; stop what listens there\n"
    )
    assert reason(text) == Reason(Exit.FAILED, "port 80 is in use, expected a free one; stop what listens there")


@pytest.mark.parametrize(
    "hollow", ["update failed", "preview failed", "", "  \n", "<{%reset%}>update failed<{%reset%}>"]
)
def test_what_says_nothing_is_no_reason(hollow: str) -> None:
    assert reason(hollow) is None


def test_colour_marks_are_taken_off() -> None:
    assert reason("<{%fg 1%}>error: no such thing\x1b[0m") == Reason(Exit.FAILED, "no such thing")


def test_a_lock_is_told_from_a_failure() -> None:
    found = reason("error: the stack is currently locked by 1 lock(s). Either wait\n  file://x: created by me@here")
    assert found is not None and found.code is Exit.LOCKED


def test_a_missed_gate_outweighs_what_else_failed() -> None:
    reasons = [Reason(Exit.FAILED, "a"), Reason(Exit.GATE_MISSED, "b"), Reason(Exit.BAD_INPUT, "c")]
    assert weigh(reasons) is Exit.GATE_MISSED


def test_lines_of_a_traceback_are_told_from_others() -> None:
    lines = ["before", *TRACEBACK.splitlines()[1:], "after", "    indented"]
    tracebacks = Tracebacks()
    assert [line for line in lines if not tracebacks.holds(line)] == ["before", "after", "    indented"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("ModuleNotFoundError: No module named 'x'", "ModuleNotFoundError: No module named 'x'"),
        ("a.b.OddError: one: two.three: four", "OddError: one: two.three: four"),
        ("KeyboardInterrupt", None),
        ("    raise ValueError(f'a: {b}')", None),
    ],
)
def test_what_was_raised_is_read_off_the_end_of_a_traceback(line: str, told: str | None) -> None:
    assert raised(line) == told


def test_a_refused_input_is_told_in_its_providers_words_alone() -> None:
    told = reason(
        "error: pulumi-python:dynamic/modelport:LocalServer resource 'endpoint': property port value {8080} has a "
        "problem: port 8080 is in use by nginx (process 7), expected a free port; stop it"
    )
    assert told is not None
    assert told.text == "port 8080 is in use by nginx (process 7), expected a free port; stop it"


def test_another_refused_input_keeps_its_resource_and_property() -> None:
    told = reason(
        "error: pulumi-python:dynamic:Resource resource 'main-a': property content value {bad} has a problem: "
        "must not be bad"
    )
    assert told is not None
    assert told.text == "main-a: content: must not be bad"


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("KeyError: 'sice'", "KeyError: 'sice' (__main__.py, line 5); -v shows the traceback"),
        ("AssertionError", "AssertionError (__main__.py, line 5); -v shows the traceback"),
        ("Exception: no room", "no room"),
        ("pulumi.errors.RunError: no room", "no room"),
    ],
)
def test_what_a_program_raises_is_told_with_its_place(end: str, told: str) -> None:
    text = (
        "error: Program failed with an unhandled exception:\nTraceback (most recent call last):\n"
        '  File "/a/__main__.py", line 5, in <module>\n    x()\n'
        '  File "/v/lib/python3.11/site-packages/pulumi/output.py", line 9, in x\n    y()\n'
    )
    assert reason(text + end) == Reason(Exit.FAILED, told)
