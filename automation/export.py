"""The command `export`: the model in a format of another runtime, out of its image into a folder."""

import json as text
import sys
from pathlib import Path
from typing import Annotated

import typer

from automation.exits import Exit, Failure
from automation.flags import Cwd, Engine, Json, Stack, request

SCHEMA = 1


def add(app: typer.Typer) -> None:
    """Give the command its verb."""
    app.command(
        epilog="\b\nmodelport export registry.example.com/models/digits@sha256:... --format ort --output digits\n"
        "modelport export registry.example.com/models/digits@sha256:... --format openvino --output digits "
        "--key release.pub\nmodelport export -s local --format ort --output digits --json | jq .files",
        short_help="Get the model out in a format of another runtime.",
    )(export)


def export(
    context: typer.Context,
    image: Annotated[
        str | None,
        typer.Argument(
            help="By digest: oci:PATH@sha256:... of this machine, or host/repository@sha256:...; without it, that of "
            "the stack's recipe, which is built where it is not yet."
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="ort, openvino, torchscript, savedmodel, tensorrt.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="DIR", help="Into this folder, new or empty.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="The public key, as PEM, that it has to be signed by.")
    ] = None,
    stack: Stack = None,
    json: Json = False,
    engine: Engine = None,
    cwd: Cwd = None,
) -> None:
    """Get the model out of its image in a format of another runtime, as `formats` in its recipe asked for.

    Every file is held to its digest; what is written was measured in that runtime when the image was built.
    """
    from automation.building import built
    from automation.verifying import key_text
    from model_build.errors import InputError, ModelBuildError
    from model_build.formats.taking import check, take

    if not name or output is None:
        raise Failure(Exit.BAD_INPUT, f"{'--output' if name else '--format'} is missing, expected it; export --help")
    pem = key_text(key)
    if image is None:
        try:
            check(name, output)  # before a build, which may take an hour
        except InputError as error:
            raise Failure(Exit.BAD_INPUT, str(error)) from None
        asked = request(context, cwd, engine, stack, as_json=json)
        image = built(asked, wants=name).layout_image
    try:
        taken = take(image, name, output, pem)
    except InputError as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None
    except ModelBuildError as error:
        raise Failure(Exit.FAILED, str(error)) from None
    if json:
        told = {"image": image, "format": name, "digest": taken.digest, "folder": str(output), "files": taken.files}
        print(text.dumps({"schema": SCHEMA, **told, "signed": taken.signed}))
        return
    for file, size in taken.files.items():
        print(f"{output / file}  {size:,} bytes")
    if key is None:
        print("by whom it was made is not known without a key: --key FILE", file=sys.stderr)
