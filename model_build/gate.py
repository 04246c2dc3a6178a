"""The gate and the choice: which candidates are good enough, and which of those is taken.

Gate first, then size: the smallest file among those that pass. Latency decides only beyond a stated margin: a smaller
one that is slower than the fastest by more than that is passed over. With measurements kept by content the choice
repeats.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from model_build import metrics, parity
from model_build.recipe_evaluate import Evaluate
from model_build.slicing import Slice

FLOOR_MS = 0.1
"""Differences in latency below this are noise of the clock and the scheduler, whatever their ratio."""


@dataclass(frozen=True)
class Measured:
    """What is known of a candidate that ran."""

    name: str
    file_bytes: int
    metric: float
    drop: float | None
    """How much worse than the source framework; None where that did not answer."""
    p50_ms: float
    p99_ms: float
    slices: Sequence[Slice] = ()
    batches: Mapping[int, float] = field(default_factory=dict[int, float])
    """p99 in ms by rows per call, for more than the least."""
    form: parity.Form | None = None
    """What it computes with; None where parity is not asked of it."""
    apart: parity.Apart | None = None
    """How far it is from the source; None where that did not answer."""
    cosine: float | None = None
    """The least of any row's vector to the source's own."""


def missed(asked: Evaluate, got: Measured) -> list[str]:
    """One line for each bound that a candidate missed: `min: accuracy is 0.91, at least 0.95 was asked, 0.04 short`."""
    lines: list[str] = []
    name = asked.metric
    # Written so that a measure that is no number misses, too.
    if asked.min is not None and not got.metric >= asked.min:
        lines.append(_line("min", name, got.metric, "at least", asked.min, asked.min - got.metric))
    if asked.max is not None and not got.metric <= asked.max:
        lines.append(_line("max", name, got.metric, "at most", asked.max, got.metric - asked.max))
    if asked.max_drop is not None and got.drop is None:
        lines.append(
            f"max_drop: how much is lost is not known, as the source framework does not answer itself, at most "
            f"{asked.max_drop:g} was asked; say what {name} has to be in its place"
        )
    if asked.max_drop is not None and got.drop is not None and not got.drop <= asked.max_drop + 1e-12:
        worse = f"{name} against the source"
        lines.append(
            _line("max_drop", f"drop of {worse}", got.drop, "at most", asked.max_drop, got.drop - asked.max_drop)
        )
    lines += _slices(asked, got)
    if line := parity.missed(asked.parity, got.form, got.apart):
        lines.append(line)
    if asked.min_cosine is not None and got.cosine is None:
        lines.append(
            f"min_cosine: how near vectors are to the source's is not known, as it gives none, at least "
            f"{asked.min_cosine:g} was asked; leave it out"
        )
    elif asked.min_cosine is not None and got.cosine is not None and not got.cosine >= asked.min_cosine:
        short = asked.min_cosine - got.cosine
        what = "least cosine to the source's own"
        lines.append(_line("min_cosine", what, got.cosine, "at least", asked.min_cosine, short))
    lines += _latencies(asked, got)
    if asked.max_bytes is not None and got.file_bytes > asked.max_bytes:
        over = got.file_bytes - asked.max_bytes
        lines.append(f"max_bytes: size is {got.file_bytes:,}, at most {asked.max_bytes:,} was asked, {over:,} over")
    return lines


def _latencies(asked: Evaluate, got: Measured) -> list[str]:
    lines: list[str] = []
    for rows, most in asked.latencies.items():
        p99 = got.p99_ms if rows == 1 else got.batches.get(rows)
        what = "p99 in ms" if rows == 1 else f"p99 in ms of {rows} rows"
        if p99 is None:
            lines.append(f"max_latency_ms: {what} is not known, at most {most:g} was asked; measure it: build here")
        elif not p99 <= most:
            lines.append(_line("max_latency_ms", what, p99, "at most", most, p99 - most))
    return lines


def _slices(asked: Evaluate, got: Measured) -> list[str]:
    """The group that misses a bound by most, for each bound of groups."""
    lines: list[str] = []
    smaller = asked.metric in metrics.ERRORS
    bound, key = (asked.max_slice, "max_slice") if smaller else (asked.min_slice, "min_slice")
    if got.slices and bound is not None:
        # What is no number is the worst: it is above and below nothing, and would be passed over.
        worst = max(got.slices, key=lambda each: (math.isnan(each.metric), each.metric if smaller else -each.metric))
        if not (worst.metric <= bound if smaller else worst.metric >= bound):
            side = "at most" if smaller else "at least"
            lines.append(_line(key, f"{asked.metric} of {worst}", worst.metric, side, bound, abs(worst.metric - bound)))
    if asked.max_drop_slice is not None and (known := [each for each in got.slices if each.baseline is not None]):
        drops = {each: metrics.drop(asked.metric, each.metric, each.baseline or 0.0) for each in known}
        worst, most = max(drops.items(), key=lambda item: (math.isnan(item[1]), item[1]))
        if not most <= asked.max_drop_slice + 1e-12:
            what = f"drop of {asked.metric} of {worst} against the source"
            by = most - asked.max_drop_slice
            lines.append(_line("max_drop_slice", what, most, "at most", asked.max_drop_slice, by))
    if not got.slices and any(each is not None for each in (asked.min_slice, asked.max_slice, asked.max_drop_slice)):
        few = f"no group of {', '.join(asked.slices)} has {asked.slice_rows} rows"
        lines.append(f"{key}: {few}, at least one was asked; add rows, or lower slice_rows")
    return lines


def choose(passed: Sequence[Measured], margin: float) -> tuple[str | None, dict[str, str]]:
    """The name of the candidate to take, None when none passed, and a sentence for each on why or why not.

    margin: how much slower (by the median, as a share of the fastest) a smaller candidate may be.
    """
    if not passed:
        return None, {}
    fastest = min(passed, key=lambda c: (c.p50_ms, c.file_bytes))
    limit = max(fastest.p50_ms * (1 + margin), fastest.p50_ms + FLOOR_MS)
    quick = [c for c in passed if c.p50_ms <= limit]
    best = min(quick, key=lambda c: (c.file_bytes, -_goodness(c), c.name))
    why: dict[str, str] = {}
    for candidate in passed:
        if candidate is best:
            why[candidate.name] = _reason(best, passed, margin)
        elif candidate not in quick:
            why[candidate.name] = (
                f"passed, but {candidate.p50_ms / fastest.p50_ms:.1f} times the {fastest.p50_ms:.3g} ms of "
                f"{fastest.name}, beyond the margin of {1 + margin:g} times"
            )
        else:
            more = candidate.file_bytes - best.file_bytes
            why[candidate.name] = f"passed, but {more:,} bytes larger than {best.name}"
    return best.name, why


def passed_over(best: Measured, others: Mapping[str, tuple[Measured, Sequence[str]]]) -> str:
    """What is smaller than the candidate that is taken, and why it is not taken; empty where nothing is smaller.

    others: by name, what is known of each, and its lines of `missed`.
    """
    smaller = {name: lines for name, (got, lines) in others.items() if got.file_bytes < best.file_bytes}
    groups: dict[str, list[str]] = {}
    for name, lines in smaller.items():
        keys = " and ".join(line.partition(":")[0] for line in lines)
        groups.setdefault(f"missed {keys}" if lines else "too slow beside the fastest", []).append(name)
    told: list[str] = []
    for why, names in groups.items():
        *first, last = names
        verb = "are" if first else "is"
        link = "" if why.startswith("missed") else f"{verb} "
        told.append(f"{', '.join(first)}{' and ' if first else ''}{last} {verb} smaller, but {link}{why}")
    return "".join(f"; {each}" for each in told)


def _reason(best: Measured, passed: Sequence[Measured], margin: float) -> str:
    others = [c for c in passed if c is not best]
    if not others:
        return "chosen: the only candidate that passed the gate"
    if best.file_bytes <= min(c.file_bytes for c in others):
        return f"chosen: passed the gate and is the smallest, {best.file_bytes:,} bytes"
    return f"chosen: the smallest within {1 + margin:g} times the fastest candidate's latency"


def _goodness(candidate: Measured) -> float:
    return -(candidate.drop or 0.0)


def _line(gate: str, what: str, got: float, bound: str, asked: float, by: float) -> str:
    side = "short" if bound == "at least" else "over"
    return f"{gate}: {what} is {got:.6g}, {bound} {asked:g} was asked, {by:.3g} {side}"


def fix(asked: Evaluate, missed_by: Mapping[str, Sequence[str]]) -> str:
    """What a person can do when every candidate missed."""
    gates = {line.partition(":")[0] for lines in missed_by.values() for line in lines}
    if gates <= {"max_latency_ms", "max_bytes"}:
        return "make the model smaller, or raise the bound"
    worse = "lower" if asked.metric not in metrics.ERRORS else "raise"
    if gates == {"parity"}:
        return "try another candidate under optimize.candidates, or allow more by evaluate.parity"
    if gates == {"max_drop"}:
        return "try another candidate under optimize.candidates, or allow a larger max_drop"
    return f"train a better model, or {worse} the bound in evaluate"
