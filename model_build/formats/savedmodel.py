"""TensorFlow's SavedModel: a folder, for TensorFlow Serving and all that goes on from TensorFlow, as LiteRT does.

It is the source's own: copied where that is one, written by Keras where it is a model of Keras.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_build.converters import keras, savedmodel, tf_graphs
from model_build.formats import Arrays, As, Runs, Unsupported


def write(source: Path, folder: Path, settings: Mapping[str, Any]) -> None:
    if source.is_dir():
        shutil.copytree(source, folder, dirs_exist_ok=True)
        return
    called = f"source {settings['label']!r}"
    keras.export(source, folder, called, trust=settings["trust"] is True or settings["own"] is True)


def opened(folder: Path, like: Runs, settings: Mapping[str, Any]) -> Runs:
    names = [value.name for value in like.get_inputs()]
    called = savedmodel.load(folder, f"source {settings['label']!r}", names[0])

    def answer(inputs: Arrays, outputs: list[str]) -> Arrays:
        found = {name: tf_graphs.answer(called, inputs, name) for name in outputs}
        if lacks := [name for name, values in found.items() if values is None]:
            raise Unsupported(
                f"formats names savedmodel, but that of {settings['label']!r} has no output {lacks[0]!r}; leave it out"
            )
        return found

    return As(like, answer)
