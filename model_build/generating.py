"""Models that write token by token: measured with the very loop that serves them.

The loop is one file of the serving code (`core/generation.py`), which goes into the image as it is. It is run from
there, so that what was measured is what answers; nothing of `serving` is imported besides.
"""

import functools
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

Array = np.ndarray[Any, np.dtype[Any]]

KEY, TOKENIZER = "modelport.generation", "modelport.tokenizer"
"""Of the metadata of an ONNX file; the loop's own names for them."""
KEPT = (KEY, TOKENIZER)
"""What a candidate has of the metadata of the model that it is made of."""


def written(model: "onnx.ModelProto") -> str | None:
    """What a model writes that is meant for the loop: text, or ids. None: it is not."""
    told = {each.key for each in model.metadata_props}
    return None if KEY not in told else "text" if TOKENIZER in told else "ids"


@functools.cache
def loop() -> Any:
    """The module with the loop."""
    from model_build.bake.inputs import serving_folder

    name = "modelport_generation"
    spec = importlib.util.spec_from_file_location(name, serving_folder() / "core" / "generation.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for the names in their fields
    spec.loader.exec_module(module)
    return module


def around(session: Any) -> Any:
    """The session, in the loop where its model is one that writes."""
    return Written(loop().Generator(session)) if KEY in session.get_modelmeta().custom_metadata_map else session


class Written:
    """What is measured of a model that writes: texts. Of one without a tokenizer, the ids with blanks between them."""

    def __init__(self, generator: Any) -> None:
        self.generator = generator
        self.get_inputs, self.get_outputs = generator.get_inputs, generator.get_outputs

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array], options: Any = None) -> list[Array]:
        found: list[Array] = self.generator.run(outputs, inputs, options)
        if self.generator.tokenizer is not None:
            return found
        return [spelt(self.generator.bare(sequences)) for sequences in found]


def spelt(rows: Sequence[Sequence[int]]) -> Array:
    """Ids as texts: `[[7, 12]]` is `["7 12"]`."""
    found = np.empty(len(rows), dtype=object)
    found[:] = [" ".join(map(str, row)) for row in rows]
    return found
