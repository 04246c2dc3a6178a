"""What a line of a shell names that is ours or has a published model: `modelport`, `make` and `aws`."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import typer

from automation.cli import app
from automation.flags import engine_verbs, with_files
from tests.docs.pages import ROOT

_ENDS: Final = ("|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "2>&1")
_WORD: Final = re.compile(r"^[A-Z_]+=")
_REMARK: Final = re.compile(r"(?<=\S)  +(?=\S).*$")
"""What stands behind a command in a list of them, after two spaces at least."""
_CUSTOM: Final = {("logs", "tail"): {"since", "follow", "format"}, ("eks", "update-kubeconfig"): {"name", "region"}}
"""Commands of AWS's command line that are no operation of a service."""
_EVERYWHERE: Final = {"query", "output", "region", "profile", "max-items", "no-cli-pager"}


def commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, without variables before them and comments behind them."""
    reader = shlex.shlex(_REMARK.sub("", line), posix=True, punctuation_chars="|&;<>")
    reader.whitespace_split = True
    reader.commenters = "#"
    words: list[str] = []
    for word in [*reader, ";"]:
        if word in _ENDS:
            while words and _WORD.match(words[0]):
                words.pop(0)
            if words:
                yield words
            words = []
        else:
            words.append(word)


def is_listed(line: str) -> bool:
    return _REMARK.search(line) is not None


def wrong(words: list[str]) -> str | None:
    """What is wrong with a command, if it is one that we know."""
    name = words[0].rpartition("/")[2]
    if name == "modelport":
        return _modelport(words[1:])
    if name == "make":
        return _make(words[1:])
    if name == "aws":
        return _aws(words[1:])
    return None


def _make(words: list[str]) -> str | None:
    named = [each for each in words if not each.startswith("-") and "=" not in each]
    unknown = set(named) - targets()
    return f"make has no target {', '.join(sorted(unknown))}" if unknown else None


@cache
def targets() -> set[str]:
    found: set[str] = set()
    for line in (ROOT / "Makefile").read_text().splitlines():
        if (rule := re.match(r"^([a-z][a-z -]*):(?!=)", line)) is not None:
            found |= set(rule.group(1).split())
    return found


def _modelport(words: list[str]) -> str | None:
    words = with_files(words)
    if (official := engine_verbs(words)) is not None:  # as the official command line takes it
        return _engine(official)
    command: Any = typer.main.get_command(app)
    path, rest = ["modelport"], list(words)
    while getattr(command, "commands", None):
        rest = _behind(command, rest)
        if not rest or rest[0].isupper():  # `modelport COMMAND --help`
            return None
        if rest[0] not in command.commands:
            return f"{' '.join(path)} has no command {rest[0]}"
        command = command.commands[rest[0]]
        path.append(rest.pop(0))
    try:
        command.make_context(" ".join(path), [each for each in rest if each not in ("--help", "-h")])
    except Exception as refused:
        return f"{' '.join(path)}: {getattr(refused, 'message', None) or refused}"
    return None


def _behind(group: Any, words: list[str]) -> list[str]:
    """What comes behind the options of a group itself."""
    flags = {name: each.is_flag for each in group.params for name in getattr(each, "opts", ())}
    flags |= dict.fromkeys(("--help", "-h"), True)
    while words and words[0].partition("=")[0] in flags:
        alone = flags[words[0].partition("=")[0]] or "=" in words[0]
        words = words[1 if alone else 2 :]
    return words


def _engine(words: list[str]) -> str | None:
    from engine.__main__ import parse

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parse(words, "pulumi")
    except SystemExit as ended:
        return said.getvalue().strip() if ended.code else None
    return None


def _aws(words: list[str]) -> str | None:
    from botocore import xform_name
    from botocore.session import Session

    service, operation, *rest = [*words, "", ""][: max(len(words), 2)]
    given = {each.removeprefix("--").partition("=")[0] for each in rest if re.match(r"--[a-z]", each)} - _EVERYWHERE
    if (service, operation) in _CUSTOM:
        unknown = given - _CUSTOM[(service, operation)]
        return f"aws {service} {operation} has no option {', '.join(sorted(unknown))}" if unknown else None
    try:
        model: Any = Session().get_service_model({"deploy": "codedeploy"}.get(service, service))
    except Exception as refused:
        return f"aws has no service {service}: {refused}"
    known = {xform_name(each, "-"): each for each in model.operation_names}
    if operation not in known:
        return f"aws {service} has no operation {operation}"
    shape = model.operation_model(known[operation]).input_shape
    members: Any = shape.members if shape is not None else {}
    options: set[str] = set()
    for member, about in members.items():
        options.add(xform_name(member, "-"))
        if about.type_name == "boolean":
            options.add(f"no-{xform_name(member, '-')}")
    unknown = given - options
    return f"aws {service} {operation} has no option {', '.join(sorted(unknown))}" if unknown else None
