"""What builds a plan of TensorRT, which only the GPU that will run it can: ONNX, a script, and a Job for a cluster.

The numbers of the ONNX are those of the plan (TensorRT calls that strongly typed, and since its version 11 knows
nothing else), so that they are held to the gate here, in ONNX Runtime. The script holds the plan's answers to these on
rows that are made by chance within the range of the evaluation data: none of that goes out.
"""

import json
import shlex
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_build import data, graphs, measure, runtime
from model_build.candidates import NotMade, Task, floats
from model_build.formats import Runs, Unsupported, trt_operators
from model_build.recipe_optimize import Calibration

MODEL = "model.onnx"
IMAGE = "nvcr.io/nvidia/tensorrt:26.07-py3"
"""NVIDIA's container with TensorRT 11.1."""
_ROWS = 8
"""The most that a plan's answers are compared on."""
_USER = 65532

Shape = list[int]


def write(source: Path, folder: Path, settings: Mapping[str, Any]) -> None:
    target = folder / MODEL
    if settings["form"] == "fp16":
        _halved(source, target, settings)
    else:
        shutil.copyfile(source, target)
    if lacks := trt_operators.lacking(graphs.load(target, weights=False)):
        raise Unsupported(
            f"formats names tensorrt, but TensorRT has not {', '.join(lacks)}, which {settings['label']!r} uses; leave "
            "it out, or take them out of the model"
        )
    session = runtime.session(target)
    given, _ = data.load(
        Path(settings["data"]), settings["columns"], settings["beside"], [value.name for value in session.get_inputs()]
    )
    feeds = measure.fit(session, given, settings["data_label"])
    shapes = _profile(session, feeds, settings["batches"])
    rows = _by_chance(session, feeds, shapes)
    (expected,) = session.run([settings["output"]], rows)
    loads = {f"input{at}.bin": values for at, values in enumerate(rows.values())}
    for name, values in loads.items():
        values.tofile(folder / name)
    parity: Mapping[str, float | None] = settings["parity"]
    told = {
        "output": settings["output"],
        "rows": [np.ravel(row).astype(float).tolist() for row in expected],
        "bound": parity[settings["form"]],
        "left_out": parity["rows"],
    }
    (folder / "answers.json").write_text(json.dumps(told), "utf-8")
    (folder / "build.sh").write_text(_script(session, shapes, dict(zip(rows, loads, strict=True)), rows, settings))
    (folder / "check.py").write_text(Path(__file__).with_name("trt_check.py").read_text("utf-8"))
    (folder / "job.yaml").write_text(_job(str(settings["name"])), "utf-8")


def opened(folder: Path, like: Runs, settings: Mapping[str, Any]) -> Runs:
    return runtime.session(folder / MODEL)  # type: ignore[no-any-return]


