"""The official installer of the Pulumi CLI: said always, run only when somebody says so, and only over https."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO
from urllib.parse import urljoin, urlsplit

from automation.exits import Exit, Failure

if TYPE_CHECKING:
    import httpx

OFFICIAL: Final = "https://get.pulumi.com"
SETTING: Final = "MODELPORT_PULUMI_INSTALLER"
"""Where the installer comes from instead: a mirror of one's own."""
_LARGEST: Final = 1 << 20
_REDIRECTS: Final = 5
_SECONDS: Final = 30.0
_HANDED_ON: Final = {
    *("HOME", "USER", "LOGNAME", "SHELL", "PATH", "TMPDIR", "TERM", "LANG", "LC_ALL"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
}
"""What the installer gets of the environment: it has no use for credentials and passphrases."""


def address() -> str:
    """Where it comes from. Raises Failure for anything but https."""
    given = os.environ.get(SETTING) or OFFICIAL
    _only_https(given, SETTING)
    return given


def _only_https(url: str, what: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or not url.isprintable():
        raise Failure(
            Exit.BAD_INPUT,
            f"{what} is no plain https address ({parts.scheme or 'no'} scheme), expected one such as {OFFICIAL}, as "
            "what comes from there is run; correct it",
        )


def command() -> str:
    """The official way, for a shell."""
    return f"curl -fsSL {shlex.quote(address())} | sh"


def present() -> Path | None:
    """The CLI, on PATH or where the installer puts it."""
    if found := shutil.which("pulumi"):
        return Path(found)
    place = Path.home() / ".pulumi" / "bin" / "pulumi"
    return place if place.is_file() and os.access(place, os.X_OK) else None


def install(out: TextIO) -> Path:
    """Fetch the installer, say what it is, run it; returns the CLI. Raises Failure where that comes to nothing.

    out: where the installer's words and ours go.
    """
    url = address()
    script = _fetch(url)
    with tempfile.TemporaryDirectory(prefix="modelport-installer-") as folder:
        file = Path(folder) / "install.sh"
        file.write_bytes(script)
        digest = hashlib.sha256(script).hexdigest()
        print(f"installer: {url}, {len(script):,} bytes, sha256:{digest}", file=out)
        print(f"running: sh {file}", file=out, flush=True)
        kept = {name: value for name, value in os.environ.items() if name in _HANDED_ON}
        done = subprocess.run(
            ["sh", str(file)], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=kept, cwd=folder
        )
    if done.returncode:
        raise Failure(
            Exit.FAILED,
            f"the installer of the Pulumi CLI ended with {done.returncode}, expected 0; what it said stands above",
        )
    found = present()
    if found is None:
        raise Failure(
            Exit.FAILED,
            f"the installer ended, and there is no pulumi on PATH or in {Path.home() / '.pulumi' / 'bin'}, expected "
            "one; what it said stands above",
        )
    return found


def _fetch(url: str) -> bytes:
    import httpx

    try:
        with httpx.Client(timeout=_SECONDS) as client:
            for _ in range(_REDIRECTS):
                with client.stream("GET", url) as answer:
                    if answer.is_redirect:
                        url = urljoin(url, answer.headers.get("location", ""))
                        _only_https(url, "an address that the installer's redirects to")
                        continue
                    return _script(answer)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise Failure(
            Exit.FAILED, f"{urlsplit(url).hostname} does not give the installer ({why}), expected a script; try again"
        ) from None
    raise Failure(Exit.FAILED, f"{address()} redirects without end, expected a script; try again later")


def _script(answer: "httpx.Response") -> bytes:
    host = answer.url.host
    if answer.status_code != 200:
        raise Failure(Exit.FAILED, f"{host} answers {answer.status_code}, expected the installer; try again later")
    found = b""
    for piece in answer.iter_bytes():
        found += piece
        if len(found) > _LARGEST:
            raise Failure(Exit.FAILED, f"{host} gives more than {_LARGEST:,} bytes, expected an installer; check it")
    length = answer.headers.get("content-length")
    if not found.startswith(b"#!") or b"\0" in found:
        raise Failure(
            Exit.FAILED, f"what {host} gives is no script, expected one that begins with #!; check the address"
        )
    if length and not answer.headers.get("content-encoding") and int(length) != len(found):
        raise Failure(Exit.FAILED, f"{host} gives {len(found):,} of {length} bytes, expected all; try again")
    return found


def onto_path(found: Path) -> str | None:
    """Have this process find the CLI; the line that makes a shell find it, where it would not."""
    if shutil.which("pulumi"):
        return None
    os.environ["PATH"] = f"{found.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return f'export PATH={shlex.quote(str(found.parent))}:"$PATH"'


def may_ask() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()
