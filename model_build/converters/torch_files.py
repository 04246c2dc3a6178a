"""Files that PyTorch writes: what each holds, and how it is loaded.

    .pt, .pth  a TorchScript program, or a pickle of a module, of weights or of anything else
    .pt2       a program of torch.export

torch loads all of them by way of pickle, so all of them want the recipe's trust.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from model_build import runtime
from model_build.errors import SourceError

EXAMPLE = "example.npz"
"""The file inside a TorchScript file of ours that has the example inputs."""

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


@dataclass(frozen=True)
class Loaded:
    model: Any
    """A Module, a ScriptModule or an ExportedProgram, on the CPU."""
    example: Arrays = field(default_factory=Arrays)
    """Example inputs that came with it, by name; empty for none."""

    @property
    def exported(self) -> bool:
        return isinstance(self.model, runtime.untyped("torch.export").ExportedProgram)

    @property
    def scripted(self) -> bool:
        return isinstance(self.model, runtime.untyped("torch.jit").ScriptModule)


def save(model: Any, example: Mapping[str, Any], folder: Path) -> str:
    """Write a model that a function returned. Returns the file's name. Raises SourceError."""
    torch = runtime.untyped("torch")
    if isinstance(model, torch.export.ExportedProgram):
        torch.export.save(model, str(folder / "model.pt2"))
        return "model.pt2"
    if isinstance(model, torch.jit.ScriptModule):
        packed = io.BytesIO()
        np.savez(packed, allow_pickle=False, **dict[str, Any](example))
        extra = {EXAMPLE: packed.getvalue()} if example else {}
        model.save(str(folder / "model.pt"), _extra_files=extra)
        return "model.pt"
    try:
        torch.save({"module": model, "example": dict(example)}, str(folder / "model.pt"))
    except Exception as error:  # pickle's own, and what a module's __getstate__ raises
        raise SourceError(
            f"source returned a module that cannot be pickled: {runtime.first_line(error)}; "
            "use classes and functions that stand at the top of a module"
        ) from None
    return "model.pt"


def load(path: Path, called: str) -> Loaded:
    """Read a file whose code is trusted. Raises SourceError for one that holds no model, or does not load here."""
    torch = _torch()
    try:
        match _kind(path):
            case "export":
                return Loaded(torch.export.load(str(path)))
            case "script":
                extra = {EXAMPLE: b""}
                with _deprecations_known():
                    model = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
                packed = extra[EXAMPLE]
                return Loaded(model, _unpacked(packed) if packed else {})
            case "pickle":
                return _pickle(torch, path, called)
            case _:
                pass
    except SourceError:
        raise
    except ModuleNotFoundError as error:
        raise SourceError(f"{called} needs the module {error.name!r}, which is not installed") from None
    except Exception as error:
        raise SourceError(
            f"{called} cannot be loaded by torch {torch.__version__}: {type(error).__name__}: "
            f"{runtime.first_line(error)}; save it again with the version that is installed here"
        ) from None
    raise SourceError(
        f"{called} is no file of PyTorch ({path.stat().st_size:,} bytes), expected what torch.save, "
        "torch.jit.save or torch.export.save writes; save it again"
    )


def _kind(path: Path) -> str:
    """What a file holds, by the names of its parts: export, script, pickle, or nothing that is known."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:  # before its version 1.6 torch wrote no zip
            return "pickle" if file.read(2) in (b"\x80\x02", b"\x80\x04", b"\x80\x05") else ""
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] or name for name in archive.namelist()}
    if names & {"archive_format", "models/model.json", "serialized_exported_program.json"}:
        return "export"
    if "constants.pkl" in names:
        return "script"
    return "pickle" if "data.pkl" in names else ""


def _pickle(torch: Any, path: Path, called: str) -> Loaded:
    made: Any
    try:
        made = torch.load(str(path), map_location="cpu", weights_only=True)
    except Exception:  # it is more than weights; which is what trust is for
        made = torch.load(str(path), map_location="cpu", weights_only=False)
    if isinstance(made, torch.nn.Module):
        return Loaded(made)
    entries = cast("dict[str, Any]", made) if isinstance(made, dict) else dict[str, Any]()
    if isinstance(entries.get("module"), torch.nn.Module):
        return Loaded(entries["module"], entries.get("example", {}))
    got = f"a {type(cast('object', made)).__name__}"
    if entries and any(isinstance(value, torch.Tensor) for value in entries.values()):
        got = f"the weights of a model ({len(entries)} entries) and not the model"
    raise SourceError(
        f"{called} holds {got}, expected a module; write a function that makes the module, loads this into it "
        "(load_state_dict(torch.load(file, weights_only=True))) and returns it, and name that: source: module:function"
    )


def _unpacked(packed: bytes) -> Arrays:
    with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _torch() -> Any:
    try:
        torch = runtime.untyped("torch")
        runtime.untyped("onnxscript")
    except ImportError as error:
        raise SourceError(
            f"{error.name} is not installed, PyTorch models need it; pip install 'modelport[torch]'"
        ) from None
    return torch


def _deprecations_known() -> Any:
    """TorchScript is on its way out of PyTorch, whose files stay: what it says of that is nothing to a user of ours."""
    import warnings

    return warnings.catch_warnings(action="ignore", category=FutureWarning)
