"""Labels that arrive after the answer: which version was right, and which was not.

    {"revision": "a1b2c3d4e5f6", "prediction": "3", "label": "8"}     or     {"revision": ..., "correct": false}

`revision` is what the answer's `modelport-revision` header said: any pod counts for any version.
"""

import re
from dataclasses import dataclass
from typing import Any

import orjson

from serving.errors import BadInput
from serving.jsons import as_object
from serving.metrics import REVISION_DIGITS

_LARGEST = 4096
_REVISION = re.compile(rf"[0-9a-f]{{{REVISION_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Feedback:
    """One label. revision: who answered, in hex."""

    revision: str
    correct: bool


def parse(body: bytes) -> Feedback:
    """Read one label. Raises BadInput."""
    if len(body) > _LARGEST:
        raise BadInput(f"the feedback has {len(body)} bytes, at most {_LARGEST}; send one label a request")
    try:
        content = as_object(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON: {error}") from None
    if content is None:
        raise BadInput('the body is no object, expected {"revision": ..., "prediction": ..., "label": ...}')
    revision: object = content.get("revision")
    if not isinstance(revision, str) or not _REVISION.fullmatch(revision):
        raise BadInput(
            f"revision is {_short(revision)}, expected the {REVISION_DIGITS} hex digits of the answer's "
            "modelport-revision header"
        )
    if "correct" in content:
        correct: object = content["correct"]
        if not isinstance(correct, bool):
            raise BadInput(f"correct is {_short(correct)}, expected true or false")
        if {"prediction", "label"} & set(content):
            raise BadInput("both correct and prediction or label are there, expected correct, or the other two")
        return Feedback(revision, correct)
    return Feedback(revision, _said(content, "prediction") == _said(content, "label"))


def _said(content: dict[str, Any], key: str) -> str:
    """A class as text: 3 and "3" are the same."""
    value: object = content.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadInput(f"{key} is {_short(value)}, expected text or a whole number, or correct in place of it")
    return str(value)


def _short(value: object) -> str:
    return "missing" if value is None else orjson.dumps(value)[:80].decode("utf-8", "replace")
