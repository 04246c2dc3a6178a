"""A model that nobody here made answers from its endpoint as it does inside its own package."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from magika import Magika

from examples.magika import client
from examples.magika.data import evaluation
from examples.magika.features import PADDING, features
from examples.magika.files import KINDS, real_files
from model_build.report import Report
from tests.examples.conftest import Running, up
from tests.ports import free_port

SCORE = 2e-3
"""The package itself scores a file up to 7e-4 apart when it is asked alone and among others: sums in another order."""


@pytest.fixture(scope="module")
def package() -> Magika:
    return Magika()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with up(tmp_path_factory.mktemp("magika") / "project", "magika", free_port()) as stack:
        yield stack


def test_the_endpoint_answers_as_the_package_does_on_real_files(running: Running, package: Magika) -> None:
    files = [path for path, _ in real_files(220)]
    assert len(files) >= 200
    answers = client.identify(running.outputs["endpoint"], [path.read_bytes() for path in files])
    own = [result.prediction for result in package.identify_paths(files)]
    for path, answer, prediction in zip(files, answers, own, strict=True):
        if answer is None:
            assert str(prediction.dl.label) == "undefined", path
        else:
            assert answer.label == str(prediction.dl.label), path
            assert answer.score == pytest.approx(prediction.score, abs=SCORE), path
    assert len({answer.label for answer in answers if answer is not None}) >= 10


def test_one_file_alone_scores_as_the_package_scores_it(running: Running, package: Magika) -> None:
    """Asked in the same way, one file at a time, the sums are the same and so is the score."""
    for path, _ in real_files(12):
        (answer,) = client.identify(running.outputs["endpoint"], [path.read_bytes()])
        assert answer is not None
        assert answer.score == pytest.approx(package.identify_path(path).prediction.score, abs=1e-5)


def test_no_candidate_that_is_worse_than_the_package_is_served(running: Running) -> None:
    report = Report.load(Path(running.outputs["report_json"]))
    assert report.choice is not None
    assert report.choice.drop == 0
    assert report.choice.parity is not None and report.choice.parity.agreement == 1
    assert {c.name for c in report.candidates} == {"fp32", "int8"}
    for candidate in report.candidates:
        assert candidate.drop is not None
        assert candidate.passed == (candidate.drop <= 0)
        assert [line.partition(":")[0] for line in candidate.missed] == ([] if candidate.passed else ["max_drop"])


def test_the_report_names_the_kinds(running: Running) -> None:
    page = Path(running.outputs["report"]).read_text(encoding="utf-8")
    assert ">python</text>" in page


def test_labels_are_the_packages_own(package: Magika) -> None:
    """Their order is held by the answers above."""
    assert len(set(client.LABELS)) == len(client.LABELS)
    assert {*client.LABELS, "undefined"} == {str(label) for label in package.get_model_content_types()}
    assert set(KINDS.values()) <= set(client.LABELS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        b"12345678",
        b"   1234567   ",
        b"   12345678   ",
        b" " * 5000 + b"def f():\n    return 1\n",
        b"def f():\n    return 1\n" + b" " * 5000,
        b"\n" * 9000,
        bytes(range(256)) * 40,
        b"\x00" * 8,
        "schöner Text, der länger ist".encode(),
    ],
)  # fmt: skip
def test_what_is_too_short_is_what_the_package_does_not_ask_the_model(content: bytes, package: Magika) -> None:
    undecided = str(package.identify_bytes(content).prediction.dl.label) == "undefined"
    assert (features(content) is None) == undecided


def test_features_are_the_two_ends_without_the_blanks_outside() -> None:
    assert features(b"  12345678\n") == [*b"12345678\n", *[PADDING] * 1015, *[PADDING] * 1014, *b"  12345678"]
    long = bytes(range(256)) * 40
    found = features(long)
    assert found is not None
    assert bytes(found[:1024]) == long[:1024] and bytes(found[1024:]) == long[-1024:]


def test_the_data_is_real_and_the_same_each_time() -> None:
    inputs, kinds = evaluation()
    assert inputs.shape == (len(kinds), 2048) and inputs.dtype == "int32"
    assert len(kinds) >= 200 and len(set(kinds)) >= 10
    assert inputs.min() >= 0 and inputs.max() == PADDING
    again, _ = evaluation()
    assert (inputs == again).all()
