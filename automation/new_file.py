"""A stack file that is written: keys put into their places, values as the schema wants them, comments, YAML."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken

from automation.exits import Exit, Failure
from stacks import yamlfile
from stacks.spec import NAMESPACE, StackSpec

FILL_IN = "fill in: "
"""How a comment begins where an example stands for what somebody has to say; `modelport doctor` looks for it."""
_INLINE = 90
"""Characters of a list that still stands on one line."""


def typed(key: str, text: str) -> Any:
    """`text` of a flag as the schema wants the value at `key`: an account's digits stay text, a port is a number."""
    try:
        value = yamlfile.parse(text).value
    except yamlfile.YamlError as error:
        if _kinds(key) == {"string"}:
            return text
        raise Failure(
            Exit.BAD_INPUT, f"--set {key} is {text!r}, expected a value in YAML: {error.lines[0]}; put it in quotes"
        ) from None
    return text if _kinds(key) == {"string"} and not isinstance(value, str) else value


def _kinds(key: str) -> set[str]:
    """JSON types that a key may have; none for one that there is not."""
    root = StackSpec.model_json_schema()
    found = [root]
    for part in key.split("."):
        found = [inner for schema in found for branch in _branches(root, schema) for inner in _inside(branch, part)]
    kinds = {str(branch.get("type", "")) for schema in found for branch in _branches(root, schema)} - {"null", ""}
    # A choice between texts has no type of its own.
    return kinds or ({"string"} if any("enum" in b or "const" in b for b in found) else set())


def _branches(root: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "$ref" in schema:
        yield from _branches(root, root["$defs"][str(schema["$ref"]).rpartition("/")[2]])
    yield schema
    for branch in schema.get("anyOf", ()):
        yield from _branches(root, branch)


def _inside(schema: Mapping[str, Any], part: str) -> Iterator[dict[str, Any]]:
    if part in schema.get("properties", {}):
        yield schema["properties"][part]
    elif isinstance(schema.get("additionalProperties"), dict):
        yield schema["additionalProperties"]


class StackFile:
    """`config` of a stack file while it is put together."""

    def __init__(self) -> None:
        self._config = CommentedMap()
        self.said: dict[str, Any] = {}
        """Every value by its key, without namespace."""

    def put(self, key: str, value: Any, comment: str = "") -> None:
        """Set `key`, as "model.evaluate.min"; what is there already keeps its place. comment: behind the value."""
        first, *rest = key.split(".")
        if not all((first, *rest)):
            raise Failure(Exit.BAD_INPUT, f"--set {key} is no key, expected one as model.evaluate.min; write it so")
        around, name = self._config, f"{NAMESPACE}:{first}"
        for part in rest:
            inner: object = cast("Any", around).setdefault(name, CommentedMap())
            if not isinstance(inner, CommentedMap):
                raise Failure(
                    Exit.BAD_INPUT,
                    f"--set {key} is inside of {name.removeprefix(f'{NAMESPACE}:')}, which is a value, expected a "
                    "mapping there; leave one of the two out",
                )
            around, name = inner, part
        around[name] = form(value)
        self.said[key] = value
        if comment:
            _behind(around, name, comment)

    def adopt(self, key: str, section: CommentedMap) -> None:
        """Set a whole section as another file has it, with its comments."""
        self._config[f"{NAMESPACE}:{key}"] = section
        self.said |= {f"{key}.{inner}": value for inner, value in _leaves(section)}

    def above(self, key: str, comment: str) -> None:
        """Put a line of comment above a key that is there."""
        *places, name = key.split(".")
        around: Any = self._config
        for place in (f"{NAMESPACE}:{places[0]}", *places[1:]) if places else ():
            around = around[place]
        around.yaml_set_comment_before_after_key(name, before=comment, indent=2 * (len(places) + 1))

    def text(self, header: Sequence[str]) -> str:
        """The file. header: lines of comment at its top."""
        out = io.StringIO()
        yaml = YAML()
        yaml.indent(mapping=2, sequence=4, offset=2)
        yaml.width = 4096
        document = CommentedMap({"config": self._config})
        cast("Any", yaml).dump(document, out)
        return "".join(f"# {line}\n" for line in header) + out.getvalue()


def _leaves(section: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _leaves(cast("Mapping[str, Any]", value), f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def _behind(around: CommentedMap, name: str, comment: str) -> None:
    """A comment two blanks behind a value; ruamel's own way puts them into a column, wherever that is."""
    token = CommentToken(f" # {comment}\n", CommentMark(0), None)
    cast("Any", around).ca.items[name] = [None, None, token, None]


def form(value: Any) -> Any:
    """A value in the style of our stack files: short lists on a line, and quotes where text would be read as else."""
    if isinstance(value, Mapping):
        return CommentedMap({key: form(inner) for key, inner in cast("Mapping[str, Any]", value).items()})
    if isinstance(value, list | tuple):
        items = CommentedSeq([form(inner) for inner in cast("Sequence[Any]", value)])
        if len(str(items)) <= _INLINE and not any(
            isinstance(each, Mapping) for each in cast("Sequence[object]", value)
        ):
            cast("Any", items).fa.set_flow_style()
        return items
    if isinstance(value, str) and not _plain(value):
        return DoubleQuotedScalarString(value)
    return value


def _plain(text: str) -> bool:
    """Whether YAML reads the bare text as that text, whichever version of YAML."""
    try:
        return text.isprintable() and yamlfile.parse(f"[{text}]").value == [text]
    except yamlfile.YamlError:
        return False
