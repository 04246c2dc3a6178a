"""`doctor`: what this machine has and lacks, each with the fix.

Nothing is changed but by the official installer of the Pulumi CLI, which runs where somebody says so.
"""

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from automation import checks, checks_targets, installer, printers
from automation.drivers import Choice
from automation.exits import Exit, Failure
from automation.lifecycle import Request
from automation.projects import Target, find_root, stack_files

if TYPE_CHECKING:
    from stacks.spec import StackSpec

Status = Literal["ok", "note", "fail"]
"""`note` is something to know that stops nothing."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's."""

    name: str
    status: Status
    found: str
    fix: str = ""


def run(request: Request, ask: Callable[[str], bool], *, install: bool = False) -> Exit:
    """Every check, one line each; DONE when none failed, MISSING otherwise.

    install: run the installer of the Pulumi CLI first. Without it `ask` is asked, on a terminal where the CLI is not.
    """
    if install:
        _install(request)
    code = _look(request)
    if not install and _offers(request):
        print(f"\nthe Pulumi CLI is not here; its official installer: {installer.command()}")
        if ask("run it now?"):
            _install(request)
            print()
            code = _look(request)
    return code


def _offers(request: Request) -> bool:
    """Whether to ask about the installer: not somebody who has chosen the engine that does without the CLI."""
    asked_for = not request.as_json and request.engine is not Choice.EMBEDDED and installer.may_ask()
    if not asked_for or installer.present() is not None:
        return False
    with contextlib.suppress(Failure):  # an address that is none is a check of its own
        return bool(installer.address())
    return False


def _install(request: Request) -> None:
    out = sys.stderr if request.as_json else sys.stdout
    found = installer.present()
    if found is not None:
        print(f"the Pulumi CLI is here already: {found}", file=out)
    else:
        print(f"official installer: {installer.command()}", file=out)
        found = installer.install(out)
        print(f"installed: {found}", file=out)
    if line := installer.onto_path(found):
        print(f"for your shell:\n{line}", file=out)


def _look(request: Request) -> Exit:
    found = examine(request)
    failed = [check for check in found if check.status == "fail"]
    code = Exit.MISSING if failed else Exit.DONE
    if request.as_json:
        told = {"schema": 1, "ok": not failed, "exit_code": int(code), "checks": [asdict(check) for check in found]}
        print(json.dumps(told))
        return code
    show = _coloured if printers.fancy() else _plain
    for check in together(found):
        show(check)
    print(f"\n{_in_short(found, request)}")
    return code


def together(found: list[Check]) -> list[Check]:
    """As lines for people: what is the same for several stacks is said once, in the place of the first."""
    out: dict[tuple[str, ...], tuple[Check, list[str]]] = {}
    for check in found:
        stack, _, what = check.name.rpartition(": ")
        out.setdefault((what, check.status, check.found, check.fix), (check, []))[1].append(stack)
    return [
        replace(check, name=f"{', '.join(dict.fromkeys(stacks))}: {what[0]}" if stacks[0] else check.name)
        for what, (check, stacks) in out.items()
    ]


def _in_short(found: list[Check], request: Request) -> str:
    failed = sum(check.status == "fail" for check in found)
    if failed:
        notes = sum(check.status == "note" for check in found)
        return f"{failed} failed, {notes} noted, {len(found) - failed - notes} fine"
    stacks = [check.name.removeprefix("stack ") for check in found if check.name.startswith("stack ")]
    if request.stack or len(stacks) < 2:
        return f"ready: modelport up{f' -s {request.stack}' if request.stack else ''}"
    return "nothing failed; modelport doctor -s STACK says what an up of that stack wants"


def examine(request: Request) -> list[Check]:
    """The checks, in the order in which `up` would stumble over what they find."""
    out = [_of("python", checks.python), _of("packages", checks.packages), _of("virtualenv", checks.virtualenv)]
    try:
        root = find_root(request.cwd)
    except Failure as failure:
        return [*out, Check("project", "fail", failure.messages[0], "change to the project or give --cwd")]
    out.append(Check("project", "ok", str(root)))
    stacks = [request.stack] if request.stack else stack_files(root)
    if not stacks:
        out.append(Check("stacks", "note", "no Pulumi.<stack>.yaml", "modelport new writes one"))
    out.append(_of("program's Python", lambda: checks_targets.program_python(root)))
    out.append(_of("engine", lambda: checks.engine(request.engine)))
    out.append(_of("Pulumi CLI", checks_targets.pulumi_command))
    out.append(_of("backend", lambda: checks.backend(root)))
    out += [_of(f"{kind} folder", partial(checks.folder, kind)) for kind in checks.FOLDERS]
    out += [_of("disk", checks.disk), _of("containers", checks.containers)]
    for stack in stacks:
        out += _stack(Target(root, stack), request)
    return out


