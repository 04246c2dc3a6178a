"""Which worker of pytest-xdist runs what, and in which order.

A file is one worker's, as its tests share what is dear to make. But where tests share nothing, each goes to whoever is
free; and what takes long is begun first, so that no worker is alone with it at the end while the others have nothing
to do.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

APART = (
    "tests/automation/",
    "tests/engine/conformance/",
    "tests/engine/policy/",
    "tests/engine/semantics/",
)
"""Files and folders whose tests share nothing."""
FIRST = (
    "tests/components/kubernetes/releasing/test_release_live.py",
    "tests/stacks/test_gateway.py",
    "tests/stacks/test_scaling.py",
    "tests/stacks/test_kubernetes.py",
    "tests/stacks/test_releasing.py",
    "tests/components/kubernetes/releasing/",
    "tests/components/kubernetes/test_service_live.py",
    "tests/cluster/",
    "tests/engine/test_kill_walk.py",
    "tests/automation/test_promote.py",
    "tests/ci/",
    "tests/docs/test_tutorial.py",
    "tests/automation/costs/test_table.py",
    "tests/components/test_local_docker.py",
    "tests/components/test_local_podman.py",
    "tests/model_build/test_pipeline.py",
    "tests/stacks/test_local.py",
    "tests/stacks/test_aws_rollback.py",
    "tests/engine/backends/test_broken_off.py",
    "tests/model_build/bake/",
    "tests/engine/conformance/",
    "tests/engine/semantics/",
    "tests/engine/policy/",
)
"""Files and folders that take long, the longest first; all else comes after them."""


class InTurn(LoadScopeScheduling):
    """Whole files, but for those of APART, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # otherwise what has most tests is first, however short they are

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(APART) else nodeid.partition("::")[0]

    def _reschedule(self, node: WorkerController) -> None:
        # A worker runs a test once it knows the next; what it knows beyond that nobody else can take from it.
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)


def sort(items: list[pytest.Item]) -> None:
    """Put what FIRST names first, in its order."""
    items.sort(key=lambda item: next((n for n, each in enumerate(FIRST) if item.nodeid.startswith(each)), len(FIRST)))
