"""Labels by feedback: what counts, for which version, over all workers, and how many versions are kept apart."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import BadInput
from serving.metrics import OTHER, REVISIONS, Counts
from serving.rest.feedback import Feedback, parse
from tests.serving import models
from tests.serving.support import Server
from tests.serving.test_metrics import scrape

OLD, NEW = "0123456789ab", "fedcba987654"


def test_what_a_label_says() -> None:
    assert parse(json.dumps({"revision": NEW, "prediction": "3", "label": "3"}).encode()) == Feedback(NEW, True)
    assert parse(json.dumps({"revision": NEW, "prediction": "3", "label": 8}).encode()) == Feedback(NEW, False)
    assert parse(json.dumps({"revision": NEW, "prediction": 3, "label": "3"}).encode()) == Feedback(NEW, True)
    assert parse(json.dumps({"revision": OLD, "correct": False}).encode()) == Feedback(OLD, False)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not JSON"),
        (b"[]", "no object"),
        ({"correct": True}, "revision is missing"),
        ({"revision": "0123", "correct": True}, 'revision is "0123"'),
        ({"revision": "0123456789AB", "correct": True}, "revision is"),
        ({"revision": NEW, "correct": 1}, "correct is 1"),
        ({"revision": NEW, "correct": True, "label": "3"}, "both correct and"),
        ({"revision": NEW, "prediction": "3"}, "label is missing"),
        ({"revision": NEW, "prediction": True, "label": "3"}, "prediction is true"),
        ({"revision": NEW, "prediction": "3" * 5000, "label": "3"}, "bytes, at most"),
    ],
)
def test_what_is_no_label(body: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse(body if isinstance(body, bytes) else json.dumps(body).encode())


@given(st.lists(st.tuples(st.integers(0, 16**12 - 1), st.integers(0, 2), st.booleans()), max_size=60))
def test_each_label_is_counted_once(told: list[tuple[int, int, bool]]) -> None:
    counts = Counts(2)
    for number, row, correct in told:
        counts.row(row).feedback(f"{number:012x}", correct=correct)
    found = counts.feedback()
    assert sum(right for right, _ in found.values()) == sum(correct for *_, correct in told)
    assert sum(wrong for _, wrong in found.values()) == sum(not correct for *_, correct in told)
    for name, (right, wrong) in found.items():
        if name != OTHER:
            of = [correct for number, _, correct in told if f"{number:012x}" == name]
            assert right <= sum(of) and wrong <= len(of) - sum(of)


def test_revisions_are_bounded() -> None:
    counts = Counts(1)
    for number in range(REVISIONS + 5):
        counts.row(0).feedback(f"{number:012x}", correct=True)
    counts.row(0).feedback(f"{0:012x}", correct=False)
    found = counts.feedback()
    assert len(found) == REVISIONS + 1
    assert found[OTHER] == (5.0, 0.0)
    assert found["000000000000"] == (1.0, 1.0)


def test_a_server_says_its_revision_and_takes_labels_for_any(tmp_path: Path) -> None:
    environment = {"MODELPORT_REVISION": NEW}
    folder = models.digits(tmp_path / "m")
    with closing(Server(tmp_path, folder, "--workers", "2", env=environment)) as server:
        model = f"{server.url}/v2/models/digits"
        entry = {"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.0] * 64}
        with httpx.Client(trust_env=False, timeout=60) as client:
            assert client.post(f"{model}/infer", json={"inputs": [entry]}).headers["modelport-revision"] == NEW
            assert client.post(f"{model}/infer", content=b"").headers["modelport-revision"] == NEW
            for _ in range(3):
                assert client.post(f"{model}/feedback", json={"revision": NEW, "correct": True}).status_code == 200
            wrong = {"revision": OLD, "prediction": "3", "label": "8"}
            assert client.post(f"{model}/feedback", json=wrong).json() == {"counted": True}
            assert client.post(f"{model}/feedback", json={}).status_code == 400
            assert client.get(f"{model}/feedback").status_code == 405
        found = scrape(server)
    name = "modelport_feedback_total"
    assert found[name, (("answered_by", NEW), ("outcome", "correct"))] == 3
    assert found[name, (("answered_by", NEW), ("outcome", "wrong"))] == 0
    assert found[name, (("answered_by", OLD), ("outcome", "wrong"))] == 1


def test_without_a_revision_no_header_says_one(tmp_path: Path) -> None:
    with closing(Server(tmp_path, models.digits(tmp_path / "m"))) as server:
        assert "modelport-revision" not in httpx.get(f"{server.url}/v2", trust_env=False, timeout=60).headers
