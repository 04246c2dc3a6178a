"""Everything that can go wrong in a build, as one tree, one line each and one exit code each.

    ModelBuildError      1   something failed while it ran (sources.remote has two of its own)
    ├── InputError       2   what was handed in cannot be used: recipe, model, data, destination
    │   ├── RecipeError      the recipe itself
    │   ├── SourceError      the model, or the code that makes it
    │   └── DataError        the evaluation data
    └── GateMissed       3   the model was built and measured, and is not good enough

A message says what, got, expected and fix, in lower case, without a full stop and on one line, because it travels as
the last line of other programs' output: `python -m model_build` ends its stderr with `line(error)`, the resource ends
its exception with it, and `parse` finds it again in whatever an engine printed around it.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

_QUERY = re.compile(r"([a-z][a-z0-9+.-]*://[^\s?#'\"]+)\?[^\s#'\"]*")
"""What follows the question mark of an address may be a signature, which is as good as a password."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What names of files from elsewhere may have in them, and a terminal obeys or no encoding has."""


class ModelBuildError(Exception):
    """A build failed. `str()` of it is the whole message."""

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "failed"

    def __init__(self, message: str) -> None:
        plain = _CONTROL.sub(lambda found: ascii(found[0])[1:-1], " ".join(message.split()))
        super().__init__(_QUERY.sub(r"\1", plain))


class InputError(ModelBuildError):
    """What was handed in cannot be used; nothing was made."""

    exit_code = 2
    kind = "bad input"


class RecipeError(InputError):
    """The recipe breaks its own rules. `problems` has one message for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


class SourceError(InputError):
    """The model cannot be found, read, trusted or converted."""


class DataError(InputError):
    """The evaluation data cannot be found or does not fit the model."""


class GateMissed(ModelBuildError):
    """Every candidate missed the gate. `missed` has one message for each candidate and bound."""

    exit_code = 3
    kind = "gate missed"

    def __init__(self, model: str, missed: Sequence[str], fix: str = "") -> None:
        self.missed = list(missed)
        super().__init__(f"{model}: {'; '.join(self.missed)}{f'; {fix}' if fix else ''}")


_KINDS = {kind.kind: kind.exit_code for kind in (ModelBuildError, InputError, GateMissed)}
_LINE = re.compile(rf"modelport: ({'|'.join(_KINDS)}): (.+)")


def line(error: ModelBuildError) -> str:
    """The one line a person reads: `modelport: gate missed: digits: fp32 has ...`."""
    return f"modelport: {error.kind}: {error}"


def parse(text: str) -> tuple[int, str] | None:
    """Exit code and message of the last error line in `text`, None when there is none."""
    found = _LINE.findall(text)
    return (_KINDS[found[-1][0]], found[-1][1].strip()) if found else None
