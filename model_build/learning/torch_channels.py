"""Channels taken out of a module of PyTorch, so that what is left is a module and can be trained further.

Who reads a channel is found by trying: it is made NaN where its layer answers, and where NaN arrives it is read. A
layer is cut where only layers read it that can be cut, too, and only if the module then answers as it did with these
channels as zeros to their readers.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_build import runtime
from model_build.learning import Array

_AT_ONCE = 64
"""Channels that are tried in one call, each in a row of its own."""
_NUMBERS = ("out_channels", "in_channels", "out_features", "in_features", "num_features", "groups")
"""What a layer says of its channels, beside its weights."""
_ROWS = 4
"""Rows on which a module must answer as before."""


class _Stays(Exception):
    """Its channels cannot be cut."""


@dataclass
class _Reader:
    layer: Any
    where: dict[int, list[int]]
    """By channel: the places of the layer's input that have it."""


@dataclass
class _Known:
    """A layer as it was."""

    layer: Any
    numbers: dict[str, int]
    parameters: dict[str, Any]
    buffers: dict[str, Any]

    @classmethod
    def of(cls, layer: Any) -> "_Known":
        numbers = {name: int(getattr(layer, name)) for name in _NUMBERS if hasattr(layer, name)}
        return cls(
            layer, numbers, dict(layer.named_parameters(recurse=False)), dict(layer.named_buffers(recurse=False))
        )

    def restore(self) -> None:
        for name, value in {**self.numbers, **self.parameters, **self.buffers}.items():
            setattr(self.layer, name, value)


def widths(model: Any) -> dict[str, int]:
    """The layers that may be cut, and how many channels each makes."""
    return {name: layer.weight.shape[0] for name, layer in model.named_modules() if _is_layer(layer)}


def narrow(model: Any, inputs: Mapping[str, Any], share: float, before: Mapping[str, int]) -> None:
    """Take the weakest channels out of each layer that can be cut, until it has `share` less than `before`."""
    model.eval()
    for name, layer in list(model.named_modules()):
        if name not in before:
            continue
        keep = before[name] - int(share * before[name])
        if not 0 < keep < layer.weight.shape[0]:
            continue
        try:
            _cut(model, layer, _readers(model, layer, inputs), keep, inputs)
        except _Stays:
            continue


def _is_layer(layer: Any) -> bool:
    nn = runtime.untyped("torch").nn
    if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return bool(layer.groups == 1)
    return type(layer) is nn.Linear


def _follows(layer: Any) -> bool:
    """Whether a layer makes each of its channels of one: batch normalisation, depthwise convolution."""
    nn = runtime.untyped("torch").nn
    if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
        return True
    convolution = isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d)
    return bool(convolution and layer.groups == layer.in_channels == layer.out_channels > 1)


def _readers(model: Any, layer: Any, inputs: Mapping[str, Any]) -> list[_Reader]:
    """All layers that NaN from `layer` arrives at. Raises _Stays."""
    torch = runtime.untyped("torch")
    found: dict[int, _Reader] = {}
    width = layer.weight.shape[0]
    for start in range(0, width, _AT_ONCE):
        count = min(_AT_ONCE, width - start)
        rows = {name: value[:1].repeat(count, *[1] * (value.dim() - 1)) for name, value in inputs.items()}

        def spoil(_: Any, __: Any, answer: Any, start: int = start, count: int = count) -> Any:
            if not isinstance(answer, torch.Tensor) or len(answer) != count:
                raise _Stays
            spoilt = answer.clone()
            places = torch.arange(count)
            channels = start + places
            if isinstance(layer, torch.nn.Linear):
                spoilt[places, ..., channels] = torch.nan
            else:
                spoilt[places, channels] = torch.nan
            return spoilt

        def look(reader: Any, given: Any, start: int = start) -> Any:
            if not any(
                isinstance(each, torch.Tensor) and each.is_floating_point() and each.isnan().any() for each in given
            ):
                return None
            known = reader is not layer and (_is_layer(reader) or _follows(reader))
            if not known or len(given) != 1:
                raise _Stays
            value = given[0]
            axis = value.dim() - 1 if isinstance(reader, torch.nn.Linear) else 1
            others = tuple(at for at in range(1, value.dim()) if at != axis)
            bad = value.isnan()
            met = (bad.any(dim=others) if others else bad).numpy()
            if (bad.all(dim=others) if others else bad).numpy().tolist() != met.tolist():
                raise _Stays  # in a part of what it covers: convolution of channels as if they were places
            each = found.setdefault(id(reader), _Reader(reader, {}))
            for row in range(len(met)):
                each.where[start + row] = [int(at) for at in np.flatnonzero(met[row])]
            return None if _follows(reader) else (value.nan_to_num(0.0),)

        parts = [part for part in model.modules() if not list(part.children()) and list(part.parameters())]
        hooks = [layer.register_forward_hook(spoil), *(part.register_forward_pre_hook(look) for part in parts)]
        with _hooked(hooks), torch.no_grad():
            answers = _answers(model, rows)
        if any(value.is_floating_point() and value.isnan().any() for value in answers):
            raise _Stays
    for each in found.values():
        taken = [at for places in each.where.values() for at in places]
        even = {len(places) for places in each.where.values()}
        if len(each.where) != width or len(taken) != len(set(taken)) or len(even) != 1:
            raise _Stays  # mixed on the way, by a softmax say
        if _follows(each.layer) and any(places != [channel] for channel, places in each.where.items()):
            raise _Stays
    if not any(_is_layer(each.layer) for each in found.values()):
        raise _Stays
    return list(found.values())


