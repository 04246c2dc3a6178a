"""The flags that the commands share, and what they come to."""

import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automation.drivers import Choice

if TYPE_CHECKING:
    from automation.lifecycle import Request


class Color(StrEnum):
    """What `--color` may say."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"
    RAW = "raw"


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
Parallel = Annotated[int | None, typer.Option("--parallel", "-p", metavar="N", min=1, help="So many steps at a time.")]
PreviewOnly = Annotated[bool, typer.Option("--preview-only", help="Show what would be done, and do nothing.")]
EventLog = Annotated[Path | None, typer.Option("--event-log", metavar="FILE", help="Write the engine's events there.")]
PolicyPack = Annotated[
    list[str] | None, typer.Option("--policy-pack", metavar="FOLDER", help="Run this policy pack too.")
]
PolicyPackConfig = Annotated[
    list[str] | None, typer.Option("--policy-pack-config", metavar="FILE", help="Its configuration.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be cleared, and clear nothing.")]


def _flag(*names: str, text: str) -> Any:
    return Annotated[bool, typer.Option(*names, help=text)]


def _urns(*names: str, text: str) -> Any:
    named = typer.Option(*names, metavar="NAME", help=f"{text}, by name or URN, * for any; may be repeated.")
    return Annotated[list[str] | None, named]


def _file(name: str, *, text: str) -> Any:
    return Annotated[Path | None, typer.Option(name, metavar="FILE", help=f"{text}.")]


Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--target", "-t", metavar="NAME", help="Only this resource, by name or URN, * for any; may be repeated."
    ),
]

OPERATING: dict[str, tuple[Any, Any]] = {
    "stack": (Stack, None),
    "yes": (Yes, False),
    "skip_preview": (_flag("--skip-preview", "-f", text="Ask, without showing first what it will be."), False),
    "refresh": (Refresh, False),
    "target": (Targets, None),
    "target_dependents": (_flag("--target-dependents", text="And what depends on it."), False),
    "exclude": (_urns("--exclude", text="All but this resource"), None),
    "exclude_dependents": (_flag("--exclude-dependents", text="And what depends on it."), False),
    "replace": (_urns("--replace", text="Replace this resource"), None),
    "parallel": (Parallel, None),
    "continue_on_error": (_flag("--continue-on-error", text="Go on with what does not depend on a failure."), False),
    "clear_pending_creates": (_flag("--clear-pending-creates", text="Forget creations that never ended."), False),
    "expect_no_changes": (_flag("--expect-no-changes", text="Fail where there is anything to do."), False),
    "policy_pack": (PolicyPack, None),
    "policy_pack_config": (PolicyPackConfig, None),
    "message": (
        Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="A word for the history.")],
        "",
    ),
    "preview_only": (PreviewOnly, False),
    "json": (Json, False),
    "html": (_file("--html", text="Write the plan report there, as one page"), None),
    "markdown": (_file("--markdown", text="Write it as a comment for a pull request"), None),
    "json_file": (_file("--json-file", text="Write it as JSON; --json FILE and --json=FILE say the same"), None),
    "build": (_flag("--build", text="Build and measure a model that changes, for the report."), False),
    "diff": (_flag("--diff", text="Show every property with what becomes of it."), False),
    "event_log": (EventLog, None),
    "show_config": (_flag("--show-config", text="Show the configuration first."), False),
    "show_full_output": (_flag("--show-full-output", text="Show long texts in full."), False),
    "show_reads": (_flag("--show-reads", text="Show what is only read too."), False),
    "show_replacement_steps": (_flag("--show-replacement-steps", text="Show the parts of a replacement."), False),
    "show_sames": (_flag("--show-sames", text="Show what stays as it is too."), False),
    "show_secrets": (ShowSecrets, False),
    "suppress_outputs": (_flag("--suppress-outputs", text="Show no outputs."), False),
    "suppress_progress": (_flag("--suppress-progress", text="Draw nothing while it runs."), False),
    "color": (Annotated[Color, typer.Option("--color", help="When to colour.")], Color.AUTO),
    "verbose": (Verbose, False),
    "engine": (Engine, None),
    "cwd": (Cwd, None),
}
"""The flags of the four operations: the annotation that says all of each, and its default."""

_SHOWN = (
    "diff",
    "show_config",
    "show_full_output",
    "show_reads",
    "show_replacement_steps",
    "show_sames",
    "suppress_outputs",
    "suppress_progress",
)
_REPORT = ("html", "markdown", "json_file", "build")
_LACKING = {
    "preview": ("yes", "skip_preview", "preview_only", "show_secrets", "clear_pending_creates"),
    "up": ("clear_pending_creates", *_REPORT),
    "refresh": ("refresh", "replace", "policy_pack", "policy_pack_config", "continue_on_error", *_REPORT),
    "destroy": ("replace", "policy_pack", "policy_pack_config", "show_secrets", "clear_pending_creates", *_REPORT),
}


def takes(operation: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command of the form `f(context, **given)` the flags of an operation, so that typer sees them."""

    def dress(function: Callable[..., None]) -> Callable[..., None]:
        named = {name: flag for name, flag in OPERATING.items() if name not in _LACKING[operation]}
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)]
        parameters += [
            inspect.Parameter(name, kind, default=default, annotation=annotation)
            for name, (annotation, default) in named.items()
        ]
        dressed: Any = function
        dressed.__signature__ = inspect.Signature(parameters)
        dressed.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return function

    return dress


