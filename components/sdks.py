"""Providers' SDKs, of which a program makes the classes that it uses and no others.

Each package of one (`pulumi_aws.ec2`) has a module of outputs and one of inputs, with hundreds of classes that every
resource of the package imports; to make them all takes longer than all else that a program does. What is compiled is
kept by Python, so here each class is made out of that when it is first asked for: the same class, from the same code.
Where a module is not as the generator of these SDKs writes them it is imported as ever.
"""

import builtins
import contextlib
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast

import pulumi
from pulumi import _utils

SDKS = ("pulumi_aws", "pulumi_gcp", "pulumi_kubernetes")
OUTPUTS, INPUTS, ENUMS = "outputs", "_inputs", "_enums"
LIST = "\n__all__ = [\n"
"""What comes after the imports of such a module."""
HEAD = 1 << 14
CHOICES = "from ._enums import *\n"
"""Of which there are more than a thousand in one package, and few classes name one."""
_LOCK = threading.RLock()
_class: Any = builtins.__build_class__
"""What a `class` statement calls."""


def _shared(package: Any, name: str) -> Any:
    """An attribute of a package that is not loaded yet, and need not be for its modules to find what they share."""
    known = ModuleType.__getattribute__(package, "__dict__")
    if name in (OUTPUTS, INPUTS, ENUMS):
        return known[name] if name in known else import_module(f"{known['__name__']}.{name}")
    if name in STANDING:
        return ModuleType.__getattribute__(package, name)
    # A class may be called as its module is: loaded at once, the package would have the class.
    modules = {key: each for key, each in known.items() if sys.modules.get(f"{known['__name__']}.{key}") is each}
    for key in modules:
        del known[key]
    with contextlib.suppress(AttributeError):
        LAZY.__getattribute__(package, name)
    for key, each in modules.items():
        known.setdefault(key, each)
    return getattr(package, name)


LAZY: Any = getattr(_utils, "_LazyModule", None)
"""What the SDK has for a package until somebody asks anything of it."""
STANDING: Any = getattr(_utils, "_INTROSPECTION_ATTRS", frozenset[str]())
"""What may be asked of it without its being loaded."""
LATER: Any = getattr(_utils, "_LazyLoader", None)
TYPES: Any = import_module("pulumi._types")
ASKED: Any = getattr(TYPES, "_globals_for_cls", None)
"""What Pulumi's runtime asks for the names that a class's types are given by, once it has to know these."""
PACKAGE: Any = None if LAZY is None or LATER is None else type("Package", (LAZY,), {"__getattribute__": _shared})


class Sliced(ModuleType):
    """A module of classes that are made when they are asked for."""

    # In the module's own names, beside its classes.
    _codes: dict[str, CodeType]
    _choices: frozenset[str]

    @property
    def __all__(self) -> list[str]:
        """What `import *` takes: all that a module of the SDK names of it, and everything for anybody else."""
        codes = self._codes
        asking = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
        if "__path__" in asking.f_globals or asking.f_globals.get("__package__") != self.__package__:
            return list(codes)
        return sorted(set(_words(asking.f_code)) & set(codes))

    def __getattr__(self, name: str) -> Any:
        if name == "_codes" or name not in self._codes:  # it has none while it is imported
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        with _LOCK:
            return self.__dict__[name] if name in self.__dict__ else self._made(name)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self._codes})

    def _made(self, name: str) -> Any:
        code = self._codes[name]
        body = FunctionType(code, self.__dict__)
        if self.__name__.endswith(OUTPUTS):
            made = pulumi.output_type(_class(body, name, dict))
        elif name.endswith("ArgsDict"):
            made = _class(body, name, self.__dict__["TypedDict"])
        else:
            made = pulumi.input_type(_class(body, name))
        self.__dict__[name] = made
        if not ASKED:
            self.name_all(name)
        return made

    def name_all(self, name: str) -> None:
        """Have what a class names: inputs name each other without saying of which module."""
        code = self._codes.get(name)
        words: set[str] = set() if code is None else set(_words(code))
        with _LOCK:
            for other in words & set(self._codes):
                getattr(self, other)
            for other in words & self._choices:
                self.__dict__[other] = getattr(import_module(f"{self.__package__}.{ENUMS}"), other)


class Loader(SourceFileLoader):
    """Loads outputs or inputs of a package: in slices, or whole where they are written otherwise."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Sliced(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        code = cast("CodeType", self.get_code(module.__name__))
        with Path(self.path).open(encoding="utf-8") as file:
            imports, found, _ = file.read(HEAD).partition(LIST)
        classes = _classes(code)
        if not found or not classes or not _listed(code).issuperset(classes):
            module.__class__ = ModuleType
            super().exec_module(module)
            return
        choices: frozenset[str] = frozenset()
        if CHOICES in imports:
            beside = SourceFileLoader(ENUMS, str(Path(self.path).with_name(f"{ENUMS}.py"))).get_code(ENUMS)
            choices = frozenset(_classes(cast("CodeType", beside)))
            imports = imports.replace(CHOICES, "") if choices else imports
        module.__dict__.update(_codes=classes, _choices=choices)
        exec(compile(imports, self.path, "exec"), module.__dict__)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.rpartition(".")
        if package.partition(".")[0] not in SDKS or package in SDKS:
            return None
        above = sys.modules.get(package)
        if type(above) is LAZY:
            above.__class__ = PACKAGE
        found = PathFinder.find_spec(fullname, path, target)
        if found is None or type(found.loader) is not SourceFileLoader:
            return found
        if found.submodule_search_locations is not None:
            # Who imports a module of it need not load all the others.
            found.loader = LATER(found.loader)
        elif name in (OUTPUTS, INPUTS):
            found.loader = Loader(found.loader.name, found.loader.path)
        return found


def _names(of: type) -> Any:
    """The names that there are for the types of a class, those of its own module made."""
    for each in of.__mro__:
        module = sys.modules.get(each.__module__)
        if isinstance(module, Sliced):
            module.name_all(each.__name__)
    return ASKED(of)


def _classes(code: CodeType) -> dict[str, CodeType]:
    """The classes of a module of nothing else."""
    return {each.co_name: each for each in code.co_consts if isinstance(each, CodeType)}


def _listed(code: CodeType) -> frozenset[str]:
    """What a module lists in `__all__`, or in any other list of texts: a short one is compiled text by text."""
    texts: set[object] = set()
    for each in code.co_consts:
        texts.update(cast("tuple[object, ...]", each) if isinstance(each, tuple) else [each])
    return frozenset(each for each in texts if isinstance(each, str))


def _words(code: CodeType) -> Iterator[str]:
    """Every name and every text in what is compiled, annotations among them."""
    yield from code.co_names
    for each in code.co_consts:
        if isinstance(each, str):
            yield each
        elif isinstance(each, CodeType):
            yield from _words(each)


def put_in() -> None:
    """Have the SDKs that are imported from now on made in slices."""
    if PACKAGE is not None and not any(isinstance(each, _Finder) for each in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        if ASKED:
            TYPES._globals_for_cls = _names
