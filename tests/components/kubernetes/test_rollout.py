"""A pod's last words: its own, or none; what the kubelet says in their place is not the pod's."""

from typing import Any, cast

import pytest

from components.kubernetes import rollout
from components.kubernetes.access import Cluster

ENDED = {"exitCode": 2, "message": "modelport: model.onnx is no model\n"}
POD: dict[str, Any] = {
    "metadata": {"name": "digits-1", "namespace": "shop"},
    "status": {"containerStatuses": [{"name": "model", "restartCount": 1, "lastState": {"terminated": ENDED}}]},
}


class Logs:
    """A stand-in for a moment that no cluster gives on demand: the log's file goes while it is asked for."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def text(self, _path: str, **_query: object) -> str:
        return self._answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("loading\nmodelport: too large\n", ["loading", "modelport: too large"]),
        ("", ["modelport: model.onnx is no model"]),
        ("unable to retrieve container logs for containerd://9f6c", ["modelport: model.onnx is no model"]),
        (
            'failed to try resolving symlinks in path "/var/log/pods/x/0.log": lstat: no such file or directory',
            ["modelport: model.onnx is no model"],
        ),
    ],
)
def test_last_words_are_the_pods_own(answer: str, said: list[str]) -> None:
    assert rollout.last_lines(cast("Cluster", Logs(answer)), POD) == said
