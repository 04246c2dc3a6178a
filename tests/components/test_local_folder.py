"""The endpoint's folder, its record, ports and sockets: what the rest of a local endpoint stands on."""

import contextlib
import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pulumi.output import Unknown

from components.local import control, folder, ports
from components.local.errors import LocalError, PortInUse
from components.local.folder import Folder, Record, Version
from components.local.server import LocalServerProvider

ONE = Version(1, "sha256:" + "a" * 64, "digits", 8080, 2, "process")
TWO = Version(2, "sha256:" + "b" * 64, "digits", 8081, 1, "docker")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setenv("MODELPORT_STATE_DIR", str(tmp_path))
    made = folder.new("digits")
    made.make()
    return made


def test_a_record_is_read_as_it_was_written(place: Folder) -> None:
    record = Record("shop/dev/endpoint", known=True, last=2, current=ONE, coming=None, leaving=[TWO])
    place.write(record)
    assert place.read() == record
    assert list(folder.endpoints()) == [(place, record)]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "key": "k", "current": {"x": 1}}']
)
def test_a_damaged_record_is_none(place: Folder, text: str) -> None:
    (place.path / "endpoint.json").write_text(text)
    assert place.read() is None
    assert list(folder.endpoints()) == []


def test_only_this_user_may_look_into_the_folder(place: Folder) -> None:
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.control.stat().st_mode) == 0o700


def test_tidy_keeps_what_running_versions_need(place: Folder) -> None:
    for version in (ONE, TWO):
        place.log(version).write_text("said")
        place.socket(version).write_text("")
        place.rootfs(version.image).mkdir()
    place.tidy(Record("k", current=TWO))
    # A container has its image's files itself.
    assert sorted(path.name for path in place.path.rglob("*") if path.is_file()) == ["2.log", "2.sock"]
    assert list((place.path / "rootfs").iterdir()) == []


def test_a_port_that_is_free(free_port: int) -> None:
    ports.require_free(free_port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_names_its_holder(host: str) -> None:
    with socket.create_server((host, 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(PortInUse) as raised:
            ports.require_free(port)
    name = Path(Path("/proc/self/cmdline").read_text().split("\0")[0]).name
    assert raised.value.message == (
        f"port {port} is in use by {name} (process {os.getpid()}), expected a free port; "
        "set modelport:endpoint.port or stop it"
    )


@contextlib.contextmanager
def _held_by_nobody() -> Iterator[tuple[int, Callable[[], None]]]:
    """A port, and what ends it: its socket is on its way from a process to another, and in neither."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here, there = socket.socketpair()
        socket.send_fds(here, [b"."], [listener.fileno()])
        port = listener.getsockname()[1]

    def end() -> None:
        here.close()
        there.close()

    try:
        yield port, end
    finally:
        end()


def test_a_port_is_waited_for_whose_holder_is_ending() -> None:
    with _held_by_nobody() as (port, end):
        threading.Timer(0.2, end).start()
        ports.require_free(port)


def test_a_port_whose_holder_cannot_be_seen_is_in_use_all_the_same() -> None:
    with _held_by_nobody() as (port, _), pytest.raises(PortInUse) as raised:
        ports.require_free(port)
    assert "in use by a program that this user may not look at, expected a free port" in raised.value.message


def _answer(listener: socket.socket, line: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(line)


@pytest.fixture(params=["short", "long" * 40])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, Path]]:
    """A listening Unix socket, bound from its folder as the server does; once at an address longer than Linux takes."""
    home = tmp_path / request.param
    home.mkdir()
    before = Path.cwd()
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(home)
        try:
            listener.bind("1.sock")
        finally:
            os.chdir(before)
        listener.listen()
        yield listener, home / "1.sock"


def test_asking_a_control_socket(listener: tuple[socket.socket, Path]) -> None:
    server = threading.Thread(target=_answer, args=(listener[0], json.dumps({"ready": True}).encode() + b"\n"))
    server.start()
    assert control.ask(listener[1], "status") == {"ready": True}
    server.join()
    assert control.lives(listener[1])


@pytest.mark.parametrize("line", [b"", b"nonsense\n", b"[]\n"])
def test_an_answer_that_is_none(listener: tuple[socket.socket, Path], line: bytes) -> None:
    server = threading.Thread(target=_answer, args=(listener[0], line))
    server.start()
    assert control.ask(listener[1], "status") is None
    server.join()


def test_a_socket_that_nobody_holds(listener: tuple[socket.socket, Path]) -> None:
    listener[0].close()
    assert listener[1].exists()
    assert not control.lives(listener[1])
    assert control.ask(listener[1], "status") is None
    assert not control.lives(listener[1].with_name("never.sock"))


GOOD = {"key": "k", "image": f"oci:/images@{ONE.image}", "model": "digits", "workers": 2.0, "runtime": "process"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"port": 0.0}, "port is 0, expected a whole number from 1 to 65535; set modelport:endpoint.port"),
        ({"port": 80.5}, "port is 80.5, expected a whole number from 1 to 65535; set modelport:endpoint.port"),
        ({"workers": 257.0}, "workers is 257, expected a whole number from 1 to 256; set modelport:endpoint.workers"),
        (
            {"runtime": "vm"},
            "runtime is 'vm', expected one of auto, docker, podman, process; set modelport:endpoint.runtime",
        ),
        ({"image": "x"}, "image is 'x', expected oci:PATH@sha256:DIGEST; pass a ModelImage's layout_image"),
    ],
)
def test_check_says_what_is_wrong(free_port: int, change: dict[str, object], problem: str) -> None:
    result = LocalServerProvider().check({}, {**GOOD, "port": float(free_port), **change})
    assert [each.reason for each in result.failures] == [problem]
    assert [each.property for each in result.failures] == list(change)


def test_check_takes_what_is_right(free_port: int) -> None:
    news = {**GOOD, "port": float(free_port)}
    result = LocalServerProvider().check({}, news)
    assert (result.inputs, result.failures) == (news, [])


def test_check_lets_pass_what_a_preview_does_not_know_yet(free_port: int) -> None:
    news = {**GOOD, "image": Unknown(), "port": float(free_port), "workers": Unknown()}
    assert LocalServerProvider().check({}, news).failures == []


def test_check_sees_a_port_in_use_before_anything_is_made() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        failures = LocalServerProvider().check({}, {**GOOD, "port": float(port)}).failures
        assert [each.property for each in failures] == ["port"]
        assert f"port {port} is in use by" in failures[0].reason
        # The endpoint's own port, in an update, is its own.
        assert LocalServerProvider().check({"port": float(port)}, {**GOOD, "port": float(port)}).failures == []


def test_an_error_is_one_line() -> None:
    error = LocalError("the server\nended, expected it to answer")
    assert str(error) == "modelport: failed: the server ended, expected it to answer"
