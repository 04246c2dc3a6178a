"""The `modelport` command: flags and help. What the commands do is imported when one runs, so that help is at once."""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from automation.exits import Exit, Failure, table
from automation.flags import (
    Cwd,
    DryRun,
    Engine,
    Json,
    Parallel,
    Refresh,
    Replace,
    ShowSecrets,
    Stack,
    Target,
    Verbose,
    Yes,
    engine_verbs,
    request,
)

# \b keeps click from filling a paragraph: the codes stay a table
EPILOG = f"\b\nExit codes:\n{table()}\n\nMore in docs/cli.md and docs/exit-codes.md."

app = typer.Typer(
    name="modelport",
    help="Take a trained model to an answering endpoint: convert, optimise, verify, bake, run.\n\n"
    "\b\nmodelport up -s local        the stack `local`, previewed and confirmed\n"
    "modelport up -s local --yes  the same without a question, for scripts\n"
    "modelport output -s local    where it answers\n"
    "modelport destroy            take it away again",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stack_app = typer.Typer(
    help="List the stacks of the project, or export the state of one.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(stack_app, name="stack")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"modelport {version('modelport')}")
        raise typer.Exit


@app.callback()
def top(
    context: typer.Context,
    cwd: Cwd = None,
    engine: Engine = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    context.obj = (cwd, engine)


def _ask(question: str) -> bool:
    return typer.confirm(question)


@app.command(
    epilog="\b\nmodelport preview -s local\n"
    "modelport preview -s local --json | jq 'select(.event == \"summary\").changes'"
)
def preview(
    context: typer.Context,
    stack: Stack = None,
    refresh: Refresh = False,
    target: Target = None,
    replace: Replace = None,
    parallel: Parallel = None,
    json: Json = False,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Show what `up` would do, and do nothing."""
    from automation.lifecycle import run

    asked = request(
        context,
        cwd,
        engine,
        stack,
        as_json=json,
        verbose=verbose,
        refresh=refresh,
        target=target,
        replace=replace,
        parallel=parallel,
    )
    raise typer.Exit(run("preview", asked, _ask))


@app.command(
    epilog="\b\nmodelport up -s local\nmodelport up -s local --yes\nmodelport up -s local --yes --json > events.jsonl"
)
def up(
    context: typer.Context,
    stack: Stack = None,
    yes: Yes = False,
    refresh: Refresh = False,
    target: Target = None,
    replace: Replace = None,
    parallel: Parallel = None,
    json: Json = False,
    show_secrets: ShowSecrets = False,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Make the stack what its file says: show the changes, ask, build, verify, run.

    With --yes nothing is asked and no preview is shown. Ctrl-C lets the running steps finish; twice stops at once.
    """
    from automation.lifecycle import run

    asked = request(
        context, cwd, engine, stack, as_json=json, yes=yes, show_secrets=show_secrets, verbose=verbose,
        refresh=refresh, target=target, replace=replace, parallel=parallel,
    )  # fmt: skip
    raise typer.Exit(run("up", asked, _ask))


@app.command(epilog="\b\nmodelport refresh -s local --yes")
def refresh(
    context: typer.Context,
    stack: Stack = None,
    yes: Yes = False,
    target: Target = None,
    parallel: Parallel = None,
    json: Json = False,
    show_secrets: ShowSecrets = False,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Read what is really there and write it into the state; the world is left as it is."""
    from automation.lifecycle import run

    asked = request(
        context,
        cwd,
        engine,
        stack,
        as_json=json,
        yes=yes,
        show_secrets=show_secrets,
        verbose=verbose,
        target=target,
        parallel=parallel,
    )
    raise typer.Exit(run("refresh", asked, _ask))


@app.command(epilog="\b\nmodelport destroy -s local --yes")
def destroy(
    context: typer.Context,
    stack: Stack = None,
    yes: Yes = False,
    target: Target = None,
    parallel: Parallel = None,
    json: Json = False,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Take the stack's resources away. Images are kept unless the stack file says otherwise; `gc` clears them."""
    from automation.lifecycle import run

    asked = request(
        context, cwd, engine, stack, as_json=json, yes=yes, verbose=verbose, target=target, parallel=parallel
    )
    raise typer.Exit(run("destroy", asked, _ask))


@app.command(epilog="\b\nmodelport cancel -s local")
def cancel(
    context: typer.Context, stack: Stack = None, yes: Yes = False, engine: Engine = None, cwd: Cwd = None
) -> None:
    """Release a stack that a killed operation left locked."""
    from automation.lifecycle import cancel as do

    raise typer.Exit(do(request(context, cwd, engine, stack, yes=yes), _ask))


@app.command(
    epilog="\b\nmodelport output -s local\n"
    'curl "$(modelport output endpoint -s local)/v2/health/ready"\nmodelport output -s local --json'
)
def output(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="One output; without it, all.")] = None,
    stack: Stack = None,
    json: Json = False,
    show_secrets: ShowSecrets = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Print the stack's outputs."""
    from automation.inspecting import output as do

    raise typer.Exit(do(request(context, cwd, engine, stack, as_json=json, show_secrets=show_secrets), name))


@app.command(epilog="\b\nmodelport build -s local\nmodelport build -s local --json | jq .chosen")
def build(
    context: typer.Context,
    stack: Stack = None,
    json: Json = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Run the model's part alone: fetch, convert, optimise, verify, bake. No infrastructure is touched."""
    from automation.building import build as do

    raise typer.Exit(do(request(context, cwd, engine, stack, as_json=json)))


@app.command(epilog="\b\nmodelport report -s local\nmodelport report -s local --open")
def report(
    context: typer.Context,
    stack: Stack = None,
    json: Json = False,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Say where the report of the model that runs is, and what it says in short."""
    from automation.inspecting import report as do

    raise typer.Exit(do(request(context, cwd, engine, stack, as_json=json), show=show))


@app.command(epilog="\b\nmodelport gc --dry-run\nmodelport gc --yes")
def gc(
    context: typer.Context,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Clear build caches, and images that no stack refers to."""
    from automation.building import collect

    raise typer.Exit(collect(request(context, cwd, engine, None, as_json=json, yes=yes), dry_run=dry_run, ask=_ask))


@app.command(epilog="\b\nmodelport doctor\nmodelport doctor --json | jq '.checks[] | select(.status != \"ok\")'")
def doctor(
    context: typer.Context, stack: Stack = None, json: Json = False, engine: Engine = None, cwd: Cwd = None
) -> None:
    """Check this machine: Python, engines, container runtimes, ports, disk, registries. Says the fix for each."""
    from automation.doctor import run

    raise typer.Exit(run(request(context, cwd, engine, stack, as_json=json)))


@stack_app.command("ls")
def stack_ls(context: typer.Context, json: Json = False, engine: Engine = None, cwd: Cwd = None) -> None:
    """List the stacks that have a file here or a state in the backend."""
    from automation.inspecting import stacks

    raise typer.Exit(stacks(request(context, cwd, engine, None, as_json=json)))


@stack_app.command("export")
def stack_export(
    context: typer.Context,
    stack: Stack = None,
    show_secrets: ShowSecrets = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Print the state as `pulumi stack export` does."""
    from automation.inspecting import export

    raise typer.Exit(export(request(context, cwd, engine, stack, show_secrets=show_secrets)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with one of `Exit`'s codes."""
    raise SystemExit(int(_run(list(sys.argv[1:] if arguments is None else arguments))))


def _run(arguments: list[str]) -> int:
    if (words := engine_verbs(arguments)) is not None:
        from engine.__main__ import main as engine_main

        return engine_main(words)
    if sys.stdout is None:  # closed by the caller, who wants no word and still wants the work
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    try:
        code = app(arguments, standalone_mode=False)
        with contextlib.suppress(BrokenPipeError):  # a reader that went away has read enough
            sys.stdout.flush()
        return code if isinstance(code, int) else Exit.DONE
    except Failure as failure:
        return _told(failure, as_json="--json" in arguments)
    except typer.Abort:
        print("\naborted; nothing was done", file=sys.stderr)
        return Exit.INTERRUPTED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return Exit.INTERRUPTED
    except typer.TyperException as error:
        return _refused(error)
    except Exception as error:
        if {"-v", "--verbose"} & set(arguments):
            raise
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            full = "there is no room left where standard output or a file goes, expected some; free some"
            # What waits to be written would fail once more at the interpreter's end, with words and a code of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return _told(Failure(Exit.FAILED, full), as_json=False)
        said = " ".join(f"{type(error).__name__}: {error}".split())
        mistake = f"{said}; this is a mistake in modelport itself, expected never to be seen; -v shows where it is"
        return _told(Failure(Exit.FAILED, mistake), as_json="--json" in arguments)


def _refused(error: typer.TyperException) -> int:
    """A mistake in the flags; typer words it, with the usage above."""
    if (show := getattr(error, "show", None)) is not None:
        show()
    else:
        print(f"error: {error}", file=sys.stderr)
    return Exit.BAD_INPUT


def _told(failure: Failure, *, as_json: bool) -> int:
    for message in failure.messages:
        print(f"error: {message}", file=sys.stderr)
    if as_json:
        import json

        from automation.operate import refusal

        print(json.dumps(refusal(failure)))
    return failure.code
