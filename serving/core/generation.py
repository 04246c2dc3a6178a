"""Texts in, texts out: the loop around a model that writes one token after another, and what it keeps between them.

Such a model is one ONNX file with two parts that share nothing but weights. The encoder reads `input_ids` and
`attention_mask` and gives keys and values for the decoder to look at, once. The decoder reads one token a row, those,
and the keys and values of the tokens before (of none, at first), and gives `logits` and its keys and values with the
new token's. What the loop has to know, and the tokenizer, is in the file's own metadata.

`Generator` has of an ONNX Runtime session what a server asks of one: `get_inputs`, `get_outputs` and `run`. It writes
as `generate` of transformers does without sampling: with one beam the likeliest token each time, with several what
they have found to be the likeliest text.

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
"""Rows of the decoder at a time, one for each beam of a text: more are written in turns, so that memory is bounded."""

IDS, MASK, TEXT = "input_ids", "attention_mask", "text"
SEQUENCES, WRITTEN = "sequences", "generated_text"
_TOKEN, _ENCODER_MASK, _LOGITS = "decoder_input_ids", "encoder_attention_mask", "logits"
_NEVER = np.float32(-1e9)
"""The score of a beam that is not to be taken. It is not infinite, so that such beams stand before forbidden tokens."""

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
    no_repeat: int = 0
    """No run of so many tokens is written twice; 0: any is."""
    beams: int = 1
    length_penalty: float = 1.0
    """A text of several beams has as its score the sum over its tokens by their number to the power of this."""
    early_stopping: bool | str = False
    """True: a text is done when as many as there are beams have ended. False: when one that goes on would have to do
    better with the length that it has; `never`: with any length."""
    renormalized: bool = False
    """Scores become those of a distribution again after tokens were forbidden; it matters to several beams alone."""

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
        self._turn = max(1, ROWS // self.settings.beams)
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
        for begin in range(0, len(texts), self._turn):
            encoded = [each.ids for each in self.tokenizer.encode_batch([*texts[begin : begin + self._turn]])]
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
        turns = range(0, len(ids), self._turn)
        parts = [self._written(ids[at : at + self._turn], mask[at : at + self._turn]) for at in turns]
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
        if settings.beams > 1:
            return self._searched(_Beams(settings, count), feeds, asked)
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

    def _searched(self, beams: "_Beams", feeds: dict[str, Any], asked: list[str]) -> Array:
        """What several beams find. feeds: of the decoder, with one row for each text."""
        read = [_ENCODER_MASK, *(f"past_key_values.{name}" for name in self._encoder)]
        written = [f"past_key_values.{name}" for name in self._decoder]
        rows = np.repeat(np.arange(len(beams.texts)), self.settings.beams)
        self._take(feeds, [*read, *written], rows)
        while True:
            feeds[_TOKEN] = self._value(np.ascontiguousarray(beams.before[:, -1:]))
            logits, *given = self._run(asked, feeds)
            scores = _log_softmax(logits.numpy()[:, -1, :].astype(np.float32))
            self._rule(scores, beams.before)
            if self.settings.renormalized:
                scores = _log_softmax(scores)
            left = len(beams.texts)
            rows = beams.go_on(scores)
            if not len(rows):
                return beams.found()
            feeds |= dict(zip(written, given, strict=True))
            self._take(feeds, written, rows)
            if len(beams.texts) < left:  # else each beam looks at what it looked at: its own text
                self._take(feeds, read, rows)

    def _take(self, feeds: dict[str, Any], names: Sequence[str], rows: Array) -> None:
        for name in names:
            feeds[name] = self._value(feeds[name].numpy()[rows])

    def _rule(self, scores: Array, before: Array) -> None:
        """What may not be written here gets no chance, in the order in which transformers goes about it."""
        settings, length = self.settings, before.shape[1]
        if 0 < settings.no_repeat <= length:
            runs = np.lib.stride_tricks.sliding_window_view(before, settings.no_repeat, axis=1)
            again = (runs[:, :, :-1] == before[:, None, length - settings.no_repeat + 1 :]).all(axis=2)
            row, at = np.nonzero(again)
            scores[row, runs[row, at, -1]] = -np.inf
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


class _Beams:
    """Several beginnings of each text at once, of which those stay that are the likeliest.

    Texts do not see each other, and one that is done leaves: nothing that its beams could still write would be taken.
    """

    def __init__(self, settings: Settings, count: int) -> None:
        self._settings = settings
        shape = (count, settings.beams, settings.max_length)
        self.texts: Array = np.arange(count)
        """Those that are not done, by their number."""
        self._length = 1
        self._going: Array = np.full(shape, settings.pad, np.int64)
        self._going[:, :, 0] = settings.start
        self._scores: Array = np.full(shape[:2], _NEVER)
        self._scores[:, 0] = 0  # all begin alike: one of them is enough
        self._ended: Array = self._going.copy()
        self._ended_scores: Array = np.full(shape[:2], _NEVER)
        self._has_ended: Array = np.zeros(shape[:2], np.bool_)
        self._found = self._ended[:, 0].copy()

    @property
    def before(self) -> Array:
        """What the beams of all texts have written, one after another: [rows, length]."""
        return self._going.reshape(-1, self._settings.max_length)[:, : self._length]

    def found(self) -> Array:
        ended = np.isin(self._found[:, 1:], self._settings.end)
        longest = int(np.where(ended.any(axis=1), ended.argmax(axis=1) + 2, self._settings.max_length).max())
        return self._found[:, :longest]

    def go_on(self, scores: Array) -> Array:
        """Write a token. scores: of each for each beam. Returns which row of before each beam of those left goes on."""
        settings, beams = self._settings, self._settings.beams
        texts, words = len(self.texts), scores.shape[1]
        total = (scores.reshape(texts, beams, words) + self._scores[:, :, None]).reshape(texts, -1)
        # So many that enough go on even where each beam ends with each of the tokens that end one.
        at, likely = _best(total, max(2, 1 + len(settings.end)) * beams)
        beam, token = np.divmod(at, words)
        written = np.take_along_axis(self._going, beam[:, :, None], axis=1)
        written[:, :, self._length] = token
        over = np.isin(token, settings.end) | (self._length + 1 >= settings.max_length)
        order, self._scores = _best(likely + over * _NEVER, beams)
        self._going = np.take_along_axis(written, order[:, :, None], axis=1)
        self._end(written, likely, over)
        self._length += 1
        rows = np.take_along_axis(beam, order, axis=1) + beams * np.arange(texts)[:, None]
        return rows[self._leave()].reshape(-1)

    def _end(self, written: Array, likely: Array, over: Array) -> None:
        """Keep the best of those that have ended, by now or before."""
        beams = self._settings.beams
        # Those beyond as many as there are beams were there to go on only.
        first: Array = np.less(np.arange(int(over.shape[1])), beams)
        new: Array = np.logical_and(over, first)
        worth = float(self._length) ** self._settings.length_penalty
        scores: Array = np.divide(likely, np.float32(worth))
        scores = np.add(scores, np.where(new, np.float32(0), _NEVER))
        order, self._ended_scores = _best(np.concatenate([self._ended_scores, scores], axis=1), beams)
        ended = np.concatenate([self._ended, written], axis=1)
        self._ended = np.take_along_axis(ended, order[:, :, None], axis=1)
        self._has_ended = np.take_along_axis(np.concatenate([self._has_ended, new], axis=1), order, axis=1)

    def _leave(self) -> Array:
        """Put down the texts that are done. Returns which are not, of those that were there."""
        settings = self._settings
        furthest = settings.early_stopping == "never" and settings.length_penalty > 0
        length = (settings.max_length if furthest else self._length) - 1
        hope = self._scores[:, :1] / np.float32(length**settings.length_penalty)
        worst = np.where(self._has_ended, self._ended_scores.min(axis=1, keepdims=True), _NEVER)
        left: Array = np.any(hope > worst, axis=1)
        if settings.early_stopping is True:
            left &= ~self._has_ended.all(axis=1)
        if self._length >= settings.max_length:
            left[:] = False
        self._found[self.texts[~left]] = self._ended[~left, 0]
        for name in ("texts", "_going", "_scores", "_ended", "_ended_scores", "_has_ended"):
            setattr(self, name, getattr(self, name)[left])
        return left


def _best(values: Array, count: int) -> tuple[Array, Array]:
    """Places and values of the largest in each row, the largest first."""
    at = np.argpartition(-values, min(count, values.shape[1]) - 1, axis=1)[:, :count]
    found = np.take_along_axis(values, at, axis=1)
    order = np.lexsort((at, -found), axis=1)
    return np.take_along_axis(at, order, axis=1), np.take_along_axis(found, order, axis=1)


def _log_softmax(scores: Array) -> Array:
    scores = scores - scores.max(axis=1, keepdims=True)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return scores


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
