"""Object stores on loopback: MinIO, a real S3 server, and stand-ins for Google's and Azure's (Azurite, Microsoft's)."""

import base64
import os
import signal
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.tools import golang, npm
from tests.tools.processes import Server

USER = "alice"
PASSWORD = "open-sesame-of-the-tests"


@dataclass
class Minio:
    """An S3 server; `stop` and `start` keep its data and its port."""

    folder: Path
    port: int
    server: Server | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Come up, and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = golang.program(*golang.MINIO)
        env = {
            **os.environ,
            "MINIO_ROOT_USER": USER,
            "MINIO_ROOT_PASSWORD": PASSWORD,
            "MINIO_BROWSER": "off",
            "MINIO_UPDATE": "off",
            "HOME": str(self.folder),
        }
        command = [str(program), "server", "--address", self.address, str(self.folder / "data")]
        self.server = Server(command, self.folder / "log", env)
        self.server.wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/minio/health/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """Die as in a power cut."""
        assert self.server is not None
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()

    def bucket(self, name: str) -> str:
        """Make a bucket; the backend URL of it, in the spelling that both engines have always taken."""
        (self.folder / "data" / name).mkdir(parents=True)
        return self.url(name)

    def url(self, name: str) -> str:
        return f"s3://{name}?region=us-east-1&endpoint={self.address}&disableSSL=true&s3ForcePathStyle=true"


@dataclass
class FakeGcs:
    """What speaks Google Cloud Storage's protocol."""

    folder: Path
    port: int
    server: Server | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        (self.folder / "data").mkdir(parents=True)
        command = [str(golang.program(*golang.FAKE_GCS)), "-scheme", "http", "-host", "127.0.0.1"]
        command += ["-port", str(self.port), "-public-host", f"127.0.0.1:{self.port}"]
        command += ["-backend", "filesystem", "-filesystem-root", str(self.folder / "data")]
        self.server = Server(command, self.folder / "log", os.environ)
        self.server.wait_for(self._answers)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/storage/v1/b", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def bucket(self, name: str) -> None:
        (self.folder / "data" / name).mkdir()

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()


ACCOUNT = "tests"
KEY = base64.b64encode(b"the key of these tests, made up for them").decode()


@dataclass
class Azurite:
    """What speaks Azure Blob Storage's protocol, with one account."""

    folder: Path
    port: int
    server: Server | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Without the scheme, which is http."""
        return f"127.0.0.1:{self.port}"

    @property
    def connection(self) -> str:
        return f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint=http://{self.address}/{ACCOUNT}"

    def start(self) -> None:
        """Come up, and wait until it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        program = npm.installed(npm.AZURITE) / "azurite" / "dist" / "src" / "blob" / "main.js"
        command = [str(npm.node()), str(program), "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        command += ["--location", str(self.folder / "data"), "--skipApiVersionCheck", "--disableTelemetry"]
        self.server = Server(command, self.folder / "log", {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"})
        self.server.wait_for(lambda: self.server is not None and bool(self.server.find("(successfully listens)")))

    def stop(self) -> None:
        if self.server is not None:
            self.server.stop()
