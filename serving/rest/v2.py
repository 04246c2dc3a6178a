"""Open Inference Protocol V2, inference: from a request's body to tensors, and from tensors to a response's body.

The protocol: JSON, and the binary tensor extension, where a JSON header (its length in Inference-Header-Content-Length)
is followed by the raw bytes of the tensors that say `binary_data_size`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from serving.core import tensors
from serving.core.datatypes import DATATYPES
from serving.core.model import Array, Model, TensorSpec
from serving.errors import BadInput, TooLarge
from serving.jsons import as_list, as_object
from serving.rest.message import JSON, Response, json_response

MAX_AXES = 32


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that was asked for. classes: how many best classes instead of the tensor, 0 for the tensor itself."""

    name: str
    binary: bool
    classes: int


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A request that fits the model."""

    id: str | None
    inputs: dict[str, Array]
    outputs: list[Wanted]


def parse(body: bytes, header_length: int | None, model: Model, *, max_json: int) -> InferRequest:
    """Read an inference request. Raises BadInput or TooLarge, before the model is touched."""
    size = len(body) if header_length is None else header_length
    if size > len(body):
        raise BadInput(f"inference-header-content-length is {size}, the body has {len(body)} bytes only")
    if header_length == 0:
        return _raw(body, model)
    if size > max_json:
        raise TooLarge(f"the JSON has {size} bytes, at most {max_json} are taken; send tensors as binary data")
    content = _object(body[:size] if size < len(body) else body)
    parameters = _parameters(content, "the request")
    identifier = content.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise BadInput(f"id is {_short(identifier)}, expected a string")
    inputs = _inputs(content.get("inputs"), memoryview(body)[size:], model)
    binary = _flag(parameters, "binary_data_output", "the request")
    return InferRequest(identifier, inputs, _outputs(content.get("outputs"), model, binary))


def respond(request: InferRequest, arrays: Sequence[Array], model: Model) -> Response:
    """The response to a request, with `arrays` in the order of its outputs."""
    described: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for wanted, array in zip(request.outputs, arrays, strict=True):
        datatype = model.outputs[wanted.name].datatype
        if wanted.classes:
            array, datatype = _classes(array, wanted, model), DATATYPES["BYTES"]
        output: dict[str, Any] = {"name": wanted.name, "datatype": datatype.name, "shape": list(array.shape)}
        if wanted.binary:
            raw.append(tensors.to_bytes(array, datatype))
            output["parameters"] = {"binary_data_size": len(raw[-1])}
        else:
            output["data"] = tensors.to_json(array, datatype)
        described.append(output)
    content: dict[str, Any] = {"model_name": model.name, "model_version": model.version, "outputs": described}
    if request.id is not None:
        content["id"] = request.id
    response = json_response(content)
    if any(wanted.binary for wanted in request.outputs):
        length = (b"inference-header-content-length", b"%d" % len(response.body))
        return Response(200, b"".join((response.body, *raw)), [(b"content-type", b"application/octet-stream"), length])
    response.headers = JSON
    return response


def _raw(body: bytes, model: Model) -> InferRequest:
    """A body of nothing but the bytes of the only input: the extension's short form, header length 0."""
    if len(model.inputs) != 1:
        raise BadInput(f"a raw request needs a model with one input, this one has {', '.join(model.inputs)}")
    spec = next(iter(model.inputs.values()))
    known = tensors.count([axis for axis in spec.shape if axis >= 0])
    free = sum(axis < 0 for axis in spec.shape)
    if free > 1 or spec.datatype.kind == "bytes" or known == 0:
        raise BadInput(
            f"a raw request cannot say the shape {list(spec.shape)} of {spec.datatype.name}; send a JSON header"
        )
    length = len(body) // (known * spec.datatype.size) if free else 1
    if not length:
        raise BadInput(f"input '{spec.name}': {len(body)} bytes of binary data, expected at least one row")
    shape = [length if axis < 0 else axis for axis in spec.shape]
    array = tensors.from_bytes(memoryview(body), spec.datatype, shape, spec.name)
    return InferRequest(None, {spec.name: array}, [Wanted(name, True, 0) for name in model.outputs])


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"the body is not JSON: {error}") from None
    content = as_object(value)
    if content is None:
        raise BadInput(f'the body is {_short(value)}, expected an object with "inputs"')
    return content


def _inputs(listed: object, raw: memoryview, model: Model) -> dict[str, Array]:
    entries = as_list(listed)
    if not entries:
        raise BadInput(f"inputs is {_short(listed)}, expected a list with {', '.join(map(repr, model.inputs))}")
    found: dict[str, Array] = {}
    offset = 0
    for each in entries:
        entry = _entry(each, "inputs")
        spec = model.inputs.get(entry["name"])
        if spec is None:
            raise BadInput(f"unknown input '{entry['name'][:80]}', expected {', '.join(map(repr, model.inputs))}")
        if spec.name in found:
            raise BadInput(f"input '{spec.name}' is there twice, expected once")
        shape = _shape(entry, spec)
        size = _binary_size(entry, spec)
        if size is None:
            if "data" not in entry:
                raise BadInput(f"input '{spec.name}': data is missing, and so is parameters.binary_data_size")
            found[spec.name] = tensors.from_json(entry["data"], spec.datatype, shape, spec.name)
            continue
        if size > raw.nbytes - offset:
            raise BadInput(
                f"input '{spec.name}': binary_data_size is {size}, only {raw.nbytes - offset} bytes are left"
            )
        found[spec.name] = tensors.from_bytes(raw[offset : offset + size], spec.datatype, shape, spec.name)
        offset += size
    missing = [name for name in model.inputs if name not in found]
    if missing:
        raise BadInput(f"missing input {', '.join(map(repr, missing))}")
    if offset != raw.nbytes:
        raise BadInput(f"{raw.nbytes - offset} bytes are left after the last input; check binary_data_size")
    return found


