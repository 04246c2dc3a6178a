"""What a request costs of an image's serving program; test_pipeline.py shows it of the digits."""

from pathlib import Path

import pytest

from model_build.bake.python import Launcher
from model_build.report import Served
from model_build.report.serving import served as section
from model_build.served import Unmeasured, measured
from tests.model_build.report import samples


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = Launcher(["/bin/sh", "-c", "echo 'no such model' >&2; exit 2", "sh"], {}, "3.11")
    with pytest.raises(Unmeasured, match=r"^the serving program did not start: no such model$"):
        measured(broken, tmp_path, "digits", [b"{}"])


def test_a_page_shows_what_was_measured_or_why_nothing_was() -> None:
    report = samples.classifier()
    assert section(report) is None
    found = Served(
        request="1 row as JSON, 417 bytes",
        requests=200,
        cpu_ms=0.64,
        cpu_sd_ms=0.2,
        cpu_p99_ms=1.35,
        p50_ms=0.88,
        p99_ms=4.7,
        master_bytes=61_000_000,
        worker_bytes=21_000_000,
    )
    shown = str(section(report.model_copy(update={"served": found})))
    assert "1 row as JSON, 417 bytes" in shown
    assert "21" in shown
    assert "arm64" in str(section(report.model_copy(update={"unserved": "the image is for arm64"})))
