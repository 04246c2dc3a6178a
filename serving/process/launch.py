"""From settings to a running server: cheap checks first, then the address, then the heavy imports, then the workers."""

import importlib
import os
from contextlib import ExitStack

from serving import keys
from serving.core import manifest
from serving.process import sockets
from serving.settings import Settings


def launch(settings: Settings) -> int:
    """Serve until drained; the exit code. Raises StartError before any worker runs where it can."""
    if api := os.environ.get("AWS_LAMBDA_RUNTIME_API"):
        from serving.process import function

        function.run(settings, api)
    found = manifest.read(settings.model)
    if settings.api_keys is not None:
        keys.require(settings.api_keys)
    with ExitStack() as stack:
        takeover = settings.takeover
        listener = sockets.bind(settings.host, settings.port) if takeover is None else sockets.take_over(takeover)
        stack.callback(listener.close)
        control = None
        if settings.control is not None:
            control = sockets.control(settings.control, replaces=settings.control == takeover)
            stack.callback(sockets.remove, settings.control, control, sockets.inode(settings.control))
        # Imported once here, shared by every worker.
        importlib.import_module("onnxruntime")
        if found.classify is not None:
            importlib.import_module("serving.core.images")
        from serving.process.master import Master

        master = Master(found, settings, listener)
        if control is not None:
            master.serve_control(control)
        return master.run()
