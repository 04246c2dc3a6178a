"""References: what is one, what is not, and why."""

import pytest

from model_build.push import DestinationError, parse

_DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5000/models/digits", ("127.0.0.1:5000", "models/digits", "", "")),
        ("localhost/digits:v1.2_x", ("localhost", "digits", "v1.2_x", "")),
        (f"ghcr.io/a/b/c@{_DIGEST}", ("ghcr.io", "a/b/c", "", _DIGEST)),
        (f"[::1]:5000/digits:latest@{_DIGEST}", ("[::1]:5000", "digits", "latest", _DIGEST)),
        ("docker.io/python", ("docker.io", "library/python", "", "")),
        ("registry.example.com/a__b/c--d.e", ("registry.example.com", "a__b/c--d.e", "", "")),
    ],
)
def test_a_reference_is_read(text: str, expected: tuple[str, str, str, str]) -> None:
    found = parse(text)
    assert (found.host, found.repository, found.tag, found.digest) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("digits", "names no registry"),
        ("models/digits", "names no registry"),
        ("", "names no registry"),
        ("http://127.0.0.1:5000/digits", "has a scheme"),
        ("127.0.0.1:99999/digits", "no valid host"),
        ("127.0.0.1:5000/Digits", "no valid repository"),
        ("127.0.0.1:5000/", "no valid repository"),
        ("127.0.0.1:5000/a//b", "no valid repository"),
        ("127.0.0.1:5000/../etc", "no valid repository"),
        ("127.0.0.1:5000/a:b:c", "no valid tag"),
        ("127.0.0.1:5000/a:", "no valid tag"),
        ("127.0.0.1:5000/a@sha256:00", "no valid digest"),
    ],
)
def test_what_is_no_reference_is_named_with_an_example(text: str, said: str) -> None:
    with pytest.raises(DestinationError, match=f"{said}.*write it as"):
        parse(text)


def test_a_password_in_a_reference_is_refused_and_not_repeated() -> None:
    with pytest.raises(DestinationError, match="docker login") as raised:
        parse("me:hunter2@127.0.0.1:5000/digits")
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1:5000", True),
        ("127.8.9.10", True),
        ("localhost:80", True),
        ("[::1]:5000", True),
        ("10.0.0.1:5000", False),
        ("127.0.0.1.example.com", False),
        ("localhost.example.com", False),
        ("ghcr.io", False),
    ],
)
def test_plain_http_is_for_this_machine_alone(host: str, near: bool) -> None:
    assert parse(f"{host}/a").loopback is near
