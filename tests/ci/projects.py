"""Projects for the repositories of these tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.automation.conftest import PROGRAM, PROVIDER, ROOT


def things(**config: Any) -> dict[str, str | bytes]:
    """A project with a program of its own and the stacks `dev` and `prod`, which has a digest and an endpoint."""
    program = PROGRAM + 'pulumi.export("digest", config.get("digest") or "sha256:" + "0" * 64)\n'
    return {
        "Pulumi.yaml": yaml.safe_dump({"name": "demo", "runtime": "python"}),
        "__main__.py": program,
        "provider.py": PROVIDER,
        **{f"Pulumi.{stack}.yaml": stack_file(**config) for stack in ("dev", "prod")},
    }


def stack_file(**config: Any) -> str:
    return yaml.safe_dump({"config": {f"demo:{key}": value for key, value in config.items()}})


def local(sections: Mapping[str, Any] | None = None) -> str:
    """A stack file of Modelport's own, that serves on this machine."""
    data = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    data["config"] |= sections or {}
    return yaml.safe_dump(data)


def digits() -> dict[str, str | bytes]:
    """Modelport's own project with the model of the digits, and no stack."""
    found: dict[str, str | bytes] = {
        "Pulumi.yaml": yaml.safe_dump({"name": "modelport", "runtime": "python"}),
        "__main__.py": (ROOT / "__main__.py").read_text(),
    }
    return found | _room("stacks") | _room("examples/digits")


def like_ours(**config: Any) -> dict[str, str | bytes]:
    """The program of `things` with stack files of Modelport's, which `modelport ephemeral` makes its own of."""
    given = {f"demo:{key}": value for key, value in config.items()}
    return things() | {"Pulumi.dev.yaml": local(given), "Pulumi.prod.yaml": local(given)} | _room("stacks")


def _room(folder: str) -> dict[str, str | bytes]:
    files = [each for each in sorted((ROOT / folder).rglob("*")) if each.is_file() and "__pycache__" not in each.parts]
    return {str(each.relative_to(ROOT)): each.read_bytes() for each in files}


def below(folder: Path) -> set[str]:
    """The files in a folder, by their paths in it."""
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()}
