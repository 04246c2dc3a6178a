"""Blobs of Azurite, which speaks Azure Blob Storage's protocol."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_build import content
from model_build.errors import SourceError
from model_build.sources import Finder, az, buckets, find
from model_build.sources.remote import ChangedError, UnreachedError
from tests.ports import free_port
from tests.tools.stores import ACCOUNT, KEY, Azurite

BODY = bytes(range(256)) * 9000


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    made = Azurite(tmp_path_factory.mktemp("azurite"), free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def container(azurite: Azurite, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The container `models`, empty, which the environment has credentials for."""
    from azure.storage.blob import BlobServiceClient

    given = {"ACCOUNT": ACCOUNT, "KEY": KEY, "DOMAIN": azurite.address, "PROTOCOL": "http"}
    for name, value in given.items():
        monkeypatch.setenv(f"AZURE_STORAGE_{name}", value)
    monkeypatch.setattr(buckets, "PART", 1_000_000)
    with BlobServiceClient.from_connection_string(azurite.connection) as client:
        made = client.get_container_client("models")
        if not made.exists():
            made.create_container()
        for each in made.list_blobs():
            made.delete_blob(each.name)
        yield made


def test_a_blob_and_a_folder_are_what_the_files_are(tmp_path: Path, container: Any) -> None:
    for name, body in (("m.bin", BODY), ("deep/n.bin", b"1")):
        container.upload_blob(f"one/{name}", body)
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "one" / name).write_bytes(body)
    assert find("az://models/one/m.bin", tmp_path, "source").parts() == {"content": content.of_bytes(BODY)}
    assert find("az://models/one/", tmp_path, "source").parts() == find("one", tmp_path, "source").parts()


def test_one_that_is_as_it_was_is_not_fetched_again(
    tmp_path: Path, container: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.upload_blob("m.bin", BODY)
    found = find("az://models/m.bin", tmp_path, "source")
    monkeypatch.setattr(az.Az, "part", None)
    assert Finder(tmp_path, fetch=False)("az://models/m.bin", "source").parts() == found.parts()


def test_what_changes_while_it_is_read_is_refused(
    tmp_path: Path, container: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.upload_blob("m.bin", BODY)
    real = az.Az.part

    def part(self: az.Az, key: str, file: Any, start: int, end: int) -> bytes:
        got = real(self, key, file, start, end)
        container.upload_blob("m.bin", BODY[::-1], overwrite=True)
        return got

    monkeypatch.setattr(az.Az, "part", part)
    with pytest.raises(ChangedError, match="became another one while it was read"):
        find("az://models/m.bin", tmp_path, "source")


def test_what_is_not_there_and_wrong_keys_are_told(
    tmp_path: Path, container: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SourceError, match="there is no such object, nor a folder"):
        find("az://models/none", tmp_path, "source")
    with pytest.raises(SourceError, match="there is no"):
        find("az://nowhere/m.bin", tmp_path, "source")
    wrong = base64.b64encode(b"another key").decode()
    monkeypatch.setenv("AZURE_STORAGE_KEY", wrong)
    with pytest.raises(UnreachedError, match="credentials are missing or refused; set AZURE_STORAGE_KEY") as error:
        find("az://models/m.bin", tmp_path, "source")
    assert wrong not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("az://models/m.bin", "names no storage account; add"),
        ("az://models/m.bin?storage_account=a&domain=models.example.com", "says domain after the question mark"),
    ],
)
def test_addresses_that_cannot_be_meant_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    for name in os.environ:
        if name.startswith("AZURE_STORAGE_"):
            monkeypatch.delenv(name)
    with pytest.raises(SourceError, match=said):
        find(text, tmp_path, "source")
