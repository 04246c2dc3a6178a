"""The image under Docker, and before the eyes of skopeo and crane."""

import json
import math
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from model_build import bake
from tests.model_build.bake.conftest import Baked
from tests.serving.test_function import RuntimeApi, of_url
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


def test_docker_runs_the_image_as_amazon_sagemaker_does(
    baked: Baked, dockerd: Docker, tmp_path: Path, free_port: int
) -> None:
    """`docker run IMAGE serve`; the port alone is another, as the network is the host's."""
    image = bake.bake(baked.model, name="tiny", base="debian", layout=baked.layout, manifest="docker")
    archive = bake.docker_archive(baked.layout, image.digest, tmp_path / "image.tar", "tests/tiny:docker")
    dockerd.run("load", "-i", str(archive))
    arguments = ["run", "-d", "--network", "host", "--env", f"MODELPORT_PORT={free_port}"]
    container = dockerd.run(*arguments, "tests/tiny:docker", "serve").stdout.strip()
    try:
        assert _answer(f"http://127.0.0.1:{free_port}/ping", 30) == 200
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/v2/models/tiny", timeout=30) as response:
            given = json.load(response)["inputs"][0]
        shape = [max(1, size) for size in given["shape"]]
        tensor = {
            "name": given["name"],
            "datatype": given["datatype"],
            "shape": shape,
            "data": [0.0] * math.prod(shape),
        }
        asked = urllib.request.Request(
            f"http://127.0.0.1:{free_port}/invocations",
            json.dumps({"inputs": [tensor]}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=30) as response:
            assert json.load(response)["model_name"] == "tiny"
    finally:
        dockerd.run("stop", "-t", "30", container)
    state = json.loads(dockerd.run("inspect", container).stdout)[0]["State"]
    assert state["ExitCode"] == 0


def test_docker_runs_the_image_as_aws_lambda_does(baked: Baked, dockerd: Docker, tmp_path: Path) -> None:
    """As a user that the image does not know, with nothing to write to but /tmp, and without a word of arguments."""
    archive = bake.docker_archive(baked.layout, baked.image.digest, tmp_path / "image.tar", "tests/tiny:lambda")
    dockerd.run("load", "-i", str(archive))
    api = RuntimeApi()
    arguments = ["run", "-d", "--network", "host", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL"]
    arguments += ["--user", "993:990", "--env", f"AWS_LAMBDA_RUNTIME_API={api.address}"]
    container = dockerd.run(*arguments, "tests/tiny:lambda").stdout.strip()
    try:
        how, told = api.ask(of_url("GET", "/v2/models/tiny"))
        assert (how, told["statusCode"], json.loads(told["body"])["name"]) == ("response", 200, "tiny")
    finally:
        log = dockerd.try_run("logs", container)
        dockerd.run("rm", "-f", container)
        api.close()
    assert "Traceback" not in log.stderr


def test_skopeo_reads_the_layout(baked: Baked, skopeo: Program) -> None:
    name = f"tiny-{baked.image.digest.removeprefix('sha256:')[:12]}"
    command = [str(skopeo.path), "inspect", f"oci:{baked.layout}:{name}"]
    ran = subprocess.run(command, env=skopeo.env, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    about = json.loads(ran.stdout)
    assert (about["Digest"], about["Architecture"], about["Os"]) == (baked.image.digest, "amd64", "linux")
    assert about["Layers"] == [layer.digest for layer in baked.image.layers]
