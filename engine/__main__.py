"""`python -m engine`: the verbs of Pulumi's CLI that a script needs, and the conformance tests."""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from engine.api import Engine, Event, Options
from engine.errors import EngineError, StackLocked

OPERATIONS = ("preview", "up", "refresh", "destroy")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--non-interactive", action="store_true")
    common.add_argument("--cwd", "-C", type=Path, default=Path())
    named = argparse.ArgumentParser(add_help=False, parents=[common])
    named.add_argument("--stack", "-s", required=True)
    for name in OPERATIONS:
        verb = verbs.add_parser(name, parents=[named])
        verb.add_argument("--event-log", type=Path)
        verb.add_argument("--parallel", "-p", type=int, default=0)
        verb.add_argument("--yes", "-y", action="store_true")
        verb.add_argument("--skip-preview", "-f", action="store_true")
        verb.add_argument("--preview-only", action="store_true")
        verb.add_argument("--refresh", "-r", action="store_true")
        verb.add_argument("--target", "-t", action="append", default=[])
        verb.add_argument("--target-dependents", action="store_true")
        verb.add_argument("--exclude", action="append", default=[])
        verb.add_argument("--exclude-dependents", action="store_true")
        verb.add_argument("--replace", action="append", default=[])
        verb.add_argument("--target-replace", action="append", default=[])
        verb.add_argument("--continue-on-error", action="store_true")
        verb.add_argument("--clear-pending-creates", action="store_true")
        verb.add_argument("--show-secrets", action="store_true")
        verb.add_argument("--message", "-m", default="")
        verb.add_argument("--json", "-j", action="store_true", help="print the events, one JSON object a line")
    cancel = verbs.add_parser("cancel", parents=[named])
    cancel.add_argument("--yes", "-y", action="store_true")
    output = verbs.add_parser("output", parents=[named])
    output.add_argument("--show-secrets", action="store_true")
    stack = verbs.add_parser("stack").add_subparsers(dest="what", required=True)
    init = stack.add_parser("init", parents=[common])
    init.add_argument("name", nargs="?")
    init.add_argument("--stack", "-s")
    for name in ("export", "import", "ls", "rm", "history"):
        verb = stack.add_parser(name, parents=[named])
        verb.add_argument("--show-secrets", action="store_true")
        verb.add_argument("--file", type=Path)
        verb.add_argument("--force", "-f", action="store_true")
        verb.add_argument("--yes", "-y", action="store_true")
    setting = verbs.add_parser("config").add_subparsers(dest="what", required=True).add_parser("set", parents=[named])
    setting.add_argument("key")
    setting.add_argument("value")
    setting.add_argument("--secret", action="store_true")
    setting.add_argument("--plaintext", action="store_true")
    setting.add_argument("--path", action="store_true")
    return parser


def _options(args: argparse.Namespace) -> Options:
    return Options(
        parallel=args.parallel,
        refresh=args.refresh,
        targets=(*args.target, *args.target_replace),
        target_dependents=args.target_dependents,
        excludes=tuple(args.exclude),
        exclude_dependents=args.exclude_dependents,
        replace=(*args.replace, *args.target_replace),
        continue_on_error=args.continue_on_error,
        preview_only=args.preview_only,
        show_secrets=args.show_secrets,
        clear_pending_creates=args.clear_pending_creates,
        message=args.message,
    )


def _line(event: Event) -> str | None:
    """An event in a line for a reader, or nothing."""
    diagnostic = event.get("diagnosticEvent")
    if diagnostic and diagnostic["severity"] != "debug":
        return str(diagnostic["prefix"] + diagnostic["message"]).rstrip()
    ended = event.get("resOutputsEvent")
    if ended and ended["metadata"]["op"] != "same":
        meta = ended["metadata"]
        return f"{meta['op']} {meta['urn'].split('::', 2)[2]}"
    summary = event.get("summaryEvent")
    if summary:
        counts = ", ".join(f"{count} {op}" for op, count in summary["resourceChanges"].items()) or "nothing to do"
        return f"{summary['result']}: {counts}"
    return None


def _operate(engine: Engine, args: argparse.Namespace) -> int:
    with ExitStack() as open_files:
        log = open_files.enter_context(args.event_log.open("w")) if args.event_log else None

        def hear(event: Event) -> None:
            if log is not None:
                log.write(json.dumps(event) + "\n")
                log.flush()
            text = json.dumps(event) if args.json else _line(event)
            if text is not None:
                print(text, flush=True)

        options = _options(args)
        if args.verb == "preview":
            return engine.preview(options, hear, create=False).exit_code
        if args.verb == "up":
            return engine.up(options, hear, create=False).exit_code
        return (engine.refresh if args.verb == "refresh" else engine.destroy)(options, hear).exit_code


def _stack(args: argparse.Namespace) -> int:
    name = args.name or args.stack if args.what == "init" else args.stack
    engine = Engine(args.cwd, str(name))
    if args.what == "init":
        engine.init()
        print(f"Created stack '{name}'")
    elif args.what == "export":
        _print(engine.export(args.show_secrets), args.file)
    elif args.what == "import":
        engine.import_(args.file.read_text() if args.file else sys.stdin.read())
    elif args.what == "ls":
        print("\n".join(engine.stacks()))
    elif args.what == "history":
        _print(engine.history(), args.file)
    else:
        engine.remove(force=args.force)
    return 0


def _print(value: Any, file: Path | None) -> None:
    text = json.dumps(value, indent=4, ensure_ascii=False)
    if file:
        file.write_text(text + "\n")
    else:
        print(text)


def main(argv: list[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        if args.verb == "stack":
            return _stack(args)
        engine = Engine(args.cwd, args.stack)
        if args.verb == "cancel":
            engine.cancel()
            print(f"The currently running update for '{args.stack}' has been canceled!")
            return 0
        if args.verb == "output":
            _print(engine.outputs(args.show_secrets), None)
            return 0
        if args.verb == "config":
            engine.set_config(args.key, args.value, secret=args.secret, path=args.path)
            return 0
        return _operate(engine, args)
    except StackLocked as error:
        print(f"error: {error.official}", file=sys.stderr)
        if error.hint:
            print(error.hint)
        return 1
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
