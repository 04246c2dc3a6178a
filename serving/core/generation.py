"""Texts in, texts out: the loop around a model that writes one token after another, and what it keeps between them.

Such a model is one ONNX file with two parts that share nothing but weights. The encoder reads `input_ids` and
`attention_mask` and gives keys and values for the decoder to look at, once. The decoder reads one token a row, those,
and the keys and values of the tokens before (of none, at first), and gives `logits` and its keys and values with the
new token's. What the loop has to know, and the tokenizer, is in the file's own metadata.

`Generator` has of an ONNX Runtime session what a server asks of one: `get_inputs`, `get_outputs` and `run`. It writes
greedily: the likeliest token each time, as `generate` of transformers does with one beam and no sampling.

Nothing of ours is imported here: whoever measures a model before it is served runs this very file.
"""

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOOP = 1
"""Goes up when what the loop writes for the same model changes."""
KEY, TOKENIZER = "modelport.generation", "modelport.tokenizer"
"""In the metadata of the ONNX file: JSON, and that of the `tokenizers` library."""
ROWS = 32
"""Rows at a time: more texts than these are written in turns, so that memory is bounded."""

IDS, MASK, TEXT = "input_ids", "attention_mask", "text"
SEQUENCES, WRITTEN = "sequences", "generated_text"
_TOKEN, _ENCODER_MASK, _LOGITS = "decoder_input_ids", "encoder_attention_mask", "logits"

Array = NDArray[Any]


class TooLong(ValueError):
    """An input of more tokens than the model has positions for."""


