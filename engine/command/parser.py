"""The flags of each verb, as the official CLI has them."""

import argparse
from pathlib import Path
from typing import Any, NoReturn, TypedDict

OPERATIONS = {
    "preview": "show what `up` would do, and do nothing",
    "up": "make the stack what the program says",
    "refresh": "read what is really there into the state",
    "destroy": "take the stack's resources away",
}

_ALIASES = {
    "up": ["update"],
    "preview": ["pre"],
    "destroy": ["down"],
    "rm": ["remove"],
    "ls": ["list"],
    "init": ["new", "create"],
    "history": ["hist"],
    "delete": ["remove"],
}


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, and where to read on. The exit code is the official CLI's."""

    def __init__(self, *args: Any, **more: Any) -> None:
        more.setdefault("allow_abbrev", False)
        super().__init__(*args, **more)

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ")
        told = f"unknown flag: {unknown}" if unknown != message and unknown.startswith("-") else message
        self.exit(1, f"error: {told}\nRun '{self.prog} --help' for usage.\n")


_KEY = "NAME, or NAMESPACE:NAME for another package's"
_URN = "the resource, by URN or name"


def parser(prog: str) -> argparse.ArgumentParser:
    """All verbs; the namespace has `verb`, and `what` for the verbs that have verbs of their own."""
    top = _Parser(prog=prog, description="Pulumi's verbs on the embedded engine.")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    common = _common()
    named = _Parser(add_help=False, parents=[common])
    named.add_argument("--stack", "-s", metavar="NAME", help="the stack; else PULUMI_STACK, else the only one here")
    for name, text in OPERATIONS.items():
        _operation(name, verbs.add_parser(name, parents=[named], aliases=_ALIASES.get(name, []), **_told(text)))
    cancel = verbs.add_parser("cancel", parents=[named], help="release a stack that a killed operation left locked")
    cancel.add_argument("name", nargs="?")
    _yes(cancel)
    _outputs(verbs.add_parser("output", parents=[named], help="the stack's outputs"))
    _stack(verbs.add_parser("stack", parents=[named], help="the stacks of the project"), common, named)
    _config(verbs.add_parser("config", help="the stack's configuration"), common, named)
    _state(verbs.add_parser("state", help="mend the state by hand"), named)
    return top


class _Texts(TypedDict):
    help: str
    description: str


def _told(text: str) -> _Texts:
    """A verb's line in the list of verbs, and the same as a sentence on its own page."""
    return {"help": text, "description": f"{text[0].upper()}{text[1:]}."}


def _common() -> _Parser:
    common = _Parser(add_help=False)
    common.add_argument("--non-interactive", action="store_true", help="ask nothing and draw nothing")
    common.add_argument("--cwd", "-C", type=Path, default=Path(), metavar="FOLDER", help="the project's folder")
    common.add_argument("--color", choices=("auto", "always", "never", "raw"), default="auto", help="when to colour")
    for flag in ("--emoji", "--logtostderr", "--logflow", "--disable-integrity-checking"):
        common.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    return common


