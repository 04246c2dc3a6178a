"""A build that is signed: by whom, when, and what a promotion and a registry make of it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from model_build import bake, promoting, sbom, signing
from model_build.bake.attachments import SIGNATURE, signature_tag
from model_build.bake.layout import Layout
from model_build.errors import InputError
from model_build.pipeline import Built, build
from model_build.push import exists, list_referrers, pull, push
from model_build.recipe import Recipe
from tests.tools.keys import key
from tests.tools.registries import Registry

Make = Callable[..., Recipe]
Key = tuple[Path, str]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return key(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return key(tmp_path_factory.mktemp("others"), "others")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images and reports of the test's own; what leads to them is cached by all."""
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv(signing.KEY, raising=False)
    monkeypatch.delenv(signing.KEY_FILE, raising=False)
    return tmp_path / "data"


@pytest.fixture
def signs(data: Path, ours: Key, monkeypatch: pytest.MonkeyPatch) -> str:
    """The public key whose private one the environment has."""
    monkeypatch.setenv(signing.KEY_FILE, str(ours[0]))
    return ours[1]


def promoted(built: Built, source: str = "") -> promoting.Promoted:
    return promoting.Promoted(
        stack="dev",
        digest=built.digest,
        source=source or built.reference,
        identity=built.identity,
        model=built.model,
        version=built.version,
        chosen=built.chosen,
        metric="accuracy",
        metrics=built.metrics,
        parts={},
    )


