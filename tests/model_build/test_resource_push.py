"""`ModelImage` with a registry: pushed, pushed elsewhere without a build, missed, taken away."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from model_build import errors
from model_build.push import delete, exists, list_referrers
from model_build.recipe import Recipe
from tests.model_build.dynamic_host import Host, host
from tests.tools.registries import Registry

Make = Callable[..., Recipe]


@pytest.fixture
def home(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No login and no images of the developer's play a part."""
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return project


def wanted(plugin: Host, recipe: Recipe, destination: str, **more: Any) -> dict[str, Any]:
    news, failures = plugin.check({"recipe": recipe.canonical(), "destination": destination, **more})
    assert failures == []
    return news


def test_a_pushed_image_moves_to_another_repository_without_a_build(
    home: Path, tmp_path: Path, recipe: Make, registry: Registry
) -> None:
    with host(home, tmp_path / "log") as plugin:
        first = wanted(plugin, recipe(), f"{registry.host}/resource/one:v1")
        id_, outs = plugin.create(first)
        assert outs["reference"] == f"{registry.host}/resource/one@{outs['digest']}"
        assert {each["artifactType"] for each in list_referrers(outs["reference"])} == {
            "application/vnd.modelport.report.v1",
            "application/vnd.cyclonedx+json",
            "application/vnd.in-toto+json",
        }
        said = len(plugin.log.read_text())
        other = wanted(plugin, recipe(), f"{registry.host}/resource/two:v1", keep=False)
        assert plugin.changed(outs, other)
        after = plugin.update(outs, other)
        assert after["reference"] == f"{registry.host}/resource/two@{outs['digest']}"
        assert ": verify: " not in plugin.log.read_text()[said:]
        assert plugin.read(id_, after) == id_

        delete(after["reference"])
        assert plugin.read(id_, after) == "", "a refresh sees that it is gone"
        plugin.delete(id_, after)
        assert exists(outs["reference"]), "what was pushed before is another's to keep"


def test_an_image_that_is_not_to_be_kept_goes_from_the_registry_too(
    home: Path, tmp_path: Path, recipe: Make, registry: Registry
) -> None:
    with host(home, tmp_path / "log") as plugin:
        id_, outs = plugin.create(wanted(plugin, recipe(), f"{registry.host}/resource/gone", keep=False))
        assert exists(outs["reference"])
        plugin.delete(id_, outs)
    assert not exists(outs["reference"])


def test_a_registry_that_is_down_is_one_clear_error_and_the_image_stays(
    home: Path, tmp_path: Path, recipe: Make, free_port: int
) -> None:
    with host(home, tmp_path / "log") as plugin:
        news = wanted(plugin, recipe(), f"127.0.0.1:{free_port}/resource/down")
        with pytest.raises(grpc.RpcError) as failure:
            plugin.create(news)
        code, message = errors.parse(str(failure.value.details())) or (0, "")
        assert code == 1
        assert f"127.0.0.1:{free_port}" in message
        outs = {**news, "digest": "sha256:0", "reference": f"127.0.0.1:{free_port}/resource/down@sha256:{'0' * 64}"}
        with pytest.raises(grpc.RpcError):
            plugin.read("x", outs)  # not answering is not the same as gone
