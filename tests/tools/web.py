"""A web server over TLS on loopback that fails in the ways in which servers do."""

import contextlib
import hashlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.tools.certificates import Certificate


@dataclass
class Page:
    """What one path has. Each fault is for one request, in order."""

    body: bytes = b""
    faults: list[str] = field(default_factory=list[str])
    """`cut 100`: close after so many bytes; `hang 100`: say nothing after them; `status 503`; `become TEXT`: be another
    file from this request on; `cut-become 100 TEXT`: close, and be another file from then on."""
    location: str = ""
    """Where it redirects to."""
    ranges: bool = True
    login: str = ""
    """The Authorization header that it wants."""
    tagged: bool = True

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:12]}"'


class Web:
    """`asked` has method, path and headers of each request, with names in lower case."""

    def __init__(self, certificate: Certificate | None) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate_file, certificate.key_file)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def put(self, path: str, page: Page) -> str:
        """Have a page; its whole address, with its digest."""
        self.pages[path] = page
        return f"{self.address}{path}#sha256={hashlib.sha256(page.body).hexdigest()}"

    def stop(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(web: Web) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            web.asked.append(("GET", self.path, {name.lower(): value for name, value in self.headers.items()}))
            page = web.pages.get(path)
            fault, _, rest = page.faults.pop(0).partition(" ") if page and page.faults else ("", "", "")
            if page is None or fault == "status":
                self._short(int(rest or 404))
                return
            if fault == "become":
                page.body = rest.encode()
            if page.location:
                self._short(302, page.location)
            elif page.login and self.headers.get("authorization") != page.login:
                self._short(401)
            else:
                with contextlib.suppress(OSError):
                    self._send(page, fault, rest)

        def _send(self, page: Page, fault: str, rest: str) -> None:
            body, start = page.body, 0
            asked = self.headers.get("range", "")
            same = self.headers.get("if-range") in (None, page.tag)
            if asked and page.ranges and same:
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start > len(body) or (start and start == len(body)):
                self._short(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("content-range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            if page.tagged:
                self.send_header("etag", page.tag)
            self.send_header("content-length", str(len(body) - start))
            self.end_headers()
            if not fault or fault == "become":
                self.wfile.write(body[start:])
                return
            count, _, other = rest.partition(" ")
            self.wfile.write(body[start : start + int(count)])
            self.wfile.flush()
            if fault == "hang":
                web.ended.wait(30)
            if fault == "cut-become":
                page.body = other.encode()
            self.close_connection = True

        def _short(self, status: int, location: str = "") -> None:
            self.send_response(status)
            if location:
                self.send_header("location", location)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
