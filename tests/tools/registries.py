"""Debian's docker-registry, started on loopback with the authentication that a test wants."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from tests.tools import debian
from tests.tools.certificates import Certificate
from tests.tools.processes import Server
from tests.tools.tokens import ISSUER, SERVICE

USER = "alice"
PASSWORD = "open sesame"
_BCRYPT = "$2b$04$modelportmodelportmoeeDAUkUKAOYIjq3.v7ndFXrlz/A6l4Z3q"


@dataclass(frozen=True)
class Registry:
    """A running registry. `host`: its address as in references."""

    host: str
    folder: Path
    server: Server

    def blobs(self) -> set[str]:
        """Digests of the blobs on its disk."""
        found = (self.folder / "data").glob("docker/registry/v2/blobs/sha256/*/*/data")
        return {f"sha256:{path.parent.name}" for path in found}

    def log(self) -> str:
        """What it wrote so far."""
        return self.server.log.read_text(errors="replace")


def start(
    folder: Path,
    *,
    htpasswd: bool | str = False,
    token: tuple[str, Certificate] | None = None,
    tls: Certificate | None = None,
    data: Path | None = None,
    address: str = "127.0.0.1:0",
) -> Registry:
    """Start a registry in `folder`.

    htpasswd: lines of such a file, or that it knows USER. token: (address of the token server, the certificate it
    signs with).
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(data or folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": address, "secret": "of this test"},
    }
    if tls:
        settings["http"] = {
            "addr": address,
            "secret": "of this test",
            "tls": {"certificate": str(tls.certificate_file), "key": str(tls.key_file)},
        }
    if htpasswd:
        (folder / "htpasswd").write_text(htpasswd if isinstance(htpasswd, str) else f"{USER}:{_BCRYPT}\n")
        settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    if token:
        address, certificate = token
        bundle = str(certificate.certificate_file)
        settings["auth"] = {"token": {"realm": address, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle}}
    (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
    program = debian.program("docker-registry", "docker-registry")
    server = Server([str(program.path), "serve", str(folder / "config.yml")], folder / "log", program.env)
    listens = r"listening on ([0-9.]+:\d+)"
    server.wait_for(lambda: bool(server.find(listens)))
    return Registry(str(server.find(listens)), folder, server)


def docker_config(folder: Path, host: str, user: str, password: str) -> Path:
    """A folder for DOCKER_CONFIG with what `docker login` writes."""
    folder.mkdir(parents=True, exist_ok=True)
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    return folder
