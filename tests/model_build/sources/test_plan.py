"""What a change of a model that lies elsewhere comes to: in a preview, in an update, and on another machine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_build import plan
from model_build.bake.layout import Layout
from model_build.recipe import Recipe
from model_build.sources import s3
from tests.model_build import models
from tests.model_build.dynamic_host import host
from tests.model_build.sources.conftest import Bucket
from tests.tools.web import Page, Web

Make = Callable[..., Recipe]
ROWS = "a,b,c,d,y\n" + "\n".join(
    ",".join(f"{value:.3f}" for value in row) + f",{number % 3}"
    for number, row in enumerate(np.random.default_rng(0).normal(size=(30, 4)))
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    (made / "rows.csv").write_text(ROWS)
    return made


def checked(recipe: Recipe, folder: Path, olds: dict[str, Any] | None = None) -> dict[str, Any]:
    inputs, failures = plan.check(olds or {}, {"recipe": recipe.canonical()}, folder)
    assert failures == []
    return inputs


def test_a_preview_that_cannot_look_says_so_and_goes_on(
    folder: Path, bucket: Bucket, recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = recipe(source=bucket.put("m.onnx", models.linear()), evaluate={"data": "rows.csv"})
    before = checked(asked, folder)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    inputs = checked(asked, folder, before)
    assert "identity" not in inputs
    said = f"could not look: source is 's3://{bucket.name}/m.onnx', but credentials are missing or refused; set AWS_"
    assert plan.announcement(inputs).startswith(f"modelport: iris: plan: {said}")
    assert plan.change(before | {"digest": "sha256:1"}, inputs).startswith(said)


def test_a_preview_that_could_not_look_at_nothing_else_still_refuses_what_is_wrong(folder: Path, recipe: Make) -> None:
    asked = recipe(source="https://models.example.com/m.onnx", evaluate={"data": "rows.csv"})
    _, failures = plan.check({}, {"recipe": asked.canonical()}, folder)
    assert failures[0][0] == "recipe" and "which has no digest" in failures[0][1]


def test_the_state_spares_another_machine_the_download(
    folder: Path, bucket: Bucket, recipe: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bucket.put("rows.csv", ROWS.encode())
    asked = recipe(source=bucket.put("m.onnx", models.linear()), evaluate={"data": data})
    before = checked(asked, folder)
    assert set(before["sources"]) == {"source", "evaluate.data"}
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(folder / "another"))
    monkeypatch.setattr(s3.S3, "part", None)
    again = checked(asked, folder, json.loads(json.dumps(before)))
    assert again == before


def test_a_moved_model_is_the_same_model(folder: Path, bucket: Bucket, web: Web, recipe: Make) -> None:
    (folder / "m.onnx").write_bytes(models.linear())
    places = ["m.onnx", bucket.put("deep/m.onnx", models.linear()), web.put("/m.onnx", Page(models.linear()))]
    found = [checked(recipe(source=place, evaluate={"data": "rows.csv"}), folder) for place in places]
    assert len({each["identity"] for each in found}) == 1


def test_an_untrusted_pickle_is_refused_before_it_is_fetched(folder: Path, web: Web, recipe: Make) -> None:
    asked = recipe(source=web.put("/m.pkl", Page(b"1")), evaluate={"data": "rows.csv"})
    _, failures = plan.check({}, {"recipe": asked.canonical()}, folder)
    assert "a pickle, which runs code of its author" in failures[0][1]
    assert not web.asked


def test_an_update_fetches_builds_and_says_where_it_comes_from(
    folder: Path, tmp_path: Path, web_server: Web, signer: Any, recipe: Make
) -> None:
    model = web_server.put("/up/m.onnx", Page(models.linear(seed=7), ["status 403"]))
    asked = recipe(source=model, evaluate={"data": "rows.csv"}, optimize={"candidates": ["fp32"]})
    environment = {"MODELPORT_DATA_DIR": str(tmp_path / "data"), "SSL_CERT_FILE": str(signer.certificate_file)}
    cache = Path(plan.folders.cache())
    for each in (cache / "sources").glob("*/m.onnx"):
        if each.read_bytes() == models.linear(seed=7):
            each.unlink()  # of an earlier run
    with host(folder, tmp_path / "log", **environment) as plugin:
        news, failures = plugin.check({"recipe": asked.canonical()})
        assert failures == [] and web_server.pages["/up/m.onnx"].faults
        with pytest.raises(Exception, match=r"refuses \(403\), expected leave to read it"):
            plugin.create(news)
        _, outs = plugin.create(news)
        again, _ = plugin.check({"recipe": asked.canonical()}, news)
        assert not plugin.changed(outs, again)
    place, _, digest = str(outs["layout_image"]).removeprefix("oci:").rpartition("@")
    store = Layout(Path(place))
    told = [
        store.read(store.manifest(each["digest"])["layers"][0]["digest"])
        for each in store.index()["manifests"]
        if each.get("artifactType") == "application/vnd.in-toto+json"
    ]
    (definition,) = [json.loads(each)["predicate"]["buildDefinition"] for each in told if digest[7:].encode() in each]
    by_name = {each["name"]: each for each in definition["resolvedDependencies"]}
    told_of = by_name["source.content"]
    assert (told_of["uri"], told_of["digest"]) == (model, {"sha256": model.partition("sha256=")[2]})
    assert "uri" not in by_name["evaluation.content"]
