"""The running HAProxy: a new configuration by a reload that drops nothing, other endpoints and weights without one.

Its master's socket lies in a folder that the pod and this process share. After a reload the process from before goes
on with the connections that it has, each until its next answer, and cannot be told of endpoints any more; so it is
only what is seldom, a route or a certificate, that takes a reload.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.gateway import haproxy
from tests.cluster.gateway.table import Backend, Table

_SECONDS = 60.0


class Proxy:
    """HAProxy behind `folder`; `program` is the same HAProxy here, to try a configuration with."""

    def __init__(
        self, folder: Path, program: Path, env: Mapping[str, str], inside: haproxy.Inside = haproxy.INSIDE
    ) -> None:
        self.folder, self._program, self._env, self._inside = folder, program, env, inside
        self._slots: dict[str, dict[str, str]] = {}
        self._weights: dict[str, int] = {}
        self._shape: object = None
        self.revision = 0
        """How many times it was made to take another configuration."""
        (folder / "certificates").mkdir(parents=True, exist_ok=True)

    def begin(self) -> None:
        """Write a configuration that serves nothing, for the pod to start with."""
        self._write(Table())

    def apply(self, table: Table) -> None:
        """Have HAProxy do what `table` says; it does when this comes back."""
        moved = self._place(table.backends())
        weights = haproxy.weights(table)
        idle = {name: dict.fromkeys(slots, "") for name, slots in self._slots.items()}
        shape = (
            haproxy.render(table, idle, self.folder, 0, self._inside),
            haproxy.certificate_files(table.certificates),
        )
        if shape == self._shape:
            self._write(table)
            if self._tell(moved, weights):
                self._weights = weights
                return
        self._shape = None  # until it is known to run
        self.revision += 1
        self._write(table)
        self._reload()
        self._shape, self._weights = shape, weights

    def _place(self, backends: list[Backend]) -> list[tuple[str, str, str]]:
        """Give each endpoint a server, where it stays while it is there; (backend, server, endpoint) that changed."""
        moved: list[tuple[str, str, str]] = []
        self._slots = {each.name: self._slots.get(each.name, {}) for each in backends}
        for backend in backends:
            slots = self._slots[backend.name]
            wanted = haproxy.LEAST_SLOTS if backend.port else 0
            while wanted < len(backend.endpoints):
                wanted *= 2
            for number in range(len(slots), wanted):
                slots[f"s{number}"] = ""
            new = [each for each in backend.endpoints if each not in slots.values()]
            for server, endpoint in slots.items():
                if endpoint not in backend.endpoints:
                    slots[server] = new.pop() if new else ""
                    if slots[server] != endpoint:
                        moved.append((backend.name, server, slots[server]))
        return moved

    def _tell(self, moved: list[tuple[str, str, str]], weights: dict[str, int]) -> bool:
        """Tell the process that takes new connections; whether it has understood."""
        told: list[str] = []
        for backend, server, endpoint in moved:
            place = f"{backend}/{server}"
            if endpoint:
                address, _, port = endpoint.rpartition(":")
                told.append(f"set server {place} addr {address} port {port}")
            told.append(f"set server {place} state {'ready' if endpoint else 'maint'}")
        changed = {name: lot for name, lot in weights.items() if self._weights.get(name) != lot}
        told += [f"set map {self.folder / haproxy.WEIGHTS} {name} {lot}" for name, lot in changed.items()]
        answers = [self._ask(f"@1 {line}").strip() for line in told]
        # It says nothing, or that it has done so.
        return not any(answer for answer in answers if not answer.endswith("by 'stats socket command'"))

    def _write(self, table: Table) -> None:
        text = haproxy.render(table, self._slots, self.folder, self.revision, self._inside)
        files = haproxy.certificate_files(table.certificates)
        lots = "".join(f"{name} {lot}\n" for name, lot in haproxy.weights(table).items())
        trial = self.folder / "trial"
        shutil.rmtree(trial, ignore_errors=True)
        (trial / "certificates").mkdir(parents=True, mode=0o700)
        for name, content in files.items():
            (trial / "certificates" / name).write_text(content.replace("@FOLDER@", str(trial / "certificates")))
        (trial / haproxy.WEIGHTS).write_text(lots)
        (trial / "haproxy.cfg").write_text(text.replace(str(self.folder), str(trial)))
        ran = subprocess.run(
            [str(self._program), "-c", "-q", "-f", str(trial / "haproxy.cfg")],
            env=dict(self._env),
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode:
            raise RuntimeError(f"HAProxy does not take this configuration:\n{ran.stderr}{ran.stdout}\n{text}")
        for name, content in files.items():
            self._put(f"certificates/{name}", content.replace("@FOLDER@", str(self.folder / "certificates")))
        self._put(haproxy.WEIGHTS, lots)
        self._put("haproxy.cfg", text)

    def _put(self, name: str, content: str) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.touch(mode=0o600)
        fresh.write_text(content)
        fresh.replace(self.folder / name)

    def _reload(self) -> None:
        self._ask("reload")
        until = time.monotonic() + _SECONDS
        while f"description: revision-{self.revision}\n" not in self._ask("@1 show info"):
            if time.monotonic() > until:
                raise RuntimeError(f"HAProxy does not take revision {self.revision}: {self._ask('show proc')}")
            time.sleep(0.02)

    def _ask(self, line: str) -> str:
        """One command to the master; empty while it starts anew or is not there yet."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.folder / "master.sock"))
                connection.sendall(line.encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)  # that there is no more to come ends the answer
                parts: list[bytes] = []
                while part := connection.recv(65536):
                    parts.append(part)
            except OSError:
                return ""
            return b"".join(parts).decode(errors="replace")
