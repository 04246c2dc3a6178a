"""The `modelport` command: flags and help. What the commands do is imported when one runs, so that help is at once."""

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from automation import export, pricing, size, stages
from automation.exits import Exit, Failure, table
from automation.flags import (
    Cwd,
    DryRun,
    Engine,
    Json,
    Parallel,
    PreviewOnly,
    ShowSecrets,
    Stack,
    Targets,
    Verbose,
    Yes,
    asked,
    engine_verbs,
    request,
    takes,
    with_files,
)
from engine import collector

if TYPE_CHECKING:
    from automation.drivers import Operation

# \b keeps click from filling a paragraph: the codes stay a table
EPILOG = f"\b\nExit codes:\n{table()}\n\nMore in docs/cli.md and docs/exit-codes.md."

ORDER = [
    "new", "preview", "up", "output", "report", "refresh", "drift", "destroy", "build", "verify", "export", "rollback",
    "promote", "ephemeral", "size", "prices", "gc", "cancel", "doctor", "stack", "config", "state",
]  # fmt: skip
"""As somebody comes to need them: what is first begins."""


class Ordered(TyperGroup):
    """Lists its commands in that order, whichever module adds them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    name="modelport",
    cls=Ordered,
    help="Take a trained model to an answering endpoint: convert, optimise, verify, bake, run.\n\n"
    "\b\nmodelport new                a stack file for a model of yours\n"
    "modelport up -s local        the stack `local`, previewed and confirmed\n"
    "modelport up -s local --yes  the same without a question, for scripts\n"
    "modelport output -s local    where it answers\n"
    "modelport destroy -s local   take it away again",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
stack_app = typer.Typer(
    help="The stacks of the project: list, make, rename, export, import, forget.",
    short_help="The stacks of the project.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(stack_app, name="stack")
stages.add(app)
pricing.add(app)
size.add(app)
export.add(app)


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
    epilog="\b\nmodelport preview -s local\nmodelport preview -s local --diff\n"
    "modelport preview -s local --json | jq .changeSummary\n"
    "modelport preview -s prod --policy-pack policies --html report.html --markdown comment.md",
    short_help="Show what up would do, and do nothing.",
)
@takes("preview")
def preview(context: typer.Context, **given: Any) -> None:
    """Show what `up` would do, and do nothing."""
    _operate("preview", context, given)


@app.command(
    epilog="\b\nmodelport up -s local\nmodelport up -s local --yes\nmodelport up -s local --yes --json > events.jsonl",
    short_help="Make the stack what its file says.",
)
@takes("up")
def up(context: typer.Context, **given: Any) -> None:
    """Make the stack what its file says: show the changes, ask, build, verify, run.

    With --yes nothing is asked and no preview is shown. Ctrl-C lets the running steps finish; twice stops at once.
    """
    _operate("up", context, given)


@app.command(
    epilog="\b\nmodelport refresh -s local --yes\nmodelport refresh -s local --preview-only --diff",
    short_help="Read what is really there into the state.",
)
@takes("refresh")
def refresh(context: typer.Context, **given: Any) -> None:
    """Read what is really there and write it into the state; the world is left as it is."""
    _operate("refresh", context, given)


@app.command(epilog="\b\nmodelport destroy -s local --yes\nmodelport destroy -s local --target 'web-*'")
@takes("destroy")
def destroy(context: typer.Context, **given: Any) -> None:
    """Take the stack's resources away. Images are kept unless the stack file says otherwise; `gc` clears them."""
    _operate("destroy", context, given)


def _operate(operation: "Operation", context: typer.Context, given: dict[str, Any]) -> None:
    from automation.lifecycle import run

    raise typer.Exit(run(operation, asked(context, given), _ask))


