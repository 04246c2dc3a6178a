"""How a PyTorch model is called: the names of what it takes and gives, the rows to try it on, its open axes."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np

from model_build import runtime
from model_build.converters.torch_files import Arrays, Loaded
from model_build.errors import DataError, SourceError

BATCH = "batch"
OUTPUT = "output"
"""What an output is called that has no name."""

Axes = Mapping[str, Sequence[str | int]]
"""By input: a name for an axis of any length, a number for one of that length."""


def parameters(loaded: Loaded, called: str) -> tuple[list[str], list[str]]:
    """The names of all inputs that the model may be given, in order, and of those that it must be."""
    if loaded.exported:
        names = [str(name) for name in loaded.model.graph_signature.user_inputs]
        return names, names
    if loaded.scripted:
        given = loaded.model.forward.schema.arguments[1:]
        return [each.name for each in given], [each.name for each in given if not each.has_default_value()]
    found = inspect.signature(loaded.model.forward).parameters.values()
    named = [each for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    odd = [each.name for each in found if each.kind in (each.POSITIONAL_ONLY, each.VAR_POSITIONAL)]
    if odd or not named:
        got = f"has *{odd[0]}" if odd else "takes nothing"
        raise SourceError(
            f"{called} is a module whose forward {got}, expected inputs with names; "
            "wrap it in a module whose forward names them"
        )
    return [each.name for each in named], [each.name for each in named if each.default is each.empty]


def bind(made: object, names: Sequence[str]) -> Arrays:
    """Example inputs that a function returned beside its model, by name. Raises SourceError."""
    torch = runtime.untyped("torch")
    if isinstance(made, Mapping):
        items = {str(name): value for name, value in cast("Mapping[object, object]", made).items()}
    else:
        row = cast("Sequence[object]", made) if isinstance(made, tuple | list) else [made]
        if len(row) > len(names):
            raise SourceError(
                f"source returned {len(row)} example inputs, but the model takes {len(names)} ({', '.join(names)})"
            )
        items = dict(zip(names, row, strict=False))
    arrays: Arrays = {}
    for name, value in items.items():
        tensor_like: Any = value
        arrays[name] = tensor_like.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    for name, array in arrays.items():
        if array.dtype.hasobject or array.dtype.kind not in "iufb" or not array.ndim:
            raise SourceError(
                f"source returned an example for {name!r} that is no tensor [rows, ...] of numbers; "
                "return (model, inputs), inputs a tensor, a tuple of tensors or a dict of name to tensor"
            )
    return arrays


def rows(loaded: Loaded, given: Arrays, axes: Axes | None, called: str) -> dict[str, Any]:
    """Example inputs as tensors: some of the rows of `given`, as many as no other axis has and at least two.

    An axis of one is taken for one that is always one, and of two axes of equal length nobody can tell which is which.
    Raises DataError for inputs that the model does not take.
    """
    allowed, needed = parameters(loaded, called)
    if list(given) == [""]:
        if len(needed) > 1:
            raise DataError(
                f"evaluate.data returned one array, but {called} has {len(needed)} inputs "
                f"({', '.join(needed)}); return a dict of input name to array"
            )
        given = {(needed or allowed)[0]: given[""]}
    unknown, missing = set(given) - set(allowed), set(needed) - set(given)
    if unknown or missing:
        got = ", ".join(sorted(given)) or "none"
        raise DataError(
            f"the example inputs are {got}, but {called} takes {', '.join(needed or allowed)}; "
            "use the names of forward's parameters"
        )
    given = {name: given[name] for name in allowed if name in given}
    _check(given, axes)
    count = _count(given, axes)
    return {name: tensor(loaded, np.resize(array, (count, *array.shape[1:]))) for name, array in given.items()}


def tensor(loaded: Loaded, array: np.ndarray[Any, np.dtype[Any]]) -> Any:
    """In the type that the model computes in, where it is a number with a point; as it is where it is not."""
    torch = runtime.untyped("torch")
    if array.dtype.kind not in "iufb":
        raise DataError(f"evaluate.data has {array.dtype}, but PyTorch models take numbers; turn text into numbers")
    made = torch.from_numpy(np.array(array))
    return made.to(_precision(loaded)) if made.is_floating_point() else made


def _precision(loaded: Loaded) -> Any:
    torch = runtime.untyped("torch")
    if loaded.exported:
        held = loaded.model.state_dict.values()
    else:
        held = [*loaded.model.parameters(), *loaded.model.buffers()]
    return next((value.dtype for value in held if value.is_floating_point()), torch.float32)


def _check(given: Arrays, axes: Axes | None) -> None:
    for name, asked in (axes or {}).items():
        if name not in given:
            raise SourceError(f"axes: the model has no input {name!r}, expected {', '.join(given)}; name it so")
        shape = given[name].shape
        fits = len(shape) == len(asked) and all(
            isinstance(axis, str) or axis == size for axis, size in zip(asked[1:], shape[1:], strict=True)
        )
        if not fits:
            raise DataError(
                f"axes.{name} is [{', '.join(str(axis) for axis in asked)}], but the rows given for it have shape "
                f"{list(shape)}; name as many axes as there are"
            )
        short = [axis for axis, size in zip(asked[1:], shape[1:], strict=True) if isinstance(axis, str) and size < 2]
        if short:
            raise DataError(
                f"axes.{name}: axis {short[0]!r} is {shape[list(asked).index(short[0])]} long in the rows given for "
                "it, which an export takes for its length; give rows in which it is longer"
            )


def _count(given: Arrays, axes: Axes | None) -> int:
    if (fixed := fixed_rows(axes)) is not None:
        return fixed
    others = {size for array in given.values() for size in array.shape[1:]}
    return next(count for count in range(2, 99) if count not in others)


def fixed_rows(axes: Axes | None) -> int | None:
    """How many rows the model always takes, where the recipe says so."""
    return next((asked[0] for asked in (axes or {}).values() if isinstance(asked[0], int)), None)


def named_axes(shapes: Mapping[str, Sequence[int]], axes: Axes | None) -> dict[str, dict[int, str]]:
    """By input, the position and the name of each open axis."""
    fixed = fixed_rows(axes) is not None
    found: dict[str, dict[int, str]] = {}
    for name in shapes:
        asked = (axes or {}).get(name, () if fixed else (BATCH,))
        found[name] = {position: axis for position, axis in enumerate(asked) if isinstance(axis, str)}
    return found


def call(loaded: Loaded, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The model's own answer, its outputs by name."""
    torch = runtime.untyped("torch")
    with torch.no_grad():
        if not loaded.exported:
            return outputs(loaded.model(**inputs))
        # A program is called as it was in its example: so many by position, the others by their keywords.
        pair: Any = loaded.model.example_inputs
        values = list(inputs.values())
        count, keywords = len(pair[0]), list[str](pair[1])
        return outputs(loaded.model.module()(*values[:count], **dict(zip(keywords, values[count:], strict=True))))


def outputs(made: object) -> dict[str, Any]:
    """What a model returned, by name: those of a dict, a dataclass-like output or a named tuple, else `output`."""
    torch = runtime.untyped("torch")
    if isinstance(made, torch.Tensor):
        return {OUTPUT: made}
    if isinstance(made, Mapping):
        found = {str(name): value for name, value in cast("Mapping[object, object]", made).items()}
    elif hasattr(made, "_fields"):
        found = dict(cast("Any", made)._asdict())
    elif isinstance(made, tuple | list):
        row = cast("Sequence[object]", made)
        found = {OUTPUT if len(row) == 1 else f"{OUTPUT}_{n}": value for n, value in enumerate(row)}
    else:
        found = {OUTPUT: made}
    found = {name: value for name, value in found.items() if value is not None}
    for name, value in found.items():
        if not isinstance(value, torch.Tensor):
            raise SourceError(
                f"the model's forward returns {type(value).__name__} as {name!r}, expected tensors; "
                "return a tensor, a tuple of tensors or a dict of name to tensor"
            )
    return found
