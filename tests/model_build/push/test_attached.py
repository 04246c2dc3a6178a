"""What others have attached to an image in its registry, or have written beside it, stands in nobody's way."""

import json
import subprocess
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from model_build import attached, bake, copying, folders, gc, promoted_report, provenance, sbom, signing
from model_build.bake.attachments import ATTESTATION, FORMATS, MODELCAR, OURS, SIGNATURE, signature_tag
from model_build.bake.layout import EMPTY, INDEX, MANIFEST, Json, Layout, canonical, sha256
from model_build.push import RegistryDown, RegistryError, delete, exists, list_referrers, manifests, pull, push
from model_build.push.client import Registry as Client
from tests.model_build.push.conftest import Small, make
from tests.tools import golang
from tests.tools.keys import key
from tests.tools.registries import Registry

KIND = promoted_report.TYPE


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def place(registry: Registry, tmp_path: Path) -> str:
    return f"{registry.host}/attached/{tmp_path.name.lower().replace('_', '-').strip('-')}"


def note(layout: Path, image: str, text: str, kind: str = KIND) -> str:
    file = layout.parent / "note"
    file.write_text(text)
    return bake.attach(layout, image, kind, {"note.txt": file})


def artifact(layout: Path, **more: Any) -> tuple[str, int]:
    """A manifest with one small blob, and with what somebody chose to write into it."""
    digest, size = Layout(layout).add(b"{}")
    blob = {"mediaType": EMPTY, "digest": digest, "size": size}
    whole: Json = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob, "layers": [blob], **more}
    return Layout(layout).add(canonical(whole))


def put(place: str, name: str, content: bytes, kind: str = MANIFEST) -> None:
    host, _, repository = place.partition("/")
    address = f"http://{host}/v2/{repository}/manifests/{name}"
    httpx.put(address, content=content, headers={"content-type": kind}).raise_for_status()


def listed(place: str, image: str, entries: list[Json]) -> None:
    """Writes the list of what is attached, as anybody may who may push there."""
    whole: Json = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    put(place, image.replace(":", "-"), canonical(whole), INDEX)


@contextmanager
def answers(asked: Callable[[str, str], httpx.Response | None]) -> Generator[None]:
    """The registry answers some requests otherwise: a real one does not store what is wrong by its form."""
    send = Client.request

    def request(self: Client, method: str, path: str, **how: Any) -> Any:
        return asked(method, path) or send(self, method, path, **how)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Client, "request", request)
        yield


def test_the_types_that_are_copied_first_are_those_that_a_build_attaches() -> None:
    assert {*OURS} == {
        SIGNATURE,
        ATTESTATION,
        provenance.TYPE,
        sbom.TYPE,
        promoted_report.TYPE,
        MODELCAR,
        *FORMATS.values(),
    }


@pytest.mark.parametrize("subject", [None, ["what"], "what", {}, {"digest": 5}, {"digest": f"sha256:{'0' * 64}"}])
def test_what_is_attached_to_nothing_is_not_copied_though_it_is_listed(
    small: Small, place: str, tmp_path: Path, data: Path, subject: Any
) -> None:
    digest, _ = artifact(small.layout, subject=subject, artifactType=KIND)
    good = note(small.layout, small.digest, "good")
    source = push(small.layout, small.digest, place).reference
    stray = Layout(small.layout).read(digest)

    def asked(method: str, path: str) -> httpx.Response | None:
        if path.endswith(digest):
            return httpx.Response(200, content=stray)
        if "/referrers/" in path:
            entries: list[Json] = [
                {"digest": digest, "artifactType": KIND},
                {"digest": small.digest, "mediaType": MANIFEST, "size": 1, "artifactType": KIND},
                {"digest": good, "artifactType": KIND},
            ]
            return httpx.Response(200, content=canonical({"manifests": entries}))
        return None

    said: list[str] = []
    with answers(asked):
        copying.bring(source, data / "images", said.append)
    assert [each["digest"] for each in bake.referrers(data / "images", small.digest)] == [good]
    assert "artifactType" not in Layout(data / "images").descriptor(small.digest)
    assert sum("is not attached to" in line for line in said) == 2


