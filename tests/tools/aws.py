"""A simulated AWS: moto's server, on loopback, with accounts that begin empty."""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.tools import pypi
from tests.tools.processes import Server

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Simulated:
    """A running server. `url`: for AWS_ENDPOINT_URL."""

    url: str
    server: Server

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to take this for AWS."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def start(folder: Path) -> Simulated:
    """Start one whose log lies in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    program = pypi.environment(pypi.MOTO) / "moto_server"
    # The policies that AWS manages are there, as in every account.
    environment = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
    server = Server([str(program), "-H", "127.0.0.1", "-p", "0"], folder / "moto.log", environment)
    listens = r"Running on (http://127\.0\.0\.1:\d+)"
    server.wait_for(lambda: bool(server.find(listens)))
    return Simulated(server.find(listens), server)
