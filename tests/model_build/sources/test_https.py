"""One file of a web server, by its digest, whatever the server does."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from model_build import content, gc
from model_build.errors import DataError, ModelBuildError, SourceError
from model_build.sources import Finder, downloads, find
from model_build.sources import web as reading
from model_build.sources.remote import ChangedError, UnreachedError
from tests.model_build import models
from tests.tools.certificates import Certificate
from tests.tools.web import Page, Web

BODY = bytes(range(256)) * 4000


def left(cache: Path) -> list[str]:
    """The sources that are in the cache, whole."""
    folder = cache / "sources"
    return [p.name for p in folder.iterdir() if not p.name.startswith(".")] if folder.is_dir() else []


def test_a_file_is_fetched_once_and_is_the_same_as_one_of_this_machine(tmp_path: Path, web: Web) -> None:
    address = web.put("/models/m.onnx", Page(models.linear()))
    found = find(address, tmp_path, "source")
    assert found.path is not None and found.path.read_bytes() == models.linear()
    assert found.parts() == find(address, tmp_path, "source").parts()
    assert len(web.asked) == 1
    (tmp_path / "other.onnx").write_bytes(models.linear())
    assert found.parts() == find("other.onnx", tmp_path, "source").parts()


def test_a_preview_asks_nobody(tmp_path: Path, web: Web) -> None:
    found = Finder(tmp_path, fetch=False)(web.put("/m.onnx", Page(BODY)), "source")
    assert (found.path, found.parts()) == (None, {"content": content.of_bytes(BODY)})
    assert not web.asked


@pytest.mark.parametrize("fault", ["cut 300000", "status 503", "hang 300000"])
def test_what_breaks_off_is_gone_on_with(tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(reading, "TIMEOUT", httpx.Timeout(0.3))
    said: list[str] = []
    found = Finder(tmp_path, say=said.append)(web.put("/m.bin", Page(BODY, [fault, fault])), "source")
    assert found.path is not None and found.path.read_bytes() == BODY
    begins = [headers.get("range") for _, _, headers in web.asked]
    assert begins == ([None] * 3 if "503" in fault else [None, "bytes=300000-", "bytes=600000-"])


def test_what_was_fetched_before_a_run_ended_is_not_fetched_again(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = web.put("/m.bin", Page(BODY, ["cut 300000"] + ["status 500"] * 9))
    with pytest.raises(
        UnreachedError, match=r"could not be fetched: 127\.0\.0\.1 answered 500, after 0\.3 MB; run it again"
    ):
        find(address, tmp_path, "source")
    web.pages["/m.bin"].faults.clear()
    web.asked.clear()
    find(address, tmp_path, "source")
    assert [headers.get("range") for _, _, headers in web.asked] == ["bytes=300000-"]


def test_a_server_that_knows_no_parts_is_read_from_the_beginning(tmp_path: Path, web: Web) -> None:
    found = find(web.put("/m.bin", Page(BODY, ["cut 300000"], ranges=False)), tmp_path, "source")
    assert found.path is not None and found.path.read_bytes() == BODY


def test_one_that_never_goes_on_is_given_up(tmp_path: Path, web: Web, own_cache: Path) -> None:
    address = web.put("/m.bin", Page(BODY, ["cut 0"] * 50))
    with pytest.raises(
        UnreachedError, match=r"source is 'https://127\.0\.0\.1:\d+/m\.bin#sha256=\w+', which could not"
    ):
        find(address, tmp_path, "source")
    assert len(web.asked) == downloads.ATTEMPTS
    assert left(own_cache) == []


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, web: Web, own_cache: Path) -> None:
    address = web.put("/m.bin", Page(BODY, ["cut-become 300000 another file"]))
    with pytest.raises(ChangedError, match="became another one while it was read, expected one that stays"):
        find(address, tmp_path, "source")
    assert left(own_cache) == []


def test_another_file_than_was_meant_is_refused_and_the_right_one_taken_after_it(
    tmp_path: Path, web: Web, own_cache: Path
) -> None:
    address = web.put("/m.bin", Page(BODY, ["become something else"]))
    got = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(SourceError, match=f"'m.bin' has the SHA-256 {got}, expected {content.of_bytes(BODY)}"):
        find(address, tmp_path, "source")
    assert left(own_cache) == []
    web.pages["/m.bin"].body = BODY
    assert find(address, tmp_path, "source").path is not None


def test_two_that_want_the_same_fetch_it_once(tmp_path: Path, web: Web) -> None:
    address = web.put("/m.bin", Page(BODY))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: find(address, tmp_path, "source").path, range(2)))
    assert found[0] == found[1] and len(web.asked) == 1


def test_gc_clears_what_was_fetched(tmp_path: Path, web: Web, own_cache: Path) -> None:
    address = web.put("/m.bin", Page(BODY))
    find(address, tmp_path, "source")
    assert ("cache", "sources") in [(kind, name) for kind, name, _ in gc.collect([]).things]
    assert left(own_cache) == []
    assert find(address, tmp_path, "source").path is not None


def test_a_file_of_the_cache_that_was_damaged_is_fetched_anew(tmp_path: Path, web: Web) -> None:
    address = web.put("/m.bin", Page(BODY))
    path = find(address, tmp_path, "source").path
    assert path is not None
    path.write_bytes(b"damaged")
    again = find(address, tmp_path, "source").path
    assert again is not None and again.read_bytes() == BODY


def test_redirects_are_followed_over_https_and_to_loopback(tmp_path: Path, web: Web) -> None:
    digest = web.put("/real/m.bin", Page(BODY)).partition("#")[2]
    web.put("/m.bin", Page(location="/other/m.bin"))
    web.put("/other/m.bin", Page(location=f"{web.address}/real/m.bin"))
    plain = Web(None)
    try:
        plain.put("/p.bin", Page(BODY))
        web.put("/down/m.bin", Page(location=f"{plain.address}/p.bin"))
        for path in ("/m.bin", "/down/m.bin"):
            assert find(f"{web.address}{path}#{digest}", tmp_path, "source").path is not None
    finally:
        plain.stop()


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("http://models.example.com/m.bin", "redirects to http://models.example.com, expected https"),
        ("ftp://models.example.com/m.bin", "redirects to ftp, expected https"),
        ("https://alice:secret@127.0.0.1/m.bin", "redirects to an address with a password in it"),
        ("/m.bin", "redirects more than 10 times"),
    ],
)
def test_redirects_that_lead_astray_are_refused(tmp_path: Path, web: Web, location: str, said: str) -> None:
    address = web.put("/m.bin", Page(BODY, location=location))
    with pytest.raises(SourceError, match=said) as error:
        find(address, tmp_path, "source")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://models.example.com/m.onnx", "which has no digest, expected https://HOST/PATH#sha256=DIGEST"),
        ("https://models.example.com/m.onnx#sha256=12", "whose digest is 'sha256=12'"),
        ("https://alice:secret@models.example.com/m.onnx", "with a user or password in it, expected none"),
        ("https://models.example.com:99999/m.onnx", "write the host"),
        ("https://models.example.com/", "which names no file"),
        ("http://models.example.com/m.onnx", "http: is not a source, .* write https://"),
        ("ftp://alice:secret@models.example.com/m.onnx", "ftp: is not a source"),
    ],
)
def test_addresses_that_pin_nothing_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as error:
        find(text, tmp_path, "source")
    assert "secret" not in str(error.value)


def test_what_is_not_there_and_what_asks_for_a_password_are_told_apart(tmp_path: Path, web: Web) -> None:
    digest = "sha256=" + "0" * 64
    with pytest.raises(DataError, match=r"evaluate.data is .*, but there is no such file \(404\)"):
        find(f"{web.address}/none.csv#{digest}", tmp_path, "evaluate.data")
    web.put("/m.bin", Page(BODY, login="Basic YWxpY2U6c2VjcmV0"))
    with pytest.raises(UnreachedError, match=r"refuses \(401\).* ~/.netrc"):
        find(f"{web.address}/m.bin#{digest}", tmp_path, "source")


def test_a_password_comes_from_netrc_and_goes_to_its_own_host_alone(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login alice password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    digest = web.put("/m.bin", Page(BODY, login="Basic YWxpY2U6c2VjcmV0")).partition("#")[2]
    other = Web(None)
    try:
        other.put("/m.bin", Page(BODY))
        web.put("/away.bin", Page(location=f"{other.address}/m.bin"))
        find(f"{web.address}/away.bin#{digest}", tmp_path, "source")
        assert "authorization" not in other.asked[-1][2]
        assert "authorization" in web.asked[-1][2]
    finally:
        other.stop()


def test_a_signature_in_an_address_is_used_and_shown_nowhere(tmp_path: Path, web: Web, own_cache: Path) -> None:
    plain, _, digest = web.put("/m.bin", Page(BODY)).partition("#")
    said: list[str] = []
    finder = Finder(tmp_path, say=said.append)
    found = finder(f"{plain}?X-Amz-Signature=secret#{digest}", "source")
    assert web.asked[-1][1] == "/m.bin?X-Amz-Signature=secret"
    notes = "".join(path.read_text() for path in (own_cache / "versions").iterdir())
    assert "secret" not in f"{found.label} {found.address} {said} {finder.pins} {notes}"
    assert "secret" not in str(ModelBuildError(f"evaluate.data {plain}?sig=secret has no rows"))


def test_a_certificate_that_nobody_knows_is_refused_at_once(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch, signer: Certificate
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    address = web.put("/m.bin", Page(BODY))
    with pytest.raises(UnreachedError, match="CERTIFICATE_VERIFY_FAILED"):
        find(address, tmp_path, "source")


def test_a_limit_ends_a_download_early(tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(downloads.LIMIT, "0.001")
    with pytest.raises(SourceError, match=r"of more than 1\.0 MB, the limit; set MODELPORT_SOURCE_LIMIT_GB"):
        find(web.put("/m.bin", Page(BODY)), tmp_path, "source")
    monkeypatch.setenv(downloads.LIMIT, "much")
    with pytest.raises(ModelBuildError, match="MODELPORT_SOURCE_LIMIT_GB is 'much', expected gigabytes"):
        find(web.put("/m.bin", Page(BODY)), tmp_path, "source")


def test_a_full_disk_is_told_and_leaves_the_cache_as_it_was(tmp_path: Path, web: Web, own_cache: Path) -> None:
    """In a process of its own, to which the kernel gives no file of more than half a megabyte."""
    import subprocess
    import sys

    kept = find(web.put("/small.bin", Page(b"small")), tmp_path, "source").path
    code = (
        "import resource, signal, sys; from pathlib import Path; from model_build.sources import find\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))\n"
        "from model_build.errors import ModelBuildError\n"
        "try: find(sys.argv[1], Path(), 'source')\n"
        "except ModelBuildError as error: print(error)"
    )
    address = web.put("/m.bin", Page(BODY))
    ran = subprocess.run([sys.executable, "-c", code, address], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith(f"no space left under {own_cache}, the build was stopped; run modelport gc")
    assert kept is not None and kept.read_bytes() == b"small"
    assert left(own_cache) == [kept.parent.name]
    assert find(address, tmp_path, "source").path is not None


def test_a_disk_with_too_little_room_is_told_before_anything_is_fetched(
    tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage())
    with pytest.raises(ModelBuildError, match=r"has 1\.0 MB to fetch, but .* has 0\.0 MB left; run modelport gc"):
        find(web.put("/m.bin", Page(BODY)), tmp_path, "source")


class _Usage:
    free = 5000
