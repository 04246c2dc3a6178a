"""The image under Docker, and before the eyes of skopeo and crane."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from model_build import bake
from tests.model_build.bake.conftest import Baked
from tests.tools.debian import Program
from tests.tools.docker import Docker


def _answer(address: str, seconds: float) -> int:
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as response:
                return int(response.status)
        except (urllib.error.URLError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_docker_loads_and_runs_the_image_and_it_answers(
    baked: Baked, dockerd: Docker, tmp_path: Path, free_port: int
) -> None:
    archive = bake.docker_archive(baked.layout, baked.image.digest, tmp_path / "image.tar", "tests/tiny:1")
    assert "Loaded image: tests/tiny:1" in dockerd.run("load", "-i", str(archive)).stdout
    about = json.loads(dockerd.run("image", "inspect", "tests/tiny:1").stdout)[0]
    assert about["RootFS"]["Layers"] == [layer.diff_id for layer in baked.image.layers]
    assert about["Id"] == baked.image.config_digest
    arguments = ["run", "-d", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    container = dockerd.run(*arguments, "tests/tiny:1", "--port", str(free_port)).stdout.strip()
    try:
        assert _answer(f"http://127.0.0.1:{free_port}/v2/health/ready", 30) == 200
        assert dockerd.run("top", container, "-eo", "pid,uid,args").stdout.count("65532") >= 1
    finally:
        log = dockerd.try_run("logs", container)
        dockerd.run("stop", "-t", "20", container)
    state = json.loads(dockerd.run("inspect", container).stdout)[0]["State"]
    assert (state["ExitCode"], "Traceback" in log.stderr) == (0, False)


def test_skopeo_reads_the_layout(baked: Baked, skopeo: Program) -> None:
    name = f"tiny-{baked.image.digest.removeprefix('sha256:')[:12]}"
    command = [str(skopeo.path), "inspect", f"oci:{baked.layout}:{name}"]
    ran = subprocess.run(command, env=skopeo.env, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    about = json.loads(ran.stdout)
    assert (about["Digest"], about["Architecture"], about["Os"]) == (baked.image.digest, "amd64", "linux")
    assert about["Layers"] == [layer.digest for layer in baked.image.layers]
