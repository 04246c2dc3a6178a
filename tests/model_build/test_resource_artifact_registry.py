"""An image that goes to Google's Artifact Registry in one `up`, with no login anywhere."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.api import Engine
from model_build import pipeline
from model_build.push import exists
from model_build.recipe import Recipe
from tests.model_build.conftest import IRIS
from tests.model_build.operations import Heard
from tests.tools.artifact_registry import HOST, PROJECT, TOKEN, USER, ArtifactRegistry, start

MODELS = f"{HOST}/{PROJECT}/models/iris"
PROGRAM = f"""
import pulumi
from model_build.resource import ModelImage

image = ModelImage("iris", {{"recipe": open("recipe.json").read(), "destination": "{MODELS}"}})
pulumi.export("reference", image.reference)
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArtifactRegistry]:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with start(tmp_path / "google") as made:
        yield made


def test_one_up_pushes_and_nothing_changes_with_the_token(
    there: ArtifactRegistry, tmp_path: Path, recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text("{}\n")
    files = {"__main__.py": PROGRAM, "iris.py": IRIS, "recipe.json": recipe().canonical()}
    for name, text in files.items():
        (project / name).write_text(text)
    built = pipeline.build(recipe(), project=project)  # before the way to the internet is closed
    for name in ("https_proxy", "http_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in there.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(there.google.key_file(tmp_path / "key")))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    heard = Heard()
    done = heard.done

    engine = Engine(project, "dev", f"file://{tmp_path / 'state'}")
    (tmp_path / "state").mkdir()
    assert done(engine.preview(on_event=heard)) == {"create": 2}
    assert there.google.asked == [], "a preview needs no login"
    assert done(engine.up(on_event=heard)) == {"create": 2}
    reference = f"{MODELS}@{built.digest}"
    assert engine.outputs() == {"reference": reference}
    assert built.digest in there.registry.blobs()

    there.google.expire()
    assert done(engine.up(on_event=heard)) == {"same": 2}
    assert done(engine.refresh(on_event=heard)) == {"same": 2}, "which asks the registry, with a token of its own"
    assert len(there.google.issued) >= 2
    assert exists(reference)

    kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    kept += [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    kept += [json.dumps(engine.export(show_secrets=True)).encode(), "".join(heard.said).encode()]
    assert any(reference.encode() in each for each in kept)
    for secret in (TOKEN, base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()[:-4], "BEGIN PRIVATE KEY"):
        assert not [each for each in kept if secret.encode() in each]
