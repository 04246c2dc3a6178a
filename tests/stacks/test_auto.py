"""Machines that are `auto`: what `modelport size` has recorded stands in their place, for the load that it is for."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.spec import SpecError, StackSpec
from stacks.specs.load import PLACES

ROOT = Path(__file__).parent.parent.parent
LOAD: dict[str, Any] = {"requests_per_second": 50, "p99_ms": 100}
POD = {"cpu": "500m", "memory": "112Mi", "cpu_limit": "1", "memory_limit": "368Mi"}
CHOSEN: dict[str, dict[str, Any]] = {
    "kubernetes": {"pod": POD},
    "aws-eks": {"pod": POD, "type": "c7i.large", "nodes": 3},
    "gcp-gke": {"pod": POD, "type": "n2-standard-4", "nodes": 2},
    "aws-lambda": {"memory": 1769},
    "aws-ec2": {"type": "c7i.large"},
    "aws-ecs": {"cpu": 512, "memory": 1024},
    "aws-sagemaker": {"type": "ml.c7i.large"},
    "gcp-cloudrun": {"cpu": 2, "memory": 1024},
    "gcp-vertex": {"type": "n2-standard-4"},
}


def sized(target: str, **changes: Any) -> dict[str, Any]:
    rest = {"count": 3, "workers": 2, "load": LOAD, "model": "3f9a1c5d7e80", "dollars_per_hour": 0.27}
    return {"target": target, **CHOSEN[target], **rest, **changes}


class Sample:
    """The example of a target, with the machines of its section left to others."""

    def __init__(self, target: str, folder: Path) -> None:
        self.place = PLACES[target]
        self.file = folder / "Pulumi.prod.yaml"
        name = "dev" if target == "kubernetes" else target
        self.whole = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())
        self.config = self.whole["config"]
        self.section = self.config.setdefault(f"modelport:{self.place.section}", {})
        self.section[self.place.part or self.place.key] = "auto"
        if self.place.beside:
            self.section.pop("replicas", None)
        self.config["modelport:load"] = dict(LOAD)
        self.config["modelport:sized"] = sized(target)
        if target != "aws-lambda":
            self.config["modelport:autoscaling"] = {"min": 2, "max": 8}

    def spec(self, *, unsized: bool = False) -> StackSpec:
        self.file.write_text(yaml.safe_dump(self.whole))
        return StackSpec.from_file(self.file, unsized=unsized)

    def lines(self) -> list[str]:
        with pytest.raises(SpecError) as raised:
            self.spec()
        return [line.removeprefix("Pulumi.prod.yaml: ") for line in raised.value.lines]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample("aws-ec2", tmp_path)


@pytest.mark.parametrize("target", sorted(PLACES))
def test_what_was_chosen_stands_in_the_place_of_auto(target: str, tmp_path: Path) -> None:
    made = Sample(target, tmp_path)
    spec = made.spec()
    section = getattr(spec, made.place.section)
    part = getattr(section, made.place.part) if made.place.part else section
    chosen = CHOSEN[target]
    if made.place.beside:
        assert part.model_dump() == POD
        part = section
    elif not made.place.part:
        assert part.memory == 1769
        assert spec.chosen.startswith(
            "function.memory is auto: 1769 MB, of which 3 answer at once, for 50 requests a second"
        )
        return
    elif "type" in chosen:
        assert getattr(part, made.place.key) in (chosen["type"], (chosen["type"],))
    else:
        assert (part.cpu, part.memory) == (chosen["cpu"], chosen["memory"])
    assert part.workers == 2
    assert spec.chosen.startswith(f"{made.place.where} is auto: 3 {'pods' if made.place.beside else 'of'} ")


def test_one_environment_answers_and_several_answer(tmp_path: Path) -> None:
    made = Sample("aws-lambda", tmp_path)
    made.config["modelport:sized"]["count"] = 1
    assert "1769 MB, of which 1 answers at once, for 50" in made.spec().chosen


def test_one_key_may_be_auto_beside_others(sample: Sample) -> None:
    sample.section["instance"] = {"types": "auto", "spot_percent": 20}
    instance = sample.spec().ec2
    assert instance is not None
    assert (instance.instance.types, instance.instance.spot_percent) == (("c7i.large",), 20)


def test_as_many_as_were_chosen_are_there_where_nothing_scales_them(sample: Sample) -> None:
    del sample.config["modelport:autoscaling"]
    made = sample.spec().ec2
    assert made is not None and made.instance.count == 3


def test_before_anything_is_chosen_a_build_reads_the_file_all_the_same(sample: Sample) -> None:
    del sample.config["modelport:sized"]
    assert sample.spec(unsized=True).model.name == "digits"
    assert sample.lines() == [
        "ec2.instance is auto and nothing is chosen for it yet, expected sized; run modelport size -s prod --write"
    ]


RUN = "run modelport size -s prod --write"
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("load", {"requests_per_second": 80},
     f"load.requests_per_second is 80, and ec2.instance was chosen for 50, expected the same; {RUN}"),
    ("load", {"p99_ms": None}, f"load.p99_ms is empty, and ec2.instance was chosen for 100, expected the same; {RUN}"),
    ("sized", {"target": "aws-ecs"}, f"sized is for target 'aws-ecs', expected aws-ec2; {RUN}"),
    ("autoscaling", {"max": 2},
     "autoscaling.max is 2, expected 3 at least, which carry the load; write 3"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "change", "line"), WRONG, ids=[line[:30] for _, _, line in WRONG])
def test_a_record_that_does_not_fit_is_refused(sample: Sample, key: str, change: dict[str, Any], line: str) -> None:
    sample.config[f"modelport:{key}"] |= change
    assert sample.lines() == [line]


def test_auto_wants_a_load(sample: Sample) -> None:
    del sample.config["modelport:load"]
    assert sample.lines() == [
        "load is missing beside ec2.instance: auto, expected what it is to carry; write load: {requests_per_second: 50}"
    ]


def test_workers_that_it_was_not_chosen_for_are_refused(sample: Sample) -> None:
    sample.section["instance"] = {"types": "auto", "workers": 4}
    assert sample.lines() == [f"ec2.instance.workers is 4, and ec2.instance was chosen for 2, expected the same; {RUN}"]


def test_machines_with_gpus_are_not_reckoned(tmp_path: Path) -> None:
    made = Sample("gcp-cloudrun", tmp_path)
    made.section["gpu"] = {"type": "nvidia-l4"}
    assert made.lines()[0].startswith("cloudrun.instance is auto beside gpu, expected machines without GPUs")


def test_a_load_may_be_said_without_auto(sample: Sample) -> None:
    sample.section["instance"] = {"types": ["m7i.large"]}
    spec = sample.spec()
    assert (spec.chosen, spec.load is not None and spec.load.requests_per_second) == ("", 50)


def test_nodes_may_be_auto_beside_their_pods(tmp_path: Path) -> None:
    made = Sample("aws-eks", tmp_path)
    cluster = made.config["modelport:aws"]["cluster"]
    for key in ("min", "max", "desired"):
        cluster.pop(key, None)
    cluster["instance_types"] = "auto"
    aws = made.spec().aws
    assert aws is not None
    assert (aws.cluster.instance_types, aws.cluster.min, aws.cluster.max) == (("c7i.large",), 3, 6)
    cluster["max"] = 2
    assert made.lines() == ["aws.cluster.max is 2, expected 3 nodes at least, which carry the load; write 3"]
    del made.section["resources"]
    assert made.lines() == [
        "aws.cluster.instance_types is auto and service.resources is not, expected both, as nodes are chosen for pods; "
        "write service: {resources: auto}, or the type"
    ]


@pytest.mark.parametrize("unsized", [True, False])
def test_pods_of_another_server_are_not_reckoned(tmp_path: Path, unsized: bool) -> None:
    """Neither where it is run nor where it is chosen, which would send one back to the other."""
    made = Sample("kubernetes", tmp_path)
    made.config["modelport:model"] |= {"server": "triton", "base": "r/triton@sha256:" + "a" * 64}
    with pytest.raises(
        SpecError, match=r"service\.resources is auto with model\.server triton, expected what a pod needs"
    ):
        made.spec(unsized=unsized)


def test_pods_are_as_many_as_were_chosen_where_nothing_scales_them(tmp_path: Path) -> None:
    made = Sample("kubernetes", tmp_path)
    del made.config["modelport:autoscaling"]
    assert made.spec().service.replicas == 3
    made.section["max_replicas"] = 2
    assert made.lines()[0] == "service.max_replicas is 2, expected 3 at least, which carry the load; write 3"


def test_a_function_is_let_answer_as_many_at_once_as_the_load_needs(tmp_path: Path) -> None:
    made = Sample("aws-lambda", tmp_path)
    made.section["reserved_concurrency"] = 2
    assert made.lines() == ["function.reserved_concurrency is 2, expected 3 at least, which carry the load; write 3"]


def test_this_machine_is_not_chosen(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    whole = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
    whole["config"]["modelport:endpoint"] = {"workers": "auto"}
    file.write_text(yaml.safe_dump(whole))
    with pytest.raises(SpecError, match=r"endpoint\.workers is 'auto', expected"):
        StackSpec.from_file(file)
