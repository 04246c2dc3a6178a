"""Reading a YAML file so that each mistake in it can be pointed at: lines, duplicate keys, values as written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Place = tuple[int | str, ...]


class YamlError(Exception):
    """The file cannot be read or is not YAML. One line for each problem, without the file's name."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        super().__init__("\n".join(lines))


class _Loader(yaml.SafeLoader):
    """YAML's core types. Dates stay text: no key of ours is a date, and a version may look like one."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """One file, read."""

    value: Any
    duplicates: list[tuple[Place, int, int]]
    """Keys that a mapping has twice: the place, the first line, the second line."""
    _root: yaml.Node | None

    def written(self, place: Place) -> str | None:
        """The text of a plain value as it stands in the file; None for anything else."""
        node = self._root
        for part in place:
            node = _child(node, part)
        return node.value if isinstance(node, yaml.ScalarNode) else None


def read(path: Path) -> Document:
    """Raises YamlError when the file is missing, unreadable, not text or not one YAML document."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlError(f"byte {error.start} is not UTF-8, expected a text file; save it as UTF-8") from None
    except OSError as error:
        raise YamlError((error.strerror or str(error)).lower()) from None
    return parse(text)


def parse(text: str) -> Document:
    loader = _Loader("")
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        duplicates: list[tuple[Place, int, int]] = []
        value = _convert(loader, root, (), duplicates, {}, set()) if root is not None else None
    except yaml.YAMLError as error:
        raise YamlError(_explain(error, text)) from None
    finally:
        loader.dispose()
    return Document(value, duplicates, root)


def _convert(
    loader: _Loader,
    node: yaml.Node,
    place: Place,
    duplicates: list[tuple[Place, int, int]],
    done: dict[int, Any],
    above: set[int],
) -> Any:
    """The value of a node.

    done: values by node, so that aliases of aliases cost nothing. above: the nodes around, to refuse one inside itself.
    """
    if id(node) in above:
        raise yaml.MarkedYAMLError(problem="an alias refers to what it is part of", problem_mark=node.start_mark)
    if id(node) in done:
        return done[id(node)]
    above.add(id(node))
    value: Any
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            name = _name(key)
            if name in seen and name != "<<":
                duplicates.append(((*place, name), seen[name], line))
            seen[name] = line
        loader.flatten_mapping(node)
        value = {
            _name(key): _convert(loader, inner, (*place, _name(key)), duplicates, done, above)
            for key, inner in node.value
        }
    elif isinstance(node, yaml.SequenceNode):
        value = [_convert(loader, inner, (*place, n), duplicates, done, above) for n, inner in enumerate(node.value)]
    else:
        value = loader.construct_object(node, deep=True)  # pyright: ignore[reportUnknownMemberType]
    above.discard(id(node))
    done[id(node)] = value
    return value


def _name(key: yaml.Node) -> str:
    """A key as written: 8080 and yes are keys like any other."""
    if not isinstance(key, yaml.ScalarNode):
        raise yaml.MarkedYAMLError(problem="a key is a list or a mapping, expected text", problem_mark=key.start_mark)
    return str(key.value)


def _child(node: yaml.Node | None, part: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((inner for key, inner in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        inner: yaml.Node = node.value[part]
        return inner
    return None


_FIXES = (
    ("\\t", "indent with spaces, not with tabs"),
    ("mapping values are not allowed", "check the indentation, or quote text that holds ': '"),
    ("found unexpected ':'", "quote text that holds ': '"),
    ("could not find expected ':'", "write 'key: value', with a blank after the colon"),
    ("expected <block end>", "check the indentation of this line"),
    ("expected ',' or ']'", "close the list with ]"),
    ("expected ',' or '}'", "close the mapping with }"),
    ("found unexpected end of stream", "close the quotation mark"),
    ("expected a single document", "keep one document, without '---' between two"),
    ("could not determine a constructor", "remove the tag that begins with !"),
    ("found undefined alias", "define the anchor before its alias"),
)


def _explain(error: yaml.YAMLError, text: str) -> str:
    """PyYAML's words, the line, and what to do about the usual ones."""
    if not isinstance(error, yaml.MarkedYAMLError):
        reason = getattr(error, "reason", None) or str(error)
        position = getattr(error, "position", None)
        line = f"line {text.count(chr(10), 0, position) + 1}: " if isinstance(position, int) else ""
        return f"{line}not YAML: {reason}"
    mark = error.problem_mark or error.context_mark
    problem = (error.problem or error.context or "it cannot be read").splitlines()[0]
    whole = f"{error.context or ''} {problem}"
    fix = next((f"; {fix}" for sign, fix in _FIXES if sign in whole), "")
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{where}not YAML: {problem}{fix}"
