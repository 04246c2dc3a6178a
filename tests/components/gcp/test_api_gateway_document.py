"""What a gateway is told of an API: right to OpenAPI's own validator, and what a server of ours answers."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from components.gcp.api_gateway_document import ROUTES
from tests.components.gcp import openapi
from tests.components.gcp.test_api_gateway import JWT, document, planned
from tests.serving import models
from tests.serving.support import Server

KINDS: dict[str, dict[str, Any]] = {
    "keys": {},
    "tokens": {"without": "keys", "jwt": JWT},
    "both": {"jwt": {**JWT, "keys_url": "https://accounts.example.com/keys"}, "per_minute": 5, "timeout": 0.5 + 1},
    "everybody": {"without": "keys", "anonymous": True},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("digits")
    with closing(Server(folder, models.digits(folder / "model"))) as server:
        yield server


@pytest.mark.parametrize("kind", KINDS)
def test_the_document_is_one_of_openapi(kind: str) -> None:
    assert openapi.misfits(document(planned(**KINDS[kind]))) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"swagger": "3.0"}, "'3.0' is not one of ['2.0']"),
        ({"paths": {"/v2": {"get": {}}}}, "'responses' is a required property"),
        ({"paths": {"/v2/{model}": {"get": {"responses": {"default": {"description": ""}}}}}}, "'model'"),
        ({"securityDefinitions": {"api_key": {"type": "apiKey", "name": "x-api-key"}}}, "apiKey"),
    ],
)
def test_the_validator_sees_what_is_wrong(change: dict[str, Any], said: str) -> None:
    assert said in openapi.misfits({**document(planned()), **change})


def test_operations_have_names_of_their_own() -> None:
    told = document(planned())["paths"]
    names = [each["operationId"] for path in told.values() for key, each in path.items() if key != "parameters"]
    assert len(set(names)) == len(names) == len(ROUTES)
    assert all(each.isalnum() for each in names)


@pytest.mark.parametrize("path", ROUTES)
def test_the_server_has_what_the_gateway_serves(server: Server, http: httpx.Client, path: str) -> None:
    asked = path.format(model="digits", version="1")
    answer = http.request(ROUTES[path].upper(), f"{server.url}{asked}", json={})
    assert answer.status_code not in (404, 405), answer.text


def test_the_gateway_serves_what_the_server_has_of_the_protocol(server: Server, http: httpx.Client) -> None:
    """The server's own routes are asked by what it says of a path that it has not."""
    said = http.get(f"{server.url}/v2/models/digits/nothing").json()["error"]
    of_model = {word.strip(",") for word in said.partition("a model has ")[2].split() if word.startswith("/")}
    assert of_model == {path.removeprefix("/v2/models/{model}") for path in ROUTES if path.count("/") == 4} - {
        "/v2/repository/index"
    }


def test_what_is_not_of_the_protocol_is_not_served() -> None:
    assert not {"/metrics", "/ping", "/invocations"} & set(document(planned())["paths"])
    assert "**" not in json.dumps(document(planned())), "what is below a path would be served too"


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60.0, trust_env=False) as client:
        yield client
