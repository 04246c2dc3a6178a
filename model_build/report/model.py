"""What a build says about itself, as data.

The JSON of `Report` is the stack's output `report_json`; `render` makes the page of it. It holds measurements, so it
never takes part in an identity, a digest of the image or a layer. It holds no wall-clock time and no path: two builds
of one recipe on one machine differ in timings alone.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from model_build.report.profile import Profile

SCHEMA: Literal[1] = 1

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """The model as it came in."""

    framework: str
    """What made it, with its version: `scikit-learn 1.9.1`, `onnx opset 17`."""
    description: str
    """What the recipe calls it: a callable, a file name, a file of a package. Never an absolute path."""
    digest: str
    """`sha256:` and hex of the content that was converted."""
    bytes: Count


class Evaluation(_Part):
    """The data that the candidates were measured on."""

    rows: Count
    metric: str
    digest: str
    """`sha256:` and hex of inputs and expectations."""
    better: Literal["larger", "smaller"] = "larger"
    """Which way the metric points: an accuracy is better when larger, an error when smaller."""
    baseline: Finite | None = None
    """The metric of the source framework's own predictions on the same rows; None where it cannot predict."""


class Gate(_Part):
    """What the recipe asked for. None: not asked."""

    min: float | None = None
    max: float | None = None
    """For metrics that are better when smaller."""
    max_drop: float | None = None
    """The most that the metric may be worse than `Evaluation.baseline`, in the metric's unit."""
    max_latency_ms: float | None = None
    """Held against `Latency.p99_ms`."""
    max_latency_ms_by_rows: dict[int, float] | None = None
    """Held against `Batch.p99_ms`, by rows per call."""
    min_cosine: float | None = None
    """Held against `Parity.cosine_worst`."""
    max_bytes: int | None = None
    """Held against `Candidate.file_bytes`."""
    min_slice: float | None = None
    """Held, as the next two, against the worst of `Report.slices`."""
    max_slice: float | None = None
    max_drop_slice: float | None = None


class Parity(_Part):
    """How far a candidate's outputs are from those of the source framework."""

    max_abs: Positive
    mean_abs: Positive
    agreement: Share | None = None
    """Share of rows with the same label or text; None for a model that gives none."""
    most: Positive | None = None
    """How far answers are, as a share of their size, in all rows but a few at most."""
    rms: Positive | None = None
    """The same in the root mean square of all rows."""
    bound: Positive | None = None
    """What was allowed, by the candidate's type: of floats of `most`, of what is quantised of `rms`. None: any."""
    cosine_mean: Finite | None = None
    cosine_worst: Finite | None = None
    """Of embeddings: of a row's vector to the source's own."""


class Latency(_Part):
    """Time of one call on the machine that built, in milliseconds."""

    p50_ms: Positive
    p99_ms: Positive
    mean_ms: Positive
    samples_ms: list[Positive]
    batch: Annotated[int, Field(ge=1)]
    """Rows per call."""


class Batch(_Part):
    """Time of one call with more than the least rows."""

    rows: Annotated[int, Field(ge=1)]
    p50_ms: Positive
    p99_ms: Positive
    rows_per_second: Positive
    """On one core, one call after the other."""


class Candidate(_Part):
    """One form of the model that was tried. What could not be measured is None, and `why` says the reason."""

    name: str
    dtype: str
    file_bytes: Count | None = None
    metric: Finite | None = None
    drop: Finite | None = None
    """How much worse the metric is than the baseline, in the metric's unit; below 0 is better."""
    parity: Parity | None = None
    latency: Latency | None = None
    batches: list[Batch] = []
    """The same with more rows a call, as many as the recipe asks for."""
    passed: bool
    chosen: bool = False
    why: str
    """One sentence: why it was chosen, why it was not, or why it could not be made."""
    detail: str = ""
    """What is worth knowing of how it was made: the operators that were left in float32."""
    peer: bool = False
    """Made to be compared with, never taken."""
    missed: list[str] = []
    """The gates it missed, one line each: `min: accuracy is 0.91, at least 0.95 was asked`."""


class Front(_Part):
    """Candidates that none beats in quality and in another thing at once, by name."""

    latency: list[str]
    """From the quickest."""
    size: list[str]
    """From the smallest."""


class Confusion(_Part):
    """Rows are what was expected, columns what the chosen candidate answered."""

    kind: Literal["confusion"] = "confusion"
    labels: list[str]
    matrix: list[list[Count]]

    @model_validator(mode="after")
    def _square(self) -> Self:
        size = len(self.labels)
        if len(self.matrix) != size or any(len(row) != size for row in self.matrix):
            raise ValueError(f"the matrix must have {size} rows of {size} numbers, one for each label")
        return self


