"""The stack gcp-vertex, as the judges judge it."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.stacks.test_gcp_vertex import FILE, PUBLIC


def _vertex(**sections: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = FILE.spec(Path(folder), **sections)
    FILE.deploy(given)


def stack_gcp_vertex() -> None:
    _vertex()


def stack_gcp_vertex_on_the_internet() -> None:
    _vertex(vertex={**PUBLIC, "machine": {"type": "g2-standard-8", "gpu_busy": 70}})


TOO_MUCH: Final[dict[str, str]] = {
    "CKV2_GCP_33 google_vertex_ai_endpoint.models": "as of the component: private by Private Service Connect, not by "
    "peering, unless the file says otherwise",
}
"""What checkov asks of the stack and need not."""

PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "stack gcp-vertex": stack_gcp_vertex,
    "stack gcp-vertex on the internet": stack_gcp_vertex_on_the_internet,
}
