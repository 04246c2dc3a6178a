"""Docker's config file and the helpers that it names."""

import base64
import json
from pathlib import Path

import pytest

from model_build.push import DestinationError, credentials

_HOST = "registry.example.com:5000"


def _config(tmp_path: Path, content: object) -> None:
    (tmp_path / "docker").mkdir(exist_ok=True)
    (tmp_path / "docker/config.json").write_text(content if isinstance(content, str) else json.dumps(content))


def _helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    place = tmp_path / "bin" / f"docker-credential-{name}"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\nread asked\necho $1 $asked >> {tmp_path}/asked\n{script}\n")
    place.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place.parent}:/usr/bin:/bin")


def _auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_without_a_file_one_is_nobody() -> None:
    assert not credentials.find(_HOST)


@pytest.mark.parametrize("key", [_HOST, f"https://{_HOST}", f"https://{_HOST}/v2/"])
def test_a_password_with_a_colon_is_read_whole(tmp_path: Path, key: str) -> None:
    _config(tmp_path, {"auths": {"other": {"auth": _auth("x:y")}, key: {"auth": _auth("alice:a:b c")}}})
    found = credentials.find(_HOST)
    assert (found.user, found.password) == ("alice", "a:b c")


def test_docker_hub_goes_by_its_old_name(tmp_path: Path) -> None:
    _config(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": _auth("hub:pw")}}})
    assert credentials.find("docker.io").user == "hub"


def test_a_hosts_own_helper_comes_before_the_store_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _helper(tmp_path, monkeypatch, "own", """echo '{"Username":"helped","Secret":"s"}'""")
    _config(
        tmp_path,
        {"credHelpers": {_HOST: "own"}, "credsStore": "none", "auths": {_HOST: {"auth": _auth("file:pw")}}},
    )
    assert credentials.find(_HOST).user == "helped"
    assert (tmp_path / "asked").read_text() == f"get {_HOST}\n"


def test_the_store_is_asked_where_the_file_has_only_a_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _helper(tmp_path, monkeypatch, "store", """echo '{"Username":"<token>","Secret":"refresh"}'""")
    _config(tmp_path, {"credsStore": "store", "auths": {_HOST: {}}})
    found = credentials.find(_HOST)
    assert (found.identity_token, found.user) == ("refresh", "")


def test_a_store_that_knows_nothing_means_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _helper(tmp_path, monkeypatch, "store", "echo credentials not found in native keychain; exit 1")
    _config(tmp_path, {"credsStore": "store"})
    assert not credentials.find(_HOST)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo hunter2; echo hunter2 >&2; exit 3", r"failed for .* \(exit 3\)"),
        ("echo hunter2", "answered no JSON"),
        ("""echo '{"Secret":"hunter2"}'""", "answered no JSON"),
    ],
)
def test_a_helper_that_fails_is_named_and_its_output_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    _helper(tmp_path, monkeypatch, "own", script)
    _config(tmp_path, {"credHelpers": {_HOST: "own"}})
    with pytest.raises(DestinationError, match=said) as raised:
        credentials.find(_HOST)
    assert "hunter2" not in str(raised.value)


def test_a_helper_that_is_not_installed_is_named(tmp_path: Path) -> None:
    _config(tmp_path, {"credHelpers": {_HOST: "not-here"}})
    with pytest.raises(DestinationError, match="docker-credential-not-here, which is not on PATH"):
        credentials.find(_HOST)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"auths": []}', json.dumps({"auths": {_HOST: "x"}})])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    _config(tmp_path, content)
    if content == '{"auths": []}':
        assert not credentials.find(_HOST)  # Docker writes an empty table in more than one way
        return
    with pytest.raises(DestinationError, match=r"config\.json.*docker login"):
        credentials.find(_HOST)


def test_an_auth_that_is_no_base64_is_named_and_not_shown(tmp_path: Path) -> None:
    _config(tmp_path, {"auths": {_HOST: {"auth": "hunter2!"}}})
    with pytest.raises(DestinationError, match="not base64") as raised:
        credentials.find(_HOST)
    assert "hunter2" not in str(raised.value)


def test_no_secret_is_in_what_a_debugger_shows() -> None:
    shown = repr(credentials.Credential("alice", "hunter2", "hunter3", "hunter4"))
    assert "hunter" not in shown
