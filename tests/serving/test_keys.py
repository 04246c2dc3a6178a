"""API keys: who is let in, what the others are told, and how keys come and go while the server runs."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from serving.errors import StartError, Unauthorized
from serving.keys import Keys, require
from serving.settings import parse
from tests.serving import models
from tests.serving.support import Server, until

MODEL = "v2/models/digits"
INFER = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.5] * 64}]}
HOW = "send it as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'"


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Secret:
    """A folder as the kubelet makes it: each file a link into a folder that is swapped whole."""

    def __init__(self, folder: Path, **keys: str) -> None:
        self.folder, self._versions = folder, 0
        folder.mkdir()
        self.put(**keys)

    def put(self, **keys: str) -> None:
        self._versions += 1
        version = self.folder / f"..version{self._versions}"
        version.mkdir()
        for name, key in keys.items():
            (version / name).write_text(digest(key))
        fresh = self.folder / "..data_tmp"
        fresh.symlink_to(version.name)
        fresh.rename(self.folder / "..data")
        for each in self.folder.iterdir():
            if not each.name.startswith(".") and each.name not in keys:
                each.unlink()
        for name in keys:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    return Secret(tmp_path / "keys", shop="first")


@pytest.fixture
def guarded(tmp_path: Path, secret: Secret) -> Iterator[Server]:
    env = {"MODELPORT_API_KEYS": str(secret.folder)}
    with closing(Server(tmp_path, models.digits(tmp_path / "model"), "--workers", "2", env=env)) as server:
        yield server


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "headers",
    [
        bearer("first"),
        {"Authorization": "bearer   first"},
        {"X-Api-Key": "first"},
        {"Authorization": "Basic b3RoZXI6", "X-Api-Key": "first"},
        {"Authorization": "Bearer other", "X-Api-Key": "first"},
        {"Authorization": "Bearer first", "X-Api-Key": "other"},
    ],
)
def test_a_key_lets_in(guarded: Server, http: httpx.Client, headers: dict[str, str]) -> None:
    answer = http.post(f"{guarded.url}/{MODEL}/infer", json=INFER, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["model_name"] == "digits"


@pytest.mark.parametrize(
    ("headers", "challenge", "said"),
    [
        ({}, 'Bearer realm="modelport"', f"an API key is needed; {HOW}"),
        ({"Authorization": "Basic Zmlyc3Q="}, 'Bearer realm="modelport"', f"an API key is needed; {HOW}"),
        (
            bearer("second"),
            'Bearer realm="modelport", error="invalid_token"',
            "the API key is not one that this server takes; it may be misspelt or withdrawn",
        ),
        (
            {"X-Api-Key": digest("first")},
            'Bearer realm="modelport", error="invalid_token"',
            "the API key is not one that this server takes; it may be misspelt or withdrawn",
        ),
        (
            {"Authorization": "Bearer"},
            'Bearer realm="modelport"',
            f"an API key is needed; {HOW}",
        ),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", f"{MODEL}/infer"), ("GET", MODEL), ("GET", "v2"), ("GET", "v2/models/other"), ("GET", "nothing")],
)
def test_without_a_right_key_nothing_is_told(
    guarded: Server, http: httpx.Client, method: str, path: str, headers: dict[str, str], challenge: str, said: str
) -> None:
    answer = http.request(method, f"{guarded.url}/{path}", headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": said})
    assert answer.headers["www-authenticate"] == challenge
    assert answer.headers["content-type"] == "application/json"


def test_probes_and_scrapers_need_no_key(guarded: Server, http: httpx.Client) -> None:
    for path in ("v2/health/live", "v2/health/ready", "metrics", "ping"):
        assert http.get(f"{guarded.url}/{path}").status_code == 200
    http.get(f"{guarded.url}/{MODEL}")
    assert 'modelport_requests_total{code="401",route="other"} 1.0' in http.get(f"{guarded.url}/metrics").text


def test_a_connection_goes_on_after_a_refusal(guarded: Server) -> None:
    with httpx.Client(trust_env=False, limits=httpx.Limits(max_connections=1)) as one:
        refused = one.post(f"{guarded.url}/{MODEL}/infer", json=INFER)
        taken = one.post(f"{guarded.url}/{MODEL}/infer", json=INFER, headers=bearer("first"))
    assert (refused.status_code, taken.status_code) == (401, 200)


def test_keys_are_turned_over_without_a_restart(guarded: Server, secret: Secret, http: httpx.Client) -> None:
    def answers(key: str) -> set[int]:
        """On connections of their own, so that both workers are asked."""
        codes = set[int]()
        for _ in range(8):
            codes.add(httpx.get(f"{guarded.url}/{MODEL}", headers=bearer(key), trust_env=False).status_code)
        return codes

    workers = guarded.workers()
    assert (answers("first"), answers("second")) == ({200}, {401})
    secret.put(shop="first", shop_next="second")
    until(lambda: answers("second") == {200}, "the new key is taken")
    assert answers("first") == {200}
    secret.put(shop_next="second")
    until(lambda: answers("first") == {401}, "the old key is withdrawn")
    assert answers("second") == {200}
    secret.put()
    until(lambda: answers("second") == {401}, "without any key nobody is let in")
    assert guarded.workers() == workers


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Folder:
    """A folder, what is said about it, and whether a key is let in once it has been looked at again."""

    def __init__(self, place: Path) -> None:
        self.place, self.said, self.clock = place, list[str](), Clock()
        place.mkdir()
        (place / "shop").write_text(digest("first") + "\n")
        self.keys = Keys(place, self.said.append, self.clock)

    def takes(self, key: str) -> bool:
        self.clock.now += 1.0
        try:
            self.keys.check(None, key.encode())
        except Unauthorized:
            return False
        return True


@pytest.fixture
def keys(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "keys")


def test_a_file_may_hold_several_keys_and_say_their_kind(keys: Folder) -> None:
    (keys.place / "shop").write_text(f"sha256:{digest('second')}\n{digest('third').upper()}\n")
    assert [keys.takes(key) for key in ("first", "second", "third")] == [False, True, True]
    assert keys.said == ["API keys: 2 let in from now on"]


def test_a_spoilt_entry_lets_nobody_in_and_the_others_stay(keys: Folder) -> None:
    (keys.place / "other").write_text("second")
    assert [keys.takes("first"), keys.takes("second")] == [True, False]
    (told,) = keys.said
    assert told == (
        f"API keys: 1 let in from now on; {keys.place}/other is not the SHA-256 of a key, expected 64 hex digits; "
        "put in sha256(key)"
    )


def test_the_hash_of_nothing_lets_nobody_in(keys: Folder) -> None:
    (keys.place / "shop").write_text(digest(""))
    assert [keys.takes(""), keys.takes(" ")] == [False, False]


def test_hidden_files_are_not_keys(keys: Folder) -> None:
    (keys.place / ".shop.swp").write_text(digest("second"))
    assert not keys.takes("second")


def test_a_folder_that_goes_takes_its_keys_with_it(keys: Folder) -> None:
    away = keys.place.with_name("away")
    keys.place.rename(away)
    assert [keys.takes("first"), keys.takes("first")] == [False, False]
    assert len(keys.said) == 1
    assert keys.said[0].startswith("API keys: 0 let in from now on; ")
    away.rename(keys.place)
    assert keys.takes("first")


def test_a_file_swapped_for_one_of_the_same_time_is_seen(keys: Folder) -> None:
    shop = keys.place / "shop"
    was = shop.stat()
    fresh = keys.place / ".fresh"
    fresh.write_text(digest("other") + "\n")
    os.utime(fresh, ns=(was.st_atime_ns, was.st_mtime_ns))
    fresh.rename(shop)
    assert [keys.takes("first"), keys.takes("other")] == [False, True]


def test_between_looks_the_folder_is_let_alone(keys: Folder) -> None:
    (keys.place / "shop").write_text(digest("second"))
    keys.clock.now += 0.5
    keys.keys.check(b"Bearer first", None)
    keys.clock.now += 0.5
    with pytest.raises(Unauthorized):
        keys.keys.check(b"Bearer first", None)


def test_what_is_no_folder_of_keys_stops_a_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"MODELPORT_API_KEYS: .*/none: No such file or directory; expected a folder"):
        require(tmp_path / "none")
    (tmp_path / "shop").write_text("my secret key")
    with pytest.raises(StartError) as caught:
        require(tmp_path)
    assert str(caught.value).endswith("shop is not the SHA-256 of a key, expected 64 hex digits; put in sha256(key)")
    assert "my secret" not in str(caught.value)
    (tmp_path / "shop").write_text("")
    with pytest.raises(StartError, match="shop is not the SHA-256 of a key"):
        require(tmp_path)


def test_the_setting() -> None:
    assert parse(["--model", "/m"], {}).api_keys is None
    assert parse(["--model", "/m"], {"MODELPORT_API_KEYS": "/keys"}).api_keys == Path("/keys")
    with pytest.raises(StartError, match="MODELPORT_API_KEYS is '', expected a folder of keys; unset it to answer"):
        parse(["--model", "/m"], {"MODELPORT_API_KEYS": ""})