@app.command(
    epilog="\b\nmodelport drift -s prod\nmodelport drift -s prod --json | jq '.resources[].name'",
    short_help="Say what is no longer as the state says.",
)
def drift(
    context: typer.Context,
    stack: Stack = None,
    target: Targets = None,
    parallel: Parallel = None,
    json: Json = False,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Say what is no longer as the state says, and change nothing: exit code 7 where there is anything.

    Each resource is read as a refresh reads it; what was never made by this stack is not seen.
    """
    from automation.drift import drift as do
    from automation.drivers import Options

    options = Options(targets=tuple(target or ()), parallel=parallel)
    asked_for = request(context, cwd, engine, stack, as_json=json, verbose=verbose, options=options)
    raise typer.Exit(do(asked_for))


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


@app.command(
    epilog="\b\nmodelport build -s local\nmodelport build -s local --json | jq .chosen",
    short_help="Run the model's part alone.",
)
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


@app.command(
    epilog="\b\nmodelport verify oci:$HOME/.local/share/modelport/images@sha256:... --key release.pub\n"
    "modelport verify registry.example.com/models/digits@sha256:... --key release.pub\n"
    "modelport verify registry.example.com/models/digits@sha256:... --json | jq .passed",
    short_help="Check an image: bytes, verdict, contents, origin, signature.",
)
def verify(
    image: Annotated[
        str, typer.Argument(help="By digest: oci:PATH@sha256:... of this machine, or host/repository@sha256:...")
    ],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The public key, as PEM, that it has to be signed by.")
    ] = None,
    json: Json = False,
) -> None:
    """Check an image and what is attached to it: bytes, the report's verdict, bill of materials, origin, signature.

    Nothing is run, and nobody is asked but the registry that the image is in. Exit code 1 where anything does not hold.
    """
    from automation.verifying import verify as do

    raise typer.Exit(do(image, key, as_json=json))


@app.command(
    epilog="\b\nmodelport rollback -s dev\nmodelport rollback --list -s dev\nmodelport rollback 3f9a1c -s dev --yes\n"
    "modelport rollback --to 4 -s dev --preview-only",
    short_help="Return to a version that served before.",
)
def rollback(
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(help="Its digest or the beginning of it, or its version; without it, the one before."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="N", help="Its number in the history; anything else is as VERSION.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Say which versions have served, and do nothing.")] = False,
    service: Annotated[str | None, typer.Option("--service", metavar="NAME", help="Where a stack has several.")] = None,
    stack: Stack = None,
    yes: Yes = False,
    preview_only: PreviewOnly = False,
    json: Json = False,
    verbose: Verbose = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Return to a version that served before: an up whose candidate is that version.

    In a cluster it is promoted at once, without steps; where AWS releases, it comes as every release does.
    """
    from automation.drivers import Options
    from automation.rollback import rollback as do

    options = Options(preview_only=preview_only)
    asked_for = request(context, cwd, engine, stack, as_json=json, yes=yes, verbose=verbose, options=options)
    raise typer.Exit(do(asked_for, version, to=to, service=service, only_list=show, ask=_ask))


@app.command(
    epilog="\b\nmodelport report -s local\nmodelport report -s local --open",
    short_help="Say where the report is, and what it says.",
)
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


@app.command(
    epilog="\b\nmodelport new\nmodelport new --model models/churn.onnx --data models/holdout.npz --target local\n"
    "modelport new --model digits --target aws-ecs --stack prod --set ecs.region=eu-west-1 --yes",
    short_help="Write a stack file for a model and a target.",
)
def new(
    context: typer.Context,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="A file, module:function, package:NAME/path, or the model of another stack."
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="What it is measured on: .npz or .csv with labels, or module:function.")
    ] = None,
    target: Annotated[str | None, typer.Option("--target", "-t", help="Where it goes, as local or aws-ecs.")] = None,
    stack: Annotated[str | None, typer.Option("--stack", "-s", metavar="NAME", help="What to call the stack.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A key of the file, as endpoint.port=8090; may be repeated."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; take what would be suggested.")] = False,
    json: Json = False,
    cwd: Cwd = None,
) -> None:
    """Write a stack file for a model and a target: valid, short, and one that a preview takes at once.

    On a terminal it asks for what no flag says. No file is overwritten, and nothing is built or called.
    """
    from automation.new import Wanted
    from automation.new import new as do

    outer_cwd, _ = context.find_root().obj or (None, None)
    where = cwd or outer_cwd or Path.cwd()
    wanted = Wanted(where, model, data, target, stack, tuple(settings or ()), yes=yes, as_json=json)
    raise typer.Exit(do(wanted, lambda question, suggested: typer.prompt(question, default=suggested or None)))


@app.command(
    epilog="\b\nmodelport doctor\nmodelport doctor --json | jq '.checks[] | select(.status != \"ok\")'",
    short_help="Check this machine, and say the fix for each.",
)
def doctor(
    context: typer.Context,
    stack: Stack = None,
    install: Annotated[
        bool, typer.Option("--install", help="Run the official installer of the Pulumi CLI first, where that is not.")
    ] = False,
    json: Json = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Check this machine, and what each stack's target wants of it: tools, plugins, credentials, clock, disk, ports.

    Says the fix for each, and changes nothing: the Pulumi CLI is installed only with --install, or after a yes.
    """
    from automation.doctor import run

    raise typer.Exit(run(request(context, cwd, engine, stack, as_json=json), _ask, install=install))


@stack_app.command("ls")
def stack_ls(context: typer.Context, json: Json = False, engine: Engine = None, cwd: Cwd = None) -> None:
    """List the stacks that have a file here or a state in the backend."""
    from automation.inspecting import stacks

    raise typer.Exit(stacks(request(context, cwd, engine, None, as_json=json)))


@stack_app.command("export")
def stack_export(
    context: typer.Context,
    stack: Stack = None,
    file: Annotated[Path | None, typer.Option("--file", help="Into this file, readable by you alone.")] = None,
    show_secrets: ShowSecrets = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Print the state as `pulumi stack export` does."""
    from automation.inspecting import export

    raise typer.Exit(export(request(context, cwd, engine, stack, show_secrets=show_secrets), file))


_PASSED: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _passes(group: typer.Typer, words: list[str], text: str) -> None:
    """A command whose words go to the engine as they are: its flags are those of the official CLI."""

    @group.command(words[-1], help=text, context_settings=_PASSED, add_help_option=False)
    def _(context: typer.Context) -> None:
        from automation.verbs import pass_on

        outer_cwd, outer_engine = context.find_root().obj or (None, None)
        raise typer.Exit(pass_on([*words, *context.args], outer_cwd, outer_engine))


for _word, _text in (
    ("init", "Make a stack."),
    ("rm", "Forget a stack that has no resources, and its file."),
    ("rename", "Give a stack another name, in its state and its file."),
    ("import", "Put an exported state in the place of a stack's own."),
    ("history", "Say what was done with a stack."),
    ("output", "Print a stack's outputs."),
):
    _passes(stack_app, ["stack", _word], _text)
_passes(app, ["config"], "Configuration: list, get, set, set-all, rm.")
_passes(app, ["state"], "Mend a state by hand: delete, protect, unprotect, rename.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and end the process with one of `Exit`'s codes."""
    collector.spare()
    if file := os.environ.get("MODELPORT_SIGNING_KEY_FILE"):
        # The program runs in the project's folder, and the name is meant from where the command is called.
        os.environ["MODELPORT_SIGNING_KEY_FILE"] = str(Path(file).absolute())
    raise SystemExit(int(_run(list(sys.argv[1:] if arguments is None else arguments))))


def _run(arguments: list[str]) -> int:
    arguments = with_files(arguments)
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
        preview = bool({"preview", "--preview-only"} & set(arguments))
        return _told(failure, as_json="--json" in arguments, preview=preview)
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
    """A mistake in the flags: typer's words in one line, and where to read on. No word at all gets the help."""
    if type(error).__name__.startswith("NoArgs"):
        print(error.format_message(), file=sys.stderr)
        return Exit.BAD_INPUT
    context: typer.Context | None = getattr(error, "ctx", None)
    said = " ".join(error.format_message().split()).removesuffix(".")
    where = context.command_path if context is not None else "modelport"
    print(f"error: {said[:1].lower()}{said[1:]}; {where} --help lists what there is", file=sys.stderr)
    return Exit.BAD_INPUT


def _told(failure: Failure, *, as_json: bool, preview: bool = False) -> int:
    for message in failure.messages:
        print(f"error: {message}", file=sys.stderr)
    if as_json:
        from automation.showing import refusal

        print(refusal(failure, preview=preview))
    return failure.code
