"""A stack file that `modelport new` puts together: what is known of it, whether it holds, and what comes after it."""

import json
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from automation.exits import Exit, Failure

if TYPE_CHECKING:
    from automation.new_file import StackFile
    from automation.new_model import Graph
    from automation.new_targets import Need
    from stacks.spec import StackSpec


@dataclass
class Draft:
    """The stack file while it is put together."""

    root: Path
    file: "StackFile"
    target: str = ""
    stack: str = ""
    source: str = ""
    graph: "Graph | None" = None
    writes: bool = False
    """The model answers with texts."""
    told: list[str] = field(default_factory=list[str])
    """What was found out about the model, a line each."""
    open: "list[Need]" = field(default_factory=list["Need"])
    """What an example stands for."""

    @property
    def place(self) -> Path:
        return self.root / f"Pulumi.{self.stack}.yaml"


def header(draft: Draft) -> list[str]:
    """The comment at the top of the file."""
    from automation.new_targets import CALLERS

    lines: list[str] = []
    if (draft.root / "docs" / "stack.schema.json").is_file():
        lines.append("yaml-language-server: $schema=docs/stack.schema.json")
    lines.append(f"{draft.file.said.get('model.name')} on target {draft.target}, as `modelport new` wrote it.")
    if draft.target in CALLERS:
        lines.append(f"{CALLERS[draft.target][:1].upper()}{CALLERS[draft.target][1:]}.")
    pages = [f"docs/{name}.md" for name in (draft.target, "stack-file")]
    pages = [page for page in pages if (draft.root / page).is_file()]
    if pages:
        lines.append(f"More in {' and '.join(pages)}.")
    return lines


def check(draft: Draft, text: str) -> None:
    """What a preview refuses without an engine: the stack file's rules, and what is known of a model unseen."""
    from model_build import plan
    from stacks.spec import SpecError

    try:
        spec = valid(text, draft.stack)
    except SpecError as error:
        raise Failure(Exit.BAD_INPUT, *error.lines) from None
    _, wrong = plan.check({}, {"recipe": spec.model.canonical()}, draft.root)
    if wrong:
        raise Failure(Exit.BAD_INPUT, *[line.rpartition("bad input: ")[2] for _, line in wrong])


def valid(text: str, stack: str) -> "StackSpec":
    """What a stack file's text says. Raises SpecError."""
    from stacks.spec import StackSpec

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"Pulumi.{stack}.yaml"
        file.write_text(text, encoding="utf-8")
        return StackSpec.from_file(file)


def taken(file: Path) -> str:
    """The line for a file that is there already."""
    return (
        f"{file.name} is there already, expected a stack that is new; choose another --stack, or change that file by "
        "hand"
    )


def write(file: Path, text: str) -> None:
    """Make the file; one that is there by now stays."""
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise Failure(Exit.BAD_INPUT, taken(file)) from None
    except OSError as error:
        raise Failure(
            Exit.FAILED, f"{file} cannot be written: {(error.strerror or str(error)).lower()}, expected room for it"
        ) from None


def tell(draft: Draft, cwd: Path, *, as_json: bool) -> None:
    """Say what was written, what is still to be said, and what comes next."""
    commands = next_commands(draft, cwd)
    if as_json:
        told = {
            "schema": 1,
            "stack": draft.stack,
            "file": str(draft.place),
            "target": draft.target,
            "model": draft.told,
            "fill_in": [{"key": need.key, "what": need.what} for need in draft.open],
            "next": commands,
        }
        print(json.dumps(told))
        return
    print(f"wrote {draft.place.name}: {draft.file.said.get('model.name')} on target {draft.target}")
    for line in draft.told:
        print(f"  {line}")
    if draft.open:
        print("\nto be filled in before `up`, a preview goes without:")
        for need in draft.open:
            print(f"  {need.key}: {need.what}")
    # nothing in front of them: each can be marked and pasted as it stands
    print("\nnext:\n" + "\n".join(commands))


def next_commands(draft: Draft, cwd: Path) -> list[str]:
    """Lines for a shell in the current folder."""
    from engine.backend import state_dir

    where = "" if _within(Path.cwd(), draft.root) else f" -C {shlex.quote(str(cwd))}"
    program, rest = _called(), f"{where} -s {draft.stack}"
    lines = [f"{program} preview{rest}"]
    variables = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE")
    if draft.stack != "local" and not any(name in os.environ for name in variables):
        kept = state_dir() / "passphrases" / draft.stack
        folder, file = shlex.quote(str(kept.parent)), shlex.quote(str(kept))
        lines += [
            f"(umask 077; mkdir -p {folder}; test -e {file} || head -c 24 /dev/urandom | base64 > {file})",
            f"export PULUMI_CONFIG_PASSPHRASE_FILE={file}",
        ]
    if draft.target != "local":
        lines.append(f"{program} doctor{rest}")
    return [*lines, f"{program} up{rest}"]


def _within(here: Path, root: Path) -> bool:
    return here.resolve().is_relative_to(root)


def _called() -> str:
    """How this command is called from here."""
    script = Path(sys.argv[0])
    if script.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m automation"
    found = shutil.which(script.name)
    if found and Path(found).resolve() == script.resolve():
        return script.name
    here = Path.cwd()
    place = script.absolute()
    return shlex.quote(str(place.relative_to(here) if place.is_relative_to(here) else place))
