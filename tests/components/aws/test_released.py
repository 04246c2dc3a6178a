"""What a stack has released where the platform does it: when an entry is written, and when none is."""

from typing import Any

import pytest
from pulumi.output import UNKNOWN

from components.aws.released import ReleaseRecordProvider
from components.history import KEPT

A, B = (f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/digits@sha256:{each * 64}" for each in "ab")
PROVIDER = ReleaseRecordProvider()


def props(reference: Any = A, **more: Any) -> dict[str, Any]:
    return {"service": "digits", "reference": reference, "version": "1", "waited": True, **more}


def made(reference: str = A) -> dict[str, Any]:
    outs = PROVIDER.create({**props(reference), "stable": None, "__provider": "class"}).outs
    assert outs is not None
    return outs


def updated(olds: dict[str, Any], **news: Any) -> dict[str, Any]:
    outs = PROVIDER.update("digits", olds, {**props(**news), "__provider": "class"}).outs
    assert outs is not None
    return outs


def test_each_version_is_an_entry() -> None:
    first = made()
    assert (first["stable"], first["stable_digest"]) == (A, A.partition("@")[2])
    assert "__provider" not in first
    both = updated(first, reference=B, version="2")
    assert both["history"][0] == first["history"][0]
    assert {key: value for key, value in both["history"][1].items() if key != "at"} == {
        "number": 2,
        "digest": B.partition("@")[2],
        "reference": B,
        "version": "2",
    }
    assert (both["stable"], both["stable_digest"]) == (B, B.partition("@")[2])


def test_the_same_version_from_elsewhere_is_no_release() -> None:
    elsewhere = A.replace("/digits@", "/other@")
    first = made()
    moved = updated(first, reference=elsewhere)
    assert moved["history"] == [{**first["history"][0], "reference": elsewhere}]
    assert moved["stable"] == elsewhere


def test_only_so_many_are_kept() -> None:
    state = made()
    for at in range(KEPT):
        state = updated(state, reference=(B, A)[at % 2])
    assert [each["number"] for each in state["history"]] == list(range(2, KEPT + 2))


@pytest.mark.parametrize(
    ("news", "changes"),
    [
        (props(), False),
        (props(version="2"), False),
        (props(B), True),
        (props(UNKNOWN), True),
        (props(waited=False), True),
    ],
)
def test_another_version_is_a_change(news: dict[str, Any], changes: bool) -> None:
    assert PROVIDER.diff("digits", made(), news).changes is changes


def test_nothing_is_written_down_by_a_tag() -> None:
    (failure,) = PROVIDER.check({}, props("registry.example.com/digits:latest")).failures
    assert failure.property == "reference" and "expected one by digest" in failure.reason
    assert PROVIDER.check({}, props(UNKNOWN)).failures == []
