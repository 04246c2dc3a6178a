"""`modelport verify` on an image that was really built and signed, and on the same with one byte that is other."""

import io
import json
import os
import random
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from automation.cli import main
from model_build import bake, checking, provenance, push, sbom, signing
from model_build.bake import modelcar
from model_build.bake.attachments import ATTESTATION, SIGNATURE
from model_build.bake.layout import Layout, canonical, sha256
from model_build.errors import ModelBuildError
from model_build.pipeline import REPORT_TYPE, Built, build
from model_build.recipe import Recipe
from tests.model_build import models
from tests.tools import golang
from tests.tools.keys import key
from tests.tools.registries import Registry


@dataclass(frozen=True)
class Made:
    built: Built
    layout: Path
    public: Path
    others: Path

    @property
    def image(self) -> str:
        return f"oci:{self.layout}@{self.built.digest}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    folder = tmp_path_factory.mktemp("verified")
    (folder / "m.onnx").write_bytes(models.linear())
    np.savez(folder / "d.npz", X=np.zeros((6, 4), np.float32), y=np.arange(6) % 3)
    asked = {"name": "tiny", "source": "m.onnx", "evaluate": {"data": "d.npz", "min": 0.1}}
    place, public = key(folder)
    (folder / "release.pub").write_text(public)
    (folder / "others.pub").write_text(key(folder, "others")[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        patch.setenv(signing.KEY_FILE, str(place))
        built = build(Recipe.parse(asked | {"optimize": {"candidates": ["fp32"]}}), project=folder, signed_by=public)
    yield Made(built, folder / "data" / "images", folder / "release.pub", folder / "others.pub")


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Made:
    """A layout of the test's own, whose blobs may be changed one by one."""
    shutil.copytree(made.layout, tmp_path / "images", copy_function=_linked)
    return Made(made.built, tmp_path / "images", made.public, made.others)


def _linked(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def write(place: Path, data: bytes) -> None:
    place.unlink()  # the other layout keeps its own
    place.write_bytes(data)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["verify", *arguments])
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def verdicts(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, str]]:
    code, out, _ = run(capsys, *arguments, "--json")
    return code, {each["what"]: each["verdict"] for each in json.loads(out)["checks"]}


GOOD = dict.fromkeys(
    ("image", "attachments", "report", "bill of materials", "provenance", "signature"), "passed"
)  # fmt: skip


def test_the_files_of_a_model_hold_with_the_image_that_they_are_of(
    copy: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    car = modelcar.attach(copy.layout, copy.built.digest)
    code, found = verdicts(capsys, f"oci:{copy.layout}@{car}")
    own = {"image": "passed", "attachments": "passed", "files": "passed", "signature": "absent"}
    whole = {f"model image: {what}": verdict for what, verdict in (GOOD | {"signature": "unchecked"}).items()}
    assert (code, found) == (0, own | whole)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("models/tiny/model.onnx", (tarfile.REGTYPE, "")),
        ("usr/../models/tiny/model.json", (tarfile.REGTYPE, "")),
        ("models/tiny/.wh.model.onnx", (tarfile.REGTYPE, "")),
        ("usr/models", (tarfile.SYMTYPE, "../models")),
    ],
)
def test_files_that_another_layer_lies_over_do_not(copy: Made, name: str, entry: tuple[bytes, str]) -> None:
    store = Layout(copy.layout)
    manifest = store.manifest(modelcar.attach(copy.layout, copy.built.digest))
    over = io.BytesIO()
    with tarfile.open(fileobj=over, mode="w") as layer:
        added = tarfile.TarInfo(name)
        added.type, added.linkname = entry
        layer.addfile(added)
    digest, size = store.add(over.getvalue())
    manifest["layers"].append({**manifest["layers"][0], "digest": digest, "size": size})
    other, _ = store.add(canonical(manifest))
    found = {each.what: each for each in checking.examine(f"oci:{copy.layout}@{other}", None)}
    assert found["files"].verdict == "failed"
    assert "may be put over the model's files; do not run it" in found["files"].detail


