"""A small Marian that is trained here: digits in, their names out, the last one first. `4 0` is `zero four`."""

import random
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import MarianConfig, MarianMTModel

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
WORDS = ["<pad>", "</s>", "<unk>", *map(str, range(10)), *NAMES]
SPECIAL = {"pad_token_id": 0, "eos_token_id": 1, "forced_eos_token_id": 1, "decoder_start_token_id": 0}
STEPS = 400


def pairs(count: int, seed: int) -> tuple[list[str], list[str]]:
    chance = random.Random(seed)
    rows = [[chance.randrange(10) for _ in range(chance.randint(1, 5))] for _ in range(count)]
    return [" ".join(map(str, row)) for row in rows], [" ".join(NAMES[each] for each in reversed(row)) for row in rows]


def tokenizer(words: list[str] = WORDS) -> Tokenizer:
    made = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.add_special_tokens(words[:3])
    made.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return made


def untrained() -> Any:
    torch.manual_seed(0)
    sizes = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "max_position_embeddings": 32}
    sizes |= {f"{part}_attention_heads": 4 for part in ("encoder", "decoder")}
    sizes |= {f"{part}_ffn_dim": 64 for part in ("encoder", "decoder")}
    made = MarianMTModel(MarianConfig(vocab_size=len(WORDS), scale_embedding=True, dropout=0.0, **sizes, **SPECIAL))
    made.generation_config.max_length = 12
    made.generation_config.bad_words_ids = [[0]]
    return made


def model() -> tuple[Any, Tokenizer]:
    network, words = untrained(), tokenizer()
    torch.set_num_threads(1)
    optimiser = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 6e-3, STEPS)
    for step in range(STEPS):
        given, wanted = ([words.encode(text).ids for text in texts] for texts in pairs(64, 1000 + step))
        ids = torch.tensor([row + [0] * (6 - len(row)) for row in given])
        labels = torch.tensor([row + [-100] * (6 - len(row)) for row in wanted])
        network(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss.backward()
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    return network, words


def held_out() -> Any:
    given, wanted = pairs(100, 1)
    return {"text": np.array(given)}, np.array(wanted)
