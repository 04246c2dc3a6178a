"""Flags, environment and limits of one server."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.errors import StartError


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a server can be told. Times in seconds, sizes in bytes; `queue` and limits are per worker."""

    model: Path
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    control: Path | None = None
    takeover: Path | None = None
    api_keys: Path | None = None
    """A folder with the SHA-256 of each API key; without one everybody is answered."""
    revision: str = ""
    """What the version that answers is called; said in each answer's `modelport-revision` header."""
    max_body: int = 64 * 2**20
    max_json: int = 32 * 2**20
    max_held: int = 256 * 2**20
    """Bodies in hand at once, together."""
    max_pixels: int = 50_000_000
    queue: int = 128
    keep_alive: float = 75.0
    """An idle connection is closed after this long; longer than the 60 s that load balancers commonly keep one."""
    body_timeout: float = 30.0
    """A request whose body stalls for this long is given up."""
    drain_grace: float = 5.0
    """While draining, an idle connection is closed only after this long: a request already sent finds it open."""
    drain_timeout: float = 30.0
    """A drain that takes longer is cut short."""

    def cores(self) -> int:
        """Cores for each worker, at least one."""
        return max(1, available_cores() // self.workers)


# What an operator may set beyond the flags: environment variable, field, smallest value.
_ENVIRONMENT: tuple[tuple[str, str, float], ...] = (
    ("MODELPORT_MAX_BODY_BYTES", "max_body", 1024),
    ("MODELPORT_MAX_JSON_BYTES", "max_json", 1024),
    ("MODELPORT_MAX_HELD_BYTES", "max_held", 1024),
    ("MODELPORT_MAX_PIXELS", "max_pixels", 1),
    ("MODELPORT_QUEUE", "queue", 1),
    ("MODELPORT_KEEP_ALIVE", "keep_alive", 0.1),
    ("MODELPORT_BODY_TIMEOUT", "body_timeout", 0.1),
    ("MODELPORT_DRAIN_GRACE", "drain_grace", 0),
    ("MODELPORT_DRAIN_TIMEOUT", "drain_timeout", 0.1),
)
_WHOLE = ("max_body", "max_json", "max_held", "max_pixels", "queue")


# MB of memory for which AWS Lambda gives one core ("Configure Lambda function memory" in its guide, 2026-11-22).
_LAMBDA_CORE = 1769


def available_cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its control group where there is one.

    A function of AWS Lambda sees two cores or more, and has the time of as many as its memory pays for.
    """
    cores = len(os.sched_getaffinity(0))
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if memory.isdigit():
        return max(1, min(cores, round(int(memory) / _LAMBDA_CORE)))
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
    except (OSError, ValueError):
        return cores
    return cores if quota == "max" else max(1, min(cores, -(-int(quota) // int(period))))


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Read flags, with defaults from the environment. Raises StartError; argparse itself exits with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m serving", description="Serve a model folder over the Open Inference Protocol V2 (HTTP)."
    )
    parser.add_argument("--model", help="model folder: model.onnx and model.json (MODELPORT_MODEL)")
    parser.add_argument("--host", help="address to listen on, default 127.0.0.1 (MODELPORT_HOST)")
    parser.add_argument("--port", help="port, 0 for any free one, default 8080 (MODELPORT_PORT)")
    parser.add_argument("--workers", help="processes, default one per core, 4 at most (MODELPORT_WORKERS)")
    parser.add_argument("--control", type=Path, help="path of a unix socket for status, listener and drain")
    parser.add_argument("--takeover", type=Path, help="control socket of a running server whose address to take over")
    flags = parser.parse_args(arguments)

    def number(text: str, where: str, low: float, high: float) -> float:
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not low <= found <= high:
            raise StartError(f"{where} is '{text}', expected a number from {low:g} to {high:g}")
        return found

    def whole(name: str, default: int, low: int, high: int) -> int:
        flag: str | None = getattr(flags, name)
        variable = f"MODELPORT_{name.upper()}"
        text = flag if flag is not None else environment.get(variable)
        if text is None:
            return default
        where = variable if flag is None else f"--{name}"
        found = number(text, where, low, high)
        if found != int(found):
            raise StartError(f"{where} is '{text}', expected a whole number")
        return int(found)

    model: str | None = flags.model or environment.get("MODELPORT_MODEL")
    if not model:
        raise StartError("no model to serve; give --model FOLDER or set MODELPORT_MODEL")
    api_keys = environment.get("MODELPORT_API_KEYS")
    if api_keys == "":
        # Never read as 'no keys are needed': that is said by leaving it out.
        raise StartError("MODELPORT_API_KEYS is '', expected a folder of keys; unset it to answer everybody")
    limits: dict[str, float] = {}
    for variable, field, least in _ENVIRONMENT:
        if variable in environment:
            found = number(environment[variable], variable, least, 1e12)
            limits[field] = int(found) if field in _WHOLE else found
    return Settings(
        model=Path(model),
        host=flags.host or environment.get("MODELPORT_HOST") or "127.0.0.1",
        port=whole("port", 8080, 0, 65535),
        workers=whole("workers", min(4, available_cores()), 1, 256),
        control=flags.control,
        takeover=flags.takeover,
        api_keys=Path(api_keys) if api_keys is not None else None,
        revision=_revision(environment.get("MODELPORT_REVISION", "")),
        **limits,  # type: ignore[arg-type]  # keys and kinds are those of _ENVIRONMENT
    )


def _revision(text: str) -> str:
    if text and not (text.isascii() and text.isalnum() and len(text) <= 64):
        raise StartError(f"MODELPORT_REVISION is '{text[:80]}', expected at most 64 letters and digits")
    return text