def test_what_was_built_here_holds(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdicts(capsys, made.image, "--key", str(made.public)) == (0, GOOD)


def test_it_is_a_table_for_people(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, made.image)
    assert code == 0
    assert "ok      report             tiny 1: fp32 passed its gate\n" in out
    assert "?       signature          signed, by whom is not known without a key; give --key FILE\n" in out


def test_the_key_of_somebody_else_fails_it(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = verdicts(capsys, made.image, "--key", str(made.others))
    assert (code, found) == (1, GOOD | {"signature": "failed", "provenance": "failed"})
    _, _, said = run(capsys, made.image, "--key", str(made.others))
    assert f"error: {made.image} does not hold: provenance, signature; do not run it" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits:latest"], "names no registry"),
        (["127.0.0.1:5000/digits:1"], "names no digest"),
        (["oci:/nowhere"], "expected a registry's image by digest or one of this machine"),
        (["{}", "--key", "/nowhere.pub"], "--key is '/nowhere.pub', which cannot be read: No such file or directory"),
        (["{}", "--key", __file__], "the key holds no public key"),
    ],
)
def test_what_cannot_be_asked_is_bad_input(
    made: Made, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    code, _, error = run(capsys, *(each.format(made.image) for each in arguments))
    assert code == 2
    assert said in error


def kinds(made: Made) -> dict[str, list[str]]:
    """Digests of the blobs of each kind: the image's own, its model's layer, and what is attached."""
    store = Layout(made.layout)
    manifest = store.manifest(made.built.digest)
    found = {
        "image": [made.built.digest, manifest["config"]["digest"], *(each["digest"] for each in manifest["layers"])],
        "model": [manifest["layers"][-1]["digest"]],
    }
    names = {sbom.TYPE: "bill of materials", SIGNATURE: "signature", ATTESTATION: "provenance", REPORT_TYPE: "report"}
    for each in bake.referrers(made.layout, made.built.digest):
        held = store.manifest(each["digest"])
        blobs = [each["digest"], held["config"]["digest"], *(layer["digest"] for layer in held["layers"])]
        found[names.get(each["artifactType"], "statement")] = blobs
    return found


def test_a_thousand_flips_of_a_bit_are_all_found(copy: Made) -> None:
    """In image, model, bill of materials, signature, provenance and report. All bytes are read each time."""
    chance = random.Random(9)
    store = Layout(copy.layout)
    found = kinds(copy)
    sizes = {digest: store.blob(digest).stat().st_size for blobs in found.values() for digest in blobs}
    # What is large is read whole as well, but not so often.
    times = {"image": 190, "model": 170, "bill of materials": 170, "signature": 190, "provenance": 140, "report": 140}
    assert sum(times.values()) == 1000
    missed = 0
    for kind, count in times.items():
        small = [digest for digest in found[kind] if sizes[digest] < 1 << 20]
        large = [digest for digest in found[kind] if sizes[digest] >= 1 << 20]
        for turn in range(count):
            digest = chance.choice(large if large and turn < 15 else small)
            place = store.blob(digest)
            if place.stat().st_nlink > 1:
                write(place, place.read_bytes())
            with place.open("r+b") as file:
                file.seek(at := chance.randrange(sizes[digest]))
                byte = file.read(1)[0]
                file.seek(at)
                file.write(bytes([byte ^ 1 << chance.randrange(8)]))
            missed += not checking.damage(store, digest, sizes[digest])
            with place.open("r+b") as file:
                file.seek(at)
                file.write(bytes([byte]))
            assert sizes[digest] > 1 << 20 or checking.damage(store, digest, sizes[digest]) == ""
    assert missed == 0


@pytest.mark.parametrize("with_key", [True, False])
@pytest.mark.parametrize("kind", ["image", "model", "bill of materials", "signature", "provenance", "report"])
def test_one_flip_in_each_kind_of_thing_fails_the_whole(copy: Made, kind: str, with_key: bool) -> None:
    store = Layout(copy.layout)
    place = store.blob(kinds(copy)[kind][-1])
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    write(place, bytes(data))
    found = checking.examine(copy.image, copy.public.read_text() if with_key else None)
    assert [each.what for each in found if each.verdict == "failed"]


@pytest.mark.skipif(
    not os.environ.get("MODELPORT_SOAK"),
    reason="takes minutes; MODELPORT_SOAK=1 runs it, as `make soak` does",
)
def test_a_thousand_images_with_one_flip_each_are_all_refused(copy: Made) -> None:
    """The whole of `verify` each time, with the key, and at the end the image as it was."""
    chance = random.Random(19)
    store = Layout(copy.layout)
    found = kinds(copy)
    public = copy.public.read_text()
    taken: list[str] = []
    for turn in range(1000):
        kind = [*found][turn % len(found)]
        place = store.blob(digest := chance.choice(found[kind]))
        if place.stat().st_nlink > 1:
            write(place, place.read_bytes())
        with place.open("r+b") as file:
            file.seek(at := chance.randrange(place.stat().st_size))
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << chance.randrange(8)]))
        if all(each.verdict != "failed" for each in checking.examine(copy.image, public)):
            taken.append(f"{kind} {digest} at {at}")
        with place.open("r+b") as file:
            file.seek(at)
            file.write(bytes([byte]))
    assert taken == []
    assert all(each.verdict != "failed" for each in checking.examine(copy.image, public))


