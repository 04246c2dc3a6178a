"""The runtime of a version: the one that was asked for, or the best that this machine has."""

from components.local.containers import Containers, answers
from components.local.errors import NoRuntime
from components.local.folder import Version
from components.local.processes import Processes
from components.local.start import Runtime

_TOOLS = ("docker", "podman")


def choose(wanted: str) -> str:
    """`wanted` itself when it can be had; for auto docker, else podman, else process. Raises NoRuntime."""
    if wanted == "process":
        return wanted
    for tool in _TOOLS if wanted == "auto" else (wanted,):
        if answers(tool):
            return tool
    if wanted == "auto":
        return "process"
    raise NoRuntime(
        f"{wanted} does not answer on this machine, expected '{wanted} info' to; "
        "start it, or set modelport:endpoint.runtime to process, which needs neither"
    )


def of(version: Version) -> Runtime:
    """The runtime that a version was started with."""
    return Processes() if version.runtime == "process" else Containers(version.runtime)
