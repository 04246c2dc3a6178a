"""A small translator, with the architecture of the opus-mt models: figures in, English words out.

`1407` becomes `one thousand four hundred seven`. It is trained here, from chance, on 4,000 of the numbers below 10,000,
and measured on numbers that it has not seen: half a minute of one core, the same weights each time.
"""

import random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import MarianConfig, MarianMTModel

SEED, TRAINED, MEASURED = 0, 4000, 200
STEPS, ROWS, RATE = 600, 64, 4e-3
LONGEST = 7
"""Tokens of the longest text: `seven thousand seven hundred seventy seven`, and its end."""

ONES = ["", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SPECIAL = ["<pad>", "</s>", "<unk>"]
WORDS = [*SPECIAL, *map(str, range(10)), "zero", *ONES[1:], *TENS[2:], "hundred", "thousand"]


def spoken(number: int) -> str:
    """A number below 10,000 in words."""
    if not number:
        return "zero"
    thousands, hundreds, rest = number // 1000, number // 100 % 10, number % 100
    parts = [f"{ONES[thousands]} thousand"] if thousands else []
    parts += [f"{ONES[hundreds]} hundred"] if hundreds else []
    parts += [ONES[rest]] if rest < 20 else [TENS[rest // 10], ONES[rest % 10]]
    return " ".join(part for part in parts if part)


def tokenizer() -> Tokenizer:
    """Each digit and each word is a token; a text ends with `</s>`."""
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=True)]
    )
    made.add_special_tokens(SPECIAL)
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return made


def untrained() -> Any:
    torch.manual_seed(SEED)
    sizes: dict[str, Any] = {"d_model": 64, "encoder_layers": 1, "decoder_layers": 2, "max_position_embeddings": 32}
    sizes |= {f"{part}_attention_heads": 4 for part in ("encoder", "decoder")}
    sizes |= {f"{part}_ffn_dim": 128 for part in ("encoder", "decoder")}
    special = {"pad_token_id": 0, "eos_token_id": 1, "forced_eos_token_id": 1, "decoder_start_token_id": 0}
    made = MarianMTModel(MarianConfig(vocab_size=len(WORDS), scale_embedding=True, dropout=0.0, **sizes, **special))
    made.generation_config.max_length = 16
    made.generation_config.bad_words_ids = [[0]]  # as in the opus-mt models
    return made


def translator() -> tuple[Any, Tokenizer]:
    """The model and its tokenizer, which is what becomes a server of texts."""
    # Sums in one order, whatever the machine has of cores.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    network, words = untrained(), tokenizer()
    chance = np.random.default_rng(SEED)
    numbers = _numbers()[:TRAINED]
    given = torch.from_numpy(_padded(words, [str(each) for each in numbers], 0))
    wanted = torch.from_numpy(_padded(words, [spoken(each) for each in numbers], -100))
    optimiser = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, STEPS)
    network.train()
    for _ in range(STEPS):
        rows = torch.from_numpy(chance.integers(0, TRAINED, ROWS))
        ids = given[rows]
        loss = network(input_ids=ids, attention_mask=(ids != 0).long(), labels=wanted[rows]).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network, words


def evaluation() -> tuple[dict[str, NDArray[np.str_]], NDArray[np.str_]]:
    """Numbers that it was not trained on, and what they are in words."""
    numbers = _numbers()[-MEASURED:]
    return {"text": np.array([str(each) for each in numbers])}, np.array([spoken(each) for each in numbers])


def _numbers() -> list[int]:
    numbers = list(range(10_000))
    random.Random(SEED).shuffle(numbers)
    return numbers


def _padded(words: Tokenizer, texts: list[str], pad: int) -> NDArray[np.int64]:
    rows = [each.ids for each in words.encode_batch(texts)]
    found = np.full((len(rows), LONGEST), pad, np.int64)
    for at, row in enumerate(rows):
        found[at, : len(row)] = row
    return found
