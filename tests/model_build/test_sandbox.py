"""The sandbox: what a pickle that passes every look may do when it is loaded. Each act is tried for real."""

import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_build import isolate, sandbox
from model_build.errors import ModelBuildError, SourceError
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work

# A class of the project, which its pickles may name, whose state says what to do.
ACTING = """
import os, socket, subprocess, sys, threading, time

class Model:
    def __setstate__(self, code):
        exec(code, {})
"""


def acting(code: str) -> bytes:
    """A pickle of the project's own `acting.Model` with `code` as its state."""
    state = b"X" + len(code.encode()).to_bytes(4, "little") + code.encode()
    return b"\x80\x02cacting\nModel\n)\x81" + state + b"b."


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], str]:
    """Load such a pickle as a build would, and return the one error that comes of it."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "acting.py").write_text(ACTING)
    (project / ".env").write_text("PASSWORD=open sesame")
    np.savez(tmp_path / "data.npz", allow_pickle=False, **{"input.x": np.zeros((1, 4)), "labels": np.zeros(1)})

    def attempt(code: str) -> str:
        (tmp_path / "model.pkl").write_bytes(acting(code))
        folder = tmp_path / "work"
        folder.mkdir()
        request = {
            "file": str(tmp_path / "model.pkl"),
            "format": "sklearn",
            "data": str(tmp_path / "data.npz"),
            "data_label": "data.npz",
            "inputs": ["x"],
            "output": "label",
        }
        with pytest.raises(ModelBuildError) as error:
            isolate.run(
                "predict", request, folder, project=project, step="verify", what="the test", progress=lambda *_: None
            )
        assert "\n" not in str(error.value)
        return str(error.value)

    return attempt


def test_the_network_is_not_there(load: Callable[[str], str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        said = load(f"import socket; socket.create_connection(('127.0.0.1', {port}))")
        with pytest.raises(TimeoutError):
            server.accept()
    assert said == (
        "source 'model.pkl' tried to use the network when it was loaded, which its sandbox refuses (source 'model.pkl' "
        "cannot be loaded as a pickled model: PermissionError: [Errno 1] Operation not permitted; save it again with "
        "the versions that are installed here); do not use it, or, if it is yours, name a function that loads it as "
        "the source"
    )


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "use the network"),
        ("import socket; socket.socket(socket.AF_UNIX)", "use the network"),
        ("import os; os.fork()", "start a process"),
        ("import subprocess; subprocess.run(['true'])", "start a program"),
        ("import os; os.execv('/bin/true', ['true'])", "start a program"),
        ("import os; os.kill(os.getppid(), 15)", "send a signal"),
        ("import os; os.chmod(os.path.expanduser('~/../..'), 0o777)", "change the rights of a file"),
    ],
)
def test_what_it_may_not_ask_of_the_system(load: Callable[[str], str], code: str, what: str) -> None:
    assert load(code).startswith(f"source 'model.pkl' tried to {what} when it was loaded, which its sandbox refuses (")


@pytest.mark.parametrize("place", ["{}/outside", "{}/project/acting.py", "/dev/shm/outside", "/tmp/outside-of-it"])
def test_nothing_is_written_outside(load: Callable[[str], str], tmp_path: Path, place: str) -> None:
    place = place.format(tmp_path)
    said = load(f"open({place!r}, 'w').write('changed')")
    assert said.startswith(f"source 'model.pkl' tried to write {place} when it was loaded, which its sandbox refuses")
    assert not Path(place).exists() or Path(place).read_text() == ACTING


@pytest.mark.parametrize("place", ["{}/project/.env", "/etc/passwd", "/proc/{ppid}/environ", "/proc/self/environ"])
def test_files_of_others_are_not_read(load: Callable[[str], str], tmp_path: Path, place: str) -> None:
    said = load(f"import os; raise ValueError(open({place.format(tmp_path, ppid=os.getpid())!r}).read())")
    assert "wants what is not its own when it was loaded, which its sandbox refuses" in said
    assert "open sesame" not in said


def test_the_environment_holds_no_secret(load: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = (
        "MODELPORT_SIGNING_KEY", "MODELPORT_SIGNING_PASSWORD", "PULUMI_CONFIG_PASSPHRASE", "AWS_SECRET_ACCESS_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS", "GITHUB_TOKEN", "MY_OWN_SECRET",
    )  # fmt: skip
    for name in secrets:
        monkeypatch.setenv(name, "open sesame")
    said = load("import os; raise ValueError(sorted(k for k, v in os.environ.items() if k == 'HOME' or 'sesame' in v))")
    assert "ValueError: ['HOME']; " in said


def test_memory_has_a_limit(load: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sandbox.MEMORY, str(1 << 30))
    assert load("bytearray(2 << 30)") == (
        "source 'model.pkl' wants more than the 1,073,741,824 bytes of memory that its sandbox gives it; set "
        "MODELPORT_SANDBOX_BYTES to more if that is no surprise"
    )


@pytest.mark.parametrize("code", ["import mmap; mmap.mmap(-1, 1 << 20)", "import os; os.memfd_create('x')"])
def test_there_is_no_memory_that_the_limit_does_not_count(load: Callable[[str], str], code: str) -> None:
    assert "which its sandbox refuses" in load(code)


def test_limits_are_not_raised_again(load: Callable[[str], str]) -> None:
    said = load("import resource; resource.setrlimit(resource.RLIMIT_DATA, (-1, -1))")
    assert "not permitted" in said or "not allowed to raise maximum limit" in said


def test_time_has_a_limit(load: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(sandbox.SECONDS, "2")
    began = time.monotonic()
    assert load("while True: pass") == (
        "the test took longer than the 2 s that its sandbox gives it, so it was ended; set MODELPORT_SANDBOX_SECONDS "
        "to more if that is no surprise"
    )
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("name", [sandbox.SECONDS, sandbox.MEMORY])
def test_a_limit_that_is_none(load: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "much")
    assert load("pass") == f"{name} is 'much', expected a whole number above 0; correct or unset it"


def test_a_link_that_is_left_behind_is_not_followed(load: Callable[[str], str]) -> None:
    said = load("import os; os.symlink('/etc/passwd', os.path.expanduser('~/../.answer.json')); os._exit(0)")
    assert said == (
        "what was loaded left '.answer.json' behind, which is no plain file, expected the model alone; do not use it"
    )


def test_an_answer_that_is_none(load: Callable[[str], str]) -> None:
    said = load("import os; open(os.path.expanduser('~/../.answer.json'), 'w').write('[' * 9); os._exit(0)")
    assert said == "the test left an answer that is none, expected that of the step; do not use it"


def test_what_a_function_of_the_project_returned_is_the_projects_own(
    project: Path, recipe: Callable[..., Recipe], own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded where the project's code runs, on a machine without a sandbox too."""
    monkeypatch.setattr(sandbox, "_abi", lambda: -1)
    assert candidate(Work.on(recipe(optimize={"candidates": ["fp32"]}), project))[1].chosen == "fp32"


