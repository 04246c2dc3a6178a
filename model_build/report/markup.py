"""HTML and SVG as nested calls. Text is escaped here and nowhere else, so nothing a recipe says can become markup."""

import html
from collections.abc import Iterable
from typing import TypeAlias

Child: TypeAlias = "str | Iterable[Child] | None"

_VOID = {"meta", "br", "hr", "link"}


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """One element. In the name of an attribute a trailing _ is taken off and other _ become -; None leaves it out."""
    text = "".join(
        f' {key.removesuffix("_").replace("_", "-") if key != "viewBox" else key}="{html.escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{text}>")
    return Markup(f"<{name}{text}>{join(children)}</{name}>")


def join(children: Child) -> Markup:
    if children is None:
        return Markup()
    if isinstance(children, Markup):
        return children
    if isinstance(children, str):
        return Markup(html.escape(children))
    return Markup("".join(join(c) for c in children))


def _plain(value: str | float) -> str:
    """Coordinates with two decimals at most: a page of many dots stays small."""
    if isinstance(value, str):
        return value
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
