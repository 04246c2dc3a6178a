"""`stack` and its verbs, `output` and `cancel`: what there is, and what becomes of it."""

import argparse
import json
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.api import Engine
from engine.command.tables import ago, moment, shell_word, stamp, table
from engine.display.facts import ROOT_TYPE, urn_name
from engine.errors import BadInput, EngineError, StackMissing
from engine.values import Props, items, part


def init(engine: Engine, args: argparse.Namespace) -> int:
    """Make the stack, with its salt in its file, and the configuration of another where that is asked for."""
    if args.secrets_provider not in ("default", "passphrase"):
        raise BadInput(
            f"--secrets-provider is {args.secrets_provider!r}, and the embedded engine knows 'passphrase' only; "
            "install the Pulumi CLI for this stack"
        )
    engine.init()
    if args.copy_config_from:
        source = Engine(args.cwd, args.copy_config_from)
        secret = {key for key, value in source.config_list().items() if value.secret}
        for key, value in source.config_list(show_secrets=True).items():
            engine.set_config(key, value.value or "", secret=key in secret)
    print(f"Created stack '{engine.stack.name}'")
    return 0


def ls(engine: Engine, args: argparse.Namespace) -> int:
    found = engine.stack_details(all_projects=args.all)
    own = engine.stack.project.name
    named = {each: each.name if each.project == own else each.full_name for each in found}
    if args.json or args.output == "json":
        rows: list[Props] = []
        for each in found:
            row: Props = {"name": named[each], "current": False}
            if each.updated:
                row["lastUpdate"] = moment(each.updated).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            row["resourceCount"] = each.resources
            rows.append(row)
        print(json.dumps(rows, indent=2))
        return 0
    lines = [
        (
            named[each],
            "in progress" if each.locked else ago(moment(each.updated)) if each.updated else "n/a",
            str(each.resources),
        )
        for each in found
    ]
    print(table(("NAME", "LAST UPDATE", "RESOURCE COUNT"), lines))
    return 0


def remove(engine: Engine, args: argparse.Namespace) -> int:
    name = engine.stack.name
    if not engine.exists():
        engine.stack.open()
    _must_agree(args)
    left = [r for r in items(engine.export()["deployment"], "resources") if r.get("type") != "pulumi:pulumi:Stack"]
    if left and not args.force:
        raise EngineError(
            f"'{name}' still has resources; removal rejected. Possible actions:\n"
            f"- Make sure that '{name}' is the stack that you want to destroy\n"
            "- Run `pulumi destroy` to delete the resources, then run `pulumi stack rm`\n"
            "- Run `pulumi stack rm --force` to override this error"
        )
    confirmed(args, f"This will permanently remove the '{name}' stack!", name)
    engine.remove(force=args.force, preserve_config=args.preserve_config, remove_backups=args.remove_backups)
    print(f"Stack '{name}' has been removed!")
    return 0


def _must_agree(args: argparse.Namespace) -> None:
    """Refuse where --yes is not given and nobody can be asked."""
    if not args.yes and (args.non_interactive or not sys.stdin.isatty()):
        raise BadInput("non-interactive mode requires --yes flag")


def confirmed(args: argparse.Namespace, warning: str, word: str) -> None:
    """Have the word typed, unless --yes is given; refuses where nobody can answer."""
    if args.yes:
        return
    _must_agree(args)
    print(warning)
    if input(f"Please confirm that this is what you'd like to do by typing `{word}`: ").strip() != word:
        raise EngineError("confirmation declined")


def rename(engine: Engine, args: argparse.Namespace) -> int:
    old = engine.stack.name
    if not engine.exists():
        raise StackMissing(f"no stack named '{old}' found")
    full = engine.rename(args.new)
    print(f"Renamed {old} to {full.rpartition('/')[2]}")
    return 0


