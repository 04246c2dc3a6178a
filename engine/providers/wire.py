"""What of a property leaves for a provider: assets without their contents where it only compares, references as ids."""

from engine.providers.base import Made
from engine.values import (
    ARCHIVE_TAG,
    ASSET_TAG,
    RESOURCE_TAG,
    TAG,
    UNKNOWN,
    Output,
    Props,
    Secret,
    Value,
    downgrade,
    is_dict,
    is_list,
    keep_secrets,
)


def outgoing(props: Props, *, contents: bool, references: bool) -> Props:
    """The properties as a provider is to see them.

    contents: assets and archives with what is in them, else by their hash alone. references: resources as references,
    for a provider that can take them; else by their id, or by their URN where they have none.
    """
    return {key: _outgoing(value, contents, references) for key, value in props.items()}


def _outgoing(value: Value, contents: bool, references: bool) -> Value:
    if is_dict(value):
        tag = value.get(TAG)
        if tag in (ASSET_TAG, ARCHIVE_TAG) and not contents:
            return {key: value[key] for key in (TAG, "hash") if key in value}
        if tag == RESOURCE_TAG and not references:
            return (value["id"] or UNKNOWN) if "id" in value else value.get("urn")
        return {key: _outgoing(item, contents, references) for key, item in value.items()}
    if is_list(value):
        return [_outgoing(item, contents, references) for item in value]
    if isinstance(value, Secret):
        return Secret(_outgoing(value.value, contents, references))
    if isinstance(value, Output):
        return _outgoing(downgrade(value), contents, references)
    return value


def restored(found: Props, originals: Props) -> Props:
    """What a provider gave back, with the contents of the assets that it only knew by their hash."""
    known: dict[tuple[str, str], Value] = {}
    _collect(originals, known)
    return {key: _restored(value, known) for key, value in found.items()} if known else found


def _collect(value: Value, known: dict[tuple[str, str], Value]) -> None:
    if is_dict(value):
        if value.get(TAG) in (ASSET_TAG, ARCHIVE_TAG):
            known[str(value[TAG]), str(value.get("hash", ""))] = value
        for item in value.values():
            _collect(item, known)
    elif is_list(value):
        for item in value:
            _collect(item, known)
    elif isinstance(value, Secret):
        _collect(value.value, known)


def _restored(value: Value, known: dict[tuple[str, str], Value]) -> Value:
    if is_dict(value):
        if value.get(TAG) in (ASSET_TAG, ARCHIVE_TAG) and not value.keys() - {TAG, "hash"}:
            return known.get((str(value[TAG]), str(value.get("hash", ""))), value)
        return {key: _restored(item, known) for key, item in value.items()}
    if is_list(value):
        return [_restored(item, known) for item in value]
    return Secret(_restored(value.value, known)) if isinstance(value, Secret) else value


def secretive_as(props: Props, like: Props) -> Props:
    return {k: keep_secrets(v, like[k]) if k in like else v for k, v in props.items()}


def secretive(made: Made, like: Props, inputs_like: Props | None = None) -> Made:
    """What a provider that sees plain values made, with the secrets of what it was given at their places."""
    inputs = made.inputs if made.inputs is None else secretive_as(made.inputs, inputs_like or {})
    return Made(made.id, secretive_as(made.outputs, like), inputs, made.init_errors)
