"""The flags that the commands share, and what they come to."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.drivers import Choice

if TYPE_CHECKING:
    from automation.lifecycle import Request

Stack = Annotated[
    str | None,
    typer.Option(
        "--stack", "-s", metavar="NAME", help="The stack; else PULUMI_STACK, else the only Pulumi.<stack>.yaml."
    ),
]
Engine = Annotated[
    Choice | None,
    typer.Option(
        "--engine", help="auto takes the Pulumi CLI where it is on PATH, else the embedded engine. [default: auto]"
    ),
]
Cwd = Annotated[Path | None, typer.Option("--cwd", "-C", metavar="FOLDER", help="The project's folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs; docs/cli.md describes it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ShowSecrets = Annotated[bool, typer.Option("--show-secrets", help="Print secret outputs in plain text.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Repeat errors as the engine wrote them, tracebacks included.")
]
Refresh = Annotated[bool, typer.Option("--refresh", help="Read what is really there first.")]
Target = Annotated[
    list[str] | None, typer.Option("--target", "-t", metavar="URN", help="Only this resource; may be repeated.")
]
Replace = Annotated[
    list[str] | None, typer.Option("--replace", metavar="URN", help="Replace this resource; may be repeated.")
]
Parallel = Annotated[int | None, typer.Option("--parallel", "-p", metavar="N", min=1, help="So many steps at a time.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be cleared, and clear nothing.")]


def request(
    context: typer.Context,
    cwd: Path | None,
    engine: Choice | None,
    stack: str | None,
    *,
    refresh: bool = False,
    target: list[str] | None = None,
    replace: list[str] | None = None,
    parallel: int | None = None,
    **flags: Any,
) -> "Request":
    """The flags of one command, with those given before its name where it has none of its own."""
    from automation.drivers import Options
    from automation.lifecycle import Request

    outer_cwd, outer_engine = context.find_root().obj or (None, None)
    options = Options(parallel, refresh, tuple(target or ()), tuple(replace or ()))
    where = cwd or outer_cwd or Path.cwd()
    return Request(where, stack, engine or outer_engine or Choice.AUTO, options=options, **flags)


_ENGINE_FLAGS = {"--non-interactive", "--event-log", "--skip-preview"}
_VERBS = {"preview", "up", "refresh", "destroy", "cancel", "stack", "config"}


def engine_verbs(arguments: Sequence[str]) -> list[str] | None:
    """What follows `--engine embedded` where it is written as for the Pulumi CLI; None where it is for this command.

    So that a script, or a conformance suite, that drives `pulumi` can drive the embedded engine with the same words.
    """
    words = list(arguments)
    if words[:2] == ["--engine", "embedded"]:
        words = words[2:]
    elif words[:1] == ["--engine=embedded"]:
        words = words[1:]
    else:
        return None
    if not words or words[0] not in _VERBS:
        return None
    # `stack export` goes there too: as the CLI does, it prints nothing but the deployment
    ours = words[0] not in ("config", "stack") and not any(w.partition("=")[0] in _ENGINE_FLAGS for w in words)
    bare_cancel = words[0] == "cancel" and not {"--help", "-h"} & set(words)
    return (
        None if (ours and not bare_cancel) or {"--help", "-h"} & set(words) or words[:2] == ["stack", "ls"] else words
    )
