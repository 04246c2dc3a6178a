"""A real image, run, replaced and ended as processes of this machine."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.local import control, folder, ports, release
from components.local.errors import LocalError, NotReady, PortInUse
from components.local.folder import Version
from components.local.ports import MARK
from components.local.processes import Processes
from components.local.server import LocalServerProvider, image_of
from components.local.start import Start
from tests.components.conftest import Endpoint, Images, marked
from tests.components.load import Load

ROOT = Path(__file__).resolve().parents[2]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_from_create_to_delete(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    assert endpoint.outs is not None
    assert endpoint.outs["url"] == f"http://127.0.0.1:{endpoint.port}"
    assert endpoint.outs["used"] == "process"
    assert endpoint.outs["metadata"]["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 64]}]
    assert endpoint.version() == "1"
    assert len(endpoint.processes()) == 3  # a master and two workers
    assert endpoint.changed(images.one) is False
    assert endpoint.provider.read(endpoint.id, endpoint.outs).id == endpoint.id

    endpoint.provider.delete(endpoint.id, endpoint.outs)
    assert endpoint.processes() == []
    assert list(folder.run_folder().iterdir()) == []
    ports.require_free(endpoint.port)
    endpoint.provider.delete(endpoint.id, endpoint.outs)  # as after a `destroy` that was killed


def test_everything_that_runs_is_the_images_own(endpoint: Endpoint, images: Images) -> None:
    """No file of this machine's Python, libraries or working tree is mapped by any process of the server."""
    endpoint.create(images.one)
    root = endpoint.folder.rootfs(image_of(images.one)[1])
    for pid in endpoint.processes():
        lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
        files = {parts[5] for line in lines if len(parts := line.split(maxsplit=5)) == 6 and parts[5].startswith("/")}
        foreign = {name for name in files if not name.startswith((f"{root}/", "/dev/", "/memfd:"))}
        assert foreign == set()
        assert Path(f"/proc/{pid}/cwd").resolve() == endpoint.folder.control


def test_it_listens_on_loopback_only(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    lines = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()]
    listening = [each[1] for each in lines if each[3] == "0A" and each[1].endswith(f":{endpoint.port:04X}")]
    assert listening == [f"0100007F:{endpoint.port:04X}"]


@pytest.mark.parametrize(
    ("changed", "is_changed"),
    [
        ({}, False),
        ({"runtime": "auto"}, True),
        ({"workers": 1.0}, True),
        ({"port": 1.0}, True),
    ],
)
def test_diff_compares_settings(
    endpoint: Endpoint, images: Images, changed: dict[str, object], is_changed: bool
) -> None:
    endpoint.create(images.one)
    assert endpoint.changed(images.one, **changed) is is_changed


