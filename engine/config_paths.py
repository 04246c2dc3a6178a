"""Keys of the configuration, and paths into its objects, read and set as the official CLI reads and sets them."""

from typing import Any, Final

from engine.errors import BadInput
from engine.paths import Path, show
from engine.values import is_dict, is_list

SECURE: Final = "secure"
"""The one key of what stands in Pulumi.STACK.yaml for a secret."""
_RESERVED: Final = f'maps with the single key "{SECURE}" are reserved'


def whole(key: str, project: str) -> str:
    """A key with its namespace, which is the project's where it has none. Raises BadInput for what is no key."""
    if ":" not in key:
        return f"{project}:{key}"
    namespace, _, name = key.partition(":")
    if name.startswith("config:") and name.count(":") == 1:
        return f"{namespace}:{name.removeprefix('config:')}"
    if ":" in name:
        raise BadInput(
            f"invalid configuration key: could not parse {key} as a configuration key (configuration keys should be of "
            "the form `<namespace>:<name>`)"
        )
    return key


def split(key: str, project: str) -> tuple[str, Path]:
    """The key of a path, with its namespace, and the whole path in it, of which the key's name is the first part.

    Raises BadInput for what is no path.
    """
    end = next((place for place, letter in enumerate(key) if letter in ".["), len(key))
    top = whole(key[:end], project) if end else ""
    namespace, _, name = top.partition(":")
    path = parse(name + key[end:])
    first = path[0] if path else ""
    if not isinstance(first, str) or not first:
        raise BadInput(f"invalid config key path: {key!r} does not begin with the name of a key")
    return f"{namespace or project}:{first}", path


def parse(text: str) -> Path:
    """The parts of a path. Raises BadInput for what is none."""
    out: Path = []
    if text.startswith("."):
        raise _wrong("expected property path to start with a name or index")
    while text:
        if text[0] == ".":
            text = text[1:]
            if not text:
                raise _wrong("expected property path to end with a name or index")
            if text[0] == "[":
                raise _wrong("expected property name after '.'")
        elif text[0] == "[":
            part, text = _quoted(text) if text[1:2] == '"' else _index(text)
            out.append(part)
        else:
            end = next((place for place, letter in enumerate(text) if letter in ".["), len(text))
            out.append(text[:end])
            text = text[end:]
    return out


def _wrong(why: str) -> BadInput:
    return BadInput(f"invalid config key path: {why}")


def _quoted(text: str) -> tuple[str, str]:
    name, place = "", 2
    while True:
        if place >= len(text):
            raise _wrong("missing closing quote in property name")
        if text[place] == '"':
            break
        place += text.startswith('\\"', place)
        name += text[place]
        place += 1
    if text[place + 1 : place + 2] != "]":
        raise _wrong("missing closing bracket in property access")
    return name, text[place + 2 :]


def _index(text: str) -> tuple[str | int, str]:
    inner, closing, rest = text[1:].partition("]")
    if not closing:
        raise _wrong("missing closing bracket in array index")
    if inner == "*":
        return inner, rest
    if not inner.removeprefix("-").isascii() or not inner.removeprefix("-").isdigit():
        raise _wrong(f"invalid array index: {inner!r} is no number")
    return int(inner), rest


def found(value: Any, path: Path) -> tuple[Any, bool]:
    """What lies at a path below a value, and whether anything does."""
    for step in path:
        if is_list(value) and isinstance(step, int) and 0 <= step < len(value):
            value = value[step]
            continue
        within: dict[str, Any] = value if is_dict(value) and not is_secure(value) else {}
        if not isinstance(step, str) or step not in within:
            return None, False
        value = within[step]
    return value, True


def put(config: dict[str, Any], key: str, path: Path, value: Any) -> None:
    """Set what lies at a path, making lists and maps on the way. Raises BadInput where something else is in the way."""
    name, rest = path[:1], path[1:]
    if rest and key not in config:
        config[key] = _container(rest[0])
    config[key] = _put(config.get(key), name, rest, value)


def _put(value: Any, before: Path, path: Path, new: Any) -> Any:
    if not path:
        return new
    step, here = path[0], [*before, path[0]]
    if not is_list(value) and (not is_dict(value) or is_secure(value)):
        # at the first level a plain value gives way, as it does under the official CLI
        if value is not None and len(before) > 1:
            raise _unset(before, "expected an array" if isinstance(step, int) else "expected a map")
        value = _container(step)
    if is_list(value):
        if not isinstance(step, int):
            raise _unset(here, "key for an array must be an int")
        if not 0 <= step <= len(value):
            raise _unset(here, "array index out of range")
        if step == len(value):
            value.append(None)
        value[step] = _put(value[step], here, path[1:], new)
        return value
    within: dict[str, Any] = value if is_dict(value) else {}
    if not isinstance(step, str):
        raise _unset(here, "key for a map must be a string")
    if len(path) == 1 and not within and step == SECURE and isinstance(new, str):
        raise BadInput(f"could not set config: {_RESERVED}")
    within[step] = _put(within.get(step), here, path[1:], new)
    return within


def _unset(path: Path, why: str) -> BadInput:
    return BadInput(f"could not set config: {show(path)}: {why}")


def _container(step: str | int) -> Any:
    return [None] * (step + 1) if isinstance(step, int) else {}


def take(value: Any, path: Path) -> None:
    """Take away what lies at a path below a value; what is not there is no error."""
    holder, last = found(value, path[:-1])[0], path[-1]
    if not found(holder, [last])[1]:
        return
    if is_dict(holder) and len(holder) == 2 and last != SECURE and isinstance(holder.get(SECURE), str):
        raise BadInput(f"{show(path)}: {_RESERVED}")
    del holder[last]  # pyright: ignore[reportArgumentType] - it is of the kind that was found


def is_secure(raw: Any) -> bool:
    """Whether it stands for a secret."""
    return is_dict(raw) and list(raw) == [SECURE] and isinstance(raw[SECURE], str)
