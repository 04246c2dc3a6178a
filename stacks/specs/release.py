"""The section `release`: how a new version takes the place of the old one."""

import re
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, StrictBool, StrictInt, field_validator, model_validator

from stacks.specs.part import Part
from stacks.specs.words import Line, address, in_order, once

if TYPE_CHECKING:
    from components.kubernetes.releasing.plan import Analysis, Bound, Plan

Seconds = Annotated[float, Field(ge=0, le=604_800)]
ADDRESS = r"^(https?://[^\s/@]+(/\S*)?|[a-z0-9-]+/[a-z0-9.-]+:[a-z0-9-]+)$"
_WORD = re.compile(r"\{\{(.*?)\}\}")
_WORDS = ("namespace", "service", "revision", "stable", "window")
HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"


class StepSpec(Part):
    """A step of a canary."""

    weight: Annotated[StrictInt, Field(ge=1, le=100)]
    """Percent of the requests that the new version gets; without a gateway the nearest that whole pods give."""
    pause: Seconds = 60.0
    """Seconds that the step takes; its measures are those of this time."""


class MatchSpec(Part):
    """Whose requests get the new version in an A/B test."""

    header: Annotated[str | None, Field(pattern=HEADER, json_schema_extra={"x-expected": "a header's name"})] = None
    """Name of a header."""
    cookie: Annotated[str | None, Field(pattern=HEADER, json_schema_extra={"x-expected": "a cookie's name"})] = None
    """Name of a cookie, in place of a header. The gateway must know regular expressions."""
    value: Annotated[Line, Field(max_length=4096)]
    """The value that is looked for, as a whole."""


