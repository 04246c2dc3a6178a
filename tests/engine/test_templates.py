"""Children that are copied from a template have all that a process of its own would have, and one load of the SDK."""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from engine import processes, templates
from engine.processes import Begun

TELLS = """
import json, os, sys
if __name__ == "__main__":
    print(json.dumps({
        "pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0), "folder": os.getcwd(),
        "told": os.environ.get("TOLD"), "ordered": os.environ.get("ORDERED"),
        "command": open("/proc/self/cmdline").read(), "open": [int(each) for each in os.listdir("/proc/self/fd")],
    }))
    if "write" in sys.argv:
        os.write(int(sys.argv[-1]), b"here")
    sys.exit(int(os.environ["CODE"]) if "CODE" in os.environ else 0)
"""
Facts = dict[str, Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the module of the children is, which is on the path of every Python that is started."""
    (tmp_path / "tells.py").write_text(TELLS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def start(cwd: Path, pipes: tuple[int, ...] = ()) -> Begun:
    return processes.begin(sys.executable, "module", "tells", cwd=cwd, pipes=pipes)


def finish(child: Begun, *argv: str) -> Facts:
    assert child.stdin and child.stdout
    child.stdin.write(json.dumps({"argv": argv, "env": {"ORDERED": "yes"}}).encode() + b"\n")
    facts: Facts = json.loads(child.stdout.read())
    child.wait()
    child.communicate()
    return facts


def test_two_are_copies_of_one_and_each_has_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLD", "first")
    (home / "other").mkdir()
    one = start(home)
    monkeypatch.setenv("TOLD", "second")
    other = start(home / "other")
    first, second = finish(one), finish(other)
    assert first["parent"] == second["parent"] != os.getpid()
    assert [each["session"] for each in (first, second)] == [first["pid"], second["pid"]]
    assert [each["folder"] for each in (first, second)] == [str(home), str(home / "other")]
    assert [each["told"] for each in (first, second)] == ["first", "second"]
    assert [each["ordered"] for each in (first, second)] == ["yes", "yes"]


def test_one_has_the_descriptors_that_it_is_given_under_their_numbers_and_no_more(home: Path) -> None:
    read, write = os.pipe()
    facts = finish(start(home, (write,)), "write", str(write))
    os.close(write)
    assert os.read(read, 10) == b"here"
    os.close(read)
    looking = 1  # the folder of descriptors itself
    assert len(facts["open"]) == len({0, 1, 2, write}) + looking
    assert {0, 1, 2, write} < set(facts["open"])


def test_the_exit_code_is_told_and_a_signal_is_a_negative_number(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE", "7")
    ends, hangs = start(home), start(home)
    finish(ends)
    assert ends.wait() == 7
    assert hangs.poll() is None
    os.kill(hangs.pid, signal.SIGTERM)
    assert hangs.wait() == -signal.SIGTERM
    hangs.communicate()


def test_one_without_its_template_is_killed_and_the_next_has_another(home: Path) -> None:
    child, before = start(home), finish(start(home))["parent"]
    os.kill(before, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    child.communicate()
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert finish(start(home))["parent"] not in (before, os.getpid())


def test_what_tells_on_python_as_it_starts_makes_another_template(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = finish(start(home))["parent"]
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert finish(start(home))["parent"] != before
    assert not Path(f"/proc/{before}").exists()


def test_a_template_ends_with_its_thread(home: Path) -> None:
    found: list[Facts] = []
    thread = threading.Thread(target=lambda: found.append(finish(start(home))))
    thread.start()
    thread.join()
    parent = found[0]["parent"]
    assert parent != finish(start(home))["parent"]
    for _ in range(500):
        if not Path(f"/proc/{parent}").exists():
            return
        threading.Event().wait(0.02)
    pytest.fail("the template of a thread that has ended is still there")


def test_one_that_has_a_thread_is_not_copied(home: Path) -> None:
    (home / "sitecustomize.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    assert "\0module\0tells\0" in finish(start(home))["command"]


def test_an_sdk_that_cannot_be_loaded_says_so_itself(home: Path) -> None:
    (home / "pulumi").mkdir()
    (home / "pulumi" / "__init__.py").write_text("raise ImportError('a broken installation')\n")
    (home / "tells.py").write_text("import pulumi\n")
    child = start(home)
    assert child.stderr
    assert b"ImportError: a broken installation" in child.stderr.read()
    assert child.wait() == 1
    child.communicate()


def test_a_folder_that_is_not_there_is_an_error_at_once(home: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start(home / "none")


def test_where_there_is_no_fork_each_is_started_anew(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "able", lambda: False)
    assert finish(start(home))["parent"] == os.getpid()
