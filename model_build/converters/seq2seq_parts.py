"""The two graphs of an encoder-decoder, exported by torch and put into one file with the weights that both have once.

Names are those that others give these values too: `past_key_values.0.decoder.key` goes in, `present.0.decoder.key`
comes out.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from model_build import generating, graphs, runtime
from model_build.converters import torch as torch_converter
from model_build.converters import torch_faults
from model_build.errors import SourceError

if TYPE_CHECKING:
    import onnx

_SHARED = 256
"""Bytes from which on a weight that is there twice is kept once."""
_ROWS, _SOURCE, _PAST = 2, 5, 3
"""Sizes of the example, all different, and none of them 1, which torch would take for fixed."""


def export(model: Any, called: str) -> "onnx.ModelProto":
    """Raises SourceError for a model that does not export, or that keeps its past in another form."""
    torch = runtime.untyped("torch")
    loop = generating.loop()
    # The plain form: others are of operators that an exporter takes apart again.
    model.set_attn_implementation("eager")
    ids = torch.arange(_ROWS * _SOURCE).reshape(_ROWS, _SOURCE) % int(model.get_output_embeddings().weight.shape[0])
    mask = torch.ones_like(ids)
    encoder, decoder = _module(torch, model, _read), _module(torch, model, _write)
    with torch.no_grad():
        try:
            seen = encoder(ids, mask)
        except (AttributeError, TypeError) as error:
            raise SourceError(
                f"{called} keeps no keys and values in the form of an encoder-decoder of transformers "
                f"({runtime.first_line(error)}), expected one such as Marian, BART or T5"
            ) from None
        layers = len(seen) // 2
        names = [f"{layer}.{{}}.{kind}" for layer in range(layers) for kind in ("key", "value")]
        past = [torch.zeros(value.shape[0], value.shape[1], _PAST, value.shape[3]) for value in seen]
        first = _part(
            encoder,
            {loop.IDS: (ids, {0: "batch", 1: "source"}, 0), loop.MASK: (mask, {0: "batch", 1: "source"}, 0)},
            [f"present.{name.format('encoder')}" for name in names],
            called,
        )
        rows = {0: "decoder_batch"}
        second = _part(
            decoder,
            {
                "decoder_input_ids": (ids[:, :1].clone(), rows, 0),
                "encoder_attention_mask": (mask, rows | {1: "decoder_source"}, 0),
                "cross": ([*seen], rows | {2: "decoder_source"}, len(seen)),
                "past": (past, rows | {2: "past"}, len(past)),
            },
            ["logits", *(f"present.{name.format('decoder')}" for name in names)],
            called,
        )
    given = {f"cross_{at}": f"past_key_values.{name.format('encoder')}" for at, name in enumerate(names)}
    given |= {f"past_{at}": f"past_key_values.{name.format('decoder')}" for at, name in enumerate(names)}
    graphs.rename(second, given)
    return _together(first, second)


def _module(torch: Any, model: Any, forward: Callable[..., Any]) -> Any:
    kind: Any = type("Part", (torch.nn.Module,), {"forward": forward})
    made = kind()
    made.model = model
    return made


def _read(self: Any, input_ids: Any, attention_mask: Any) -> Any:
    """Forward of the encoder: keys and values of the input for each layer of the decoder."""
    read = self.model.get_encoder()(input_ids=input_ids, attention_mask=attention_mask)
    # One step over any token: what the cross attention keeps does not depend on it, and the rest is left out.
    step = self.model(
        encoder_outputs=(read.last_hidden_state,),
        attention_mask=attention_mask,
        decoder_input_ids=input_ids[:, :1],
        use_cache=True,
    )
    return _kept(step.past_key_values.cross_attention_cache)


def _write(self: Any, decoder_input_ids: Any, encoder_attention_mask: Any, cross: Any, past: Any) -> Any:
    """Forward of the decoder: scores for the next token, and the keys and values with this one's."""
    caches, torch = runtime.untyped("transformers.cache_utils"), runtime.untyped("torch")
    written, read = caches.DynamicCache(), caches.DynamicCache()
    layers = range(len(past) // 2)
    for layer in layers:
        written.update(past[2 * layer], past[2 * layer + 1], layer)
        read.update(cross[2 * layer], cross[2 * layer + 1], layer)
    both = caches.EncoderDecoderCache(written, read)
    for layer in layers:
        both.is_updated[layer] = True
    # Only its sizes are looked at, as the keys and values of what was read are there.
    width = self.model.get_input_embeddings().weight.shape[1]
    step = self.model(
        encoder_outputs=(torch.zeros(cross[0].shape[0], cross[0].shape[2], width),),
        attention_mask=encoder_attention_mask,
        decoder_input_ids=decoder_input_ids,
        past_key_values=both,
        use_cache=True,
    )
    return (step.logits, *_kept(step.past_key_values.self_attention_cache))


def _kept(cache: Any) -> tuple[Any, ...]:
    return tuple(value for layer in cache.layers for value in (layer.keys, layer.values))


def _part(
    module: Any, inputs: Mapping[str, tuple[Any, Mapping[int, str], int]], outputs: list[str], called: str
) -> "onnx.ModelProto":
    """inputs: example values, the names of their open axes, and how many there are in a list; 0: it is no list."""
    torch = runtime.untyped("torch")
    dynamic = torch.export.Dim.DYNAMIC
    shapes: dict[str, Any] = {}
    opened: dict[str, Mapping[int, str]] = {}
    for name, (_, axes, count) in inputs.items():
        shape = dict.fromkeys(axes, dynamic)
        shapes[name] = [shape] * count if count else shape
        opened |= {f"{name}_{at}": axes for at in range(count)} if count else {name: axes}
    try:
        with torch_converter.quiet():
            values = {name: value for name, (value, _, _) in inputs.items()}
            program = torch.export.export(module.eval(), (), values, dynamic_shapes=shapes, strict=False)
            made = torch.onnx.export(program, dynamo=True, opset_version=graphs.OPSET, verbose=False)
            torch_converter.name_outputs(made.model.graph, outputs)
            model: onnx.ModelProto = made.model_proto
    except Exception as error:
        raise torch_faults.fault(error, called) from None
    if lost := set(opened) ^ {value.name for value in model.graph.input}:
        raise SourceError(f"{called} does not look at {', '.join(sorted(lost))}, expected it to; it cannot be served")
    torch_converter.drop_shapes_of_weights(model)
    torch_converter.name_axes(model, opened)
    return model


def _together(first: "onnx.ModelProto", second: "onnx.ModelProto") -> "onnx.ModelProto":
    compose = runtime.untyped("onnx.compose")
    parts = {"encoder": first, "decoder": second}
    made: onnx.ModelProto = runtime.untyped("onnx").ModelProto()
    made.opset_import.extend(first.opset_import)
    known = {opset.domain for opset in made.opset_import}
    made.opset_import.extend(opset for opset in second.opset_import if opset.domain not in known)
    weights: dict[tuple[int, tuple[int, ...], str], str] = {}
    for name, part in parts.items():
        if len(part.functions):
            part = runtime.untyped("onnx.inliner").inline_local_functions(part)
        part = compose.add_prefix(part, f"{name}.", rename_inputs=False, rename_outputs=False)
        graph = part.graph
        twice: dict[str, str] = {}
        for tensor in graph.initializer:
            raw = bytes(tensor.raw_data)
            key = (int(tensor.data_type), tuple(tensor.dims), hashlib.sha256(raw).hexdigest())
            if len(raw) >= _SHARED and key in weights:
                twice[tensor.name] = weights[key]
                continue
            weights.setdefault(key, tensor.name)
            made.graph.initializer.append(tensor)
        for node in graphs.nodes(graph):
            node.input[:] = [twice.get(value, value) for value in node.input]
        made.graph.node.extend(graph.node)
        made.graph.input.extend(graph.input)
        made.graph.output.extend(graph.output)
        made.graph.value_info.extend(graph.value_info)
    return made