class Points(_Part):
    """Expected against actual, for a model that answers with numbers."""

    kind: Literal["points"] = "points"
    expected: list[Finite]
    actual: list[Finite]

    @model_validator(mode="after")
    def _paired(self) -> Self:
        if len(self.expected) != len(self.actual):
            raise ValueError(f"{len(self.expected)} expected values but {len(self.actual)} actual ones")
        return self


class Slice(_Part):
    """A group of rows, measured by itself."""

    column: str
    group: str
    rows: Count
    metric: Finite
    baseline: Finite | None = None
    """That of the source framework's own predictions on these rows."""
    drop: Finite | None = None
    """How much worse the metric is than that; below 0 is better."""


class Step(_Part):
    name: str
    seconds: Positive
    """How long it took in this build; a cached step took what the look-up took."""
    cached: bool


class Export(_Part):
    """The model in a format of another runtime, attached to the image."""

    name: str
    """`ort`, as the recipe has it."""
    form: str
    """What of the model it holds: the chosen candidate, or an exacter form of it."""
    runtime: str
    """What it was measured in, with its version."""
    digest: str
    """Of what is attached."""
    file_bytes: Count
    metric: Finite
    drop: Finite | None = None
    parity: Parity | None = None
    p50_ms: Positive | None = None
    """In that runtime, on the machine that built; None where that says nothing of where it goes."""
    p99_ms: Positive | None = None
    why: str


class Image(_Part):
    """The image that was baked from the chosen candidate."""

    digest: str
    unpacked_bytes: Count


class Served(_Part):
    """What a request costs of the image's own serving program, one worker on one core, asked by one caller."""

    request: str
    """What was asked: `1 row as JSON, 512 bytes`."""
    requests: Annotated[int, Field(ge=1)]
    cpu_ms: Positive
    """Of the processor, for one request, the mean."""
    cpu_sd_ms: Positive
    """How much that differs from one to the next, the standard deviation."""
    cpu_p99_ms: Positive
    """That 99 of 100 requests take at most."""
    p50_ms: Positive
    p99_ms: Positive
    """That a caller waits: all that the machine does besides is in it."""
    master_bytes: Count
    """Memory of the process that holds the socket, at its most."""
    worker_bytes: Count
    """What each worker has at its most beside that."""


class Report(_Part):
    """All that a build measured and decided. A report without a chosen candidate is of a model that missed its gate."""

    schema_version: Literal[1] = SCHEMA
    name: str
    version: str
    identity: str
    """Hex of the content that this build is of."""
    source: Source
    evaluation: Evaluation
    gate: Gate
    chosen: str | None
    """Name of the chosen candidate; None when none passed."""
    candidates: list[Candidate]
    front: Front | None = None
    quality: Annotated[Confusion | Points, Field(discriminator="kind")] | None = None
    """Of the chosen candidate, or of the best one when none passed."""
    slices: list[Slice] = []
    """Of the same, the worst first."""
    profile: Profile | None = None
    """Of the evaluation data and of the same candidate's answers."""
    steps: list[Step]
    tools: dict[str, str]
    """Name to version: onnx, onnxruntime, skl2onnx, python."""
    machine: str = ""
    """What the latencies were measured on: `x86_64, 2 cores, Linux`."""
    image_onnxruntime: str = ""
    """The version of ONNX Runtime in the image; `tools` has the one that measured."""
    image: Image | None = None
    exports: list[Export] = []
    """By the recipe's `formats`."""
    served: Served | None = None
    """None where it could not be measured, or was not yet by the version of Modelport that built."""
    unserved: str = ""
    """Why it could not be measured."""

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        names = [c.name for c in self.candidates]
        if len(set(names)) != len(names):
            raise ValueError(f"candidates must have names of their own, got {', '.join(names)}")
        marked = [c.name for c in self.candidates if c.chosen]
        if marked != ([] if self.chosen is None else [self.chosen]):
            raise ValueError(f"chosen is {self.chosen}, but the candidates marked as chosen are {marked}")
        if any(c.chosen and not c.passed for c in self.candidates):
            raise ValueError(f"{self.chosen} is chosen but has not passed its gate")
        return self

    @property
    def choice(self) -> Candidate | None:
        return next((c for c in self.candidates if c.chosen), None)

    @classmethod
    def load(cls, path: Path) -> Self:
        return cls.model_validate_json(path.read_bytes())

    def dump(self) -> str:
        """Indented JSON with a newline at the end, keys in the order of this module."""
        return self.model_dump_json(indent=2) + "\n"
