"""The reference of components and commands, made of their own docstrings and types: `python -m scripts.reference`.

Writes docs/reference/ROOM.md for each room of components, and docs/reference/commands.md (`make docs`). The sources are
read and not imported, so what a page says is what stands there.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
ROOMS: Final = {
    "local": "What runs on this machine. `from components.local import NAME`.",
    "docker": "What Docker makes. `from components.docker import NAME`; it wants the extra `docker`.",
    "kubernetes": "What is in a cluster. `from components.kubernetes import NAME`; it wants the extra `kubernetes`.",
    "aws": "What stands on AWS. `from components.aws import NAME`; it wants the extra `aws`.",
    "gcp": "What stands on Google Cloud. `from components.gcp import NAME`; it wants the extra `gcp`.",
}
TITLES: Final = {
    "local": "This machine",
    "docker": "Docker",
    "kubernetes": "Kubernetes",
    "aws": "AWS",
    "gcp": "Google Cloud",
}
_PLAIN: Final = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Any": "anything"}
_THROUGH: Final = ("NotRequired", "Required", "Annotated", "Optional", "Output", "ReadOnly")
_LISTS: Final = ("Sequence", "list", "tuple")
_MAPS: Final = ("Mapping", "dict")
_HOW: Final = """\
Arguments are given as a dict, whose keys stand in the tables; what is marked *output* may also be an output of another
resource. Where a type is one of several words, the word does as well as the enumeration's member.

Made from the docstrings and types of the code: `make docs` writes this page, a test holds it to them.
"""


@dataclass(frozen=True)
class Key:
    """An argument or an output."""

    name: str
    type: ast.expr
    text: str


@dataclass
class Sources:
    """The classes of a package and what its modules call by other names."""

    classes: dict[str, ast.ClassDef] = field(default_factory=dict[str, ast.ClassDef])
    aliases: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])

    def read(self, folder: Path) -> None:
        for path in sorted(folder.rglob("*.py")):
            for each in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(each, ast.ClassDef):
                    self.classes.setdefault(each.name, each)
                elif isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                    self.aliases.setdefault(each.targets[0].id, each.value)

    def bases(self, name: str) -> Iterator[str]:
        for base in self.classes[name].bases:
            called = ast.unparse(base).rpartition(".")[2]
            yield called
            if called in self.classes:
                yield from self.bases(called)

    def is_enum(self, name: str) -> bool:
        return name in self.classes and not {"Enum", "StrEnum", "IntEnum"}.isdisjoint(self.bases(name))

    def is_arguments(self, name: str) -> bool:
        return name in self.classes and "TypedDict" in self.bases(name)

    def keys(self, name: str) -> list[Key]:
        """What a class annotates and tells of, that of its bases first."""
        found: dict[str, Key] = {}
        own = self.classes[name]
        for base in own.bases:
            called = ast.unparse(base).rpartition(".")[2]
            if called in self.classes:
                found |= {each.name: each for each in self.keys(called)}
        for each, after in pairwise([*own.body, ast.Pass()]):
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                called = each.target.id
                if not called.startswith("_"):
                    found[called] = Key(called, each.annotation, _text(after))
        return list(found.values())

    def values(self, name: str) -> list[tuple[str, str]]:
        """The words of an enumeration, each with what is told of it."""
        return [
            (str(each.value.value), _text(after))
            for each, after in pairwise([*self.classes[name].body, ast.Pass()])
            if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant)
        ]

    def arguments_of(self, name: str) -> str | None:
        """The class of a component's arguments."""
        for each in self.classes[name].body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                for argument in each.args.args:
                    if argument.arg == "args" and argument.annotation is not None:
                        return ast.unparse(argument.annotation)
        return None


_IMAGES: Final = """\
A model's image as a resource. `from model_build.resource import ModelImage`, `from model_build.image_copy import
ImageCopy`."""
_OPTIONS: Final = """\
Every command of `modelport` with its arguments and options, as `modelport COMMAND --help` says them.
[The command](../cli.md) says how they are meant, and what they print.

Made from the command line itself: `make docs` writes this page, a test holds it to that."""


def _text(after: ast.stmt) -> str:
    """The docstring of what stands before it."""
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
        return inspect.cleandoc(after.value.value)
    return ""


