"""Inputs in the form in which they are compared and kept: two spellings of one wish must not differ."""

import base64
import binascii

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.kinds import is_built_in, is_core, is_definition
from engine.providers.kubernetes.objects import copied, prune, unknown_in, without_server_fields
from engine.providers.kubernetes.shapes import shaped
from engine.values import is_dict, part


def normalised(obj: Obj) -> Obj:
    """A copy in normal form: as Kubernetes' own types spell it, and nothing in it that only the server writes."""
    out = copied(obj)
    if not unknown_in(out) and is_built_in(str(out.get("apiVersion") or "")):
        if is_definition(out):
            _definition(out)
        elif is_core(out, "Secret"):
            out = _secret(out)
        else:
            out = prune(shaped(out), out)
    return without_server_fields(out)


def _definition(obj: Obj) -> None:
    spec = part(obj, "spec")
    if spec.get("preserveUnknownFields") is False:
        del spec["preserveUnknownFields"]
    obj.pop("status", None)


def _secret(obj: Obj) -> Obj:
    texts = part(obj, "stringData")
    data = obj.get("data")
    if texts and all(isinstance(item, str) for item in texts.values()):
        encoded = {key: base64.b64encode(str(item).encode()).decode() for key, item in texts.items()}
        obj["data"] = {**(data if is_dict(data) else {}), **encoded}
        del obj["stringData"]
    elif is_dict(data):
        obj["data"] = {key: _encoded_again(item) for key, item in data.items()}
    return obj


def _encoded_again(value: object) -> object:
    """Base64 without the line breaks that a tool may have put in, as the server writes it."""
    if not isinstance(value, str):
        return value
    try:
        raw = base64.b64decode("".join(value.splitlines()), validate=True)
    except (binascii.Error, ValueError):
        return value  # the server says what is wrong with it
    return base64.b64encode(raw).decode()
