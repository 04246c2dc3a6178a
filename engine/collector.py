"""Python's search for garbage, for a process that makes many objects which live to its end, and then ends."""

import atexit
import contextlib
import gc
from collections.abc import Generator

THRESHOLD = 50_000
"""New objects between two searches. Python's own 700 take a quarter of the time of an operation on a large stack."""

_sparing = False


def spare() -> None:
    """Search seldom, and not at all when the process ends, where all there was would be gone through once more."""
    global _sparing
    _sparing = True
    gc.set_threshold(THRESHOLD, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)


@contextlib.contextmanager
def staying() -> Generator[None]:
    """What is made within stays to the end of the process: it is not searched, neither meanwhile nor later.

    The state of a large stack is millions of objects, and each full search goes through all of them. Only where the
    process is one that ends: in another, garbage that is there already would stay as well.
    """
    if not _sparing or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
