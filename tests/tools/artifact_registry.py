"""Artifact Registry as far as a push goes: a registry under its name, and a Google that hands out its tokens.

What stands for Google is one server on loopback: the token server of service accounts, which checks their signature;
the metadata server of a machine; and Artifact Registry's own token server, which trades Google's tokens for its own.
"""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.tools import certificates, registries, tokens
from tests.tools.certificates import Certificate
from tests.tools.tunnels import tunnel

HOST = "europe-west4-docker.pkg.dev"
PROJECT = "shop-prod"
ACCOUNT = f"deployer@{PROJECT}.iam.gserviceaccount.com"
MACHINE = f"runner@{PROJECT}.iam.gserviceaccount.com"
USER = "oauth2accesstoken"
TOKEN = "ya29.of-the-tests"
"""What each of Google's tokens begins with."""
PUBLIC = "elsewhere/public/"
"""Repositories that anybody may pull from; of those in PROJECT the accounts may do everything, of others nothing."""
LIFE = 3599
_FIRST = "$2b$04$modelportmodelportmoeedA.0H7iFcClpC3hYnxKzBuDKRNk5tca"  # bcrypt of the first token
_AUDIENCE = "https://oauth2.googleapis.com/token"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Google:
    """The server. `life`: seconds for which its next tokens are good; `refuses`: an error to answer instead."""

    def __init__(self, certificate: Certificate) -> None:
        self.life = LIFE
        self.refuses: dict[str, str] | None = None
        self.asked: list[str] = []
        self.issued: list[str] = []
        self._expired: set[str] = set()
        self._signer = certificate
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place = urlsplit(self.path)
                outer.asked.append(f"GET {place.path}")
                if place.path == "/v2/token":
                    self._reply(*outer._trade(self.headers.get("authorization", ""), parse_qs(place.query)))
                elif self.headers.get("metadata-flavor") != "Google":
                    self._reply(403, {})
                else:
                    self._reply(*outer._metadata(place.path))

            def do_POST(self) -> None:
                outer.asked.append(f"POST {urlsplit(self.path).path}")
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                self._reply(*outer._grant(form))

            def _reply(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode() if not isinstance(body, str) else body.encode()
                self.send_response(status)
                self.send_header("content-type", "application/text" if isinstance(body, str) else "application/json")
                self.send_header("metadata-flavor", "Google")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Of the token server of the registry."""
        return f"http://{self.host}/v2/token"

    def key_file(self, folder: Path, **changes: str) -> Path:
        """A key of ACCOUNT, for GOOGLE_APPLICATION_CREDENTIALS."""
        pem = self._signer.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "of-the-tests",
            "private_key": pem.decode(),
            "client_email": ACCOUNT,
            "client_id": "1",
            "token_uri": f"http://{self.host}/token",
        }
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / "key.json"
        place.write_text(json.dumps({**key, **changes}))
        return place

    def expire(self) -> None:
        """Let no token be good any more that was handed out so far."""
        self._expired.update(self.issued)

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _token(self) -> dict[str, Any]:
        self.issued.append(f"{TOKEN}-{len(self.issued) + 1}")
        return {"access_token": self.issued[-1], "expires_in": self.life, "token_type": "Bearer"}

    def _grant(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        if self.refuses:
            return 400, self.refuses
        head, claims, signature = form["assertion"][0].split(".")
        self._signer.key.public_key().verify(
            _decode(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        said = json.loads(_decode(claims))
        if (said["iss"], said["scope"], said["aud"]) != (ACCOUNT, _SCOPE, _AUDIENCE):
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT."}
        return 200, self._token()

    def _metadata(self, path: str) -> tuple[int, Any]:
        account = "/computeMetadata/v1/instance/service-accounts/default/"
        if path == f"{account}token":
            return (404, "no account") if self.refuses else (200, self._token())
        if path == account:
            return 200, {"email": MACHINE, "scopes": [_SCOPE], "aliases": ["default"]}
        return 200, PROJECT

    def _trade(self, authorization: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Artifact Registry's own token server: it answers 403 to nobody, and 401 to a token that is over."""
        kind, _, value = authorization.partition(" ")
        user, _, password = base64.b64decode(value).decode().partition(":") if kind == "Basic" else ("", "", "")
        if user and (user != USER or password not in self.issued or password in self._expired):
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication failed"}]}
        access: list[dict[str, Any]] = []
        for scope in query.get("scope", []):
            resource, name, actions = scope.split(":")
            if not name.startswith(PUBLIC if not user else f"{PROJECT}/"):
                said = 'Permission "artifactregistry.repositories.downloadArtifacts" denied (or it may not exist)'
                return 403, {"errors": [{"code": "DENIED", "message": said}]}
            allowed = actions.split(",") if user else ["pull"]
            access.append({"type": resource, "name": name, "actions": allowed})
        return 200, {"token": tokens.sign(self._signer, user or "nobody", access), "expires_in": LIFE}


@dataclass(frozen=True)
class ArtifactRegistry:
    """`environment`: what leads a program here; Google's credentials are not among it."""

    registry: registries.Registry
    google: Google
    environment: dict[str, str]


@contextmanager
def start(folder: Path, *, basic: bool = False) -> Iterator[ArtifactRegistry]:
    """Start one whose files lie in `folder`. basic: that the registry takes the first of Google's tokens itself."""
    folder.mkdir(parents=True, exist_ok=True)
    signed = certificates.make(folder, "google", HOST)
    google = Google(signed)
    try:
        if basic:
            registry = registries.start(folder / "registry", htpasswd=f"{USER}:{_FIRST}\n", tls=signed)
        else:
            registry = registries.start(folder / "registry", token=(google.address, signed), tls=signed)
        try:
            with tunnel({HOST: registry.host}) as proxy:
                leads = {
                    "HTTPS_PROXY": proxy,
                    "NO_PROXY": "127.0.0.1,localhost",
                    "SSL_CERT_FILE": str(signed.certificate_file),
                    # Where a machine of Google's would be asked for its account.
                    "GCE_METADATA_HOST": google.host,
                    "GCE_METADATA_IP": google.host,
                    "CLOUDSDK_CONFIG": str(folder / "gcloud"),
                }
                yield ArtifactRegistry(registry, google, leads)
        finally:
            registry.server.stop()
    finally:
        google.stop()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