def _yes(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--yes", "-y", action="store_true", help="do not ask")


def _several(verb: argparse.ArgumentParser, *flags: str, metavar: str, help: str) -> None:
    """A flag that may be repeated."""
    verb.add_argument(*flags, action="append", default=[], metavar=metavar, help=help)


def _operation(name: str, verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--event-log", type=Path, metavar="FILE", help="write the engine's events there, one a line")
    verb.add_argument("--parallel", "-p", type=int, default=0, metavar="N", help="so many steps at a time")
    _yes(verb)
    verb.add_argument("--skip-preview", "-f", action="store_true", help="go to work without showing what it will be")
    verb.add_argument("--preview-only", action="store_true", help="show what would be done, and do nothing")
    verb.add_argument("--refresh", "-r", nargs="?", const="true", default="", help="read what is really there first")
    _several(verb, "--target", "-t", metavar="URN", help="only this resource, by name or URN, * for any")
    verb.add_argument("--target-dependents", action="store_true", help="and what depends on it")
    _several(verb, "--exclude", "-x", metavar="URN", help="all but this resource")
    verb.add_argument("--exclude-dependents", action="store_true", help="and what depends on it")
    _several(verb, "--replace", metavar="URN", help="replace this resource")
    _several(verb, "--target-replace", metavar="URN", help="replace this resource and touch no other")
    verb.add_argument("--continue-on-error", action="store_true", help="go on with what does not depend on a failure")
    verb.add_argument(
        "--run-program", action="store_true", help="a refresh or destroy runs the program, for settings and hooks"
    )
    if name != "refresh":
        verb.add_argument("--ignore-protect", action="store_true", help="delete and replace what is protected, too")
    verb.add_argument("--clear-pending-creates", action="store_true", help="forget creations that never ended")
    verb.add_argument("--expect-no-changes", action="store_true", help="fail where there is anything to do")
    verb.add_argument("--show-secrets", action="store_true", help="print secret outputs in plain text")
    verb.add_argument("--message", "-m", default="", help="a word for the history")
    if name in ("preview", "up"):
        _several(verb, "--policy-pack", metavar="FOLDER", help="run this policy pack")
        _several(verb, "--policy-pack-config", metavar="FILE", help="its configuration")
    if name == "destroy":
        verb.add_argument("--exclude-protected", action="store_true", help="all but what is protected")
        verb.add_argument("--remove", action="store_true", help="and the stack with its file")
    view = verb.add_argument_group("what is shown")
    view.add_argument("--diff", action="store_true", help="every property with what becomes of it")
    view.add_argument("--json", "-j", action="store_true", help="a preview as one document, else events, one a line")
    view.add_argument("--debug", "-d", action="store_true", help="the program's debugging words too")
    view.add_argument("--show-config", action="store_true", help="the configuration first")
    view.add_argument("--show-full-output", action="store_true", help="long texts in full")
    view.add_argument("--show-reads", action="store_true", help="what is only read too")
    view.add_argument("--show-replacement-steps", action="store_true", help="the parts of a replacement")
    view.add_argument("--show-sames", action="store_true", help="what stays as it is too")
    view.add_argument("--suppress-outputs", action="store_true", help="no outputs")
    view.add_argument("--suppress-progress", action="store_true", help="no movement and no ticks")
    view.add_argument("--suppress-permalink", nargs="?", help=argparse.SUPPRESS)


def _outputs(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("name", nargs="?", help="one output; without it, all")
    verb.add_argument("--json", "-j", action="store_true", help="as JSON")
    verb.add_argument("--shell", action="store_true", help="as assignments for a shell")
    verb.add_argument("--show-secrets", action="store_true", help="print secrets in plain text")


def _stack(stack: _Parser, common: _Parser, named: _Parser) -> None:
    stack.description = "Without a verb: the stack in short."
    stack.add_argument("--show-urns", "-u", action="store_true", help="the URN of each resource")
    stack.add_argument("--show-ids", "-i", action="store_true", help="the id of each resource")
    stack.add_argument("--show-name", action="store_true", help="the stack's name alone")
    stack.add_argument("--show-secrets", action="store_true", help="print secret outputs in plain text")
    what = stack.add_subparsers(dest="what", metavar="VERB")

    def add(name: str, parent: _Parser, text: str) -> _Parser:
        return what.add_parser(name, parents=[parent], aliases=_ALIASES.get(name, []), **_told(text))

    init = add("init", common, "make a stack")
    init.add_argument("name", nargs="?", help="its name")
    init.add_argument("--stack", "-s", metavar="NAME", help="its name")
    init.add_argument("--secrets-provider", default="passphrase", help="who keeps its secrets: passphrase")
    init.add_argument("--copy-config-from", metavar="NAME", help="begin with the configuration of that stack")
    init.add_argument("--no-select", action="store_true", help=argparse.SUPPRESS)
    _yes(init)
    listed = add("ls", common, "list the stacks")
    listed.add_argument("--json", "-j", action="store_true", help="as JSON")
    listed.add_argument("--output", choices=("default", "json"), default="default", help="the form")
    listed.add_argument("--all", "-a", action="store_true", help="those of other projects too")
    listed.add_argument("--stack", "-s", help=argparse.SUPPRESS)
    remove = add("rm", named, "forget a stack")
    remove.add_argument("name", nargs="?", help="the stack")
    remove.add_argument("--force", "-f", action="store_true", help="even while it has resources")
    remove.add_argument("--preserve-config", action="store_true", help="leave its Pulumi.<stack>.yaml")
    remove.add_argument("--remove-backups", action="store_true", help="take its backups too")
    _yes(remove)
    rename = add("rename", named, "give a stack another name")
    rename.add_argument("new", help="the new name")
    export = add("export", named, "print the state of a stack")
    export.add_argument("--file", type=Path, help="write it there")
    export.add_argument("--show-secrets", action="store_true", help="secrets in plain text")
    bring = add("import", named, "put an exported state in the place of a stack's own")
    bring.add_argument("--file", type=Path, help="read it from there; else from standard input")
    bring.add_argument("--force", "-f", action="store_true", help="even where it is of another stack, or looks wrong")
    history = add("history", named, "say what was done with a stack")
    history.add_argument("--json", "-j", action="store_true", help="as JSON")
    history.add_argument("--output", choices=("default", "json"), default="default", help="the form")
    history.add_argument("--page", type=int, default=1, metavar="N", help="which page; the first has the latest")
    history.add_argument("--page-size", type=int, default=10, metavar="N", help="how many on a page")
    history.add_argument("--full-dates", action="store_true", help="times in full")
    history.add_argument("--show-secrets", action="store_true", help="secret configuration in plain text")
    _outputs(add("output", named, "print the outputs of a stack"))


def _config(config: _Parser, common: _Parser, named: _Parser) -> None:
    # listing is the verb without a verb, so its flags belong to the group
    config.add_argument("--stack", "-s", metavar="NAME", help="the stack")
    config.add_argument("--json", "-j", action="store_true", help="as JSON")
    config.add_argument("--show-secrets", action="store_true", help="print secret values in plain text")
    config.add_argument("--cwd", "-C", type=Path, default=Path(), metavar="FOLDER")
    config.add_argument("--non-interactive", action="store_true", help=argparse.SUPPRESS)
    # a flag given before the verb must outlive the verb's own default
    later = _Parser(add_help=False)
    later.add_argument("--stack", "-s", metavar="NAME", default=argparse.SUPPRESS, help="the stack")
    later.add_argument("--cwd", "-C", type=Path, default=argparse.SUPPRESS, metavar="FOLDER")
    later.add_argument("--non-interactive", action="store_true", default=argparse.SUPPRESS)
    later.add_argument("--color", default="auto", help=argparse.SUPPRESS)
    what = config.add_subparsers(dest="what", metavar="VERB")
    get = what.add_parser("get", parents=[later], **_told("print one value"))
    get.add_argument("key", help=_KEY)
    get.add_argument("--path", action="store_true", help="the key is a path into an object")
    get.add_argument("--json", "-j", action="store_true", default=argparse.SUPPRESS, help="as JSON")
    put = what.add_parser("set", parents=[later], **_told("set one value; without it, it is read from standard input"))
    put.add_argument("key", help=_KEY)
    put.add_argument("value", nargs="?", help="the value")
    put.add_argument("--secret", action="store_true", help="encrypt it")
    put.add_argument("--plaintext", action="store_true", help="do not encrypt it")
    put.add_argument("--path", action="store_true", help="the key is a path into an object")
    put.add_argument("--type", default="", choices=("string", "int", "float", "bool"), help="what it is")
    put.add_argument("--raw", action="store_true", help="keep the line ends of standard input")
    remove = what.add_parser("rm", parents=[later], aliases=["remove"], **_told("take one value out"))
    remove.add_argument("key", help=_KEY)
    remove.add_argument("--path", action="store_true", help="the key is a path into an object")
    several = what.add_parser("set-all", parents=[later], **_told("set several values"))
    several.add_argument("--secret", action="append", default=[], metavar="KEY=VALUE", help="encrypt it")
    several.add_argument("--plaintext", action="append", default=[], metavar="KEY=VALUE", help="do not")
    several.add_argument("--path", action="store_true", help="the keys are paths into objects")


def _state(state: _Parser, named: _Parser) -> None:
    what = state.add_subparsers(dest="what", required=True, metavar="VERB")
    delete = what.add_parser(
        "delete", parents=[named], aliases=["remove"], **_told("forget a resource, and leave it alone")
    )
    delete.add_argument("urn", nargs="+", help=_URN)
    delete.add_argument("--force", action="store_true", help="even where it is protected")
    delete.add_argument("--target-dependents", action="store_true", help="and what depends on it")
    _yes(delete)
    for name, text in (("unprotect", "let a resource be deleted"), ("protect", "let a resource not be deleted")):
        guard = what.add_parser(name, parents=[named], **_told(text))
        guard.add_argument("urn", nargs="*", help=_URN)
        guard.add_argument("--all", action="store_true", help="all of them")
        _yes(guard)
    rename = what.add_parser("rename", parents=[named], **_told("give a resource another name in the state"))
    rename.add_argument("urn", help=_URN)
    rename.add_argument("new", help="the new name")
    _yes(rename)