@dataclass
class Page:
    """One room: its components, then the types that their arguments are made of."""

    sources: Sources
    named: set[str] = field(default_factory=set[str])
    """Types that a table has named."""

    def type(self, annotation: ast.expr) -> str:
        if isinstance(annotation, ast.BinOp):
            sides = [annotation.left, annotation.right]
            return " or ".join(self.type(each) for each in sides if ast.unparse(each) != "None")
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            return self.type(ast.parse(annotation.value, mode="eval").body)
        if isinstance(annotation, ast.Subscript):
            return self._subscript(annotation)
        called = ast.unparse(annotation).rpartition(".")[2]
        if called in self.sources.aliases and called not in self.sources.classes:
            return self.type(self.sources.aliases[called])
        if self.sources.is_enum(called) or self.sources.is_arguments(called):
            self.named.add(called)
            return f"[{called}](#{called.lower()})"
        return _PLAIN.get(called, f"`{called}`")

    def _subscript(self, annotation: ast.Subscript) -> str:
        outer = ast.unparse(annotation.value).rpartition(".")[2]
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        if outer == "Input":
            return f"{self.type(parts[0])}, *output*"
        if outer in _THROUGH:
            return self.type(parts[0])
        if outer == "Literal":
            return " or ".join(f"`{ast.literal_eval(each)}`" for each in parts)
        if outer in _LISTS:
            return f"list of {_bare(self.type(parts[0]))}"
        if outer in _MAPS:
            value = _bare(self.type(parts[1]))
            return "mapping" if value == "anything" else f"mapping of names to {value}"
        raise ValueError(f"the type {ast.unparse(annotation)} has no words, expected one of those of {__file__}")

    def component(self, name: str) -> list[str]:
        made = self.sources.classes[name]
        lines = [f"## {name}", "", _plain(ast.get_docstring(made) or ""), ""]
        if (arguments := self.sources.arguments_of(name)) is not None:
            lines += self.table(arguments)
        outputs = [each for each in self.sources.keys(name) if "Output" in ast.unparse(each.type)]
        if outputs:
            lines += ["| Output | Type | What it is |", "| --- | --- | --- |"]
            lines += [f"| `{each.name}` | {self.type(each.type)} | {_cell(each.text)} |" for each in outputs]
            lines.append("")
        return lines

    def table(self, name: str) -> list[str]:
        """The keys of a class of arguments."""
        lines = ["| Argument | Type | Default | What it is |", "| --- | --- | --- | --- |"]
        for each in self.sources.keys(name):
            told, default = _default(each)
            lines.append(f"| `{each.name}` | {self.type(each.type)} | {_cell(default)} | {_cell(told)} |")
        return [*lines, ""]

    def types(self) -> list[str]:
        """All types that tables named, and those that theirs name."""
        sections: dict[str, list[str]] = {}
        while left := self.named - set(sections):
            for name in sorted(left):
                about = [f"### {name}", "", _plain(ast.get_docstring(self.sources.classes[name]) or ""), ""]
                if self.sources.is_enum(name):
                    words = self.sources.values(name)
                    about += ["| Word | What it means |", "| --- | --- |"]
                    about += [f"| `{word}` | {_cell(text)} |" for word, text in words] + [""]
                else:
                    about += self.table(name)
                sections[name] = about
        return ["## Types", "", *(line for name in sorted(sections) for line in sections[name])] if sections else []


def _bare(text: str) -> str:
    return text.removesuffix(", *output*")


def _default(key: Key) -> tuple[str, str]:
    """What a key is, and the first sentence on what holds without it."""
    told, _, rest = key.text.partition("Default:")
    if "NotRequired" not in ast.unparse(key.type):
        return key.text, "required"
    default, _, more = " ".join(rest.split()).partition(". ")
    return f"{told.strip()} {more}", default.rstrip(".")


def _cell(text: str) -> str:
    return _plain(" ".join(text.replace("|", "\\|").split()))


def _plain(text: str) -> str:
    """Text in which nothing but code is Markdown: a docstring's `<stack>` is no tag, and its * no emphasis."""
    parts = text.split("`")
    return "`".join(
        part if number % 2 else part.replace("<", "&lt;").replace("*", "\\*") for number, part in enumerate(parts)
    )


def exported(folder: Path) -> list[str]:
    """What the package of a room has in its `__all__`."""
    for each in ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__all__":
            return list(ast.literal_eval(each.value))
    raise ValueError(f"{folder}/__init__.py has no __all__")


def room(name: str) -> str:
    """docs/reference/ROOM.md."""
    folder = ROOT / "components" / name
    sources = Sources()
    sources.read(folder)
    sources.read(ROOT / "components")
    page = Page(sources)
    wanted = [
        each for each in exported(folder)
        if each in sources.classes and not sources.is_enum(each) and not sources.is_arguments(each)
    ]  # fmt: skip
    lines = [f"# {TITLES[name]}", "", ROOMS[name], "", _HOW]
    for each in wanted:
        lines += page.component(each)
    return "\n".join([*lines, *page.types()]).rstrip() + "\n"


def model_build() -> str:
    """docs/reference/model_build.md: what a model's image is to a program."""
    sources = Sources()
    sources.read(ROOT / "model_build")
    page = Page(sources)
    lines = ["# Models", "", _IMAGES, "", _HOW]
    for each in ("ModelImage", "ImageCopy"):
        lines += page.component(each)
    return "\n".join([*lines, *page.types()]).rstrip() + "\n"


def commands() -> str:
    """docs/reference/commands.md: every command with its options, as the command line itself has them."""
    import typer

    from automation.cli import app

    whole: Any = typer.main.get_command(app)
    lines = [
        "# Commands and options",
        "",
        _OPTIONS,
        "",
    ]
    for words, command in _commands(whole, ("modelport",)):
        lines += [f"## {' '.join(words)}", "", _paragraphs(command.help or command.short_help or ""), ""]
        rows = [_option(each) for each in command.params if not getattr(each, "hidden", False)]
        if rows:
            lines += ["| Option | What it does |", "| --- | --- |", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, each in getattr(command, "commands", {}).items():
        if getattr(each, "hidden", False):
            continue
        if getattr(each, "commands", None):
            yield from _commands(each, (*words, name))
        else:
            yield (*words, name), each


def _option(parameter: Any) -> str:
    text = _cell(str(getattr(parameter, "help", None) or ""))
    if parameter.param_type_name == "argument":
        called = (parameter.metavar or parameter.name).upper()
        return f"| `{called}` | {text} |"
    metavar = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return f"| {', '.join(f'`{each}{metavar}`' for each in [*parameter.opts, *parameter.secondary_opts])} | {text} |"


def _paragraphs(text: str) -> str:
    return _plain(inspect.cleandoc(text).replace("\b\n", "").strip())


def pages() -> dict[str, str]:
    """Each page by the name of its file."""
    return {
        **{f"{name}.md": room(name) for name in ROOMS},
        "model_build.md": model_build(),
        "commands.md": commands(),
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
