"""What `auto` stands for: chosen once, written into the stack file, and kept until another is much cheaper."""

import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from automation.exits import Exit, Failure
from automation.projects import Target
from automation.sizing import functions
from automation.sizing.capacity import Load
from automation.sizing.choosing import KEEP, Choice, same, settled

if TYPE_CHECKING:
    from automation.sizing.command import Sized
    from stacks.spec import StackSpec

KEY = "modelport:sized"
SPARE = 64
"""MiB that a pod may have beyond what it needs, before it is given less."""


@dataclass(frozen=True)
class Written:
    """What stands in the file now."""

    recorded: dict[str, Any]
    lines: list[str]


def workers(spec: "StackSpec") -> dict[str, int]:
    """Workers on each machine by target, where the stack file says it itself."""
    from stacks.specs.load import PLACES

    place = PLACES.get(spec.target)
    if place is None:
        return {}
    section: Any = getattr(spec, place.section)
    part = section if place.beside or not place.part else getattr(section, place.part)
    return {spec.target: part.workers} if "workers" in part.model_fields_set else {}


def nodes(target: Target, spec: "StackSpec") -> tuple[str, ...] | None:
    """The types of the stack's own nodes, where its file says them or leaves them out; None where they are open."""
    from stacks.specs.load import nodes as asked

    if spec.target == "aws-eks" and spec.aws is not None:
        own = spec.aws.cluster.instance_types or ("m6i.large",)
    elif spec.target == "gcp-gke" and spec.gcp is not None:
        own = (spec.gcp.cluster.machine_type or "e2-standard-4",)
    else:
        return None
    return own if asked(_own(target)[1]) is None else None


def allowed(target: Target, spec: "StackSpec", load: Load) -> None:
    """Refuse to write what the stack file does not ask for. Raises Failure."""
    from stacks.specs.load import PLACES, asked

    file = target.file.name
    place = PLACES.get(spec.target)
    if place is None:
        told = f"--write is given with target {spec.target}, expected one whose machines may be auto"
        raise Failure(Exit.BAD_INPUT, f"{file}: {told}, {', '.join(PLACES)}; leave --write out")
    if asked(_own(target)[1]) is None:
        told = f"{place.where} says its {'pods' if place.beside else 'machines'} itself, expected auto with --write"
        key = place.part or place.key
        raise Failure(Exit.BAD_INPUT, f"{file}: {told}; write {key}: auto, or leave --write out")
    if spec.target == "gcp-gke" and spec.gcp is not None and spec.gcp.cluster.kind == "autopilot":
        told = "gcp.cluster.kind is autopilot, expected standard with auto, as Google finds nodes for pods there"
        raise Failure(Exit.BAD_INPUT, f"{file}: {told}; write service.resources yourself, or kind: standard")
    if spec.load is None:
        told = f"load is missing, expected what {place.where} is chosen for"
        raise Failure(Exit.BAD_INPUT, f"{file}: {told}; write modelport:load: {{requests_per_second: {load.rps:g}}}")
    given = spec.load
    own = Load(given.requests_per_second, given.p99_ms, given.headroom, given.least, given.speed)
    if own != load:
        told = "load differs from the flags, expected the same with --write, as the file says what auto is for"
        raise Failure(Exit.BAD_INPUT, f"{file}: {told}; leave the flags out, or change load")


def write(target: Target, spec: "StackSpec", sized: "Sized") -> Written:
    """Choose for the stack's own target and record it in its file. Raises Failure, with the file as it was."""
    whole, values = _own(target)
    before = values.get("sized")
    recorded: dict[str, Any] = cast("dict[str, Any]", before) if isinstance(before, dict) else {}
    if recorded.get("target") != spec.target:
        recorded = {}
    own = [sized.pods] if spec.target == "kubernetes" and sized.pods is not None else sized.found
    kept = nodes(target, spec)
    own = [each for each in own if kept is None or each.offer.target != spec.target or each.offer.name in kept]
    chosen = settled(own, spec.target, recorded)
    if chosen is None:
        raise Failure(Exit.BAD_INPUT, _no_choice(target, spec, sized, kept))
    made = _record(chosen, spec, sized)
    if "pod" in made and _enough(recorded, made):
        made["pod"] = recorded["pod"]
    config: dict[str, Any] = dict(whole.get("config") or {})
    key = next((key for key in ("sized", KEY) if key in config), KEY)
    config[key] = made
    _put(target, {**whole, "config": config})
    return Written(made, _told(target, own, chosen, recorded))


