"""The exit codes, and the one exception that carries one."""

from enum import IntEnum


class Exit(IntEnum):
    """What a script may rely on; `docs/exit-codes.md` says the same at length."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    GATE_MISSED = 3
    LOCKED = 4
    MISSING = 5
    ROLLED_BACK = 6
    DRIFTED = 7
    INTERRUPTED = 130


MEANING: dict[Exit, str] = {
    Exit.DONE: "done, or nothing to do",
    Exit.FAILED: "the operation failed; what was finished is kept in the state",
    Exit.BAD_INPUT: "bad input: stack file, flags, model or data; nothing was touched",
    Exit.GATE_MISSED: "the model missed its gate; what depends on it was not touched",
    Exit.LOCKED: "another operation holds the stack",
    Exit.MISSING: "an engine or a tool is missing on this machine",
    Exit.ROLLED_BACK: "a release was rolled back; the version before answers, in state and cluster",
    Exit.DRIFTED: "drift: what is there is not what the state says; nothing was touched",
    Exit.INTERRUPTED: "interrupted; what was finished is kept in the state",
}


class Failure(Exception):
    """Ends the command with a code and one message for each line of `messages`, in words for the user."""

    def __init__(self, code: Exit, *messages: str) -> None:
        self.code, self.messages = code, list(messages)
        super().__init__("\n".join(messages))


def table() -> str:
    """The codes as lines of text, for `--help`."""
    return "\n".join(f"  {code.value:<5}{MEANING[code]}" for code in Exit)
