"""What is made of a provider's SDK is what it would be, and no more of it than is used."""

import asyncio
import importlib
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pulumi.runtime import rpc

from components import sdks

TYPES: Any = importlib.import_module("pulumi._types")


def _ran(program: str) -> str:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stderr == ""
    return ran.stdout


def _read(module: str, how: type[SourceFileLoader], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of an SDK as `how` reads it, beside what is imported already."""
    sdks.put_in()
    package, _, last = module.rpartition(".")
    name = f"{package}.{how.__name__}_{last}"
    loader = how(name, f"{importlib.import_module(package).__path__[0]}/{last}.py")
    spec = spec_from_loader(name, loader)
    assert spec is not None
    made = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, made)
    loader.exec_module(made)
    return made


def _told(found: Any) -> object:
    """All that Pulumi's runtime asks of such a class."""
    bases = [each.__name__ for each in found.__mro__]
    if not (TYPES.is_input_type(found) or TYPES.is_output_type(found)):
        return bases, sorted(found.__annotations__), found.__doc__
    kinds = TYPES.input_type_types(found) if TYPES.is_input_type(found) else TYPES.output_type_types(found)
    typed = {key: str(value).replace(found.__module__, "it") for key, value in kinds.items()}
    return bases, typed, found.__doc__, TYPES.is_input_type(found), TYPES.is_output_type(found)


MODULES = [
    "pulumi_aws.eks._inputs",
    "pulumi_aws.iam._inputs",
    "pulumi_aws.iam.outputs",
    "pulumi_kubernetes.core.v1._inputs",
]


@pytest.mark.parametrize("module", MODULES)
def test_each_class_is_as_it_would_be(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sliced, whole = (_read(module, how, monkeypatch) for how in (sdks.Loader, SourceFileLoader))
    assert isinstance(sliced, sdks.Sliced)
    assert sorted(sliced.__all__) == sorted(whole.__all__)
    for name in whole.__all__:
        assert _told(getattr(sliced, name)) == _told(getattr(whole, name))


def test_a_program_makes_the_classes_that_it_uses() -> None:
    program = (
        "import sys, components.aws\n"
        "from pulumi_aws.eks.cluster import Cluster\n"
        "made = [each for each in vars(sys.modules['pulumi_aws.eks._inputs']) if each.endswith('Args')]\n"
        "print(all(each.startswith('Cluster') for each in made), 'ClusterVpcConfigArgs' in made)\n"
        "print([each for each in vars(sys.modules['pulumi_aws.eks.outputs']) if each.startswith('Cluster')])\n"
        "print('pulumi_aws.eks.node_group' in sys.modules)\n"
    )
    assert _ran(program).splitlines() == ["True True", "[]", "False"]


def test_the_whole_package_is_there_for_who_asks() -> None:
    program = (
        "import components.aws\n"
        "from pulumi_aws.iam.role import Role\n"
        "import pulumi_aws as aws\n"
        "print(aws.iam.Role is Role, aws.iam.RoleInlinePolicyArgs is aws.iam._inputs.RoleInlinePolicyArgs)\n"
        "print(aws.iam.RoleInlinePolicyArgs(name='a').name, len(aws.iam.outputs.__all__) > 10)\n"
    )
    assert _ran(program).splitlines() == ["True True", "a True"]


def test_a_class_that_is_called_as_its_module_is() -> None:
    program = (
        "import components.kubernetes\n"
        "from pulumi_kubernetes.policy.v1.PodDisruptionBudget import PodDisruptionBudget as one\n"
        "from pulumi_kubernetes.policy.v1 import PodDisruptionBudget\n"
        "print(PodDisruptionBudget is one, PodDisruptionBudget.__name__)\n"
        "import components.aws\n"
        "import pulumi_aws as aws, pulumi_aws.kms.key, pulumi_aws.kms.get_key\n"
        "print(aws.kms.get_key.__module__, aws.kms.key.Key is aws.kms.Key)\n"
    )
    assert _ran(program).splitlines() == ["True PodDisruptionBudget", "pulumi_aws.kms.get_key True"]


HEADER = "import pulumi\nfrom typing import Optional, TypedDict\n"
CLASSES = """
class InnerArgsDict(TypedDict):
    a: str

@pulumi.input_type
class InnerArgs:
    def __init__(self, *, a: pulumi.Input[str]):
        pulumi.set(self, "a", a)

    @property
    @pulumi.getter(name="aA")
    def a(self) -> pulumi.Input[str]:
        return pulumi.get(self, "a")

@pulumi.input_type
class OuterArgs:
    @property
    @pulumi.getter
    def inner(self) -> pulumi.Input[Optional['InnerArgs']]:
        return pulumi.get(self, "inner")
"""
LISTED = "\n__all__ = [\n    'InnerArgsDict',\n    'InnerArgs',\n    'OuterArgs',\n]\n"


def _imported(folder: Path, inputs: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    package = folder / name / "thing"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "_inputs.py").write_text(inputs)
    monkeypatch.syspath_prepend(folder)  # type: ignore[no-untyped-call]
    monkeypatch.setattr(sdks, "SDKS", (name,))
    sdks.put_in()
    return importlib.import_module(f"{name}.thing._inputs")


def test_what_a_class_names_is_made_when_its_types_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _imported(tmp_path, HEADER + LISTED + CLASSES, "sdk_of_slices", monkeypatch)
    assert "InnerArgs" not in vars(found)
    _ = found.OuterArgs
    assert "InnerArgs" not in vars(found), "nobody has asked of what type it is"
    assert TYPES.input_type_types(found.OuterArgs) == {"inner": found.InnerArgs}
    assert TYPES.input_type_py_to_pulumi_names(found.InnerArgs) == {"a": "aA"}
    assert "InnerArgsDict" not in vars(found)
    assert found.InnerArgsDict.__annotations__.keys() == {"a"}
    assert {"InnerArgs", "OuterArgs", "InnerArgsDict"} <= set(dir(found))
    with pytest.raises(AttributeError, match=r"module 'sdk_of_slices\.thing\._inputs' has no attribute 'Nothing'"):
        _ = found.Nothing


def test_a_runtime_that_does_not_ask_for_names_has_them_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sdks, "ASKED", None)
    found = _imported(tmp_path, HEADER + LISTED + CLASSES, "sdk_of_an_older_runtime", monkeypatch)
    _ = found.OuterArgs
    assert "InnerArgs" in vars(found)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [("sdk_without_a_list", HEADER + CLASSES), ("sdk_without_classes", HEADER + LISTED + "InnerArgs = 1\n")],
)
def test_what_is_written_otherwise_is_imported_as_ever(
    name: str, inputs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _imported(tmp_path, inputs, name, monkeypatch)
    assert type(found) is ModuleType
    assert "InnerArgs" in vars(found)


def test_values_of_such_classes_go_where_plain_ones_go() -> None:
    sdks.put_in()
    inputs: Any = importlib.import_module("pulumi_aws.eks._inputs")
    given = inputs.ClusterVpcConfigArgs(subnet_ids=["a"], endpoint_public_access=False)
    assert asyncio.run(rpc.serialize_property(given, [], None)) == {
        "subnetIds": ["a"],
        "endpointPublicAccess": False,
    }
