"""What every candidate is made with."""

import contextlib
import io
import logging
import time
import warnings
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from model_build import generating, graphs, runtime
from model_build.evaluation import Rows
from model_build.recipe_optimize import Calibration

EXTENDED = "ORT_ENABLE_EXTENDED"
"""Operators fused as far as every processor has them: not the layouts that are chosen by the one at hand."""


class NotMade(Exception):
    """Why a candidate does not exist."""


@dataclass(frozen=True)
class Task:
    source: Path
    """What it is made of."""
    folder: Path
    """Empty; what is left in it is kept."""
    asked: Calibration
    rows: Rows | None
    """Calibration data; None for candidates that take none."""
    deadline: float | None
    """On the monotonic clock."""
    say: Callable[[str], None]
    share: float = 0.0
    """Of weights or channels that are to be left out."""
    trained: Callable[[Path], str] | None = None
    """Writes the model as the source framework, and functions of the project, have made it; the text tells of it."""

    @property
    def target(self) -> Path:
        return self.folder / "model.onnx"

    @property
    def out_of_time(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline


def finish(task: Task) -> None:
    """Bring what a tool wrote into the one form, and see that it loads. Raises NotMade."""
    model = graphs.load(task.target)
    graphs.normalise(model, name="model")
    original = graphs.load(task.source)
    model.metadata_props.extend(each for each in original.metadata_props if each.key in generating.KEPT)
    model.ir_version = max(original.ir_version, graphs.IR_VERSION) if original.ir_version else graphs.IR_VERSION
    task.target.write_bytes(graphs.serialise(model))
    try:
        runtime.session(task.target)
    except Exception as error:
        raise NotMade(f"it does not load in onnxruntime: {runtime.first_line(error)}") from None


@contextlib.contextmanager
def tool(name: str) -> Generator[None]:
    """Run a tool: what it prints is not shown, its failure is a reason. Raises NotMade."""
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        # What a build prints on standard output is its result.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except NotMade:
        raise
    except ImportError as error:
        raise NotMade(f"{name} is not installed ({error.name}); pip install 'modelport[optimize]'") from None
    except Exception as error:
        raise NotMade(f"{name} failed: {type(error).__name__}: {runtime.first_line(error)}") from None
    finally:
        log.setLevel(level)


def fused(source: Path, target: Path, level: str) -> None:
    """Let ONNX Runtime rewrite `source`. level: as it calls it. Raises NotMade."""
    ort = runtime.onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotMade(f"onnxruntime could not optimise it: {runtime.first_line(error)}") from None
