"""Clients that send one request after another while something happens to the server."""

import http.client
import json
import threading
from dataclasses import dataclass, field
from types import TracebackType

ROWS = json.dumps({"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.5] * 64}]})
MOST = 200_000
"""Requests after which a client stops by itself."""
BACK_OFF = 2.0
"""Seconds: many times what the kernel needs to clear away a server's processes and their memory."""


@dataclass
class Load:
    """Threads that ask the model at `port`: half of them on one kept connection each, half on a new one each time.

    failures: what was answered with another status than 200, or not at all. versions: of the models that answered.
    refused: connections that nobody took, so that no request was in hand; with `patient` the client tries again, as
    clients and gateways do, else it is a failure. A patient client that lost a request also waits `BACK_OFF` before it
    comes again: the socket of a server that is killed takes connections until the last of its processes is gone, and
    who comes back at once loses one request after another to it.
    """

    port: int
    model: str = "digits"
    body: str = ROWS
    clients: int = 4
    host: str = "127.0.0.1"
    patient: bool = False
    pause: float = 0.0
    """Seconds between the requests of a client: where what starts meanwhile needs the processor too."""
    key: str = ""
    """The API key, where one is asked for."""
    answered: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list[str])
    versions: set[str] = field(default_factory=set[str])

    def __enter__(self) -> "Load":
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(bool(i % 2),)) for i in range(self.clients)]
        for each in self._threads:
            each.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    def wait_for(self, more: int) -> None:
        """Return when `more` requests were answered since."""
        goal = self.answered + more
        while self.answered < goal and not self.failures and any(each.is_alive() for each in self._threads):
            self._stop.wait(0.01)

    def _ask(self, kept: bool) -> None:
        headers = {"Content-Type": "application/json"} | ({} if kept else {"Connection": "close"})
        headers |= {"X-Api-Key": self.key} if self.key else {}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        for _ in range(MOST):
            if self._stop.is_set():
                break
            try:
                if connection.sock is None:
                    connection.connect()
            except ConnectionRefusedError as error:
                if self.patient:
                    self.refused += 1
                    self._stop.wait(0.02)
                else:
                    self._note(f"no connection: {error!r}", "")
                continue
            except OSError as error:
                self._note(f"no connection: {error!r}", "")
                continue
            try:
                connection.request("POST", f"/v2/models/{self.model}/infer", self.body, headers)
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self._note(f"{'kept' if kept else 'new'} connection: {error!r}", "")
                connection.close()
                if self.patient:
                    self._stop.wait(BACK_OFF)
                continue
            if self.pause:
                self._stop.wait(self.pause)
            if answer.status == 200:
                self._note("", str(json.loads(content)["model_version"]))
            else:
                self._note(f"status {answer.status}: {content[:200]!r}", "")
        connection.close()

    def _note(self, failure: str, version: str) -> None:
        with self._lock:
            if failure:
                self.failures.append(failure)
                if len(self.failures) > 100:
                    self._stop.set()
            else:
                self.answered += 1
                self.versions.add(version)
