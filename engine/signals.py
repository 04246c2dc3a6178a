"""The signals that ask a process to stop: Ctrl-C, SIGTERM and a terminal that closes."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


class Stopped(KeyboardInterrupt):
    """SIGTERM or SIGHUP came where nothing else was ready to hear it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def heeded() -> list[signal.Signals]:
    """Those that may be caught here; a closed terminal stays ignored where nohup has it ignored.

    SIGINT is heeded even where a script's `&` has it ignored: whoever sends it there means this process.
    """
    if threading.current_thread() is not threading.main_thread():
        return []
    nohup = {each for each in STOPPING[2:] if signal.getsignal(each) is signal.SIG_IGN}
    return [each for each in STOPPING if each not in nohup]


def unwind() -> None:
    """Have SIGTERM and SIGHUP end what this process does as Ctrl-C ends it: nothing is left locked or half-written."""
    for each in heeded():
        if each is not signal.SIGINT:
            signal.signal(each, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    raise Stopped(number)


@contextlib.contextmanager
def told(hear: Callable[[], None]) -> Generator[None]:
    """Call `hear` from the running loop at each of them while the block runs; then all is as it was before."""
    loop = asyncio.get_running_loop()
    before = {each: signal.getsignal(each) for each in heeded()}
    for each in before:
        loop.add_signal_handler(each, hear)
    try:
        yield
    finally:
        for each, handler in before.items():
            loop.remove_signal_handler(each)
            if handler is not None:
                signal.signal(each, handler)
