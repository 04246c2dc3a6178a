"""Signatures: held to OpenSSL's own reading of them, and refused for one byte that is other."""

import base64
import subprocess
from pathlib import Path

import pytest

from model_build import bake, signing
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
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no private key that opens"),
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
