"""preview, up, refresh and destroy on a command line: show, ask, do."""

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

from engine.api import Engine, Options, Outcome
from engine.command import targets
from engine.command.eventlog import EventLog, complain
from engine.display import options as shown
from engine.display import views
from engine.errors import BadInput, ChangesProposed, StackMissing
from engine.policy.flags import paths
from engine.values import items

UNASKED = "--yes or --skip-preview or --preview-only must be passed in to proceed when running in non-interactive mode"

_UPDATES = {"up": "update"}
"""What the official CLI calls a verb's operation, where that is not the verb itself."""


def operate(engine: Engine, args: argparse.Namespace, prog: str) -> int:
    """Carry out the verb; the exit code is the official CLI's."""
    options = _options(engine, args)
    if getattr(args, "exclude_protected", False):
        options, protected, alone = _without_protected(engine, options)
        if alone:
            print(
                "There were no unprotected resources to destroy. There are still "
                f"{protected} protected resources associated with this stack."
            )
            return 0
    else:
        protected = 0
    preview = args.verb == "preview" or args.preview_only
    interactive = not args.non_interactive and sys.stdin.isatty() and sys.stdout.isatty()
    if not preview and not (args.yes or args.skip_preview) and not interactive:
        print(f"error: {UNASKED}", file=sys.stderr)
        return 1 if args.verb == "refresh" else 2
    if not engine.exists():
        raise StackMissing(f"no stack named '{engine.stack.name}' found")
    if not preview and not args.skip_preview:
        planned = _run(engine, args, replace(options, preview_only=True), interactive=interactive, planning=True)
        if planned.exit_code or not (args.yes or _agreed(args.verb)):
            return planned.exit_code or 1
    outcome = _run(engine, args, options, interactive=interactive, planning=preview)
    if outcome.exit_code == 0 and not preview:
        _afterwards(engine, args, prog, protected)
    changed = any(count for op, count in outcome.changes.items() if op != "same")
    if outcome.exit_code == 0 and args.expect_no_changes and changed:
        raise ChangesProposed(
            f"no changes were expected for {_UPDATES.get(args.verb, args.verb)} but changes were proposed"
        )
    return outcome.exit_code


def _without_protected(engine: Engine, options: Options) -> tuple[Options, int, bool]:
    """Leave out what is protected, and all that it needs: how many that are, and whether there is nothing else."""
    if options.targets:
        raise BadInput("you cannot specify --target and --exclude-protected")
    if options.ignore_protect:
        raise BadInput("you cannot specify --ignore-protect and --exclude-protected")
    urns, every = engine.protected()
    return replace(options, excludes=(*options.excludes, *urns)), len(urns), bool(urns) and len(urns) == every


def _agreed(verb: str) -> bool:
    word = {"up": "update", "refresh": "refresh", "destroy": "destroy"}[verb]
    try:
        answer = input(f"Do you want to perform this {word}? [yes/no] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


def _options(engine: Engine, args: argparse.Namespace) -> Options:
    stack, project = engine.stack.name, engine.stack.project.name

    def urns(words: list[str]) -> tuple[str, ...]:
        return targets.expand(words, stack=stack, project=project)

    if args.verb in ("refresh", "destroy") and engine.exists():
        known = [str(each["urn"]) for each in items(engine.export()["deployment"], "resources")]
        for flag, words in (("--target", args.target), ("--exclude", args.exclude)):
            targets.check(words, known, flag=flag)
    return Options(
        parallel=args.parallel,
        refresh=args.refresh == "true",
        run_program=args.run_program,
        ignore_protect=getattr(args, "ignore_protect", False),
        targets=urns([*args.target, *args.target_replace]),
        target_dependents=args.target_dependents,
        excludes=urns(args.exclude),
        exclude_dependents=args.exclude_dependents,
        replace=urns([*args.replace, *args.target_replace]),
        continue_on_error=args.continue_on_error,
        preview_only=args.preview_only,
        show_secrets=args.show_secrets,
        clear_pending_creates=args.clear_pending_creates,
        message=args.message,
        debug=args.debug or args.event_log is not None,
        policy_packs=paths(getattr(args, "policy_pack", ()), args.cwd),
        policy_pack_configs=paths(getattr(args, "policy_pack_config", ()), args.cwd),
    )


def _view(engine: Engine, args: argparse.Namespace, *, interactive: bool, planning: bool) -> views.View:
    wanted = shown.Options(
        operation=args.verb,
        stack=engine.stack.name,
        preview=planning,
        diff=args.diff,
        as_json=args.json,
        show_sames=args.show_sames,
        show_reads=args.show_reads,
        show_replacement_steps=args.show_replacement_steps,
        show_config=args.show_config,
        show_full_output=args.show_full_output,
        show_secrets=args.show_secrets,
        suppress_outputs=args.suppress_outputs,
        suppress_progress=args.suppress_progress,
        debug=args.debug,
        color=args.color,
    )
    return views.choose(wanted, interactive=interactive, project=engine.stack.project.name)


def _run(engine: Engine, args: argparse.Namespace, options: Options, *, interactive: bool, planning: bool) -> Outcome:
    with ExitStack() as open_files:
        log = open_files.enter_context(EventLog(args.event_log)) if args.event_log else None
        view: views.View | None = None
        seen: set[str] = set()
        deaf = False

        def show(event: dict[str, Any]) -> None:
            """Show it; a reader that went away, or a full disk, is no reason to break off what is being done."""
            nonlocal view, deaf
            if deaf:
                return
            try:
                if view is None:
                    # not before there is something to show: what is refused has no heading
                    view = _view(engine, args, interactive=interactive, planning=planning)
                view(event)
            except OSError as error:
                deaf = True
                complain(f"the output cannot be written: {error.strerror}; nothing more is shown")

        def hear(event: dict[str, Any]) -> None:
            if log is not None:
                log.write(event)
            if (payload := event.get("resourcePreEvent")) is not None:
                seen.add(str(payload["metadata"]["urn"]))
            show(event)

        try:
            outcome = _call(engine, args.verb, planning=planning)(options, hear)
        finally:
            if view is not None:
                with suppress(*([OSError] if deaf else [])):
                    view.close()
        if outcome.exit_code == 0 and args.verb in ("preview", "up"):
            given = [*args.target, *args.target_replace, *args.replace]
            targets.check(given, seen)
        return outcome


def _call(engine: Engine, verb: str, *, planning: bool) -> Callable[..., Outcome]:
    if verb in ("refresh", "destroy"):
        return engine.refresh if verb == "refresh" else engine.destroy
    operation = engine.preview if planning else engine.up

    def run(options: Options, hear: Callable[[dict[str, Any]], None]) -> Outcome:
        return operation(options, hear, create=False)

    return run


def _afterwards(engine: Engine, args: argparse.Namespace, prog: str, protected: int) -> None:
    if args.verb != "destroy" or args.json:
        return
    name = engine.stack.name
    if protected:
        print(
            f"All unprotected resources were destroyed. There are still {protected} protected resources associated "
            "with this stack."
        )
        return
    if args.remove:
        engine.remove(preserve_config=False)
        print(f"The resources in the stack have been deleted, and the stack '{name}' itself has been removed.")
    elif not args.target:
        print(
            "The resources in the stack have been deleted, but the history and configuration associated with the stack "
            f"are still maintained. \nIf you want to remove the stack completely, run `{prog} stack rm {name}`."
        )
