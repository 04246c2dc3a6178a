"""push, pull, exists and delete against a real registry."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from model_build import bake
from model_build.bake.layout import Layout
from model_build.push import DestinationError, MissingError, delete, exists, list_referrers, pull, push
from tests.model_build.push.conftest import Small, make
from tests.tools import models
from tests.tools.debian import Program
from tests.tools.registries import Registry


def test_what_was_pushed_is_there_by_tag_and_digest(small: Small, registry: Registry) -> None:
    pushed = push(small.layout, small.digest, f"{registry.host}/push/first:v1")
    assert pushed.reference == f"{registry.host}/push/first@{small.digest}"
    assert sorted(pushed.uploaded) == sorted([*small.layers, small.config])
    assert pushed.skipped == []
    assert exists(pushed.reference)
    assert exists(f"{registry.host}/push/first:v1")
    assert not exists(f"{registry.host}/push/first:v2")
    assert not exists(f"{registry.host}/push/other:v1")


def test_a_second_push_sends_nothing(small: Small, registry: Registry) -> None:
    push(small.layout, small.digest, f"{registry.host}/push/twice")
    again = push(small.layout, small.digest, f"{registry.host}/push/twice:tag")
    assert (again.uploaded, again.bytes) == ([], 0)
    assert sorted(again.skipped) == sorted([*small.layers, small.config])


def test_only_a_changed_layer_travels(small: Small, registry: Registry) -> None:
    push(small.layout, small.digest, f"{registry.host}/push/layer")
    layout = Layout(small.layout)
    manifest = layout.manifest(small.digest)
    new, size = layout.add(os.urandom(5000))
    manifest["layers"][1].update(digest=new, size=size)
    changed, size = layout.add(json.dumps(manifest).encode())
    layout.add_to_index({"mediaType": manifest["mediaType"], "digest": changed, "size": size})
    pushed = push(small.layout, changed, f"{registry.host}/push/layer")
    assert (pushed.uploaded, pushed.bytes) == ([new], 5000)


def test_a_neighbours_blobs_are_mounted_and_not_sent(small: Small, registry: Registry) -> None:
    push(small.layout, small.digest, f"{registry.host}/mount/one")
    before = len(registry.log())
    pushed = push(small.layout, small.digest, f"{registry.host}/mount/two")
    assert pushed.uploaded == [small.config]  # a config is not worth a note
    assert len(set(re.findall(r"mount=(sha256%3A\w+)", registry.log()[before:]))) == len(small.layers)
    assert exists(pushed.reference)


def test_pull_brings_back_the_same_bytes(small: Small, registry: Registry, tmp_path: Path) -> None:
    pushed = push(small.layout, small.digest, f"{registry.host}/pull/one:v1")
    for name in (pushed.reference, f"{registry.host}/pull/one:v1"):
        place = tmp_path / name.rpartition(":")[2]
        assert pull(name, place) == small.digest
        for digest in (small.digest, small.config, *small.layers):
            assert Layout(place).blob(digest).read_bytes() == Layout(small.layout).blob(digest).read_bytes()


def test_delete_takes_it_away_and_again_is_no_error(small: Small, registry: Registry) -> None:
    reference = push(small.layout, small.digest, f"{registry.host}/delete/one:v1").reference
    delete(f"{registry.host}/delete/one:v1")
    assert not exists(reference)
    delete(reference)
    delete(f"{registry.host}/delete/never:v1")


def test_a_missing_image_is_named_with_the_fix(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"missing/one: the registry has none.*look at the name"):
        pull(f"{registry.host}/missing/one:v1", tmp_path / "x")
    assert not (tmp_path / "x" / "index.json").exists()


def test_a_destination_with_another_digest_is_refused(small: Small, registry: Registry) -> None:
    with pytest.raises(DestinationError, match="names another digest"):
        push(small.layout, small.digest, f"{registry.host}/a@sha256:{'0' * 64}")


def test_a_blob_that_the_layout_lost_is_named_before_anything_is_sent(small: Small, registry: Registry) -> None:
    Layout(small.layout).blob(small.layers[1]).unlink()
    with pytest.raises(MissingError, match=f"lacks {small.layers[1]}"):
        push(small.layout, small.digest, f"{registry.host}/lost/one")
    assert small.config not in registry.blobs()


def test_an_attached_report_travels_and_is_found(small: Small, report: str, registry: Registry) -> None:
    reference = push(small.layout, small.digest, f"{registry.host}/report/one:v1").reference
    push(small.layout, small.digest, f"{registry.host}/report/one:v1")
    found = list_referrers(reference)
    assert [(entry["digest"], entry["artifactType"]) for entry in found] == [
        (report, "application/vnd.modelport.report")
    ]
    assert exists(f"{registry.host}/report/one@{report}")


def test_many_attachments_add_up(small: Small, report: str, registry: Registry, tmp_path: Path) -> None:
    push(small.layout, small.digest, f"{registry.host}/report/two")
    (tmp_path / "sbom").write_text("x")
    sbom = bake.attach(small.layout, small.digest, "application/vnd.cyclonedx+json", {"sbom": tmp_path / "sbom"})
    reference = push(small.layout, small.digest, f"{registry.host}/report/two").reference
    assert {entry["digest"] for entry in list_referrers(reference)} == {report, sbom}


def test_a_registry_image_can_be_a_base(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.undo()  # the real cache: a base of Debian packages is not made anew for this
    model = models.folder(tmp_path / "model")
    image = bake.bake(model, name="tiny", base="debian", layout=tmp_path / "images")
    reference = push(tmp_path / "images", image.digest, f"{registry.host}/base/tiny").reference
    again = bake.bake(model, name="again", base=reference, layout=tmp_path / "other")
    assert [layer.digest for layer in again.layers[:4]] == [layer.digest for layer in image.layers]
    same = bake.bake(model, name="again", base=f"oci:{tmp_path / 'images'}@{image.digest}", layout=tmp_path / "third")
    assert same.digest == again.digest


def test_an_image_in_dockers_words_is_pushed_as_that_with_what_is_attached(
    registry: Registry, tmp_path: Path, crane: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    model, layout = models.folder(tmp_path / "model"), tmp_path / "images"
    image = bake.bake(model, name="tiny", base="debian", layout=layout, manifest="docker")
    (tmp_path / "report.json").write_text("{}")
    report = bake.attach(layout, image.digest, "application/vnd.test", {"report.json": tmp_path / "report.json"})
    reference = push(layout, image.digest, f"{registry.host}/docker/tiny:v1").reference
    ran = subprocess.run([str(crane), "validate", "--remote", reference], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, f"PASS: {reference}")
    told = subprocess.run([str(crane), "manifest", reference], capture_output=True, text=True, check=True).stdout
    assert json.loads(told)["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert [each["digest"] for each in list_referrers(reference)] == [report]
    again = bake.bake(model, name="again", base=reference, layout=tmp_path / "other")
    assert [each.digest for each in again.layers[: len(image.layers)]] == [each.digest for each in image.layers]


def test_crane_validates_image_and_layers(
    registry: Registry, tmp_path: Path, crane: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    image = bake.bake(models.folder(tmp_path / "model"), name="tiny", base="debian", layout=tmp_path / "images")
    reference = push(tmp_path / "images", image.digest, f"{registry.host}/crane/tiny:v1").reference
    ran = subprocess.run([str(crane), "validate", "--remote", reference], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.strip()) == (0, f"PASS: {reference}")
    listed = subprocess.run(
        [str(crane), "ls", f"{registry.host}/crane/tiny"], capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == ["v1"]


def test_skopeo_inspects_what_was_pushed(small: Small, registry: Registry, skopeo: Program) -> None:
    push(small.layout, small.digest, f"{registry.host}/skopeo/small:v1")
    command = [str(skopeo.path), "inspect", "--tls-verify=false", f"docker://{registry.host}/skopeo/small:v1"]
    about = json.loads(subprocess.run(command, env=skopeo.env, capture_output=True, text=True, check=True).stdout)
    assert (about["Digest"], about["Layers"], about["Labels"]) == (small.digest, small.layers, {"title": "small"})


def test_an_image_that_crane_pushed_is_pulled(small: Small, registry: Registry, crane: Path, tmp_path: Path) -> None:
    push(small.layout, small.digest, f"{registry.host}/theirs/source:v1")
    source, copy = f"{registry.host}/theirs/source:v1", f"{registry.host}/theirs/copy:v1"
    subprocess.run([str(crane), "copy", source, copy], capture_output=True, check=True)
    assert pull(copy, tmp_path / "pulled") == small.digest


def test_two_images_side_by_side_do_not_mix(registry: Registry, tmp_path: Path) -> None:
    one, two = make(tmp_path / "images", title="one"), make(tmp_path / "images", title="two")
    for image in (one, two):
        push(tmp_path / "images", image.digest, f"{registry.host}/pair/x:latest")
    assert pull(f"{registry.host}/pair/x", tmp_path / "back") == two.digest
    assert exists(f"{registry.host}/pair/x@{one.digest}")
