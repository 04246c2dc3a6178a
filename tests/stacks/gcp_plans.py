"""The stack `gcp-gke` planned under mocks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from stacks import gcp_gke
from stacks.spec import StackSpec
from tests.components.gcp import judging
from tests.components.planned import Plan
from tests.stacks.earlier import ROOT


def document(**gcp: Any) -> dict[str, Any]:
    """`Pulumi.gcp-gke.yaml` with keys of `gcp` put over its section of that name; None takes one out."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.gcp-gke.yaml").read_text())
    section = whole["config"]["modelport:gcp"]
    for key, value in gcp.items():
        known = section.get(key)
        both = isinstance(known, dict) and isinstance(value, dict) and key != "gpu"
        section[key] = {k: v for k, v in {**known, **value}.items() if v is not None} if both else value
    whole["config"]["modelport:gcp"] = {key: value for key, value in section.items() if value is not None}
    return whole


def spec(folder: Path, whole: Mapping[str, Any]) -> StackSpec:
    """The same as checked. Raises SpecError."""
    file = folder / "Pulumi.gcp-gke.yaml"
    file.write_text(yaml.safe_dump(dict(whole), sort_keys=False))
    return StackSpec.from_file(file)


def planned(given: StackSpec) -> Plan:
    """All that an `up` of the stack registers."""
    return judging.planned(lambda: gcp_gke.deploy(given))
