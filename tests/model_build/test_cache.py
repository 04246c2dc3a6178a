"""Entries appear whole or not at all, and two builds share one."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from model_build import cache
from model_build.errors import ModelBuildError

REPOSITORY = str(Path(__file__).resolve().parents[2])


def test_a_step_is_made_once(own_cache: Path) -> None:
    made: list[Path] = []

    def fill(folder: Path) -> None:
        made.append(folder)
        cache.write_note(folder, {"n": 1})

    first, second = cache.made("s", {"a": 1}, fill), cache.made("s", {"a": 1}, fill)
    assert (first.cached, second.cached, len(made)) == (False, True, 1)
    assert second.note() == {"n": 1}
    assert not cache.made("s", {"a": 2}, fill).cached


def test_a_step_that_fails_leaves_nothing(own_cache: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.made("s", {}, fill)
    assert [p.name for p in (own_cache / "steps" / "s").iterdir() if not p.name.endswith(".lock")] == []


def test_two_builds_at_a_time_share_one_result(own_cache: Path) -> None:
    running, made = threading.Barrier(4), []

    def fill(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.05)

    def build() -> None:
        running.wait()
        cache.made("s", {}, fill)

    threads = [threading.Thread(target=build) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_killed_maker_leaves_nothing_that_counts(own_cache: Path) -> None:
    script = (
        "import sys, time; from model_build import cache\n"
        "def fill(folder):\n"
        "    (folder / 'half').write_text('x'); print('on it', flush=True); time.sleep(600)\n"
        "cache.made('s', {}, fill)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=REPOSITORY, env=dict(os.environ)
    ) as maker:
        assert maker.stdout is not None
        maker.stdout.readline()
        assert not cache.place("s", {}).exists()
        maker.send_signal(signal.SIGKILL)
    entry = cache.made("s", {}, lambda folder: (folder / "whole").write_text("x"))
    assert [p.name for p in entry.folder.iterdir()] == ["whole"]
    assert not list(entry.folder.parent.glob("*.part"))


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(own_cache: Path) -> None:
    # A limit on file size stops a write as a full disk does, with an error number of its own.
    script = (
        "import resource, signal; from model_build import cache, errors\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: cache.made('s', {}, lambda folder: (folder / 'large').write_bytes(bytes(5000)))\n"
        "except errors.ModelBuildError as error: print(errors.line(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stdout == (
        f"modelport: failed: no space left under {own_cache}, the build was stopped; run modelport gc, "
        "free some space, or set MODELPORT_CACHE_DIR to another disk\n"
    )
    assert not [p for p in (own_cache / "steps" / "s").iterdir() if not p.name.endswith(".lock")]


def test_a_cache_that_may_not_be_written_is_one_clear_error(own_cache: Path) -> None:
    own_cache.parent.mkdir(exist_ok=True)
    own_cache.write_text("a file where the folder should be")
    with pytest.raises(ModelBuildError, match="set MODELPORT_CACHE_DIR to a folder"):
        cache.made("s", {}, lambda folder: None)
