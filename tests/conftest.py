"""What every test starts from: state and data of its own, the user's content-addressed cache."""

import os
import pickle
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import parsing, scheduling
from tests.ports import free_port

# Nothing is timed in a test: on a machine that does other things too, to make an example may take a second.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")
pytest_plugins = ["tests.tools.fixtures", "tests.cluster.fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    """Point data and state away from the user's before any module of ours is imported, here and in subprocesses."""
    parsing.undisturbed()
    # what started the tests (nohup, a script's `&`) may have them ignored, and what they start would inherit it
    for ignored in (each for each in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_IGN):
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)
    if "MODELPORT_TEST_HOME" not in os.environ:
        import tempfile

        whole = Path(tempfile.mkdtemp(prefix="modelport-tests-"))
        os.environ["MODELPORT_TEST_HOME"] = str(whole)
        config.add_cleanup(lambda: _remove(whole))
    # One for each worker of pytest-xdist: what one clears, another may be using.
    home = Path(os.environ["MODELPORT_TEST_HOME"]) / os.environ.get("PYTEST_XDIST_WORKER", "one")
    os.environ["MODELPORT_DATA_DIR"] = str(home / "data")
    os.environ["MODELPORT_STATE_DIR"] = str(home / "state")
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_STACK"):
        os.environ.pop(name, None)


_PICKLER: Any = pickle._Pickler
_OWN = {name: getattr(_PICKLER, name) for name in ("_batch_setitems", "save_dict")}


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Give Python's pickler its own methods back: the SDK wraps them once more for every dynamic resource and leaves
    them so, until whoever pickles a dictionary in a process that has made hundreds of these recurses too deep.
    """
    for name, own in _OWN.items():
        setattr(_PICKLER, name, own)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one worker of several; alone the order is the files' own
        scheduling.sort(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> scheduling.InTurn | None:
    return scheduling.InTurn(config, log) if config.option.dist == "loadfile" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: of a test's time almost half is waiting for what it has started."""
    return (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1) + 2


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop("MODELPORT_TEST_HOME", None)


@pytest.fixture(name="free_port")
def _free_port() -> int:
    return free_port()
