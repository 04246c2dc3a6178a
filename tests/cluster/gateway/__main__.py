"""The controller: `python -m tests.cluster.gateway FOLDER HAPROXY ADDRESS`, with KUBECONFIG in the environment."""

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from kubernetes import client, config

from tests.cluster.gateway import ingresses, routes
from tests.cluster.gateway.proxy import Proxy
from tests.cluster.gateway.table import Table
from tests.cluster.gateway.watching import Object, World

_TOGETHER = 0.02  # what changes within this time is one change


def main(folder: str, program: str, address: str) -> None:
    """Follow the cluster for ever."""
    config.load_kube_config(os.environ["KUBECONFIG"])
    world = World(client.ApiClient())
    world.start()
    proxy = Proxy(Path(folder), Path(program), os.environ)
    while True:
        world.changed.wait()
        time.sleep(_TOGETHER)
        world.changed.clear()
        try:
            _once(world, proxy, address)
        except Exception:
            # What one object asks for may be more than HAProxy takes; the others' changes come later all the same.
            traceback.print_exc()
            sys.stderr.flush()


def _once(world: World, proxy: Proxy, address: str) -> None:
    table = Table()
    answers = [*routes.read(world, table, address), *ingresses.read(world, table, address)]
    proxy.apply(table)
    # Only now: who waits for a status may rely on what it says.
    for answer in answers:
        if not _within(answer.status, answer.item.get("status") or {}):
            world.patch_status(answer.kind, answer.item, answer.status)


def _within(wanted: Object, there: Object) -> bool:
    """Whether a status says so already; times and the order of keys aside."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key != "lastTransitionTime"}
        return [plain(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(plain(wanted), sort_keys=True) == json.dumps(
        plain({key: there.get(key) for key in wanted}), sort_keys=True
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
