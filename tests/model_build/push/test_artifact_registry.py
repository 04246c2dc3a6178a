"""Google's Artifact Registry: no password lasts there, so that Google is asked for a token at every push."""

import datetime
import json
import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from model_build.push import (
    DeniedError,
    LoginError,
    RegistryDown,
    RegistryError,
    artifact_registry,
    credentials,
    delete,
    exists,
    pull,
    push,
)
from model_build.push.auth import Authority
from model_build.push.client import Registry
from model_build.push.credentials import Credential
from model_build.push.reference import parse
from tests.model_build.push.conftest import Small
from tests.tools.artifact_registry import ACCOUNT, HOST, LIFE, MACHINE, PROJECT, PUBLIC, TOKEN, USER, ArtifactRegistry
from tests.tools.artifact_registry import start as start_one
from tests.tools.registries import docker_config

MODELS = f"{HOST}/{PROJECT}/models"
_OF_GOOGLE = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
_OF_PROXIES = ("HTTP_PROXY", "https_proxy", "http_proxy", "no_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(scope="module", name="registry_there")
def _registry_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArtifactRegistry]:
    with start_one(tmp_path_factory.mktemp("google")) as made:
        yield made


@pytest.fixture
def machine(registry_there: ArtifactRegistry, monkeypatch: pytest.MonkeyPatch) -> Iterator[ArtifactRegistry]:
    """Artifact Registry as this process finds it, without credentials of anybody."""
    _lead(registry_there, monkeypatch)
    yield registry_there
    registry_there.google.life, registry_there.google.refuses = LIFE, None


