"""Models that MLflow has logged, from its own server, logged there by its own client."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import onnx
import onnxruntime
import pytest

from model_build import content
from model_build.errors import SourceError
from model_build.identity import identify
from model_build.sources import Finder, Source, asking, downloads, find, keeping, mlflow_flavours, model_name
from model_build.sources.mlflow import Mlflow as Elsewhere
from model_build.sources.remote import ChangedError, UnreachedError
from tests.tools import mlflow_server
from tests.tools.hub import Hub
from tests.tools.mlflow_server import PASSWORD, Mlflow


@dataclass
class Logged:
    server: Mlflow
    runs: dict[str, str]
    models: dict[str, str]

    def file(self, name: str, file: str) -> Path:
        """Where the server has an artifact of a logged model."""
        return self.server.artifacts() / "1" / "models" / self.models[name] / "artifacts" / file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    """Dear to start, so all tests of this module share it: what one changes there is its own."""
    made, names = mlflow_server.with_models(tmp_path_factory.mktemp("mlflow"))
    yield Logged(made, names["runs"], names["models"])
    made.stop()


@pytest.fixture
def logged(server: Logged, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Logged:
    """The environment knows the server and its login, the cache is empty, and nobody waits between tries."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    for name, value in server.server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0)
    return server


def on(address: str, path: Path) -> Source:
    return find(f"mlflow:{address}", path, "source")


def test_a_version_is_fetched_and_is_the_same_as_its_file_on_this_machine(logged: Logged, tmp_path: Path) -> None:
    found = on("models:/iris/1", tmp_path)
    there = logged.file("iris", "model.skops")
    assert (found.path is not None and found.path.name, found.parts()) == (
        "model.skops",
        {"content": content.of_file(there)},
    )
    assert found.parts() == find(str(there), tmp_path, "source").parts()


def test_its_version_tells_which_run_made_it(logged: Logged, tmp_path: Path) -> None:
    found = on("models:/iris@champion", tmp_path)
    assert found.pinned is not None
    assert found.pinned.version.startswith(f"iris version 1, run {logged.runs['iris']}, MLmodel ")


def test_an_alias_is_followed(logged: Logged, tmp_path: Path) -> None:
    def move(version: str) -> None:
        logged.server.call("POST", "registered-models/alias", name="iris", alias="next", version=version)

    move("1")
    first = on("models:/iris@next", tmp_path).parts()
    move("2")
    second = on("models:/iris@next", tmp_path).parts()
    assert (first, second) == (on("models:/iris/1", tmp_path).parts(), on("models:/iris/2", tmp_path).parts())
    assert first != second


def test_a_run_and_a_logged_model_lead_to_the_same_files(logged: Logged, tmp_path: Path) -> None:
    version = on("models:/iris/1", tmp_path).parts()
    assert on(f"runs:/{logged.runs['iris']}/model", tmp_path).parts() == version
    assert on(f"models:/{logged.models['iris']}", tmp_path).parts() == version


def test_a_model_in_the_artifacts_of_its_run_is_found(logged: Logged, tmp_path: Path) -> None:
    found = on(f"runs:/{logged.runs['older']}/model", tmp_path)
    assert found.path is not None and found.path.name == "model.onnx"


def test_weights_beside_an_onnx_file_come_with_it(logged: Logged, tmp_path: Path) -> None:
    found = on("models:/network/1", tmp_path)
    assert found.path is not None and model_name(found) == "model.onnx"
    beside = [path.name for path in logged.file("network", "").iterdir() if path.suffix == ".data"]
    assert len(beside) == 1 and sorted(path.name for path in found.path.iterdir()) == sorted([*beside, "model.onnx"])
    onnx.checker.check_model(str(found.path / "model.onnx"))
    session = onnxruntime.InferenceSession(str(found.path / "model.onnx"))
    assert session.run(None, {"x": np.zeros((2, 4), np.float32)})[0].shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "kind", "file"),
    [("boosted", "xgboost", "model.ubj"), ("light", "lightgbm", "model.txt"), ("network", "onnx", "model.onnx")],
)
def test_flavours_lead_to_formats(logged: Logged, tmp_path: Path, name: str, kind: str, file: str) -> None:
    found = on(f"models:/{name}/1", tmp_path)
    assert model_name(found) == file
    parts = identify(recipe(f"models:/{name}/1", tmp_path), tmp_path).parts
    assert f"tool.{kind}" in parts and parts["source.content"] == found.parts()["content"]


