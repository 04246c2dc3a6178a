"""The section `load`, what the model is to carry; and `auto`, which leaves machines or pods for it to `modelport size`.

`auto` is what somebody writes, and `sized` what was chosen for it: a record in the same file, as a lock file is one, so
that a stack has the same machines on every computer and in every review. It holds for the load it was chosen for.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, cast

from pydantic import Field, StrictInt

from model_build.mistakes import show
from model_build.recipe_server import TENSORFLOW, TRITON
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


class SizedPodSpec(Part):
    """What each pod asks of its node, as quantities of Kubernetes."""

    cpu: Line
    """CPU that is set aside, as `500m`."""
    memory: Line
    """Memory that is set aside, as `112Mi`."""
    cpu_limit: Line
    """CPU at most."""
    memory_limit: Line
    """Memory at most."""


class SizedSpec(Part):
    """What `modelport size --write` chose where a key says `auto`. It is written there, and read by people."""

    target: Line
    """The target that it was chosen for."""
    type: Line | None = None
    """Type of machine, or of a cluster's nodes."""
    cpu: Annotated[StrictInt | None, Field(ge=1)] = None
    """Units of CPU of a task, or vCPU of an instance."""
    memory: Annotated[StrictInt | None, Field(ge=1)] = None
    """MiB of each."""
    pod: SizedPodSpec | None = None
    """What each pod asks for, in a cluster."""
    nodes: Annotated[StrictInt | None, Field(ge=1, le=1000)] = None
    """How many nodes these pods are on, with what the cluster runs for itself."""
    count: Annotated[StrictInt, Field(ge=1, le=1000)]
    """How many: of machines, tasks, instances or pods; of a function, how many answer at once."""
    workers: Annotated[StrictInt, Field(ge=1, le=256)]
    """Processes that answer on each, or in each pod."""
    load: LoadSpec
    """What they carry."""
    model: Line
    """The build that was measured, by the beginning of its identity."""
    dollars_per_hour: Annotated[float | None, Field(ge=0)] = None
    """What all of them cost, by the book of that day. None in a cluster that is there already."""


class Place(NamedTuple):
    """Where a target says its machines."""

    section: str
    part: str
    """Empty for the section itself."""
    key: str
    """What may say `auto`, if not the part as a whole."""
    counts: str = "count"
    """The key that says how many there are; empty where none does."""
    beside: bool = False
    """Whether that, and `workers`, stand beside the part and not in it."""

    @property
    def where(self) -> str:
        return f"{self.section}.{self.part or self.key}"


PLACES: Final[dict[str, Place]] = {
    "kubernetes": Place("service", "resources", "cpu", "replicas", beside=True),
    "aws-ec2": Place("ec2", "instance", "types"),
    "aws-ecs": Place("ecs", "task", "cpu"),
    "aws-eks": Place("service", "resources", "cpu", "replicas", beside=True),
    "aws-lambda": Place("function", "", "memory", ""),
    "aws-sagemaker": Place("sagemaker", "instance", "type"),
    "gcp-cloudrun": Place("cloudrun", "instance", "cpu", ""),
    "gcp-gke": Place("service", "resources", "cpu", "replicas", beside=True),
    "gcp-vertex": Place("vertex", "machine", "type"),
}
"""The targets whose machines may be `auto`, or whose pods. The target `local` has this machine alone."""
NODES: Final[dict[str, Place]] = {
    "aws-eks": Place("aws", "cluster", "instance_types", "min"),
    "gcp-gke": Place("gcp", "cluster", "machine_type", "min"),
}
"""Where a target says the nodes of the cluster that it makes; what may be `auto` is the key alone."""


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
    section = _mapping(values.get(place.section))
    part = section.get(place.part) if place.part else section
    return place if part == AUTO or _mapping(part).get(place.key) == AUTO else None


def nodes(values: Mapping[str, Any]) -> Place | None:
    """The place that says `auto` for the nodes of a cluster, if one does."""
    place = NODES.get(str(values.get("target")))
    if place is None:
        return None
    part = _mapping(_mapping(values.get(place.section)).get(place.part))
    return place if part.get(place.key) == AUTO else None


def resolve(values: Mapping[str, Any], stack: str, *, unsized: bool = False) -> Resolved:
    """Put in the place of `auto` what was chosen for it.

    unsized: what is `auto` is left at its default, for whoever chooses or builds first. What is wrong by itself is left
    to the rules of the sections.
    """
    place, under = asked(values), nodes(values)
    if place is None and under is None:
        return Resolved(dict(values), [], "")
    plain = dict(values)
    if under is not None:
        plain[under.section] = dict(plain[under.section])
        plain[under.section][under.part] = dict(plain[under.section][under.part])
        del plain[under.section][under.part][under.key]
    if place is None:
        assert under is not None
        where, pods = f"{under.section}.{under.part}.{under.key}", PLACES[str(values["target"])]
        line = f"{where} is auto and {pods.where} is not, expected both, as nodes are chosen for pods"
        return Resolved(plain, [f"{line}; write {pods.section}: {{{pods.part}: auto}}, or the type"], "")
    section = dict(_mapping(values[place.section]))
    part = dict(_mapping(section[place.part])) if place.part else section
    part.pop(place.key, None)
    if place.part:
        section[place.part] = part
    plain[place.section] = section
    if place.beside and (server := _mapping(values.get("model")).get("server")) in (TRITON, TENSORFLOW):
        line = f"{place.where} is auto with model.server {server}, expected what a pod needs, as what a request costs"
        return Resolved(plain, [f"{line} is measured of the library's own server alone; write cpu and memory"], "")
    if unsized:
        return Resolved(plain, [], "")
    if section.get("gpu", part.get("gpu")) is not None:
        line = f"{place.where} is auto beside gpu, expected machines without GPUs, which alone are reckoned"
        return Resolved(plain, [f"{line}; write the type, or leave gpu out"], "")
    if line := _unsettled(values, stack, place, section if place.beside else part):
        return Resolved(plain, [line], "")
    sized = _mapping(values["sized"])
    lines = _on(plain, under, sized) if under is not None else []
    told = _put(plain, place, section, part, sized, lines)
    return Resolved(plain, lines, told)