def _own(target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
    """The stack file as it is, and what it says under our own keys."""
    from stacks import yamlfile

    whole = cast("dict[str, Any]", yamlfile.read(target.file).value or {})
    config = cast("dict[str, Any]", whole.get("config") or {})
    return whole, {key.removeprefix("modelport:"): value for key, value in config.items()}


def _put(target: Target, data: dict[str, Any]) -> None:
    """Write it, once it holds the rules of stack files: what a component refuses is told before anything is changed."""
    from engine.stack_files import write as put
    from stacks.spec import SpecError, StackSpec

    with tempfile.TemporaryDirectory(prefix="sized-") as folder:
        copy = Path(folder) / target.file.name
        copy.write_bytes(target.file.read_bytes())
        put(copy, data)
        try:
            StackSpec.from_file(copy)
        except SpecError as error:
            raise Failure(Exit.BAD_INPUT, *error.lines) from None
    put(target.file, data)


def _record(chosen: Choice, spec: "StackSpec", sized: "Sized") -> dict[str, Any]:
    offer, fit = chosen.offer, chosen.fit
    what: dict[str, Any] = {"cpu": offer.cpu, "memory": offer.memory}
    count = fit.count
    if fit.pods is not None:
        what = {"pod": fit.pods.quantities}
        what |= {"type": offer.name, "nodes": fit.count} if offer.node is not None else {}
        count = fit.pods.count
    elif offer.memory is None:
        what = {"type": offer.name}
    what = {key: value for key, value in what.items() if value is not None}
    assert spec.load is not None
    dollars = {"dollars_per_hour": round(float(chosen.per_hour), 4)} if offer.prices else {}
    return {
        "target": spec.target,
        **what,
        "count": count,
        "workers": fit.workers,
        "load": {key: _plain(value) for key, value in spec.load.model_dump(exclude_defaults=True).items()},
        "model": sized.measured.report.identity[:12],
        **dollars,
    }


def _enough(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Whether pods may stay as they are: a measurement that differs a little is no reason for a rollout."""
    pod, wanted = before.get("pod"), now["pod"]
    if not isinstance(pod, dict) or before.get("workers") != now["workers"]:
        return False
    had = cast("dict[str, Any]", pod)
    if any(had.get(key) != wanted[key] for key in ("cpu", "cpu_limit")):
        return False
    both = [(_mebibytes(had.get(key)), _mebibytes(wanted[key])) for key in ("memory", "memory_limit")]
    return all(is_ >= needs and (is_ - needs <= SPARE or is_ <= needs * (1 + KEEP)) for is_, needs in both)


def _mebibytes(quantity: object) -> int:
    text = str(quantity).removesuffix("Mi")
    return int(text) if text.isdigit() else 0


def _told(target: Target, own: list[Choice], chosen: Choice, before: dict[str, Any]) -> list[str]:
    name, many, pods = chosen.offer.name, chosen.fit.count, chosen.fit.pods
    each = "1 worker" if chosen.fit.workers == 1 else f"{chosen.fit.workers} workers"
    what = f"{many} of {name}" if pods is None else f"{pods} and {pods.memory} MiB"
    what += f" on {many} of {name}" if chosen.offer.node is not None else ""
    whole = f"{what}, {each} on each"
    if chosen.offer.target == functions.TARGET:
        whole = f"{name}, of which {many} answer{'s' if many == 1 else ''} at once"
    told = [f"{target.file.name}: sized is {whole}"]
    cheapest = next(each for each in own if each.offer.target == chosen.offer.target)
    if before and same(chosen.offer, before) and cheapest is not chosen:
        saves = 1 - float(cheapest.per_hour / chosen.per_hour)
        told.append(
            f"{name} is kept: {cheapest.offer.name} would save {saves:.0%}, and less than {KEEP:.0%} is no reason"
        )
    return told


def _plain(value: Any) -> Any:
    """As somebody would write it: 50, and not 50.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _no_choice(target: Target, spec: "StackSpec", sized: "Sized", nodes: tuple[str, ...] | None) -> str:
    left = [each for each in sized.left if each.offer.target == spec.target]
    left = [each for each in left if nodes is None or each.offer.name in nodes]
    left = [each for each in left if math.isfinite(each.beyond)]  # not what it could never be
    file = target.file.name
    if not left:
        region = sized.regions.get(spec.target.partition("-")[0], "its region")
        what = f"what {spec.target} runs on" if nodes is None else " or ".join(nodes)
        told = f"{file}: the book has no price of {what} in {region}, expected some to choose from"
        return f"{told}; run modelport prices --update --region {region}, or write the type"
    nearest = min(left, key=lambda each: (each.beyond, each.offer.name))
    told = f"{file}: nothing of {spec.target} carries {sized.load.rps:g} requests a second: the nearest, "
    return f"{told}{nearest.offer.name}, {nearest.why}, expected one that does; lower what load asks"
