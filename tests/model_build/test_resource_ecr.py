"""A repository of Amazon ECR and the image that goes into it, in one program and one `up`, with no login anywhere."""

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
from tests.tools.ecr import HOST, PASSWORD, REGION, Ecr, start

REPOSITORY = f'''
"""What stands for EcrRegistry here: it makes the repository by ECR's own call, on the AWS that is simulated."""

import botocore.session
from pulumi.dynamic import CreateResult, Resource, ResourceProvider


class Provider(ResourceProvider):
    def create(self, props):
        ecr = botocore.session.Session().create_client("ecr", region_name="{REGION}")
        made = ecr.create_repository(repositoryName=props["name"], imageTagMutability="IMMUTABLE")
        return CreateResult(props["name"], {{**props, "url": made["repository"]["repositoryUri"]}})


class Repository(Resource, module="shop", name="Repository"):
    def __init__(self, name, repository):
        super().__init__(Provider(), name, {{"name": repository, "url": None}})
'''
PROGRAM = """
import pulumi
from model_build.resource import ModelImage
from repository import Repository

images = Repository("images", "models/iris")
image = ModelImage("iris", {"recipe": open("recipe.json").read(), "destination": images.url})
pulumi.export("reference", image.reference)
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ecr]:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with start(tmp_path / "ecr") as made:
        yield made


def test_one_up_makes_the_repository_and_pushes_and_nothing_changes_with_the_password(
    there: Ecr, tmp_path: Path, recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text("{}\n")
    files = {"__main__.py": PROGRAM, "repository.py": REPOSITORY, "iris.py": IRIS, "recipe.json": recipe().canonical()}
    for name, text in files.items():
        (project / name).write_text(text)
    built = pipeline.build(recipe(), project=project)  # before the way to the internet is closed
    for name in ("https_proxy", "http_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in there.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    heard = Heard()
    done = heard.done

    engine = Engine(project, "dev", f"file://{tmp_path / 'state'}")
    (tmp_path / "state").mkdir()
    assert done(engine.preview(on_event=heard)) == {"create": 3}
    assert f"plan: model {built.identity[:4]} is new" in "".join(heard.said), "though nobody knows where it goes"
    assert done(engine.up(on_event=heard)) == {"create": 3}
    reference = f"{HOST}/models/iris@{built.digest}"
    assert engine.outputs() == {"reference": reference}
    assert built.digest in there.registry.blobs()

    there.expire()
    assert done(engine.up(on_event=heard)) == {"same": 3}
    there.expire(False)
    assert done(engine.refresh(on_event=heard)) == {"same": 3}, "which asks the registry, with a password of its own"
    assert exists(f"{HOST}/models/iris:image-{built.digest[7:23]}")

    kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    kept += [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    kept += [json.dumps(engine.export(show_secrets=True)).encode(), "".join(heard.said).encode()]
    assert any(reference.encode() in each for each in kept)
    for secret in (PASSWORD, base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()):
        assert not [each for each in kept if secret.encode() in each]