def asked(context: typer.Context, given: dict[str, Any]) -> "Request":
    """What the flags of an operation come to."""
    from automation.drivers import Options
    from automation.lifecycle import Request
    from automation.wanted import Wanted
    from engine.display.options import Options as Shown

    outer_cwd, outer_engine = context.find_root().obj or (None, None)

    def several(name: str) -> tuple[str, ...]:
        return tuple(given.get(name) or ())

    options = Options(
        parallel=given.get("parallel"),
        refresh=bool(given.get("refresh")),
        targets=several("target"),
        replace=several("replace"),
        target_dependents=given["target_dependents"],
        excludes=several("exclude"),
        exclude_dependents=given["exclude_dependents"],
        continue_on_error=bool(given.get("continue_on_error")),
        preview_only=bool(given.get("preview_only")),
        clear_pending_creates=bool(given.get("clear_pending_creates")),
        message=given["message"],
        policy_packs=several("policy_pack"),
        policy_pack_configs=several("policy_pack_config"),
    )
    shown = Shown(color=given["color"].value, **{name: given[name] for name in _SHOWN})
    return Request(
        given["cwd"] or outer_cwd or Path.cwd(),
        given["stack"],
        given["engine"] or outer_engine or Choice.AUTO,
        as_json=given["json"],
        yes=bool(given.get("yes")),
        skip_preview=bool(given.get("skip_preview")),
        show_secrets=bool(given.get("show_secrets")),
        verbose=given["verbose"],
        options=options,
        shown=shown,
        event_log=given["event_log"],
        expect_no_changes=given["expect_no_changes"],
        report=Wanted(given.get("html"), given.get("markdown"), given.get("json_file"), bool(given.get("build"))),
    )


def request(
    context: typer.Context, cwd: Path | None, engine: Choice | None, stack: str | None, **flags: Any
) -> "Request":
    """The flags of one command, with those given before its name where it has none of its own."""
    from automation.lifecycle import Request

    outer_cwd, outer_engine = context.find_root().obj or (None, None)
    where = cwd or outer_cwd or Path.cwd()
    return Request(where, stack, engine or outer_engine or Choice.AUTO, **flags)


def with_files(arguments: Sequence[str]) -> list[str]:
    """The words of a preview with `--json FILE` and `--json=FILE` as `--json-file FILE`: alone it prints to stdout."""
    words = list(arguments)
    if "preview" not in words:
        return words
    out: list[str] = words[: words.index("preview") + 1]
    rest = words[len(out) :]
    while rest:
        word = rest.pop(0)
        if word.startswith("--json="):
            out += ["--json-file", word.removeprefix("--json=")]
        elif word == "--json" and rest and not rest[0].startswith("-"):
            out += ["--json-file", rest.pop(0)]
        else:
            out.append(word)
    return out


_ENGINE_FLAGS = {"--non-interactive"}
_VERBS = {"preview", "pre", "up", "update", "refresh", "destroy", "down", "cancel", "stack", "config", "state"}


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
    from engine.__main__ import flags_off

    # what stands before the verb may be a flag of the CLI's, such as -C
    rest, _ = flags_off(words)
    if not rest or rest[0] not in _VERBS or {"--help", "-h"} & set(words):
        return None
    if any(word.partition("=")[0] in _ENGINE_FLAGS for word in words):
        return words
    # `stack export` goes there too: as the CLI does, it prints nothing but the deployment
    return words if rest[0] in ("config", "stack", "cancel") and rest[:2] != ["stack", "ls"] else None