def test_a_layout_that_has_such_things_serves_on(small: Small, report: str, place: str) -> None:
    store = Layout(small.layout)
    other = make(small.layout)
    wrong: list[Json] = [
        {"subject": None},
        {"subject": ["what"]},
        {"subject": {"digest": small.digest}, "layers": [{}]},
    ]
    for more in wrong:
        digest, _ = artifact(small.layout, artifactType=KIND, **more)
        store.add_to_index({"digest": digest, "artifactType": KIND})
    assert [each["digest"] for each in bake.referrers(small.layout, small.digest)] == [report]
    assert list_referrers(push(small.layout, small.digest, place).reference)[0]["digest"] == report
    assert gc.remove(small.layout, small.digest) > 0
    assert not store.blob(small.layers[0]).exists() and store.blob(other.layers[0]).exists()


def test_what_is_wrong_hides_nothing_behind_it(small: Small, place: str, tmp_path: Path) -> None:
    digest, size = artifact(small.layout, subject=None, artifactType=KIND)
    large, other = note(small.layout, small.digest, "x" * 5000), note(small.layout, small.digest, "o", "text/other")
    good = note(small.layout, small.digest, "good")
    source = push(small.layout, small.digest, place).reference
    put(place, digest, Layout(small.layout).read(digest))
    entries = [{"mediaType": MANIFEST, "digest": each, "size": size, "artifactType": KIND} for each in (digest, large)]
    kinds = [{"mediaType": MANIFEST, "digest": each, "size": size, "artifactType": KIND} for each in (other, good)]
    listed(place, small.digest, entries + kinds)
    problems: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(attached, "LARGEST", 1000)
        found = [
            (each, store.has(each, len(store.read(each))), store.path.is_relative_to(folders.cache()))
            for store, each in attached.of(tmp_path / "none", source, small.digest, KIND, problems)
        ]
    assert found == [(good, True, True)]
    assert ["is not attached" in problems[0], "bytes, expected at most" in problems[1]] == [True, True]
    assert "is of the type text/other, expected" in problems[2] and len(problems) == 3
    assert list(folders.cache().glob("attached-*")) == []


def test_a_registry_that_goes_silent_ends_the_search(small: Small, report: str, place: str, tmp_path: Path) -> None:
    note(small.layout, small.digest, "one")
    note(small.layout, small.digest, "two")
    source = push(small.layout, small.digest, place).reference

    def asked(method: str, path: str) -> httpx.Response | None:
        if "/manifests/sha256:" in path:
            raise RegistryDown("no answer")
        return None

    problems: list[str] = []
    with answers(asked):
        assert list(attached.of(tmp_path / "none", source, small.digest, KIND, problems)) == []
    assert problems == ["no answer"]


def test_no_more_than_so_many_are_asked_for_and_copied(small: Small, place: str, data: Path, tmp_path: Path) -> None:
    for number in range(6):
        note(small.layout, small.digest, str(number), "text/junk" if number < 3 else KIND)
    source = push(small.layout, small.digest, place).reference
    problems: list[str] = []
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(attached, "MOST", 2)
        patched.setattr(copying, "MOST", 2)
        patched.setattr(copying, "_OTHERS", 1)
        assert len(list(attached.of(tmp_path / "none", source, small.digest, KIND, problems))) == 2
        copying.bring(source, data / "images", said.append)
    assert problems == [f"{source}: has 3 things of the type {KIND} attached, 2 were looked at"]
    kinds = [each["artifactType"] for each in bake.referrers(data / "images", small.digest)]
    assert (kinds, said) == (
        [KIND, KIND, "text/junk"],
        [f"3 of 6 things attached to {small.digest[:19]} are not copied: too many"],
    )


DEEP = b'{"config": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"
BLOB = b'{"digest": "sha256:0", "size": 1}'


@pytest.mark.parametrize(
    "data",
    [
        DEEP, b"null", b'{"manifests": null}', b'{"manifests": [3]}', b'{"manifests": [{"digest": 3}]}',
        b'{"config": %s, "layers": [{"digest": "sha256:0"}]}' % BLOB,
        b'{"config": {"digest": "sha256:0", "size": 1e400}, "layers": []}',
        b'{"config": %s, "layers": [], "manifests": null}' % BLOB,
        b'{"config": %s, "layers": [], "mediaType": {}}' % BLOB,
        b'{"config": %s, "layers": [{"digest": "sha256:0", "size": -1}]}' % BLOB,
    ],
    ids=range(10),
)  # fmt: skip
def test_a_manifest_of_another_form_is_one_error(data: bytes) -> None:
    with pytest.raises(RegistryError, match="is no manifest of an image, expected one with config and layers"):
        manifests.read(data, "registry.example/one")