def overview(engine: Engine, args: argparse.Namespace) -> int:
    """The stack in short: who keeps it, what is in it, what it puts out."""
    name = engine.stack.name
    if args.show_name:
        print(name)
        return 0
    _, data = engine.stack.read()
    latest = part(data["checkpoint"], "latest")
    manifest, resources = part(latest, "manifest"), items(latest, "resources")
    print(f"Current stack is {name}:\n    Managed by {socket.gethostname()}")
    if manifest.get("time"):
        when = moment(str(manifest["time"]))
        print(f"    Last updated: {ago(when)} ({when:%Y-%m-%d %H:%M:%S.%f} +0000 UTC)")
    if manifest.get("version"):
        print(f"    Pulumi version used: {manifest['version']}")
    print(f"Current stack resources ({len(resources)}):")
    if resources:
        _tree(resources, urns=args.show_urns, ids=args.show_ids)
        print()
        output(engine, argparse.Namespace(name=None, json=False, shell=False, show_secrets=args.show_secrets))
    else:
        print("    No resources currently in this stack")
    print("\nUse `pulumi stack select` to change stack; `pulumi stack ls` lists known ones")
    return 0


def _tree(resources: list[Props], *, urns: bool, ids: bool) -> None:
    """All resources below their parents, with their URNs and ids where these are asked for."""
    root = next((each for each in resources if each["type"] == ROOT_TYPE and not each.get("parent")), None)
    below: dict[str, list[Props]] = {}
    for each in resources:
        if each.get("parent"):
            below.setdefault(str(each["parent"]), []).append(each)
    if root is not None:
        orphans = [each for each in resources if not each.get("parent") and each is not root]
        below.setdefault(str(root["urn"]), []).extend(orphans)
    rows: list[tuple[str, str]] = []
    asides: list[list[str]] = []

    def walk(each: Props, padding: str, branch: str) -> None:
        urn = str(each["urn"])
        children = below.get(urn, [])
        rows.append((padding + branch + str(each["type"]), urn_name(urn)))
        inner = padding + {"├─ ": "│  ", "└─ ": "   "}.get(branch, "")
        beside = f"    {inner}{'│  ' if children else '   '}"
        asides.append([f"{beside}URN: {urn}"] if urns else [])
        asides[-1] += [f"{beside}ID: {each['id']}"] if ids and each.get("id") else []
        for place, child in enumerate(children):
            walk(child, inner, "└─ " if place == len(children) - 1 else "├─ ")

    for each in [root] if root is not None else resources:
        walk(each, "", "")
    head, *lines = table(("TYPE", "NAME"), rows, indent="    ").split("\n")
    print(head)
    for line, aside in zip(lines, asides, strict=True):
        print("\n".join([line, *aside]))


def export(engine: Engine, args: argparse.Namespace) -> int:
    text = json.dumps(engine.export(args.show_secrets), indent=4, ensure_ascii=False)
    if args.file:
        args.file.write_text(text + "\n", "utf-8")
    else:
        print(text)
    return 0


def bring(engine: Engine, args: argparse.Namespace) -> int:
    try:
        text = args.file.read_text("utf-8") if args.file else sys.stdin.read()
    except OSError as error:
        raise BadInput(f"{args.file}: cannot be read: {error.strerror}") from None
    for warning in engine.import_(text, force=args.force):
        print(f"warning: {warning}", file=sys.stderr)
    print("Import complete.")
    return 0


def history(engine: Engine, args: argparse.Namespace) -> int:
    found = engine.history(args.page_size, args.page)
    if args.json or args.output == "json":
        rows = [_told(engine, each, place, show_secrets=args.show_secrets) for place, each in enumerate(found)]
        print(json.dumps(rows, indent=2))
        return 0
    if not found:
        print("Stack has never been updated")
    for each in found:
        print(_paragraph(each, full=args.full_dates))
    return 0


