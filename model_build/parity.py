"""How far answers are from the source framework's own, and how far they may be.

A difference says nothing by itself: 0.01 is much of a share and nothing of a price. So the length of a row's difference
is taken as a share of the length that the source's answers have in the root mean square (a label being a vector with a
one in it, a text its characters). That is not led astray by numbers near zero, as a share of each number would be, nor
by how many numbers a row has.

Floats are to be the same row by row. All but a few: one beside the threshold of a tree goes the other way, and that is
no broken conversion, while a mean would not see that one class of many is always wrong. What is quantised is off a bit
everywhere and decides some rows otherwise, so that the furthest of them says little; of it the root mean square counts.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from model_build import metrics, texts
from model_build.recipe_evaluate import Parity

if TYPE_CHECKING:
    import onnx

Form = Literal["fp32", "fp16", "int8", "int4"]
"""What a model computes with, the most exact first: a key of `evaluate.parity`."""
_FORMS: tuple[Form, ...] = ("fp32", "fp16", "int8", "int4")
_FLOATS = ("fp32", "fp16")
_OTHER_MODELS = ("pruned", "pruned-channels", "distilled")
"""Candidates that are to answer otherwise than the source; the gate alone says how good they must be."""
_DTYPES: tuple[tuple[str, Form], ...] = (("int4", "int4"), ("int8", "int8"), ("float16", "fp16"), ("float32", "fp32"))
_SPELT = {"fp32": "float32", "fp16": "float16", "int8": "int8", "int4": "int4"}
_FOUR_BITS = {"MatMulNBits", "GatherBlockQuantized"}
_EIGHT_BITS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantize", "QLinear", "MatMulInteger", "ConvInteger")
_HALVES = (10, 16)
"""ONNX's numbers of float16 and bfloat16."""


@dataclass(frozen=True)
class Apart:
    """How far answers are from the source's."""

    max_abs: float
    mean_abs: float
    agreement: float | None
    """The share of rows that are decided the same; None for numbers and vectors."""
    most: float | None
    """The share of their size that answers are away, in all rows but a few at most; None where nothing can be said."""
    rms: float | None
    """The same in the root mean square of all rows."""
    cosine_mean: float | None = None
    cosine_worst: float | None = None
    """Of vectors: to the source's own."""

    def by(self, form: Form) -> float | None:
        """What is held against the bound of a form."""
        return self.most if form in _FLOATS else self.rms


def apart(
    answer: metrics.Array,
    answered: metrics.Array,
    source: metrics.Array,
    reference: metrics.Array,
    want: metrics.Expected,
    rows: float,
) -> Apart:
    """answer, answered: what the model gives, and what is decided from it; so source and reference.

    rows: the share of rows that may be further away. Raises NoNumbers for infinity where the source has a number.
    """
    answer, source = _finite(answer, source)
    decides = want.form == "texts" or (want.form == "labels" and want.classes is not None)
    same = float((answered == reference).mean()) if decides else None
    if want.form == "texts":
        ours, theirs = answered.tolist(), reference.tolist()
        edits = [texts.distance(texts.plain(a), texts.plain(b)) for a, b in zip(ours, theirs, strict=True)]
        lengths, sizes = np.asarray(edits, float), np.asarray([len(texts.plain(each)) for each in theirs], float)
    elif decides and answer.dtype.kind != "f":
        lengths, sizes = np.where(answered == reference, 0.0, math.sqrt(2)), np.ones(len(answered))
    elif (between := metrics.distance(answer, source)) is not None:
        first, second = (each.reshape(len(source), -1).astype(np.float64) for each in (answer, source))
        lengths, sizes = np.linalg.norm(first - second, axis=1), np.linalg.norm(second, axis=1)
        most, rms = _distances(lengths, sizes, rows)
        if want.form == "labels":
            return Apart(*between, same, most, rms)
        near = metrics.cosines(answer, source)
        return Apart(*between, same, most, rms, float(near.mean()), float(near.min()))
    else:
        return Apart(*_other(answered, reference), same, None, None)
    return Apart(*_other(answered, reference), same, *_distances(lengths, sizes, rows))