def _stack(target: Target, request: Request) -> list[Check]:
    try:
        spec = checks.stack_file(target)
    except checks.Wrong as wrong:
        return [Check(f"stack {target.stack}", "fail", wrong.found, wrong.fix)]
    if spec is None:
        return [Check(f"stack {target.stack}", "ok", "no Modelport stack file, nothing to check")]
    out = [Check(f"stack {target.stack}", "ok", f"{target.file.name} is valid")]
    out.append(_of(f"{target.stack}: passphrase", lambda: checks.passphrase(target.stack)))
    out += _named([_of(f"{target.stack}: to fill in", lambda: checks_targets.left_to_say(target.file))], request)
    if spec.target == "local":
        out.append(_of(f"{target.stack}: port", lambda: checks.port(spec.endpoint.port, target.stack)))
        if (tool := spec.endpoint.runtime) in ("docker", "podman"):
            out.append(_of(f"{target.stack}: {tool}", lambda: checks_targets.container_tool(tool)))
    built_with = _of(f"{target.stack}: frameworks", lambda: checks.frameworks(spec.model, target.root))
    out += _named([built_with], request)
    out.append(_of(f"{target.stack}: base", lambda: checks.base(spec.model.base)))
    if spec.target == "kubernetes":
        context = spec.kubernetes.context
        found = [_of(f"{target.stack}: cluster", lambda: checks_targets.cluster(context))]
        out += _named([*found, _of(f"{target.stack}: kubectl", checks_targets.kubectl)], request)
    if spec.image.push:
        destination = spec.image.push
        out += _named([_of(f"{target.stack}: registry", lambda: checks.registry(destination))], request)
    if spec.image.builder == "docker":
        found = [
            _of(f"{target.stack}: Docker", checks_targets.docker_daemon),
            _of(
                f"{target.stack}: Docker provider", lambda: checks.cloud_provider(target.root, request.engine, "docker")
            ),
        ]
        out += _named(found, request)
    if spec.image.signed_by:
        key = target.root / spec.image.signed_by
        out += _named([_of(f"{target.stack}: signing key", lambda: checks.signing_key(key))], request)
    if spec.target.startswith("aws-"):
        out += _aws(target, spec, request)
    if spec.target.startswith("gcp-"):
        out += _google(target, spec, request)
    return out


def _aws(target: Target, spec: "StackSpec", request: Request) -> list[Check]:
    """What an `up` on AWS wants of this machine. A preview wants none of it."""
    from stacks.specs.targets import ACCOUNTS

    name = target.stack
    found = [
        _of(f"{name}: AWS provider", lambda: checks.cloud_provider(target.root, request.engine, "aws")),
        _of(f"{name}: AWS credentials", checks.aws_credentials),
        _of(f"{name}: clock", lambda: checks_targets.aws_clock(getattr(spec, ACCOUNTS[spec.target]).region)),
    ]
    if spec.target == "aws-eks":
        found.append(_of(f"{name}: AWS command line", checks.aws_command))
        found.append(_of(f"{name}: kubectl", checks_targets.kubectl))
    return _named(found, request)


def _google(target: Target, spec: "StackSpec", request: Request) -> list[Check]:
    """What an `up` on Google Cloud wants of this machine."""
    name = target.stack
    found = [
        _of(f"{name}: Google provider", lambda: checks.cloud_provider(target.root, request.engine, "gcp")),
        _of(f"{name}: Google credentials", checks.google_credentials),
        _of(f"{name}: clock", checks_targets.google_clock),
    ]
    if spec.target == "gcp-gke":
        found.append(_of(f"{name}: GKE plugin", checks.google_command))
        found.append(_of(f"{name}: kubectl", checks_targets.kubectl))
    return _named(found, request)


def _named(found: list[Check], request: Request) -> list[Check]:
    """As they are for a stack that somebody named, and as notes for one that he did not."""
    if request.stack:
        return found
    return [replace(each, status="note") if each.status == "fail" else each for each in found]


def _of(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", look())
    except checks.Note as note:
        return Check(name, "note", note.found, note.fix)
    except checks.Wrong as wrong:
        return Check(name, "fail", wrong.found, wrong.fix)


def _plain(check: Check) -> None:
    fix = f"; fix: {check.fix}" if check.fix else ""
    print(f"{check.status:<5} {check.name}: {check.found}{fix}")


def _coloured(check: Check) -> None:
    from rich.console import Console

    style = {"ok": "green", "note": "yellow", "fail": "bold red"}[check.status]
    console = Console(highlight=False, soft_wrap=True, file=sys.stdout)
    console.print(f"{check.status:<5}", style=style, end="")
    console.print(f" {check.name}: {check.found}", markup=False)
    if check.fix:
        console.print(f"      fix: {check.fix}", markup=False, style="dim")
