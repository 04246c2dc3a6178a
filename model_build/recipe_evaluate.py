"""The part of a recipe that says what is measured, on what, and what a candidate must keep."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Metric = Literal[
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "recall_at_1",
    "recall_at_k",
    "cosine",
    "mae",
    "medae",
    "mape",
    "rmse",
    "r2",
    "roc_auc",
    "average_precision",
    "log_loss",
    "ndcg",
    "exact_match",
    "cer",
    "wer",
    "bleu",
    "chrf",
]
SHARES = (
    *("roc_auc", "average_precision", "ndcg", "accuracy", "balanced_accuracy", "f1_macro", "recall_at_1"),
    *("recall_at_k", "cosine", "exact_match", "bleu", "chrf"),
)
ERRORS = ("mae", "medae", "mape", "rmse", "log_loss", "cer", "wer")
"""Metrics that are better when smaller: their gate is `max`, not `min`."""
VECTORS = ("recall_at_1", "recall_at_k", "cosine")
"""Metrics of embeddings."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


_Bound = Annotated[float | None, Field(ge=0)]


class Parity(_Part):
    """How far answers may be from the source framework's own, by what a form of the model computes with.

    The length of a row's difference as a share of the length that answers have in the root mean square; docs/verify.md
    says more. null: any distance.
    """

    fp32: _Bound = 0.001
    """float32, in all rows but `rows`. A conversion that is further away is broken: the build ends, before candidates
    are made."""
    fp16: _Bound = 0.02
    """float16, in all rows but `rows`. A candidate that is further away is not taken."""
    int8: _Bound = 0.4
    """int8, in the root mean square of all rows. A candidate that is further away is not taken."""
    int4: _Bound = 0.6
    """int4, as int8."""
    rows: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of rows, rounded up, that may be further away than `fp32` and `fp16` say."""


class Evaluate(_Part):
    """Real data to measure on, and the gate: bounds that a candidate must keep."""

    data: Annotated[
        str,
        Field(
            min_length=1,
            examples=["examples.digits.train:evaluation"],
            json_schema_extra={"x-expected": "module:function, a .npz or a .csv file, or the address of one"},
        ),
    ]
    """`module:function` that returns (inputs, labels), or a .npz or .csv file, here or at an address
    (docs/sources.md). Inputs are an array [rows, ...], a dict of input name to array, or a DataFrame; labels are
    [rows]."""
    metric: Metric = "accuracy"
    """What is measured; docs/verify.md tells of each. Of labels: `accuracy`, `balanced_accuracy`, `f1_macro`. Of scores
    for labels: `roc_auc`, `average_precision`, `log_loss`. Of numbers: `mae`, `medae`, `mape`, `rmse`, `r2`. Of
    rankings: `ndcg`. Of embeddings: `recall_at_1` and `recall_at_k`, the share of rows among whose nearest other rows,
    by cosine, is one with the same label; `cosine`, to the source's own. Of texts: `exact_match`, `cer`, `wer`, `bleu`,
    `chrf`."""
    output: str | None = None
    """The model output that is measured. Default: `classify.output`, else `probabilities`, else the first one."""
    labels: Annotated[list[str], Field(min_length=1)] | str | None = None
    """Names of the model's classes in order, or a text file (path or `package:...`) with one a line; for models that do
    not bring them. Default: `classify.labels`, else the model's own. For texts of scores: the characters."""
    min: float | None = None
    """The least that the metric may be; for metrics that are better when larger."""
    max: float | None = None
    """The most that the metric may be; for metrics that are better when smaller."""
    max_drop: Annotated[float | None, Field(ge=0)] = None
    """The most that the metric may be worse than the source framework's own, in the metric's unit."""
    min_cosine: Annotated[float | None, Field(ge=-1, le=1)] = None
    """For embeddings: the least cosine of any row's vector to the source framework's own."""
    parity: Parity = Parity()
    """How far answers may be from the source framework's own."""
    max_latency_ms: (
        Annotated[float, Field(gt=0)] | dict[Annotated[int, Field(ge=1)], Annotated[float, Field(gt=0)]] | None
    ) = Field(default=None, json_schema_extra={"x-expected": "a number above 0, or one for each number of rows"})
    """Bound on the 99th percentile of one call with one row; `{1: 5, 32: 40}`: of calls with so many rows each."""
    batch_sizes: list[Annotated[int, Field(ge=1, le=65536)]] = []
    """Rows per call at which latency is measured too, as many as clients send at once; those of `max_latency_ms` are
    among them."""
    max_bytes: Annotated[int | None, Field(gt=0)] = None
    """Bound on the size of the model file."""
    groups: Annotated[str | None, Field(min_length=1)] = None
    """For `ndcg`: the array or column of the data that says which rows are ranked together."""
    k: Annotated[int, Field(ge=1)] = 10
    """For `ndcg`: how many of a group's first rows count. For `recall_at_k`: how many of the nearest."""
    slices: list[Annotated[str, Field(min_length=1)]] = []
    """Arrays or columns of the data, inputs of the model or not, whose groups of rows are measured each by itself."""
    slice_rows: Annotated[int, Field(ge=1)] = 20
    """The least rows that make a group; smaller ones are left out."""
    min_slice: float | None = None
    """The least that the metric may be in any group of `slices`; for metrics that are better when larger."""
    max_slice: float | None = None
    """The most that the metric may be in any group of `slices`; for metrics that are better when smaller."""
    max_drop_slice: Annotated[float | None, Field(ge=0)] = None
    """The most that the metric may be worse than the source framework's own in any group of `slices`."""

    @field_validator("min", "max", "max_drop", "min_slice", "max_slice", "max_drop_slice")
    @classmethod
    def _bound(cls, value: float | None, info: ValidationInfo) -> float | None:
        metric = info.data.get("metric")
        if value is None or metric is None:
            return value
        if metric in SHARES and not 0 <= value <= 1:
            fix = f"; write {value / 100:g}" if 1 < value <= 100 else ""
            raise ValueError(f"is {value:g}, expected a share between 0 and 1{fix}")
        bound = str(info.field_name).removesuffix("_slice")
        rest = str(info.field_name).removeprefix(bound)
        if metric in ERRORS and bound == "min":
            fix = f"write max{rest}: {value:g}"
            raise ValueError(f"is {value:g}, expected none: {metric} is better when smaller; {fix}")
        if metric not in ERRORS and bound == "max":
            fix = f"write min{rest}: {value:g}"
            raise ValueError(f"is {value:g}, expected none: {metric} is better when larger; {fix}")
        if rest and not info.data.get("slices"):
            raise ValueError(f"is {value:g}, but slices names no column; write slices: [the column of the groups]")
        return value

    @field_validator("min_cosine")
    @classmethod
    def _of_vectors(cls, value: float | None, info: ValidationInfo) -> float | None:
        metric = info.data.get("metric")
        if value is not None and metric is not None and metric not in VECTORS:
            raise ValueError(f"is {value:g}, expected none: {metric} is of no embeddings; set parity, or leave it out")
        return value

    @field_validator("batch_sizes")
    @classmethod
    def _once(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise ValueError(f"is {value}, expected each number of rows once; remove the repeated one")
        return value

    @model_validator(mode="after")
    def _ranked(self) -> Self:
        if (self.metric == "ndcg") != (self.groups is not None):
            got = "ndcg, which needs groups" if self.metric == "ndcg" else f"{self.metric}, which takes no groups"
            raise ValueError(f"metric is {got}; groups names the column that says which rows are ranked together")
        return self

    @property
    def beside(self) -> list[str]:
        """Columns of the data that are looked at, whether the model takes them or not."""
        return [*self.slices, *([self.groups] if self.groups else [])]

    @property
    def latencies(self) -> dict[int, float]:
        """Rows per call and its bound in ms; 1 stands for the least that the model takes."""
        asked = self.max_latency_ms
        return asked if isinstance(asked, dict) else {} if asked is None else {1: asked}

    @property
    def sizes(self) -> list[int]:
        """Rows per call at which latency is measured beside the least."""
        return sorted({*self.batch_sizes, *self.latencies} - {1})