@pytest.fixture
def there(machine: ArtifactRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ArtifactRegistry:
    """The same with a service account's key."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(machine.google.key_file(tmp_path / "of-google")))
    return machine


def _lead(there: ArtifactRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_OF_PROXIES, *_OF_GOOGLE):
        monkeypatch.delenv(name, raising=False)
    for name, value in there.environment.items():
        monkeypatch.setenv(name, value)


def afresh(code: str, **environment: str) -> str:
    """What a process of its own prints: Google's library reads some of its variables when it is imported."""
    ran = subprocess.run(
        [sys.executable, "-c", f"from model_build.push import *\n{code}"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert TOKEN not in ran.stderr
    return ran.stdout.strip()


def test_a_push_needs_no_login_beforehand(small: Small, report: str, there: ArtifactRegistry, tmp_path: Path) -> None:
    pushed = push(small.layout, small.digest, f"{MODELS}/iris")
    assert pushed.reference == f"{MODELS}/iris@{small.digest}"
    assert {small.config, *small.layers, small.digest, report} <= there.registry.blobs()
    assert exists(pushed.reference)
    assert pull(pushed.reference, tmp_path / "back") == small.digest


def test_a_registry_that_takes_the_token_itself(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_one(tmp_path / "basic", basic=True) as there:
        _lead(there, monkeypatch)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(there.google.key_file(tmp_path / "of-google")))
        push(small.layout, small.digest, f"{MODELS}/basic:v1")
        assert small.digest in there.registry.blobs()
        assert there.google.asked == ["POST /token"], "one token for all of a push"
        with pytest.raises(LoginError, match=f"refuses the user {ACCOUNT} or the password from Google's Application"):
            exists(f"{MODELS}/basic:v1")


def test_a_machine_of_googles_has_an_account_already(small: Small, machine: ArtifactRegistry) -> None:
    code = f"from pathlib import Path\nprint(push(Path({str(small.layout)!r}), {small.digest!r}, '{MODELS}/machine'))"
    assert f"{MODELS}/machine@{small.digest}" in afresh(code)
    assert machine.google.asked[-1] == "GET /v2/token"
    assert "GET /computeMetadata/v1/instance/service-accounts/default/token" in machine.google.asked


def test_what_has_no_tag_is_given_none_as_the_registry_deletes_nothing_that_a_tag_is_at(
    small: Small, there: ArtifactRegistry
) -> None:
    push(small.layout, small.digest, f"{MODELS}/untagged")
    tags = there.registry.folder / f"data/docker/registry/v2/repositories/{PROJECT}/models/untagged/_manifests/tags"
    assert not tags.exists()
    delete(f"{MODELS}/untagged@{small.digest}")
    assert not exists(f"{MODELS}/untagged@{small.digest}")
    push(small.layout, small.digest, f"{MODELS}/untagged:v1")
    assert [each.name for each in tags.iterdir()] == ["v1"]


def test_docker_wins_where_it_knows_the_registry(small: Small, there: ArtifactRegistry, tmp_path: Path) -> None:
    docker_config(tmp_path / "docker", HOST, USER, "of-docker")
    with pytest.raises(LoginError, match=rf"refuses the user {USER} or the password from .*config\.json") as raised:
        push(small.layout, small.digest, f"{MODELS}/docker")
    assert f"run `docker logout {HOST}`, and Google's Application Default Credentials are asked" in str(raised.value)
    docker_config(tmp_path / "docker", "registry.example.com", "alice", "of-another")
    push(small.layout, small.digest, f"{MODELS}/docker")


def test_the_helper_that_gcloud_names_wins_too(
    small: Small, there: ArtifactRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `gcloud auth configure-docker` leaves it."""
    helper = tmp_path / "bin" / "docker-credential-gcloud"
    helper.parent.mkdir()
    helper.write_text('#!/bin/sh\necho \'{"Username":"_dcgcloud_token","Secret":"of-gcloud"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{helper.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"credHelpers": {HOST: "gcloud"}}))
    before = list(there.google.issued)
    with pytest.raises(LoginError, match="refuses the user _dcgcloud_token or the password from docker-credential-gcl"):
        push(small.layout, small.digest, f"{MODELS}/helper")
    assert there.google.issued == before


def test_a_token_that_is_over_is_asked_for_anew(small: Small, there: ArtifactRegistry) -> None:
    push(small.layout, small.digest, f"{MODELS}/over")
    there.google.expire()
    assert exists(f"{MODELS}/over@{small.digest}")


def test_one_that_is_about_to_end_is_asked_for_anew_within_a_push(small: Small, there: ArtifactRegistry) -> None:
    """The registry's own tokens are asked for twice in a push: to look, and to write."""
    before = len(there.google.issued)
    push(small.layout, small.digest, f"{MODELS}/long")
    assert len(there.google.issued) == before + 1
    there.google.life = 0
    push(small.layout, small.digest, f"{MODELS}/longer")
    assert len(there.google.issued) > before + 2


def test_a_credential_is_looked_up_again_when_its_time_has_come_and_not_before() -> None:
    now = time.monotonic()
    found = [Credential(USER, "one", until=now), Credential(USER, "two", until=now + 3600), Credential(USER, "three")]
    authority = Authority(parse(f"{MODELS}/iris"), lambda _: found.pop(0), lambda *_: httpx.Response(200))
    assert authority.credential.password == "one"
    assert [authority.credential.password for _ in range(3)] == ["two"] * 3
    assert Credential("alice", "open sesame").until == math.inf, "what `docker login` left does not end"


@pytest.mark.parametrize(("left", "good"), [(3600, 3360), (300, 150), (0, 0), (-60, 0)])
def test_how_long_a_token_is_used(left: int, good: int) -> None:
    """A machine's metadata server hands out one that has five minutes left, and then a new one."""
    now = datetime.datetime.now(datetime.UTC)
    for zone in (datetime.UTC, None):
        ends = (now + datetime.timedelta(seconds=left)).replace(tzinfo=zone)
        assert artifact_registry._good_for(ends) == pytest.approx(good, abs=5)
    assert artifact_registry._good_for(None) == 0


def test_without_credentials_it_says_how_to_get_some(small: Small, machine: ArtifactRegistry) -> None:
    code = (
        "from pathlib import Path\n"
        f"try: push(Path({str(small.layout)!r}), {small.digest!r}, '{MODELS}/nobody')\n"
        "except LoginError as error: print(error)"
    )
    said = afresh(code, NO_GCE_CHECK="true")
    assert said == (
        f"{HOST}: wants a login, and there are no Application Default Credentials of Google to ask for one with; run "
        "`gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or log in by hand: `gcloud auth "
        f"print-access-token | docker login -u {USER} --password-stdin https://{HOST}`"
    )


def test_what_is_public_is_pulled_without_credentials(
    small: Small, machine: ArtifactRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{PUBLIC}base"
    monkeypatch.setattr("tests.tools.artifact_registry.PROJECT", PUBLIC.partition("/")[0])
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(machine.google.key_file(tmp_path / "of-google")))
    push(small.layout, small.digest, f"{HOST}/{name}")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    assert afresh(f"print(exists('{HOST}/{name}@{small.digest}'))", NO_GCE_CHECK="true") == "True"


def test_a_repository_that_one_may_not_use_is_told_with_the_account(small: Small, there: ArtifactRegistry) -> None:
    with pytest.raises(DeniedError, match=f"token server refuses .* to {ACCOUNT}; ask for the right") as raised:
        push(small.layout, small.digest, f"{HOST}/other-project/models/iris")
    assert USER not in str(raised.value)


def test_a_blob_in_a_project_that_one_may_not_read_is_sent_again(small: Small, there: ArtifactRegistry) -> None:
    """All projects of a region are one host: what was pushed for one of them is known when another's turn comes."""
    from model_build.push.neighbours import remember

    remember(parse(f"{HOST}/other-project/models/iris"), small.layers)
    assert set(push(small.layout, small.digest, f"{MODELS}/mine").uploaded) == {small.config, *small.layers}


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"private_key": "none"}, LoginError, "Google gave no login ("),
        ({"type": "nothing"}, LoginError, "does not have a valid type"),
        ({"token_uri": "http://127.0.0.1:9/token"}, RegistryDown, "expected an answer of its token server; look at"),
    ],
)
def test_what_google_does_not_give_is_one_line(
    there: ArtifactRegistry, changes: dict[str, str], error: type[RegistryError], said: str, tmp_path: Path
) -> None:
    there.google.key_file(tmp_path / "of-google", **changes)
    _is_one_line(error, said)


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ({"error": "invalid_grant", "error_description": "Invalid JWT Signature."}, "(invalid_grant: Invalid JWT Sig"),
        ({"error": "invalid_rapt", "error_description": "reauth related error"}, "(invalid_rapt: reauth related"),
    ],
)
def test_what_google_refuses_is_one_line(there: ArtifactRegistry, refusal: dict[str, str], said: str) -> None:
    there.google.refuses = refusal
    _is_one_line(LoginError, said)


