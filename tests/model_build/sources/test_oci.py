"""Models out of a real registry, as oras and others put them there."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from model_build import content
from model_build.errors import ModelBuildError, SourceError
from model_build.push.client import Registry as Client
from model_build.sources import Finder, downloads, find
from model_build.sources.remote import UnreachedError
from tests.model_build import models
from tests.model_build.sources.test_https import left
from tests.tools import golang, registries

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PACK = "application/vnd.cncf.model"
KIT = "application/vnd.kitops.modelkit"
BODY = bytes(range(256)) * 4000


class Artifacts:
    """A repository, and what puts artifacts there: oras, and the bare protocol for what oras does not write."""

    def __init__(self, registry: registries.Registry, folder: Path) -> None:
        self.registry, self.folder = registry, folder
        self.name = f"models/{uuid4().hex[:8]}"

    @property
    def address(self) -> str:
        return f"oci://{self.registry.host}/{self.name}"

    def oras(self, *arguments: str, tag: str = "v1") -> str:
        """Push files of the folder, and return the digest of the artifact."""
        command = [str(golang.program(*golang.ORAS)), "push", "--plain-http", "--format", "json"]
        place = f"{self.registry.host}/{self.name}:{tag}"
        ran = subprocess.run([*command, place, *arguments], cwd=self.folder, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return str(json.loads(ran.stdout)["digest"])

    def put(
        self, layers: list[dict[str, Any]], config: tuple[str, object] = ("application/x", {}), tag: str = "v1"
    ) -> str:
        """Put an artifact there whose layers have `body`, `mediaType` and maybe `annotations`."""
        made = {"schemaVersion": 2, "mediaType": MANIFEST}
        made |= {"config": self._blob(json.dumps(config[1]).encode(), config[0])}
        made |= {
            "layers": [self._blob(each["body"], each["mediaType"]) | {"annotations": each.get("annotations", {})}
                       for each in layers]
        }  # fmt: skip
        raw = json.dumps(made).encode()
        answer = httpx.put(
            f"http://{self.registry.host}/v2/{self.name}/manifests/{tag}",
            content=raw,
            headers={"content-type": MANIFEST},
        )
        assert answer.status_code == 201, answer.text
        return "sha256:" + hashlib.sha256(raw).hexdigest()

    def _blob(self, body: bytes, kind: str) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        begun = httpx.post(f"http://{self.registry.host}/v2/{self.name}/blobs/uploads/")
        place = httpx.URL(begun.headers["location"]).copy_add_param("digest", digest)
        assert httpx.put(place, content=body).status_code == 201
        return {"mediaType": kind, "digest": digest, "size": len(body)}


@pytest.fixture
def artifacts(
    registry: registries.Registry, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Artifacts:
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0)
    folder = tmp_path / "project"
    folder.mkdir()
    for name, body in (("model.onnx", models.linear()), ("deep/vocab.txt", b"a\nb"), ("rows.csv", b"x,y\n1,2\n")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(body)
    return Artifacts(registry, folder)


def tar(*members: tuple[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, body in members:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            if change:
                change(member)
            archive.addfile(member, io.BytesIO(body))
    return made.getvalue()


def test_files_that_oras_pushed_are_known_without_being_fetched(artifacts: Artifacts) -> None:
    artifacts.oras("model.onnx")
    address = f"{artifacts.address}:v1"
    looked = Finder(artifacts.folder, fetch=False)(address, "source")
    own = find("model.onnx", artifacts.folder, "source")
    assert (looked.path, looked.parts()) == (None, own.parts())
    found = find(address, artifacts.folder, "source")
    assert found.path is not None and (found.path.name, found.parts()) == ("model.onnx", own.parts())


def test_a_folder_that_oras_pushed_is_the_folder(artifacts: Artifacts, tmp_path: Path) -> None:
    artifacts.oras("model.onnx", "deep")
    (artifacts.folder / "rows.csv").unlink()
    found = find(f"{artifacts.address}:v1", artifacts.folder, "source")
    assert found.parts() == find(".", artifacts.folder, "source").parts()
    one = find(f"{artifacts.address}:v1#deep/vocab.txt", artifacts.folder, "classify.labels")
    assert one.path is not None and one.path.read_bytes() == b"a\nb"
    below = find(f"{artifacts.address}:v1#deep", artifacts.folder, "source")
    assert below.path is not None and below.path.name == "vocab.txt"


def test_of_a_modelpack_the_model_takes_weights_and_the_data_takes_data_sets(artifacts: Artifacts) -> None:
    (artifacts.folder / "README.md").write_text("about it")
    (artifacts.folder / "config.json").write_text("{}")
    artifacts.oras(
        f"model.onnx:{PACK}.weight.v1.raw", f"README.md:{PACK}.doc.v1.raw", f"rows.csv:{PACK}.dataset.v1.raw",
        "--artifact-type", f"{PACK}.manifest.v1+json", "--config", f"config.json:{PACK}.config.v1+json",
    )  # fmt: skip
    finder = Finder(artifacts.folder)
    for key, name in (("source", "model.onnx"), ("evaluate.data", "rows.csv")):
        found = finder(f"{artifacts.address}:v1", key)
        assert found.path is not None and found.path.name == name
        assert found.parts() == find(name, artifacts.folder, key).parts()


@pytest.mark.parametrize("packed", ["tar", "tar+gzip", "raw"])
def test_a_modelpack_and_a_modelkit_have_the_same_files_however_they_are_packed(
    artifacts: Artifacts, packed: str
) -> None:
    name, body = "weights/model.onnx", models.linear()
    layer = body if packed == "raw" else tar((name, body))
    layer = gzip.compress(layer, mtime=0) if "gzip" in packed else layer
    digest = "sha256:" + hashlib.sha256(layer).hexdigest()
    pack = {"mediaType": f"{PACK}.weight.v1.{packed}", "body": layer, "annotations": {"org.cncf.model.filepath": name}}
    kit = {"mediaType": f"{KIT}.model.v1.{packed}", "body": layer}
    kitfile = {"model": {"path": f"./{name}", "layerInfo": {"digest": digest}}}
    artifacts.put([pack], (f"{PACK}.config.v1+json", {}), "pack")
    artifacts.put([kit, {"mediaType": f"{KIT}.docs.v1.tar", "body": tar(("README.md", b"about it"))}],
                  (f"{KIT}.config.v1+json", kitfile), "kit")  # fmt: skip
    for tag in ("pack", "kit"):
        found = find(f"{artifacts.address}:{tag}", artifacts.folder, "source")
        assert found.path is not None and found.path.read_bytes() == body
        assert found.parts() == {"content": content.of_bytes(body)}


def test_a_tag_that_moved_is_looked_at_and_a_digest_is_not_asked_for_again(
    artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = tar(("model.onnx", models.linear()))
    digest = artifacts.put([{"mediaType": f"{PACK}.weight.v1.tar", "body": body}])
    tagged, pinned = f"{artifacts.address}:v1", f"{artifacts.address}@{digest}"
    first = find(tagged, artifacts.folder, "source").parts()
    assert find(pinned, artifacts.folder, "source").parts() == first
    artifacts.put([{"mediaType": f"{PACK}.weight.v1.tar", "body": tar(("model.onnx", b"another"))}])
    assert find(tagged, artifacts.folder, "source").parts() != first
    monkeypatch.setattr(Client, "_send", None)
    assert find(pinned, artifacts.folder, "source").parts() == first


def test_annotations_and_the_time_of_a_push_are_no_part_of_the_model(artifacts: Artifacts) -> None:
    layers = [{"mediaType": f"{PACK}.weight.v1.tar", "body": tar(("model.onnx", models.linear()))}]
    one = artifacts.put(layers, (f"{PACK}.config.v1+json", {"createdAt": 1}))
    first = find(f"{artifacts.address}:v1", artifacts.folder, "source")
    assert artifacts.put(layers, (f"{PACK}.config.v1+json", {"createdAt": 2})) != one
    again = find(f"{artifacts.address}:v1", artifacts.folder, "source")
    assert (again.path, again.parts()) == (first.path, first.parts())


def test_a_layer_that_breaks_off_is_gone_on_with(artifacts: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    (artifacts.folder / "large.bin").write_bytes(BODY)
    artifacts.oras("large.bin")
    real, begun = httpx.Response.iter_raw, list[str]()

    def cut(self: httpx.Response, size: int | None = None) -> Any:
        begun.append(self.request.headers.get("range", ""))
        if len(begun) == 1:
            yield BODY[:300_000]
            raise httpx.ReadError("the connection is gone")
        yield from real(self, size)

    monkeypatch.setattr(httpx.Response, "iter_raw", cut)
    monkeypatch.setattr(httpx.Response, "iter_bytes", lambda self, size=None: real(self, size))
    found = find(f"{artifacts.address}:v1", artifacts.folder, "source")
    assert found.path is not None and found.path.read_bytes() == BODY
    assert [each for each in begun if each] == ["bytes=300000-"]


def _link(member: tarfile.TarInfo) -> None:
    member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0


def _hard(member: tarfile.TarInfo) -> None:
    member.type, member.linkname, member.size = tarfile.LNKTYPE, "other", 0


def _device(member: tarfile.TarInfo) -> None:
    member.type, member.size = tarfile.CHRTYPE, 0


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (tar(("../model.onnx", b"1")), "'../model.onnx' leads out of it"),
        (tar(("/etc/model.onnx", b"1")), "'/etc/model.onnx' leads out of it"),
        (tar(("model.onnx", b""), change=_link), "'model.onnx' is a link, expected plain files"),
        (tar(("model.onnx", b""), change=_hard), "'model.onnx' is a link, expected plain files"),
        (tar(("model.onnx", b""), change=_device), "'model.onnx' is no plain file"),
        (tar(("model.onnx", BODY))[:5000], "an archive that is damaged"),
        (gzip.compress(tar(("model.onnx", BODY)))[:2000], "an archive that is damaged"),
        (gzip.compress(tar(("model.onnx", b"\0" * 3_000_000))), "of more than 2.0 MB, the limit"),
        (b"no archive at all" * 100, "an archive that is damaged"),
    ],
)
def test_archives_that_mean_harm_are_refused(
    artifacts: Artifacts, own_cache: Path, monkeypatch: pytest.MonkeyPatch, layer: bytes, said: str
) -> None:
    monkeypatch.setenv(downloads.LIMIT, "0.002")
    artifacts.put([{"mediaType": f"{PACK}.weight.v1.tar", "body": layer}])
    with pytest.raises(SourceError, match=said):
        find(f"{artifacts.address}:v1", artifacts.folder, "source")
    assert left(own_cache) == []


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ({"annotations": {"org.opencontainers.image.title": "../model.onnx"}}, r"a file called '\.\./model\.onnx'"),
        ({"annotations": {"org.opencontainers.image.title": "/etc/model.onnx"}}, "a file called '/etc/model.onnx'"),
        ({"mediaType": f"{PACK}.weight.v1.tar+zstd"}, "compressed by zstd, expected tar, tar.gzip or raw"),
        ({"mediaType": f"{PACK}.weight.v1.raw"}, "has no name"),
    ],
)
def test_layers_that_cannot_be_placed_are_refused(artifacts: Artifacts, layer: dict[str, Any], said: str) -> None:
    artifacts.put([{"mediaType": "application/octet-stream", "body": b"1", **layer}])
    with pytest.raises(SourceError, match=said):
        find(f"{artifacts.address}:v1", artifacts.folder, "source")


def test_a_blob_that_was_damaged_in_the_registry_is_refused(artifacts: Artifacts, own_cache: Path) -> None:
    body = tar(("model.onnx", uuid4().bytes))
    artifacts.put([{"mediaType": f"{PACK}.weight.v1.tar", "body": body}])
    digest = hashlib.sha256(body).hexdigest()
    (blob,) = artifacts.registry.folder.glob(f"data/docker/registry/v2/blobs/sha256/*/{digest}/data")
    blob.write_bytes(body[:-1] + b"1")
    with pytest.raises(SourceError, match=f"registry sent .* in the place of {digest[:12]}"):
        find(f"{artifacts.address}:v1", artifacts.folder, "source")
    assert left(own_cache) == []
    blob.unlink()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("oci://models", "which names no artifact"),
        ("oci://alice:secret@127.0.0.1/models/m:v1", "with a user or password in it"),
        ("oci://127.0.0.1/models/m:v1?token=secret", "with a question mark in it"),
    ],
)
def test_addresses_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as error:
        find(text, tmp_path, "source")
    assert "secret" not in str(error.value)


def test_what_is_not_there_and_a_registry_that_wants_a_login_are_told(
    artifacts: Artifacts, authenticated_registry: registries.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.oras("model.onnx")
    with pytest.raises(SourceError, match="the registry has none"):
        find(f"{artifacts.address}:v2", artifacts.folder, "source")
    with pytest.raises(SourceError, match="which holds no such file"):
        find(f"{artifacts.address}:v1#other.onnx", artifacts.folder, "source")
    monkeypatch.setenv("DOCKER_CONFIG", str(artifacts.folder))
    with pytest.raises(UnreachedError, match="docker login"):
        find(f"oci://{authenticated_registry.host}/models/m:v1", artifacts.folder, "source")
    with pytest.raises(ModelBuildError, match="no answer"):
        find("oci://127.0.0.1:9/models/m:v1", artifacts.folder, "source")
