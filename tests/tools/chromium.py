"""A real browser, Debian's Chromium without a window, spoken to by its own DevTools protocol.

with chromium.browser() as browser:
    page = browser.open(path, width=375, dark=True)
    assert page.ask("document.documentElement.scrollWidth") <= 375
    page.picture(tmp_path / "phone.png")
"""

import base64
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import websocket

from tests.tools import debian

_STARTS = 60.0
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # it refuses to have one as root, and opens nothing but our own files
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


@dataclass
class Page:
    """A page that was opened and has loaded."""

    socket: websocket.WebSocket
    requests: list[str] = field(default_factory=list[str])
    """What it asked for, itself included."""
    complaints: list[str] = field(default_factory=list[str])
    """What the browser's console says: errors, and what a Content Security Policy stopped."""
    _number: int = 0

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self.socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            told = self._hear()
            if told.get("id") == self._number:
                assert "error" not in told, told
                found: dict[str, Any] = told["result"]
                return found

    def _hear(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.socket.recv())
        params: dict[str, Any] = told.get("params") or {}
        match told.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case _:
                pass
        return told

    def wait(self, method: str) -> None:
        while self._hear().get("method") != method:
            pass

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, file: Path) -> Path:
        """The whole page as PNG."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 12_000), "scale": 1}
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(shot["data"]))
        return file

    def accessible(self) -> list[dict[str, Any]]:
        """The nodes of the tree that a screen reader is given."""
        nodes: list[dict[str, Any]] = self.send("Accessibility.getFullAXTree")["nodes"]
        return [node for node in nodes if not node.get("ignored")]


@dataclass
class Browser:
    """One page of it is open at a time."""

    port: int
    page: Page | None = None

    def open(self, file: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> Page:
        """Load a file, in a tab of its own; the one before is closed."""
        self.close()
        request = f"http://127.0.0.1:{self.port}/json/new?about:blank"
        with urlopen(_put(request), timeout=_STARTS) as answer:
            address: str = json.load(answer)["webSocketDebuggerUrl"]
        page = self.page = Page(websocket.create_connection(address, timeout=_STARTS))
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            page.send(f"{domain}.enable")
        mobile = width < 600
        page.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.send("Emulation.setEmulatedMedia", features=[scheme])
        page.send("Page.navigate", url=file.resolve().as_uri())
        page.wait("Page.loadEventFired")
        return page

    def close(self) -> None:
        if self.page is not None:
            self.page.send("Page.close")
            self.page.socket.close()
            self.page = None


def _put(address: str) -> Any:
    from urllib.request import Request

    return Request(address, method="PUT")


@contextlib.contextmanager
def browser() -> Generator[Browser]:
    """Chromium, for as long as the block runs."""
    program = debian.program("chromium", "chromium")
    # Debian's /usr/bin/chromium is a script that looks for the rest where a package would have put it.
    binary = program.path.parent.parent / "lib" / "chromium" / "chromium"
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        # Where a package would have put it the loader finds this one by itself.
        sound = binary.parent.parent / "x86_64-linux-gnu" / "pulseaudio"
        libraries = f"{program.env['LD_LIBRARY_PATH']}:{sound}"
        environment = {
            **program.env,
            "LD_LIBRARY_PATH": libraries,
            "HOME": folder,
            "XDG_CONFIG_HOME": folder,
            "XDG_CACHE_HOME": folder,
        }
        fonts = Path(folder) / "fonts.conf"
        liberation = debian.folder("fonts-liberation")
        fonts.write_text(_FONTS.format(root=program.path.parent.parent.parent, fonts=liberation, cache=folder))
        environment["FONTCONFIG_FILE"] = str(fonts)
        with (Path(folder) / "log").open("w+") as log:
            process = subprocess.Popen(
                [str(binary if binary.is_file() else program.path), *_FLAGS, f"--user-data-dir={folder}/profile"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
            try:
                found = Browser(_port(Path(folder) / "profile" / "DevToolsActivePort", process, Path(log.name)))
                with contextlib.closing(found):
                    yield found
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>{root}/usr/share/fonts</dir><dir>{fonts}/usr/share/fonts</dir><dir>/usr/share/fonts</dir>
<cachedir>{cache}/fontconfig</cachedir>
<match><test name="family"><string>monospace</string></test>
<edit name="family" mode="assign" binding="same"><string>Liberation Mono</string></edit></match>
<match><edit name="family" mode="append_last" binding="same"><string>Liberation Sans</string></edit></match>
</fontconfig>
"""
"""What a page asks for and is not there is Liberation's, which Debian recommends beside Chromium. The last rule is for
`system-ui` too, for which Chromium without a desktop asks without any name, and would get the first font of all."""


def _port(file: Path, process: "subprocess.Popen[bytes]", log: Path) -> int:
    until = time.monotonic() + _STARTS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().splitlines()[0])
        time.sleep(0.05)
    raise RuntimeError(f"Chromium did not start: {log.read_text()[-2000:]}")
