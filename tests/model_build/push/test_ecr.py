"""Amazon ECR: no password lasts there, so that AWS is asked for one at every push."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_build.push import LoginError, RegistryDown, RegistryError, credentials, ecr, exists, pull, push
from model_build.push.client import Registry
from model_build.push.reference import parse
from tests.model_build.push.conftest import Small, make
from tests.tools.ecr import HOST, PASSWORD, REGION, Ecr, start
from tests.tools.registries import docker_config


@pytest.fixture(scope="module", name="ecr_there")
def _ecr_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ecr]:
    with start(tmp_path_factory.mktemp("ecr")) as made:
        yield made


@pytest.fixture
def there(ecr_there: Ecr, monkeypatch: pytest.MonkeyPatch) -> Ecr:
    """ECR as this process finds it, with AWS's credentials and without Docker's."""
    for name in ("HTTP_PROXY", "https_proxy", "http_proxy", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ecr_there.environment.items():
        monkeypatch.setenv(name, value)
    return ecr_there


def test_a_push_needs_no_login_beforehand(small: Small, report: str, there: Ecr, tmp_path: Path) -> None:
    pushed = push(small.layout, small.digest, f"{HOST}/models/iris")
    assert pushed.reference == f"{HOST}/models/iris@{small.digest}"
    assert {small.config, *small.layers, small.digest, report} <= there.registry.blobs()
    assert exists(pushed.reference)
    assert pull(pushed.reference, tmp_path / "back") == small.digest


def test_what_has_no_tag_is_given_one_as_the_registry_clears_away_what_has_none(small: Small, there: Ecr) -> None:
    push(small.layout, small.digest, f"{HOST}/models/tagged")
    assert exists(f"{HOST}/models/tagged:image-{small.digest[7:23]}")
    push(small.layout, small.digest, f"{HOST}/models/mine:v1")
    assert exists(f"{HOST}/models/mine:v1")
    assert not exists(f"{HOST}/models/mine:{ecr.tag(small.digest)}")


def test_docker_wins_where_it_knows_the_registry(small: Small, there: Ecr, tmp_path: Path) -> None:
    docker_config(tmp_path / "docker", HOST, "AWS", "of-docker")
    with pytest.raises(LoginError, match=r"refuses the user AWS or the password from .*config\.json"):
        push(small.layout, small.digest, f"{HOST}/models/docker")
    docker_config(tmp_path / "docker", "registry.example.com", "alice", "of-another")
    push(small.layout, small.digest, f"{HOST}/models/docker")


def test_a_token_that_is_over_is_asked_for_anew_and_never_shown(small: Small, there: Ecr) -> None:
    there.expire()
    try:
        with pytest.raises(LoginError, match="refuses the user AWS or the password from AWS's credentials") as raised:
            push(small.layout, small.digest, f"{HOST}/models/over")
    finally:
        there.expire(False)
    assert PASSWORD not in str(raised.value) + repr(credentials.find(HOST))
    assert "docker login" not in str(raised.value)
    push(small.layout, small.digest, f"{HOST}/models/over")


def test_a_login_of_dockers_that_has_expired_says_how_to_be_rid_of_it(tmp_path: Path) -> None:
    """In ECR's words of 2026: it answers 403, not 401."""
    docker_config(tmp_path / "docker", HOST, "AWS", "old")
    import httpx

    registry = Registry(parse(f"{HOST}/models/iris"))
    said = {"errors": [{"code": "DENIED", "message": "Your authorization token has expired. Reauthenticate."}]}
    error = registry.error(httpx.Response(403, json=said), "HEAD /v2/")
    assert isinstance(error, LoginError)
    assert f"run `docker logout {HOST}`, and your AWS credentials are asked for a new one" in str(error)


@pytest.mark.parametrize(
    ("changed", "error", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": None}, LoginError, "there are no AWS credentials to ask for one with"),
        ({"AWS_SECRET_ACCESS_KEY": None}, LoginError, "there are no AWS credentials to ask for one with"),
        ({"AWS_PROFILE": "gone"}, LoginError, r"AWS gave no login \(The config profile \(gone\) could not be found\)"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, RegistryDown, "look at the way there, or at AWS_ENDPOINT_URL"),
    ],
)
def test_what_aws_does_not_give_is_one_line(
    there: Ecr, changed: dict[str, str | None], error: type[RegistryError], said: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name, value in changed.items():
        monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    with pytest.raises(error, match=said) as raised:
        credentials.find(HOST)
    assert "\n" not in str(raised.value)
    if error is LoginError:
        assert f"aws ecr get-login-password --region {REGION} | docker login" in str(raised.value)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(ecr.importlib, "import_module", missing)
    with pytest.raises(LoginError, match=r"run `pip install 'modelport\[aws\]'`, or log in by hand"):
        credentials.find(HOST)


@pytest.mark.parametrize(
    "answer", [{}, {"authorizationData": []}, {"authorizationData": [{"authorizationToken": "%"}]}]
)
def test_an_answer_without_a_token_is_named(answer: Any) -> None:
    with pytest.raises(LoginError, match="AWS answered without a login"):
        ecr._read(HOST, answer)


@pytest.mark.parametrize(
    ("host", "where"),
    [
        (HOST, (REGION, False)),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", ("us-gov-west-1", True)),
        ("123456789012.dkr-ecr.ap-southeast-2.on.aws", ("ap-southeast-2", False)),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", ("cn-north-1", False)),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.com", None),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com:8443", None),
        ("12345678901.dkr.ecr.eu-central-1.amazonaws.com", None),
        ("public.ecr.aws", None),
        ("127.0.0.1:5000", None),
    ],
)
def test_only_ecr_itself_is_shown_a_token(host: str, where: tuple[str, bool] | None) -> None:
    assert ecr.place(host) == where


def test_a_tag_that_does_not_move_takes_the_image_that_it_is_at_and_no_other(
    small: Small, there: Ecr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ECR refuses every push to a tag that there is, with 400 and TAG_INVALID."""
    import httpx

    push(small.layout, small.digest, f"{HOST}/models/fixed:v1")
    sent = Registry._send

    def immutable(self: Registry, method: str, address: str, **more: Any) -> httpx.Response:
        if method == "PUT" and address.endswith("/manifests/v1"):
            said = {"errors": [{"code": "TAG_INVALID", "message": "The image tag 'v1' already exists"}]}
            return httpx.Response(400, json=said, request=httpx.Request(method, address))
        return sent(self, method, address, **more)

    monkeypatch.setattr(Registry, "_send", immutable)
    assert push(small.layout, small.digest, f"{HOST}/models/fixed:v1").reference.endswith(small.digest)
    other = make(tmp_path / "other", title="other")
    with pytest.raises(RegistryError, match="The image tag 'v1' already exists"):
        push(other.layout, other.digest, f"{HOST}/models/fixed:v1")


def test_no_state_of_the_push_holds_the_password(small: Small, there: Ecr, tmp_path: Path) -> None:
    push(small.layout, small.digest, f"{HOST}/models/quiet")
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    assert [path for path in kept if PASSWORD.encode() in path.read_bytes()] == []
    assert PASSWORD not in there.registry.log() + there.simulated.server.log.read_text()