def recipe(address: str, path: Path) -> dict[str, object]:
    (path / "data.csv").write_text("x,label\n1,0\n")
    return {"source": f"mlflow:{address}", "evaluate": {"data": "data.csv"}}


def test_a_pickle_wants_trust(logged: Logged, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="source is 'mlflow:models:/pickled/1', a pickle, which runs code"):
        identify(recipe("models:/pickled/1", tmp_path), tmp_path)
    identify(recipe("models:/pickled/1", tmp_path) | {"trust": True}, tmp_path)


def test_a_model_logged_anew_in_its_place_is_another_one(logged: Logged, tmp_path: Path) -> None:
    before = on("models:/light/1", tmp_path)
    described, model = logged.file("light", "MLmodel"), logged.file("light", "model.lgb")
    kept = described.read_bytes(), model.read_bytes()
    try:
        described.write_bytes(kept[0] + b"# at another time\n")
        model.write_bytes(kept[1] + b"\n")
        after = on("models:/light/1", tmp_path)
    finally:
        described.write_bytes(kept[0])
        model.write_bytes(kept[1])
    assert before.parts() != after.parts()


def test_one_that_is_logged_anew_while_it_is_read_is_refused(logged: Logged, tmp_path: Path, own_cache: Path) -> None:
    elsewhere = Elsewhere("mlflow:models:/boosted/1", "source")
    seen = elsewhere.look()
    described = logged.file("boosted", "MLmodel")
    kept = described.read_bytes()
    try:
        described.write_bytes(kept + b"# at another time\n")
        with pytest.raises(ChangedError, match="became another one while it was read, expected one that stays"):
            keeping.bring(elsewhere, seen, None, lambda _: None)
    finally:
        described.write_bytes(kept)
    assert [path for path in (own_cache / "sources").iterdir() if not path.name.startswith(".")] == []


