"""What a SavedModel would do beside computing, told from its graphs without loading it.

A SavedModel is a program of TensorFlow's operators, and some of these read and write files, ask other machines, or call
Python. None of them computes a prediction, so each is refused by its name. Those that read and write checkpoints are
in every SavedModel, for its own variables: they are let through there, and nowhere else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from model_build import runtime
from model_build.errors import SourceError

_OTHER = re.compile(
    r"PyFunc\w*|EagerPyFunc|ReadFile|WriteFile|MatchingFiles\w*|\w*Reader(V2)?|Reader\w+|RecordInput|FileSystem\w+"
    r"|\w*(TextLine|TFRecord|FixedLengthRecord|CSV|Sql|LMDB|MatchingFiles|DataService)\w*Dataset(V\d)?|DatasetToTFRecord"
    r"|\w*(Snapshot|Cache|Save|Load|DatasetFromFile)\w*Dataset\w*|\w*Summary(Writer|DbWriter|FileWriter|V2)?|Write\w+Summary"
    r"|ImportEvent|Print(V2)?|Debug\w+|DumpTensor|Rpc\w+|DeleteRpc\w+|RemoteCall|RemoteFusedGraph\w+|_?Send|_?Recv"
    r"|CollectiveBcast\w+|GenerateVocabRemapping|LoadAndRemapMatrix|TRTEngineOp|CreateTRT\w+|InitializeTRT\w+"
    r"|SerializeTRT\w+|(Configure|Connect)\w*TPU\w*|GetSession\w+|DeleteSessionTensor|DistributedSave|DTensorRestore\w+"
)
"""Operators that read or write files, ask other machines or call Python."""
_CHECKPOINT = ("Save", "SaveV2", "SaveSlices", "Restore", "RestoreV2", "RestoreSlice", "MergeV2Checkpoints")
_FROM_FILE = ("InitializeTableFromTextFile", "InitializeTableFromTextFileV2")


def check(folder: Path, called: str) -> None:
    """Raise SourceError for operators that do other things than compute, or that TensorFlow does not have."""
    saved: Any = runtime.untyped("tensorflow.core.protobuf.saved_model_pb2").SavedModel()
    try:
        saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception as error:  # protobuf's DecodeError, whose module differs by its backend
        raise _none(folder, runtime.first_line(error), called) from None
    if not saved.meta_graphs:
        raise _none(folder, "it has no graph", called)
    for graph in saved.meta_graphs:
        _graph(graph, called)


def _none(folder: Path, why: str, called: str) -> SourceError:
    size = (folder / "saved_model.pb").stat().st_size
    return SourceError(
        f"{called} is no SavedModel (its saved_model.pb, {size:,} bytes: {why}), expected what "
        "tf.saved_model.save or model.export writes; save it again"
    )


def _graph(meta: Any, called: str) -> None:
    functions = {each.signature.name: each for each in meta.graph_def.library.function}
    main = {node.name: node for node in meta.graph_def.node}
    found = [(node.op, "") for node in main.values()]
    found += [(node.op, name) for name, each in functions.items() for node in each.node_def]
    bad = sorted({op for op, _ in found if _OTHER.fullmatch(op)})
    kept = _saver(meta, main, functions)
    bad += sorted({node.op for node in main.values() if node.op in _CHECKPOINT and node.name not in kept})
    bad += sorted({op for op, name in found if op in _CHECKPOINT and name and name not in kept})
    bad += _words_from_elsewhere(meta, main, functions)
    if bad:
        raise SourceError(
            f"{called} has operators that do other things than compute ({', '.join(dict.fromkeys(bad))}): they read or "
            "write files, ask other machines or call Python; take them out of the model and save it again"
        )
    registry = runtime.untyped("tensorflow.python.framework.op_def_registry")
    unknown = sorted({op for op, _ in found if op not in functions and registry.get(op) is None})
    if unknown:
        raise SourceError(
            f"{called} has operators that TensorFlow does not have ({', '.join(unknown[:5])}), and libraries of "
            "operators are not loaded; use TensorFlow's own"
        )


def _saver(meta: Any, main: Mapping[str, Any], functions: Mapping[str, Any]) -> set[str]:
    """Nodes and functions that are there to save and restore the model's own variables, and for nothing else."""
    saver = meta.saver_def
    starts = {_node(name) for name in (saver.save_tensor_name, saver.restore_op_name) if name}
    own = _below(starts, main)
    own |= _called((main[name] for name in own if name in main), functions)
    others = {_node(info.name) for each in meta.signature_def.values() for info in each.outputs.values()}
    used = _below(others, main)
    used |= _called((main[name] for name in used if name in main), functions)
    return own - used


def _below(names: Iterable[str], main: Mapping[str, Any]) -> set[str]:
    """The nodes, and all that they are computed from."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in main:
            found.add(name)
            waiting += [_node(each) for each in main[name].input]
    return found


def _called(nodes: Iterable[Any], functions: Mapping[str, Any]) -> set[str]:
    """The functions that nodes call, and those that these call."""
    found: set[str] = set()
    waiting = [name for node in nodes for name in _calls(node)]
    while waiting:
        name = waiting.pop()
        if name not in found and name in functions:
            found.add(name)
            waiting += [each for node in functions[name].node_def for each in _calls(node)]
    return found


def _calls(node: Any) -> Iterator[str]:
    yield node.op
    for value in node.attr.values():
        yield from (each.name for each in (value.func, *value.list.func) if each.name)


def _words_from_elsewhere(meta: Any, main: Mapping[str, Any], functions: Mapping[str, Any]) -> list[str]:
    """Tables that are read from a file which is not among the model's own (its assets)."""
    assets = {_node(each.tensor_info.name) for each in meta.asset_file_def}
    found = {node.op for node in main.values() if node.op in _FROM_FILE and _node(node.input[1]) not in assets}
    for each in functions.values():
        inside = {node.name for node in each.node_def}
        # A path that is given to the function is the asset's, which TensorFlow looks up in the model's folder.
        found |= {n.op for n in each.node_def if n.op in _FROM_FILE and n.input[1].split(":")[0] in inside}
    return sorted(found)


def _node(tensor: str) -> str:
    return tensor.removeprefix("^").split(":")[0]