@pytest.mark.parametrize(("text", "said"), [(None, "was not found"), ("{", "is not a valid json file")])
def test_a_file_of_credentials_that_is_none_is_one_line(
    there: ArtifactRegistry, text: str | None, said: str, tmp_path: Path
) -> None:
    place = tmp_path / "of-google" / "key.json"
    place.unlink() if text is None else place.write_text(text)
    _is_one_line(LoginError, said)


def _is_one_line(error: type[RegistryError], said: str) -> None:
    with pytest.raises(error) as raised:
        credentials.find(HOST)
    assert type(raised.value) is error
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    if error is LoginError:
        assert "run `gcloud auth application-default login`" in str(raised.value)
        assert f"gcloud auth print-access-token | docker login -u {USER}" in str(raised.value)


def test_a_machine_without_an_account_is_one_line(machine: ArtifactRegistry) -> None:
    machine.google.refuses = {"error": "no account"}
    code = (
        "from model_build.push import credentials\n"
        f"try: credentials.find('{HOST}')\n"
        "except LoginError as error: print(error)"
    )
    said = afresh(code)
    assert said.startswith(f"{HOST}: Google gave no login (Failed to retrieve http://{machine.google.host}/")
    assert "\n" not in said


def test_without_the_extra_it_is_named(there: ArtifactRegistry, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("model_build.push.artifact_registry.importlib.import_module", missing)
    said = r"run `pip install 'modelport\[gcp\]'`, or log in by hand"
    with pytest.raises(LoginError, match=said):
        push(small.layout, small.digest, f"{MODELS}/extra")
    denied = httpx.Response(403, json={"errors": [{"code": "DENIED", "message": "Unauthenticated request."}]})
    error = Registry(parse(f"{MODELS}/extra")).error(denied, "HEAD /v2/")
    assert isinstance(error, LoginError)
    assert re.search(said, str(error)), "a registry that refuses nobody without having asked who it is"


@pytest.mark.parametrize(
    ("host", "googles"),
    [
        (HOST, True),
        ("us-docker.pkg.dev", True),
        ("northamerica-northeast1-docker.pkg.dev", True),
        ("europe-west12-docker.pkg.dev", True),
        ("gcr.io", True),
        ("eu.gcr.io", True),
        ("mirror.gcr.io", False),
        ("registry.gcr.io", False),
        ("europe-west4-docker.pkg.dev.example.com", False),
        ("europe-west4-docker.pkg.dev:8443", False),
        ("example.com-docker.pkg.dev", False),
        ("europe-west4-python.pkg.dev", False),
        ("docker.pkg.dev", False),
        ("127.0.0.1:5000", False),
    ],
)
def test_only_googles_own_registries_are_shown_a_token(host: str, googles: bool) -> None:
    assert artifact_registry.is_here(host) is googles


def test_nothing_that_a_push_leaves_or_says_holds_the_token(
    small: Small,
    there: ArtifactRegistry,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("DEBUG"):
        push(small.layout, small.digest, f"{MODELS}/quiet")
        found = credentials.find(HOST)
    assert found.password.startswith(TOKEN)
    assert TOKEN not in repr(found)
    assert (found.name, found.source) == (ACCOUNT, "Google's Application Default Credentials")
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if TOKEN.encode() in path.read_bytes()] == []
    assert TOKEN not in "".join([*capfd.readouterr(), caplog.text, there.registry.log()])


def test_the_account_of_a_machine_has_a_name(machine: ArtifactRegistry) -> None:
    said = afresh(f"from model_build.push import credentials\nprint(credentials.find('{HOST}').who)")
    assert said == MACHINE
