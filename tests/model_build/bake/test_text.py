"""An image whose model reads and writes texts: its wheels are those of any image, and the tokenizer's."""

import json
import subprocess
from pathlib import Path

import pytest

from model_build import bake
from model_build.bake.errors import BakeError
from model_build.bake.inputs import SITE
from model_build.bake.program import program
from tests.model_build.bake.conftest import Baked
from tests.serving import writers

_ASK = """
import sys
from pathlib import Path
from serving.core.manifest import read
from serving.core.model import Model
import numpy as np
model = Model(read(Path(sys.argv[1])), threads=1)
print(model.infer({"text": np.array(["a b c"], dtype=object)}, ["generated_text"]).arrays[0].tolist())
"""


def needing(folder: Path, *needs: str) -> Path:
    told = json.loads((writers.save(folder) / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**told, "needs": [*needs]}))
    return folder


def test_it_answers_with_its_own_python_and_wheels(tmp_path: Path) -> None:
    model = needing(tmp_path / "model", "text")
    image = bake.bake(model, name="writer", base="debian", layout=tmp_path / "images")
    assert [layer.kind for layer in image.layers] == ["base", "wheels", "code", "model"]
    launcher = program(image.layout, image.digest)
    command = [*launcher.argv, "-c", _ASK, str(model)]
    ran = subprocess.run(command, env=launcher.env, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("['c b a c']\n", "")


def test_other_images_do_not_carry_a_tokenizer(rootfs: Path) -> None:
    assert (rootfs / SITE / "onnxruntime").is_dir()
    assert not (rootfs / SITE / "tokenizers").exists()


def test_what_nobody_knows_is_refused_before_anything_is_made(tmp_path: Path, baked: Baked) -> None:
    model = needing(tmp_path / "model", "speech")
    with pytest.raises(BakeError, match=r"the model needs 'speech', expected requirements\.speech\.lock in serving"):
        bake.bake(model, name="writer", base="debian", layout=tmp_path / "images")
