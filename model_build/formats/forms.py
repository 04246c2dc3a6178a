"""What a format can be written of: the candidate that was chosen, and exacter forms where that cannot be held."""

from dataclasses import dataclass
from pathlib import Path

from model_build import graphs, parity
from model_build.convert import Converted
from model_build.fetch import Fetched
from model_build.formats import FORMATS
from model_build.verify import Verified


@dataclass(frozen=True)
class Form:
    name: str
    """`fp16`, `fp32`, `source`, or the chosen candidate's."""
    source: Path
    kind: str
    """The format of `source`."""
    computes: parity.Form | None
    """None: it is a model of its own, to whose answers parity is not asked."""


def plan(to: str, converted: Converted, verified: Verified, fetched: Fetched) -> list[Form]:
    """The forms of the model to write in the format `to`.

    What was quantised for ONNX Runtime is not what every runtime takes, and what it has fused is nobody else's: others
    are written of the model as it was converted too, and the gate says which of them is taken. A model that was pruned
    or taught is another one, and is what they are all made of.
    """
    choice, exact = verified.choice, parity.form_of(graphs.load(converted.model, weights=False))
    assert choice is not None and choice.model is not None
    own = parity.form(choice.name, choice.dtype, exact)
    chosen = Form(choice.name, choice.model, "onnx", own)
    if to == "ort":
        return [chosen]
    if FORMATS[to].made_of:
        return [Form("source", fetched.file, fetched.format, exact)]
    model, another = (choice.model, True) if own is None else (converted.model, False)
    forms = [
        Form(name, model, "onnx", None if another else parity.form(name, dtype, exact))
        for name, dtype in (("fp16", "float16"), ("fp32", "float32"))
    ]
    quantised = own in ("int8", "int4") and exact not in ("int8", "int4")
    return [chosen, *forms] if to == "openvino" and quantised else forms