def test_diff_compares_images_by_digest(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    assert endpoint.changed(f"oci:/elsewhere@{image_of(images.one)[1]}") is False
    assert endpoint.changed(images.two) is True


def test_a_new_version_takes_over_under_load(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    before = endpoint.processes()
    with Load(endpoint.port) as load:
        load.wait_for(200)
        endpoint.update(images.two)
        load.wait_for(200)
        endpoint.update(images.one)
        load.wait_for(200)
    assert load.failures == []
    assert load.versions == {"1", "2"}
    assert endpoint.version() == "1"
    assert len(endpoint.processes()) == 3 and not set(before) & set(endpoint.processes())
    # Of the versions before nothing is left.
    names = sorted(path.name for path in endpoint.folder.path.glob("*/*"))
    assert names == sorted(["3.log", "3.sock", image_of(images.one)[1].removeprefix("sha256:")[:16]])


def test_a_version_that_does_not_start_changes_nothing(
    endpoint: Endpoint, images: Images, capfd: pytest.CaptureFixture[str]
) -> None:
    endpoint.create(images.one)
    before = endpoint.processes()
    with Load(endpoint.port) as load:
        load.wait_for(100)
        with pytest.raises(NotReady) as raised:
            endpoint.update(images.broken)
        load.wait_for(100)
    assert load.failures == []
    assert load.versions == {"1"}
    assert endpoint.processes() == before
    assert endpoint.changed(images.one) is False
    message = raised.value.message
    assert message.startswith("the server of model digits ended before it was ready (it said last: ")
    assert message.endswith(f", expected it to answer on port {endpoint.port}; its last lines are above")
    assert "model.onnx" in message
    said = capfd.readouterr().err.splitlines()[-1]
    assert said.startswith("modelport: digits: run: | ") and "model.onnx" in said
    # And the next good one is none the worse for it.
    endpoint.update(images.two)
    assert endpoint.version() == "2"


def test_a_create_that_fails_leaves_nothing(endpoint: Endpoint, images: Images) -> None:
    with pytest.raises(NotReady):
        endpoint.create(images.broken)
    assert list(folder.run_folder().iterdir()) == []
    ports.require_free(endpoint.port)


def test_a_model_of_another_name(endpoint: Endpoint, images: Images) -> None:
    with pytest.raises(NotReady, match="the image holds the model digits, expected iris; give the endpoint the name"):
        endpoint.create(images.one, model="iris")
    assert list(folder.run_folder().iterdir()) == []


def test_another_port(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = taken.getsockname()[1]
        with pytest.raises(PortInUse):
            endpoint.update(images.one, port=float(used))
        assert endpoint.version() == "1"
    endpoint.update(images.one, port=float(used))
    assert endpoint.version(used) == "1"
    ports.require_free(endpoint.port)


def test_another_number_of_workers(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    endpoint.update(images.one, workers=1.0)
    assert len(endpoint.processes()) == 2


@pytest.mark.parametrize("victims", ["the master", "all"])
def test_a_server_that_was_killed_is_seen_and_healed(endpoint: Endpoint, images: Images, victims: str) -> None:
    endpoint.create(images.one)
    assert endpoint.outs is not None
    before = endpoint.processes()
    status = control.ask(endpoint.folder.control / "1.sock", "status")
    assert status is not None
    for pid in before if victims == "all" else [status["pid"]]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _until(lambda: not release.lives(endpoint.folder))
    assert endpoint.changed(images.one) is True
    assert endpoint.provider.read(endpoint.id, endpoint.outs).id == ""
    endpoint.update(images.one)
    assert endpoint.version() == "1"
    assert not set(before) & set(endpoint.processes())
    assert endpoint.changed(images.one) is False


def test_who_was_killed_is_told_from_who_only_stands_still() -> None:
    """The kernel clears a killed process away in its own time, and its port is held till then."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        process.send_signal(signal.SIGSTOP)
        assert not ports.ending(process.pid)
        process.kill()
        _until(lambda: ports.ending(process.pid))
    assert ports.ending(process.pid), "it is gone"


def test_gone_and_made_anew_it_leaves_no_second_folder(endpoint: Endpoint, images: Images) -> None:
    """As when `refresh` found it dead: the state forgot it, and `up` creates."""
    endpoint.create(images.one)
    first = endpoint.id
    endpoint.changed(images.one)
    for pid in endpoint.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    _until(lambda: not release.lives(endpoint.folder))
    endpoint.create(images.one)
    assert endpoint.id != first
    assert [each.name for each in folder.run_folder().iterdir()] == [endpoint.id]


def test_what_dead_endpoints_left_can_be_cleared(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    assert release.dead() == []
    for pid in endpoint.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # A killed process is gone from the list (its memory went) before its sockets close.
    _until(lambda: release.dead() == [endpoint.folder])
    release.remove(endpoint.folder)
    assert list(folder.run_folder().iterdir()) == []
    # A stack that still knows it makes it anew, under its old id.
    assert endpoint.changed(images.one) is True
    endpoint.update(images.one)
    assert endpoint.version() == "1"


def test_what_a_killed_create_left_is_taken_over(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    first = endpoint.id  # which no state ever learned
    assert endpoint.provider.check({}, endpoint.inputs(images.two)).failures == []
    with Load(endpoint.port) as load:
        endpoint.create(images.two)
    assert load.failures == []
    assert endpoint.id == first
    assert endpoint.version() == "2"


def test_an_endpoint_that_a_state_knows_is_not_taken_over(endpoint: Endpoint, images: Images) -> None:
    endpoint.create(images.one)
    endpoint.changed(images.one)
    with pytest.raises(PortInUse, match=rf"in use by the endpoint {endpoint.id} \(process \d+\), expected a free port"):
        endpoint.create(images.two)
    assert endpoint.version() == "1"
    assert [each.name for each in folder.run_folder().iterdir()] == [endpoint.id]


@pytest.mark.parametrize("current_lives", [True, False])
def test_what_a_killed_update_left(endpoint: Endpoint, images: Images, current_lives: bool) -> None:
    """Half-way between two versions: the one that answers stays; where only the new one lives, it is it."""
    endpoint.create(images.one)
    place = endpoint.folder
    record = place.read()
    assert record is not None and record.current is not None
    layout, digest = image_of(images.two)
    record.last, record.coming = 2, Version(2, digest, "digits", endpoint.port, 2, "process")
    place.write(record)
    Processes().start(Start(place, record.coming, layout, record.current))
    _until(lambda: bool((control.ask(place.control / "2.sock", "status") or {}).get("ready")))
    if not current_lives:
        for pid in marked(endpoint.id, 1):
            with contextlib.suppress(ProcessLookupError):  # a worker ends with its master
                os.kill(pid, signal.SIGKILL)
        _until(lambda: not control.lives(place.control / "1.sock"))
    release.settle(place, record)
    after = place.read()
    assert after is not None and after.current is not None
    assert (after.current.number, after.coming) == (1 if current_lives else 2, None)
    assert endpoint.version() == ("1" if current_lives else "2")
    _until(lambda: len(endpoint.processes()) == 3)  # a worker that was killed with its master takes a moment to go
    # The update, done again, ends what the killed one began.
    endpoint.update(images.two)
    after = place.read()
    assert after is not None and after.current is not None
    assert (after.current.image, after.coming, after.leaving) == (digest, None, [])
    assert endpoint.version() == "2"
    assert len(endpoint.processes()) == 3


def test_it_outlives_the_group_that_started_it(endpoint: Endpoint, images: Images) -> None:
    code = "import json, sys\nfrom components.local.server import LocalServerProvider\n"
    code += "print(LocalServerProvider().create(json.loads(sys.argv[1])).id, flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(endpoint.inputs(images.one))],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        start_new_session=True,
    ) as plugin:  # fmt: skip
        assert plugin.stdout is not None
        endpoint.id = plugin.stdout.readline().strip()
        os.killpg(plugin.pid, signal.SIGKILL)
        # Nothing of the plugin's is held open, or an engine would wait for it: its output ends here.
        assert plugin.stdout.read() == ""
    assert endpoint.version() == "1"


def test_only_processes_with_the_mark_are_killed(endpoint: Endpoint) -> None:
    version = Version(1, "sha256:" + "a" * 64, "digits", endpoint.port, 1, "process")
    place = folder.new("digits")
    marks = {"ours": f"{place.id}.1", "next": f"{place.id}.11", "other": "digits-00000000.1"}
    sleeping = {
        name: subprocess.Popen(["sleep", "600"], env={**os.environ, MARK: mark}) for name, mark in marks.items()
    }
    try:
        Processes().kill(place, version)
        assert sleeping["ours"].wait(30) == -signal.SIGKILL
        assert sleeping["next"].poll() is None
        assert sleeping["other"].poll() is None
    finally:
        for each in sleeping.values():
            each.kill()
            each.wait()


def test_a_state_folder_with_a_long_name(
    endpoint: Endpoint, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELPORT_STATE_DIR", str(tmp_path / ("long" * 40) / "state"))
    endpoint.create(images.one)
    endpoint.update(images.two)
    assert endpoint.version() == "2"
    release.remove(endpoint.folder)
    assert marked(endpoint.id) == []


def test_a_runtime_that_is_not_there(
    endpoint: Endpoint, images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match="docker does not answer on this machine, expected 'docker info' to"):
        endpoint.create(images.one, runtime="docker")
    endpoint.create(images.one, runtime="auto")
    assert endpoint.outs is not None and endpoint.outs["used"] == "process"


def test_the_provider_has_no_attributes() -> None:
    assert vars(LocalServerProvider()) == {}
