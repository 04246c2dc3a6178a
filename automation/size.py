"""The command `size`: which machines carry a load, and what they cost."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from automation.flags import Cwd, Engine, Json, Stack, request


class Cloud(StrEnum):
    """What `--cloud` may say."""

    ALL = "all"
    AWS = "aws"
    GCP = "gcp"


def add(app: typer.Typer) -> None:
    """Give the command its verb."""
    app.command(
        epilog="\b\nmodelport size -s prod --rps 50\nmodelport size -s prod --rps 50 --p99-ms 100 --cloud aws\n"
        "modelport size -s prod --rps 50 --json | jq '.offers[0]'\nmodelport size -s prod --write\n"
        "modelport size -s prod --measure gpu.json --url http://10.0.0.7:8000 --machine g6.xlarge\n"
        "modelport size -s prod --rps 500 --measured gpu.json",
        short_help="Say which machines carry a load, the cheapest first.",
    )(size)


def size(
    context: typer.Context,
    stack: Stack = None,
    rps: Annotated[
        float | None, typer.Option("--rps", metavar="N", help="Requests a second. [default: load of the stack file]")
    ] = None,
    p99_ms: Annotated[
        float | None, typer.Option("--p99-ms", metavar="MS", help="Within which 99 of 100 are to be answered.")
    ] = None,
    headroom: Annotated[
        float | None, typer.Option("--headroom", metavar="SHARE", help="Of the processors, kept free. [default: 0.3]")
    ] = None,
    least: Annotated[
        int | None, typer.Option("--least", metavar="N", help="The fewest machines. [default: 2, so that one may fail]")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            "--speed", metavar="FACTOR", help="What a vCPU there does of what a core here does. [default: 0.5]"
        ),
    ] = None,
    cloud: Annotated[Cloud, typer.Option("--cloud", help="Whose machines.")] = Cloud.ALL,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region", metavar="NAME", help="Where; may be repeated. [default: the stack's, us-east-1, us-central1]"
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show all that carry it.")] = False,
    write: Annotated[
        bool,
        typer.Option("--write", help="Write the choice for the stack's target, whose machines are auto, in its file."),
    ] = False,
    measured: Annotated[
        list[Path] | None,
        typer.Option("--measured", metavar="FILE", help="What a machine did, as --measure wrote it; may be repeated."),
    ] = None,
    measure: Annotated[
        Path | None,
        typer.Option("--measure", metavar="FILE", help="Write what the machine does that --url is on, and no more."),
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="A server of the model, which is asked for --measure.")
    ] = None,
    machine: Annotated[
        str | None,
        typer.Option("--machine", metavar="TYPE", help="The type of machine that it runs on, as g6.xlarge."),
    ] = None,
    json: Json = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Say which machines, tasks and instances carry a load, the cheapest first, from what the build measured.

    It is reckoned, not measured: what is assumed is shown. docs/size.md says how it is done and how near it comes.
    """
    from automation.sizing.command import Asked
    from automation.sizing.command import size as do

    asked = Asked(rps, p99_ms, headroom, least, speed, cloud.value, tuple(region or ()), every, write)
    asked = replace(asked, measured=tuple(measured or ()), measure=measure, url=url, machine=machine)
    raise typer.Exit(do(request(context, cwd, engine, stack, as_json=json), asked))
