"""From one version of an endpoint to the next without a request that fails, or back when the next is never ready.

The new version takes the listening socket from the old one, loads its model, and answers beside it; only then does the
old one stop to accept and finish what it has. A version that does not become ready is killed; the old one goes on.
"""

import http.client
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.local import control, folder, ports, runtimes
from components.local.errors import LocalError, NotReady
from components.local.folder import Folder, Record, Version
from components.local.start import Start, say

READY = 120.0
"""Seconds that a version may take to become ready: a large model on a busy machine."""
DRAIN = 45.0
"""Seconds that a version may take to finish what it has; the server itself gives up a little earlier."""
_TICK = 0.02
_LOG_LINES = 15


def adopt(key: str) -> Folder | None:
    """What a create of `key` that was killed left running, if anything. What it left dead is taken away."""
    found: Folder | None = None
    for place, record in folder.endpoints():
        if record.key != key:
            continue
        settle(place, record)
        if record.current and not record.known:
            found = place
        elif not record.current:
            _retire(place, record)
            if not record.all():
                place.remove()
    return found


def release(place: Folder, key: str, layout: Path, wanted: Version) -> Version:
    """Make `wanted` (its number does not matter) the version that answers; returns it as started.

    Raises LocalError, with the version before still answering when there was one, else with nothing left.
    """
    record = place.read() or Record(key=key)
    settle(place, record)
    before = record.current
    if before and wanted == replace(before, number=wanted.number):
        _retire(place, record)
        return before  # an update that was killed got this far
    if before is None or before.port != wanted.port:
        ports.require_free(wanted.port)
    record.last += 1
    version = record.coming = replace(wanted, number=record.last)
    place.make()
    place.write(record)
    start = Start(place, version, layout, before if before and before.port == wanted.port else None)
    try:
        runtimes.of(version).start(start)
        _wait_until_ready(place, version)
    except BaseException:
        record.coming = None
        _end(place, record, version)
        _retire(place, record)
        if not record.all():
            place.remove()
        raise
    record.current, record.coming = version, None
    if before:
        record.leaving.append(before)
    place.write(record)
    _retire(place, record)
    return version


def settle(place: Folder, record: Record) -> None:
    """Bring the record in line with what runs, after a crash of the server or of an operation on it."""
    coming, current = record.coming, record.current
    if coming:
        status = control.ask(place.socket(coming), "status") or {}
        if status.get("ready") and (current is None or not _answers(place, current)):
            record.current, record.coming = coming, None
            record.leaving += [current] if current else []
        else:
            record.coming = None
            _end(place, record, coming)
    if record.current and not control.lives(place.socket(record.current)):
        # Its master is gone; what may have outlived it still holds the port. Its image may be the next one's too.
        dead, record.current = record.current, None
        if runtimes.of(dead).answers():
            runtimes.of(dead).kill(place, dead)
        record.leaving.append(dead)
    if place.exists:
        place.write(record)


def lives(place: Folder) -> bool:
    """Whether the endpoint has a version that lives. Cheap: one small file and one connect."""
    record = place.read()
    return bool(record and record.current and control.lives(place.socket(record.current)))


def acknowledge(place: Folder) -> None:
    """Note that a stack's state knows this endpoint."""
    record = place.read()
    if record and not record.known:
        record.known = True
        place.write(record)


def remove(place: Folder) -> None:
    """Drain and end all versions and take the folder away. Raises LocalError, before anything ends, if it cannot."""
    record = place.read()
    if record:
        away = sorted({each.runtime for each in record.all() if not runtimes.of(each).answers()})
        if away:
            raise LocalError(
                f"{' and '.join(away)} does not answer, expected it to, as the endpoint {place.id} "
                "is a container of it; start it and run it again"
            )
        record.leaving += [each for each in (record.current, record.coming) if each]
        record.current = record.coming = None
        place.write(record)
        _retire(place, record)
    place.remove()


def dead() -> list[Folder]:
    """Endpoints of this user of which nothing runs, starting ones excepted: `remove` takes away what they left.

    One that a stack still knows is none the worse for that: its next `up` makes it anew.
    """
    return [
        place
        for place, record in folder.endpoints()
        if not any(
            control.lives(place.socket(each)) or not runtimes.of(each).answers() or runtimes.of(each).runs(place, each)
            for each in record.all()
        )
    ]


def metadata(version: Version) -> dict[str, Any]:
    """What the server says about its model: name, versions, inputs and outputs with datatypes and shapes."""
    status, body = _get(version.port, f"/v2/models/{version.model}")
    if status != 200:
        raise LocalError(f"{version.model}: the server does not describe it (status {status}), expected status 200")
    value: dict[str, Any] = json.loads(body)
    return value


def _answers(place: Folder, version: Version) -> bool:
    status = control.ask(place.socket(version), "status")
    return bool(status and status.get("ready") and not status.get("draining"))


def _wait_until_ready(place: Folder, version: Version) -> None:
    """Return when the version itself says that it is ready and its address answers so. Raises NotReady."""
    runtime = runtimes.of(version)
    deadline = time.monotonic() + READY
    looked = time.monotonic()
    while True:
        status = control.ask(place.socket(version), "status")
        if status and status.get("ready") and _get(version.port, "/v2/health/ready")[0] == 200:
            if status.get("model") == version.model:
                return
            raise NotReady(
                f"the image holds the model {status.get('model')}, expected {version.model}; "
                "give the endpoint the name of the model in the image"
            )
        now = time.monotonic()
        # Whether it still runs costs more to find out than whether it is ready.
        if now - looked > 0.25:
            looked = now
            if not runtime.runs(place, version) and not control.lives(place.socket(version)):
                problem = "ended before it was ready"
                break
        if now > deadline:
            problem = f"was not ready after {READY:g} s"
            break
        time.sleep(_TICK)
    log = [line for line in runtime.log(place, version, _LOG_LINES).splitlines() if line.strip()]
    for line in log:
        say(version.model, f"| {line}")
    last = f" (it said last: {log[-1].removeprefix('modelport: ').strip()})" if log else ""
    raise NotReady(
        f"the server of model {version.model} {problem}{last}, expected it to answer on port {version.port}; "
        f"{'its last lines are above' if log else 'it said nothing'}"
    )


def _retire(place: Folder, record: Record) -> None:
    """Drain what is leaving, all at once, and take it away."""
    for version in record.leaving:
        control.ask(place.socket(version), "drain")
    deadline = time.monotonic() + DRAIN
    for version in list(record.leaving):
        while control.lives(place.socket(version)) and time.monotonic() < deadline:
            time.sleep(_TICK)
        record.leaving.remove(version)
        _end(place, record, version)
        place.write(record)
    place.write(record)
    place.tidy(record)


def _end(place: Folder, record: Record, version: Version) -> None:
    """Kill what is left of a version, and forget its image unless another version runs from it.

    What is left in a runtime that does not answer stays on the record as leaving, for the next time.
    """
    runtime = runtimes.of(version)
    if not runtime.answers():
        record.leaving.append(version)
        return
    runtime.kill(place, version)
    others = [each for each in record.all() if each != version]
    used = {(each.image, each.runtime) for each in others}
    runtime.forget(version, image=(version.image, version.runtime) not in used)


def _get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a GET; status 0 where nothing answers."""
    connection = http.client.HTTPConnection(ports.HOST, port, timeout=5)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