def test_a_blob_that_is_not_there(copy: Made) -> None:
    Layout(copy.layout).blob(kinds(copy)["model"][0]).unlink()
    first = checking.examine(copy.image, None)[0]
    assert first.verdict == "failed"
    assert "is not there" in first.detail


def replaced(copy: Made, kind: str, title: str, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """Attach another text of a kind in the place of the first, whole and by its digest; what fails."""
    store = Layout(copy.layout)
    write(copy.layout / "index.json", (copy.layout / "index.json").read_bytes())
    index = store.index()
    old = [each for each in index["manifests"] if each.get("artifactType") == kind]
    (layer,) = [
        layer
        for layer in store.manifest(old[0]["digest"])["layers"]
        if layer["annotations"]["org.opencontainers.image.title"] == title
    ]
    told = json.loads(store.read(layer["digest"]))
    change(told)
    index["manifests"] = [each for each in index["manifests"] if each not in old]
    write(copy.layout / "index.json", canonical(index))
    file = copy.layout.parent / title
    file.write_bytes(canonical(told))
    bake.attach(copy.layout, copy.built.digest, kind, {title: file})
    return [each.what for each in checking.examine(copy.image, None) if each.verdict == "failed"]


def test_a_report_that_did_not_pass_or_is_of_another_image(copy: Made) -> None:
    assert replaced(
        copy, REPORT_TYPE, "report.json", lambda told: told["candidates"][0].update(passed=False, missed=["min"])
    ) == ["report"]
    assert replaced(
        copy, REPORT_TYPE, "report.json", lambda told: told["image"].update(digest="sha256:" + "0" * 64)
    ) == ["report"]


def test_a_bill_of_materials_that_leaves_something_out_or_is_of_another_image(copy: Made) -> None:
    assert replaced(copy, sbom.TYPE, sbom.FILE, lambda told: told["components"].pop()) == ["bill of materials"]
    assert replaced(
        copy, sbom.TYPE, sbom.FILE, lambda told: told["metadata"]["component"].update(version="sha256:" + "0" * 64)
    ) == ["bill of materials"]


def test_a_bill_of_materials_that_is_incomplete_says_so(copy: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a base whose packages nobody here can read."""
    whole = json.loads(sbom.describe(copy.layout, copy.built.digest))
    gaps = {"compositions": [{"aggregate": "incomplete", "assemblies": [copy.built.digest]}]}
    monkeypatch.setattr(sbom, "describe", lambda *_: json.dumps(whole | gaps).encode())
    said = {each.what: each for each in checking.examine(copy.image, None)}["bill of materials"]
    assert said.verdict == "failed"
    assert "it says that it is complete and is not" in said.detail
    assert replaced(copy, sbom.TYPE, sbom.FILE, lambda told: told.update(gaps)) == []
    said = {each.what: each for each in checking.examine(copy.image, None)}["bill of materials"]
    assert said.detail.endswith("components; the image has more, and the document says so")


def beside(copy: Made, data: bytes, kind: str = SIGNATURE) -> str:
    """Put a manifest beside the image as whoever may push there can; its digest."""
    digest = sha256(data)
    (copy.layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).write_bytes(data)
    index = json.loads((copy.layout / "index.json").read_bytes())
    index["manifests"].append({"digest": digest, "size": len(data), "artifactType": kind})
    write(copy.layout / "index.json", canonical(index))
    return digest


DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    "data",
    [
        DEEP,
        b"[]",
        b"null",
        b'{"subject": "x"}',
        b'{"subject": {"digest": "DIGEST"}, "config": {"digest": "x", "size": 1e999}, "layers": []}',
        b'{"subject": {"digest": "DIGEST"}, "config": {}, "layers": 5}',
        b'{"subject": {"digest": "DIGEST"}, "layers": [{"digest": "sha256:../../../dev/zero", "size": 1}]}',
    ],
    ids=range(7),
)
def test_nonsense_beside_an_image_is_told_and_nothing_more(copy: Made, data: bytes) -> None:
    beside(copy, data.replace(b"DIGEST", copy.built.digest.encode()))
    found = {each.what: each for each in checking.examine(copy.image, copy.public.read_text())}
    assert found["attachments"].verdict == "failed"
    assert found["image"].verdict == "passed"
    assert all("\n" not in each.detail and len(each.detail) < 400 for each in found.values())


def test_a_report_that_is_none_hides_no_other(copy: Made) -> None:
    for at, text in enumerate((b"{}", DEEP)):
        file = copy.layout.parent / str(at) / "report.json"
        file.parent.mkdir()
        file.write_bytes(text)
        write(copy.layout / "index.json", (copy.layout / "index.json").read_bytes())
        bake.attach(copy.layout, copy.built.digest, REPORT_TYPE, {"report.json": file})
    assert [each.what for each in checking.examine(copy.image, None) if each.verdict == "failed"] == []


def test_an_index_of_a_layout_that_is_none_is_one_error(copy: Made) -> None:
    for text in (DEEP, b"[]", b'{"manifests": null}'):
        write(copy.layout / "index.json", text)
        with pytest.raises(ModelBuildError, match=r"index\.json: damaged"):
            checking.examine(copy.image, None)


def test_provenance_of_another_image(copy: Made) -> None:
    assert replaced(
        copy, provenance.TYPE, provenance.FILE, lambda told: told["subject"][0]["digest"].update(sha256="0" * 64)
    ) == ["provenance"]


def test_what_is_in_a_registry_is_checked_there(
    made: Made, registry: Registry, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reference = push.push(made.layout, made.built.digest, f"{registry.host}/verified/tiny").reference
    assert verdicts(capsys, reference, "--key", str(made.public)) == (0, GOOD)
    assert verdicts(capsys, reference, "--key", str(made.others))[0] == 1


def cosign(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(golang.program(*golang.COSIGN)), *arguments],
        capture_output=True, text=True, check=False, cwd=home, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


def test_cosign_agrees_on_signature_and_provenance(made: Made, registry: Registry, tmp_path: Path) -> None:
    """Sigstore's own tool, on what Debian's registry holds."""
    reference = push.push(made.layout, made.built.digest, f"{registry.host}/cosigned/tiny").reference
    asked = (
        ("verify", "--insecure-ignore-tlog=true"),
        ("verify-attestation", "--insecure-ignore-tlog=true", "--type", "slsaprovenance1"),
    )
    for words in asked:
        by_us = cosign(*words, "--key", str(made.public), reference, home=tmp_path)
        assert (by_us.returncode, words[0], by_us.stderr if by_us.returncode else "") == (0, words[0], "")
        assert cosign(*words, "--key", str(made.others), reference, home=tmp_path).returncode != 0
    said = cosign(*asked[1], "--key", str(made.public), reference, home=tmp_path).stdout
    assert json.loads(said)["payloadType"] == provenance.TYPE
