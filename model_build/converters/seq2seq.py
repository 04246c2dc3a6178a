"""Encoder-decoders of transformers (Marian, BART, T5 and the like): one ONNX file for the loop that writes with them.

The file has two parts, the encoder and the decoder with past, which share weights and nothing else; how they are run is
told in `serving/core/generation.py`, and what that loop has to know is in the file's metadata.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from model_build import generating, graphs, runtime
from model_build.converters import Arrays, onnx, seq2seq_parts
from model_build.converters.seq2seq_settings import fitting, settings_of
from model_build.errors import SourceError

WEIGHTS, TOKENS = "model.safetensors", "tokenizer.json"
_LEFT = ("source.spm", "spiece.model", "sentencepiece.bpe.model", "vocab.json")
"""What a tokenizer that runs in Python leaves."""


def takes(made: object) -> bool:
    transformers: Any = sys.modules.get("transformers")  # nobody makes a model of it without it
    if transformers is None:
        return False
    model = cast("Sequence[Any]", made)[0] if isinstance(made, tuple) and made else cast("Any", made)
    return isinstance(model, transformers.PreTrainedModel) and bool(getattr(model.config, "is_encoder_decoder", False))


def save(made: object, folder: Path) -> str:
    model, tokenizer = cast("tuple[Any, Any]", made) if isinstance(made, tuple) else (made, None)
    cast("Any", model).save_pretrained(folder, max_shard_size="1000GB")
    target = folder / TOKENS
    target.unlink(missing_ok=True)
    if isinstance(tokenizer, str | Path):
        if not Path(tokenizer).is_file():
            raise SourceError(f"source returned the tokenizer {str(tokenizer)!r}, but there is no such file")
        shutil.copyfile(tokenizer, target)
    elif tokenizer is not None:
        inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
        if type(inner).__module__.partition(".")[0] != "tokenizers":
            raise SourceError(
                f"source returned a tokenizer of {type(tokenizer).__name__}, which runs in Python, expected one of the "
                "tokenizers library; return its fast form, a path to tokenizer.json, or the model alone"
            )
        inner.save(str(target))
    return WEIGHTS


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    called = f"source {settings['label']!r}"
    model = _asked(_load(source, called), settings.get("num_beams"))
    tokenizer = _tokenizer(source, called)
    told = settings_of(model, called)
    if tokenizer is not None:
        fitting(tokenizer, model, told, called)
    made = seq2seq_parts.export(model, called)
    onnx.opened(made, called)
    made.metadata_props.add(key=generating.KEY, value=told.text())
    if tokenizer is not None:
        made.metadata_props.add(key=generating.TOKENIZER, value=tokenizer.to_str())
    target.write_bytes(graphs.serialise(made))
    version = runtime.untyped("transformers").__version__
    return {
        "framework": f"transformers {version}",
        "classes": None,
        "generates": generating.written(made),
    }


def predict(source: Path, inputs: Arrays, output: str, *, num_beams: int | None = None) -> Any:
    """What `generate` of transformers writes. num_beams: of the recipe, before that of the model."""
    called = f"source {source.name!r}"
    model, tokenizer = _asked(_load(source, called), num_beams), _tokenizer(source, called)
    told = settings_of(model, called)
    torch = runtime.untyped("torch")
    loop = generating.loop()
    found: list[str] = []
    length = len(next(iter(inputs.values())))
    for start in range(0, length, loop.ROWS):
        part = {name: values[start : start + loop.ROWS] for name, values in inputs.items()}
        ids, mask = _encoded(tokenizer, part[loop.TEXT], told.pad) if tokenizer else (part[loop.IDS], part[loop.MASK])
        with torch.no_grad():
            rows = model.generate(
                input_ids=torch.from_numpy(np.ascontiguousarray(ids, np.int64)),
                attention_mask=torch.from_numpy(np.ascontiguousarray(mask, np.int64)),
            )
        bare = [[each for each in row if each not in told.special] for row in rows.tolist()]
        if tokenizer is None:
            found += generating.spelt(bare).tolist()
        else:
            found += tokenizer.decode_batch(bare, skip_special_tokens=True)
    return np.asarray(found)


def _asked(model: Any, num_beams: int | None) -> Any:
    if num_beams is not None:
        model.generation_config.num_beams = num_beams
    return model


def _encoded(tokenizer: Any, texts: Any, pad: int) -> tuple[Any, Any]:
    rows = [each.ids for each in tokenizer.encode_batch([str(text) for text in texts])]
    ids = np.full((len(rows), max(1, *map(len, rows))), pad, np.int64)
    mask = np.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = row, 1
    return ids, mask


def _load(source: Path, called: str) -> Any:
    """The model on the CPU in float32, dropout off, with no weight missing."""
    folder = source.parent
    if source.name != WEIGHTS or not (folder / "config.json").is_file():
        raise SourceError(
            f"{called} has no config.json beside {source.name}, expected a folder that save_pretrained has written, "
            f"with {WEIGHTS} in one piece; save it so"
        )
    try:
        transformers = runtime.untyped("transformers")
        runtime.untyped("torch")
    except ImportError as error:
        raise SourceError(
            f"{called} is a model of transformers, but {error.name} is not installed; pip install 'modelport[seq2seq]'"
        ) from None
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        model, told = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype="float32", output_loading_info=True
        )
    except Exception as error:
        raise SourceError(
            f"{called} does not load as an encoder-decoder of transformers: {runtime.first_line(error)}; "
            "save it again with save_pretrained"
        ) from None
    if missing := sorted(told["missing_keys"]):
        raise SourceError(
            f"{called} lacks {len(missing)} weights ({', '.join(missing[:3])}), expected all of them; save it again "
            "with save_pretrained"
        )
    return model.eval()


def _tokenizer(source: Path, called: str) -> Any:
    """The tokenizer beside the weights; None without one."""
    file = source.parent / TOKENS
    if not file.is_file():
        if any((source.parent / name).is_file() for name in _LEFT):
            print(f"there is a tokenizer, but no {TOKENS}: the model takes ids and answers with ids")
        return None
    try:
        found: Any = runtime.untyped("tokenizers").Tokenizer.from_file(str(file))
    except ImportError:
        raise SourceError(f"{called} has a {TOKENS}; pip install 'modelport[seq2seq]'") from None
    except Exception as error:
        raise SourceError(f"{called}: {TOKENS} cannot be read: {runtime.first_line(error)}; write it again") from None
    found.no_padding()
    found.no_truncation()
    return found
