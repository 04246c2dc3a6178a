"""Writing Pulumi.STACK.yaml: comments, order and quotes of what stays are kept, as the official CLI keeps them."""

import io
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from engine.errors import BadInput
from engine.values import Props, is_dict, is_list


def write(file: Path, data: Props) -> None:
    """Make the file say what `data` says. Only what differs is touched; all of it is written, or nothing."""
    yaml = _yaml()
    text = file.read_text("utf-8") if file.exists() else ""
    try:
        there: Any = yaml.load(text) if text.strip() else None
    except YAMLError as error:
        raise BadInput(f"{file.name}: cannot be read: {error}") from None
    document: Any = there if isinstance(there, CommentedMap) else CommentedMap()
    _merge(document, data)
    out = io.StringIO()
    if there is None:
        out.write(text)  # nothing but comments
    if document or text.strip():
        yaml.dump(document, out)
    temporary = file.with_name(f"{file.name}.tmp")
    temporary.write_text(out.getvalue(), "utf-8")
    temporary.replace(file)


def _yaml() -> Any:
    yaml: Any = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 16
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    return yaml


def _merge(old: Any, new: Props) -> None:
    """Bring a mapping to what it should say, key by key, in its own order; new keys come last."""
    for key in [key for key in old if key not in new]:
        del old[key]
    for key, value in new.items():
        if key not in old:
            old[key] = _fresh(value)
        elif not _same(old[key], value):
            old[key] = _changed(old[key], value)


def _changed(old: Any, new: Any) -> Any:
    if isinstance(old, CommentedMap) and is_dict(new):
        _merge(old, new)
        return old
    if isinstance(old, CommentedSeq) and is_list(new):
        items: Any = old
        for index, value in enumerate(new[: len(items)]):
            if not _same(items[index], value):
                items[index] = _changed(items[index], value)
        for value in new[len(items) :]:
            items.append(_fresh(value))
        del items[len(new) :]
        return items
    return _fresh(new)


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, str) is not isinstance(new, str):
        return False
    if is_dict(old) and is_dict(new):
        return list(old) == list(new) and all(_same(old[key], new[key]) for key in new)
    if is_list(old) and is_list(new):
        return len(old) == len(new) and all(_same(a, b) for a, b in zip(old, new, strict=True))
    return bool(old == new)


def _fresh(value: Any) -> Any:
    """A value that was not there: a text that YAML would read as something else goes in double quotes."""
    if isinstance(value, str) and "\n" in value:
        return LiteralScalarString(value)
    if isinstance(value, str):
        return DoubleQuotedScalarString(value) if _needs_quotes(value) else value
    if is_dict(value):
        made = CommentedMap()
        for key, item in value.items():
            made[key] = _fresh(item)
        return made
    if is_list(value):
        return CommentedSeq([_fresh(item) for item in value])
    return value


def _needs_quotes(text: str) -> bool:
    import yaml

    if text.lower() in ("", "y", "n", "yes", "no", "on", "off", "~", "null", "true", "false"):
        return True
    try:
        read: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return False
    return _number(text) or not (isinstance(read, str) or is_dict(read) or is_list(read))


def _number(text: str) -> bool:
    try:
        float(text.replace("_", ""))
    except ValueError:
        return False
    return True
