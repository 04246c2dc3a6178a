"""A plan report as data: what `--json FILE` writes. `docs/plan-report.schema.json` is made of these classes.

It holds no wall-clock time and no path, so that one plan gives one report.
"""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA: Literal[1] = 1
"""New keys may come without a new number; one that changes its meaning, or goes, raises it."""

Op = Literal["create", "update", "replace", "delete", "read", "import", "refresh", "discard", "same"]
Level = Literal["high", "medium", "low"]
Count = Annotated[int, Field(ge=0)]
Money = Annotated[str, Field(pattern=r"^-?\d+(\.\d+)?$")]
"""A decimal number as text, so that no reader rounds it."""


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Property(Part):
    """One place of a resource that differs."""

    path: str
    """As Pulumi writes it: `spec.ports[0].port`."""
    change: Literal["add", "update", "delete"]
    before: str | None = None
    """JSON text, at most 2,000 characters; `[secret]`, `[not known yet]`."""
    after: str | None = None
    replaces: bool = False
    """It is why the resource is replaced."""


class Resource(Part):
    """What becomes of one resource."""

    urn: str
    type: str
    name: str
    parent: str
    """URN; empty for the stack itself."""
    op: Op
    component: bool
    """It is made of others, and is nothing by itself."""
    protected: bool
    """Before or after: what is protected in the state is not deleted."""
    retained: bool
    """A deletion leaves it where it is, no longer looked after."""
    delete_first: bool = False
    """Of a replacement: the old one goes before the new one comes."""
    properties: list[Property] = []
    left_out: Count = 0
    """Properties beyond the first 400."""


class Candidate(Part):
    """One form of the model that was measured."""

    name: str
    metric: float | None
    file_bytes: Count | None
    p50_ms: float | None
    p99_ms: float | None
    passed: bool
    chosen: bool
    why: str


class Model(Part):
    """What becomes of one model."""

    name: str
    urn: str
    op: Op
    reasons: list[str]
    """Why it is another model: `recipe: evaluate.min 0.9 to 0.95`."""
    identity_before: str | None
    identity_after: str | None
    """None: not known yet."""
    digest_before: str | None
    """Of the image that the stack has."""
    digest_after: str | None
    """None: it is known once it is built."""
    measured: Literal["state", "cache", "build", "in up"]
    """Where the candidates are from; `in up`: nothing is known of them yet."""
    note: str
    """Why there is no more to say, or why it did not pass."""
    passed: bool | None
    """None: not known yet."""
    metric: str | None
    metric_before: float | None
    metric_after: float | None
    chosen_before: str | None
    chosen_after: str | None
    candidates: list[Candidate]


class Verdict(Part):
    """What a policy says."""

    pack: str
    policy: str
    verdict: Literal["mandatory", "advisory", "not known yet", "remediated"]
    severity: str
    urn: str
    name: str
    message: str


class Policies(Part):
    packs: dict[str, str]
    """Name and version. None: no policy was asked, which says nothing about the plan."""
    finished: bool
    """Whether the packs have seen the whole plan."""
    verdicts: list[Verdict]
    kept: list[str]
    """`PACK/POLICY` of those against which nothing was found, nor not known yet; or that have nothing to look at."""


class CostLine(Part):
    """One thing that is paid for."""

    urn: str
    what: str
    per_month_before: Money | None
    per_month: Money | None
    """None: not known, or not there."""
    least: Money | None
    most: Money | None
    basis: str
    why: str
    source: str
    known: bool
    """Whether each figure is known where the thing is there; what is not known is in no sum."""
    there_before: bool
    there_after: bool


class Cost(Part):
    """What the stack costs before and after."""

    reckoned: bool
    note: str
    """Why it was not reckoned."""
    currency: str
    book: str
    """The date of the prices."""
    per_month_before: Money | None
    per_month_after: Money | None
    """Of what is known."""
    unknown_before: Count
    unknown_after: Count
    """So many things have no known price, and are in no sum."""
    predictions_per_month: Count | None
    per_million_before: Money | None
    per_million_after: Money | None
    lines: list[CostLine]
    warnings: list[str]
    refresh: str
    """The command that reads prices which the book lacks; empty where it lacks none."""


class Risk(Part):
    """What somebody should look at before the change is made."""

    level: Level
    kind: Literal["data loss", "downtime", "replacement", "deletion", "protection", "not known yet"]
    urn: str
    name: str
    text: str


class Box(Part):
    """A component, or what stands in none, in the picture."""

    title: str
    made_of: list[str]
    changes: dict[str, Count]
    waits_for: list[str]


class Picture(Part):
    boxes: list[Box]
    references: bool
    """Whether the engine told what waits for what; else the picture has no lines."""


class Report(Part):
    """What a preview comes to."""

    schema_version: Literal[1] = SCHEMA
    modelport: str
    project: str
    stack: str
    engine: str
    result: Literal["planned", "failed", "interrupted"]
    exit_code: int
    fork: str
    """By what the code under review is known to be a fork's; empty where it is not. Its model is not built."""
    errors: list[str]
    warnings: list[str]
    not_known: list[str]
    """What this preview could not see: packages that are only planned, look-ups that a stand-in answered."""
    changes: dict[str, Count]
    """Resources by what becomes of them."""
    resources: list[Resource]
    outputs: list[Property]
    """Outputs of the stack that differ."""
    models: list[Model]
    policies: Policies
    cost: Cost
    risks: list[Risk]
    picture: Picture

    def dump(self) -> str:
        """The JSON of it, with a line for each value."""
        return self.model_dump_json(indent=2) + "\n"


def schema() -> str:
    """The JSON Schema of a report, as docs/plan-report.schema.json has it."""
    found = Report.model_json_schema(mode="serialization")
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Modelport plan report", **found}
    return json.dumps({**whole, "title": "Modelport plan report"}, indent=2, ensure_ascii=False) + "\n"