@dataclass(frozen=True, slots=True)
class Value:
    """An input or output, as ONNX Runtime describes one."""

    name: str
    type: str
    shape: list[int | str | None]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the loop has to know of a model. Tokens by their ids."""

    loop: int
    layers: int
    """Of the decoder."""
    start: int
    """What the decoder reads first; `sequences` begin with it, and it counts in `max_length`."""
    end: tuple[int, ...]
    pad: int
    max_length: int
    longest: int | None = None
    """The most tokens of an input; None: any number."""
    min_length: int = 0
    """As long as a sequence is shorter than this it does not end."""
    first: int | None = None
    """What is always written first, such as a language."""
    last: int | None = None
    """What is always written where `max_length` is reached."""
    banned: tuple[tuple[int, ...], ...] = ()
    """Runs of tokens that are never written."""
    suppressed: tuple[int, ...] = ()
    """Tokens that are never written."""

    @classmethod
    def parse(cls, text: str) -> "Settings":
        """Raises ValueError for what another loop is meant by."""
        found: dict[str, Any] = json.loads(text)
        if found.get("loop") != LOOP:
            raise ValueError(f"{KEY} is for loop {found.get('loop')}, expected {LOOP}; build the model again")
        strange = set(found) - {each.name for each in fields(cls)}
        if strange:
            raise ValueError(f"{KEY} has {', '.join(sorted(strange))}, which this loop does not know")
        found |= {name: tuple(found[name]) for name in ("end", "suppressed") if name in found}
        found["banned"] = tuple(tuple(run) for run in found.get("banned", ()))
        return cls(**found)


def generates(session: Any) -> bool:
    """Whether the model of an ONNX Runtime session writes token by token."""
    return KEY in session.get_modelmeta().custom_metadata_map


class Generator:
    """A session's model with the loop around it. `run` may be called from several threads at once."""

    def __init__(self, session: Any) -> None:
        """Raises ValueError for a model that does not have the parts, or a tokenizer that cannot be read."""
        told: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        self.settings = Settings.parse(told[KEY])
        self.tokenizer = _tokenizer(told[TOKENIZER]) if TOKENIZER in told else None
        self._session = session
        self._runtime: Any = importlib.import_module("onnxruntime")
        # The file's other part is not run: its inputs are there, and empty.
        self._options = self._runtime.RunOptions()
        self._options.only_execute_path_to_fetches = True
        self._options.log_severity_level = 4
        inputs, outputs = session.get_inputs(), {each.name for each in session.get_outputs()}
        self._empty = {each.name: self._value(np.zeros(_no_rows(each.shape), _kind(each.type))) for each in inputs}
        layers = range(self.settings.layers)
        kinds = [f"{layer}.{{}}.{kind}" for layer in layers for kind in ("key", "value")]
        self._encoder = [kind.format("encoder") for kind in kinds]
        self._decoder = [kind.format("decoder") for kind in kinds]
        wanted = {IDS, MASK, _TOKEN, _ENCODER_MASK, *(f"past_key_values.{e}" for e in (*self._encoder, *self._decoder))}
        given = {_LOGITS, *(f"present.{each}" for each in (*self._encoder, *self._decoder))}
        if lacking := sorted((wanted - set(self._empty)) | (given - outputs)):
            raise ValueError(f"the model lacks {', '.join(lacking[:5])}, expected an encoder and a decoder with past")
        self._past = {each.name: each for each in inputs if each.name.startswith("past_key_values.")}
        # The loop's own, whether the tokenizer knows that they are special or not.
        self._special = {self.settings.start, self.settings.pad, *self.settings.end}

    def get_inputs(self) -> list[Value]:
        if self.tokenizer is not None:
            return [Value(TEXT, "tensor(string)", ["batch"])]
        return [Value(name, "tensor(int64)", ["batch", "source"]) for name in (IDS, MASK)]

    def get_outputs(self) -> list[Value]:
        if self.tokenizer is not None:
            return [Value(WRITTEN, "tensor(string)", ["batch"])]
        return [Value(SEQUENCES, "tensor(int64)", ["batch", "length"])]

    def run(self, outputs: Sequence[str], inputs: Mapping[str, Array], _options: Any = None) -> list[Array]:
        """Texts for texts, or ids for ids where the model has no tokenizer. Raises TooLong."""
        if self.tokenizer is None:
            found: Array = self.write(inputs[IDS], inputs[MASK])
        else:
            texts: list[str] = np.asarray(inputs[TEXT], dtype=object).ravel().tolist()
            found = np.empty(len(texts), dtype=object)
            found[:] = self.translate(texts)
        return [found for _ in outputs]

    def translate(self, texts: Sequence[str]) -> list[str]:
        """What the model writes for each text."""
        assert self.tokenizer is not None
        found: list[str] = []
        for begin in range(0, len(texts), ROWS):
            encoded = [each.ids for each in self.tokenizer.encode_batch([*texts[begin : begin + ROWS]])]
            length = max(1, *map(len, encoded))
            ids = np.full((len(encoded), length), self.settings.pad, np.int64)
            mask = np.zeros_like(ids)
            for row, each in enumerate(encoded):
                self._fits(len(each), begin + row)
                ids[row, : len(each)] = each
                mask[row, : len(each)] = 1
            found += self.tokenizer.decode_batch(self.bare(self._written(ids, mask)), skip_special_tokens=True)
        return found

    def write(self, ids: Array, mask: Array) -> Array:
        """Sequences [rows, length], from the start token on, with `pad` behind those that have ended."""
        if ids.shape != mask.shape:
            raise ValueError(f"{MASK} has shape {list(mask.shape)}, expected {list(ids.shape)} as {IDS} has")
        if ids.shape[1:]:
            self._fits(ids.shape[1], 0)
        turns = range(0, len(ids), ROWS)
        parts = [self._written(ids[at : at + ROWS], mask[at : at + ROWS]) for at in turns]
        length = max(part.shape[1] for part in parts)
        pad = self.settings.pad
        return np.concatenate([np.pad(p, ((0, 0), (0, length - p.shape[1])), constant_values=pad) for p in parts])

    def bare(self, sequences: Array) -> list[list[int]]:
        """The ids of each row without those of the loop: start, end and pad."""
        return [[each for each in row if each not in self._special] for row in sequences.tolist()]

    def _fits(self, length: int, row: int) -> None:
        most = self.settings.longest
        if most is not None and length > most:
            raise TooLong(f"row {row} has {length} tokens, at most {most} are taken; split it")

    def _written(self, ids: Array, mask: Array) -> Array:
        settings, count = self.settings, len(ids)
        ids, mask = np.ascontiguousarray(ids), np.ascontiguousarray(mask)
        there = self._value(mask)
        given = self._run([f"present.{e}" for e in self._encoder], {IDS: self._value(ids), MASK: there})
        feeds: dict[str, Any] = {_ENCODER_MASK: there}
        feeds |= {f"past_key_values.{name}": value for name, value in zip(self._encoder, given, strict=True)}
        for name in self._decoder:
            described = self._past[f"past_key_values.{name}"]
            shape = (count, *_no_rows(described.shape)[1:])
            feeds[described.name] = self._value(np.zeros(shape, _kind(described.type)))
        asked = [_LOGITS, *(f"present.{name}" for name in self._decoder)]
        found = np.full((count, settings.max_length), settings.pad, np.int64)
        found[:, 0] = settings.start
        done = np.zeros(count, np.bool_)
        length = 1
        while length < settings.max_length and not done.all():
            feeds[_TOKEN] = self._value(np.ascontiguousarray(found[:, length - 1 : length]))
            logits, *given = self._run(asked, feeds)
            feeds |= {f"past_key_values.{name}": value for name, value in zip(self._decoder, given, strict=True)}
            scores: Array = logits.numpy()[:, -1, :]
            self._rule(scores, found[:, :length])
            found[:, length] = np.where(done, settings.pad, scores.argmax(axis=1))
            done |= np.isin(found[:, length], settings.end)
            length += 1
        return found[:, :length]

    def _rule(self, scores: Array, before: Array) -> None:
        """What may not be written here gets no chance, in the order in which transformers goes about it."""
        settings, length = self.settings, before.shape[1]
        for run in settings.banned:
            *start, last = run
            if len(start) <= length:
                ends = before[:, length - len(start) :] == np.asarray(start, np.int64)
                scores[ends.all(axis=1), last] = -np.inf
        if length < settings.min_length:
            scores[:, list(settings.end)] = -np.inf
        only = settings.first if length == 1 else settings.last if length == settings.max_length - 1 else None
        if only is not None:
            scores[:] = -np.inf
            scores[:, only] = 0
        if settings.suppressed:
            scores[:, list(settings.suppressed)] = -np.inf

    def _run(self, outputs: list[str], feeds: Mapping[str, Any]) -> list[Any]:
        found: list[Any] = self._session.run_with_ort_values(outputs, {**self._empty, **feeds}, self._options)
        return found

    def _value(self, array: Array) -> Any:
        return self._runtime.OrtValue.ortvalue_from_numpy(array)


def _no_rows(shape: Sequence[int | str | None]) -> tuple[int, ...]:
    return tuple(axis if isinstance(axis, int) else 0 for axis in shape)


def _kind(onnx: str) -> Any:
    return {"tensor(int64)": np.int64, "tensor(float16)": np.float16}.get(onnx, np.float32)


def _tokenizer(text: str) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the cores are shared out among workers
    try:
        library = importlib.import_module("tokenizers")
    except ImportError:
        raise ValueError("the model has a tokenizer, but the package tokenizers is not installed; install it") from None
    try:
        found: Any = library.Tokenizer.from_str(text)
    except Exception as error:
        raise ValueError(f"the tokenizer cannot be read: {error}") from None
    found.no_padding()
    found.no_truncation()
    return found
