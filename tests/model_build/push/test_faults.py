"""Registries that are down, flaky, full or in the way of a large request."""

import http.client
import os
import socket
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from model_build.push import RegistryDown, RegistryError, RegistryFullError, exists, list_referrers, pull, push
from tests.model_build.push.conftest import Small, make
from tests.tools import registries
from tests.tools.registries import Registry


class Front:
    """A proxy before a real registry that misbehaves as told: `plan` is called for every request."""

    def __init__(self, registry: Registry) -> None:
        self.seen: list[str] = []
        self.fail: list[int | str] = []  # taken in turn: a status to answer with, or "cut"
        self.most = 1 << 62  # the largest body that is let through
        self.corrupt = False
        self.notes_subjects = False  # says that it lists referrers itself, as registries of specification 1.1 do
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.seen.append(f"{self.command} {self.path.split('?')[0]}")
                if outer.fail and self.path != "/v2/":
                    what = outer.fail.pop(0)
                    if what == "cut":
                        self.connection.shutdown(socket.SHUT_RDWR)
                        self.close_connection = True
                        return
                    self._answer(int(what), {"retry-after": "0"}, b"busy")
                    return
                if len(body) > outer.most:
                    self._answer(413, {}, b"too large")
                    return
                behind = http.client.HTTPConnection(registry.host, timeout=30)
                headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
                behind.request(self.command, self.path, body, headers)
                got = behind.getresponse()
                data = got.read()
                if outer.corrupt and "/blobs/" in self.path and self.command == "GET":
                    data = bytes(len(data))
                kept = {k: v for k, v in got.getheaders() if k.lower() not in ("content-length", "connection", "date")}
                if outer.notes_subjects and self.command == "PUT" and b'"subject"' in body:
                    kept["oci-subject"] = "noted"
                self._answer(got.status, kept, data, got.getheader("content-length") or "0")
                behind.close()

            do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _any

            def _answer(self, status: int, headers: dict[str, str], data: bytes, length: str = "") -> None:
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("content-length", (self.command == "HEAD" and length) or str(len(data)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()


@pytest.fixture
def front(registry: Registry) -> Iterator[Front]:
    """A misbehaving proxy before the session's registry."""
    made = Front(registry)
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def test_a_registry_that_is_down_is_one_clear_error(small: Small, free_port: int) -> None:
    said = rf"127\.0\.0\.1:{free_port}: no answer .*start it or correct the address; nothing was changed there$"
    with pytest.raises(RegistryDown, match=said):
        push(small.layout, small.digest, f"127.0.0.1:{free_port}/down/one")


def test_a_name_that_nobody_has_is_one_clear_error(small: Small) -> None:
    with pytest.raises(RegistryDown, match=r"nowhere\.invalid: no answer"):
        push(small.layout, small.digest, "nowhere.invalid/down/one")


def test_a_server_that_is_no_registry_is_named(small: Small, front: Front) -> None:
    front.fail = [418] * 3

    class NoRegistry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), NoRegistry)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with pytest.raises(RegistryDown, match=r"answers, but not as a registry \(GET /v2/ gave 404\)"):
            push(small.layout, small.digest, f"127.0.0.1:{server.server_address[1]}/down/one")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("trouble", [[503], [429, 500], ["cut"], [502, "cut", 503]])
def test_passing_trouble_is_not_noticed(small: Small, front: Front, trouble: list[int | str]) -> None:
    front.fail = list(trouble)
    assert exists(push(small.layout, small.digest, f"{front.host}/flaky/one").reference)
    assert front.fail == []


def test_trouble_during_an_upload_starts_it_again(small: Small, front: Front, registry: Registry) -> None:
    upload = {"n": 0}
    original = front.fail

    class Uploads(list[int | str]):
        """Trouble for the first request that sends a blob, and for no other."""

        def __bool__(self) -> bool:
            sending = front.seen[-1].startswith("PUT ") and "/blobs/uploads/" in front.seen[-1]
            upload["n"] += sending
            return sending and upload["n"] == 1

        def pop(self, index: object = 0) -> int | str:
            return 503

    front.fail = Uploads()
    push(small.layout, small.digest, f"{front.host}/flaky/upload")
    front.fail = original
    assert upload["n"] >= 2
    assert set(small.layers) <= registry.blobs()


def test_lasting_trouble_is_named(small: Small, front: Front) -> None:
    front.fail = [503] * 100
    with pytest.raises(RegistryError, match=r"gave 503 .*, expected success"):
        push(small.layout, small.digest, f"{front.host}/flaky/two")


def test_a_proxy_that_takes_no_large_body_is_got_round_in_chunks(tmp_path: Path, front: Front) -> None:
    front.most = 17 << 20
    image = make(tmp_path / "images", sizes=(20 << 20,))
    assert exists(push(image.layout, image.digest, f"{front.host}/chunks/one").reference)
    assert sum(request.startswith("PATCH") for request in front.seen) == 2
    assert pull(f"{front.host}/chunks/one@{image.digest}", tmp_path / "back") == image.digest


@pytest.mark.parametrize("notes_subjects", [True, False])
def test_a_registry_that_lists_referrers_gets_no_tag_for_them(
    small: Small, report: str, front: Front, notes_subjects: bool
) -> None:
    front.notes_subjects = notes_subjects
    place = f"{front.host}/subject/{notes_subjects}".lower()
    reference = push(small.layout, small.digest, f"{place}:v1").reference
    assert exists(f"{place}@{report}")
    assert exists(f"{place}:{small.digest.replace(':', '-')}") is not notes_subjects
    assert len(list_referrers(reference)) == (0 if notes_subjects else 1)  # the one behind it lists none


def test_a_blob_that_arrives_wrong_is_not_kept(small: Small, front: Front, tmp_path: Path) -> None:
    reference = push(small.layout, small.digest, f"{front.host}/wrong/one").reference
    front.corrupt = True
    with pytest.raises(RegistryError, match=r"the registry sent sha256:.* instead"):
        pull(reference, tmp_path / "back")
    assert list((tmp_path / "back" / "blobs/sha256").iterdir()) == []


@contextmanager
def _small_disk(place: Path, size: str) -> Generator[Path]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system small enough to fill")
def test_a_registry_with_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    image = make(tmp_path / "images", sizes=(3 << 20,))
    with _small_disk(tmp_path / "disk", "1m") as disk:
        full = registries.start(tmp_path / "registry", data=disk / "data")
        try:
            with pytest.raises(RegistryFullError, match=r"no space left.*free some there and push again"):
                push(image.layout, image.digest, f"{full.host}/full/one")
        finally:
            full.server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system small enough to fill")
def test_a_pull_to_a_full_disk_leaves_nothing(tmp_path: Path, registry: Registry) -> None:
    image = make(tmp_path / "images", sizes=(3 << 20,))
    reference = push(image.layout, image.digest, f"{registry.host}/full/pull").reference
    with _small_disk(tmp_path / "disk", "1m") as disk:
        with pytest.raises(Exception, match="no space left for the image"):
            pull(reference, disk / "images")
        assert [path for path in (disk / "images/blobs/sha256").iterdir() if path.stat().st_size > 10000] == []
        assert list((disk / "images/.work").iterdir()) == []