def _finite(answer: metrics.Array, source: metrics.Array) -> tuple[metrics.Array, metrics.Array]:
    """With zeros where both are the same infinity, such as the logarithm of a share of nothing."""
    if answer.dtype.kind != "f" or source.dtype.kind != "f" or answer.shape != source.shape:
        return answer, source
    if lost := int((~np.isfinite(answer) & np.isfinite(source)).sum()):
        raise metrics.NoNumbers(
            f"it answers evaluate.data with infinity in {lost} of {answer.size} places where the source has a number"
        )
    same = ~np.isfinite(source) & (answer == source)
    return (np.where(same, 0, answer), np.where(same, 0, source)) if same.any() else (answer, source)


def _other(answered: metrics.Array, reference: metrics.Array) -> tuple[float, float]:
    """Largest and mean difference of what is no number."""
    other = answered != reference
    return float(other.max()), float(other.mean())


def _distances(lengths: metrics.Array, sizes: metrics.Array, rows: float) -> tuple[float, float]:
    """Of all rows but the share `rows` of them, rounded up, and never all of them; and of all in the mean."""
    size = math.sqrt(float(np.square(sizes).mean())) or 1.0
    count = len(lengths)
    left_out = min(math.ceil(rows * count), count - 1)
    return float(np.sort(lengths)[count - 1 - left_out]) / size, math.sqrt(float(np.square(lengths).mean())) / size


def form(name: str, dtype: str, converted: Form) -> Form | None:
    """What a candidate computes with; None where it is another model. converted: what the converted model does."""
    if name in _OTHER_MODELS:
        return None
    own = next((of for begins, of in _DTYPES if dtype.startswith(begins)), None)
    return None if own is None else _FORMS[max(_FORMS.index(own), _FORMS.index(converted))]


def form_of(model: "onnx.ModelProto") -> Form:
    """What a model computes with that came as it is: the least exact of its operators and weights."""
    from model_build import graphs

    kinds = {node.op_type for node in graphs.nodes(model.graph)}
    if kinds & _FOUR_BITS:
        return "int4"
    if any(kind.startswith(_EIGHT_BITS) for kind in kinds):
        return "int8"
    return "fp16" if any(tensor.data_type in _HALVES for tensor in graphs.tensors(model)) else "fp32"


def bound(asked: Parity, form: Form | None) -> float | None:
    """The most that the distance may be; None: any."""
    found: float | None = None if form is None else getattr(asked, form)
    return found


def missed(asked: Parity, form: Form | None, found: Apart | None) -> str | None:
    """What is wrong with a distance, as a line of the gate; None where it is kept, or where nobody can tell."""
    most = bound(asked, form)
    if form is None or found is None or most is None:
        return None
    got = found.by(form)
    if got is None or got <= most:
        return None
    return f"parity: {_told(asked, form, got)}, at most {most:g} was asked of {_SPELT[form]}"


def broken(asked: Parity, form: Form, found: Apart, source: str, output: str) -> str | None:
    """The message for a conversion that answers otherwise than its source; None for one that does not.

    A model that came with less than float32 in it is held to nothing here: its candidates are, each by its form.
    """
    if form != "fp32" or missed(asked, form, found) is None or found.most is None:
        return None
    return (
        f"source {source} is not what it was after its conversion to ONNX: of output {output!r} "
        f"{_told(asked, form, found.most)}, expected at most {bound(asked, form):g} of float32; mend what answers "
        "otherwise in ONNX, or, where the model is no more exact than that, allow more by evaluate.parity.fp32"
    )


def _told(asked: Parity, form: Form, got: float) -> str:
    if form not in _FLOATS:
        return f"answers are {got:.3g} of their size from the source's, in the root mean square"
    but = f" but {asked.rows * 100:.3g} %" if asked.rows else ""
    return f"answers are {got:.3g} of their size from the source's at most, of all rows{but}"
