"""What the data of a build looked like, for whoever asks later whether a model still sees the like of it.

It is in the report and, by itself, in profile.json, which goes with the image. No row of the data is in it: what is
counted has `least` rows or more, and what fewer have is put together.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Histogram(_Part):
    """How many values are at or below the first edge, above that and at or below the next, ..., above the last."""

    edges: list[Finite]
    counts: list[Count]
    """One more than edges."""


class Feature(_Part):
    """One number, category or text of each row."""

    kind: Literal["numbers", "categories"]
    of: Literal["value", "mean", "spread", "length", "class", "confidence"] = "value"
    """What is looked at. value: what is there. mean, spread: of the numbers of a row, the latter their standard
    deviation. length: of a text, in characters. class: what a row is decided for. confidence: the score of that."""
    count: Count
    """Rows that have it."""
    missing: Count = 0
    """Rows with NaN or no text."""
    mean: Finite | None = None
    std: Finite | None = None
    quantiles: dict[str, Finite] = {}
    """By share, "0.5" the median; those with `least` rows on either side."""
    histogram: Histogram | None = None
    categories: dict[str, Share] = {}
    """Shares of those that have it, by name, the most frequent first."""
    other: Share = 0.0
    """The share of all others: categories of fewer than `least` rows, and those after the fiftieth."""


class Profile(_Part):
    """Distributions of what went in and came out when a model was measured. None of it is a row of the data."""

    schema_version: Literal[1] = 1
    model: str
    version: str
    candidate: str
    """The form of the model that answered."""
    data: str
    """`sha256:` and hex of the evaluation data."""
    rows: Count
    least: Annotated[int, Field(ge=1)]
    """The fewest rows of which anything is told."""
    inputs: dict[str, Feature]
    """By the input's name; `name[3]` is the fourth column of a matrix, `name:mean` the mean of a row's numbers."""
    outputs: dict[str, Feature]
    """Of the output that was measured, named so too; `name:class` and `name:confidence` of a classifier."""
    expected: Feature | None = None
    """Of the labels."""

    def dump(self) -> str:
        return self.model_dump_json(indent=1, exclude_defaults=True) + "\n"


def schema() -> str:
    """The JSON Schema of profile.json, as docs/profile.schema.json has it."""
    found: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Profile.model_json_schema()}
    return json.dumps(found, indent=2) + "\n"