def _shape(entry: Mapping[str, Any], spec: TensorSpec) -> list[int]:
    datatype = entry.get("datatype")
    if datatype != spec.datatype.name:
        raise BadInput(f"input '{spec.name}': datatype is {_short(datatype)}, expected '{spec.datatype.name}'")
    axes = as_list(entry.get("shape"))
    if axes is None or len(axes) > MAX_AXES:
        got = _short(entry.get("shape"))
        raise BadInput(f"input '{spec.name}': shape is {got}, expected a list like {list(spec.shape)}")
    if not all(type(axis) is int and 0 < axis < 2**31 for axis in axes):
        raise BadInput(f"input '{spec.name}': shape is {_short(axes)}, expected whole numbers from 1")
    spec.check(axes)
    return axes


def _binary_size(entry: Mapping[str, Any], spec: TensorSpec) -> int | None:
    parameters = _parameters(entry, f"input '{spec.name}'")
    if "shared_memory_region" in parameters:
        raise BadInput(f"input '{spec.name}': shared memory is not supported; send the data")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise BadInput(f"input '{spec.name}': binary_data_size is {_short(size)}, expected a number of bytes")
    if "data" in entry:
        raise BadInput(f"input '{spec.name}': both data and binary_data_size are there, expected one of them")
    return size


def _outputs(listed: object, model: Model, binary: bool) -> list[Wanted]:
    if listed is None or listed == []:
        return [Wanted(name, binary, 0) for name in model.outputs]
    entries = as_list(listed)
    if entries is None:
        raise BadInput(f"outputs is {_short(listed)}, expected a list")
    found: dict[str, Wanted] = {}
    for each in entries:
        entry = _entry(each, "outputs")
        name = entry["name"]
        if name not in model.outputs:
            raise BadInput(f"unknown output '{name[:80]}', expected {', '.join(map(repr, model.outputs))}")
        if name in found:
            raise BadInput(f"output '{name}' is there twice, expected once")
        where = f"output '{name}'"
        parameters = _parameters(entry, where)
        if "shared_memory_region" in parameters:
            raise BadInput(f"{where}: shared memory is not supported; take the data from the response")
        classes = parameters.get("classification", 0)
        if type(classes) is not int or classes < 0:
            raise BadInput(f"{where}: classification is {_short(classes)}, expected how many classes")
        if classes and model.outputs[name].datatype.kind == "bytes":
            raise BadInput(f"{where}: classification needs numbers, this output is BYTES")
        found[name] = Wanted(name, _flag(parameters, "binary_data", where, binary), classes)
    return list(found.values())


def _classes(array: Array, wanted: Wanted, model: Model) -> Array:
    """The best classes of each row as "score:index" or "score:index:label", best first."""
    datatype = model.outputs[wanted.name].datatype
    numbers = np.asarray(tensors.to_json(array, datatype)).reshape(array.shape or (1,))
    classify = model.manifest.classify
    labels = classify.labels if classify is not None and classify.output == wanted.name else ()
    scores = numbers.astype(np.float64)
    order = np.argsort(-scores, axis=-1, kind="stable")[..., : wanted.classes]
    best = np.take_along_axis(numbers, order, axis=-1)
    texts = np.empty(order.size, dtype=object)
    for at, (score, index) in enumerate(zip(best.ravel(), order.ravel(), strict=True)):
        label = f":{labels[index]}" if index < len(labels) else ""
        texts[at] = f"{float(score):f}:{index}{label}"
    return texts.reshape(order.shape)


def _entry(value: object, where: str) -> dict[str, Any]:
    entry = as_object(value) or {}
    if not isinstance(entry.get("name"), str):
        raise BadInput(f"{where} holds {_short(value)}, expected objects with a name")
    return entry


def _parameters(entry: Mapping[str, Any], where: str) -> dict[str, Any]:
    value = entry.get("parameters")
    if value is None:
        return {}
    parameters = as_object(value)
    if parameters is None:
        raise BadInput(f"{where}: parameters is {_short(value)}, expected an object")
    return parameters


def _flag(parameters: Mapping[str, Any], key: str, where: str, default: bool = False) -> bool:
    value = parameters.get(key, default)
    if not isinstance(value, bool):
        raise BadInput(f"{where}: {key} is {_short(value)}, expected true or false")
    return value


def _short(value: object) -> str:
    """A value as JSON for an error's text, cut where it is long."""
    if value is None:
        return "missing"
    if len(as_list(value) or ()) > 16:
        return "a long list"
    if len(as_object(value) or ()) > 16:
        return "a large object"
    text = orjson.dumps(value).decode("utf-8")
    return text if len(text) <= 80 else f"{text[:77]}..."
