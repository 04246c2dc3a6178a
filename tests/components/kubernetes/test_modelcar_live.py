"""The model's files as an image of their own, in a real cluster, beside a server as KServe has it.

As a volume they are not mounted here: that takes containerd 2.1, and Debian's is older.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_build.bake import bake, modelcar
from tests.cluster.shared import Cluster
from tests.components.kubernetes.programs import pushed
from tests.serving import models

SPACE = "modelcars"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return models.digits(tmp_path_factory.mktemp("model") / "digits")


@pytest.fixture(scope="module")
def files(cluster: Cluster, model: Path) -> Iterator[str]:
    """The modelcar in the cluster's registry, and a namespace."""
    layout = model.parent / "layout"
    image = bake(model, name="digits", base="debian", layout=layout)
    car = modelcar.attach(layout, image.digest)
    place = pushed(cluster, f"oci:{layout}@{image.digest}").partition("@")[0]
    cluster.kubectl("create", "namespace", SPACE)
    yield f"{place}@{car}"
    cluster.kubectl("delete", "namespace", SPACE, "--wait=false")


def logs(cluster: Cluster, name: str, spec: dict[str, Any]) -> str:
    """What the container `reader` of a pod said to the end."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE}, "spec": spec}
    cluster.kubectl("apply", "-f", "-", text=json.dumps(pod))
    ended = "--for=jsonpath={.status.containerStatuses[?(@.name=='reader')].state.terminated.exitCode}=0"
    try:
        cluster.kubectl("wait", f"pod/{name}", "-n", SPACE, ended, "--timeout=60s")
    except RuntimeError:
        print(cluster.kubectl("describe", "pod", name, "-n", SPACE))
        raise
    return cluster.kubectl("logs", name, "-n", SPACE, "-c", "reader")


def test_a_server_reads_it_beside_itself_as_kserve_has_it(cluster: Cluster, files: str, model: Path) -> None:
    """The containers that KServe's webhook puts into a pod with `storageUri: oci://...` (its pkg/utils/storage.go)."""
    mount = {"name": "model", "mountPath": "/mnt"}
    look = (
        "[ -d /models ] && [ \"$$(ls -A /models)\" ] && echo OK || exit 1"
    )  # fmt: skip
    said = logs(
        cluster,
        "modelcar",
        {
            "restartPolicy": "Never",
            "shareProcessNamespace": True,
            "initContainers": [{"name": "modelcar-init", "image": files, "args": ["sh", "-c", look]}],
            "containers": [
                {
                    "name": "modelcar",
                    "image": files,
                    "args": ["sh", "-c", "ln -sf /proc/$$$$/root/models /mnt/models && sleep infinity"],
                    "volumeMounts": [mount],
                },
                {
                    "name": "reader",
                    "image": files,
                    "args": [
                        *("sh", "-c"),
                        "until [ -e /mnt/models/digits/1/model.onnx ]; do sleep 1; done; "
                        "cat /mnt/models/digits/1/model.onnx | busybox sha256sum",
                    ],
                    "volumeMounts": [mount],
                },
            ],
            "volumes": [{"name": "model", "emptyDir": {}}],
        },
    )
    assert said.startswith(hashlib.sha256((model / "model.onnx").read_bytes()).hexdigest())
