"""What was measured of whole machines: GPUs and other processors are offered by it, and never without."""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automation.costs.book import Book, Key, Price, Source, shipped
from automation.exits import Failure
from automation.sizing import profiles
from automation.sizing.capacity import MEBI, Cost, Load
from automation.sizing.choosing import Choice, Left, choose, settled
from automation.sizing.offers import offers
from automation.sizing.profiles import Measurement, Step
from tests.model_build.report import samples

COST = Cost(cpu_ms=10, cpu_sd_ms=1, cpu_p99_ms=12, master_bytes=60 * MEBI, worker_bytes=40 * MEBI)
LIST = Source("list", "a list", "https://example.com/list", date(2026, 1, 31))
PRICES = {
    "c7i.large": "0.09",
    "c7g.large": "0.07",
    "m7g.xlarge": "0.16",
    "c8g.large": "0.08",
    "g6.xlarge": "0.80",
    "g6.2xlarge": "0.98",
    "gr6.4xlarge": "1.5",
    "g6.12xlarge": "4.6",
    "g5.xlarge": "1.0",
    "ml.g6.xlarge": "1.1",
}
BOTH = ("amd64", "arm64")


def measurement(machine: str, **changes: Any) -> Measurement:
    report = samples.classifier()
    assert report.image is not None
    steps = [
        Step(callers=1, requests=100, rps=90, p50_ms=10, p99_ms=14),
        Step(callers=8, requests=800, rps=400, p50_ms=19, p99_ms=31),
        Step(callers=32, requests=900, rps=500, p50_ms=60, p99_ms=95),
    ]
    whole: dict[str, Any] = {
        "model": "digits", "version": "1", "identity": report.identity, "image": report.image.digest,
        "machine": machine, "request": "1 row as JSON", "asked_from": "x86_64, Linux", "date": "2026-11-23",
        "steps": steps,
    }  # fmt: skip
    return Measurement(**whole | changes)


def chosen(
    load: Load, *measured: Measurement, arches: tuple[str, ...] = BOTH
) -> tuple[Mapping[str, Choice], Mapping[str, Left]]:
    book = Book(
        "USD",
        {Key("aws", "x", f"machine/{name}"): Price(Decimal(price), "hour", LIST) for name, price in PRICES.items()},
    )
    found, left = choose(load, COST, offers(book, "aws", "x"), arches=arches, workers={}, measured=measured)
    return {each.offer.name: each for each in found}, {each.offer.name: each for each in left}


def test_of_gpus_and_arm_nothing_is_guessed() -> None:
    found, left = chosen(Load(50))
    assert set(found) == {"c7i.large"}
    assert {left[name].limit for name in PRICES if name != "c7i.large"} == {"unmeasured"}
    assert left["g6.12xlarge"].why == "has 4 GPUs, l4, and nothing was measured there"
    assert chosen(Load(50), arches=("amd64",))[1]["c7g.large"].limit == "architecture"


def test_what_one_gpu_did_holds_for_machines_with_the_same_and_no_others() -> None:
    found, left = chosen(Load(500), measurement("g6.xlarge"))
    # 500 a second at 32 callers, of which 350 are used.
    assert {name: found[name].fit.count for name in found if name != "c7i.large"} == {
        "g6.xlarge": 2, "g6.2xlarge": 2, "gr6.4xlarge": 2, "ml.g6.xlarge": 2
    }  # fmt: skip
    assert (found["g6.xlarge"].fit.busy, found["g6.xlarge"].fit.p99_ms) == (0.5, 95)
    assert {left[name].limit for name in ("g6.12xlarge", "g5.xlarge")} == {"unmeasured"}


def test_a_bound_on_latency_takes_what_was_answered_within_it() -> None:
    found, _ = chosen(Load(500, p99_ms=50), measurement("g6.xlarge"))
    assert (found["g6.xlarge"].fit.p99_ms, found["g6.xlarge"].fit.busy) == (31, 500 / 800)
    _, left = chosen(Load(500, p99_ms=5), measurement("g6.xlarge"))
    assert (left["g6.xlarge"].limit, left["g6.xlarge"].why) == (
        "latency", "answers 99 of 100 in 14 ms at best, expected 5"
    )  # fmt: skip