def _halved(source: Path, target: Path, settings: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as between:
        task = Task(
            source=source,
            folder=Path(between),
            asked=Calibration(),
            rows=None,
            deadline=time.monotonic() + 3600,
            say=lambda text: None,
        )
        try:
            floats.fp16(task)
        except NotMade as error:
            raise Unsupported(
                f"formats names tensorrt, but {settings['label']!r} has no form of 16 bits: {error}; leave it out"
            ) from None
        shutil.copyfile(task.target, target)


def _profile(session: Runs, feeds: data.Inputs, batches: list[int]) -> dict[str, tuple[Shape, Shape, Shape]]:
    """By input with an open axis: the least, the likeliest and the largest shape.

    The first axis is as many rows as the recipe measures at, any other as long as in the evaluation data at the most.
    """
    found: dict[str, tuple[Shape, Shape, Shape]] = {}
    least, most = min(batches), max(batches)
    for value in session.get_inputs():
        longest = feeds[value.name].shape
        axes = [axis if isinstance(axis, int) and axis > 0 else None for axis in value.shape]
        if None in axes:
            small = [axis or (least if at == 0 else 1) for at, axis in enumerate(axes)]
            large = [axis or (most if at == 0 else longest[at]) for at, axis in enumerate(axes)]
            found[value.name] = (small, large, large)
    return found


def _by_chance(session: Runs, feeds: data.Inputs, shapes: Mapping[str, tuple[Shape, Shape, Shape]]) -> data.Inputs:
    chance, rows = np.random.default_rng(0), data.Inputs()
    for value in session.get_inputs():
        seen = feeds[value.name]
        known = seen[np.isfinite(seen)] if seen.dtype.kind in "iubf" else seen[:0]
        least, most = (known.min().item(), known.max().item()) if known.size else (0, 1)
        size = list(shapes[value.name][2] if value.name in shapes else value.shape)
        if value.name in shapes and not (isinstance(value.shape[0], int) and value.shape[0] > 0):
            size[0] = min(size[0], _ROWS)
        if seen.dtype.kind in "iub":
            rows[value.name] = chance.integers(int(least), int(most), size, endpoint=True).astype(seen.dtype)
        else:
            rows[value.name] = chance.uniform(least, most, size).astype(seen.dtype)
    return rows


def _script(
    session: Runs,
    shapes: Mapping[str, tuple[Shape, Shape, Shape]],
    files: Mapping[str, str],
    rows: data.Inputs,
    settings: Mapping[str, Any],
) -> str:
    sizes = [
        f"--{key}Shapes={_spelt({name: each[at] for name, each in shapes.items()})}"
        for at, key in enumerate(("min", "opt", "max"))
        if shapes
    ]
    build = ["--onnx=model.onnx", "--stronglyTyped", *sizes, *(["--noTF32"] if settings["form"] == "fp32" else [])]
    asked = [f"--shapes={_spelt({name: list(rows[name].shape) for name in shapes})}"] if shapes else []
    loads = ",".join(f"{_quoted(name)}:{file}" for name, file in files.items())
    run = [*asked, f"--loadInputs={loads}", "--iterations=1", "--warmUp=0", "--duration=0"]
    return f"""#!/bin/sh
# Builds model.plan on the GPU that is to run it, and holds its answers to those of ONNX Runtime.
# In {IMAGE}, or wherever TensorRT 10 or newer has its trtexec; sh build.sh [FOLDER FOR THE PLAN]
set -eu
out="$(cd "${{1:-$(dirname "$0")}}" && pwd)"
cd "$(dirname "$0")"
trtexec="$(command -v trtexec || true)"
for place in /usr/src/tensorrt/bin /opt/tensorrt/bin /workspace/tensorrt/bin; do
    if [ -z "$trtexec" ] && [ -x "$place/trtexec" ]; then trtexec="$place/trtexec"; fi
done
if [ -z "$trtexec" ]; then
    echo "trtexec is not on PATH, expected that of TensorRT; run this in {IMAGE}" >&2
    exit 127
fi
"$trtexec" {shlex.join(build)} --skipInference --saveEngine="$out/model.plan.part"
"$trtexec" --loadEngine="$out/model.plan.part" {shlex.join(run)} --exportOutput="$out/plan.json"
python3 check.py answers.json "$out/plan.json"
mv "$out/model.plan.part" "$out/model.plan"
echo "$out/model.plan is built, and answers as the model does"
"""


def _spelt(shapes: Mapping[str, Shape]) -> str:
    return ",".join(f"{_quoted(name)}:{'x'.join(map(str, shape))}" for name, shape in shapes.items())


def _quoted(name: str) -> str:
    """As trtexec reads names with signs in them that it gives a meaning."""
    return f"'{name}'" if set(name) & set(":,*") else name


def _job(name: str) -> str:
    import yaml

    called = f"{name[:54].rstrip('-')}-tensorrt"
    tight = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    mounts = [{"name": "work", "mountPath": "/work"}]
    wait = "until [ -f /work/.whole ]; do sleep 1; done"
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "initContainers": [
            {
                "name": "files",
                "image": IMAGE,
                "command": ["sh", "-c", wait],
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
                "securityContext": tight,
                "volumeMounts": mounts,
            }
        ],
        "containers": [
            {
                "name": "build",
                "image": IMAGE,
                "command": ["sh", "/work/build.sh"],
                "resources": {
                    "requests": {"cpu": "1", "memory": "4Gi"},
                    "limits": {"memory": "16Gi", "nvidia.com/gpu": "1"},
                },
                "securityContext": tight,
                "volumeMounts": mounts,
            }
        ],
        "volumes": [{"name": "work", "persistentVolumeClaim": {"claimName": called}}],
    }
    labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/component": "tensorrt"}
    metadata = {"name": called, "labels": labels}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Gi"}}},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }
    return "".join(f"---\n{yaml.dump(each, Dumper=_plain(), sort_keys=False)}" for each in (claim, job))


def _plain() -> Any:
    """YAML without anchors, which a person reads more easily."""
    import yaml

    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    return Plain
