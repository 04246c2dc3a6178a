"""Code that makes a model or data, known by its content: where it is, what it imports, and what that comes from.

Nothing is imported or run. Imports are read from the syntax tree and followed as far as they stay inside the project;
what is imported from elsewhere counts by the version of its distribution. An import that is made up at run time is not
seen.
"""

import ast
import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model_build import content, distributions
from model_build.errors import SourceError


@dataclass(frozen=True)
class Code:
    """A function in a module."""

    module: str
    function: str
    file: Path
    root: Path
    """The entry of `sys.path` that it was found under."""
    installed: bool
    """It belongs to a distribution, not to the project."""

    def parts(self) -> dict[str, str]:
        """`code`: hex over the function's name and all files it may use; `package.NAME`: versions of distributions."""
        files, imports = self._closure()
        parts = {"code": content.of_json([self.module, self.function, content.of_files(files)])}
        parts["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
        parts.update({f"package.{name}": version for name, version in distributions.providing(imports).items()})
        return parts

    def imports(self) -> set[str]:
        """Top-level modules from outside the project."""
        return self._closure()[1]

    def files(self) -> list[Path]:
        """Its own and those of the project that it imports."""
        return list(self._closure()[0].values())

    def _closure(self) -> tuple[dict[str, Path], set[str]]:
        files: dict[str, Path] = {}
        packaged = "." in self.module
        if packaged:
            # Data and siblings of a module count: it may read them.
            folder = self.file.parent
            files.update(
                {(folder / name).relative_to(self.root).as_posix(): path for name, path in content.walk(folder)}
            )
        if self.installed:
            return files or {self.file.name: self.file}, {self.module.partition(".")[0]}
        seen: dict[Path, str] = {}
        outside: set[str] = set()
        queue = [(self.module, self.file)]
        while queue:
            module, file = queue.pop()
            if file in seen:
                continue
            seen[file] = module
            files[file.relative_to(self.root).as_posix()] = file
            for name in _imported(_tree(file), module, file.name == "__init__.py"):
                inside = list(_inside(name, self.root))
                queue.extend(inside)
                if not inside and (top := name.partition(".")[0]) not in sys.stdlib_module_names:
                    outside.add(top)
        return files, outside


def locate(module: str, function: str, project: Path, key: str) -> Code:
    """Find `module:function` in the project or on `sys.path`.

    key: the recipe's key, for messages. Raises SourceError when there is no such module or no such function in it.
    """
    project = project.resolve()
    for root in dict.fromkeys([project, *(Path(entry or ".").resolve() for entry in sys.path)]):
        if (file := _file(module, root)) is not None:
            break
    else:
        near = _near(module, project)
        hint = f"did you mean {near!r}?" if near else f"expected {module.replace('.', '/')}.py in the project"
        raise SourceError(f"{key} is '{module}:{function}', but there is no module {module!r}; {hint}")
    names = _defined(_tree(file, key))
    if names is not None and function not in names:
        near = next(iter(difflib.get_close_matches(function, names, 1, 0.5)), None)
        hint = f"did you mean {near!r}?" if near else f"it defines {', '.join(_functions(file)) or 'no function'}"
        raise SourceError(f"{key} is '{module}:{function}', but {module} has no {function!r}; {hint}")
    return Code(module, function, file, root, "site-packages" in root.parts or "dist-packages" in root.parts)


def within(module: str, root: Path) -> Path | None:
    """The file of a module under `root`, where it is there."""
    return _file(module, root.resolve())


def _file(module: str, root: Path) -> Path | None:
    path = root.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
        if file.is_file():
            return file
    return None


def _inside(module: str, root: Path) -> Iterator[tuple[str, Path]]:
    """The files under `root` that an import of `module` runs: its own and those of the packages around it."""
    names = module.split(".")
    for length in range(1, len(names) + 1):
        name = ".".join(names[:length])
        if (file := _file(name, root)) is not None:
            yield name, file


def _tree(file: Path, key: str = "source") -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError) as error:
        at = f" line {error.lineno}" if isinstance(error, SyntaxError) else ""
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        raise SourceError(f"{key}: {file.name}{at} is not Python: {text}") from None


def _imported(tree: ast.Module, module: str, package: bool) -> Iterator[str]:
    parents = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = parents[: len(parents) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base:
                yield base
            # `from a import b` may mean the module a.b.
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names if alias.name != "*")


def _defined(tree: ast.Module) -> list[str] | None:
    """Names that a module binds at its top; None when a star import or __getattr__ makes that unknowable."""
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.extend(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return None if "*" in names or "__getattr__" in names else names


def _functions(file: Path) -> list[str]:
    """What a recipe may name of a module: not what it imports, nor what it keeps for itself."""
    found = [node.name for node in _tree(file).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return sorted({name for name in found if not name.startswith("_")})


def _near(module: str, project: Path) -> str | None:
    folder, _, _ = module.rpartition(".")
    place = project.joinpath(*folder.split(".")) if folder else project
    found = [f"{folder}.{p.stem}" if folder else p.stem for p in place.glob("*.py")] if place.is_dir() else []
    return next(iter(difflib.get_close_matches(module, found, 1, 0.6)), None)
