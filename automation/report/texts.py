"""Values as a report may show them: secrets blotted out, what is not known yet said, nothing that deceives the eye."""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from engine.display.facts import internal, is_archive, is_asset, is_secret, is_unknown
from engine.values import is_dict, is_list
from policies.given import holds_secret
from policies.given import is_secret as is_named_secret

SECRET: Final = "[secret]"
UNKNOWN: Final = "[not known yet]"
LONGEST: Final = 2000
"""Characters of a value in a report."""
DEEPEST: Final = 40
"""Levels of a value that are walked; what is deeper counts as one value."""
_NAMED: Final = ("name", "key", "parameterKey")
"""Keys beside `value` that name what it is of: a variable of a container, a parameter of a database."""
_PLAIN: Final = re.compile(r"[A-Za-z_][\w-]*")
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def leaves(value: Any, path: str = "", name: str = "", depth: int = 0) -> Iterator[tuple[str, Any, Any]]:
    """The innermost values with their paths: as they are, and as a report may show them.

    What Pulumi knows as secret is blotted out by the engine already. A report travels further than a terminal's output,
    so what is a secret by the name of its property, or by what it looks like, is not shown either. A document in a
    text, such as the containers of a task, is walked as if it were no text. What is empty is a value itself.
    """
    inside = _opened(value) if isinstance(value, str) else value
    if is_secret(value):
        yield path, value, SECRET
    elif is_unknown(value):
        yield path, value, UNKNOWN
    elif is_asset(value) or is_archive(value):
        digest = str(value.get("hash") or "")[:12] if is_dict(value) else ""
        yield path, value, f"[asset {digest}]" if digest else "[asset]"
    elif is_dict(inside) and inside and depth < DEEPEST:
        named = next((str(inside[key]) for key in _NAMED if isinstance(inside.get(key), str)), "")
        for key in sorted(inside, key=str):
            if not internal(str(key)):
                of = named if key == "value" and named else str(key)
                yield from leaves(inside[key], joined(path, str(key)), of, depth + 1)
    elif is_list(inside) and inside and depth < DEEPEST:
        for index, item in enumerate(inside):
            yield from leaves(item, joined(path, index), name, depth + 1)
    elif depth >= DEEPEST and (is_dict(inside) or is_list(inside)):
        yield path, value, "[too deep to show]"
    else:
        yield path, value, SECRET if isinstance(value, str) and _private(name, value) else value


def hidden(path: str, value: Any) -> Any:
    """The value of a place with what `leaves` would not show in it blotted out; what is no secret stays as it is."""
    name = path.rpartition(".")[2]
    if is_dict(value):
        return {key: hidden(str(key), each) for key, each in value.items()}
    if is_list(value):
        return [hidden(name, each) for each in value]
    shown = [show for _, _, show in leaves(value, path, name)] if isinstance(value, str) else []
    return SECRET if SECRET in shown else value


def _private(name: str, value: str) -> bool:
    return is_named_secret(_HUMP.sub("_", name), value) or holds_secret(value)


def _opened(text: str) -> Any:
    """The object or list that a text is the JSON of; else the text."""
    if text[:1] not in "{[" or len(text) < 2:
        return text
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if is_dict(found) or is_list(found) else text


def joined(path: str, key: str | int) -> str:
    """A path with one more step, as Pulumi writes it: `spec.ports[0]["a.b"]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if _PLAIN.fullmatch(key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key, ensure_ascii=False)}]"


def shown(value: Any) -> str:
    """A value of `leaves` as text."""
    return cut(_whole(value), LONGEST)


def pair(before: Any, after: Any) -> tuple[str, str]:
    """Two values as text; of long ones the part where they differ first."""
    first, second = _whole(before), _whole(after)
    if max(len(first), len(second)) <= LONGEST:
        return first, second
    ends = min(len(first), len(second))
    start = max(0, next((n for n in range(ends) if first[n] != second[n]), ends) - 80)
    front = "…" if start else ""
    return cut(front + first[start:], LONGEST), cut(front + second[start:], LONGEST)


def _whole(value: Any) -> str:
    marked = isinstance(value, str) and (value in (SECRET, UNKNOWN) or value.startswith(("[asset", "[too deep")))
    return visible(value if marked else json.dumps(value, ensure_ascii=False, sort_keys=True))


def visible(text: str) -> str:
    """`text` with what cannot be seen, or turns the direction of what stands beside it, as its escape."""
    if text.isprintable():
        return text
    return "".join(
        each if each in "\n\t" or each.isprintable() else f"\\u{ord(each):04x}" if _hides(each) else each
        for each in text
    )


def _hides(each: str) -> bool:
    return unicodedata.category(each)[0] in "CZ"


def cut(text: str, most: int) -> str:
    """`text`, or its beginning and how much there is of it."""
    if len(text) <= most:
        return text
    rest = f"… ({len(text):,} characters)"
    return text[: max(0, most - len(rest))] + rest


def line(text: str, most: int = 300) -> str:
    """One line of somebody's words, without a key that it may hold."""
    said = visible(" ".join(text.split()))
    return SECRET if holds_secret(said) else cut(said, most)


def counted(number: int, what: str) -> str:
    """`1 resource`, `2 resources`, `2 policies`."""
    many = what[:-1] + "ies" if what.endswith("y") else what + "s"
    return f"{number:,} {what if number == 1 else many}"
