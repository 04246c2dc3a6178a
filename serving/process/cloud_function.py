"""The server as a function of Google Cloud, where Google's functions-framework listens and asks this for its answers.

The framework runs a function's module once, in a process that then forks the one that answers, and listens before that
one is ready. A model's session does not outlive a fork. So the model is loaded twice: first in a process of its own
while nothing listens yet, so that an instance that cannot load it never starts; then in the process that answers.
"""

import asyncio
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from serving import keys
from serving.core import manifest
from serving.core.manifest import Manifest
from serving.errors import StartError
from serving.keys import Keys
from serving.metrics import Counts
from serving.process.cloud_events import Results
from serving.process.logs import say
from serving.process.worker import load
from serving.rest.app import App
from serving.settings import Settings, parse

RESULTS = "MODELPORT_RESULTS"
"""Where answers to events go: `projects/PROJECT/topics/NAME`, or `gs://BUCKET`."""
HALT = 3
"""What gunicorn, below the framework, takes from a worker as the end of all: another start is the platform's to try."""
_MOST_THREADS = 4


def begin(model: Path, environment: Mapping[str, str] | None = None) -> "Function":
    """The function of the model folder `model`. Raises StartError when it cannot be loaded and run once.

    environment: what an operator has set; that of the process by default.
    """
    given = os.environ if environment is None else environment
    settings = replace(parse([], {**given, "MODELPORT_MODEL": str(model)}), workers=1)
    found = manifest.read(settings.model)
    if settings.api_keys is not None:
        keys.require(settings.api_keys)
    _tried(found, settings)
    return Function(found, settings, given.get(RESULTS, ""))


class Function:
    """Answers for one model in whichever process it is asked."""

    def __init__(self, found: Manifest, settings: Settings, results: str) -> None:
        self._found, self._settings = found, settings
        self._results = Results(results)
        self._process = 0
        self._loaded: Future[App] = Future()
        # The process that answers is a fork of this one, and loads as soon as it is there.
        os.register_at_fork(after_in_child=self._begin)

    async def application(self) -> App:
        """What answers requests (ASGI), once the model is loaded."""
        if self._process != os.getpid():
            self._begin()
        # Who leaves while he waits takes nothing from who waits beside him.
        return await asyncio.shield(asyncio.wrap_future(self._loaded))

    async def hear(self, attributes: Mapping[str, object], data: object) -> None:
        """Answer an event (CloudEvents 1.0). Raises ModelFailed where another try may help."""
        app, kind = await self.application(), str(attributes.get("type", ""))
        await self._results.answer(app, self._found.name, self._settings.max_body, kind, data)

    def _begin(self) -> None:
        self._process, self._loaded = os.getpid(), Future()
        threading.Thread(target=self._load, name="load", daemon=True).start()

    def _load(self) -> None:
        try:
            model, classifier = load(self._found, self._settings)
            counts, threads = Counts(1), min(_MOST_THREADS, self._settings.cores())
            pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="inference")
            folder = self._settings.api_keys
            known = Keys(folder, say) if folder is not None else None
            # A request that holds the interpreter in its thread lets the event loop in after a millisecond, not five.
            sys.setswitchinterval(0.001)
            row = counts.row(0)
            row.begin()
            self._loaded.set_result(App(model, classifier, self._settings, pool, counts, row, known))
        except BaseException as error:
            _halt(error)


def _tried(found: Manifest, settings: Settings) -> None:
    """Load the model and run it once, in a process that ends with it. Raises StartError."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _try(found, settings, writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as told:
        why = told.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code < 0:
        raise StartError(f"what loads the model was ended by signal {-code}, expected it to load; give it more memory")
    if code:
        raise StartError(why or "the model could not be loaded; the log says why")


def _try(found: Manifest, settings: Settings, writer: int) -> NoReturn:
    code = 1
    try:
        load(found, settings)
        code = 0
    except StartError as error:
        os.write(writer, str(error).encode("utf-8"))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _halt(error: BaseException) -> NoReturn:
    """It has loaded a moment ago; who asks now is better served by another instance."""
    if isinstance(error, StartError):
        say(f"error: {error}")
    else:
        traceback.print_exception(error)
    os._exit(HALT)
