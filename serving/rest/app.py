"""The ASGI application: routes, limits, and the threads that run the model so that the event loop stays free."""

import asyncio
import sys
import time
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs

from serving import metrics
from serving.core.model import Inference, Model
from serving.core.pace import Pace
from serving.errors import (
    BadInput,
    ModelFailed,
    NotAllowed,
    NotFound,
    Overloaded,
    Refused,
    ServingError,
    Unsupported,
)
from serving.keys import OPEN, Keys
from serving.rest import describe, feedback, invocations, multipart, v2
from serving.rest.message import (
    NO_HEADERS,
    Gone,
    Headers,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    decompress,
    error_response,
    json_response,
)
from serving.settings import Settings

if TYPE_CHECKING:
    from serving.core.images import Classifier

Handler = Callable[[Request], Awaitable[Response]]
Result = TypeVar("Result")
# Bytes that are parsed or written in a fraction of a millisecond: not worth a thread.
_SMALL = 16 * 2**10


class App:
    """Answers requests for one model.

    `draining`: every answer asks its connection to close. `ready`: what /v2/health/ready says.
    """

    def __init__(
        self,
        model: Model,
        classifier: "Classifier | None",
        settings: Settings,
        pool: Executor,
        counts: metrics.Counts,
        row: metrics.Row,
        keys: Keys | None = None,
    ) -> None:
        self.draining = False
        self.ready = True
        self._model = model
        self._classifier = classifier
        self._settings = settings
        self._pool = pool
        self._counts = counts
        self._row = row
        self._keys = keys
        # Of every answer: whoever learns later what would have been right can say which version it was.
        self._stamp: Headers = (
            [(b"modelport-revision", settings.revision.encode("ascii"))] if settings.revision else NO_HEADERS
        )
        self._pace = Pace(steady=model.steady)
        self._waiting = 0
        self._held = 0
        self._fixed: dict[tuple[str, ...], tuple[str, str, Handler]] = {
            ("v2",): ("server", "GET", self._server),
            ("v2", "health", "live"): ("health", "GET", self._live),
            ("v2", "health", "ready"): ("health", "GET", self._is_ready),
            ("v2", "repository", "index"): ("server", "POST", self._index),
            ("metrics",): ("metrics", "GET", self._metrics),
            ("ping",): ("health", "GET", self._is_ready),
            ("invocations",): ("infer", "POST", self._invoked),
        }
        self._of_model: dict[str, tuple[str, str, Handler]] = {
            "": ("model", "GET", self._metadata),
            "ready": ("health", "GET", self._is_ready),
            "config": ("model", "GET", self._config),
            "infer": ("infer", "POST", self._infer),
            "classify": ("classify", "POST", self._classify),
            "feedback": ("feedback", "POST", self._feedback),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"only http is served, not {scope['type']}")
        begun = time.perf_counter()
        route = "other"
        try:
            request = Request(scope, receive)
            # Before the route is looked for: which models there are is nobody's business without a key.
            if self._keys is not None and scope["path"] not in OPEN:
                self._keys.check(request.raw(b"authorization"), request.raw(b"x-api-key"))
            route, allowed, handler = self._find(scope["path"])
            method: str = scope["method"]
            if method != allowed and not (allowed == "GET" and method == "HEAD"):
                allow = "GET, HEAD" if allowed == "GET" else allowed
                raise NotAllowed(f"{method[:20]} {scope['path'][:200]} is not allowed, expected {allowed}", allow)
            response = await handler(request)
        except Gone:
            return
        except ServingError as error:
            if isinstance(error, Refused):
                self._row.refused()
            response = error_response(error)
        except Exception:
            # The text of an unforeseen error may hold what the request held; it goes to the log of the server only.
            traceback.print_exc(file=sys.stderr)
            response = error_response(ModelFailed("the server failed on this request; its log says why"))
        self._row.request(route, response.status, time.perf_counter() - begun)
        await response.send(send, close=self.draining, stamp=self._stamp)

    def _find(self, path: str) -> tuple[str, str, Handler]:
        segments = tuple(path.strip("/").split("/"))
        if (found := self._fixed.get(segments)) is not None:
            return found
        if segments[:2] != ("v2", "models") or len(segments) < 3:
            raise NotFound(f"no route {path[:200]!r}; see /v2, /v2/models/{self._model.name} and /metrics")
        if segments[2] != self._model.name:
            raise NotFound(f"unknown model '{segments[2][:80]}', this server has '{self._model.name}'")
        rest = segments[3:]
        if rest[:1] == ("versions",) and len(rest) > 1:
            if rest[1] != self._model.version:
                raise NotFound(
                    f"unknown version '{rest[1][:80]}' of model '{self._model.name}', "
                    f"this server has '{self._model.version}'"
                )
            rest = rest[2:]
        route = self._of_model.get("/".join(rest))
        if route is None:
            raise NotFound(f"no route {path[:200]!r}; a model has /infer, /classify, /feedback, /ready and /config")
        return route

    async def _server(self, request: Request) -> Response:
        return json_response(describe.server())

    async def _live(self, request: Request) -> Response:
        return json_response({"live": True})

    async def _is_ready(self, request: Request) -> Response:
        return json_response({"ready": self.ready}, 200 if self.ready else 503)

    async def _index(self, request: Request) -> Response:
        return json_response(describe.index(self._model))

    async def _metadata(self, request: Request) -> Response:
        return json_response(describe.model(self._model))

    async def _config(self, request: Request) -> Response:
        return json_response(describe.config(self._model))

    async def _metrics(self, request: Request) -> Response:
        accept = request.header(b"accept") or ""
        render = partial(metrics.render, self._counts, self._model.name, self._model.version, accept)
        # Not in the pool of the model, where it would wait for the inferences that it is to tell of.
        text, content_type = await asyncio.get_running_loop().run_in_executor(None, render)
        return Response(200, text, [(b"content-type", content_type.encode("ascii"))])

    async def _infer(self, request: Request) -> Response:
        return await self._inferred(request, request.length(b"inference-header-content-length"))

    async def _invoked(self, request: Request) -> Response:
        length = invocations.header_length(request.header(b"content-type") or "")
        return invocations.answer(await self._inferred(request, length))

    async def _inferred(self, request: Request, header_length: int | None) -> Response:
        encoding = request.encoding()
        async with self._admitted(request) as body:
            if encoding is not None or len(body) > _SMALL:
                return self._counted(await self._in_thread(partial(self._infer_whole, body, header_length, encoding)))
            parsed = v2.parse(body, header_length, self._model, max_json=self._settings.max_json)
            run = partial(self._model.infer, parsed.inputs, [each.name for each in parsed.outputs])
            inference = run() if self._pace.quick(parsed.inputs) else await self._in_thread(run)
            self._pace.learn(parsed.inputs, inference.work)
            respond = partial(v2.respond, parsed, inference.arrays, self._model)
            small = sum(each.nbytes for each in inference.arrays) <= _SMALL
            return self._counted((respond() if small else await self._in_thread(respond), inference))

    def _infer_whole(self, body: bytes, header_length: int | None, encoding: str | None) -> tuple[Response, Inference]:
        if encoding is not None:
            body = decompress(body, encoding, self._settings.max_body)
        parsed = v2.parse(body, header_length, self._model, max_json=self._settings.max_json)
        inference = self._model.infer(parsed.inputs, [each.name for each in parsed.outputs])
        return v2.respond(parsed, inference.arrays, self._model), inference

    async def _classify(self, request: Request) -> Response:
        classifier = self._classifier
        if classifier is None:
            raise NotFound(
                f"model '{self._model.name}' takes no pictures: its recipe has no classify section; use /infer"
            )
        top = _top(request)
        content_type = request.header(b"content-type") or ""
        encoding = request.encoding()
        async with self._admitted(request) as body:
            work = partial(self._classify_whole, classifier, body, content_type, encoding, top)
            return self._counted(await self._in_thread(work))

    def _classify_whole(
        self, classifier: "Classifier", body: bytes, content_type: str, encoding: str | None, top: int | None
    ) -> tuple[Response, Inference]:
        if encoding is not None:
            body = decompress(body, encoding, self._settings.max_body)
        if content_type.lower().startswith("multipart/"):
            body = multipart.field(body, content_type, "image")
        if not body:
            raise BadInput("the body is empty, expected a PNG or JPEG")
        try:
            predictions, inference = classifier.classify(body, top)
        except Unsupported as error:
            raise Unsupported(f"{error} (content-type '{content_type[:60]}')") from None
        best = predictions[0]
        content = {
            "model_name": self._model.name,
            "model_version": self._model.version,
            "label": best.label,
            "confidence": best.confidence,
            "predictions": [{"label": each.label, "confidence": each.confidence} for each in predictions],
        }
        return json_response(content), inference

    async def _feedback(self, request: Request) -> Response:
        async with self._admitted(request) as body:
            told = feedback.parse(body)
            self._row.feedback(told.revision, correct=told.correct)
        return json_response({"counted": True})

    @asynccontextmanager
    async def _admitted(self, request: Request) -> AsyncGenerator[bytes]:
        """The body of a request for inference, unless too many are at it: a clear 'later' beats a long wait."""
        if self._waiting >= self._settings.queue:
            raise Overloaded(f"{self._waiting} requests are waiting, at most {self._settings.queue}; try again")
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._held + size > self._settings.max_held:
                most = self._settings.max_held
                raise Overloaded(f"the requests in hand are too large together, at most {most} bytes; try again")
            self._held += size
            held += size

        self._waiting += 1
        self._row.in_flight(1)
        try:
            yield await request.body(self._settings.max_body, hold)
        finally:
            self._held -= held
            self._waiting -= 1
            self._row.in_flight(-1)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _counted(self, done: tuple[Response, Inference]) -> Response:
        response, inference = done
        self._row.inference(inference.batch, inference.seconds)
        return response


def _top(request: Request) -> int | None:
    query = parse_qs(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    if "top" not in query:
        return None
    text = query["top"][-1]
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise BadInput(f"top is '{text[:40]}', expected how many labels, from 1")
    return int(text[:9])
