"""`python -m engine`: the verbs of Pulumi's CLI that a script needs, and the conformance tests."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence
from typing import TextIO

from engine import collector, signals
from engine.errors import ChangesProposed, EngineError, StackLocked, StackMissing

MISSING = 6
"""The official CLI's exit code for a stack that is not there."""
CHANGES = 7
"""The official CLI's exit code for changes where none were expected."""


def dispatch(args: argparse.Namespace, prog: str) -> int:
    """Carry out what was asked; raises an EngineError for what is refused."""
    from engine.command.choosing import stack_name

    if args.verb == "stack":
        from engine.command import stacks

        return stacks.run(args, stack_name)
    from engine.api import Engine

    given = (getattr(args, "name", None) if args.verb == "cancel" else None) or args.stack
    engine = Engine(args.cwd, stack_name(given, args.cwd))
    if args.verb == "config":
        from engine.command import configs

        return configs.run(engine, args, strict=prog == "pulumi")
    if args.verb == "state":
        from engine.command import states

        return states.run(engine, args)
    if args.verb in ("cancel", "output"):
        from engine.command import stacks

        return stacks.cancel(engine, args) if args.verb == "cancel" else stacks.output(engine, args)
    from engine.command.operating import operate

    return operate(engine, args, prog)


def parse(argv: Sequence[str] | None, prog: str) -> argparse.Namespace:
    """The arguments with verbs by their first names; ends the process where they make no sense."""
    from engine.command.parser import parser

    args = parser(prog).parse_args(_verb_first(list(sys.argv[1:] if argv is None else argv)))
    args.verb = {"update": "up", "pre": "preview", "down": "destroy"}.get(args.verb, args.verb)
    return args


_GROUPS = ("stack", "state")
_VALUED = ("-C", "--cwd", "--color", "-s", "--stack")


def _verb_first(words: list[str]) -> list[str]:
    """The words with flags that stand before a verb, as in `-C folder up` or `stack -s dev output`, put behind it."""
    rest, flags = flags_off(words)
    if rest[:1] and rest[0] in _GROUPS:
        inner, more = flags_off(rest[1:])
        # without a verb of its own the group's flags are where they belong
        rest, flags = ([rest[0], *inner], [*flags, *more]) if inner else (rest, flags)
    return [*rest, *flags]


def flags_off(words: list[str]) -> tuple[list[str], list[str]]:
    """The words from the first that is no flag on, and the flags before it; for help all stays as it is."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] in ("-h", "--help"):
            return words, []
        at += 2 if words[at] in _VALUED else 1
    return words[at:], words[:at]


def main(argv: Sequence[str] | None = None, prog: str = "pulumi") -> int:
    """Run one command; 0 done, 1 failed, 6 no such stack."""
    args = parse(argv, prog)
    signals.unwind()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what a terminal cannot show is no reason to fail
    try:
        return _dispatched(args, prog)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _written_out(stream)


def _written_out(stream: TextIO) -> None:
    """Write out what is buffered: where nobody takes it, the interpreter would end with a code of its own for it."""
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _dispatched(args: argparse.Namespace, prog: str) -> int:
    try:
        return dispatch(args, prog)
    except KeyboardInterrupt as stop:
        print("\ninterrupted", file=sys.stderr)
        return 128 + (stop.number if isinstance(stop, signals.Stopped) else signal.SIGINT)
    except StackLocked as error:
        print(f"error: {error.official}", file=sys.stderr)
        if error.hint:
            print(error.hint)
        return 1
    except StackMissing as error:
        print(f"error: {error}", file=sys.stderr)
        return MISSING
    except ChangesProposed as error:
        print(f"error: {error}", file=sys.stderr)
        return CHANGES
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    collector.spare()
    sys.exit(main())