@pytest.mark.parametrize("platform", [None, "linux/amd64", {"os": "linux", "architecture": "amd64"}])
def test_an_index_that_leads_to_no_image(small: Small, place: str, tmp_path: Path, platform: Any) -> None:
    push(small.layout, small.digest, place)
    entry = {**Layout(small.layout).descriptor(small.digest), "platform": {"os": "linux", "architecture": "amd64"}}
    inner = canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
    outer = canonical({"manifests": [{"digest": sha256(inner), "platform": platform}]})
    put(place, sha256(inner), inner, INDEX)

    def asked(method: str, path: str) -> httpx.Response | None:
        return httpx.Response(200, content=outer) if path.endswith("/manifests/latest") else None

    said = "is an index too, expected an image" if isinstance(platform, dict) else "has no image for linux/amd64"
    with answers(asked), pytest.raises(RegistryError, match=said):
        pull(place, tmp_path / "back")


@pytest.mark.parametrize("there", [b"nope", b"[]", b'{"manifests": null}', b"[1]", b'{"manifests": [{}]}', DEEP])
def test_a_list_of_another_form_is_mended_by_the_next_push(small: Small, report: str, place: str, there: bytes) -> None:
    first: list[bytes] = [there]
    tag = small.digest.replace(":", "-")

    def asked(method: str, path: str) -> httpx.Response | None:
        return httpx.Response(200, content=first.pop()) if method == "GET" and path.endswith(tag) and first else None

    with answers(asked):
        reference = push(small.layout, small.digest, place).reference
    assert [each["digest"] for each in list_referrers(reference)] == [report]


def test_those_who_push_at_once_lose_nothing_of_each_other(small: Small, place: str, tmp_path: Path) -> None:
    reference = push(small.layout, small.digest, place).reference
    layouts = [tmp_path / str(number) for number in range(3)]
    made: set[str] = set()
    for layout in layouts:
        pull(reference, layout / "images")
        made |= {note(layout / "images", small.digest, f"{layout.name} {each}") for each in range(2)}
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(push, [each / "images" for each in layouts], [small.digest] * 3, [place] * 3))
    assert {each["digest"] for each in list_referrers(reference)} == made