def _told(engine: Engine, entry: Props, place: int, *, show_secrets: bool) -> Props:
    """A history file as `stack history --json` has it."""
    from engine import settings

    out: Props = {"version": entry.get("version", place), "kind": entry.get("kind")}
    out["startTime"] = stamp(int(entry.get("startTime") or 0))
    out["message"] = entry.get("message", "")
    out["environment"] = entry.get("environment") or {}
    found = settings.told(engine.stack, part(entry, "config"), show_secrets=show_secrets)
    out["config"] = {key: settings.as_json(value) for key, value in found.items()}
    out["result"] = entry.get("result")
    out["endTime"] = stamp(int(entry.get("endTime") or 0))
    out["resourceChanges"] = entry.get("resourceChanges") or {}
    return out


def _paragraph(entry: Props, *, full: bool) -> str:
    changes = part(entry, "resourceChanges")
    begun, ended = int(entry.get("startTime") or 0), int(entry.get("endTime") or 0)
    when = datetime.fromtimestamp(begun, UTC)
    lines = [
        f"UpdateKind: {entry.get('kind')}",
        f"Status: {entry.get('result')}",
        f"Message: {entry.get('message', '')}",
    ]
    if entry.get("version") is not None:
        lines.insert(0, f"Version: {entry['version']}")
    counts = (
        f"+{changes.get('create', 0)}-{changes.get('delete', 0)}~{changes.get('update', 0)} {changes.get('same', 0)}"
    )
    said = when.strftime("%Y-%m-%d %H:%M:%S UTC") if full else ago(when)
    lines.append(f"{counts} Updated {said} took {ended - begun}s")
    environment = part(entry, "environment")
    lines += [f"    {key}: {environment[key]}" for key in sorted(environment)]
    return "\n".join([*lines, ""])


def output(engine: Engine, args: argparse.Namespace) -> int:
    found = engine.outputs(args.show_secrets)
    if args.json and args.shell:
        raise BadInput("only one of --json and --shell may be set")
    if args.name:
        if args.name not in found:
            raise EngineError(f"current stack does not have output property '{args.name}'")
        value = found[args.name]
        if args.json:
            print(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True))
        elif args.shell:
            print(f"{args.name}={shell_word(_text(value))}")
        else:
            print(_text(value))
    elif args.json:
        print(json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True))
    elif args.shell:
        for key in sorted(found):
            print(f"{key}={shell_word(_text(found[key]))}")
    else:
        print(f"Current stack outputs ({len(found)}):")
        rows = [(key, _text(found[key])) for key in sorted(found)]
        print(
            table(("OUTPUT", "VALUE"), rows, indent="    ") if rows else "    No output values currently in this stack"
        )
    return 0


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def cancel(engine: Engine, args: argparse.Namespace) -> int:
    engine.stack.read()
    name = engine.stack.name
    # where nobody can be asked, the official CLI takes the command for a yes
    if sys.stdin.isatty() and not args.non_interactive:
        confirmed(args, f"This will irreversibly cancel the currently running update for '{name}'!", name)
    engine.cancel()
    print(f"The currently running update for '{name}' has been canceled!")
    return 0


VERBS: dict[str, Callable[[Engine, argparse.Namespace], int]] = {
    "init": init,
    "new": init,
    "create": init,
    "ls": ls,
    "list": ls,
    "rm": remove,
    "remove": remove,
    "rename": rename,
    "export": export,
    "import": bring,
    "history": history,
    "hist": history,
    "output": output,
}


def run(args: argparse.Namespace, name: Callable[[str | None, Path], str]) -> int:
    """The verb that `args.what` names, on the stack that is meant."""
    if args.what is None:
        return overview(Engine(args.cwd, name(args.stack, args.cwd)), args)
    given = getattr(args, "name", None) if args.what not in ("output",) else None
    if args.what in ("init", "new", "create") and not (given or args.stack):
        raise BadInput("missing stack name")
    if args.what in ("ls", "list"):
        return ls(Engine(args.cwd, args.stack or "dev"), args)
    return VERBS[args.what](Engine(args.cwd, name(given or args.stack, args.cwd)), args)
