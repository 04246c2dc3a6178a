"""Users, passwords and tokens, at registries that ask for them."""

from pathlib import Path

import httpx
import pytest

from model_build.push import DeniedError, LoginError, RegistryDown, RegistryError, delete, exists, pull, push
from model_build.push.auth import Authority, challenge
from model_build.push.credentials import Credential
from tests.model_build.push.conftest import Small
from tests.tools.certificates import Certificate
from tests.tools.registries import PASSWORD, USER, Registry, docker_config
from tests.tools.tokens import TokenServer


def _login(tmp_path: Path, host: str, user: str = USER, password: str = PASSWORD) -> None:
    docker_config(tmp_path / "docker", host, user, password)


def test_basic_authentication(small: Small, authenticated_registry: Registry, tmp_path: Path) -> None:
    host = authenticated_registry.host
    _login(tmp_path, host)
    reference = push(small.layout, small.digest, f"{host}/login/one:v1").reference
    assert exists(reference)
    assert pull(reference, tmp_path / "back") == small.digest


@pytest.mark.parametrize("kind", ["authenticated_registry", "token_registry"])
def test_a_wrong_password_is_one_clear_error_without_it(
    small: Small, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    host = request.getfixturevalue(kind).host
    _login(tmp_path, host, password="hunter2")
    with pytest.raises(
        LoginError, match=f"{host}: refuses the user alice or the password from .*docker login {host}"
    ) as raised:
        push(small.layout, small.digest, f"{host}/login/wrong")
    assert "hunter2" not in str(raised.value)
    assert "Basic" not in str(raised.value)


@pytest.mark.parametrize("kind", ["authenticated_registry", "token_registry"])
def test_no_password_is_one_clear_error(small: Small, kind: str, request: pytest.FixtureRequest) -> None:
    host = request.getfixturevalue(kind).host
    with pytest.raises(LoginError, match=f"{host}: wants a user and password.*run `docker login {host}`"):
        push(small.layout, small.digest, f"{host}/login/none")


def test_tokens(small: Small, token_registry: Registry, token_server: TokenServer, tmp_path: Path) -> None:
    _login(tmp_path, token_registry.host)
    before = len(token_server.requests)
    reference = push(small.layout, small.digest, f"{token_registry.host}/login/token:v1").reference
    asked = [request["scopes"] for request in token_server.requests[before:]]
    assert asked == [["repository:login/token:pull"], ["repository:login/token:pull,push"]]
    assert pull(reference, tmp_path / "back") == small.digest


def test_deleting_with_a_token(small: Small, token_registry: Registry, tmp_path: Path) -> None:
    _login(tmp_path, token_registry.host)
    reference = push(small.layout, small.digest, f"{token_registry.host}/login/gone:v1").reference
    delete(f"{token_registry.host}/login/gone:v1")
    assert not exists(reference)


def test_a_mount_asks_for_both_repositories(small: Small, token_registry: Registry, tmp_path: Path) -> None:
    host = token_registry.host
    _login(tmp_path, host)
    push(small.layout, small.digest, f"{host}/login/from")
    assert push(small.layout, small.digest, f"{host}/login/to").uploaded == [small.config]


def test_a_user_who_may_only_pull_is_told_so(small: Small, token_registry: Registry, tmp_path: Path) -> None:
    host = token_registry.host
    _login(tmp_path, host)
    reference = push(small.layout, small.digest, f"{host}/login/reader").reference
    _login(tmp_path, host, user="reader")
    assert pull(reference, tmp_path / "back") == small.digest
    other = Small(small.layout, small.digest, small.layers, small.config)
    with pytest.raises((DeniedError, LoginError), match="reader"):
        push(other.layout, other.digest, f"{host}/login/elsewhere")


def test_an_identity_token_is_traded_for_tokens(
    small: Small, token_registry: Registry, token_server: TokenServer, tmp_path: Path
) -> None:
    host = token_registry.host
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text(f'{{"auths": {{"{host}": {{"identitytoken": "refresh me"}}}}}}')
    push(small.layout, small.digest, f"{host}/login/identity")
    assert token_server.requests[-1]["method"] == "POST"


def test_tls_with_a_certificate_that_is_trusted(
    small: Small, tls_registry: Registry, signer: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(signer.certificate_file))
    assert exists(push(small.layout, small.digest, f"{tls_registry.host}/tls/one").reference)


def test_tls_with_one_that_is_not_is_refused(small: Small, tls_registry: Registry) -> None:
    with pytest.raises(RegistryDown, match="CERTIFICATE_VERIFY_FAILED"):
        push(small.layout, small.digest, f"{tls_registry.host}/tls/two")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="r"', ("basic", {"realm": "r"})),
        ('bearer realm="https://x/t",service="s"', ("bearer", {"realm": "https://x/t", "service": "s"})),
        (
            'Negotiate, Bearer realm="https://x/t", scope="a:b:c,d"',
            ("bearer", {"realm": "https://x/t", "scope": "a:b:c,d"}),
        ),
    ],
)
def test_challenges(header: str, expected: tuple[str, dict[str, str]]) -> None:
    assert challenge(header) == expected


@pytest.mark.parametrize("header", ["Negotiate", ""])
def test_a_challenge_of_another_kind_is_none(header: str) -> None:
    assert challenge(header)[0] == ""


def test_nothing_is_sent_to_a_token_server_without_tls_elsewhere() -> None:

    from model_build.push.reference import parse

    def send(*_: object, **__: object) -> httpx.Response:
        raise AssertionError("something was sent")

    def look_up(host: str) -> Credential:
        return Credential(host, "hunter2")

    authority = Authority(parse("registry.example.com/a"), look_up, send)
    header = {"www-authenticate": 'Bearer realm="http://tokens.example.com/t",service="s"'}
    authority.challenged(httpx.Response(401, headers=header), "repository:a:pull")
    with pytest.raises(RegistryError, match="not https"):
        authority.header("repository:a:pull")
