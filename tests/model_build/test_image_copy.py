"""`ImageCopy`: the same image in a second registry, by digest, whoever asks which of them for a login."""

import base64
import contextlib
import json
import pickle
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.output import Unknown

from model_build import bake, copying, errors
from model_build.bake import platforms
from model_build.bake.layout import sha256
from model_build.content import is_whole
from model_build.image_copy import ImageCopyProvider
from model_build.push import delete, exists, list_referrers, manifests, pull, push
from model_build.push.client import Registry as Client
from tests.model_build.dynamic_host import Host, host
from tests.model_build.push.conftest import Small, make
from tests.tools.registries import PASSWORD, USER, Registry, docker_config

REPORT = "application/vnd.modelport.report.v1"


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No login, no images and no caches of the developer's play a part."""
    for name, folder in (("DOCKER_CONFIG", "docker"), ("MODELPORT_DATA_DIR", "data"), ("MODELPORT_CACHE_DIR", "cache")):
        monkeypatch.setenv(name, str(tmp_path / folder))


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """An image with a report, in the layout of this machine."""
    made = make(tmp_path / "data" / "images")
    (tmp_path / "report.json").write_text(json.dumps({"image": made.digest}))
    bake.attach(made.layout, made.digest, REPORT, {"report.json": tmp_path / "report.json"})
    return made


@pytest.fixture
def two(tmp_path: Path, registry: Registry, authenticated_registry: Registry) -> tuple[str, str]:
    """A repository of each of two registries, of which one wants a login that Docker has."""
    docker_config(tmp_path / "docker", authenticated_registry.host, USER, PASSWORD)
    name = f"copy/{tmp_path.name.lower().replace('_', '-').strip('-')}"
    return f"{registry.host}/{name}", f"{authenticated_registry.host}/{name}"


def content(reference: str, folder: Path) -> dict[str, bytes]:
    """Every blob of an image and of what is attached to it, as a registry gives them to somebody who has nothing."""
    pull(reference, folder)
    for each in list_referrers(reference):
        pull(f"{reference.partition('@')[0]}@{each['digest']}", folder)
    return {path.name: path.read_bytes() for path in (folder / "blobs" / "sha256").iterdir()}


def started(tmp_path: Path, **environment: str) -> Any:
    return host(tmp_path, tmp_path / "log", ImageCopyProvider(), **environment)


def wanted(plugin: Host, source: str, destination: str, **more: Any) -> dict[str, Any]:
    news, failures = plugin.check({"source": source, "destination": destination, **more})
    assert failures == []
    return news


def test_the_pickled_provider_is_a_reference_that_no_edit_changes() -> None:
    held = base64.b64decode(serialize_provider(ImageCopyProvider()))
    assert b"model_build.image_copy" in held and len(held) < 80
    assert type(pickle.loads(held)) is ImageCopyProvider


@pytest.mark.parametrize("built_here", [True, False])
def test_a_copy_is_the_same_bit_for_bit_with_what_belongs_to_it(
    tmp_path: Path, small: Small, two: tuple[str, str], built_here: bool
) -> None:
    first, second = two
    source = push(small.layout, small.digest, first).reference
    if not built_here:
        shutil.rmtree(small.layout)
    with started(tmp_path) as plugin:
        news = wanted(plugin, source, f"{second}:v1")
        _, outs = plugin.create(news)
        assert outs == {**news, "digest": small.digest, "reference": f"{second}@{small.digest}", "keep": True}
        assert not plugin.changed(outs, news)
    assert exists(f"{second}:v1")
    assert [each["artifactType"] for each in list_referrers(outs["reference"])] == [REPORT]
    assert content(source, tmp_path / "one") == content(outs["reference"], tmp_path / "other")
    assert list((tmp_path / "cache").glob("copy-*")) == [], "what was fetched for it does not stay"


def test_what_this_machine_has_is_not_fetched_and_what_is_there_is_not_sent(
    small: Small, two: tuple[str, str], registry: Registry
) -> None:
    first, second = two
    source = push(small.layout, small.digest, second).reference
    said: list[str] = []
    before = len(registry.log())
    assert copying.copy(source, first, said.append) == f"{first}@{small.digest}"
    assert said == [f"{small.digest[:19]} to {first}"]
    assert registry.log()[before:].count("http.request.method=PUT") > 0
    before = len(registry.log())
    copying.copy(source, first, said.append)
    assert "/blobs/uploads/" not in registry.log()[before:]


def test_an_image_that_never_was_in_a_registry_is_copied_from_the_layout(small: Small, two: tuple[str, str]) -> None:
    reference = copying.copy(f"oci:{small.layout}@{small.digest}", two[0], lambda _: None)
    assert exists(reference)


