"""Metrics: right over all workers, whichever of them is asked, and after one of them died."""

import os
import signal
from contextlib import closing
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.components.kubernetes.releasing import versions
from tests.serving import models
from tests.serving.support import Server, until


def scrape(server: Server, **headers: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """All samples by name and labels, on a fresh connection, so by any worker."""
    text = httpx.get(f"{server.url}/metrics", headers=headers, trust_env=False, timeout=60).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def infer(server: Server, rows: int) -> int:
    entry = {"name": "image", "shape": [rows, 64], "datatype": "FP32", "data": [0.0] * (64 * rows)}
    answer = httpx.post(f"{server.url}/v2/models/digits/infer", json={"inputs": [entry]}, trust_env=False, timeout=60)
    return answer.status_code


def test_counts_are_those_of_all_workers(tmp_path: Path) -> None:
    with closing(Server(tmp_path, models.digits(tmp_path / "m"), "--workers", "3")) as server:
        for rows in (1, 1, 2, 3, 100, 5000):
            assert infer(server, rows) == 200
        for _ in range(4):
            assert httpx.post(f"{server.url}/v2/models/digits/infer", content=b"", trust_env=False).status_code == 400
        httpx.get(f"{server.url}/{'x' * 100}", trust_env=False)
        infer_route = ("route", "infer")
        for _ in range(6):
            found = scrape(server)
            assert found["modelport_model_info", (("model", "digits"), ("version", "1"))] == 1
            assert found["modelport_requests_total", (("code", "200"), infer_route)] == 6
            assert found["modelport_requests_total", (("code", "400"), infer_route)] == 4
            assert found["modelport_requests_total", (("code", "404"), ("route", "other"))] == 1
            assert found["modelport_request_duration_seconds_count", (infer_route,)] == 10
            assert found["modelport_inference_duration_seconds_count", ()] == 6
            assert found["modelport_batch_size_sum", ()] == 5107
            assert found["modelport_batch_size_bucket", (("le", "1"),)] == 2
            assert found["modelport_batch_size_bucket", (("le", "4"),)] == 4
            assert found["modelport_batch_size_bucket", (("le", "1024"),)] == 5
            assert found["modelport_batch_size_bucket", (("le", "+Inf"),)] == 6
            assert found["modelport_requests_in_flight", ()] == 0
        first, *_ = server.workers()
        os.kill(first, signal.SIGKILL)
        until(lambda: first not in server.workers() and len(server.workers()) == 3, "another worker is there")
        found = scrape(server)
        assert found["modelport_requests_total", (("code", "200"), infer_route)] == 6
        assert found["modelport_worker_restarts_total", ()] == 1


def test_both_formats_are_spoken(digits: Server, http: httpx.Client) -> None:
    plain = http.get(f"{digits.url}/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    accept = "application/openmetrics-text; version=1.0.0"
    modern = http.get(f"{digits.url}/metrics", headers={"Accept": accept})
    assert modern.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert modern.text.endswith("# EOF\n")


def test_what_the_model_itself_fails_on_is_counted_apart(tmp_path: Path) -> None:
    folder = versions.failing(tmp_path / "m")
    with closing(Server(tmp_path, folder)) as server:
        dark, bright = [0.0] * 64, [1.0] * 64
        codes = []
        for pixels in (dark, bright, bright, [1.0]):
            entry = {"name": "image", "shape": [1, 64], "datatype": "FP32", "data": pixels}
            place = f"{server.url}/v2/models/digits/infer"
            codes.append(httpx.post(place, json={"inputs": [entry]}, trust_env=False, timeout=60).status_code)
        assert codes == [200, 400, 400, 400]
        assert scrape(server)["modelport_model_refusals_total", ()] == 2
