"""ONNX Runtime's own format: for its builds of a few megabytes on phones and devices, which read nothing else.

Beside the model stands which operators it needs, for those who build ONNX Runtime with no others.
"""

import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_build import runtime
from model_build.formats import Runs, Unsupported

MODEL, OPERATORS = "model.ort", "required_operators.config"


def write(source: Path, folder: Path, settings: Mapping[str, Any]) -> None:
    ort = runtime.onnxruntime()
    tool = runtime.untyped("onnxruntime.tools.convert_onnx_models_to_ort")
    with tempfile.TemporaryDirectory() as between, _quiet():
        place = Path(between)
        shutil.copyfile(source, place / "model.onnx")
        try:
            tool.convert_onnx_models_to_ort(
                place / "model.onnx",
                output_dir=place / "made",
                optimization_styles=[tool.OptimizationStyle.Fixed],
                enable_type_reduction=True,
            )
        except Exception as error:
            raise Unsupported(
                f"formats names ort, but onnxruntime {ort.__version__} does not write {settings['label']!r} so: "
                f"{runtime.first_line(error)}; leave it out"
            ) from None
        shutil.move(place / "made" / MODEL, folder / MODEL)
        (told,) = (place / "made").glob("*.config")
        # What the tool says of where it found the model is a folder of this machine.
        lines = [line for line in told.read_text("utf-8").splitlines() if line and not line.startswith("#")]
        (folder / OPERATORS).write_text("\n".join(lines) + "\n", "utf-8")


def opened(folder: Path, like: Runs, settings: Mapping[str, Any]) -> Runs:
    try:
        return runtime.session(folder / MODEL)  # type: ignore[no-any-return]
    except Exception as error:
        raise Unsupported(
            f"formats names ort, but onnxruntime does not read its own file of {settings['label']!r}: "
            f"{runtime.first_line(error)}; leave it out"
        ) from None


@contextlib.contextmanager
def _quiet() -> Any:
    """The tool tells of each file that it reads and writes, which is no progress."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
