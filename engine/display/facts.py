"""The parts of an event that the views read: one step with the resource before and after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeGuard

from engine.values import ARCHIVE_TAG, ASSET_TAG, OUTPUT_TAG, RESOURCE_TAG, SECRET_TAG, TAG, UNKNOWN_TEXT, is_dict

Props = dict[str, Any]
ROOT_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Step:
    """What is done to one resource. `old` and `new` are its states as events give them, None where there is none."""

    op: str
    urn: str
    type: str
    old: Props | None
    new: Props | None
    keys: tuple[str, ...] = ()
    diffs: tuple[str, ...] = ()
    detailed: dict[str, Props] | None = None
    logical: bool = False
    provider: str = ""

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> Self:
        return cls(
            op=str(metadata["op"]),
            urn=str(metadata["urn"]),
            type=str(metadata.get("type", "")),
            old=metadata.get("old"),
            new=metadata.get("new"),
            keys=tuple(metadata.get("keys") or ()),
            diffs=tuple(metadata.get("diffs") or ()),
            detailed=metadata.get("detailedDiff"),
            logical=bool(metadata.get("logical")),
            provider=str(metadata.get("provider") or ""),
        )

    @property
    def resource(self) -> Props | None:
        return self.new if self.new is not None else self.old

    @property
    def parent(self) -> str:
        return str((self.resource or {}).get("parent") or "")

    @property
    def custom(self) -> bool:
        return bool((self.resource or {}).get("custom"))

    @property
    def is_root(self) -> bool:
        return is_root(self.urn)

    def before(self, key: str) -> Any:
        return (self.old or {}).get(key)

    def after(self, key: str) -> Any:
        return (self.new or {}).get(key)


def urn_name(urn: str) -> str:
    parts = urn.split("::", 3)
    return parts[3] if len(parts) == 4 else urn


def urn_type(urn: str) -> str:
    """The last type of a URN's chain of types."""
    parts = urn.split("::", 3)
    return parts[2].rpartition("$")[2] if len(parts) > 2 else ""


def is_root(urn: str) -> bool:
    parts = urn.split("::", 3)
    return len(parts) == 4 and parts[2] == ROOT_TYPE


def aside(event: Mapping[str, Any]) -> bool:
    """Whether an event is about a provider that the engine set up by itself, which is no news to anyone."""
    for kind in ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"):
        if (payload := event.get(kind)) is not None:
            urn = str(payload["metadata"]["urn"])
            name = urn_name(urn)
            return urn_type(urn).startswith("pulumi:providers:") and (name == "default" or name.startswith("default_"))
    return False


def _tag(value: object) -> object:
    return value.get(TAG) if is_dict(value) else None


def is_secret(value: object) -> bool:
    return _tag(value) == SECRET_TAG


def is_unknown(value: object) -> bool:
    if is_dict(value):
        return value.get(TAG) == OUTPUT_TAG and "value" not in value
    return value == UNKNOWN_TEXT


def is_asset(value: object) -> bool:
    return _tag(value) == ASSET_TAG


def is_archive(value: object) -> bool:
    return _tag(value) == ARCHIVE_TAG


def is_reference(value: object) -> bool:
    return _tag(value) == RESOURCE_TAG


def is_object(value: object) -> TypeGuard[Props]:
    """Whether a value is an object with properties, and none of the tagged kinds."""
    return is_dict(value) and TAG not in value


def internal(key: str) -> bool:
    """Whether a property is the SDK's own business and never shown."""
    return key.startswith("__")
