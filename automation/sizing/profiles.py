"""What was measured of a whole machine: how many requests a second it answers, at how many callers, and how fast.

Of a GPU, or of another processor, nothing can be reckoned from the time that a request takes here. So `modelport size
--measure` asks a server that runs there and writes a file, and `--measured FILE` takes it. It holds for the build that
it is of, by the digest of its image, and for machines with the same GPUs, or with the same processors.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from automation.exits import Exit, Failure
from automation.sizing.capacity import MOST, MOST_WORKERS, Cost, Fit, Load, Misfit, needed
from automation.sizing.offer import GIB, Offer, gcp_arch, shapes

if TYPE_CHECKING:
    from model_build.report import Report

TARGETS: Final = ("aws-ec2", "aws-sagemaker", "gcp-compute", "gcp-vertex")
"""What is sold as whole machines, so that what one of them does, another does."""
_AWS: Final = re.compile(r"[cmr](\d\w*(?:-flex)?)\.\w+")
"""Types of one generation with the same letters have the same processors: c7g, m7g and r7g."""
_MIXED: Final = ("e2", "n1")
"""Series of Google Cloud whose machines have one processor or another."""
_Positive = Annotated[float, Field(ge=1e-6, le=1e9, allow_inf_nan=False)]
"""Of what is asked for a second or two there is nothing smaller or larger, and with these nothing overflows."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Step(_Part):
    """What so many callers got, none of whom pauses."""

    callers: Annotated[int, Field(ge=1, le=100_000)]
    requests: Annotated[int, Field(ge=1, le=10**12)]
    rps: _Positive
    """Requests answered in a second."""
    p50_ms: _Positive
    p99_ms: _Positive

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.p99_ms < self.p50_ms:
            raise ValueError(
                f"has p99_ms {self.p99_ms:g} below p50_ms {self.p50_ms:g}, expected it above; measure again"
            )
        # Each has one request at a time, and half of them take p50_ms at least. As much again is for the clocks.
        most = 4000 * self.callers / self.p50_ms
        if self.rps > most:
            raise ValueError(
                f"has rps {self.rps:g} with callers {self.callers} and p50_ms {self.p50_ms:g}, expected at most "
                f"{most:.3g}; measure again"
            )
        return self


class Measurement(_Part):
    """What a machine did."""

    schema_version: Literal[1] = 1
    model: str
    version: str
    identity: str
    """Of the build, as its report has it."""
    image: str
    """Digest of the image that the build baked."""
    machine: str
    """Type of the machine that answered, as its cloud calls it."""
    request: str
    """What was asked: `1 row as JSON, 417 bytes`."""
    asked_from: str
    """What machine the callers were on."""
    date: Annotated[
        str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"x-expected": "a day, as 2026-01-31"})
    ]
    steps: Annotated[list[Step], Field(min_length=1, max_length=100)]


@dataclass(frozen=True)
class Machine:
    """A type of machine, as the lists have it."""

    vcpus: float
    memory: float
    """MiB."""
    arch: str
    gpu: str = ""
    gpus: int = 0


def machine(name: str) -> Machine | None:
    """A type by its name; None for what no list has."""
    from components.aws.catalog import GPU_TYPES

    if (known := shapes("aws")["machines"].get(name)) is not None:
        return Machine(known[0], known[1], known[2])
    if (has := GPU_TYPES.get(name)) is not None:
        return Machine(has.vcpus, has.memory * GIB, "arm64" if has.arm else "amd64", has.model, has.count)
    if (listed := shapes("gcp")["machines"].get(name)) is not None:
        gpu, gpus = listed[2:4] if len(listed) > 2 else ("", 0)
        return Machine(listed[0], listed[1] * GIB, gcp_arch(name), gpu, gpus)
    return None


