"""ONNX as it came: checked, brought into one file, nothing else changed."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from model_build import generating, graphs, onnxfile, operators, runtime
from model_build.converters import Arrays
from model_build.errors import SourceError

LARGEST = 2 << 30
"""Bytes that one protobuf message may have."""
_MISSING = ("TreeEnsemble", "Imputer", "IsNaN")
"""Operators that know what to do with NaN."""


def takes(made: object) -> bool:
    import onnx

    return isinstance(made, onnx.ModelProto) or (isinstance(made, str | Path) and Path(made).suffix == ".onnx")


def save(made: object, folder: Path) -> str:
    import onnx

    if isinstance(made, onnx.ModelProto):
        model = made
    else:
        file = Path(cast("str | Path", made))
        if not file.is_file():
            raise SourceError(f"source returned the path {file.name!r}, but there is no such file; write it first")
        model = graphs.load(file)  # weights beside it come in
    (folder / "model.onnx").write_bytes(graphs.serialise(model))
    return "model.onnx"


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    import onnx

    name = repr(settings["label"])
    header = onnxfile.header(source, name)
    if header.opsets.get("", 0) > onnx.defs.onnx_opset_version() or header.ir_version > onnx.IR_VERSION:
        graphs.load(source, weights=False)
        _load(source, name)  # the runtime names what it takes; only if it takes more than onnx do we go on
    try:
        model = graphs.load(source)
        operators.check(model, name)
        runtime.untyped("onnx.checker").check_model(model)
    except SourceError:
        raise
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        raise SourceError(f"source {name} is not a valid ONNX model: {runtime.first_line(error)}") from None
    except Exception as error:  # protobuf's DecodeError, whose module differs by its backend
        raise SourceError(f"source {name} does not parse as ONNX: {runtime.first_line(error)}") from None
    if model.ByteSize() >= LARGEST:
        raise SourceError(
            f"source {name} has {model.ByteSize():,} bytes with its weights, expected less than {LARGEST:,}; "
            "make it smaller before it comes here"
        )
    if _is_whole(source):
        shutil.copyfile(source, target)
    else:
        target.write_bytes(graphs.serialise(model))
    _load(target, name)
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    missing = any(node.op_type.startswith(_MISSING) for node in graphs.nodes(model.graph))
    generates = generating.written(model)
    return {"framework": f"onnx opset {opset}", "classes": None, "missing": missing, "generates": generates}


def _is_whole(source: Path) -> bool:
    """True when no weights are kept in other files."""
    import onnx

    model = graphs.load(source, weights=False)
    return not any(t.data_location == onnx.TensorProto.EXTERNAL for t in graphs.tensors(model))


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    """The graph as it was written, with no fusion that could change a bit."""
    from model_build import measure

    session = runtime.session(source, plain=True)
    return measure.run(session, measure.fit(session, dict(inputs), "inputs"), output)


def _load(path: Path, name: str) -> None:
    try:
        runtime.session(path)
    except Exception as error:
        raise runtime.refusal(error, name) from None


def opened(model: Any, called: str) -> Any:
    """Give what a converter has made our form; the session of it. called: as messages have it, `source 'x'`.

    Raises SourceError for what is too large for one message, and for what ONNX Runtime does not open.
    """
    graphs.normalise(model, name="model")
    model.ir_version = graphs.IR_VERSION
    if model.ByteSize() >= LARGEST:
        raise SourceError(
            f"{called} has {model.ByteSize():,} bytes as ONNX, expected less than {LARGEST:,}; "
            "make it smaller before it comes here"
        )
    try:
        return runtime.session(graphs.serialise(model))
    except Exception as error:
        raise runtime.refusal(error, called.removeprefix("source ")) from None
