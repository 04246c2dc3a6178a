"""`state` and its verbs: the state mended by hand, for what no program can express any more."""

import argparse
import difflib
import sys
from collections.abc import Callable
from typing import Any

from engine.api import Engine
from engine.command import targets
from engine.command.stacks import confirmed
from engine.display.facts import urn_name
from engine.errors import BadInput, EngineError
from engine.state import versioned
from engine.values import Props, items, part


def run(engine: Engine, args: argparse.Namespace) -> int:
    """The verb that `args.what` names."""
    verbs: dict[str, Callable[[list[Props], argparse.Namespace], str]] = {
        "delete": _delete,
        "remove": _delete,
        "protect": _protect,
        "unprotect": _unprotect,
        "rename": _rename,
    }
    stack = engine.stack
    # where nobody can be asked, the official CLI takes the command for a yes
    if sys.stdin.isatty() and not args.non_interactive:
        confirmed(args, "This command will edit your stack's state directly.", stack.name)
    with stack.held():
        _, data = stack.read()
        latest = part(data["checkpoint"], "latest")
        resources = items(latest, "resources")
        told = verbs[args.what](resources, args)
        latest["resources"] = resources
        versioned(latest)
        stack.backend.write_state(stack.project.name, stack.name, stack.checkpoint(latest))
    print(told)
    return 0


_LISTED = (
    "To list the resource URNs in the stack, run `pulumi stack --show-urns`; to inspect the full state, "
    "run `pulumi stack export`."
)


def _chosen(resources: list[Props], words: list[str]) -> list[Props]:
    """The resources that are meant, by URN or by name."""
    urns = [str(each["urn"]) for each in resources]
    targets.check(words, urns, flag="state")
    for word in words:
        if not targets.matches(word, urns):
            close = difflib.get_close_matches(word, urns, n=3, cutoff=0.9)
            meant = "".join(["Did you mean:\n", *(f"  {urn}\n" for urn in close)]) if close else ""
            raise BadInput(f'No such resource "{word}" exists in the current state\n{meant}{_LISTED}')
    found: list[Props] = []
    for word in words:
        mine = [each for each in resources if targets.matches(word, [str(each["urn"])])]
        if len(mine) > 1 and len({each["urn"] for each in mine}) > 1:
            several = ", ".join(str(each["urn"]) for each in mine)
            raise BadInput(f"state {word}: {len(mine)} resources have this name, expected one; give its URN: {several}")
        found += mine
    return found


def _needs(resource: Props) -> set[str]:
    """The URNs that a resource cannot be without."""
    out = {str(each) for each in items(resource, "dependencies")}
    for key in part(resource, "propertyDependencies"):
        out |= {str(each) for each in items(part(resource, "propertyDependencies"), key)}
    for key in ("parent", "deletedWith"):
        if resource.get(key):
            out.add(str(resource[key]))
    if resource.get("provider"):
        out.add(str(resource["provider"]).rpartition("::")[0])
    return out


def _delete(resources: list[Props], args: argparse.Namespace) -> str:
    chosen = _chosen(resources, args.urn)
    gone = {str(each["urn"]) for each in chosen}
    while more := {str(each["urn"]) for each in resources if _needs(each) & gone} - gone:
        if not args.target_dependents:
            listed = "".join(f" * {chr(34) + urn_name(urn) + chr(34):<15} ({urn})\n" for urn in sorted(more))
            raise EngineError(
                f"{' and '.join(sorted(gone))} can't be safely deleted because the following resources depend on it:\n"
                f"{listed}\nDelete those resources first or pass --target-dependents."
            )
        gone |= more
    kept = [each for each in resources if each["urn"] in gone and each.get("protect")]
    if kept and not args.force:
        raise EngineError(
            f"{', '.join(str(each['urn']) for each in kept)}: protected, expected a resource that may go; "
            "unprotect it with `state unprotect`, or add --force"
        )
    resources[:] = [each for each in resources if each["urn"] not in gone]
    return "Resource deleted" if len(gone) == 1 else f"{len(gone)} resources deleted"


def _protect(resources: list[Props], args: argparse.Namespace) -> str:
    return _guarded(resources, args, protect=True)


def _unprotect(resources: list[Props], args: argparse.Namespace) -> str:
    return _guarded(resources, args, protect=False)


def _guarded(resources: list[Props], args: argparse.Namespace, *, protect: bool) -> str:
    """Have resources protected or not."""
    if not args.all and not args.urn:
        raise BadInput("no resource is named, expected a URN or a name; or add --all")
    chosen = resources if args.all else _chosen(resources, args.urn)
    for each in chosen:
        each.pop("protect", None)
        if protect:
            each["protect"] = True
    word = "protected" if protect else "unprotected"
    return f"All resources {word}" if args.all else f"{len(chosen)} resources {word}"


def _rename(resources: list[Props], args: argparse.Namespace) -> str:
    old = str(_chosen(resources, [args.urn])[0]["urn"])
    new = f"{old.removesuffix(urn_name(old))}{args.new}"
    if any(each["urn"] == new for each in resources):
        raise BadInput(f"{new} is in the state already, expected a name that is free; choose another")
    resources[:] = [_renamed(each, old, new) for each in resources]
    return "Resource renamed"


def _renamed(value: Any, old: str, new: str) -> Any:
    """A resource with every mention of a URN changed; inputs and outputs are the program's own words and stay."""
    out: Props = dict(value)
    for key in ("urn", "parent", "deletedWith"):
        if out.get(key) == old:
            out[key] = new
    if str(out.get("provider", "")).startswith(f"{old}::"):
        out["provider"] = new + str(out["provider"]).removeprefix(old)
    if "dependencies" in out:
        out["dependencies"] = [new if each == old else each for each in out["dependencies"]]
    if "propertyDependencies" in out:
        out["propertyDependencies"] = {
            key: [new if each == old else each for each in items(out["propertyDependencies"], key)]
            for key in out["propertyDependencies"]
        }
    return out
