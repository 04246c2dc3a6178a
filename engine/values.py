"""Property values: what programs hand over, what providers see and what the checkpoint holds.

A value is plain JSON (None, bool, int, float, str, list, dict) with three kinds added: `Secret`, `UNKNOWN` (not known
before the provider has run) and `Output` (a value with its dependencies, which travels between program and engine).
Assets, archives and resource references stay the tagged dicts that they are on the wire.
"""

import base64
import json
import marshal
import math
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeGuard, cast

if TYPE_CHECKING:
    from google.protobuf import struct_pb2

Value: TypeAlias = Any
Props: TypeAlias = dict[str, Any]

TAG: Final = "4dabf18193072939515e22adb298388d"
SECRET_TAG: Final = "1b47061264138c4ac30d75fd1eb44270"
OUTPUT_TAG: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
ASSET_TAG: Final = "c44067f5952c0a294b673a41bacd8c17"
ARCHIVE_TAG: Final = "0def7320c3a5731c473e5ecbe6d01bc7"
FLOAT_TAG: Final = "8ad145fe-0d11-4827-bfd7-1abcbf086f5c"
"""Marks a number that JSON has no word for, not a number or infinite: the bits of a double, in hexadecimal."""
RESOURCE_TAG: Final = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_MARKS: Final = (TAG.encode(), UNKNOWN_TEXT.encode())
"""What is in the bytes of every value that is more than JSON says."""


def is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a value is an object; what JSON holds has keys of text."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def items(data: Mapping[str, Any], key: str) -> list[Any]:
    """The list under a key; an empty one where there is none."""
    found = data.get(key)
    return found if is_list(found) else []


