"""A model that writes, made by hand: the words of its input the last one first, then again the first that it wrote.

So that an answer is right only where the decoder sees what the encoder read, all that it has written before, and how
much that is: `a b c` becomes `c b a c`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

PAD, END, UNKNOWN, FIRST = 0, 1, 2, 3
LETTERS = "abcdefghi"
WORDS = ["<pad>", "</s>", "<unk>", *LETTERS]
SETTINGS = {"loop": 1, "layers": 1, "start": PAD, "end": [END], "pad": PAD, "max_length": 16, "longest": 8}


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(WORDS[:FIRST])
    return made


def model(settings: Mapping[str, Any] | None = None, *, text: bool = True) -> onnx.ModelProto:
    """settings: what is other than in SETTINGS."""
    floats, integers = TensorProto.FLOAT, TensorProto.INT64

    def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    def past(name: str, rows: str, length: str) -> list[onnx.ValueInfoProto]:
        return [value(f"{name}.{kind}", floats, rows, 1, length, 1) for kind in ("key", "value")]

    def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(kind, inputs.split(), [output], **attributes)

    to_float = {"to": floats}
    encoder = [
        node("Mul", "input_ids attention_mask", "read"),
        node("Cast", "read", "read_f", **to_float),
        node("Unsqueeze", "read_f sides", "present.0.encoder.key"),
        node("Cast", "attention_mask", "mask_f", **to_float),
        node("Unsqueeze", "mask_f sides", "present.0.encoder.value"),
    ]
    decoder = [
        node("Cast", "decoder_input_ids", "token", **to_float),
        node("Unsqueeze", "token sides", "new"),
        *(
            node("Concat", f"past_key_values.0.decoder.{kind} new", f"present.0.decoder.{kind}", axis=2)
            for kind in ("key", "value")
        ),
        # How far from the input's end the next word is: its length less one, less what is in the past.
        node("Shape", "past_key_values.0.decoder.key", "before", start=2, end=3),
        node("Cast", "before", "before_f", **to_float),
        node("Cast", "encoder_attention_mask", "asked", **to_float),
        node("Squeeze", "past_key_values.0.encoder.value sides", "kept"),
        node("Mul", "asked kept", "there"),
        node("ReduceSum", "there one", "length", keepdims=1),
        node("Sub", "length one_f", "last"),
        node("Sub", "last before_f", "at"),
        # The word there; none where the input is over.
        node("Squeeze", "past_key_values.0.encoder.key sides", "words"),
        node("Shape", "words", "size", start=1, end=2),
        node("Squeeze", "size zero", "count"),
        node("Range", "nought count step", "places"),
        node("Cast", "places", "places_f", **to_float),
        node("Equal", "places_f at", "hit"),
        node("Cast", "hit", "hit_f", **to_float),
        node("Mul", "words hit_f", "found"),
        node("ReduceSum", "found one", "word", keepdims=1),
        # The first that was written stands behind the start token.
        node("Greater", "before zero", "any"),
        node("Cast", "any", "place", to=integers),
        node("Gather", "present.0.decoder.value place", "written", axis=2),
        node("Squeeze", "written middle", "again"),
        node("Equal", "at minus", "over"),
        node("Where", "over again word", "either"),
        node("Less", "at minus", "ended"),
        node("Where", "ended end either", "next"),
        # The nearer a word's number, the likelier it is.
        node("Sub", "vocabulary next", "apart"),
        node("Mul", "apart apart", "far"),
        node("Neg", "far", "scores"),
        node("Unsqueeze", "scores one", "logits"),
    ]
    weights: dict[str, Any] = {
        "sides": np.array([1, 3]),
        "middle": np.array([1, 3]),
        "zero": np.array([0]),
        "one": np.array([1]),
        "nought": np.array(0),
        "step": np.array(1),
        "one_f": np.array([1], np.float32),
        "minus": np.array([-1], np.float32),
        "end": np.array([END], np.float32),
        "vocabulary": np.arange(len(WORDS), dtype=np.float32)[None],
    }
    graph = helper.make_graph(
        [*encoder, *decoder],
        "writer",
        [
            value("input_ids", integers, "batch", "source"),
            value("attention_mask", integers, "batch", "source"),
            value("decoder_input_ids", integers, "decoder_batch", 1),
            value("encoder_attention_mask", integers, "decoder_batch", "decoder_source"),
            *past("past_key_values.0.encoder", "decoder_batch", "decoder_source"),
            *past("past_key_values.0.decoder", "decoder_batch", "past"),
        ],
        [
            *past("present.0.encoder", "batch", "source"),
            value("logits", floats, "decoder_batch", 1, len(WORDS)),
            *past("present.0.decoder", "decoder_batch", "past_and_new"),
        ],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    made.metadata_props.add(key="modelport.generation", value=json.dumps(SETTINGS | dict(settings or {})))
    if text:
        made.metadata_props.add(key="modelport.tokenizer", value=tokenizer().to_str())
    return made


def save(folder: Path, settings: Mapping[str, Any] | None = None, *, text: bool = True) -> Path:
    """A model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model(settings, text=text), str(folder / "model.onnx"))
    (folder / "model.json").write_text(json.dumps({"format": 1, "name": "writer", "version": "1"}), "utf-8")
    return folder


def answer(text: str) -> str:
    """What the model writes, worked out otherwise."""
    words = text.split()[::-1]
    return " ".join([*words, *words[:1]])
