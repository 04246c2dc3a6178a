"""What is known of machine types with GPUs on Google Cloud, each table held to the others."""

from typing import Any

import pytest

from components.checks import ArgsError
from components.gcp import catalog, checks, gpus

GIB: Any = {
    "t4": 16, "v100": 16, "l4": 24, "rtx-pro-6000": 96, "a100": 40, "a100-80gb": 80, "h100": 80, "h100-mega": 80,
    "h200": 141, "b200": 180,
}  # fmt: skip
"""Memory of a GPU, as NVIDIA says it."""


def test_every_family_and_every_gpu_that_is_attached_is_offered_in_zones_that_there_are() -> None:
    assert set(gpus.ZONES) == {gpus.family(each) for each in gpus.GPU_TYPES} | set(gpus.ATTACHED)
    for word, told in gpus.ZONES.items():
        regions = [each.partition("=") for each in told.split()]
        assert len({region for region, _, _ in regions}) == len(regions), word
        for region, _, letters in regions:
            assert letters, word
            assert set(letters) <= set(catalog.ZONES[region]), (word, region)
            assert "".join(sorted(set(letters))) == letters, (word, region)


def test_machine_types_have_the_form_of_compute_engines() -> None:
    for each in (*gpus.GPU_TYPES, *gpus.N1):
        checks.machine_type("type", each)


def test_every_gpu_has_its_word_and_a_machine() -> None:
    assert {each.model for each in gpus.GPU_TYPES.values()} | set(gpus.ATTACHED) == set(gpus.ACCELERATORS)
    assert {each.value.lower() for each in gpus.GkeAttachedGpu} == set(gpus.ATTACHED)
    assert all(word.startswith("nvidia-") for word in gpus.ACCELERATORS.values())
    assert len(set(gpus.ACCELERATORS.values())) == len(gpus.ACCELERATORS)


def test_a_types_name_says_how_many_gpus_it_has() -> None:
    for each, machine in gpus.GPU_TYPES.items():
        size = each.rpartition("-")[2]
        if size.endswith("g"):
            assert machine.count == int(size[:-1]), each
        else:
            assert machine.vcpus == int(size), each


def test_larger_machines_of_a_family_have_more_of_everything_in_proportion() -> None:
    for family in ("a2-highgpu", "a2-ultragpu", "a3-highgpu", "g4-standard"):
        of_it = [machine for each, machine in gpus.GPU_TYPES.items() if gpus.family(each) == family]
        assert len(of_it) == 4, family
        for machine in of_it:
            assert machine.vcpus * of_it[0].count == of_it[0].vcpus * machine.count, family
            assert machine.memory * of_it[0].count == of_it[0].memory * machine.count, family


def test_partitions_fill_their_gpu_and_no_more() -> None:
    for model, sizes in gpus.PARTITIONS.items():
        slices = max(int(size.partition("g.")[0]) for size in sizes)
        assert slices == (4 if model == "rtx-pro-6000" else 7), model
        for size, count in sizes.items():
            compute, _, memory = size.removesuffix("gb").partition("g.")
            assert int(compute) * count <= slices, (model, size)
            # A half of 141 GB is called 71.
            assert int(memory) * count <= GIB[model] + 1, (model, size)
            assert int(memory) * (count + 1) > GIB[model] or int(compute) * (count + 1) > slices, (model, size)


def test_what_is_sold_in_no_other_way_is_in_the_table() -> None:
    assert set(gpus.GPU_TYPES) >= gpus.SPOT_ALONE | gpus.RESERVED_OR_SPOT
    assert gpus.SPOT_ALONE.isdisjoint(gpus.RESERVED_OR_SPOT)
    known = [*gpus.GPU_TYPES, *gpus.N1]
    assert not [each for each in known for start in gpus.LEFT_OUT if f"{each}-".startswith(f"{start}-")]
    assert set(gpus.HYPERDISK) <= {gpus.family(each) for each in gpus.GPU_TYPES}


@pytest.mark.parametrize(
    ("type_", "gpu", "count", "expected"),
    [
        ("g2-standard-24", None, None, gpus.Gpus("l4", 2, 24, 96)),
        ("a2-megagpu-16g", None, None, gpus.Gpus("a100", 16, 96, 1360)),
        ("n1-standard-2", "T4", None, gpus.Gpus("t4", 1, 2, 7.5)),
        ("n1-highmem-16", "V100", 2, gpus.Gpus("v100", 2, 16, 104)),
        ("n1-standard-96", gpus.GkeAttachedGpu.V100, 8, gpus.Gpus("v100", 8, 96, 360)),
    ],
)
def test_a_machine(type_: str, gpu: Any, count: int | None, expected: gpus.Gpus) -> None:
    assert gpus.machine("Nodes", type_, gpu, count) == expected


def test_every_number_of_gpus_can_be_attached_to_some_machine() -> None:
    for model, limits in gpus.ATTACHED.items():
        for count in limits:
            found: list[str] = []
            for each in gpus.N1:
                try:
                    gpus.machine("Nodes", each, model.upper(), count)
                except ArgsError:
                    continue
                found.append(each)
            assert found, (model, count)


@pytest.mark.parametrize(
    ("type_", "region", "zones"),
    [
        ("g2-standard-4", "europe-west4", "abc"),
        ("g2-standard-96", "us-east4", "ac"),
        ("g2-standard-4", "europe-north1", ""),
        ("g4-standard-48", "europe-north1", "abc"),
        ("a2-highgpu-1g", "us-central1", "abcf"),
        ("a2-ultragpu-1g", "us-central1", "ac"),
        ("a3-ultragpu-8g", "europe-west4", "a"),
        ("a3-megagpu-8g", "europe-west9", ""),
        ("a4-highgpu-8g", "us-west3", "bc"),
    ],
)
def test_where_a_type_is_offered(type_: str, region: str, zones: str) -> None:
    assert gpus.zones(type_, gpus.GPU_TYPES[type_].model, region) == [f"{region}-{letter}" for letter in zones]
    assert (region in gpus.regions(type_, gpus.GPU_TYPES[type_].model)) is bool(zones)
