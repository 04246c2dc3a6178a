"""`modelport size`: from flags and stack file to the list of what carries a load, and to what `auto` stands for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from automation.costs import update as prices
from automation.costs.book import Book
from automation.exits import Exit, Failure
from automation.lifecycle import Request
from automation.projects import Target, has_spec, select
from automation.sizing import choosing, profiles, showing, writing
from automation.sizing.capacity import HEADROOM, LEAST, SPEED, Load
from automation.sizing.choosing import Choice, Left
from automation.sizing.measured import Measured, measured
from automation.sizing.offer import KINDS, Offer
from automation.sizing.offers import offers
from automation.sizing.profiles import Measurement

if TYPE_CHECKING:
    from stacks.spec import StackSpec

Cloud = Literal["aws", "gcp", "all"]
USUAL: Final = {"aws": "us-east-1", "gcp": "us-central1"}
"""The region of a cloud that the stack is not in, where no flag says another."""


@dataclass(frozen=True)
class Asked:
    """What the flags say; None where they do not."""

    rps: float | None = None
    p99_ms: float | None = None
    headroom: float | None = None
    least: int | None = None
    speed: float | None = None
    cloud: Cloud = "all"
    regions: tuple[str, ...] = ()
    every: bool = False
    write: bool = False
    measured: tuple[Path, ...] = ()
    """Files of what machines did."""
    measure: Path | None = None
    """The file to write of what the machine does that `url` is on, of the type `machine`."""
    url: str | None = None
    machine: str | None = None


@dataclass(frozen=True)
class Sized:
    """All that there is to say."""

    stack: str
    measured: Measured
    load: Load
    regions: Mapping[str, str]
    found: list[Choice]
    left: list[Left]
    lacking: list[str]
    """What the book has no price of."""
    target: str
    """Of the stack."""
    machines: tuple[Measurement, ...] = ()
    """What was measured of whole machines."""
    pods: Choice | None = None
    """For a cluster that is there, where the stack's own target is one."""


def size(request: Request, asked: Asked) -> Exit:
    """Say what carries a load, the cheapest first; write it into the stack file where that is asked. Raises Failure."""
    target = select(request.cwd, request.stack)
    spec = _spec(target)
    if asked.measure is None and (stray := "--url" if asked.url else "--machine" if asked.machine else ""):
        told = f"{stray} is given without --measure, expected the file that what is measured goes into"
        raise Failure(Exit.BAD_INPUT, f"{told}; write --measure FILE, or leave it out")
    load = Load(1) if asked.measure is not None else wanted(spec, asked, target.stack)
    if asked.write:
        writing.allowed(target, spec, load)
    regions = _regions(spec, asked)
    known = measured(target, spec.model, request.engine)
    if asked.measure is not None:
        return _measure(request, target, spec, asked, known)
    again = f"modelport size -s {target.stack} --measure FILE --url URL --machine TYPE"
    arches = [each.partition("/")[2] for each in spec.model.platforms]
    machines = tuple(profiles.read(request.cwd / path, known.report, arches, again) for path in asked.measured)
    book = prices.known()
    offered = [offer for cloud, region in regions.items() for offer in offers(book, cloud, region)]
    lacking = [_lack(book, kind, regions) for kind in KINDS if kind.partition("-")[0] in regions]
    own = writing.workers(spec)
    found, left = choosing.choose(load, known.cost, offered, arches=arches, workers=own, measured=machines)
    pods = choosing.anywhere(load, known.cost, own) if spec.target == "kubernetes" else None
    if isinstance(pods, Left):
        left.append(pods)
        pods = None
    lacking = [line for line in lacking if line]
    sized = Sized(target.stack, known, load, regions, found, left, lacking, spec.target, machines, pods)
    if not found and pods is None:
        raise Failure(Exit.BAD_INPUT, *_none(sized, offered))
    chosen = writing.write(target, spec, sized) if asked.write else None
    if request.as_json:
        print(showing.as_json(sized, chosen))
    else:
        print("\n".join(showing.lines(sized, chosen, every=asked.every)))
    return Exit.DONE


def _measure(request: Request, target: Target, spec: "StackSpec", asked: Asked, known: Measured) -> Exit:
    """Ask a server of the model, and write what it did."""
    from automation.sizing import measuring

    assert asked.measure is not None
    for flag, given in (("--url", asked.url), ("--machine", asked.machine)):
        if given is None:
            told = f"{flag} is missing beside --measure, expected where the model answers, and on which type of machine"
            raise Failure(Exit.BAD_INPUT, f"{told}; for example --url http://10.0.0.7:8080 --machine g6.xlarge")
    url, machine = asked.url or "", asked.machine or ""
    file = request.cwd / asked.measure
    made = measuring.measure(file, url, machine, known, spec.model, target.root, measuring.beside)
    best = max(made.steps, key=lambda each: each.rps)
    if request.as_json:
        print(made.model_dump_json())
    else:
        many = f"{best.callers} caller{'' if best.callers == 1 else 's'}"
        print(f"{asked.measure}: {machine} answers {best.rps:.4g} requests a second at {many}")
        print(f"modelport size -s {target.stack} --measured {asked.measure} reckons with it")
    return Exit.DONE


