"""The image under Docker, and before the eyes of skopeo and crane."""

import json
import math
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from components.docker import context
from model_build import bake, docking, push
from model_build.bake import platforms
from model_build.bake.layout import DOCKER_CONFIG, MANIFEST, Layout, canonical
from tests.model_build.bake.conftest import Baked
from tests.serving.test_function import RuntimeApi, of_url
from tests.tools import bases
from tests.tools.debian import Program
from tests.tools.docker import Docker
from tests.tools.registries import Registry


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


@pytest.fixture
def daemon(dockerd: Docker, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The daemon as a user has one: its command on PATH, its address in the environment."""
    for name in ("DOCKER_HOST", "DOCKER_CONFIG"):
        monkeypatch.setenv(name, dockerd.env[name])
    monkeypatch.setenv("PATH", f"{dockerd.program.parent}:{dockerd.env['PATH']}")
    return dockerd


def _build(daemon: Docker, folder: Path, loaded: str, name: str, more: str = "") -> None:
    """What Docker's provider does: the classic builder, the folder, an argument."""
    context.write(folder)
    (folder / context.DOCKERFILE).write_text(context.TEXT + more)
    argument = f"{context.ARGUMENT}={loaded}"
    daemon.run("build", "--build-arg", argument, "--tag", name, str(folder / context.FOLDER))


def _pushed(daemon: Docker, folder: Path, loaded: str, name: str, more: str = "") -> str:
    """What the registry has the image at that is built so."""
    _build(daemon, folder, loaded, name, more)
    said = daemon.run("push", name).stdout
    return f"{name.rpartition(':')[0]}@{said.rpartition('digest: ')[2].split()[0]}"


def test_docker_builds_the_very_image_that_was_baked(baked: Baked, daemon: Docker, tmp_path: Path) -> None:
    """The id of the image, as of the one that answers above, is the digest of its settings and of all in its layers."""
    loaded = docking.load(f"oci:{baked.layout}@{baked.image.digest}", "", lambda _: None)
    _build(daemon, tmp_path, loaded, "tests/tiny:built")
    about = json.loads(daemon.run("image", "inspect", "tests/tiny:built").stdout)[0]
    assert about["Id"] == baked.image.config_digest
    assert about["RootFS"]["Layers"] == [layer.diff_id for layer in baked.image.layers]


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that Docker compresses and pushes in no time."""
    folder = tmp_path_factory.mktemp("passed")
    root = bases.files(folder / "root", {"program": "#!/bin/sh\n"})
    return bases.base(folder / "images", root, {"Entrypoint": ["/program"], "User": "65532", "Env": ["A=b"]})


def test_what_docker_has_pushed_of_an_image_is_taken_for_it(
    passed: str, daemon: Docker, registry: Registry, tmp_path: Path
) -> None:
    digest = passed.rpartition("@")[2]
    loaded = docking.load(passed, "", lambda _: None)
    reference = _pushed(daemon, tmp_path, loaded, docking.pushed_name(f"{registry.host}/docked/one", digest))
    assert docking.pushed(passed, reference) == reference.rpartition("@")[2] != digest
    layout = Layout(Path(passed.removeprefix("oci:").rpartition("@")[0]))
    assert layout.manifest(digest)["config"]["digest"] in registry.blobs()  # its very settings


@pytest.mark.parametrize(("more", "what"), [("COPY Dockerfile /extra\n", "layers"), ("ENV A=c\n", "settings")])
def test_what_docker_has_pushed_of_anything_else_is_refused(
    passed: str, daemon: Docker, registry: Registry, tmp_path: Path, more: str, what: str
) -> None:
    loaded = docking.load(passed, "", lambda _: None)
    reference = _pushed(daemon, tmp_path, loaded, f"{registry.host}/docked/other:1", more)
    with pytest.raises(
        docking.DockerError, match=f"has other .*{what}.* than sha256:.*, which passed its gate, expected the same"
    ):
        docking.pushed(passed, reference)


@pytest.mark.parametrize("settings", [b"[]", b'{"rootfs": [], "config": 1}', b"{", b"9"])
def test_what_is_no_image_by_its_form_is_refused(
    passed: str, registry: Registry, tmp_path: Path, settings: bytes
) -> None:
    """Whoever may push to the registry may have put anything there."""
    store = Layout(tmp_path)
    config, size = store.add(settings)
    described = {"mediaType": DOCKER_CONFIG, "digest": config, "size": size}
    made, _ = store.add(canonical({"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}))
    reference = push.push(tmp_path, made, f"{registry.host}/docked/{config[7:15]}:1").reference
    with pytest.raises(docking.DockerError, match="has other layers and platform and settings than sha256:"):
        docking.pushed(passed, reference)


def test_an_index_that_leads_other_machines_elsewhere_is_refused(
    passed: str, registry: Registry, tmp_path: Path
) -> None:
    """The right image is in it, for the processor that is looked at; nodes of another take what nobody looked at."""
    layout, digest = Path(passed.removeprefix("oci:").rpartition("@")[0]), passed.rpartition("@")[2]
    store = Layout(Path(shutil.copytree(layout, tmp_path / "images")))
    foreign, size = store.add(canonical({**store.manifest(digest), "annotations": {"of": "another"}}))
    store.add_to_index({"mediaType": MANIFEST, "digest": foreign, "size": size})
    for platform, refused in (("unknown/unknown", False), ("linux/arm64", True)):  # the first: BuildKit's attestations
        index = platforms.index(store.path, {"linux/amd64": digest, platform: foreign}, "one")
        reference = push.push(store.path, index, f"{registry.host}/docked/index").reference
        if not refused:
            assert docking.pushed(passed, reference) == index
            continue
        with pytest.raises(docking.DockerError, match="has images for linux/arm64 too, expected one for linux/amd64"):
            docking.pushed(passed, reference)


def test_a_daemon_that_has_lost_the_image_builds_no_other(passed: str, daemon: Docker, tmp_path: Path) -> None:
    docking.load(passed, "", lambda _: None)
    docking.unload(passed.rpartition("@")[2], "")
    context.write(tmp_path)
    argument = f"{context.ARGUMENT}={docking.local_name(passed.rpartition('@')[2])}"
    ran = daemon.try_run("build", "--build-arg", argument, str(tmp_path / context.FOLDER))
    assert ran.returncode != 0
    assert "modelport.invalid" in ran.stderr


def test_a_daemon_that_does_not_answer_is_told(passed: str, daemon: Docker) -> None:
    with pytest.raises(
        docking.DockerError, match=r"no Docker daemon answers at unix:///nowhere/s \(.*\), expected one"
    ):
        docking.load(passed, "unix:///nowhere/s", lambda _: None)


def test_skopeo_reads_the_layout(baked: Baked, skopeo: Program) -> None:
    name = f"tiny-{baked.image.digest.removeprefix('sha256:')[:12]}"
    command = [str(skopeo.path), "inspect", f"oci:{baked.layout}:{name}"]
    ran = subprocess.run(command, env=skopeo.env, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    about = json.loads(ran.stdout)
    assert (about["Digest"], about["Architecture"], about["Os"]) == (baked.image.digest, "amd64", "linux")
    assert about["Layers"] == [layer.digest for layer in baked.image.layers]