def _cut(model: Any, layer: Any, readers: list[_Reader], keep: int, inputs: Mapping[str, Any]) -> None:
    """Raises _Stays, with the module as it was."""
    torch = runtime.untyped("torch")
    strength = np.square(layer.weight.detach().numpy().astype(np.float64)).reshape(len(layer.weight), -1).sum(axis=1)
    order = np.argsort(-strength, kind="stable")
    kept, gone = np.sort(order[:keep]), np.sort(order[keep:])
    touched = [layer, *(reader.layer for reader in readers)]
    known = [_Known.of(each) for each in touched]
    rows = {name: value[:_ROWS] for name, value in inputs.items()}
    with torch.no_grad():
        without: list[Any] = []
        for reader in readers:
            if _is_layer(reader.layer):
                places = [at for channel in gone for at in reader.where[int(channel)]]
                full = reader.layer.weight.detach().clone()
                full[:, places] = 0
                without.append((reader.layer, full))
        original = [(each, each.weight) for each, _ in without]
        for each, weight in without:
            each.weight = torch.nn.Parameter(weight)
        wanted = _answers(model, rows)
        for each, weight in original:
            each.weight = weight
        try:
            _keep_made(layer, kept)
            for reader in readers:
                if _follows(reader.layer):
                    _keep_made(reader.layer, kept)
                else:
                    left = np.sort([at for channel in kept for at in reader.where[int(channel)]])
                    _keep_read(reader.layer, left)
            got = _answers(model, rows)
            same = len(got) == len(wanted) and all(
                a.shape == b.shape and torch.allclose(a, b, rtol=1e-3, atol=1e-4)
                for a, b in zip(got, wanted, strict=True)
            )
        except (RuntimeError, ValueError, IndexError, TypeError):
            same = False
    if not same:
        for each in known:
            each.restore()
        raise _Stays


def _keep_made(layer: Any, kept: Array) -> None:
    """Of what a layer makes."""
    torch = runtime.untyped("torch")
    at = torch.from_numpy(kept)
    for name, value in list(layer.named_parameters(recurse=False)):
        setattr(layer, name, torch.nn.Parameter(value.detach()[at].clone(), requires_grad=value.requires_grad))
    for name, value in list(layer.named_buffers(recurse=False)):
        if value.dim():
            setattr(layer, name, value[at].clone())
    for name in ("out_channels", "out_features", "num_features"):
        if hasattr(layer, name):
            setattr(layer, name, len(kept))
    if _grouped(layer):
        layer.groups = layer.in_channels = len(kept)


def _grouped(layer: Any) -> bool:
    return int(getattr(layer, "groups", 1)) > 1


def _keep_read(layer: Any, places: Array) -> None:
    """Of what a layer reads."""
    torch = runtime.untyped("torch")
    weight = layer.weight
    kept = weight.detach()[:, torch.from_numpy(places)].clone()
    layer.weight = torch.nn.Parameter(kept, requires_grad=weight.requires_grad)
    setattr(layer, "in_features" if hasattr(layer, "in_features") else "in_channels", len(places))


def _answers(model: Any, inputs: Mapping[str, Any]) -> list[Any]:
    from model_build.converters import torch_calls

    return list(torch_calls.outputs(model(**inputs)).values())


@contextmanager
def _hooked(hooks: list[Any]) -> Generator[None]:
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
