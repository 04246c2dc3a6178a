"""`stack`, `config` and `state` with the words of Pulumi's CLI, on either engine."""

import itertools
import subprocess
import sys
from pathlib import Path

from automation.drivers import Choice, resolve
from automation.exits import Exit, Failure
from automation.projects import Target, find_root, select, stack_files

_OWN = ("--engine", "--cwd", "-C")


def pass_on(words: list[str], cwd: Path | None, engine: Choice | None) -> Exit:
    """Hand the words to the engine that is chosen; where no stack is named, the one that is meant is put in."""
    rest, own = _apart(words)
    where = Path(own.get("--cwd") or own.get("-C") or cwd or Path.cwd())
    try:
        choice = resolve(Choice(own["--engine"]) if "--engine" in own else engine or Choice.AUTO)
    except ValueError:
        raise Failure(
            Exit.BAD_INPUT, f"--engine is {own['--engine']!r}, expected auto, pulumi or embedded; choose one of them"
        ) from None
    if {"-h", "--help"} & set(rest):
        return _embedded(rest, where)
    root = find_root(where)
    target = _meant(rest, root)
    if target is not None and not _names_a_stack(rest):
        rest = [*rest, "--stack", target.stack]
    if choice is Choice.EMBEDDED:
        return _embedded(rest, root)
    return _official(rest, target or Target(root, (stack_files(root) or ["local"])[0]))


def _apart(words: list[str]) -> tuple[list[str], dict[str, str]]:
    """The words for the engine, and the flags that are ours."""
    rest: list[str] = []
    own: dict[str, str] = {}
    waiting = ""
    for word in words:
        name, equals, value = word.partition("=")
        if waiting:
            own[waiting], waiting = word, ""
        elif name in _OWN:
            own[name] = value
            waiting = "" if equals else name
        else:
            rest.append(word)
    return rest, own


def _names_a_stack(words: list[str]) -> bool:
    return any(word in ("--stack", "-s") or word.startswith("--stack=") for word in words)


def _meant(words: list[str], root: Path) -> Target | None:
    """The stack, where the words need one and name none; None where they name it themselves."""
    if _names_a_stack(words):
        named = next((b for a, b in itertools.pairwise(words) if a in ("--stack", "-s")), "")
        return Target(root, (named or next(w for w in words if w.startswith("--stack=")).partition("=")[2]))
    bare = [word for word in words[2:] if not word.startswith("-")]
    if words[:2] in (["stack", "init"], ["stack", "rm"]) and bare:
        return None
    return select(root, None, from_file=False)


def _embedded(words: list[str], root: Path) -> Exit:
    from engine import errors
    from engine.__main__ import dispatch, parse

    try:
        arguments = parse(words, "modelport")
    except SystemExit as ended:
        return Exit.DONE if ended.code in (0, None) else Exit.BAD_INPUT
    arguments.cwd = root
    try:
        code = dispatch(arguments, "modelport")
    except errors.StackLocked as error:
        raise Failure(Exit.LOCKED, str(error).replace("`pulumi ", "`modelport ")) from None
    except (errors.BadInput, errors.StackMissing, errors.WrongPassphrase) as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None
    except (errors.ProviderMissing, errors.PluginError) as error:
        raise Failure(Exit.MISSING, str(error)) from None
    except errors.EngineError as error:
        raise Failure(Exit.FAILED, str(error).replace("`pulumi ", "`modelport ")) from None
    return Exit.DONE if code == 0 else Exit.FAILED


def _official(words: list[str], target: Target) -> Exit:
    """The CLI itself, with our backend and passphrase; what it says goes straight through."""
    from automation.official import Official

    sys.stdout.flush()
    done = subprocess.run(["pulumi", *words], cwd=target.root, env=Official(target).environment())
    return Exit.DONE if done.returncode == 0 else Exit.BAD_INPUT if done.returncode in (2, 6) else Exit.FAILED