def part(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under a key; an empty one where there is none."""
    found = data.get(key)
    return found if is_dict(found) else {}


class Unknown:
    """A value that is not known before something is made; there is one, `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that is never shown and never written in plain text."""

    value: Value

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class Output:
    """A value as the SDK sends it to transforms and remote components: with secrecy and dependencies."""

    value: Value
    known: bool
    secret: bool
    dependencies: tuple[str, ...]


def secret(value: Value) -> Value:
    return value if isinstance(value, Secret) else Secret(value)


def number(value: float) -> int | float:
    """Whole numbers are written without a fraction in the fewest digits, as the official engine does."""
    if not math.isfinite(value) or value != int(value) or abs(value) >= 1e21:
        return value
    return int(value) if abs(value) < 2**53 else int(Decimal(repr(value)))


def from_struct(struct: "struct_pb2.Struct") -> Props:
    return {key: from_value(value) for key, value in struct.fields.items()}


def from_value(value: "struct_pb2.Value") -> Value:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if text == UNKNOWN_TEXT else text
    if kind == "number_value":
        return number(value.number_value)
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [from_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        return tagged({key: from_value(item) for key, item in value.struct_value.fields.items()})
    return None


def tagged(fields: Props) -> Value:
    """What an object from the wire stands for, by its tag where it has one."""
    tag = fields.get(TAG)
    if tag == SECRET_TAG:
        return Secret(fields.get("value"))
    if tag == OUTPUT_TAG:
        return Output(
            fields.get("value"),
            "value" in fields,
            bool(fields.get("secret", False)),
            tuple(cast(list[str], fields.get("dependencies", []))),
        )
    if tag == RESOURCE_TAG:
        return _reference(fields)
    return fields


def _reference(fields: Props) -> Props:
    """A resource as a value, in the one form that the checkpoint has of it; an id that is not known is empty."""
    found: Props = {TAG: RESOURCE_TAG, "urn": fields.get("urn"), "packageVersion": fields.get("packageVersion") or ""}
    if "id" in fields:
        found["id"] = "" if isinstance(fields["id"], Unknown) else fields["id"]
    return found


def to_struct(props: Mapping[str, Value], *, secrets: bool, outputs: bool = False) -> "struct_pb2.Struct":
    """Put properties on the wire; without `secrets` they go bare, for a reader that cannot take them wrapped."""
    from google.protobuf import struct_pb2

    struct = struct_pb2.Struct()
    for key, value in props.items():
        _fill(struct.fields[key], value, secrets, outputs)
    return struct


def to_value(value: Value, *, secrets: bool) -> "struct_pb2.Value":
    from google.protobuf import struct_pb2

    target = struct_pb2.Value()
    _fill(target, value, secrets, False)
    return target


def _fill(target: "struct_pb2.Value", value: Value, secrets: bool, outputs: bool) -> None:
    if isinstance(value, str):
        target.string_value = value
    elif value is None:
        target.ClearField("kind")
        target.MergeFromString(b"\x08\x00")  # the only null there is
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif is_dict(value):
        target.struct_value.SetInParent()
        fields = target.struct_value.fields
        for key, item in value.items():
            _fill(fields[key], item, secrets, outputs)
    elif is_list(value):
        target.list_value.SetInParent()
        for item in value:
            _fill(target.list_value.values.add(), item, secrets, outputs)
    elif isinstance(value, Unknown):
        target.string_value = UNKNOWN_TEXT
    elif isinstance(value, Secret):
        if secrets:
            _fill(target, {TAG: SECRET_TAG, "value": value.value}, secrets, outputs)
        else:
            _fill(target, value.value, secrets, outputs)
    elif isinstance(value, Output):
        if outputs:
            wrapped: Props = {TAG: OUTPUT_TAG, "secret": value.secret, "dependencies": list(value.dependencies)}
            if value.known:
                wrapped["value"] = value.value
            _fill(target, wrapped, secrets, outputs)
        else:
            _fill(target, downgrade(value), secrets, outputs)
    else:
        raise TypeError(f"a property value cannot be a {type(value).__name__}")


def downgrade(value: Value) -> Value:
    """Turn `Output`s into plain values, secrets and unknowns."""
    if isinstance(value, Output):
        inner = downgrade(value.value) if value.known else UNKNOWN
        return secret(inner) if value.secret else inner
    return _map(value, downgrade)


_NOTHING: Final = object()


def known(props: Props) -> Props:
    """The properties without anything unknown, at any depth, for a reader that cannot take such a thing."""
    found: Props = _known(props)
    return found


def _known(value: Value) -> Any:
    if isinstance(value, Unknown) or (isinstance(value, Output) and not value.known):
        return _NOTHING
    if is_dict(value):
        fields = ((key, _known(item)) for key, item in value.items())
        return {key: item for key, item in fields if item is not _NOTHING}
    if is_list(value):
        return [item for item in map(_known, value) if item is not _NOTHING]
    if isinstance(value, Secret):
        inner = _known(value.value)
        return inner if inner is _NOTHING else Secret(inner)
    return value


def bare(value: Value) -> Value:
    """The value without any secret wrapping."""
    if isinstance(value, Secret):
        return bare(value.value)
    return _map(value, bare)


def secret_texts(value: Value, *, within: bool = False) -> set[str]:
    """Every text that is secret anywhere in the value and long enough to tell something; `within`: all of it is."""
    if isinstance(value, Secret):
        return secret_texts(value.value, within=True)
    if is_dict(value) or is_list(value):
        items = value.values() if is_dict(value) else value
        return {text for item in items for text in secret_texts(item, within=within)}
    return {value} if within and isinstance(value, str) and len(value) > 2 else set()


def _map(value: Value, change: Callable[[Value], Value]) -> Value:
    if is_dict(value):
        return {key: change(item) for key, item in value.items()}
    if is_list(value):
        return [change(item) for item in value]
    if isinstance(value, Secret):
        return Secret(change(value.value))
    return value


def output_dependencies(value: Value) -> set[str]:
    """Every resource that an `Output` anywhere in the value depends on."""
    if isinstance(value, Output):
        found = set(value.dependencies)
        return found | output_dependencies(value.value) if value.known else found
    if is_dict(value):
        return _union(output_dependencies(item) for item in value.values())
    if is_list(value):
        return _union(output_dependencies(item) for item in value)
    if isinstance(value, Secret):
        return output_dependencies(value.value)
    return set()


def _union(sets: Iterable[set[str]]) -> set[str]:
    out: set[str] = set()
    for one in sets:
        out |= one
    return out


_LEAVES: Final[tuple[type, ...]] = (str, int, bool, float, type(None))
"""What a value is made of at last; by exact type, to tell most of a large state without another look."""


def has_unknown(value: Value) -> bool:
    if type(value) in _LEAVES:
        return False
    if is_dict(value):
        return any(type(item) not in _LEAVES and has_unknown(item) for item in value.values())
    if is_list(value):
        return any(type(item) not in _LEAVES and has_unknown(item) for item in value)
    if isinstance(value, Output):
        return not value.known or has_unknown(value.value)
    return isinstance(value, Unknown) or (isinstance(value, Secret) and has_unknown(value.value))


def has_secret(value: Value) -> bool:
    if type(value) in _LEAVES:
        return False
    if is_dict(value):
        return any(type(item) not in _LEAVES and has_secret(item) for item in value.values())
    if is_list(value):
        return any(type(item) not in _LEAVES and has_secret(item) for item in value)
    return isinstance(value, Secret) or (isinstance(value, Output) and has_secret(value.value))


def equal(a: Value, b: Value) -> bool:
    """Deep equality, secrets compared with what they hold; True is not 1, an unknown equals only an unknown."""
    if isinstance(a, Secret) or isinstance(b, Secret):
        return isinstance(a, Secret) and isinstance(b, Secret) and equal(a.value, b.value)
    if is_dict(a) and is_dict(b):
        left, right = a, b
        return left.keys() == right.keys() and all(equal(item, right[key]) for key, item in left.items())
    if is_list(a) and is_list(b):
        first, second = a, b
        return len(first) == len(second) and all(equal(x, y) for x, y in zip(first, second, strict=True))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b)


def keep_secrets(new: Value, old: Value) -> Value:
    """Mark as secret in `new` what is secret at the same place in `old`: for answers of those who see plain values.

    Objects are followed key by key; a list is secret as a whole when anything in it was, for its elements may
    have moved.
    """
    if is_dict(new) and is_dict(old):
        return {key: keep_secrets(item, old[key]) if key in old else item for key, item in new.items()}
    return secret(new) if has_secret(old) else new


class Crypter:
    """Turns plain text into what may lie on disk, and back."""

    def encrypt(self, text: str) -> str:
        raise NotImplementedError

    def decrypt(self, text: str) -> str:
        raise NotImplementedError


def to_checkpoint(value: Value, crypter: Crypter | None, *, show: bool = False) -> Value:
    """The JSON of the checkpoint; secrets encrypted, or with `show` in plain text; without a crypter blotted out."""
    if isinstance(value, Secret):
        text = dump(to_checkpoint(value.value, _WITHIN if crypter else None, show=show))
        if show:
            return {TAG: SECRET_TAG, "plaintext": text}
        return {TAG: SECRET_TAG, "ciphertext": crypter.encrypt(text) if crypter else "[secret]"}
    if is_dict(value):
        return {key: to_checkpoint(item, crypter, show=show) for key, item in value.items()}
    if is_list(value):
        return [to_checkpoint(item, crypter, show=show) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {TAG: FLOAT_TAG, "value": struct.pack(">d", value).hex()}
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Output):
        return to_checkpoint(downgrade(value), crypter, show=show)
    return value


class _Within(Crypter):
    """For secrets within a secret: they are encrypted with it already, and keep no more than the mark."""

    def encrypt(self, text: str) -> str:
        return text

    def decrypt(self, text: str) -> str:
        return text


_WITHIN: Final = _Within()


def _opened(text: str, crypter: Crypter, *, within: bool) -> str:
    # states of our own from before this was so have them encrypted twice: no JSON begins so
    return text if within and not text.startswith("v1:") else crypter.decrypt(text)


def from_checkpoint(value: Value, crypter: Crypter, *, within: bool = False) -> Value:
    if is_dict(value):
        fields = value
        if fields.get(TAG) == SECRET_TAG:
            told = "plaintext" in fields
            text = fields["plaintext"] if told else _opened(fields["ciphertext"], crypter, within=within)
            return Secret(from_checkpoint(json.loads(text), crypter, within=True))
        if fields.get(TAG) == FLOAT_TAG:
            return struct.unpack(">d", bytes.fromhex(fields["value"]))[0]
        # most of a state is text and whole numbers, which are what they are
        return {
            key: item
            if (type(item) is str and item != UNKNOWN_TEXT) or type(item) is int
            else from_checkpoint(item, crypter, within=within)
            for key, item in fields.items()
        }
    if is_list(value):
        return [from_checkpoint(item, crypter, within=within) for item in value]
    if isinstance(value, float):
        return number(value)
    return UNKNOWN if value == UNKNOWN_TEXT else value


def marked(written: bytes) -> bool:
    """Whether there is a value in these bytes that is to be read otherwise than it is written, such as a secret."""
    return any(mark in written for mark in _MARKS)


def properties(found: Value, crypter: Crypter, *, plain: bool) -> Value:
    """The properties of a resource in a checkpoint that `checkpoints.loads` has read; `plain`: none of it is marked.

    Those of a live object are long, and mostly hold nothing that is marked: that is seen at once in their bytes, and
    they are not gone through value by value.
    """
    if not plain and marked(marshal.dumps(found, _WITHOUT_REFERENCES)):
        return from_checkpoint(found, crypter)
    return {**found} if is_dict(found) else found


_WITHOUT_REFERENCES: Final = 2
"""The version of marshal's format that has each text where it stands."""


def dump(value: Value) -> str:
    """Compact JSON with sorted keys, as the official engine writes property values."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