def _unsettled(values: Mapping[str, Any], stack: str, place: Place, told: Mapping[str, Any]) -> str:
    """Why what is recorded is nothing for this file; empty where it is."""
    where, run = place.where, f"run modelport size -s {stack} --write"
    load, sized = values.get("load"), _mapping(values.get("sized"))
    if load is None:
        line = f"load is missing beside {where}: auto, expected what it is to carry; write load: "
        return line + "{requests_per_second: 50}"
    if not sized:
        return f"{where} is auto and nothing is chosen for it yet, expected sized; {run}"
    if sized.get("target") != values.get("target"):
        return f"sized is for target {show(sized.get('target'))}, expected {values.get('target')}; {run}"
    if differs := _other(_mapping(load), _mapping(sized.get("load"))):
        key, now, then = differs
        return f"load.{key} is {_number(now)}, and {where} was chosen for {_number(then)}, expected the same; {run}"
    if (workers := told.get("workers", sized.get("workers"))) != sized.get("workers"):
        whose = place.section if place.beside else where
        line = f"{whose}.workers is {show(workers)}, and {where} was chosen for {show(sized.get('workers'))}"
        return f"{line}, expected the same; {run}"
    return ""


def _on(plain: dict[str, Any], place: Place, sized: Mapping[str, Any]) -> list[str]:
    """Put in the nodes that were chosen; what is wrong beside them."""
    part, many = plain[place.section][place.part], sized.get("nodes")
    part[place.key] = [sized.get("type")] if place.key.endswith("s") else sized.get("type")
    most = part.get("max")
    if isinstance(most, int) and isinstance(many, int) and most < many:
        where = f"{place.section}.{place.part}"
        return [f"{where}.max is {most}, expected {many} nodes at least, which carry the load; write {many}"]
    if isinstance(many, int):
        part.setdefault("min", many)
        part.setdefault("max", max(2 * many, part["min"] if isinstance(part["min"], int) else many))
    return []


def _put(
    plain: Mapping[str, Any],
    place: Place,
    section: dict[str, Any],
    part: dict[str, Any],
    sized: Mapping[str, Any],
    lines: list[str],
) -> str:
    """Put in what was chosen, with a line for what is wrong beside it; says what became of `auto`."""
    around = section if place.beside else part
    chosen = _chosen(place, part, sized)
    if place.part:
        around.setdefault("workers", sized.get("workers"))
    count = sized.get("count")
    scaling = _mapping(plain.get("autoscaling"))
    key = place.counts or "reserved_concurrency"
    most, where = part.get(key), f"{place.section}.{place.part}.{key}" if place.part else f"{place.section}.{key}"
    if place.beside:
        most, where = section.get("max_replicas", section.get(key)), f"{place.section}.{key}"
        where = f"{place.section}.max_replicas" if "max_replicas" in section else where
    if scaling:
        most, where = scaling.get("max"), "autoscaling.max"
    if isinstance(most, int) and isinstance(count, int) and most < count:
        lines.append(f"{where} is {most}, expected {count} at least, which carry the load; write {count}")
    if not scaling and place.counts:
        around.setdefault(place.counts, count)
    rate, each = _mapping(sized.get("load")).get("requests_per_second"), sized.get("workers")
    of = f", {each} worker{'' if each == 1 else 's'} on each" if place.part else ""
    return (
        f"{place.where} is auto: {chosen}{of}, for {_number(rate)} "
        f"requests a second, as modelport size chose by model {sized.get('model')}"
    )


def _chosen(place: Place, part: dict[str, Any], sized: Mapping[str, Any]) -> str:
    """Put in one of what was chosen; says what it is."""
    if place.beside:
        pod = _mapping(sized.get("pod"))
        part |= pod
        on = f" on {sized.get('nodes')} of {sized.get('type')}" if sized.get("type") else ""
        return f"{sized.get('count')} pods with {pod.get('cpu')} of CPU and {pod.get('memory')}{on}"
    if not place.part:
        part["memory"] = sized.get("memory")
        many = sized.get("count")
        return f"{sized.get('memory')} MB, of which {many} answer{'s' if many == 1 else ''} at once"
    if place.key == "cpu":
        part |= {"cpu": sized.get("cpu"), "memory": sized.get("memory")}
        unit = "units of CPU" if place.section == "ecs" else "vCPU"
        return f"{sized.get('count')} of {sized.get('cpu')} {unit} and {sized.get('memory')} MiB"
    part[place.key] = [sized.get("type")] if place.key == "types" else sized.get("type")
    return f"{sized.get('count')} of {sized.get('type')}"


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
