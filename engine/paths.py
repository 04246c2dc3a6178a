"""Property paths such as `spec.ports[0].name`, `tags["a b"]` and `marks[*].at`."""

import copy
import re
from typing import TypeAlias

from engine.values import Props, Secret, Value, is_dict, is_list, secret

Path: TypeAlias = list[str | int]

_PART = re.compile(r'\.?([^.\[\]]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[(\*)\]')
_BARE = re.compile(r"[A-Za-z0-9_]+")


def parse(text: str) -> Path | None:
    """The path, or None where the text is none."""
    out: Path = []
    place = 0
    while place < len(text):
        found = _PART.match(text, place)
        if not found or found.end() == place:
            return None
        name, index, quoted, star = found.groups()
        if index is not None:
            out.append(int(index))
        elif star:
            out.append("*")
        elif quoted is not None:
            out.append(quoted.replace('\\"', '"'))
        else:
            out.append(name)
        place = found.end()
    return out or None


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
        if path is not None and not _reset(path, olds, out, False, False):
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
    if not is_dict(old) or not is_dict(new):
        return not is_dict(old) and not is_dict(new)
    source, target = old, new
    if rest:
        if head not in source or head not in target:
            return head not in source and head not in target
        return _reset(rest, source[head], target[head], old_hidden, new_hidden)
    if head in source:
        target[head] = kept(source[head])
    else:
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
            return len(before) == len(after) and all(
                _reset(rest, a, b, old_hidden, new_hidden) for a, b in zip(before, after, strict=True)
            )
        for place, item in enumerate(before[: len(after)]):
            after[place] = secret(item) if old_hidden and not new_hidden else item
        return len(before) == len(after)
    return not rest and (is_dict(new) or is_list(new))