class BoundSpec(Part):
    """What a measure must keep to. With none of these it is not looked at."""

    min: float | None = None
    """The least that it may be."""
    max: float | None = None
    """The most that it may be."""
    max_ratio: Annotated[float | None, Field(gt=0)] = None
    """At most so many times what the old version has in the same time."""
    max_drop: Annotated[float | None, Field(ge=0)] = None
    """At most so much less than what the old version has in the same time."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        in_order({"min": self.min, "max": self.max})
        return self


class ShareSpec(BoundSpec):
    """What a share must keep to. With none of these it is not looked at."""

    min: Annotated[float | None, Field(ge=0, le=1)] = None
    """The least that it may be."""
    max: Annotated[float | None, Field(ge=0, le=1)] = None
    """The most that it may be."""
    max_drop: Annotated[float | None, Field(ge=0, le=1)] = None
    """At most so much less than what the old version has in the same time."""


class TimeSpec(BoundSpec):
    """What milliseconds must keep to. With none of these they are not looked at."""

    min: Annotated[float | None, Field(ge=0)] = None
    """The least that it may be."""
    max: Annotated[float | None, Field(gt=0)] = None
    """The most that it may be."""


class QuerySpec(Part):
    """A measure of one's own."""

    name: Annotated[Line, Field(max_length=60)]
    """What it is called in what is told."""
    promql: Annotated[str, Field(min_length=1)]
    """PromQL that gives one number. `{{namespace}}`, `{{service}}`, `{{revision}}` (the new version), `{{stable}}` (the
    old one) and `{{window}}` (since the step began) are filled in."""
    min: float | None = None
    """The least that it may be."""
    max: float | None = None
    """The most that it may be."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError(f"the query {self.name} has neither min nor max, expected a bound; add one")
        in_order({"min": self.min, "max": self.max})
        for word in _WORD.findall(self.promql):
            if word not in _WORDS:
                told = ", ".join(f"{{{{{each}}}}}" for each in _WORDS)
                raise ValueError(f"the query {self.name} has {{{{{word}}}}}, expected one of {told}")
        return self


class AnalysisSpec(Part):
    """By what the new version is judged at each step. One measure that fails is enough to roll back."""

    prometheus: Annotated[
        str,
        Field(
            pattern=ADDRESS,
            json_schema_extra={"x-expected": "http://HOST:PORT or NAMESPACE/SERVICE:PORT"},
            examples=["monitoring/prometheus:9090"],
        ),
    ]
    """The Prometheus that scrapes the pods: its URL as this machine reaches it, or `NAMESPACE/SERVICE:PORT`, which goes
    through the API server and needs no address."""
    success_rate: ShareSpec | None = None
    """Share of the requests that neither ended with a 5xx nor were refused by the model itself, as `{min: 0.99}`."""
    p99_ms: TimeSpec | None = None
    """Milliseconds within which 99 of 100 requests are answered, as `{max: 250, max_ratio: 1.5}`."""
    accuracy: ShareSpec | None = None
    """Share of right answers among those that a label came for on the feedback route, as `{min: 0.9}`."""
    queries: tuple[QuerySpec, ...] = ()
    """Measures of one's own."""
    min_samples: Annotated[StrictInt, Field(ge=1, le=1_000_000_000)] = 50
    """Requests (for accuracy: labels) that a measure needs to say anything."""
    inconclusive: Literal["fail", "wait"] = "fail"
    """What becomes of a step whose measures say nothing for want of requests or of data: rolled back, or waited on."""
    wait: Seconds = 300.0
    """Seconds that `inconclusive: wait` waits beyond the pause before it rolls back all the same."""
    interval: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Seconds between two looks. What fails in two looks on end is rolled back before the pause is over."""

    @property
    def of_pods(self) -> bool:
        """Whether it judges by what Prometheus scrapes from the pods themselves."""
        return any(each is not None for each in (self.success_rate, self.p99_ms, self.accuracy))

    @field_validator("prometheus")
    @classmethod
    def _reached(cls, value: str) -> str:
        if "://" in value and ("?" in address(value) or "#" in value):
            raise ValueError(f"is {value!r}, expected an address that paths are put behind; leave out what follows it")
        port = value.rpartition(":")[2]
        if "://" not in value and port.isdecimal() and not 0 < int(port) <= 65535:
            raise ValueError(f"is {value!r}, expected a port from 1 to 65535")
        return value

    @model_validator(mode="after")
    def _once(self) -> Self:
        once([each.name for each in self.queries], "queries")
        return self


class ReleaseSpec(Part):
    """How a new version takes the place of the old one. Whatever fails is rolled back, and `up` says why."""

    strategy: Literal["rolling", "canary", "ab", "shadow", "blue-green"] = "rolling"
    """`rolling`: pod by pod. `canary`: a share of the requests, larger step by step. `ab`: the requests that `match`
    names. `shadow`: a copy of each request, whose answer nobody gets. `blue-green`: all pods beside, then all requests
    at once. All but rolling and canary want `gateway`."""
    steps: tuple[StepSpec, ...] = ()
    """The steps of a canary."""
    pause: Seconds = 60.0
    """Seconds that an A/B test, a shadow or a blue-green version is looked at before it is promoted."""
    match: MatchSpec | None = None
    """Whose requests get the new version in an A/B test."""
    analysis: AnalysisSpec | None = None
    """By what the new version is judged. Default: its pods have to become ready and stay so."""
    baseline: StrictBool = False
    """Whether a canary is compared with as many fresh pods of the old version, rather than with those that serve."""
    replicas: Annotated[StrictInt | None, Field(ge=1, le=1000)] = None
    """Pods of the new version beside the old one. Default: in proportion to its share of the requests."""
    ready_timeout: Annotated[float, Field(ge=10, le=86_400)] = 300.0
    """Seconds that the new version may take to answer."""
    pin: Annotated[str | None, Field(min_length=1)] = None
    """An earlier version to serve in place of the model's: its digest or the beginning of it, its number in the
    history, or its version; where a cloud releases (`aws-ecs`, `aws-ec2`, `aws-lambda`, `aws-sagemaker`,
    `gcp-cloudrun`), its whole digest.
    What `modelport rollback` sets for one `up`."""

    @model_validator(mode="after")
    def _carried_out(self) -> Self:
        # Whether there is a gateway is another section's to say: it is looked at where both are known.
        from components.kubernetes.releasing import plan as plans

        plan, judged = self.plan(), self.judged()
        told = [*plan.problems(routed=True), *judged.problems(), *plans.mismatched(plan, judged)]
        if told:
            raise ValueError("; ".join(told))
        return self

    def plan(self) -> "Plan":
        """The strategy as a Release takes it."""
        from components.kubernetes.releasing import plan as plans

        match = self.match
        return plans.Plan(
            strategy=plans.Strategy(self.strategy),
            steps=tuple(plans.Step(each.weight, each.pause) for each in self.steps),
            pause=self.pause,
            match=plans.Match(match.value, match.header or "", match.cookie or "") if match else None,
            baseline=self.baseline,
            replicas=self.replicas,
            ready=self.ready_timeout,
        )

    def judged(self) -> "Analysis":
        """The analysis as a Release takes it."""
        from components.kubernetes.releasing import plan as plans

        wanted = self.analysis
        if wanted is None:
            return plans.NONE
        return plans.Analysis(
            prometheus=wanted.prometheus,
            success_rate=_bound(wanted.success_rate),
            p99_ms=_bound(wanted.p99_ms),
            accuracy=_bound(wanted.accuracy),
            queries=tuple(
                plans.Query(each.name, each.promql, plans.Bound(each.min, each.max)) for each in wanted.queries
            ),
            min_samples=wanted.min_samples,
            inconclusive=plans.Inconclusive(wanted.inconclusive),
            wait=wanted.wait,
            interval=wanted.interval,
        )


def _bound(given: BoundSpec | None) -> "Bound | None":
    from components.kubernetes.releasing import plan as plans

    bound = plans.Bound(given.min, given.max, given.max_ratio, given.max_drop) if given else plans.Bound()
    return bound if bound != plans.Bound() else None
