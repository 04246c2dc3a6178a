"""What the loop that writes has to know of a model of transformers, and what of a model or tokenizer it cannot do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from model_build import generating
from model_build.errors import SourceError

_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "do_sample": (None, False),
    "repetition_penalty": (None, 1.0),
    "encoder_repetition_penalty": (None, 1.0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "begin_suppress_tokens": (None, []),
    "sequence_bias": (None, {}),
    "exponential_decay_length_penalty": (None,),
    "force_words_ids": (None, []),
    "constraints": (None, []),
    "stop_strings": (None, []),
    "guidance_scale": (None, 1.0),
    "watermarking_config": (None,),
    "penalty_alpha": (None, 0.0),
    "dola_layers": (None,),
    "token_healing": (None, False),
    "num_beam_groups": (None, 1),
    "diversity_penalty": (None, 0.0),
    "num_return_sequences": (None, 1),
    "remove_invalid_values": (None, False),
    "max_time": (None,),
}
"""Settings of `generate` that change what is written and that the loop has not, with the values that change nothing."""


@dataclass(frozen=True)
class Told:
    """As `Settings` of the loop."""

    values: dict[str, Any]

    @property
    def pad(self) -> int:
        return int(self.values["pad"])

    @property
    def special(self) -> set[int]:
        """Those that the loop leaves out of what it has written."""
        return {self.values["start"], self.pad, *self.values["end"]}

    def text(self) -> str:
        return json.dumps(self.values, sort_keys=True)


def settings_of(model: Any, called: str) -> Told:
    """Raises SourceError for what the loop cannot do, and for what it would have to guess."""
    config, asked = model.config, model.generation_config
    for name, neutral in _NEUTRAL.items():
        if (value := getattr(asked, name, None)) not in neutral:
            raise SourceError(
                f"{called} has generation_config.{name} {value!r}, which the loop that serves it has not, expected "
                f"none; unset it (model.generation_config.{name} = None) and see what that costs"
            )
    vocabulary = int(model.get_output_embeddings().weight.shape[0])
    positions = cast("int | None", getattr(config, "max_position_embeddings", None))
    length = _length(asked, positions, called)
    end = _ids(asked.eos_token_id)
    start = _first(asked.decoder_start_token_id, getattr(config, "decoder_start_token_id", None), asked.bos_token_id)
    if not end or start is None:
        name = "eos_token_id" if not end else "decoder_start_token_id"
        raise SourceError(f"{called} has no generation_config.{name}, expected the id of a token; set it")
    values: dict[str, Any] = {
        "loop": generating.loop().LOOP,
        "layers": int(getattr(config, "decoder_layers", None) or config.num_decoder_layers),
        "start": start,
        "end": end,
        "pad": _first(asked.pad_token_id, end[0]),
        "max_length": length,
    }
    least = max(asked.min_length or 0, asked.min_new_tokens + 1 if asked.min_new_tokens else 0)
    banned = [list(run) for run in asked.bad_words_ids or () if list(run) not in [[each] for each in end]]
    last = _ids(asked.forced_eos_token_id)
    if len(last) > 1:
        raise SourceError(f"{called} has several of generation_config.forced_eos_token_id, expected one; set one")
    given = {
        "longest": positions,
        "min_length": least or None,
        "first": asked.forced_bos_token_id,
        "last": last[0] if last else None,
        "banned": banned or None,
        "suppressed": list(asked.suppress_tokens or ()) or None,
        "no_repeat": asked.no_repeat_ngram_size or None,
        **_beams(asked, called),
    }
    values |= {name: value for name, value in given.items() if value is not None}
    for name, ids in _named_ids(values):
        if wrong := [each for each in ids if not 0 <= each < vocabulary]:
            raise SourceError(
                f"{called} has the token {wrong[0]} as {name}, but its vocabulary has {vocabulary} tokens "
                f"(0 to {vocabulary - 1}); correct its generation_config"
            )
    return Told(values)


def fitting(tokenizer: Any, model: Any, told: Told, called: str) -> None:
    """Raises SourceError for a tokenizer that is not this model's."""
    vocabulary, known = int(model.get_output_embeddings().weight.shape[0]), int(tokenizer.get_vocab_size())
    if known != vocabulary:
        raise SourceError(
            f"{called} has a tokenizer of {known} tokens, but its model has {vocabulary}, expected as many; take the "
            f"tokenizer that it was trained with, or, if it is that, call model.resize_token_embeddings({known})"
        )
    for name, ids in _named_ids(told.values):
        if lost := [each for each in ids if tokenizer.id_to_token(each) is None]:
            raise SourceError(
                f"{called} has the token {lost[0]} as {name}, which its tokenizer does not know; take the tokenizer "
                "that it was trained with"
            )


def _beams(asked: Any, called: str) -> dict[str, Any]:
    """What is said of several beams; nothing where there is one, as then none of it is looked at."""
    count, early, penalty = asked.num_beams or 1, asked.early_stopping, asked.length_penalty
    if not isinstance(count, int) or count < 1:
        raise SourceError(
            f"{called} has a generation_config.num_beams of {count!r}, expected a whole number from 1 on; correct it"
        )
    if count == 1:
        return {}
    if early not in (None, False, True, "never"):
        raise SourceError(
            f"{called} has a generation_config.early_stopping of {early!r}, expected True, False or 'never'; correct it"
        )
    return {
        "beams": count,
        "length_penalty": None if penalty in (None, 1.0) else float(penalty),
        "early_stopping": early or None,
        "renormalized": asked.renormalize_logits or None,
    }


def _length(asked: Any, positions: int | None, called: str) -> int:
    length = asked.max_new_tokens + 1 if asked.max_new_tokens else asked.max_length
    if not length:
        raise SourceError(
            f"{called} says neither generation_config.max_length nor max_new_tokens, expected how much it writes at "
            "most; set one of them"
        )
    if length < 2 or (positions and length > positions):
        most = f"2 to {positions}, the positions that the model has" if positions else "2 or more"
        raise SourceError(f"{called} has a generation_config.max_length of {length}, expected {most}; correct it")
    return int(length)


def _named_ids(values: dict[str, Any]) -> list[tuple[str, list[int]]]:
    names = {
        "start": "decoder_start_token_id",
        "pad": "pad_token_id",
        "first": "forced_bos_token_id",
        "end": "eos_token_id",
        "last": "forced_eos_token_id",
        "suppressed": "suppress_tokens",
    }
    found = [(name, _ids(values[key])) for key, name in names.items() if key in values]
    return [*found, *(("one of bad_words_ids", list(run)) for run in values.get("banned", ()))]


def _ids(value: "int | Sequence[int] | None") -> list[int]:
    if value is None:
        return []
    return [value] if isinstance(value, int) else [int(each) for each in value]


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)
