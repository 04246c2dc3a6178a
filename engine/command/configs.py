"""`config` and its verbs."""

import argparse
import json
import sys
from typing import Any

from engine.api import Engine
from engine.command.tables import table
from engine.config_paths import is_secure
from engine.errors import BadInput, StackMissing
from engine.settings import as_json
from engine.values import is_dict, is_list


def run(engine: Engine, args: argparse.Namespace, *, strict: bool) -> int:
    """The verb that `args.what` names; without one, the list. strict: a stack file without a stack is not enough."""
    if not engine.exists() and (strict or not engine.stack.file().file.exists()):
        raise StackMissing(f"no stack named '{engine.stack.name}' found")
    for key in filter(None, [getattr(args, "key", None)]):
        _known_form(key)
    if args.what is None:
        return _list(engine, args)
    if args.what == "get":
        value = engine.config_get(args.key, path=args.path)
        print(json.dumps(as_json(value), indent=2) if args.json else value.value)
    elif args.what == "set":
        _set(engine, args)
    elif args.what == "set-all":
        for words, secret in ((args.plaintext, False), (args.secret, True)):
            for word in words:
                key, equals, value = word.partition("=")
                if not equals:
                    raise BadInput(f"the value to set is {word!r}, expected KEY=VALUE")
                _known_form(key)
                engine.set_config(key, value, secret=secret, path=args.path)
    else:
        engine.config_remove(args.key, path=args.path)
    return 0


def _known_form(key: str) -> None:
    """Refuse a key that is neither NAME nor NAMESPACE:NAME; NAMESPACE:config:NAME is an old spelling."""
    parts = key.split(":")
    if len(parts) > 2 and (len(parts) > 3 or parts[1] != "config"):
        raise BadInput(
            f"invalid configuration key: could not parse {key} as a configuration key "
            "(configuration keys should be of the form `<namespace>:<name>`)"
        )


def _set(engine: Engine, args: argparse.Namespace) -> None:
    value = args.value
    if value is None:
        if sys.stdin.isatty() and not args.non_interactive:
            import getpass

            value = getpass.getpass("value: ") if args.secret else input("value: ")
        else:
            read = sys.stdin.read()
            value = read if args.raw else read.rstrip("\r\n")
    if args.secret and args.plaintext:
        raise BadInput("--secret and --plaintext are given, expected one of them; leave one out")
    engine.set_config(args.key, value, secret=args.secret, path=args.path, kind=args.type)


def _list(engine: Engine, args: argparse.Namespace) -> int:
    found = engine.config_list(show_secrets=args.show_secrets)
    if args.json:
        print(json.dumps({key: as_json(value) for key, value in found.items()}, indent=2, ensure_ascii=False))
        return 0
    own = f"{engine.stack.project.name}:"
    # those of other packages first, as the official CLI sorts by the full key
    raw = engine.stack.file().raw()
    rows: list[tuple[str, str]] = []
    for key, value in sorted(found.items()):
        text = _blinded(raw[key]) if value.value is None else value.value
        rows.append((key.removeprefix(own), text))
    print(table(("KEY", "VALUE"), rows))
    return 0


def _blinded(value: Any) -> str:
    """A value of the stack file with its secrets hidden; an object as JSON, so that the rest of it is seen."""

    def hidden(part: Any) -> Any:
        if is_secure(part):
            return "[secret]"
        if is_list(part):
            return [hidden(each) for each in part]
        return {key: hidden(each) for key, each in part.items()} if is_dict(part) else part

    shown = hidden(value)
    if isinstance(shown, str):
        return shown
    return json.dumps(shown, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
