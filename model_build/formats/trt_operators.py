"""What TensorRT's reader of ONNX does not take, so that it is told where the model is built and not on a GPU's machine.

Of the table of onnx-tensorrt, docs/operators.md of release 10.1 (17 June 2024), all that is not supported; later
versions may take more of it. Operators of other domains than ONNX's own need a plugin of one's own.
"""

from typing import TYPE_CHECKING

from model_build import graphs

if TYPE_CHECKING:
    import onnx

UNSUPPORTED = frozenset(
    {
        "AffineGrid", "Bernoulli", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BlackmanWindow",
        "Col2Im", "CenterCropPad", "Compress", "ConcatFromSequence", "ConvInteger", "DFT", "Det",
        "DynamicQuantizeLinear", "HammingWindow", "HannWindow", "ImageDecoder", "MatMulInteger", "MaxRoiPool",
        "MaxUnpool", "MelWeightMatrix", "Multinomial", "NegativeLogLikelihoodLoss", "Optional", "OptionalGetElement",
        "OptionalHasElement", "QLinearConv", "QLinearMatMul", "RegexFullMatch", "STFT", "SequenceAt",
        "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceInsert", "SequenceLength", "SequenceMap",
        "SoftmaxCrossEntropyLoss", "SplitToSequence", "StringConcat", "StringNormalizer", "StringSplit",
        "TfIdfVectorizer", "Unique",
    }
)  # fmt: skip
_STRING = 8


def lacking(model: "onnx.ModelProto") -> list[str]:
    """The operators of a model that TensorRT has not, and `texts` where an input or output is one."""
    found = {
        f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
        for node in graphs.nodes(model.graph)
        if node.domain not in ("", "ai.onnx") or node.op_type in UNSUPPORTED
    }
    values = (*model.graph.input, *model.graph.output)
    texts = ["texts"] if any(value.type.tensor_type.elem_type == _STRING for value in values) else []
    return [*sorted(found), *texts]
