"""Forms in floating point: operators fused by three tools, and half the bits."""

from model_build import graphs, runtime
from model_build.candidates.task import EXTENDED, NotMade, Task, finish, fused, tool


def fp32(task: Task) -> str:
    fused(task.source, task.target, EXTENDED)
    finish(task)
    return ""


def distilled(task: Task) -> str:
    """A smaller model that has learnt from the answers of this one."""
    assert task.trained is not None
    between = task.folder / "student.onnx"
    told = task.trained(between)
    fused(between, task.target, EXTENDED)
    between.unlink()
    finish(task)
    return told


def slim(task: Task) -> str:
    """Simplified by onnxslim (constants and shapes worked out, what is twice put together), then fused."""
    with tool("onnxslim"):
        found = runtime.untyped("onnxslim").slim(graphs.load(task.source))
        if found is None:
            raise NotMade("onnxslim has no answer for it")
        between = task.folder / "slim.onnx"
        between.write_bytes(graphs.serialise(found))
    before = sum(1 for _ in graphs.nodes(graphs.load(task.source).graph))
    after = sum(1 for _ in graphs.nodes(found.graph))
    fused(between, task.target, EXTENDED)
    between.unlink()
    finish(task)
    return f"{before} operators to {after} before they are fused"


def transformer(task: Task) -> str:
    """The blocks of a transformer as one operator each, by onnxruntime.transformers."""
    basic = task.folder / "basic.onnx"
    fused(task.source, basic, "ORT_ENABLE_BASIC")
    with tool("onnxruntime.transformers"):
        optimizer = runtime.untyped("onnxruntime.transformers.optimizer")
        # Level 0: what it would have ONNX Runtime do first is done above, because it asks torch for that.
        made = optimizer.optimize_model(str(basic), model_type="bert", opt_level=0)
        basic.unlink()
        counts = {name: n for name, n in made.get_fused_operator_statistics().items() if n}
        task.target.write_bytes(graphs.serialise(made.model))
    if not set(counts) & {"Attention", "MultiHeadAttention", "EmbedLayerNormalization", "SkipLayerNormalization"}:
        raise NotMade("no block of a transformer was found in it")
    finish(task)
    return "fused " + ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))


def fp16(task: Task) -> str:
    """Half the bits: half the file. Processors without arithmetic of 16 bits work it out in 32, with casts."""
    basic = task.folder / "basic.onnx"
    fused(task.source, basic, "ORT_ENABLE_BASIC")
    with tool("onnxruntime.transformers.float16"):
        convert = runtime.untyped("onnxruntime.transformers.float16").convert_float_to_float16
        made = convert(graphs.typed(graphs.load(basic)), keep_io_types=True, disable_shape_infer=True)
    basic.unlink()
    if not any(tensor.data_type == 10 for tensor in graphs.tensors(made)):
        raise NotMade("no weights of float32 to make smaller")
    task.target.write_bytes(graphs.serialise(made))
    finish(task)
    return ""
