"""Keeping secrets out of what is printed."""

from collections.abc import Iterable
from typing import Any, cast

SECRET = "[secret]"
SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi marks a value that is not plain: secret, asset, unknown."""

_SHORTEST = 4  # shorter secrets would blot out ordinary words


class Mask:
    """Replaces every known secret value in a text, whatever printed it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # the longest first, so that a secret which holds another is hidden whole
        self._secrets = sorted({s for s in secrets if len(s) >= _SHORTEST}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, SECRET)
        return text

    def tree(self, value: Any) -> Any:
        """The same for every text inside lists and mappings."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            mapping = cast("dict[str, object]", value)
            return {key: self.tree(inner) for key, inner in mapping.items()}
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [self.tree(inner) for inner in items]
        return value


def hide(value: Any) -> Any:
    """`value` with everything that Pulumi marks as secret replaced by a word."""
    if isinstance(value, dict):
        mapping = cast("dict[str, object]", value)
        if SIGNATURE in mapping and mapping.keys() & {"plaintext", "ciphertext", "value"}:
            return SECRET
        return {key: hide(inner) for key, inner in mapping.items()}
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [hide(inner) for inner in items]
    return value
