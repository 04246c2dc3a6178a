"""The files of a report: looked at before anything runs, and each written whole or not at all."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from automation.exits import Exit, Failure


def check(given: Iterable[tuple[str, Path]], kept: Iterable[Path] = ()) -> None:
    """Refuse paths that cannot be written, by flag. kept: files that a report never takes the place of."""
    mistakes: list[str] = []
    seen: dict[Path, str] = {}
    protected = {path.resolve() for path in kept}
    for flag, path in given:
        wrong = _wrong(path)
        try:
            whole = path.resolve()
        except (OSError, RuntimeError, ValueError):
            whole = path
        if not wrong and whole in seen:
            wrong = f"which {seen[whole]} writes too, expected a file of its own; name another"
        if not wrong and whole in protected:
            wrong = "which the project is read from, expected a file of its own; name another"
        seen.setdefault(whole, flag)
        if wrong:
            mistakes.append(f"{flag} is {str(path)!r}, {wrong}")
    if mistakes:
        raise Failure(Exit.BAD_INPUT, *mistakes)


def _wrong(path: Path) -> str:
    """What is wrong with a path; empty where a file can be written there."""
    if not str(path) or str(path) == "." or "\0" in str(path):
        return "expected the name of a file; write one"
    try:
        # Through a link the file behind it is written, and the link stays.
        whole = path.resolve()
        if whole.is_dir():
            return "which is a folder, expected a file; write the name of one in it"
        if whole.exists() and not stat.S_ISREG(whole.stat().st_mode):
            return "which is a device or a pipe, expected a file; write the name of one"
        if not whole.parent.is_dir():
            return f"but there is no folder {str(path.parent)!r}, expected one; make it first"
        with tempfile.NamedTemporaryFile(dir=whole.parent, prefix=".modelport-"):
            pass
        if whole.exists() and not os.access(whole, os.W_OK):
            return "which may not be written, expected a file that may; name another"
    except (OSError, RuntimeError) as error:
        why = (getattr(error, "strerror", None) or str(error)).lower()
        return f"which cannot be written ({why}), expected a file that can; name another"
    return ""


def write(path: Path, text: str) -> None:
    """Write the file by a rename, so that nobody ever sees half of it. Raises Failure."""
    try:
        whole = path.resolve()
        handle, name = tempfile.mkstemp(dir=whole.parent, prefix=".modelport-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                os.fchmod(file.fileno(), _mode(whole))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(whole)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Failure(
            Exit.FAILED,
            f"the report cannot be written to {path} ({why}), expected room and leave to; name another file",
        ) from None


def _mode(path: Path) -> int:
    """That of the file that is there, else what a new one gets."""
    with contextlib.suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
