"""The master: holds the listening socket, sees to its workers, drains, and hands its socket over.

It runs no model and answers no request, so there is little that could stop it. Workers are forks of it, made after the
heavy imports and before any thread, so that a start pays for them once.
"""

import contextlib
import gc
import os
import selectors
import signal
import socket
import time
from dataclasses import dataclass
from types import FrameType
from typing import Any

from serving.core.manifest import Manifest
from serving.errors import StartError
from serving.metrics import Counts
from serving.process import sockets, worker
from serving.process.control import Control
from serving.process.logs import say
from serving.settings import Settings

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
# A worker that lived this long starts with the shortest pause again.
_STEADY = 10.0
# Deaths before the server was ever ready: then it is the model or the machine, and no try will do.
_TRIES = 3


@dataclass(slots=True)
class _Slot:
    """The place of one worker: who is there, or when the next one starts."""

    index: int
    pid: int = 0
    channel: socket.socket | None = None
    begun: float = 0.0
    ready: bool = False
    failure: str = ""
    deaths: int = 0
    restart_at: float | None = None


class Master:
    """One server. `run` returns its exit code: 0 after a whole drain, 1 when requests were cut or it cannot go on."""

    def __init__(self, manifest: Manifest, settings: Settings, listener: socket.socket) -> None:
        self._manifest = manifest
        self._settings = settings
        self._listener = listener
        self._address = sockets.address(listener)
        self._counts = Counts(settings.workers)
        self._slots = [_Slot(index) for index in range(settings.workers)]
        self._selector = selectors.DefaultSelector()
        self._control: Control | None = None
        self._was_ready = False
        self._successor = False
        self._deadline: float | None = None
        self._terminations = 0
        self._cut = False

    def serve_control(self, listener: socket.socket) -> None:
        """Answer status, listener and drain on a control socket."""
        self._control = Control(
            listener,
            self._selector,
            {"status": self._status, "listener": self._hand_over, "drain": self._told_to_drain},
        )

    def run(self) -> int:
        """Start the workers and see to them until all have drained. Raises StartError when the model does not load."""
        received, sender = socket.socketpair()
        received.setblocking(False)
        sender.setblocking(False)
        signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        for each in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(each, _ignore)
        self._selector.register(received, selectors.EVENT_READ, lambda: self._signalled(received))
        self._wake = (received, sender)
        gc.freeze()
        try:
            for slot in self._slots:
                self._start(slot)
            while self._deadline is None or any(slot.pid for slot in self._slots):
                for key, _ in self._selector.select(self._pause()):
                    key.data()
                self._reap()
                self._on_time()
        finally:
            self._kill_all()
            signal.set_wakeup_fd(-1)
        return 1 if self._cut else 0

    # What arrives

    def _signalled(self, received: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in received.recv(4096):
                if number in (signal.SIGTERM, signal.SIGINT):
                    self._terminations += 1
                    self._drain(f"signal {signal.Signals(number).name}")
                    if self._terminations > 1:
                        say("told twice to stop, so what is in hand is cut")
                        self._cut_short()

    def _heard(self, slot: _Slot) -> None:
        channel = slot.channel
        if channel is None:
            return
        try:
            word = channel.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            word = b""
        if word.startswith(worker.READY):
            slot.ready = True
            if not self._was_ready and all(each.ready for each in self._slots):
                self._was_ready = True
                model = f"{self._manifest.name} version {self._manifest.version}"
                workers = "1 worker" if len(self._slots) == 1 else f"{len(self._slots)} workers"
                say(f"serving {model} on http://{self._address} with {workers} (pid {os.getpid()})")
        elif word.startswith(worker.FAILED):
            slot.failure = word[1:].decode("utf-8", "replace")
        elif not word:
            self._forget_channel(slot)

    # Control operations

    def _status(self) -> tuple[dict[str, Any], int | None]:
        return {
            "ready": self._was_ready and any(slot.ready for slot in self._slots),
            "pid": os.getpid(),
            "workers": [slot.pid for slot in self._slots if slot.pid],
            "model": self._manifest.name,
            "version": self._manifest.version,
            "draining": self._deadline is not None,
            "address": self._address,
        }, None

    def _hand_over(self) -> tuple[dict[str, Any], int | None]:
        if self._deadline is not None:
            return {"error": "this server drains already; its address is no longer its own"}, None
        self._successor = True
        return {"address": self._address}, self._listener.fileno()

    def _told_to_drain(self) -> tuple[dict[str, Any], int | None]:
        self._drain("control")
        return {"draining": True}, None

    # Workers

    def _start(self, slot: _Slot) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_worker(slot, ours, theirs)
        theirs.close()
        ours.setblocking(False)
        slot.pid, slot.channel, slot.begun = pid, ours, time.monotonic()
        slot.ready, slot.failure, slot.restart_at = False, "", None
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._heard(slot))

    def _become_worker(self, slot: _Slot, ours: socket.socket, theirs: socket.socket) -> None:
        """In the fork: let go of all that is the master's, above all of the other workers' channels."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        self._selector.close()
        foreign = [ours, *self._wake, *(each.channel for each in self._slots if each.channel is not None)]
        if self._control is not None:
            foreign += self._control.sockets()
        for each in foreign:
            each.close()
        worker.run(self._manifest, self._settings, self._listener, theirs, self._counts, slot.index)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            slot = next((each for each in self._slots if each.pid == pid), None)
            if slot is not None:
                self._ended(slot, os.waitstatus_to_exitcode(status))

    def _ended(self, slot: _Slot, code: int) -> None:
        # What it said before it died may not have been read yet.
        self._heard(slot)
        self._forget_channel(slot)
        pid, slot.pid, slot.ready = slot.pid, 0, False
        if self._deadline is not None:
            self._cut = self._cut or code != worker.EXIT_DRAINED
            return
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        slot.deaths = 1 if time.monotonic() - slot.begun > _STEADY else slot.deaths + 1
        if not self._was_ready:
            if slot.failure:
                raise StartError(slot.failure)
            if slot.deaths >= _TRIES:
                raise StartError(f"{self._manifest.onnx}: worker died {_TRIES} times while it loaded the model ({how})")
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (slot.deaths - 1))
        slot.restart_at = time.monotonic() + pause
        say(f"worker {pid} ended ({slot.failure or how}), another starts in {pause:g} s")

    def _forget_channel(self, slot: _Slot) -> None:
        if slot.channel is not None:
            self._selector.unregister(slot.channel)
            slot.channel.close()
            slot.channel = None

    # Time

    def _pause(self) -> float | None:
        moments = [slot.restart_at for slot in self._slots if slot.restart_at is not None]
        if self._deadline is not None:
            moments.append(self._deadline)
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _on_time(self) -> None:
        now = time.monotonic()
        if self._deadline is not None:
            if now >= self._deadline and not self._cut:
                say(f"not drained after {self._settings.drain_timeout:g} s, so what is in hand is cut")
                self._cut_short()
            return
        for slot in self._slots:
            if slot.restart_at is not None and now >= slot.restart_at:
                self._counts.master.restart()
                self._start(slot)

    # The end

    def _drain(self, why: str) -> None:
        if self._deadline is not None:
            return
        say(f"draining ({why})")
        self._deadline = time.monotonic() + self._settings.drain_timeout
        word = worker.DRAIN_FOR_SUCCESSOR if self._successor else worker.DRAIN
        self._listener.close()
        for slot in self._slots:
            slot.restart_at = None
            if slot.channel is not None:
                with contextlib.suppress(OSError):
                    slot.channel.sendall(word)

    def _cut_short(self) -> None:
        self._cut = True
        self._kill_all()

    def _kill_all(self) -> None:
        for slot in self._slots:
            if slot.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(slot.pid, signal.SIGKILL)


def _ignore(number: int, frame: FrameType | None) -> None:
    """Python must have a handler for the wake-up descriptor to hear of a signal; the loop does the work."""
