"""What `doctor` looks at for a target: its tools, its cluster, the clock, and what its file leaves to be said."""

import os
import re
import shutil
import subprocess
import time
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from automation import installer
from automation.checks import OLDEST, Note, Wrong
from automation.exits import Failure

SKEW: Final = 240
"""Seconds that a clock may be wrong; AWS refuses what was signed five minutes ago, and Google what is yet to be."""
_PATIENCE: Final = 5.0
_MARK: Final = re.compile(r"^\s*([\w:.-]+):.*#\s*fill in: ")


def pulumi_command() -> str:
    """The official CLI, which the embedded engine does without."""
    found = installer.present()
    try:
        get = f"{installer.command()}; modelport doctor --install runs that"
    except Failure as failure:
        raise Wrong(failure.messages[0], f"correct or unset {installer.SETTING}") from None
    if found is None:
        raise Note("not here: the embedded engine does without, but installs no providers of clouds", get)
    if shutil.which("pulumi") is None:
        raise Note(f"at {found}, which is not on PATH", f'export PATH={found.parent}:"$PATH"')
    if shutil.which("pulumi-language-python") is None:
        raise Note(f"at {found}, without its language host for Python", get)
    return str(found)


def program_python(root: Path) -> str:
    """The interpreter that runs the project's program, which need not be this one."""
    from engine.errors import EngineError
    from engine.projects import load_project

    try:
        project = load_project(root)
    except EngineError as error:
        raise Wrong(str(error), "correct Pulumi.yaml") from None
    python, named = project.python(), project.options.get("virtualenv")
    code = "import sys, pulumi; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        said = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, cwd=root)
    except (OSError, subprocess.SubprocessError) as error:
        raise Wrong(f"{python} does not run: {error}", "make the virtual environment anew") from None
    if said.returncode:
        why = (said.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise Wrong(f"{python} cannot run a program: {why}", "install the project's requirements into it")
    version = said.stdout.strip()
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise Wrong(
            f"{python} is {version}, expected 3.11 or newer", "make the virtual environment with a newer Python"
        )
    if isinstance(named, str) and named and not (root / named / "bin" / "python").exists():
        raise Note(
            f"{version} at {python}, as there is no {named}", f"make the environment {named} that Pulumi.yaml names"
        )
    return f"{version} at {python}"


def container_tool(tool: str) -> str:
    """Docker or Podman, where the stack file insists on one."""
    from components.local.containers import answers

    if not answers(tool):
        raise Wrong(
            f"{tool} does not answer, and endpoint.runtime asks for it",
            f"start {tool}, or set modelport:endpoint.runtime to auto",
        )
    return f"{tool} answers"


def docker_daemon() -> str:
    """The daemon that builds and pushes images, where the stack file has Docker do that."""
    from model_build.docking import DockerError, daemon

    try:
        return f"answers at {daemon()}"
    except DockerError as error:
        found, _, fix = str(error).rpartition("; ")
        raise Wrong(found, fix) from None


def cluster(context: str | None) -> str:
    """The cluster that the kubeconfig leads to, asked for its version."""
    from components.kubernetes.access import Cluster
    from components.kubernetes.errors import ClusterError

    try:
        with Cluster(context) as found:
            version = found.get("/version").get("gitVersion", "of no version")
            return f"{version} at {found.address}" + (f", context {context}" if context else "")
    except ImportError:
        raise Wrong("what asks a cluster is not installed", "pip install 'modelport[kubernetes]'") from None
    except ClusterError as error:
        what, _, fix = error.message.rpartition("; ")
        raise Wrong(what or error.message, fix if what else "check the kubeconfig") from None


def kubectl() -> str:
    found = shutil.which("kubectl")
    if found is None:
        raise Note(
            "not on PATH: nothing here needs it, but lines that `up` prints to call the model with do",
            "install kubectl, https://kubernetes.io/docs/tasks/tools",
        )
    return found


def aws_clock(region: str) -> str:
    """This machine's clock beside that of AWS."""
    given = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return clock(given or f"https://sts.{region}.{domain}")


def google_clock() -> str:
    """This machine's clock beside that of Google."""
    return clock("https://oauth2.googleapis.com")


def clock(url: str) -> str:
    """This machine's clock beside that of a server, who is told nothing but that he was asked."""
    host = urlsplit(url).hostname
    ahead = _ahead(url)
    if ahead is None:
        raise Note(
            f"not compared, as {host} says no time",
            "check the network; a clock that is minutes wrong has every request to a cloud refused",
        )
    if abs(ahead) > SKEW:
        raise Wrong(
            f"{abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} {host}, expected at most {SKEW}, as "
            "clouds refuse what is signed at another time",
            "set the clock, or start what keeps it (systemd-timesyncd, chrony)",
        )
    return f"as that of {host}" if abs(ahead) < 2 else f"{abs(ahead):.0f} seconds apart from {host}"


@cache
def _ahead(url: str) -> float | None:
    """Seconds that this clock is ahead of a server's; None where that is not told. Each is asked once."""
    import httpx

    try:
        before = time.time()
        answer = httpx.head(url, timeout=_PATIENCE, follow_redirects=False)
        here = (before + time.time()) / 2
        return here - parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (httpx.HTTPError, httpx.InvalidURL, OSError, KeyError, ValueError, TypeError):
        return None


def left_to_say(file: Path) -> str:
    """Values that `modelport new` wrote an example for, and whose comment still stands."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Wrong(f"{file.name} cannot be read: {error}", "correct the stack file") from None
    marked = [f"{found[1]} (line {number})" for number, line in enumerate(lines, 1) if (found := _MARK.match(line))]
    if marked:
        raise Wrong(
            f"{', '.join(marked)} {'is an example' if len(marked) == 1 else 'are examples'}",
            f"write what is yours into {file.name}, and take the comment `fill in` away",
        )
    return "nothing is left to be filled in"
