"""What went wrong, in one line: an engine's and a provider's words reduced to the message that their author wrote."""

import re
from dataclasses import dataclass
from pathlib import Path

from automation.exits import Exit

_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*[A-Za-z]")
_OURS = re.compile(r"modelport: (failed|bad input|gate missed|rolled back): (.+)")
_RAISED = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*: (.+)")
"""The last line of a traceback, whatever the class is called."""
_NAMED = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception): (.+)")
"""The same without the frames above it, where only the name tells."""
_CALLER = re.compile(r"^(?:error: |Exception calling application: |rpc error: code = \w+ desc = )+")
_FRAME = re.compile(r'File "(?P<file>[^"<]+)", line (?P<line>\d+)')
_LIBRARY = re.compile(r"[/\\](?:site-packages|dist-packages|lib[/\\]python[\d.]+)[/\\]")
_CHECKED = re.compile(r"\S+ resource '(.*?)': property (\S+) value \{.*?\} has a problem: (.+)", re.DOTALL)
"""What an engine puts before a provider's own words on an input that it refuses."""
_BETWEEN = re.compile(r"During handling of the above exception|The above exception was the direct cause")
_KINDS = {
    "failed": Exit.FAILED,
    "bad input": Exit.BAD_INPUT,
    "gate missed": Exit.GATE_MISSED,
    "rolled back": Exit.ROLLED_BACK,
}

# Said by the engines around the real reason, and by themselves no reason at all.
_HOLLOW = re.compile(
    r"^(?:preview|update|up|destroy|refresh|resource .+) failed\.?$"
    r"|^(?:update|preview|refresh|destroy) (?:was )?cancell?ed$"
    r"|^an unhandled error occurred: "
    r"|^Program exited with non-zero exit code"
    r"|^one or more .* failed"
)


@dataclass(frozen=True)
class Reason:
    """One reason with the exit code that it stands for."""

    code: Exit
    text: str


def plain(text: str) -> str:
    """`text` without the engine's colour marks and the terminal's."""
    return _COLOUR.sub("", text)


def reason(text: str) -> Reason | None:
    """The reason inside an error's text; None when it holds none."""
    whole = plain(text).strip()
    if not whole:
        return None
    if ours := _OURS.findall(whole):
        kind, message = ours[-1]
        return Reason(_KINDS[kind], message.strip())
    lines = [line.strip() for line in whole.splitlines() if line.strip()]
    if "Traceback (most recent call last)" in whole:
        return Reason(Exit.FAILED, _uncaught(lines))
    message = _CALLER.sub("", lines[0])
    if match := _CHECKED.fullmatch(message):
        # one that words what it got, expected and the fix stands for itself; another needs its place
        message = match[3] if "expected" in match[3] else f"{match[1]}: {match[2]}: {match[3]}"
    if match := _NAMED.fullmatch(message):
        message = match[1]
    if "currently locked by" in whole:
        return Reason(Exit.LOCKED, "\n".join([message, *lines[1:]]))
    if _HOLLOW.search(message):
        return None
    if "incorrect passphrase" in message or "passphrase must be set" in message:
        return Reason(Exit.BAD_INPUT, message)
    return Reason(Exit.FAILED, "\n".join([message, *lines[1:]]))


def _uncaught(lines: list[str]) -> str:
    """What a traceback ends with: the message alone where a library's class worded it, else with class and place."""
    told = [line for line in (_CALLER.sub("", line) for line in lines) if _RAISED.fullmatch(line)]
    last = told[-1] if told else lines[-1]
    kind, _, message = last.partition(": ")
    if message and ("." in kind or kind == "Exception"):
        return message
    frames = [match for line in lines if (match := _FRAME.match(line)) and not _LIBRARY.search(match["file"])]
    if not frames:
        return last
    return f"{last} ({Path(frames[-1]['file']).name}, line {frames[-1]['line']}); -v shows the traceback"


def raised(line: str) -> str | None:
    """The last line of a traceback without the class's module: `ModuleNotFoundError: No module named 'x'`."""
    match = _RAISED.fullmatch(line.strip())
    return line.strip().rpartition(": " + match[1])[0].rpartition(".")[2] + ": " + match[1] if match else None


def weigh(reasons: list[Reason]) -> Exit:
    """One exit code for several reasons: a missed gate and a release that was rolled back tell a script most."""
    found = {each.code for each in reasons}
    for code in (Exit.LOCKED, Exit.GATE_MISSED, Exit.ROLLED_BACK, Exit.MISSING, Exit.BAD_INPUT):
        if code in found:
            return code
    return Exit.FAILED


class Tracebacks:
    """Tells the lines of a traceback from others, line by line as a child's output streams in."""

    def __init__(self) -> None:
        self._inside = False

    def holds(self, line: str) -> bool:
        """Whether `line` is part of a traceback, its last line included."""
        if line.startswith("Traceback (most recent call last)"):
            self._inside = True
            return True
        if _BETWEEN.match(line):
            return True
        if not self._inside:
            return False
        # frames are indented, what was raised is not and ends it
        self._inside = not line.strip() or line[0].isspace()
        return True