def test_a_build_is_signed_once_and_the_private_key_is_not_asked_for_again(
    project: Path, recipe: Make, signs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(recipe(), project=project, signed_by=signs)
    layout = Path(built.layout_image.removeprefix("oci:").partition("@")[0])
    assert built.signature == signing.found(layout, built.digest, signs)
    monkeypatch.delenv(signing.KEY_FILE)
    again = build(recipe(), project=project, signed_by=signs)
    assert (again.cached, again.signature, again.sbom) == (True, built.signature, built.sbom)


def test_without_the_private_key_nothing_is_done(project: Path, recipe: Make, data: Path, ours: Key) -> None:
    steps: list[str] = []
    with pytest.raises(signing.SigningKeyError, match="neither MODELPORT_SIGNING_KEY nor MODELPORT_SIGNING_KEY_FILE"):
        build(recipe(), project=project, signed_by=ours[1], progress=lambda step, _: steps.append(step))
    assert (steps, list(data.glob("images/blobs"))) == ([], [])


def test_an_image_that_is_there_is_signed_without_a_build(
    project: Path, recipe: Make, data: Path, ours: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = build(recipe(), project=project)
    assert before.signature == ""
    monkeypatch.setenv(signing.KEY, ours[0].read_text())
    after = build(recipe(), project=project, signed_by=ours[1])
    assert (after.cached, after.digest, bool(after.signature)) == (True, before.digest, True)


def test_a_key_with_a_password_signs_with_the_password_alone(
    project: Path, recipe: Make, data: Path, ours: Key, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "pkcs8", "-topk8", "-in", ours[0], "-out", locked, "-passout", "pass:quite long"]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.setenv(signing.KEY_FILE, str(locked))
    with pytest.raises(signing.SigningKeyError, match="is encrypted, and MODELPORT_SIGNING_PASSWORD is not set"):
        build(recipe(), project=project, signed_by=ours[1])
    monkeypatch.setenv(signing.PASSWORD, "quite wrong")
    with pytest.raises(signing.SigningKeyError, match="no private key that opens with MODELPORT_SIGNING_PASSWORD"):
        build(recipe(), project=project, signed_by=ours[1])
    monkeypatch.setenv(signing.PASSWORD, "quite long")
    assert build(recipe(), project=project, signed_by=ours[1]).signature


def test_a_registry_has_the_signature_as_referrer_and_where_cosign_looks(
    project: Path, recipe: Make, signs: str, registry: Registry, tmp_path: Path
) -> None:
    place = f"{registry.host}/signed/one"
    built = build(recipe(), project=project, push=f"{place}:v1", signed_by=signs)
    listed = {each["artifactType"]: each["digest"] for each in list_referrers(built.reference)}
    assert (listed[SIGNATURE], listed[sbom.TYPE]) == (built.signature, built.sbom)
    assert pull(f"{place}:{signature_tag(built.digest)}", tmp_path / "pulled") == built.signature
    pulled = Layout(tmp_path / "pulled")
    assert signing.good(pulled, built.digest, built.signature, signs)
    (layer,) = pulled.manifest(built.signature)["layers"]
    assert f'"docker-reference":"{place}"' in pulled.read(layer["digest"]).decode()


def test_a_tag_that_does_not_move_keeps_an_older_signature_and_takes_the_image(
    project: Path, recipe: Make, signs: str, others: Key, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    from model_build.push.client import Registry as Client

    place = f"{registry.host}/signed/fixed"
    first = build(recipe(), project=project, push=place, signed_by=signs)
    sent = Client._send  # pyright: ignore[reportPrivateUsage]

    def fixed(self: Client, method: str, address: str, **more: object) -> httpx.Response:
        if method == "PUT" and address.endswith(".sig"):
            said = {"errors": [{"code": "TAG_INVALID", "message": "The image tag already exists"}]}
            return httpx.Response(400, json=said, request=httpx.Request(method, address))
        return sent(self, method, address, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Client, "_send", fixed)
    monkeypatch.setenv(signing.KEY_FILE, str(others[0]))
    second = build(recipe(), project=project, push=place, signed_by=others[1])
    listed = {each["digest"] for each in list_referrers(second.reference)}
    assert {first.signature, second.signature} <= listed
    assert first.signature != second.signature


def test_a_promotion_of_a_signed_image_brings_the_signature_along(
    project: Path, recipe: Make, signs: str, registry: Registry
) -> None:
    built = build(recipe(), project=project, push=f"{registry.host}/signed/dev", signed_by=signs)
    place = f"{registry.host}/signed/prod:v1"
    outs = promoting.take({"promoted": promoted(built).canonical(), "destination": place, "signed_by": signs})
    assert (outs["signature"], outs["sbom"]) == (built.signature, built.sbom)
    assert built.signature in {each["digest"] for each in list_referrers(outs["reference"])}


def test_a_promotion_brings_the_model_s_files_alone_and_their_signature(
    project: Path, recipe: Make, signs: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one machine to another, which has neither image nor key."""
    built = build(recipe(), project=project, push=f"{registry.host}/cars/dev", signed_by=signs, modelcar=True)
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "another"))
    monkeypatch.delenv(signing.KEY_FILE)
    place = f"{registry.host}/cars/prod"
    asked = {"promoted": promoted(built).canonical(), "destination": place, "signed_by": signs, "modelcar": True}
    outs = promoting.take(asked)
    car = built.files.partition("@")[2]
    assert (outs["files"], exists(outs["files"])) == (f"{place}@{car}", True)
    assert list_referrers(outs["files"], SIGNATURE) != []


def test_a_promotion_refuses_files_that_the_key_has_not_signed(
    project: Path, recipe: Make, signs: str, registry: Registry, tmp_path: Path
) -> None:
    built = build(recipe(), project=project, push=f"{registry.host}/cars/alone", signed_by=signs)
    place = f"{registry.host}/cars/refused"
    asked = {"promoted": promoted(built).canonical(), "destination": place, "signed_by": signs, "modelcar": True}
    said = (
        "the files of image .* of dev are not signed by the key of signed_by.*; set image.modelcar in dev and promote"
    )
    with pytest.raises(InputError, match=said):
        promoting.take(asked)
    assert not exists(f"{place}@{built.digest}")


@pytest.mark.parametrize("whose", ["nobody", "others"])
def test_a_promotion_of_an_image_that_is_not_signed_by_the_key_pushes_nothing(
    whose: str, project: Path, recipe: Make, data: Path, ours: Key, others: Key, registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(signing.KEY_FILE, str(others[0]))
    built = build(recipe(), project=project, signed_by=others[1] if whose == "others" else None)
    before = registry.log()
    how = "is signed by others, and not" if whose == "others" else "is not signed"
    with pytest.raises(InputError, match=f"of dev {how} by the key of signed_by, expected a signature of it"):
        promoting.take(
            {
                "promoted": promoted(built).canonical(),
                "destination": f"{registry.host}/signed/refused:v1",
                "signed_by": ours[1],
            }
        )
    assert registry.log() == before


def test_what_was_signed_elsewhere_since_is_brought_and_goes_along(
    project: Path, recipe: Make, data: Path, ours: Key, registry: Registry, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The machine that promotes has the image, and another one signed it in the registry."""
    built = build(recipe(), project=project, push=f"{registry.host}/signed/since")
    other = tmp_path / "other"
    pull(built.reference, other)
    monkeypatch.setenv(signing.KEY_FILE, str(ours[0]))
    signature = signing.attach(other, built.digest, "since", signing.Signer.of(ours[1]))
    push(other, built.digest, f"{registry.host}/signed/since")
    place = f"{registry.host}/signed/onwards:v1"
    outs = promoting.take({"promoted": promoted(built).canonical(), "destination": place, "signed_by": ours[1]})
    listed = {each["digest"] for each in list_referrers(outs["reference"])}
    assert {signature, built.sbom} <= listed
    assert [each["digest"] for each in bake.referrers(data / "images", built.digest)].count(signature) == 1


SEEN = """
import os
from pathlib import Path

import iris

data = iris.data

def model():
    Path("seen").write_text("\\n".join(os.environ))
    return iris.model()
"""


def test_the_private_key_is_written_nowhere(
    project: Path, recipe: Make, signs: str, ours: Key, registry: Registry, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Not in what a build leaves, sends or says, and the model's own code does not see it."""
    home = tmp_path / "project"
    home.mkdir()
    ours_alone = f"{SEEN}# {tmp_path}\n"  # which no other run has called
    for name, text in (("iris.py", (project / "iris.py").read_text()), ("seen.py", ours_alone)):
        (home / name).write_text(text)
    monkeypatch.setenv(signing.KEY, ours[0].read_text())
    monkeypatch.setenv(signing.PASSWORD, "")
    said: list[str] = []
    built = build(
        recipe(source="seen:model", evaluate={"data": "seen:data"}), project=home, signed_by=signs,
        push=f"{registry.host}/signed/quiet", progress=lambda step, text: said.append(f"{step}: {text}"),
    )  # fmt: skip
    secret = ours[0].read_text().splitlines()[1]
    assert built.signature
    assert "PATH" in (home / "seen").read_text().splitlines()
    assert [name for name in (home / "seen").read_text().splitlines() if "SIGNING" in name] == []
    files = [path for root in (tmp_path, registry.folder) for path in root.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert secret not in "\n".join(said) + registry.log() + built.to_json()
