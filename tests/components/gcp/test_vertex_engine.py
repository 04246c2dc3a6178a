"""The model on an endpoint as the engine brings it there, again and away, and the server that Vertex AI asks then."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from components.gcp.vertex_version import Version, version
from engine.api import Engine, Options, Outcome
from tests.components.gcp.pretend_google import Handler, asked_there, served
from tests.components.gcp.pretend_vertex import Cloud, Json, Prompt
from tests.components.gcp.test_vertex_releasing import props
from tests.serving import models
from tests.serving.support import Server

IMAGE = f"europe-west4-docker.pkg.dev/shop-prod/models/digits@sha256:{'a' * 64}"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    with served() as address:
        asked_there(address, monkeypatch, tmp_path, GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT="v1/")
        Handler.cloud = found = Prompt(empty=True)
        yield found


class Stack:
    """A stack of nothing but the model on an endpoint that is there."""

    def __init__(self, folder: Path) -> None:
        self._project = folder / "project"
        self._project.mkdir()
        (self._project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        self._engine = Engine(self._project, "test")
        self._engine.init()

    def up(self, image: str, **changed: Any) -> Outcome:
        given = props(image, stages="[[100, 0]]", **changed)
        program = ["import pulumi", "from components.gcp.vertex_deployment import VertexDeployment"]
        program += [f"made = VertexDeployment('digits', {given!r})", "pulumi.export('deployed', made.deployed)"]
        (self._project / "__main__.py").write_text("\n".join(program))
        return self._engine.up(Options())

    def deployed(self) -> Any:
        return self._engine.outputs()["deployed"]

    def destroy(self) -> Outcome:
        return self._engine.destroy(Options())


def test_the_engine_brings_versions_there_goes_back_and_takes_all_of_it_away(cloud: Cloud, folder: Path) -> None:
    stack = Stack(folder)
    assert stack.up("one").exit_code == 0
    assert (stack.deployed(), cloud.split) == ("1001", {"1001": 100})
    assert stack.up("two").exit_code == 0
    assert (stack.deployed(), cloud.split, list(cloud.deployed)) == ("1002", {"1002": 100}, ["1002"])
    cloud.broken = {"deployModel": "Model server never became ready."}
    failed = stack.up("three")
    assert failed.exit_code != 0
    assert "modelport: rolled back: the new version of digits did not come up: Model server never became" in str(
        failed.error
    )
    assert (stack.deployed(), cloud.split) == ("1002", {"1002": 100})
    # What is asked for once more is tried once more.
    cloud.broken = {}
    assert stack.up("three").exit_code == 0
    assert stack.deployed() == "1003"
    assert "may not be deleted" in str(stack.destroy().error)
    assert list(cloud.deployed) == ["1003"]
    assert stack.up("three", protected="").exit_code == 0
    assert stack.destroy().exit_code == 0
    assert (cloud.deployed, cloud.models) == ({}, [])


@pytest.fixture(scope="module")
def container() -> Json:
    """What Vertex AI is told of the container."""
    usual = Version("n2-standard-2", None, 0, False, 300, {"MODELPORT_WORKERS": "1"}, None, True)
    found: Json = version(usual, "digits", IMAGE, "key")["model"]["containerSpec"]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, container: Json) -> Iterator[Server]:
    """The real server with the environment of a replica; the port alone is any that is free."""
    place = tmp_path_factory.mktemp("vertex")
    env = {each["name"]: each["value"] for each in container["env"]}
    with closing(Server(place, models.digits(place / "model"), env=env)) as found:
        yield found
        assert "Traceback" not in found.said()


def test_the_server_listens_where_others_than_the_container_itself_reach_it(server: Server) -> None:
    assert server.address.rpartition(":")[0] == "0.0.0.0"


def test_what_vertex_looks_at_is_answered(server: Server, container: Json) -> None:
    assert httpx.get(f"{server.url}{container['healthRoute']}").status_code == 200
    for each in ("startupProbe", "healthProbe", "livenessProbe"):
        assert httpx.get(f"{server.url}{container[each]['httpGet']['path']}").status_code == 200, each


def test_a_raw_prediction_is_an_inference(server: Server, container: Json) -> None:
    body = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.5] * 64}]}
    answer = httpx.post(f"{server.url}{container['predictRoute']}", json=body)
    same = httpx.post(f"{server.url}/v2/models/digits/infer", json=body)
    assert (answer.status_code, answer.json()) == (200, same.json())
    assert answer.headers["modelport-revision"] == "a" * 12


def test_a_raw_prediction_may_be_binary(server: Server, container: Json) -> None:
    raw = np.full((1, 64), 0.5, dtype=np.float32).tobytes()
    about = {"name": "image", "shape": [1, 64], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [about]}).encode()
    kind = f"application/vnd.sagemaker-triton.binary+json;json-header-size={len(head)}"
    answer = httpx.post(f"{server.url}{container['predictRoute']}", content=head + raw, headers={"Content-Type": kind})
    assert answer.status_code == 200


def test_the_form_of_predict_is_refused_with_the_one_that_there_is(server: Server, container: Json) -> None:
    answer = httpx.post(f"{server.url}{container['predictRoute']}", json={"instances": [[0.5] * 64]})
    assert answer.status_code == 400
    assert "inputs" in answer.json()["error"]
