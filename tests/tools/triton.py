"""A real NVIDIA Triton, out of PyPI's nvidia-pytriton: its server, and the backend that runs Python.

The wheel has no backend for ONNX. Triton takes one that is written in Python (its "Python-based backends"), and here
that one hands what Triton gives it to ONNX Runtime. So everything but the model's own arithmetic is Triton's: the
reading of the repository and of config.pbtxt, the queue, HTTP, readiness and metrics.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator, Sequence
from pathlib import Path

from model_build.bake.inputs import USER
from tests.tools import debian, pypi

LOCK = Path(__file__).with_name("triton.lock")
HOME = "opt/tritonserver"
_BACKEND = """
import sys
sys.path.insert(0, "{site}")
import json
import os
import numpy
import onnxruntime
import triton_python_backend_utils as triton

class TritonPythonModel:
    def initialize(self, args):
        file = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = onnxruntime.InferenceSession(file)
        self.outputs = [each["name"] for each in json.loads(args["model_config"])["output"]]

    def execute(self, requests):
        return [self.answer(each) for each in requests]

    def answer(self, request):
        # The wheel is older than numpy 2, whose arrays it reads and makes by this protocol alone.
        given = {{each.name(): numpy.from_dlpack(each) for each in request.inputs()}}
        found = self.session.run(self.outputs, given)
        return triton.InferenceResponse([triton.Tensor.from_dlpack(*each) for each in zip(self.outputs, found)])
"""


def lay(root: Path, site: str) -> Path:
    """Put the server below `root` as NVIDIA's image has it; site: where its Python is to find numpy and ONNX Runtime.

    Libraries are in opt/tritonserver/lib, which LD_LIBRARY_PATH has to name.
    """
    assert sys.version_info[:2] == (3, 11), "the backend's stub is for the Python that the images have"
    stub = "pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub"
    whole = pypi.files(
        LOCK, "pytriton/tritonserver/bin/tritonserver", "pytriton/tritonserver/backends/python/*", stub,
        "nvidia_pytriton.libs/*",
    )  # fmt: skip
    home = root / HOME
    for folder in ("bin", "lib", "backends/python", "backends/onnxruntime"):
        (home / folder).mkdir(parents=True)
    ours = whole / "pytriton" / "tritonserver"
    for source, place in (
        (ours / "bin" / "tritonserver", "bin"),
        *((each, "backends/python") for each in (ours / "backends" / "python").iterdir() if each.is_file()),
        (whole / stub, "backends/python"),
        *((each, "lib") for each in (whole / "nvidia_pytriton.libs").iterdir()),
        (_packaged("libpython3.11", "usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"), "lib"),
        (_packaged("busybox-static", "usr/bin/busybox"), "bin"),
    ):
        shutil.copyfile(source, home / place / source.name)
    # The backend starts its stub by bash, which a small base lacks.
    (home / "bin" / "bash").write_text(f'#!/{HOME}/bin/busybox sh\nexec /{HOME}/bin/busybox sh "$@"\n')
    for program in ("bin/tritonserver", "bin/busybox", "bin/bash", "backends/python/triton_python_backend_stub"):
        (home / program).chmod(0o755)
    (home / "backends" / "onnxruntime" / "model.py").write_text(_BACKEND.format(site=site))
    return home


def _packaged(package: str, pattern: str) -> Path:
    """A file of a Debian package."""
    return next(iter(debian.folder(package).glob(pattern)))


@contextlib.contextmanager
def running(root: Path, words: Sequence[str], env: Sequence[str], port: int, log: Path) -> Generator[str]:
    """Run `words` with `root` for its root, until it is ready at `port`; its address.

    As a pod of ours has it: nothing can be written but /tmp, and where this machine's root asks, the user is the
    image's. The folder of the backend for Python is that user's own, as it sets the mode of a file there.
    """
    for each in ("dev", "proc", "tmp"):
        (root / each).mkdir(exist_ok=True)
    backend = root / HOME / "backends" / "python"
    again = shutil.copytree(backend, root.with_name("backend"))
    mapped, user = ([], [f"--userspec={USER}"]) if os.geteuid() == 0 else (["--map-root-user"], [])
    mounts = [
        f"mount --bind {root} {root}",
        f"mount --rbind /dev {root}/dev",
        f"mount --rbind /proc {root}/proc",
        f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",
        f"mount -t tmpfs tmpfs {backend}",
        f"cp -rp {again}/. {backend}",
        *([f"chown -R {USER} {backend}"] if user else []),
        f"mount -o remount,bind,ro {root}",
    ]
    script = f'{" && ".join(mounts)} && exec /usr/bin/env -i "$@"'
    inside = [*env, "/usr/sbin/chroot", *user, str(root), *words]
    command = ["/usr/bin/unshare", *mapped, "--mount", "/bin/sh", "-c", script, "sh", *inside]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/v2/health/ready", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"Triton did not become ready: {log.read_text(errors='replace')[-3000:]}")
