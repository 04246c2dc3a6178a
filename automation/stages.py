"""The commands between stacks: `promote`, from one to the next, and `ephemeral`, one for a time."""

from typing import Annotated

import typer

from automation.exits import Exit, Failure
from automation.flags import (
    Cwd,
    Engine,
    EventLog,
    Json,
    PolicyPack,
    PolicyPackConfig,
    PreviewOnly,
    Verbose,
    Yes,
    request,
)


def add(app: typer.Typer) -> None:
    """Give the command its verbs."""
    app.command(
        epilog="\b\nmodelport promote --from staging --to prod --preview-only\n"
        "modelport promote --from staging --to prod --yes\nmodelport promote --undo --to prod",
        short_help="Bring a stack up with the image that another serves.",
    )(promote)
    group = typer.Typer(
        help="Stacks for a time, each like another: for a pull request, to try something out.",
        short_help="Stacks for a time, as for a pull request.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command(
        "up",
        epilog="\b\nmodelport ephemeral up pr-12 --like dev --ttl 48h --yes\n"
        "modelport ephemeral up pr-12 --like dev --ttl 2d --set service.replicas=1 --yes",
        short_help="Make a stack like another, or bring it up to date.",
    )(ephemeral_up)
    group.command("list", epilog="\b\nmodelport ephemeral list --json | jq -r '.stacks[].name'")(ephemeral_list)
    group.command(
        "down", epilog="\b\nmodelport ephemeral down pr-12 --yes", short_help="Take one away before its time is over."
    )(ephemeral_down)
    group.command(
        "sweep", epilog="\b\nmodelport ephemeral sweep --yes", short_help="Take away those whose time is over."
    )(ephemeral_sweep)
    app.add_typer(group, name="ephemeral")


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
    policy_pack: PolicyPack = None,
    policy_pack_config: PolicyPackConfig = None,
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

    options = Options(
        preview_only=preview_only,
        policy_packs=tuple(policy_pack or ()),
        policy_pack_configs=tuple(policy_pack_config or ()),
    )
    asked = request(
        context, cwd, engine, to, as_json=json, yes=yes, verbose=verbose, options=options, event_log=event_log
    )
    if undo == (source is not None):
        got = "both --from and --undo are given" if undo else "neither --from nor --undo is given"
        raise Failure(Exit.BAD_INPUT, f"{got}, expected one of them; name the stack that serves it with --from")
    raise typer.Exit(do.undo(asked, _ask) if source is None else do.promote(asked, source, _ask))


Name = Annotated[str, typer.Argument(metavar="NAME", help="What the ephemeral stack is called.")]


def ephemeral_up(
    context: typer.Context,
    name: Name,
    like: Annotated[str, typer.Option("--like", metavar="STACK", help="The stack whose file it begins with.")],
    ttl: Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it is to live from now on, as 48h.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What is other than there, as service.replicas=1."),
    ] = None,
    yes: Yes = False,
    json: Json = False,
    event_log: EventLog = None,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Make a stack like another one, with names of its own, or bring it up to date; its time begins anew.

    The stack that it is like is not touched. When its time is over `modelport ephemeral sweep` takes it away.
    """
    from automation.ephemeral import up

    asked = request(context, cwd, engine, None, as_json=json, yes=yes, verbose=verbose, event_log=event_log)
    raise typer.Exit(up(asked, name, like, ttl, settings or (), _ask))


def ephemeral_list(context: typer.Context, json: Json = False, engine: Engine = None, cwd: Cwd = None) -> None:
    """List the ephemeral stacks of the project, and until when they live."""
    from automation.ephemeral import listed

    raise typer.Exit(listed(request(context, cwd, engine, None, as_json=json)))


def ephemeral_down(
    context: typer.Context,
    name: Name,
    yes: Yes = False,
    json: Json = False,
    event_log: EventLog = None,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Take an ephemeral stack away before its time is over, with its state, its record and its file."""
    from automation.ephemeral import down

    asked = request(context, cwd, engine, None, as_json=json, yes=yes, verbose=verbose, event_log=event_log)
    raise typer.Exit(down(asked, name, _ask))


def ephemeral_sweep(
    context: typer.Context,
    release_locks_after: Annotated[
        str | None,
        typer.Option(
            "--release-locks-after",
            metavar="TIME",
            help="Release older locks first, as those of a job that was killed on another machine.",
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Take away the ephemeral stacks whose time is over; those that somebody holds or that fail are left, and told."""
    from automation.ephemeral import sweep

    raise typer.Exit(sweep(request(context, cwd, engine, None, as_json=json, yes=yes), release_locks_after, _ask))