def test_another_image_or_place_is_an_update_and_where_it_comes_from_is_none(
    tmp_path: Path, small: Small, two: tuple[str, str]
) -> None:
    first, second = two
    other = make(small.layout)
    sources = [push(small.layout, each.digest, first).reference for each in (small, other)]
    with started(tmp_path) as plugin:
        id_, outs = plugin.create(wanted(plugin, sources[0], second))
        here = wanted(plugin, f"oci:{small.layout}@{small.digest}", second)
        assert not plugin.changed(outs, here)
        for news in (
            wanted(plugin, sources[1], second),
            wanted(plugin, sources[0], f"{second}-b"),
            wanted(plugin, sources[0], second, keep=False),
        ):
            assert plugin.changed(outs, news)
        after = plugin.update(outs, wanted(plugin, sources[1], second))
        assert after["reference"] == f"{second}@{other.digest}"
        assert exists(outs["reference"]), "what serves until it is released stays where it is"
        assert plugin.read(id_, after) == id_
        delete(after["reference"])
        assert plugin.read(id_, after) == "", "a refresh sees that it is gone"


@pytest.mark.parametrize("keep", [True, False])
def test_a_copy_goes_with_the_resource_only_where_it_is_not_to_be_kept(
    tmp_path: Path, small: Small, two: tuple[str, str], keep: bool
) -> None:
    source = push(small.layout, small.digest, two[0]).reference
    with started(tmp_path) as plugin:
        id_, outs = plugin.create(wanted(plugin, source, two[1], keep=keep))
        plugin.delete(id_, outs)
        assert exists(outs["reference"]) is keep
        plugin.delete(id_, outs)
    assert exists(source), "which is another's"


def test_what_a_plan_does_not_know_yet_is_no_mistake() -> None:
    provider, known = ImageCopyProvider(), {"keep": True}
    unknown: Any = Unknown
    news = provider.check({}, {"source": unknown(), "destination": unknown(), **known})
    assert news.failures == [] and isinstance(news.inputs["source"], Unknown)
    olds = {"source": f"h:1/a@sha256:{'a' * 64}", "destination": "h:2/a", "reference": "h:2/a@x", **known}
    for each in ("source", "destination"):
        assert provider.diff("", olds, {**olds, each: unknown()}).changes is True
    assert provider.diff("", olds, dict(olds)).changes is False
    interrupted = {key: value for key, value in olds.items() if key != "reference"}
    assert provider.diff("", interrupted, dict(olds)).changes is True


DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("source", "destination", "said"),
    [
        ("127.0.0.1:1/a:v1", "127.0.0.1:2/a", "source is '127.0.0.1:1/a:v1', which names no digest, expected a regis"),
        ("digits", "127.0.0.1:2/a", "source: 'digits' names no registry, expected host[:port]/repository[:tag] or"),
        ("", "127.0.0.1:2/a", "source: '' names no registry"),
        (None, "127.0.0.1:2/a", "source: '' names no registry"),
        ("oci:/images", "127.0.0.1:2/a", "source is 'oci:/images', expected a registry's image by digest or one of"),
        (f"127.0.0.1:1/a@{DIGEST}", "127.0.0.1:2/A", "destination: '127.0.0.1:2/A' has no valid repository"),
        (f"127.0.0.1:1/a@{DIGEST}", f"127.0.0.1:2/a@{DIGEST}", "expected no digest, as the copy has the image's"),
        (f"127.0.0.1:1/a@{DIGEST}", "127.0.0.1:1/a:v2", "destination is '127.0.0.1:1/a:v2', where the image is copied"),
        (f"127.0.0.1:1/a@{DIGEST}", "https://127.0.0.1:2/a", "destination: 'https://127.0.0.1:2/a' has a scheme"),
    ],
)
def test_what_cannot_be_copied_is_told_in_a_preview(source: Any, destination: str, said: str) -> None:
    found = ImageCopyProvider().check({}, {"source": source, "destination": destination})
    (failure,) = found.failures
    assert failure.reason.startswith("modelport: bad input: ") and said in failure.reason


def test_what_goes_wrong_is_one_line_and_leaves_the_registry_as_it_was(
    tmp_path: Path, small: Small, two: tuple[str, str], free_port: int
) -> None:
    first, second = two
    source = push(small.layout, small.digest, first).reference
    nowhere = f"oci:{tmp_path}/gone@{small.digest}"
    missing = f"{first}@sha256:{'0' * 64}"
    with started(tmp_path, DOCKER_CONFIG=str(tmp_path / "nobody")) as plugin:
        for asked, to, words in (
            (source, second, "wants a user and password"),
            (source, f"127.0.0.1:{free_port}/a", f"127.0.0.1:{free_port}: no answer"),
            (missing, f"{first}-b", "the registry has none"),
            (nowhere, first, "is not on this machine or not whole"),
        ):
            with pytest.raises(grpc.RpcError) as failure:
                plugin.create({"source": asked, "destination": to, "keep": True})
            code, message = errors.parse(str(failure.value.details())) or (0, "")
            assert code == 1 and words in message, message
    assert not exists(f"{second}@{small.digest}")


