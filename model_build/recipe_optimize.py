"""The part of a recipe that says which forms of the model are tried, and what these are made with."""

from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


Form = Literal[
    "fp32",
    "slim",
    "transformer",
    "int8",
    "transformer-int8",
    "int8-minmax",
    "int8-entropy",
    "int8-percentile",
    "int8-mixed",
    "fp16",
    "int4",
    "pruned",
    "pruned-channels",
    "distilled",
    "int8-plain",
    "all",
]


_SETTINGS = {"pruned": "prune.sparsity", "pruned-channels": "prune.channels", "distilled": "distill"}
"""Candidates that are made only as the recipe says, and the key that says it."""
_CALLABLE = r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$"


class Calibration(_Part):
    """Real inputs from which static int8 learns how far the values inside the model reach."""

    data: Annotated[
        str | None, Field(min_length=1, json_schema_extra={"x-expected": "module:function, a .npz or a .csv file"})
    ] = None
    """In the form of `evaluate.data`; the labels are not looked at. Default: rows of `evaluate.data`, evenly spread."""
    rows: Annotated[int, Field(ge=1)] = 128
    """The most rows that are used, evenly spread over the data."""
    percentile: Annotated[float, Field(ge=90, le=100)] = 99.99
    """int8-percentile: the share of values, in percent, that is represented; what is beyond is cut."""
    loss: Annotated[float, Field(ge=0, le=1)] = 0.05
    """int8-mixed: how far outputs may be from those of float32, as a share of their size, before operators are left
    in float32."""


class Prune(_Part):
    """How much of the model is left out, and who trains it further."""

    sparsity: Annotated[float | None, Field(gt=0, lt=1)] = None
    """pruned: the share of each matrix's and each convolution's weights, the smallest, that become zero."""
    channels: Annotated[float | None, Field(gt=0, lt=1)] = None
    """pruned-channels: the share of each layer's channels or neurons, the weakest, that are taken out."""
    fine_tune: Annotated[str | None, Field(pattern=_CALLABLE, json_schema_extra={"x-expected": "module:function"})] = (
        None
    )
    """`module:function` that is handed the pruned model, a PyTorch module or a scikit-learn estimator with an MLP in
    it, and trains it further. Default: nobody does."""
    rounds: Annotated[int, Field(ge=1)] = 1
    """How often `fine_tune` is called: in as many equal steps the shares are reached."""

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if self.sparsity is None and self.channels is None:
            raise ValueError("sparsity is missing, expected it for pruned, or channels for pruned-channels")
        if self.rounds > 1 and self.fine_tune is None:
            raise ValueError(f"rounds is {self.rounds}, but fine_tune names nobody to call; name module:function")
        return self


class Distill(_Part):
    """A smaller model that learns from the answers of this one, its teacher."""

    student: Annotated[str, Field(pattern=_CALLABLE, json_schema_extra={"x-expected": "module:function"})]
    """`module:function` that returns the smaller model, untrained: a PyTorch module or a scikit-learn estimator."""
    data: Annotated[
        str | None, Field(min_length=1, json_schema_extra={"x-expected": "module:function, a .npz or a .csv file"})
    ] = None
    """What it is trained on, in the form of `evaluate.data`, and never its rows. Default: `calibration.data`."""
    temperature: Annotated[float, Field(gt=0)] = 2.0
    """What the teacher's scores are divided by before they become shares: the higher, the more the student learns of
    classes that are not the likeliest."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How much the teacher's answers count; the rest is for the labels of the data."""
    epochs: Annotated[int, Field(ge=1)] = 30
    """PyTorch: how often it sees all rows. An estimator says that itself (`max_iter`)."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.003
    """PyTorch: of AdamW, falling to 0 along a cosine."""
    batch: Annotated[int, Field(ge=1)] = 32
    """PyTorch: rows of one step."""


class Optimize(_Part):
    """Forms of the model to try. All are measured; the smallest that keeps the gate is taken."""

    candidates: Annotated[list[Form], Field(min_length=1)] = ["fp32", "int8"]
    """In the order in which they are tried; docs/optimise.md tells what each is. `all` stands for every one, those of
    `prune` and `distill` where these say how."""
    latency_margin: Annotated[float, Field(ge=0)] = 0.5
    """How much slower (0.5: half as slow again) a smaller candidate may be than the fastest one and still be taken."""
    calibration: Calibration = Calibration()
    prune: Prune | None = None
    """For `pruned` and `pruned-channels`."""
    distill: Distill | None = None
    """For `distilled`."""
    max_seconds: Annotated[float | None, Field(gt=0)] = None
    """When so much time has gone into making and measuring, no further candidate is begun; what was made is kept."""
    open_batch: bool = False
    """True: a model that takes a fixed number of rows is changed to take any, and refused where its answers differ."""

    @field_validator("candidates")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError(f"is {value}, expected each candidate once; remove the repeated one")
        if "all" in value and len(value) > 1:
            raise ValueError(f"is {value}, expected nothing beside all; write [all]")
        return value

    @model_validator(mode="after")
    def _settled(self) -> Self:
        """Each candidate has what it is made by, and nothing is said of one that is not asked for."""
        asked = self._settings
        for name, key in _SETTINGS.items():
            if name in self.candidates and asked[name] is None:
                raise ValueError(
                    f"{key} is missing, expected it beside candidate {name}; docs/optimise.md has examples"
                )
            if asked[name] is not None and name not in self.candidates and self.candidates != ["all"]:
                raise ValueError(f"{key} is given, but {name} is no candidate; add it to candidates")
        if self.distill and self.training is None:
            raise ValueError("distill.data is missing, expected rows to train on that are not those of evaluate.data")
        return self

    @property
    def _settings(self) -> dict[str, object]:
        """By candidate: what it is made by, None where that is not said."""
        prune = self.prune
        return {
            "pruned": prune and prune.sparsity,
            "pruned-channels": prune and prune.channels,
            "distilled": self.distill,
        }

    @property
    def training(self) -> str | None:
        """The data that a student is trained on."""
        return None if self.distill is None else self.distill.data or self.calibration.data

    @property
    def plan(self) -> list[str]:
        """The candidates by name, in order."""
        if self.candidates != ["all"]:
            return [*self.candidates]
        asked = self._settings
        return [name for name in get_args(Form) if name != "all" and asked.get(name, name) is not None]
