"""Stacks on Google Cloud planned under mocks: `gcp-gke`, and the repository's own file of any other target."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stacks import gcp_gke
from stacks.spec import StackSpec
from tests.components.gcp import judging
from tests.components.planned import Plan, plan
from tests.stacks.earlier import ROOT
from tests.stacks.stack_files import StackFile


def document(**gcp: Any) -> dict[str, Any]:
    """`Pulumi.gcp-gke.yaml` with keys of `gcp` put over its section of that name; None takes one out."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.gcp-gke.yaml").read_text())
    section = whole["config"]["modelport:gcp"]
    for key, value in gcp.items():
        known = section.get(key)
        both = isinstance(known, dict) and isinstance(value, dict) and key != "gpu"
        merged: dict[str, Any] = {**known, **value} if both else {}
        section[key] = {k: v for k, v in merged.items() if v is not None} if both else value
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


@dataclass(frozen=True)
class GcpFile(StackFile):
    """`Pulumi.TARGET.yaml` of a target on Google Cloud, with what plans it."""

    def planned(self, folder: Path, *, preview: bool = False, **sections: Any) -> Plan:
        """All that it registers, with what Google would tell in an `up`."""
        given = self.spec(folder, **sections)
        if preview:
            return plan(lambda: self.deploy(given), outputs=judging.TOLD)
        return judging.planned(lambda: self.deploy(given))