def test_a_pickle_inside_is_looked_at_when_it_is_loaded(load: Callable[[str], str], tmp_path: Path) -> None:
    inner = pickle.dumps(signal.raise_signal, 0)
    assert "a pickle inside would call _signal.raise_signal" in load(f"import pickle; pickle.loads({inner!r})")


def test_threads_and_numbers_work_there(load: Callable[[str], str]) -> None:
    code = (
        "import threading, numpy, sklearn.ensemble, onnxruntime\n"
        "done = []\n"
        "thread = threading.Thread(target=lambda: done.append(numpy.ones((9, 9)).dot(numpy.ones(9)).sum()))\n"
        "thread.start(); thread.join()\n"
        "raise ValueError(f'all is well: {done}')"
    )
    assert "all is well: [" in load(code)


def test_where_there_is_no_sandbox_nothing_is_loaded(
    load: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "_abi", lambda: -1)
    assert load(f"import os; os.mkdir({str(tmp_path / 'work' / 'ran')!r})") == (
        "source 'model.pkl' may run code when it is loaded and this machine has no sandbox for it (its kernel has no "
        "Landlock, or does not let this process use it), expected Linux 5.13 or newer with Landlock and seccomp; build "
        "on such a machine, or hand in ONNX or a .skops file"
    )
    assert not (tmp_path / "work" / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; the tests above ran as this one")
def test_it_holds_without_privileges_too() -> None:
    code = (
        "import os, pathlib, socket, sys, types\n"
        "sys.modules['model_build'] = types.ModuleType('model_build')\n"
        "errors = types.ModuleType('errors'); errors.SourceError = ValueError\n"
        "sys.modules['model_build.errors'] = errors\n"
        "module = types.ModuleType('sandbox'); sys.modules['sandbox'] = module\n"
        "exec(sys.argv[1], module.__dict__)\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "module.enter(module.Sandbox((), (), 1, 1 << 40), pathlib.Path('/var/empty'))\n"
        "for act in (socket.socket, os.fork, lambda: open('/etc/passwd'), lambda: os.mkdir('/tmp/outside-of-it')):\n"
        "    try: act()\n"
        "    except PermissionError: print('refused')\n"
    )
    source = Path(sandbox.__file__).read_text()
    done = subprocess.run(
        [sys.executable, "-c", code, source], capture_output=True, text=True, check=False, env={"PATH": os.defpath}
    )
    assert (done.stdout.split(), done.stderr) == (["refused"] * 4, "")


def test_a_machine_without_it_is_told_of_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SourceError, match="this machine has no sandbox for it \\(darwin on "):
        sandbox.require("source 'm.pkl'")