def test_what_a_processor_did_holds_for_its_generation_by_the_number_of_vcpus() -> None:
    found, left = chosen(Load(1000), measurement("c7g.large"))
    assert found["c7g.large"].fit.count == 3
    assert found["m7g.xlarge"].fit.count == 2  # twice the vCPUs, 1,000 a second each
    assert left["c8g.large"].limit == "unmeasured"


def test_machines_of_google_cloud_with_arm_and_gpus_are_there_and_not_reckoned() -> None:
    _, left = choose(Load(50), COST, offers(shipped(), "gcp", "us-central1"), arches=BOTH, workers={})
    unmeasured = {each.offer.name for each in left if each.limit == "unmeasured"}
    assert {"t2a-standard-1", "c4a-standard-4", "g2-standard-4", "a2-highgpu-1g"} <= unmeasured
    found, _ = choose(
        Load(500), COST, offers(shipped(), "gcp", "us-central1"), arches=BOTH, workers={},
        measured=[measurement("c4a-standard-4")],
    )  # fmt: skip
    counts = {each.offer.name: each.fit.count for each in found if each.fit.measured}
    assert (counts["c4a-standard-4"], counts["c4a-highcpu-2"]) == (2, 3)
    assert "t2a-standard-4" not in counts


def test_what_was_measured_goes_before_what_is_reckoned() -> None:
    found, _ = chosen(Load(500), measurement("c7i.large"))
    assert (found["c7i.large"].fit.measured, found["c7i.large"].fit.count) == ("c7i.large", 2)


def test_auto_takes_no_gpu_which_the_models_own_server_has_no_use_for() -> None:
    found, _ = chosen(Load(5000), measurement("g6.xlarge"))
    only = [each for each in found.values() if each.offer.gpus]
    assert settled(only, "aws-ec2", {}) is None


def read(tmp_path: Path, text: str) -> Measurement:
    file = tmp_path / "gpu.json"
    file.write_text(text)
    return profiles.read(file, samples.classifier(), ["amd64"], "modelport size --measure FILE")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    one = measurement("g6.xlarge")
    assert read(tmp_path, one.model_dump_json()) == one


STEP: dict[str, Any] = {"callers": 1, "requests": 1, "rps": 90, "p50_ms": 10, "p99_ms": 14}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"identity": "0" * 64}, "gpu.json: is of build 0000000000000000000, expected "),
    ({"image": "sha256:" + "0" * 64}, "gpu.json: is of image sha256:000000000000, expected sha256:"),
    ({"machine": "g99.xlarge"}, "gpu.json: machine is 'g99.xlarge', expected a type of EC2 or Compute Engine"),
    ({"machine": "c7g.large"}, "gpu.json: c7g.large is arm64, expected what the image is for, amd64; add linux/arm64"),
    ({"steps": []}, "gpu.json: steps is "),
    ({"steps": [{"callers": 1, "requests": 1, "rps": -5, "p50_ms": 1, "p99_ms": 1}]}, "gpu.json: steps[0].rps is -5"),
    ({"steps": [STEP | {"rps": 1e-310}]}, "gpu.json: steps[0].rps is 1e-310, expected a number from 1e-06"),
    ({"steps": [STEP | {"rps": 1e6}]}, "gpu.json: steps[0]: has rps 1e+06 with callers 1 and p50_ms 10, expected at"),
    ({"steps": [STEP | {"p99_ms": 1}]}, "gpu.json: steps[0]: has p99_ms 1 below p50_ms 10, expected it above"),
    ({"date": "\x1b[2J"}, "gpu.json: date is '\N{REPLACEMENT CHARACTER}[2J', expected a day, as 2026-01-31"),
    ({"more": 1}, "gpu.json: unknown key 'more'"),
]


@pytest.mark.parametrize(("change", "line"), WRONG, ids=[line[10:30] for _, line in WRONG])
def test_what_is_of_another_build_or_damaged_is_refused(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    whole = json.loads(measurement("g6.xlarge").model_dump_json())
    with pytest.raises(Failure) as raised:
        read(tmp_path, json.dumps(whole | change))
    assert raised.value.messages[0].startswith(line)


def test_a_file_that_is_not_there_or_no_json_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"no such file or directory, expected what modelport size --measure FILE writes"):
        profiles.read(tmp_path / "none.json", samples.classifier(), BOTH, "modelport size --measure FILE")
    with pytest.raises(Failure) as raised:
        read(tmp_path, "{")
    assert len(raised.value.messages) == 1
