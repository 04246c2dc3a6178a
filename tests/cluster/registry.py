"""The cluster's registry: Debian's docker-registry, twice over one folder.

The host reaches the one on its loopback, where every client takes plain HTTP for granted; the nodes reach the other
at node `one`. Both have the same port, and the same words name an image to whoever pushes and to a pod.
"""

import json
import secrets
from pathlib import Path

from tests.tools import debian
from tests.tools.processes import Server

_LISTENS = r"listening on [0-9.]+:(\d+)"


class Registry:
    """`host`: its address as in references, the same on the host and in pods."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._secret = secrets.token_hex(8)  # an upload that one began the other may end
        folder.mkdir()
        self.host = ""

    def outside(self) -> Server:
        """Start the host's; call it while this process is in the host's network."""
        server = self._start("outside", "127.0.0.1:0")
        server.wait_for(lambda: bool(server.find(_LISTENS)))
        self.host = f"127.0.0.1:{server.find(_LISTENS)}"
        return server

    def inside(self, address: str) -> Server:
        """Start the nodes' on `address`."""
        server = self._start("inside", f"{address}:{self.host.rpartition(':')[2]}")
        server.wait_for(lambda: bool(server.find(_LISTENS)))
        return server

    def _start(self, name: str, address: str) -> Server:
        settings = {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {"filesystem": {"rootdirectory": str(self._folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": address, "secret": self._secret},
        }
        place = self._folder / f"{name}.yml"
        place.write_text(json.dumps(settings))  # JSON is YAML
        program = debian.program("docker-registry", "docker-registry")
        command = ["setpriv", "--pdeathsig", "KILL", str(program.path), "serve", str(place)]
        return Server(command, self._folder / f"{name}.log", program.env)
