"""Operators that a model uses and nothing here knows, by name, with the opset that has them."""

from typing import TYPE_CHECKING

from model_build import graphs
from model_build.errors import SourceError

if TYPE_CHECKING:
    import onnx

_RUNTIME = ("com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc", "ai.onnx.ml", "ai.onnx.preview.training")
"""Domains whose operators ONNX Runtime knows, or says itself that it does not."""


def check(model: "onnx.ModelProto", name: str) -> None:
    """Raise SourceError for an operator that the model's opset has not, or that is of a domain that nobody knows."""
    import onnx

    own = {(function.domain, function.name) for function in model.functions}
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    history = None
    for node in graphs.nodes(model.graph):
        domain = "" if node.domain == "ai.onnx" else node.domain
        if (node.domain, node.op_type) in own or domain in _RUNTIME:
            continue
        where = f" (node {node.name!r})" if node.name else ""
        if domain:
            raise SourceError(
                f"source {name} uses {domain}.{node.op_type}{where}, which ONNX Runtime has not, expected operators of "
                "ONNX; take that part out of the model, or write it with these"
            )
        if onnx.defs.has(node.op_type, max_inclusive_version=opset):
            continue
        history = history or onnx.defs.get_all_schemas_with_history()
        since = [each.since_version for each in history if each.name == node.op_type and not each.domain]
        has = f"opset {min(since)} has it" if since else "no opset of ONNX has it"
        fix = f"export it with opset {min(since)}, or" if since else "export it"
        raise SourceError(
            f"source {name} uses {node.op_type}{where}, which is not in its opset {opset}: {has}; {fix} with operators "
            "that are there"
        )
