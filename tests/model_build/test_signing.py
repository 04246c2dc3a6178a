"""Signatures: held to OpenSSL's own reading of them, and refused for one byte that is other."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from model_build import bake, plan, signing
from model_build.bake.layout import Layout, canonical
from tests.tools import models
from tests.tools.keys import key


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("signed")
    made = bake.bake(models.folder(folder / "model"), name="tiny", base="debian", layout=folder / "images")
    return folder / "images", made.digest


@pytest.fixture
def signer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[signing.Signer, str]:
    place, public = key(tmp_path)
    monkeypatch.setenv(signing.KEY_FILE, str(place))
    return signing.Signer.of(public), public


def test_openssl_reads_it_and_it_is_found_again(
    image: tuple[Path, str], signer: tuple[signing.Signer, str], tmp_path: Path
) -> None:
    layout, digest = image
    made = signing.attach(layout, digest, "registry.example.com/tiny", signer[0])
    assert signing.found(layout, digest, signer[1]) == made
    store = Layout(layout)
    (layer,) = store.manifest(made)["layers"]
    for name, data in (
        ("payload", store.read(layer["digest"])),
        ("signature", base64.b64decode(layer["annotations"][signing.ANNOTATION])),
        ("public.pem", signer[1].encode()),
    ):
        (tmp_path / name).write_bytes(data)
    said = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature", "payload"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert said.stdout == "Verified OK\n"


def test_another_key_finds_none(image: tuple[Path, str], signer: tuple[signing.Signer, str], tmp_path: Path) -> None:
    signing.attach(*image, "registry.example.com/tiny", signer[0])
    assert signing.found(*image, key(tmp_path, "other")[1]) == ""


def test_a_signature_of_another_image_is_none_of_this_one(
    image: tuple[Path, str], signer: tuple[signing.Signer, str]
) -> None:
    layout, digest = image
    made = signing.attach(layout, digest, "registry.example.com/tiny", signer[0])
    store = Layout(layout)
    with pytest.raises(signing.SignatureError, match="has no signature by the key"):
        signing.verify(store, "sha256:" + "0" * 64, store.manifest(made), signer[1])


@pytest.mark.parametrize("at", range(0, 96, 8))
def test_a_flipped_byte_is_refused(image: tuple[Path, str], signer: tuple[signing.Signer, str], at: int) -> None:
    layout, digest = image
    store = Layout(layout)
    manifest = store.manifest(signing.attach(layout, digest, "registry.example.com/tiny", signer[0]))
    (layer,) = manifest["layers"]
    text = bytearray(store.read(layer["digest"]))
    text[at % len(text)] ^= 1
    layer["digest"] = store.add(bytes(text))[0]
    assert not signing.good(store, digest, store.add(canonical(manifest))[0], signer[1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "neither MODELPORT_SIGNING_KEY nor MODELPORT_SIGNING_KEY_FILE is set"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no private key, expected PKCS#8"),
        ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n", "a key in cosign's own form"),
    ],
)
def test_a_private_key_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setenv(signing.KEY, text)
    with pytest.raises(signing.SigningKeyError, match=said):
        signing.Signer.of(key(tmp_path)[1])


def test_the_private_key_of_another_public_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signing.KEY, key(tmp_path, "other")[0].read_text())
    with pytest.raises(signing.SigningKeyError, match="holds another key than that of signed_by"):
        signing.Signer.of(key(tmp_path)[1])


@pytest.mark.parametrize("curve", ["secp384r1", "secp256k1"])
def test_a_key_on_another_curve(tmp_path: Path, curve: str) -> None:
    with pytest.raises(
        signing.SigningKeyError, match="a key of another kind, expected a public key on the curve P-256"
    ):
        signing.public(key(tmp_path, curve=curve)[1])


def test_a_private_key_where_the_public_one_belongs_is_not_repeated(tmp_path: Path) -> None:
    text = key(tmp_path)[0].read_text()
    with pytest.raises(signing.SigningKeyError, match="holds a private key") as refused:
        signing.public(text)
    assert text.splitlines()[1] not in str(refused.value)


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_file_of_keys_is_no_word_that_nobody_signs(text: str) -> None:
    with pytest.raises(signing.SigningKeyError, match="signed_by is empty, expected a public key"):
        signing.public(text)
    news = {"recipe": "{}", "signed_by": text}
    with pytest.raises(signing.SigningKeyError, match="signed_by is empty"):
        plan.places({}, news)


def test_a_private_key_where_its_files_name_belongs_is_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key(tmp_path)
    monkeypatch.setenv(signing.KEY_FILE, private.read_text())
    with pytest.raises(signing.SigningKeyError, match="holds a key, expected the name of its file") as refused:
        signing.Signer.of(public)
    assert private.read_text().splitlines()[1] not in str(refused.value)


def test_a_key_that_follows_another_signs_and_a_signature_by_either_counts(
    image: tuple[Path, str], signer: tuple[signing.Signer, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, digest = image
    before = signing.attach(layout, digest, "registry.example.com/tiny", signer[0])
    private, new = key(tmp_path, "new")
    both = new + signer[1]
    assert signing.good(Layout(layout), digest, before, both)
    assert signing.found(layout, digest, both) == "", "a build signs by the first"
    with pytest.raises(signing.SigningKeyError, match="private half of the first key"):
        signing.Signer.of(both)
    monkeypatch.setenv(signing.KEY_FILE, str(private))
    after = signing.attach(layout, digest, "registry.example.com/tiny", signing.Signer.of(both))
    assert signing.found(layout, digest, both) == after
    assert not signing.good(Layout(layout), digest, after, signer[1])


def test_a_private_key_beside_a_public_one_is_refused(tmp_path: Path) -> None:
    private, public = key(tmp_path)
    with pytest.raises(signing.SigningKeyError, match="holds a private key"):
        signing.public(public + private.read_text())


@pytest.mark.parametrize(
    "layers",
    [None, "x", [], [None], [{}], [{"mediaType": signing.PAYLOAD}], [{"mediaType": signing.PAYLOAD, "size": "1e400"}]],
)
def test_what_is_no_signature_is_none(image: tuple[Path, str], signer: tuple[signing.Signer, str], layers: Any) -> None:
    """Whoever may push can put anything beside an image."""
    store = Layout(image[0])
    made = store.add(json.dumps({"layers": layers}).encode())[0]
    assert not signing.good(store, image[1], made, signer[1])


def test_a_bad_signature_before_a_good_one_hides_it_not(
    image: tuple[Path, str], signer: tuple[signing.Signer, str]
) -> None:
    layout, digest = image
    store = Layout(layout)
    manifest = store.manifest(signing.attach(layout, digest, "registry.example.com/tiny", signer[0]))
    lost = {**manifest["layers"][0], "digest": f"sha256:{'0' * 64}"}
    manifest["layers"] = [{"mediaType": signing.PAYLOAD, "size": 1, "annotations": []}, lost, *manifest["layers"]]
    assert signing.good(store, digest, store.add(canonical(manifest))[0], signer[1])
