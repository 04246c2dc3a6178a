"""A token server as registries use them: checks a password, signs what the user may do. A fixture, not a product."""

import base64
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.tools.certificates import Certificate

ISSUER = "modelport-tests"
SERVICE = "registry"


class TokenServer:
    """Serves tokens on loopback. `users`: passwords by user; a user named reader may only pull."""

    def __init__(self, certificate: Certificate, users: dict[str, str], refresh_token: str) -> None:
        self.requests: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                kind, _, value = self.headers.get("authorization", "").partition(" ")
                user, _, password = base64.b64decode(value).decode().partition(":") if kind == "Basic" else ("", "", "")
                outer.requests.append({"method": "GET", "user": user, "scopes": query.get("scope", [])})
                if user not in users or users[user] != password:
                    self._reply(401, {"errors": [{"code": "UNAUTHORIZED", "message": "unknown user or password"}]})
                    return
                self._token(user, query.get("scope", []))

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                outer.requests.append({"method": "POST", "user": "", "scopes": form["scope"]})
                if form["refresh_token"] != [refresh_token] or form["grant_type"] != ["refresh_token"]:
                    self._reply(401, {"error": "invalid_grant"})
                    return
                self._token("robot", form["scope"][0].split(" "))

            def _token(self, user: str, scopes: list[str]) -> None:
                access: list[dict[str, Any]] = []
                for scope in scopes:
                    kind, name, actions = scope.split(":")
                    allowed = [action for action in actions.split(",") if user != "reader" or action == "pull"]
                    access.append({"type": kind, "name": name, "actions": allowed})
                self._reply(200, {"token": sign(certificate, user, access), "expires_in": 120})

            def _reply(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def sign(certificate: Certificate, user: str, access: list[dict[str, Any]]) -> str:
    """A JSON web token for `access`, with the certificate that vouches for it in its header."""
    now = int(time.time())
    header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(certificate.der).decode()]}
    claims = {
        "iss": ISSUER,
        "sub": user,
        "aud": SERVICE,
        "iat": now,
        "nbf": now - 10,
        "exp": now + 120,
        "jti": uuid.uuid4().hex,
        "access": access,
    }
    body = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
    return f"{body}.{_encode(certificate.key.sign(body.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
