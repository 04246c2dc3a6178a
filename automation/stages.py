"""The commands between stacks: `promote`, from one to the next, and `ephemeral`, one for a time."""

from pathlib import Path
from typing import Annotated

import typer

from automation.exits import Exit, Failure
from automation.flags import Cwd, Engine, Json, Verbose, Yes, request

PreviewOnly = Annotated[bool, typer.Option("--preview-only", help="Show what would be done, and do nothing.")]
EventLog = Annotated[Path | None, typer.Option("--event-log", metavar="FILE", help="Write the engine's events there.")]


def add(app: typer.Typer) -> None:
    """Give the command its verbs."""
    app.command(
        epilog="\b\nmodelport promote --from staging --to prod --preview-only\n"
        "modelport promote --from staging --to prod --yes\nmodelport promote --undo --to prod",
        short_help="Bring a stack up with the image that another serves.",
    )(promote)


def _ask(question: str) -> bool:
    return typer.confirm(question)


def promote(
    context: typer.Context,
    to: Annotated[str, typer.Option("--to", metavar="STACK", help="The stack that is brought up.")],
    source: Annotated[
        str | None, typer.Option("--from", metavar="STACK", help="The stack that serves what is promoted.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Build what the stack's own file says again.")] = False,
    yes: Yes = False,
    preview_only: PreviewOnly = False,
    json: Json = False,
    event_log: EventLog = None,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Bring a stack up with the very image that another one has verified and serves.

    Its measures are held to the gate in the file of the stack that is brought up. Nothing is built; where the registry
    is another the image is copied there. Later ups keep it, until another is promoted or it is undone.
    """
    from automation import promote as do
    from automation.drivers import Options

    options = Options(preview_only=preview_only)
    asked = request(
        context, cwd, engine, to, as_json=json, yes=yes, verbose=verbose, options=options, event_log=event_log
    )
    if undo == (source is not None):
        got = "both --from and --undo are given" if undo else "neither --from nor --undo is given"
        raise Failure(Exit.BAD_INPUT, f"{got}, expected one of them; name the stack that serves it with --from")
    raise typer.Exit(do.undo(asked, _ask) if source is None else do.promote(asked, source, _ask))