def read(path: Path, report: "Report", arches: Sequence[str], again: str) -> Measurement:
    """A file of what was measured, of that build. Raises Failure.

    arches: that the image is for. again: the command that measures.
    """
    from model_build.mistakes import mistakes, printable

    try:
        found = Measurement.model_validate_json(path.read_bytes())
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Failure(Exit.BAD_INPUT, f"{path}: {why}, expected what {again} writes") from None
    except ValidationError as error:
        lines = mistakes(error, Measurement, written=lambda _: None)
        raise Failure(Exit.BAD_INPUT, *(printable(f"{path.name}: {line}") for line in lines[:10])) from None
    where = machine(found.machine)
    if where is None:
        told = f"{path.name}: machine is {found.machine!r}, expected a type of EC2 or Compute Engine that is known here"
        raise Failure(Exit.BAD_INPUT, printable(f"{told}; measure on one with {again}"))
    if where.arch not in arches:
        told = f"{path.name}: {found.machine} is {where.arch}, expected what the image is for, {' or '.join(arches)}"
        raise Failure(Exit.BAD_INPUT, f"{told}; add linux/{where.arch} to model.platforms")
    image = report.image.digest if report.image is not None else ""
    for what, got, expected in (("build", found.identity, report.identity), ("image", found.image, image)):
        if got != expected:
            told = f"{path.name}: is of {what} {got[:19]}, expected {expected[:19]}, which {report.name} is now"
            raise Failure(Exit.BAD_INPUT, printable(f"{told}; measure that with {again}"))
    return found


def of(offer: Offer, measured: Iterable[Measurement]) -> tuple[Measurement, float] | None:
    """What was measured that holds for an offer, and how many times as many it answers; the nearest of several."""
    found = [(one, scale) for one in measured if (scale := _holds(offer, one)) is not None]
    return min(found, key=lambda each: (_name(offer) != each[0].machine, abs(math.log(each[1])))) if found else None


def _holds(offer: Offer, one: Measurement) -> float | None:
    if offer.target not in TARGETS:
        return None
    name = _name(offer)
    if name == one.machine:
        return 1.0
    here, there = machine(name), machine(one.machine)
    if here is None or there is None or (here.gpu, here.gpus, here.arch) != (there.gpu, there.gpus, there.arch):
        return None
    if here.gpus:
        return 1.0 if here.vcpus >= there.vcpus and here.memory >= there.memory else None
    return here.vcpus / there.vcpus if _processor(name) == _processor(one.machine) is not None else None


def _name(offer: Offer) -> str:
    return offer.name.removeprefix("ml.")


def _processor(name: str) -> str | None:
    """What types with the same processors have in common; None for those of which nobody can say."""
    if found := _AWS.fullmatch(name):
        return found[1]
    series = name.partition("-")[0]
    return None if "." in name or series in _MIXED else series


def fit(load: Load, cost: Cost, offer: Offer, measured: tuple[Measurement, float], *, room: float) -> Fit | Misfit:
    """The fewest machines that carry the load by what one of them did, or what stands against it.

    It is taken at the number of callers at which most was answered within `load.p99_ms`. A machine with more or fewer
    of the same processors answers in proportion; one worker is reckoned for each vCPU.
    """
    one, scale = measured
    workers = max(1, min(int(offer.shape.vcpus), MOST_WORKERS))
    memory = needed(cost, workers, room)
    free = offer.shape.memory - offer.shape.reserve
    if memory > free and not offer.gpus:
        return Misfit("memory", max(free, 0), memory)
    within = [step for step in one.steps if load.p99_ms is None or step.p99_ms <= load.p99_ms]
    if not within:
        return Misfit("latency", min(step.p99_ms for step in one.steps), load.p99_ms or 0)
    best = max(within, key=lambda step: step.rps)
    each = best.rps * scale
    count = max(load.least, math.ceil(load.rps / (each * (1 - load.headroom)) - 1e-9))
    if count > MOST:
        return Misfit("number", count, MOST)
    return Fit(count, workers, load.rps / (count * each), best.p99_ms, memory, measured=one.machine)


def told(measured: Sequence[Measurement]) -> list[Mapping[str, Any]]:
    """For programs."""
    return [each.model_dump() for each in measured]
