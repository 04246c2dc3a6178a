"""The verdict on a step: each measure holds, fails, or says nothing, and why, in words for a person."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from components.kubernetes.releasing.measures import Measures
from components.kubernetes.releasing.plan import Analysis, Bound


class Outcome(Enum):
    """What a look at a measure comes to."""

    HOLDS = "holds"
    FAILS = "fails"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Finding:
    """One measure's outcome. `text`: measure, got and wanted. `why`: what a measure is not known for."""

    measure: str
    outcome: Outcome
    text: str
    why: str = ""


@dataclass(frozen=True)
class Answer:
    """What a query of the user's came to: a number, or why there is none."""

    name: str
    value: float | None
    why: str = ""


@dataclass(frozen=True)
class Look:
    """All that one look saw: the candidate, what it is compared with, the answers to the user's queries, by name."""

    candidate: Measures
    other: Measures
    answers: tuple[Answer, ...] = ()
    trouble: str = ""
    """Why there are no measures at all."""


@dataclass(frozen=True)
class Verdict:
    """What all findings of a look come to."""

    findings: tuple[Finding, ...]

    @property
    def outcome(self) -> Outcome:
        found = {each.outcome for each in self.findings}
        for outcome in (Outcome.FAILS, Outcome.UNCLEAR):
            if outcome in found:
                return outcome
        return Outcome.HOLDS

    def text(self, *outcomes: Outcome) -> str:
        """The findings of these outcomes, or all: measures that are not known for one reason are told together."""
        wanted = [each for each in self.findings if not outcomes or each.outcome in outcomes]
        alike = {each.why: [one.measure for one in wanted if one.why == each.why] for each in wanted if each.why}
        told = (
            f"{' and '.join(alike[each.why])} {'are' if len(alike[each.why]) > 1 else 'is'} not known: {each.why}"
            if each.why
            else each.text
            for each in wanted
        )
        return "; ".join(dict.fromkeys(told))


def judge(analysis: Analysis, look: Look) -> Verdict:
    """Judge one look. A measure that misses a bound fails, whatever the others cannot say yet."""
    if not analysis.measures:
        return Verdict(())
    if look.trouble:
        return Verdict((Finding("prometheus", Outcome.UNCLEAR, look.trouble),))
    mine, other = look.candidate, look.other
    out: list[Finding] = []
    if analysis.success_rate:
        seen = _Seen(mine.success_rate, mine.requests, other.success_rate, other.requests, "requests", mine.scraped)
        out += _measure("success rate", analysis.success_rate, seen, analysis.min_samples)
    if analysis.p99_ms:
        seen = _Seen(mine.p99_ms, mine.requests, other.p99_ms, other.requests, "requests", mine.scraped)
        out += _measure("p99 latency in ms", analysis.p99_ms, seen, analysis.min_samples)
    if analysis.accuracy:
        seen = _Seen(mine.accuracy, mine.labelled, other.accuracy, other.labelled, "labels", True)
        out += _measure("accuracy by feedback", analysis.accuracy, seen, analysis.min_samples)
    answers = {each.name: each for each in look.answers}
    for query in analysis.queries:
        answer = answers.get(query.name, Answer(query.name, None, "it was not asked"))
        if answer.value is None or math.isnan(answer.value):
            out.append(_unknown(query.name, answer.why or "it is not a number"))
        else:
            out += _finding(query.name, [_between(query.bound, answer.value)], answer.value, "")
    return Verdict(tuple(out))


@dataclass(frozen=True)
class _Seen:
    """A measure of the candidate and of the other version, each with how many samples it rests on."""

    value: float | None
    samples: float
    other: float | None
    others: float
    unit: str
    scraped: bool


def _measure(name: str, bound: Bound, seen: _Seen, least: int) -> list[Finding]:
    if not seen.scraped:
        why = (
            "Prometheus has no series of the new version's pods, expected modelport_requests_total with namespace, "
            "service, track and revision; see that it scrapes them, and that modelport:monitoring.namespace is its own"
        )
        return [_unknown(name, why)]
    over = f" over {seen.samples:.0f} {seen.unit}"
    # Written so that what is no number is too few as well.
    if seen.value is None or math.isnan(seen.value) or not least <= seen.samples < math.inf:
        return [_unknown(name, f"{seen.samples:.0f} {seen.unit} of the new version, expected at least {least}")]
    held: list[tuple[bool, str]] = []
    if bound.min is not None or bound.max is not None:
        held.append(_between(bound, seen.value))
    if not bound.relative:
        return _finding(name, held, seen.value, over)
    if seen.other is None or math.isnan(seen.other) or not least <= seen.others < math.inf:
        why = f"{seen.others:.0f} {seen.unit}, expected at least {least}"
        return [*_finding(name, held, seen.value, over), _unknown(f"{name} of the old version", why)]
    if bound.max_ratio is not None:
        most = seen.other * bound.max_ratio
        wanted = f"at most {bound.max_ratio:g} times the {_shown(seen.other)} of the old version"
        held.append((seen.value <= most, wanted))
    if bound.max_drop is not None:
        least_value = seen.other - bound.max_drop
        wanted = f"at most {bound.max_drop:g} below the {_shown(seen.other)} of the old version"
        # as many digits as a share has: 0.95 - 0.05 is not quite 0.9
        held.append((seen.value >= least_value - 1e-9, wanted))
    return _finding(name, held, seen.value, over)


def _unknown(name: str, why: str) -> Finding:
    return Finding(name, Outcome.UNCLEAR, f"{name} is not known: {why}", why)


def _between(bound: Bound, value: float) -> tuple[bool, str]:
    """Whether the numbers of a bound are kept to, and what they are."""
    wanted: Sequence[str] = [
        f"{word} {limit:g}" for word, limit in (("at least", bound.min), ("at most", bound.max)) if limit is not None
    ]
    low = -math.inf if bound.min is None else bound.min
    high = math.inf if bound.max is None else bound.max
    return low <= value <= high, " and ".join(wanted)


def _finding(name: str, held: Sequence[tuple[bool, str]], value: float, over: str) -> list[Finding]:
    """One finding for all bounds of a measure: those that it misses, else all that it keeps to."""
    missed = [wanted for holds, wanted in held if not holds]
    told = " and ".join(missed or [wanted for _, wanted in held])
    outcome = Outcome.FAILS if missed else Outcome.HOLDS
    return [Finding(name, outcome, f"{name} is {_shown(value)}{over}, expected {told}")] if told else []


def _shown(value: float) -> str:
    return "beyond the longest that is counted" if math.isinf(value) else f"{value:.4g}"
