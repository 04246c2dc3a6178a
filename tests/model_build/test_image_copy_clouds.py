"""One image in Amazon ECR and in Google's Artifact Registry, of one program and one `up`, with no login anywhere."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from model_build.push import exists
from model_build.recipe import Recipe
from tests.model_build.conftest import IRIS
from tests.model_build.operations import Heard
from tests.tools import artifact_registry, ecr
from tests.tools.tunnels import tunnel

AWS = f"{ecr.HOST}/models/iris"
GOOGLE = f"{artifact_registry.HOST}/{artifact_registry.PROJECT}/models/iris"
PROGRAM = f"""
import pulumi
from model_build.image_copy import ImageCopy
from model_build.resource import ModelImage

image = ModelImage("iris", {{"recipe": open("recipe.json").read(), "destination": "{AWS}"}})
copy = ImageCopy("iris", {{"source": image.reference, "destination": "{GOOGLE}"}})
pulumi.export("references", [image.reference, copy.reference])
"""


@pytest.fixture
def there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ecr.Ecr, artifact_registry.ArtifactRegistry]]:
    """Both registries, to which the environment leads."""
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with ecr.start(tmp_path / "ecr") as aws, artifact_registry.start(tmp_path / "google") as google:
        ways = {ecr.HOST: aws.registry.host, artifact_registry.HOST: google.registry.host}
        trusted = tmp_path / "trusted.pem"
        trusted.write_text("".join(Path(each.environment["SSL_CERT_FILE"]).read_text() for each in (aws, google)))
        with tunnel(ways) as proxy:
            for name in ("https_proxy", "http_proxy", "HTTP_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.delenv(name, raising=False)
            leads = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(trusted)}
            for name, value in {**aws.environment, **google.environment, **leads}.items():
                monkeypatch.setenv(name, value)
            monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google.google.key_file(tmp_path / "key")))
            yield aws, google


def test_one_up_brings_the_same_digest_to_both(
    there: tuple[ecr.Ecr, artifact_registry.ArtifactRegistry],
    tmp_path: Path,
    recipe: Callable[..., Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aws, google = there
    project = tmp_path / "shop"
    project.mkdir()
    files = {"Pulumi.yaml": "name: shop\nruntime: python\n", "Pulumi.dev.yaml": "{}\n", "__main__.py": PROGRAM}
    for name, text in {**files, "iris.py": IRIS, "recipe.json": recipe().canonical()}.items():
        (project / name).write_text(text)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    heard = Heard()
    done = heard.done

    engine = Engine(project, "dev", f"file://{tmp_path / 'state'}")
    (tmp_path / "state").mkdir()
    assert done(engine.preview(on_event=heard)) == {"create": 3}
    assert google.google.asked == [], "a preview needs no login"
    assert done(engine.up(on_event=heard)) == {"create": 3}
    outputs: Any = engine.outputs()
    digests = {each.partition("@")[2] for each in outputs["references"]}
    assert outputs["references"] == [f"{AWS}@{next(iter(digests))}", f"{GOOGLE}@{next(iter(digests))}"]
    assert digests <= aws.registry.blobs() and digests <= google.registry.blobs()
    assert all(exists(each) for each in outputs["references"])

    (project / "recipe.json").write_text(recipe(version="2").canonical())
    assert done(engine.preview(on_event=heard)) == {"same": 1, "update": 2}
    assert done(engine.up(on_event=heard)) == {"same": 1, "update": 2}
    after: Any = engine.outputs()
    assert len({each.partition("@")[2] for each in after["references"]} - digests) == 1
    assert done(engine.up(on_event=heard)) == {"same": 3}
    assert done(engine.refresh(on_event=heard)) == {"same": 3}

    kept = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    kept += [json.dumps(engine.export(show_secrets=True)).encode(), "".join(heard.said).encode()]
    for secret in (ecr.PASSWORD, base64.b64encode(f"AWS:{ecr.PASSWORD}".encode()).decode(), artifact_registry.TOKEN):
        assert not [each for each in kept if secret.encode() in each]
