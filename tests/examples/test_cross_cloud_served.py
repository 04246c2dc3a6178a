"""The image of the example, baked for once, brought to two real registries, and served from what each of them gives."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.api import Engine
from examples.digits.train import evaluation
from model_build.push import list_referrers, pull
from tests.examples.conftest import ROOT
from tests.examples.cross_cloud import configured
from tests.ports import free_port
from tests.tools import registries

PROGRAM = """
import json
import os

import pulumi

from components.local import LocalEndpoint
from model_build.image_copy import ImageCopy
from model_build.resource import ModelImage

asked = json.loads(os.environ["ASKED"])
image = ModelImage("digits", {"recipe": asked["recipe"], "destination": asked["aws"]})
copy = ImageCopy("digits", {"source": image.reference, "destination": asked["google"]})
for name, (found, port) in asked["served"].items():
    about = {"image": found, "model": "digits", "port": port, "workers": 1, "runtime": "process"}
    pulumi.export(name, LocalEndpoint(name, about).url)
pulumi.export("references", {"aws": image.reference, "google": copy.reference})
"""


@dataclass(frozen=True)
class Both:
    """What is in each registry, and where what was pulled from it answers."""

    references: dict[str, str]
    layouts: dict[str, Path]
    urls: dict[str, str]
    changes: list[dict[str, int]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("both")
    project = folder / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: both\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text("{}\n")
    (project / "__main__.py").write_text(PROGRAM)
    (folder / "state").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_CONFIG_PASSPHRASE", "only for a test")
        patch.setenv("DOCKER_CONFIG", str(folder / "docker"))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        # An empty one: neither is served from the layout that the build left.
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        made = {name: registries.start(folder / name) for name in ("aws", "google")}
        engine = Engine(project, "dev", f"file://{folder / 'state'}")
        changes: list[dict[str, int]] = []

        def up(served: dict[str, Any]) -> Any:
            asked = {"recipe": json.dumps(configured()["model"]), "served": served}
            asked |= {name: f"{each.host}/models/digits" for name, each in made.items()}
            patch.setenv("ASKED", json.dumps(asked))
            outcome = engine.up()
            assert outcome.exit_code == 0, outcome.error
            changes.append({kind: number for kind, number in outcome.changes.items() if number})
            return engine.outputs()

        try:
            references: dict[str, str] = up({})["references"]
            layouts = {name: folder / f"pulled-{name}" for name in references}
            for name, reference in references.items():
                pull(reference, layouts[name])
            places = {
                name: (f"oci:{layouts[name]}@{each.partition('@')[2]}", free_port())
                for name, each in references.items()
            }
            outputs = up(places)
            yield Both(references, layouts, {name: outputs[name] for name in places}, changes)
        finally:
            done = engine.destroy()
            for each in made.values():
                each.server.stop()
    assert done.exit_code == 0, done.error


def test_either_registry_has_the_same_image_by_the_same_digest(both: Both) -> None:
    assert len({each.partition("@")[2] for each in both.references.values()}) == 1
    assert len({each.partition("/")[0] for each in both.references.values()}) == 2
    kept = [
        {path.name: path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()}
        for layout in both.layouts.values()
    ]
    assert kept[0] == kept[1] and len(kept[0]) > 3


def test_report_contents_and_origin_are_beside_either(both: Both) -> None:
    found = [[each["digest"] for each in list_referrers(reference)] for reference in both.references.values()]
    assert found[0] == found[1] and len(found[0]) == 3


def test_it_was_built_once_and_copied_once(both: Both) -> None:
    assert both.changes[0] == {"create": 3}
    assert both.changes[1] == {"create": 4, "same": 3}


def test_either_gives_the_same_answers(both: Both) -> None:
    picture = (ROOT / "examples" / "digits" / "seven.png").read_bytes()
    pixels, digits = evaluation()
    tensor = {"name": "image", "shape": [len(pixels), 64], "datatype": "FP32", "data": pixels.ravel().tolist()}
    answers: list[tuple[Any, Any]] = []
    for url in both.urls.values():
        of = f"{url}/v2/models/digits"
        told = httpx.post(f"{of}/classify", content=picture, headers={"content-type": "image/png"}, timeout=60)
        rows = httpx.post(f"{of}/infer", json={"inputs": [tensor]}, timeout=60)
        assert told.status_code == rows.status_code == 200, (told.text, rows.text)
        answers.append((told.json(), rows.json()["outputs"]))
    assert answers[0] == answers[1]
    assert answers[0][0]["label"] == "7"
    (probabilities,) = (each for each in answers[0][1] if each["name"] == "probabilities")
    told_digits = [row.index(max(row)) for row in _rows(probabilities)]
    assert sum(one == other for one, other in zip(told_digits, digits.tolist(), strict=True)) > 0.95 * len(digits)


def _rows(tensor: dict[str, Any]) -> list[list[float]]:
    _, wide = tensor["shape"]
    data: list[float] = tensor["data"]
    return [data[at : at + wide] for at in range(0, len(data), wide)]
