"""Another repository uses the library: a wheel, a clean environment, a short program."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from model_build.index import uv_environment

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"

PROGRAM = """\
import json, pulumi
from components.local import LocalEndpoint
from model_build.resource import ModelImage
recipe = {"name": "iris", "source": "iris:model", "evaluate": {"data": "iris:data"}}
image = ModelImage("iris", {"recipe": json.dumps(recipe)})
port = pulumi.Config().require_int("port")
pulumi.export("url", LocalEndpoint("iris", {"image": image.layout_image, "model": "iris", "port": port}).url)
"""

MODEL = """\
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression


def model():
    rows, kinds = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=1000).fit(rows[::2], kinds[::2])


def data():
    rows, kinds = load_iris(return_X_y=True)
    return rows[1::2].astype("float32"), kinds[1::2]
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=ROOT, check=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel, its dependencies at the locked versions, and nothing else of ours."""
    venv = tmp_path_factory.mktemp("clean") / ".venv"
    env = uv_environment()
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, venv], env=env, check=True)
    wanted = f"modelport[sklearn] @ {wheel.as_uri()}"
    pins = venv / "pins.txt"
    text = subprocess.run(
        [UV, "pip", "compile", "-q", "--no-header", "--no-annotate", ROOT / "requirements.lock"],
        env=env, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    pins.write_text(text)
    args = [UV, "pip", "install", "-q", "--python", venv / "bin" / "python", "--constraint", pins, wanted]
    subprocess.run(args, env=env, check=True)
    return venv


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist() if ".dist-info" not in name}
        names = archive.namelist()
    assert tops == {"automation", "components", "engine", "model_build", "policies", "serving"}
    assert "serving/requirements.lock" in names
    assert "model_build/bake/debian.lock.json" in names


def test_a_short_program_previews_and_goes_up(clean: Path, tmp_path: Path, free_port: int) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (project / "Pulumi.dev.yaml").write_text(f'config:\n  shop:port: "{free_port}"\n')
    (project / "__main__.py").write_text(PROGRAM)
    (project / "iris.py").write_text(MODEL)
    env = {
        "PATH": f"{clean / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "MODELPORT_CACHE_DIR": os.environ.get("MODELPORT_CACHE_DIR", str(Path.home() / ".cache" / "modelport")),
    }
    command = [str(clean / "bin" / "modelport"), "--engine", "embedded"]

    def modelport(*args: str) -> str:
        done = subprocess.run(
            [*command, *args, "--stack", "dev"], cwd=project, env=env, capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    modelport("preview")
    try:
        modelport("up", "--yes")
        url = json.loads(modelport("output", "--json"))["url"]
        assert url == f"http://127.0.0.1:{free_port}"
        import urllib.request

        with urllib.request.urlopen(f"{url}/v2/models/iris") as answer:
            assert json.load(answer)["name"] == "iris"
    finally:
        modelport("destroy", "--yes")


def test_the_wheel_says_what_a_stack_file_needs_that_it_does_not_hold(clean: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [clean / "bin" / "modelport", "new", "--model", "churn.onnx", "--target", "local"], cwd=tmp_path,
        stdin=subprocess.DEVNULL, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (5, "", 1)
    assert "has no stacks of Modelport's, expected a folder `stacks`" in done.stderr
    assert list(tmp_path.iterdir()) == []
