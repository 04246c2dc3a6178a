"""What a machine is told as it starts, as cloud-init reads it, whichever cloud it is in."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from components import checks


class File(NamedTuple):
    """A file that is written as the machine starts."""

    content: str
    mode: str
    """As `0600`."""


def document(files: Mapping[str, File], commands: Sequence[Sequence[str]]) -> str:
    """Files by their paths, and the commands that are run once they are there."""
    whole: dict[str, Any] = {
        "write_files": [{"path": path, "permissions": mode, "content": text} for path, (text, mode) in files.items()],
        "runcmd": [list(each) for each in commands],
    }
    # JSON is YAML too, and needs nobody to write it.
    return f"#cloud-config\n{_json(whole)}\n"


def lines(pairs: Mapping[str, str]) -> str:
    """`KEY=value` of each, a line for each."""
    return "".join(f"{key}={value}\n" for key, value in pairs.items())


def held(what: str, env: Mapping[str, str], most: int, why: str) -> None:
    """Hold what somebody gives a server to lines that there is room for: `most` bytes. Raises ArgsError."""
    for key, value in env.items():
        # Half of a pair of surrogates is no character, and cannot be written.
        checks.fits(f"{what}[{key!r}]", value, r"[^\x00\r\n\ud800-\udfff]*", "one line", "16")
    if (size := len(_json(lines(env)).encode())) > most:
        raise checks.wrong(what, f"{size} bytes", f"at most {most}, {why}", "shorten it")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