def test_what_is_known_of_a_version_is_not_fetched_again(logged: Logged, tmp_path: Path) -> None:
    finder = Finder(tmp_path)
    first = finder("mlflow:models:/iris/1", "source")
    said: list[str] = []
    again = Finder(tmp_path, fetch=False, told=finder.pins, say=said.append)("mlflow:models:/iris/1", "source")
    assert (again.parts(), said) == (first.parts(), [])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("models:/rose/1", "the registry has no model 'rose'; look at the name, or register it"),
        ("models:/iris/9", r"iris has no version 9; it has versions up to 2, and the aliases .*champion \(version 1\)"),
        ("models:/iris@best", "iris has no alias 'best'; it has versions up to 2"),
        (f"runs:/{'0' * 32}/model", "the server has no run '0000"),
        (f"models:/m-{'0' * 32}", "the server has no such logged model; look at its id"),
        ("models:/function/1", r"flavour python_function alone, which is a function of Python .*; log it as ONNX \(ml"),
        (
            "models:/iris/latest",
            "expected mlflow:models:/NAME/VERSION, .*; name a version, or an alias, which says more",
        ),
        ("models:/iris", "expected mlflow:models:/NAME/VERSION, mlflow:models:/NAME@ALIAS or mlflow:runs:/RUN/MODEL"),
        ("runs:/abc", "expected mlflow:models:/NAME/VERSION"),
    ],
)
def test_what_cannot_be_meant_is_one_error(logged: Logged, tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        on(address, tmp_path)


def test_a_run_says_what_it_has_logged(logged: Logged, tmp_path: Path) -> None:
    run = logged.runs["iris"]
    with pytest.raises(SourceError, match=r"but the run has no 'best'; it has logged model"):
        on(f"runs:/{run}/best", tmp_path)
    with pytest.raises(
        SourceError, match=r"which is no model, expected a folder with the file MLmodel; there is readme"
    ):
        on(f"runs:/{run}/notes", tmp_path)


def test_files_that_the_server_does_not_hand_out_are_refused(logged: Logged, tmp_path: Path) -> None:
    logged.server.call("POST", "registered-models/create", name="away")
    logged.server.call("POST", "model-versions/create", name="away", source="s3://bucket/models/away")
    said = (
        r"whose files are in 's3://bucket/models/away', expected a server that hands them out .* --serve-artifacts, or"
    )
    with pytest.raises(SourceError, match=said):
        on("models:/away/1", tmp_path)


def test_a_login_is_asked_for_and_not_told(logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong-and-secret")
    with pytest.raises(UnreachedError, match=r"refuses the login that is given \(401\); set MLFLOW_TRACKING_") as error:
        on("models:/iris/1", tmp_path)
    assert "secret" not in str(error.value)
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    with pytest.raises(UnreachedError, match=r"wants a login \(401\)"):
        on("models:/iris/1", tmp_path)


def test_a_login_of_mlflows_own_file_or_address_does(
    logged: Logged, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD")
    login = f"admin:{PASSWORD}@"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", logged.server.address.replace("://", f"://{login}"))
    assert on("models:/iris/1", tmp_path).path is not None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", logged.server.address)
    kept = tmp_path / ".mlflow" / "credentials"
    kept.parent.mkdir()
    kept.write_text(f"[mlflow]\nmlflow_tracking_username = admin\nmlflow_tracking_password = {PASSWORD}\n")
    assert on("models:/iris/2", tmp_path).path is not None
    written = [path.read_bytes() for path in own_cache.rglob("*") if path.is_file()]
    assert written and not any(PASSWORD.encode() in each for each in written)


def test_a_token_is_shown_to_the_server(logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "of-the-tests")
    other = Hub()
    try:
        other.status = 403
        monkeypatch.setenv("MLFLOW_TRACKING_URI", other.address)
        with pytest.raises(UnreachedError, match=r"refuses the login that is given \(403\)") as error:
            on("models:/iris/1", tmp_path)
        assert all(request.authorised for request in other.requests) and "of-the-tests" not in str(error.value)
        other.heal()
        with pytest.raises(
            UnreachedError, match=r"does not answer as MLflow does \(404, application/json\), expected the"
        ):
            on("models:/iris/1", tmp_path)
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "MLFLOW_TRACKING_URI is not set; set it to the address of an MLflow tracking server"),
        ("sqlite:///mlflow.db", "MLFLOW_TRACKING_URI begins with 'sqlite', expected http:// or https://"),
        ("databricks", "MLFLOW_TRACKING_URI begins with 'databricks', expected http"),
        (
            "http://127.0.0.1:1",
            r"but 127\.0\.0\.1:1 does not answer \(.*\); look at the network and MLFLOW_TRACKING_URI",
        ),
    ],
)
def test_without_a_server_nothing_can_be_said(
    logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UnreachedError, match=said):
        on("models:/iris/1", tmp_path)


def test_a_server_that_is_silent_is_given_up(logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT", httpx.Timeout(0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UnreachedError, match=r"does not answer \(timed out\)"):
            on("models:/iris/1", tmp_path)


@pytest.mark.parametrize(
    ("flavours", "every", "said"),
    [
        ({"sklearn": {"pickled_model": "model.pkl"}}, "MLmodel model.pkl conda.yaml", {"model.pkl": "model.pkl"}),
        ({"pytorch": {"model_data": "data"}}, "data/model.pt2 data/info.txt", {"model.pt2": "data/model.pt2"}),
        ({"keras": {"data": "data"}}, "data/model.keras data/keras_module.txt", {"model.keras": "data/model.keras"}),
        ({"xgboost": {"data": "model.xgb"}}, "model.xgb", {"model.ubj": "model.xgb"}),
        (
            {"transformers": {}},
            "model/config.json",
            "a model of the flavour transformers, expected one of onnx, sklearn",
        ),
        ({"onnx": {"data": "model.onnx"}}, "MLmodel", "of the flavour onnx with MLmodel as 'model.onnx', expected one"),
        ({"sklearn": {"pickled_model": "../../model.pkl"}}, "model.pkl", "of the flavour sklearn with model.pkl as"),
        ({}, "MLmodel", "tells of no flavour"),
    ],
)
def test_what_of_an_artifact_is_the_model(flavours: dict[str, object], every: str, said: dict[str, str] | str) -> None:
    told, names = {"flavors": {**flavours, "python_function": {}} if flavours else {}}, dict.fromkeys(every.split())
    if isinstance(said, dict):
        assert mlflow_flavours.chosen(told, names) == said
        return
    with pytest.raises(ValueError, match=said):
        mlflow_flavours.chosen(told, names)
