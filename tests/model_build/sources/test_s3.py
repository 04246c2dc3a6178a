"""Objects and folders of a real S3 server: one request for what is as it was, and never two versions in one."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from model_build import content
from model_build.errors import SourceError
from model_build.sources import Finder, Source, buckets, find, s3
from model_build.sources.remote import ChangedError, UnreachedError
from tests.model_build import models
from tests.model_build.sources.conftest import Bucket
from tests.model_build.sources.test_https import left
from tests.tools.stores import PASSWORD

BODY = bytes(range(256)) * 9000


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Key and begin of each part that was fetched; a part has a megabyte."""
    monkeypatch.setattr(buckets, "PART", 1_000_000)
    seen: list[tuple[str, int]] = []
    real = s3.S3.part

    def part(self: s3.S3, key: str, file: Any, start: int, end: int) -> bytes:
        seen.append((key, start))
        return real(self, key, file, start, end)

    monkeypatch.setattr(s3.S3, "part", part)
    return seen


def looked(address: str, told: dict[str, Any] | None = None) -> Source:
    """As a preview finds it."""
    return Finder(Path(), fetch=False, told={"source": told or {}})(address, "source")


def test_an_object_is_fetched_once_and_is_what_the_file_is(
    tmp_path: Path, bucket: Bucket, parts: list[tuple[str, int]]
) -> None:
    address = bucket.put("m/model.onnx", models.linear())
    found = find(address, tmp_path, "source")
    assert found.path is not None and found.path.name == "model.onnx"
    assert found.parts() == looked(address).parts() == {"content": content.of_bytes(models.linear())}
    assert parts == [("m/model.onnx", 0)]


def test_a_folder_is_what_the_folder_is(tmp_path: Path, bucket: Bucket) -> None:
    for name, body in (("model.onnx", models.linear()), ("deep/vocab.txt", b"a\nb"), (".hidden", b"x")):
        bucket.put(f"team/m/{name}", body)
        (tmp_path / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / name).write_bytes(body)
    bucket.put("team/m2/model.onnx", b"of another folder")
    own = find("m", tmp_path, "source").parts()
    for address in (f"s3://{bucket.name}/team/m", f"s3://{bucket.name}/team/m/"):
        found = find(address, tmp_path, "source")
        assert found.parts() == own
        assert found.path is not None and (found.path / "deep" / "vocab.txt").read_bytes() == b"a\nb"


def test_equal_bytes_under_another_tag_are_the_same_model(
    tmp_path: Path, bucket: Bucket, parts: list[tuple[str, int]]
) -> None:
    address = bucket.put("m.bin", BODY)
    first = find(address, tmp_path, "source")
    bucket.put_in_parts("m.bin", BODY)
    assert find(address, tmp_path, "source").parts() == first.parts()
    count = len(parts)
    looked(address)
    assert len(parts) == count == 6


def test_a_machine_without_the_cache_asks_only_whether_it_is_the_version_of_the_state(
    tmp_path: Path, bucket: Bucket, parts: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put("m.bin", BODY)
    finder = Finder(tmp_path, fetch=False)
    first = finder(address, "source")
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(tmp_path / "another"))
    parts.clear()
    again = looked(address, finder.pins["source"])
    assert (again.path, again.parts(), parts) == (None, first.parts(), [])
    bucket.put("m.bin", BODY + b"more")
    assert looked(address, finder.pins["source"]).parts() != first.parts()


def test_what_a_state_says_of_another_address_counts_for_nothing(
    tmp_path: Path, bucket: Bucket, parts: list[tuple[str, int]]
) -> None:
    finder = Finder(tmp_path, fetch=False)
    finder(bucket.put("one.bin", BODY), "source")
    parts.clear()
    looked(bucket.put("two.bin", BODY), finder.pins["source"])
    assert [key for key, _ in parts] == ["two.bin"] * 3


def test_a_digest_that_the_store_has_spares_the_preview_the_download(
    tmp_path: Path, bucket: Bucket, parts: list[tuple[str, int]]
) -> None:
    address = bucket.put("m.bin", BODY, ChecksumAlgorithm="SHA256")
    assert looked(address).parts() == {"content": hashlib.sha256(BODY).hexdigest()}
    assert parts == []
    assert find(address, tmp_path, "source").path is not None


def test_what_breaks_off_is_gone_on_with(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "PART", 1_000_000)
    real, begun = s3.S3.part, list[int]()

    def part(self: s3.S3, key: str, file: Any, start: int, end: int) -> bytes:
        begun.append(start)
        if len(begun) == 2:
            raise ConnectionResetError("the network is gone")
        return real(self, key, file, start, end)

    monkeypatch.setattr(s3.S3, "part", part)
    found = find(bucket.put("m.bin", BODY), tmp_path, "source")
    assert found.path is not None and found.path.read_bytes() == BODY
    assert begun == [0, 1_000_000, 1_000_000, 2_000_000]


@pytest.mark.parametrize("folder", [False, True])
def test_what_changes_while_it_is_read_is_refused(
    tmp_path: Path, bucket: Bucket, own_cache: Path, monkeypatch: pytest.MonkeyPatch, folder: bool
) -> None:
    monkeypatch.setattr(buckets, "PART", 1_000_000)
    address = bucket.put("m/m.bin", BODY)
    real = s3.S3.part

    def part(self: s3.S3, key: str, file: Any, start: int, end: int) -> bytes:
        got = real(self, key, file, start, end)
        bucket.put("m/new.bin" if folder else "m/m.bin", BODY[::-1])
        return got

    monkeypatch.setattr(s3.S3, "part", part)
    said = "files came or went while it was read" if folder else "became another one while it was read"
    with pytest.raises(ChangedError, match=said):
        find(f"s3://{bucket.name}/m/" if folder else address, tmp_path, "source")
    assert left(own_cache) == []


def test_what_is_not_there_is_told(tmp_path: Path, bucket: Bucket) -> None:
    bucket.put("m.bin", b"1")
    with pytest.raises(SourceError, match="there is no such object, nor a folder with files in it"):
        find(f"s3://{bucket.name}/other", tmp_path, "source")
    with pytest.raises(SourceError, match="there is no bucket no-such-bucket"):
        find("s3://no-such-bucket/m/", tmp_path, "source")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3:///m.bin", "which names no bucket, expected s3://BUCKET/models/m.onnx"),
        (
            "s3://bucket/m.bin?versionId=1",
            "says versionId after the question mark, expected anonymous, profile, region",
        ),
        ("s3://alice:secret@bucket/m.bin", "with a user or password in it"),
        ("s3://bucket/m.bin?endpoint=https://models.example.com", "says endpoint after the question mark"),
    ],
)
def test_addresses_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as error:
        find(text, tmp_path, "source")
    assert "secret" not in str(error.value)


def test_without_credentials_and_with_wrong_ones_it_is_told_what_to_set(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = bucket.put("m.bin", BODY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret-of-the-test")
    with pytest.raises(UnreachedError, match="credentials are missing or refused; set AWS_ACCESS_KEY_ID") as error:
        find(address, tmp_path, "source")
    assert "wrong-secret-of-the-test" not in str(error.value)
    assert PASSWORD not in str(error.value)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UnreachedError, match="credentials are missing or refused"):
        find(address, tmp_path, "source")


def test_a_store_that_is_down_is_told(tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    with pytest.raises(UnreachedError, match="the store does not answer"):
        find(f"s3://{bucket.name}/m.bin", tmp_path, "source")
