"""The repository's own stack files of targets on AWS, changed in places, checked and planned under mocks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from stacks.spec import StackSpec
from tests.components.planned import Plan, Planned, plan

ROOT = Path(__file__).resolve().parents[2]
MODEL = "pulumi-python:dynamic/modelport:ModelImage"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/modelport/digits@sha256:" + "a1" * 32
Outputs = Mapping[str, Callable[[Planned], dict[str, Any]]]


def _image(_: Planned) -> dict[str, Any]:
    return {"reference": IMAGE, "digest": IMAGE.partition("@")[2], "metrics": {"bytes": 58407.0, "p50_ms": 0.1}}


def _repository(_: Planned) -> dict[str, Any]:
    return {"repositoryUrl": IMAGE.partition("@")[0]}


def _certificate(made: Planned) -> dict[str, Any]:
    record = {"resourceRecordName": "_a.example.com", "resourceRecordType": "CNAME", "resourceRecordValue": "_b.aws"}
    return {"domainValidationOptions": [{"domainName": made.inputs["domainName"], **record}]}


def _suffix(made: Planned) -> dict[str, Any]:
    return {"arnSuffix": f"{made.name}/0123456789abcdef", "dnsName": "made.elb.amazonaws.com", "zoneId": "Z0"}


def _template(_: Planned) -> dict[str, Any]:
    return {"latestVersion": 1}


OUTPUTS: Outputs = {
    MODEL: _image,
    "aws:ecr/repository:Repository": _repository,
    "aws:acm/certificate:Certificate": _certificate,
    "aws:lb/loadBalancer:LoadBalancer": _suffix,
    "aws:lb/targetGroup:TargetGroup": _suffix,
    "aws:ec2/launchTemplate:LaunchTemplate": _template,
}
"""What is told of what is made, whichever the target."""


@dataclass(frozen=True)
class StackFile:
    """`Pulumi.TARGET.yaml`, with what plans it and what AWS would tell of its own resources beside OUTPUTS."""

    target: str
    deploy: Callable[[StackSpec], None]
    outputs: Outputs

    def spec(self, folder: Path, **sections: Any) -> StackSpec:
        """The file with keys put over its sections, checked; a section or a key that is None is taken out."""
        whole: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{self.target}.yaml").read_text())
        config = whole["config"]
        for name, given in sections.items():
            key = f"modelport:{name}"
            known = config.pop(key, None)
            if given is not None:
                config[key] = _over(known, given)
        file = folder / f"Pulumi.{self.target}.yaml"
        file.write_text(yaml.safe_dump(whole, sort_keys=False))
        return StackSpec.from_file(file)

    def planned(self, folder: Path, *, preview: bool = False, **sections: Any) -> Plan:
        """All that it registers."""
        given = self.spec(folder, **sections)
        return plan(lambda: self.deploy(given), preview=preview, outputs={**OUTPUTS, **self.outputs})


def _over(known: Any, given: Any) -> Any:
    if not isinstance(known, dict) or not isinstance(given, dict):
        return given
    old, new = cast("dict[str, Any]", known), cast("dict[str, Any]", given)
    both = {**old, **{key: _over(old.get(key), value) for key, value in new.items()}}
    return {key: value for key, value in both.items() if value is not None}
