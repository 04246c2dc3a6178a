"""The section `load`, what the model is to carry; and `auto`, which leaves the machines for it to `modelport size`.

`auto` is what somebody writes, and `sized` what was chosen for it: a record in the same file, as a lock file is one, so
that a stack has the same machines on every computer and in every review. It holds for the load it was chosen for.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, cast

from pydantic import Field, StrictInt

from model_build.mistakes import show
from stacks.specs.part import Part
from stacks.specs.words import Line

AUTO: Final = "auto"


class LoadSpec(Part):
    """What the model is to carry, from which `modelport size` reckons machines."""

    requests_per_second: Annotated[float, Field(gt=0, le=1_000_000, examples=[50])]
    """Requests in a second, of all callers together, when most come."""
    p99_ms: Annotated[float, Field(gt=0, le=3_600_000, examples=[100])] | None = None
    """Milliseconds within which 99 of 100 are to be answered, without the network. Default: that is not looked at."""
    headroom: Annotated[float, Field(ge=0, le=0.95)] = 0.3
    """Share of the processors that is kept free."""
    least: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    """The fewest machines, so that one may fail."""
    speed: Annotated[float, Field(gt=0, le=10)] = 0.5
    """What a vCPU in the cloud does of what a core of the machine does that built: an assumption."""


class SizedSpec(Part):
    """What `modelport size --write` chose where a key says `auto`. It is written there, and read by people."""

    target: Line
    """The target that it was chosen for."""
    type: Line | None = None
    """Type of machine."""
    cpu: Annotated[StrictInt | None, Field(ge=1)] = None
    """Units of CPU of a task, or vCPU of an instance."""
    memory: Annotated[StrictInt | None, Field(ge=1)] = None
    """MiB of each."""
    count: Annotated[StrictInt, Field(ge=1, le=1000)]
    """How many."""
    workers: Annotated[StrictInt, Field(ge=1, le=256)]
    """Processes that answer on each."""
    load: LoadSpec
    """What they carry."""
    model: Line
    """The build that was measured, by the beginning of its identity."""
    dollars_per_hour: Annotated[float, Field(ge=0)]
    """What all of them cost, by the book of that day."""


class Place(NamedTuple):
    """Where a target says its machines."""

    section: str
    part: str
    key: str
    """What may say `auto`, if not the part as a whole."""
    counts: bool = True
    """Whether the part says how many there are."""


PLACES: Final[dict[str, Place]] = {
    "aws-ec2": Place("ec2", "instance", "types"),
    "aws-ecs": Place("ecs", "task", "cpu"),
    "aws-sagemaker": Place("sagemaker", "instance", "type"),
    "gcp-cloudrun": Place("cloudrun", "instance", "cpu", counts=False),
    "gcp-vertex": Place("vertex", "machine", "type"),
}
"""The targets whose machines may be `auto`. In a cluster the scheduler finds a place for pods, and a function of AWS
Lambda is paid by what it does."""


class Resolved(NamedTuple):
    """What a stack file says once nothing in it is `auto` any more."""

    values: dict[str, Any]
    lines: list[str]
    """What is wrong."""
    told: str
    """What became of `auto`, in a sentence; empty where nothing says it."""


def asked(values: Mapping[str, Any]) -> Place | None:
    """The place that says `auto`, if one does."""
    place = PLACES.get(str(values.get("target")))
    if place is None:
        return None
    part = _mapping(values.get(place.section)).get(place.part)
    return place if part == AUTO or _mapping(part).get(place.key) == AUTO else None


def resolve(values: Mapping[str, Any], stack: str, *, unsized: bool = False) -> Resolved:
    """Put in the place of `auto` what was chosen for it.

    unsized: what is `auto` is left at its default, for whoever chooses or builds first. What is wrong by itself is left
    to the rules of the sections.
    """
    place = asked(values)
    if place is None:
        return Resolved(dict(values), [], "")
    section = dict(_mapping(values[place.section]))
    part = dict(_mapping(section[place.part]))
    part.pop(place.key, None)
    where = f"{place.section}.{place.part}"
    section[place.part] = part
    plain = {**values, place.section: section}
    if unsized:
        return Resolved(plain, [], "")
    if section.get("gpu", part.get("gpu")) is not None:
        line = f"{where} is auto beside gpu, expected machines without GPUs, which alone are reckoned"
        return Resolved(plain, [f"{line}; write the type, or leave gpu out"], "")
    load, sized = values.get("load"), _mapping(values.get("sized"))
    if load is None:
        line = f"load is missing beside {where}: auto, expected what it is to carry; write load: "
        return Resolved(plain, [line + "{requests_per_second: 50}"], "")
    run = f"run modelport size -s {stack} --write"
    if not sized:
        return Resolved(plain, [f"{where} is auto and nothing is chosen for it yet, expected sized; {run}"], "")
    if sized.get("target") != values.get("target"):
        line = f"sized is for target {show(sized.get('target'))}, expected {values.get('target')}; {run}"
        return Resolved(plain, [line], "")
    if differs := _other(_mapping(load), _mapping(sized.get("load"))):
        key, now, then = differs
        line = f"load.{key} is {_number(now)}, and {where} was chosen for {_number(then)}, expected the same; {run}"
        return Resolved(plain, [line], "")
    if (workers := part.get("workers", sized.get("workers"))) != sized.get("workers"):
        line = f"{where}.workers is {show(workers)}, and {where} was chosen for {show(sized.get('workers'))}"
        return Resolved(plain, [f"{line}, expected the same; {run}"], "")
    return _put(plain, place, part, sized)


def _put(plain: dict[str, Any], place: Place, part: dict[str, Any], sized: Mapping[str, Any]) -> Resolved:
    where, lines, count = f"{place.section}.{place.part}", list[str](), sized.get("count")
    chosen = sized.get("type")
    if place.key == "cpu":
        part |= {"cpu": sized.get("cpu"), "memory": sized.get("memory")}
        chosen = (
            f"{sized.get('cpu')} {'units of CPU' if place.section == 'ecs' else 'vCPU'} and {sized.get('memory')} MiB"
        )
    else:
        part[place.key] = [chosen] if place.key == "types" else chosen
    part.setdefault("workers", sized.get("workers"))
    scaling = _mapping(plain.get("autoscaling"))
    most, key = (scaling.get("max"), "autoscaling.max") if scaling else (part.get("count"), f"{where}.count")
    if isinstance(most, int) and isinstance(count, int) and most < count:
        lines.append(f"{key} is {most}, expected {count} at least, which carry the load; write {count}")
    if not scaling and place.counts:
        part.setdefault("count", count)
    rate, each = _mapping(sized.get("load")).get("requests_per_second"), sized.get("workers")
    told = (
        f"{where} is auto: {count} of {chosen}, {each} worker{'' if each == 1 else 's'} on each, for {_number(rate)} "
        f"requests a second, as modelport size chose by model {sized.get('model')}"
    )
    return Resolved(plain, lines, told)


def _other(now: Mapping[str, Any], then: Mapping[str, Any]) -> tuple[str, object, object] | None:
    """The first key in which two loads differ, with both its values."""
    for key, field in LoadSpec.model_fields.items():
        default = None if field.is_required() else field.default
        if (one := now.get(key, default)) != (other := then.get(key, default)):
            return key, one, other
    return None


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else show(value)


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
