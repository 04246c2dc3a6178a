"""One worker process: loads the model, runs it once, answers requests, drains when told to."""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn

from serving.core.manifest import Manifest
from serving.core.model import Model
from serving.errors import StartError
from serving.keys import Keys
from serving.metrics import Counts
from serving.process.connections import Connections
from serving.process.logs import say
from serving.rest.app import App
from serving.settings import Settings

if TYPE_CHECKING:
    from serving.core.images import Classifier

# What passes between master and worker: one byte for a word, and a line of text for a failure.
READY = b"R"
FAILED = b"F"
DRAIN = b"D"
DRAIN_FOR_SUCCESSOR = b"S"
EXIT_DRAINED = 0
EXIT_FAILED = 1
EXIT_REFUSED = 3
_PR_SET_PDEATHSIG = 1
# More threads than this would only queue for the interpreter.
_MOST_THREADS = 4


def run(
    manifest: Manifest, settings: Settings, listener: socket.socket, channel: socket.socket, counts: Counts, index: int
) -> NoReturn:
    """Serve until told to drain. Called in a fresh fork of the master; never returns to its code."""
    code = EXIT_FAILED
    try:
        _follow_master()
        # Objects from before the fork are never collected here, so their pages stay shared.
        gc.freeze()
        model, classifier = load(manifest, settings)
        asyncio.run(_serve(model, classifier, settings, listener, channel, counts, index))
        code = EXIT_DRAINED
    except StartError as error:
        with contextlib.suppress(OSError):
            channel.sendall(FAILED + str(error).encode("utf-8"))
        code = EXIT_REFUSED
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        # Not sys.exit: the frames above belong to the master's program.
        os._exit(code)


def _follow_master() -> None:
    """Die with the master, however it ends."""
    master = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Asked after the call, for a master that died in between. In a container the master may be process 1.
    if os.getppid() != master:
        os._exit(EXIT_FAILED)
    # Ctrl-C reaches the whole group; it is the master who decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def load(manifest: Manifest, settings: Settings) -> "tuple[Model, Classifier | None]":
    """The model, run once. Raises StartError."""
    model = Model(manifest, threads=settings.cores())
    if (trouble := model.warm_up()) is not None:
        say(f"the first inference on zeros failed, so the first request may be slow: {trouble}")
    if manifest.classify is None:
        return model, None
    from serving.core.images import Classifier

    classifier = Classifier(model, manifest.classify, max_pixels=settings.max_pixels)
    classifier.warm_up()
    return model, classifier


async def _serve(
    model: Model,
    classifier: "Classifier | None",
    settings: Settings,
    listener: socket.socket,
    channel: socket.socket,
    counts: Counts,
    index: int,
) -> None:
    loop = asyncio.get_running_loop()
    row = counts.row(index)
    row.begin()
    told = asyncio.Event()
    pool = ThreadPoolExecutor(max_workers=min(_MOST_THREADS, settings.cores()), thread_name_prefix="inference")
    keys = Keys(settings.api_keys, say) if settings.api_keys is not None else None
    app = App(model, classifier, settings, pool, counts, row, keys)
    connections = Connections(app, listener, settings, counts, index)
    channel.setblocking(False)

    def hear() -> None:
        try:
            word = channel.recv(1)
        except BlockingIOError:
            return
        if not word:
            # The master is gone, and its socket with it.
            os._exit(EXIT_FAILED)
        # With a successor on the same address, this address is as ready as ever.
        app.ready = word == DRAIN_FOR_SUCCESSOR
        told.set()

    def terminate() -> None:
        # The master starts another worker in this one's place, or drains too.
        told.set()

    loop.add_reader(channel, hear)
    loop.add_signal_handler(signal.SIGTERM, terminate)
    # A request that holds the interpreter in its thread lets the event loop in after a millisecond, not five.
    sys.setswitchinterval(0.001)
    connections.begin()
    await loop.sock_sendall(channel, READY)
    await told.wait()
    await connections.drain()
    row.begin()
    pool.shutdown(wait=False)
