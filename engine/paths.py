"""Property paths such as `spec.ports[0].name`, `tags["a b"]` and `marks[*].at`."""

import copy
import json
import re
from typing import TypeAlias

from engine.values import Props, Secret, Value, is_dict, is_list, secret

Path: TypeAlias = list[str | int]

_BARE = re.compile(r"[A-Za-z0-9_]+")


def parse(text: str) -> Path | None:
    """The path, or None where the text is none."""
    try:
        return read(text)
    except ValueError:
        return None


def read(text: str) -> Path:
    """The path; raises ValueError, in the words of the official engine, where the text is none."""
    if text.startswith("."):
        raise ValueError("expected property path to start with a name or index")
    out: Path = []
    place = 0
    while place < len(text):
        if text[place] == ".":
            place += 1
            if place == len(text):
                raise ValueError("expected property path to end with a name or index")
        elif text.startswith('["', place):
            key, place = _quoted(text, place + 2)
            out.append(key)
        elif text[place] == "[":
            end = text.find("]", place)
            if end < 0:
                raise ValueError("missing closing bracket in array index")
            out.append(_index(text[place + 1 : end]))
            place = end + 1
        else:
            end = next((n for n in range(place, len(text)) if text[n] in ".["), len(text))
            out.append(text[place:end])
            place = end
    return out


def _quoted(text: str, place: int) -> tuple[str, int]:
    key = ""
    while not text.startswith('"', place):
        if place >= len(text):
            raise ValueError("missing closing quote in property name")
        place += text.startswith('\\"', place)
        key += text[place]
        place += 1
    if not text.startswith("]", place + 1):
        raise ValueError("missing closing bracket in property access")
    return key, place + 2


def _index(text: str) -> str | int:
    if text == "*":
        return text
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f"invalid array index: strconv.ParseInt: parsing {json.dumps(text)}: invalid syntax")
    return int(text)


def show(path: Path) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _BARE.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += '["' + part.replace('"', '\\"') + '"]'
    return text


def contains(path: Path, other: Path) -> bool:
    """Whether `other` is at `path` or below it; `*` stands for any key or index."""
    return len(path) <= len(other) and all(a in ("*", b) for a, b in zip(path, other, strict=False))


def ignore_changes(news: Props, olds: Props, ignored: list[str]) -> tuple[Props, list[str]]:
    """Put the old values back at the ignored paths; the second part is the paths at which that could not be done."""
    if not ignored:
        return news, []
    out = copy.deepcopy(news)
    failed: list[str] = []
    for text in ignored:
        path = parse(text)
        if path is not None and (not path or not _reset(path, olds, out, False, False)):
            failed.append(text)
    return out, failed


def _open(value: Value, hidden: bool) -> tuple[Value, bool]:
    while isinstance(value, Secret):
        value, hidden = value.value, True
    return value, hidden


def _reset(path: Path, old: Value, new: Value, old_hidden: bool, new_hidden: bool) -> bool:
    old, old_hidden = _open(old, old_hidden)
    new, new_hidden = _open(new, new_hidden)
    head, rest = path[0], path[1:]

    def kept(value: Value) -> Value:
        return secret(value) if old_hidden and not new_hidden else value

    if isinstance(head, int):
        if head < 0:
            return False
        if not is_list(old) or not is_list(new):
            return not is_list(old) and not is_list(new)
        before, after = old, new
        if head >= len(before) or head >= len(after):
            return not rest and head >= len(before) and head >= len(after)
        if rest:
            return _reset(rest, before[head], after[head], old_hidden, new_hidden)
        after[head] = kept(before[head])
        return True
    if head == "*":
        return _reset_all(rest, old, new, old_hidden, new_hidden)
    source, target = old, new
    if rest:
        if not is_dict(source) or not is_dict(target):
            return not is_dict(source) and not is_dict(target)
        if head not in target:
            return head not in source
        return _reset(rest, source.get(head), target[head], old_hidden, new_hidden)
    if is_dict(source) and head in source:
        if not is_dict(target):
            return False
        target[head] = kept(source[head])
    elif is_dict(target):
        target.pop(head, None)
    return True


def _reset_all(rest: Path, old: Value, new: Value, old_hidden: bool, new_hidden: bool) -> bool:
    if is_dict(new) and is_dict(old):
        source, target = old, new
        if rest:
            return all(
                key in target and _reset(rest, item, target[key], old_hidden, new_hidden)
                for key, item in source.items()
            )
        for key in [k for k in target if k not in source]:
            del target[key]
        for key, item in source.items():
            target[key] = secret(item) if old_hidden and not new_hidden else item
        return True
    if is_list(new) and is_list(old):
        before, after = old, new
        if rest:
            # those that both have are put back, also where there are more of one than of the other
            done = all(_reset(rest, a, b, old_hidden, new_hidden) for a, b in zip(before, after, strict=False))
            return done and len(before) == len(after)
        for place, item in enumerate(before[: len(after)]):
            after[place] = secret(item) if old_hidden and not new_hidden else item
        return len(before) == len(after)
    return not rest and (is_dict(new) or is_list(new))
