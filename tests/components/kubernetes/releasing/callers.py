"""Callers of a model who know what would have been right, and say so: bounded in number, in pace and in time."""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from typing import Any, Self

LONGEST = 300.0
"""Seconds after which callers give up whatever happens."""


class Callers:
    """`clients` threads that ask and give feedback through `address`, as HOST. A context: they end with it."""

    def __init__(
        self,
        address: str,
        port: int,
        host: str,
        *,
        clients: int = 3,
        pace: float = 0.02,
        longest: float = LONGEST,
        fresh: bool = False,
        **headers: str,
    ) -> None:
        """fresh: a connection for each question, where it is connections that are shared out."""
        self.answers: Counter[tuple[str, int]] = Counter()
        """How many answers there were, by revision and status."""
        self.right: Counter[tuple[str, bool]] = Counter()
        """How many labels, by revision and whether the answer was right."""
        self.broken: list[str] = []
        self._place = (address, port)
        self._headers = {"Host": host, "Content-Type": "application/json", **headers}
        self._pace = pace
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._fresh = fresh
        self._end = time.monotonic() + longest
        self._threads = [threading.Thread(target=self._call, args=(n,), daemon=True) for n in range(clients)]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join(timeout=60)

    @property
    def revisions(self) -> set[str]:
        """Versions that have answered."""
        with self._lock:
            return {revision for revision, _ in self.answers if revision}

    def failed(self) -> dict[tuple[str, int], int]:
        """What was not answered with 200, by revision and status: every request is one that a good model takes."""
        with self._lock:
            return {key: count for key, count in self.answers.items() if key[1] != 200}

    def _call(self, offset: int) -> None:
        connection = http.client.HTTPConnection(*self._place, timeout=60)
        for turn in itertools.count(offset):
            if self._stop.is_set() or time.monotonic() > self._end:
                break
            digit = turn % 8
            try:
                self._ask(connection, digit)
                if self._fresh:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if not self._stop.is_set():
                    with self._lock:
                        self.broken.append(f"{type(error).__name__}: {error}")
            self._stop.wait(self._pace)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, digit: int) -> None:
        pixels = [1.0 if row == digit else 0.0 for row in range(8) for _ in range(8)]
        entry = {"name": "image", "shape": [1, 64], "datatype": "FP32", "data": pixels}
        status, revision, content = self._post(connection, "infer", {"inputs": [entry]})
        with self._lock:
            self.answers[revision, status] += 1
        if status != 200:
            return
        outputs = {each["name"]: each["data"] for each in content["outputs"]}
        said = str(int(outputs["label"][0]))
        with self._lock:
            self.right[revision, said == str(digit)] += 1
        if revision:
            self._post(connection, "feedback", {"revision": revision, "prediction": said, "label": str(digit)})

    def _post(self, connection: http.client.HTTPConnection, route: str, body: Any) -> tuple[int, str, Any]:
        connection.request("POST", f"/v2/models/digits/{route}", json.dumps(body), self._headers)
        answer = connection.getresponse()
        raw = answer.read()
        content = json.loads(raw) if answer.status == 200 else None
        return answer.status, answer.getheader("modelport-revision") or "", content