@pytest.mark.parametrize("built_here", [True, False])
def test_an_index_is_copied_with_its_images_and_what_belongs_to_each(
    tmp_path: Path, small: Small, two: tuple[str, str], built_here: bool
) -> None:
    other = make(small.layout, title="other")
    index = platforms.index(small.layout, {"linux/amd64": small.digest, "linux/arm64": other.digest}, "small")
    (tmp_path / "note.json").write_text("{}")
    noted = {
        each: bake.attach(small.layout, each, REPORT, {"n": tmp_path / "note.json"}) for each in (other.digest, index)
    }
    source = push(small.layout, index, two[0]).reference
    if not built_here:
        shutil.rmtree(small.layout)
    assert copying.copy(source, f"{two[1]}:v1", lambda _: None) == f"{two[1]}@{index}"
    assert pull(f"{two[1]}:v1", tmp_path / "back", None) == index
    assert is_whole(tmp_path / "back", index)
    for image, note in noted.items():
        assert [each["digest"] for each in list_referrers(f"{two[1]}@{image}")] == [note]


@pytest.mark.parametrize("names", [["sha256:" + "0" * 64] * 33, [], ["latest"]], ids=["many", "none", "a tag"])
def test_an_index_of_too_much_or_of_names_is_refused(
    tmp_path: Path, small: Small, two: tuple[str, str], names: list[str]
) -> None:
    entries = [{"mediaType": "x", "digest": each, "size": 1} for each in names]
    whole = json.dumps({"schemaVersion": 2, "manifests": entries}).encode()
    with answered(whole), pytest.raises(errors.ModelBuildError, match=r"expected 1 to 32 images by their digests"):
        copying.copy(f"{two[0]}@{sha256(whole)}", two[1], lambda _: None)


@contextlib.contextmanager
def answered(manifest: bytes) -> Generator[None]:
    """The registry has this manifest by its digest; a real one does not take what is wrong."""
    with pytest.MonkeyPatch.context() as patched:
        ask = Client.request

        def request(self: Client, method: str, path: str, **how: Any) -> Any:
            wanted = method == "GET" and path.endswith(f"/manifests/{sha256(manifest)}")
            return httpx.Response(200, content=manifest) if wanted else ask(self, method, path, **how)

        patched.setattr(Client, "request", request)
        yield


@contextlib.contextmanager
def listed(data: bytes) -> Generator[None]:
    """The registry says this of what is attached to an image; a real one does not keep what is wrong."""
    with pytest.MonkeyPatch.context() as patched:
        ask = Client.request

        def request(self: Client, method: str, path: str, **how: Any) -> Any:
            known = method != "GET" or "/referrers/" not in path
            return ask(self, method, path, **how) if known else httpx.Response(200, content=data)

        patched.setattr(Client, "request", request)
        yield


def test_what_others_have_attached_is_left_where_it_cannot_be_read(small: Small, two: tuple[str, str]) -> None:
    first, second = two
    source = push(small.layout, small.digest, first).reference
    shutil.rmtree(small.layout)
    (report,) = list_referrers(source)
    gone = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{'0' * 64}", "size": 2}
    said: list[str] = []
    with listed(json.dumps({"manifests": [gone, report, {"digest": 5}]}).encode()):
        made = copying.copy(source, second, said.append)
    assert [each["artifactType"] for each in list_referrers(made)] == [REPORT]
    (left,) = (line for line in said if "is not copied" in line)
    assert left.startswith(
        f"sha256:000000000000, attached to {small.digest[:19]}, is not copied: {first}: the registry has none"
    )


@pytest.mark.parametrize("data", [b"<html>", b"[]", b"{}", b'{"manifests": 3}', b'{"manifests": ["what"]}'])
def test_a_list_of_what_is_attached_that_is_none_is_said(small: Small, two: tuple[str, str], data: bytes) -> None:
    first, second = two
    source = push(small.layout, small.digest, first).reference
    shutil.rmtree(small.layout)
    said: list[str] = []
    with listed(data):
        made = copying.copy(source, second, said.append)
    assert exists(made)
    (left,) = (line for line in said if "is not copied" in line)
    assert left.startswith(f"what is attached to {small.digest[:19]} is not copied: {source}: the registry answers")


@pytest.mark.parametrize(
    "data", [b"[]", b"{}", b'{"config": {}, "layers": 3}', b'{"config": {"digest": "a", "size": "x"}, "layers": []}']
)
def test_a_manifest_of_another_form_is_told_in_one_line(two: tuple[str, str], tmp_path: Path, data: bytes) -> None:
    with pytest.raises(
        errors.ModelBuildError, match=r"is no manifest of an image, expected one with config and layers"
    ):
        manifests.read(data, f"{two[0]}@sha256:{'0' * 64}")