def wanted(spec: "StackSpec", asked: Asked, stack: str) -> Load:
    """What is to be carried: of the flags, then of the stack file. Raises Failure."""
    given = spec.load
    rps = asked.rps if asked.rps is not None else given.requests_per_second if given else None
    if rps is None:
        told = f"--rps is missing and Pulumi.{stack}.yaml has no load, expected the requests of a second"
        raise Failure(Exit.BAD_INPUT, f"{told}; for example --rps 50")
    load = Load(
        rps,
        asked.p99_ms if asked.p99_ms is not None else given.p99_ms if given else None,
        asked.headroom if asked.headroom is not None else given.headroom if given else HEADROOM,
        asked.least if asked.least is not None else given.least if given else LEAST,
        asked.speed if asked.speed is not None else given.speed if given else SPEED,
    )
    wrong = [
        f"{flag} is {value:g}, expected {what}; for example {flag} {example}"
        for flag, value, right, what, example in (
            ("--rps", load.rps, 0 < load.rps <= 1_000_000, "requests a second, above 0", "50"),
            (
                "--p99-ms",
                load.p99_ms,
                load.p99_ms is None or 0 < load.p99_ms <= 3_600_000,
                "milliseconds, above 0",
                "100",
            ),
            ("--headroom", load.headroom, 0 <= load.headroom <= 0.95, "a share from 0 to 0.95", "0.3"),
            ("--least", load.least, 1 <= load.least <= 1000, "a number from 1 to 1000", "2"),
            ("--speed", load.speed, 0 < load.speed <= 10, "how fast a vCPU is, above 0 and at most 10", "0.5"),
        )
        if not right
    ]
    if wrong:
        raise Failure(Exit.BAD_INPUT, *wrong)
    return load


def _spec(target: Target) -> "StackSpec":
    if not has_spec(target.root):
        raise Failure(Exit.BAD_INPUT, f"{target.root} has no stacks/spec.py, expected a project of Modelport's stacks")
    from stacks.spec import SpecError, StackSpec

    try:
        return StackSpec.from_file(target.file, unsized=True)
    except SpecError as error:
        raise Failure(Exit.BAD_INPUT, *error.lines) from None


def _regions(spec: "StackSpec", asked: Asked) -> dict[str, str]:
    """The region of each cloud that is looked at."""
    from components.aws.catalog import ZONES as AWS
    from components.gcp.catalog import ZONES as GCP
    from stacks.specs.targets import ACCOUNTS

    found = dict(USUAL)
    own = ACCOUNTS.get(spec.target)
    if own is not None:
        found[spec.target.partition("-")[0]] = getattr(spec, own).region
    for region in asked.regions:
        cloud = "aws" if region in AWS else "gcp" if region in GCP else None
        if cloud is None:
            told = f"--region is {region!r}, expected one of AWS or Google Cloud"
            raise Failure(Exit.BAD_INPUT, f"{told}; for example --region eu-central-1")
        found[cloud] = region
    return {cloud: region for cloud, region in found.items() if asked.cloud in ("all", cloud)}


def _lack(book: Book, kind: str, regions: Mapping[str, str]) -> str:
    cloud = kind.partition("-")[0]
    region = regions[cloud]
    if any(offer.target == kind and not offer.gpus for offer in offers(book, cloud, region)):
        return ""
    return f"{KINDS[kind]} in {region}"


def _none(sized: Sized, offered: list[Offer]) -> list[str]:
    """Why nothing carries the load, and by how much the nearest fails."""
    where = " and ".join(sized.regions.values())
    refresh = " ".join(f"--region {region}" for region in sized.regions.values())
    if all(offer.gpus for offer in offered):
        told = f"the book has no price of anything in {where} that could run a model, expected some"
        return [f"{told}; run modelport prices --update {refresh}"]
    nearest = min(sized.left, key=lambda each: (each.beyond, each.offer.per_hour, each.offer.name))
    fixes = {
        "latency": "raise --p99-ms, or let the build search for a faster form of the model",
        "memory": "take fewer workers, or a smaller model",
        "number": "lower --rps, or share the load among several stacks",
        "architecture": "look at another region",
        "unmeasured": "measure one of them",
        "pods": "look at larger nodes",
        "places": "look at larger nodes",
    }
    load = f"{sized.load.rps:g} requests a second"
    told = f"nothing in {where} carries {load}: the nearest of {len(sized.left)}, {nearest.offer.name}, {nearest.why}"
    return [f"{told}; {fixes[nearest.limit]}"]
