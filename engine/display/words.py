"""The words, signs and colours of each kind of step."""

from typing import Final

from engine.display import ink

ORDER: Final = (
    "same",
    "create",
    "update",
    "delete",
    "replace",
    "create-replacement",
    "delete-replaced",
    "read",
    "read-replacement",
    "refresh",
    "discard",
    "discard-replaced",
    "remove-pending-replace",
    "import",
    "import-replacement",
)
REPLACING: Final = frozenset(
    {
        "replace",
        "create-replacement",
        "delete-replaced",
        "read-replacement",
        "discard-replaced",
        "remove-pending-replace",
        "import-replacement",
    }
)
READING: Final = frozenset({"read", "read-replacement", "discard"})
SIGN: Final = {
    "create": "+ ",
    "delete": "- ",
    "update": "~ ",
    "replace": "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    "read": "> ",
    "read-replacement": ">>",
    "refresh": "~ ",
    "discard": "< ",
    "discard-replaced": "<<",
    "import": "= ",
    "import-replacement": "=>",
    "remove-pending-replace": "~ ",
}
COLOUR: Final = {
    "create": ink.GREEN,
    "import": ink.GREEN,
    "delete": ink.RED,
    "update": ink.YELLOW,
    "refresh": ink.YELLOW,
    "replace": ink.BRIGHT_MAGENTA,
    "read-replacement": ink.BRIGHT_MAGENTA,
    "import-replacement": ink.BRIGHT_MAGENTA,
    "create-replacement": ink.BRIGHT_GREEN,
    "delete-replaced": ink.BRIGHT_RED,
    "read": ink.BRIGHT_CYAN,
    "discard": ink.RED,
    "discard-replaced": ink.RED,
}
DOING: Final = {
    "create": "creating",
    "update": "updating",
    "delete": "deleting",
    "replace": "replacing",
    "create-replacement": "creating replacement",
    "delete-replaced": "deleting original",
    "read": "reading",
    "read-replacement": "reading for replacement",
    "refresh": "refreshing",
    "discard": "discarding",
    "discard-replaced": "discarding original",
    "import": "importing",
    "import-replacement": "importing replacement",
}
DONE: Final = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "created replacement",
    "delete-replaced": "deleted original",
    "read": "read",
    "read-replacement": "read for replacement",
    "refresh": "refresh",
    "discard": "discarded",
    "discard-replaced": "discarded original",
    "import": "imported",
    "import-replacement": "imported replacement",
}
_FAILED_AS: Final = {
    "create-replacement": "create",
    "delete-replaced": "delete",
    "read-replacement": "read",
    "discard-replaced": "discard",
    "import-replacement": "import",
}
PLANNING: Final = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "create replacement",
    "delete-replaced": "delete original",
    "read": "read",
    "read-replacement": "read for replacement",
    "refresh": "refreshing",
    "discard": "discard",
    "discard-replaced": "discard original",
    "import": "import",
    "import-replacement": "import replacement",
}
PLANNED: Final = {
    **PLANNING,
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "read-replacement": "replace",
    "discard-replaced": "replace",
    "refresh": "refresh",
    "import-replacement": "import",
}
COUNTED: Final = {
    "create": "created",
    "replace": "replaced",
    "create-replacement": "create-replacementd",
    "update": "updated",
    "refresh": "refreshed",
    "delete": "deleted",
    "delete-replaced": "deleted",
    "discard-replaced": "discarded",
    "import": "imported",
    "import-replacement": "imported",
}
"""The words of the summary, after the fact."""


def failed(op: str) -> str:
    """What did not come off: `creating failed`."""
    return "failed" if op == "same" else f"{DOING.get(_FAILED_AS.get(op, op), op)} failed"


def sign(op: str, *, running: bool = False) -> str:
    """The two characters before a line, in their colour."""
    colour = COLOUR.get(op, "")
    return ink.paint(f"1;{colour}" if running and colour else colour, SIGN.get(op, "  "))


def display_type(token: str) -> str:
    """A type token without the file that only repeats its name: `aws:s3/bucket:Bucket` is `aws:s3:Bucket`."""
    parts = token.split(":")
    if len(parts) != 3 or not parts[2] or "/" not in parts[1]:
        return token
    module, _, file = parts[1].rpartition("/")
    name = parts[2]
    if file != name[0].lower() + name[1:]:
        return token
    return f"{parts[0]}:{module}:{name}"


def several(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