@pytest.fixture
def overwritten(small: Small, place: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So many times another machine, which has read the list before, writes its own right after this one has."""
    tag, real = small.digest.replace(":", "-"), manifests.put
    size = len(Layout(small.layout).read(small.digest))

    def make(times: int) -> None:
        # Its entry is one that the registry has, else it takes no list of it.
        left: list[Json] = [{"mediaType": MANIFEST, "digest": small.digest, "size": size, "artifactType": KIND}] * times

        def written(registry: Client, manifest: Json, data: bytes, name: str) -> bool:
            done = real(registry, manifest, data, name)
            if name == tag and left:
                listed(place, small.digest, [left.pop()])
            return done

        monkeypatch.setattr(manifests, "put", written)

    return make


def test_what_another_machine_writes_over_is_written_again_with_what_was_there(
    small: Small, place: str, tmp_path: Path, overwritten: Callable[[int], None]
) -> None:
    reference = push(small.layout, small.digest, place).reference
    before = note(small.layout, small.digest, "before")
    push(small.layout, small.digest, place)
    pull(reference, tmp_path / "mine" / "images")
    mine = note(tmp_path / "mine" / "images", small.digest, "mine")
    overwritten(2)
    push(tmp_path / "mine" / "images", small.digest, place)
    assert {each["digest"] for each in list_referrers(reference)} == {before, mine, small.digest}


def test_a_list_that_does_not_come_to_rest_is_one_error(
    small: Small, report: str, place: str, monkeypatch: pytest.MonkeyPatch, overwritten: Callable[[int], None]
) -> None:
    def at_once(before: float, attempt: int) -> None: ...

    monkeypatch.setattr("model_build.push.referrers._wait", at_once)
    overwritten(50)
    with pytest.raises(RegistryError, match="was written by others 8 times while this push wrote it"):
        push(small.layout, small.digest, place)


def test_pages_are_followed_on_the_same_host_alone(small: Small, report: str, place: str) -> None:
    source = push(small.layout, small.digest, place).reference
    seen: list[str] = []

    def asked(method: str, path: str) -> httpx.Response | None:
        if "/referrers/" not in path:
            return None
        seen.append(path)
        entry: Json = {"digest": f"{len(seen)}", "artifactType": KIND if len(seen) != 2 else "text/other"}
        following = "https://elsewhere.example/referrers/x" if len(seen) == 3 else f"/v2/x/referrers/y?n={len(seen)}"
        link = {"link": f'<{following}>; rel="next"'}
        return httpx.Response(200, content=canonical({"manifests": [entry]}), headers=link)

    with answers(asked):
        assert [each["digest"] for each in list_referrers(source, KIND)] == ["1", "3"]
        host = place.partition("/")[0]
        assert seen[1:] == [f"http://{host}/v2/x/referrers/y?n={number}" for number in (1, 2)]
        seen[:] = ["", "", ""]
        assert len(list_referrers(source)) == 20


def test_an_image_goes_with_what_is_attached_and_no_other_image_with_it(
    small: Small, report: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = key(tmp_path)
    monkeypatch.setenv(signing.KEY_FILE, str(private))
    signature = signing.attach(small.layout, small.digest, place, signing.Signer.of(public))
    reference = push(small.layout, small.digest, f"{place}:v1").reference
    other = make(small.layout)
    push(small.layout, other.digest, f"{place}:other")
    fallback = small.digest.replace(":", "-")
    entries = list_referrers(reference)
    listed(place, small.digest, [*entries, {**entries[0], "digest": other.digest}])
    put(place, f"{fallback}.att", Layout(small.layout).read(other.digest))
    delete(reference)
    names = [small.digest, report, signature]
    tags = [f"{place}:{fallback}{end}" for end in ("", ".sig")]
    assert [each for each in [*(f"{place}@{name}" for name in names), *tags] if exists(each)] == []
    assert exists(f"{place}@{other.digest}") and exists(f"{place}:other")
    delete(reference)


def cosigned(reference: str, public: str, home: Path) -> str:
    """What cosign says against the signatures at its tag; nothing where one is by the key."""
    (home / "key.pub").write_text(public)
    words = ("verify", "--insecure-ignore-tlog=true", "--key", "key.pub", reference)
    done = subprocess.run(
        [str(golang.program(*golang.COSIGN)), *words],
        capture_output=True, text=True, check=False, cwd=home, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.stderr if done.returncode else ""


def test_cosign_finds_every_signature_whoever_signed_last(
    small: Small, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two keys from two machines, which know nothing of each other, and junk that is attached as a signature."""
    reference = push(small.layout, small.digest, place).reference
    public: list[str] = []
    for name in ("one", "two"):
        layout = tmp_path / name / "images"
        pull(reference, layout)
        private, text = key(tmp_path, name)
        monkeypatch.setenv(signing.KEY_FILE, str(private))
        public.append(text)
        made = signing.attach(layout, small.digest, place, signing.Signer.of(text))
        if name == "two":
            note(layout, small.digest, "junk", SIGNATURE)
        push(layout, small.digest, place)
        if name == "one":
            assert pull(f"{place}:{signature_tag(small.digest)}", tmp_path / "tag") == made, "the very manifest"
    assert [cosigned(reference, text, tmp_path) for text in public] == ["", ""]
    host, _, repository = place.partition("/")
    address = f"http://{host}/v2/{repository}/manifests/{signature_tag(small.digest)}"
    before = httpx.get(address, headers=manifests.ACCEPT).content
    push(tmp_path / "one" / "images", small.digest, place)
    assert httpx.get(address, headers=manifests.ACCEPT).content == before
    assert len(json.loads(before)["layers"]) == 3
    put(place, signature_tag(small.digest), canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}), INDEX)
    push(tmp_path / "one" / "images", small.digest, place)
    assert b"dev.cosignproject" in httpx.get(address, headers=manifests.ACCEPT).content, "what is none is replaced"
