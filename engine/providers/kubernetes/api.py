"""A cluster's API server: discovery, and objects as plain dicts by apiVersion, kind, namespace and name."""

import json
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from engine.values import is_dict, items, part

if TYPE_CHECKING:
    from kubernetes.client import Configuration

Obj = dict[str, Any]
"""An object as JSON: apiVersion, kind, metadata and the rest."""

CONNECT_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 120.0
"""Longer than any server takes: it gives up a request after a minute by itself."""

APPLY: Final = "application/apply-patch+yaml"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"


class ApiError(Exception):
    """The API server's refusal. `status` is the HTTP code, `reason` Kubernetes' own word for it (AlreadyExists, …)."""

    def __init__(self, status: int, message: str, body: Obj) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.body = body
        self.reason = str(body.get("reason") or "")

    def causes(self) -> list[Obj]:
        """What is wrong in particular: each with `reason`, `message` and `field`."""
        return [cause for cause in items(part(self.body, "details"), "causes") if is_dict(cause)]


class NoMatch(Exception):
    """The cluster knows no such kind, perhaps not yet."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"')


class NoAnswer(Exception):
    """The API server does not answer: refused, unknown host, a certificate nobody trusts."""


class Cluster:
    """One API server. Every method blocks and may be called from any thread."""

    def __init__(self, configuration: "Configuration", *, timeout: float | None = None) -> None:
        from kubernetes.client import ApiClient

        self._client: Any = ApiClient(configuration)
        self._configuration = configuration
        self._timeout = timeout
        self._lock = threading.Lock()
        self._kinds: dict[str, dict[str, tuple[str, bool]]] = {}

    def close(self) -> None:
        self._client.rest_client.pool_manager.clear()

    # -- discovery ---------------------------------------------------------------------------------------------------

    def version(self) -> tuple[int, int]:
        """The server's (major, minor); (1, 0) fields are read as far as they are digits."""
        data = self.request("GET", "/version")
        digits = ["".join(c for c in str(data.get(key, "")) if c.isdigit()) for key in ("major", "minor")]
        return int(digits[0] or 1), int(digits[1] or 0)

    def forget(self) -> None:
        """Ask again which kinds there are: a definition was made or changed."""
        with self._lock:
            self._kinds.clear()

    def find(self, api_version: str, kind: str, *, again: bool = True) -> tuple[str, bool]:
        """The plural name of a kind, and whether it lives in namespaces; raises NoMatch.

        A kind that is not known is asked for once more unless `again` is False: it may have been defined just now.
        """
        known = self._of_group(api_version, fresh=False)
        if kind not in known and again:
            known = self._of_group(api_version, fresh=True)
        if kind not in known:
            raise NoMatch(api_version, kind)
        return known[kind]

    def _of_group(self, api_version: str, *, fresh: bool) -> dict[str, tuple[str, bool]]:
        with self._lock:
            known = self._kinds.get(api_version)
        if known is not None and not fresh:
            return known
        found: dict[str, tuple[str, bool]] = {}
        try:
            data = self.request("GET", _prefix(api_version))
        except ApiError as error:
            if error.status != 404:
                raise
            data = {}
        for entry in items(data, "resources"):
            if "/" not in str(entry.get("name", "/")):
                found[str(entry.get("kind"))] = (str(entry["name"]), bool(entry.get("namespaced")))
        with self._lock:
            self._kinds[api_version] = found
        return found

    def path(self, api_version: str, kind: str, namespace: str = "", name: str = "", *, every: bool = False) -> str:
        """The path of an object or of a collection; without a namespace the namespace `default`, or `every` one."""
        plural, namespaced = self.find(api_version, kind)
        out = _prefix(api_version)
        if namespaced and (namespace or not every):
            out += f"/namespaces/{quote(namespace or 'default', safe='')}"
        out += f"/{plural}"
        return f"{out}/{quote(name, safe='')}" if name else out

    # -- objects -----------------------------------------------------------------------------------------------------

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> Obj:
        """The live object; raises ApiError (status 404 where there is none) or NoMatch."""
        return self.request("GET", self.path(api_version, kind, namespace, name))

    def list(
        self, api_version: str, kind: str, namespace: str = "", *, labels: str = "", fields: str = ""
    ) -> list[Obj]:
        """The objects of a kind, of one namespace or of all."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        data = self.request("GET", self.path(api_version, kind, namespace, every=True), query)
        return [{"apiVersion": api_version, "kind": kind, **item} for item in items(data, "items")]

    def create(self, obj: Obj, *, manager: str, dry_run: bool = False) -> Obj:
        query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
        return self.request("POST", self.path_of(obj, named=False), query, obj)

    def replace(self, obj: Obj, *, manager: str, dry_run: bool = False) -> Obj:
        query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
        return self.request("PUT", self.path_of(obj), query, obj)

    def patch(
        self, at: str, patch: object, kind: str, *, manager: str = "", force: bool = False, dry_run: bool = False
    ) -> Obj:
        """Patch the object at a path; `kind` is the content type, which says what sort of patch it is."""
        query = {"fieldManager": manager, "dryRun": "All" if dry_run else ""}
        if kind == APPLY:
            query["force"] = "true" if force else "false"
        return self.request("PATCH", at, query, patch, content_type=kind)

    def delete(self, at: str, *, propagation: str) -> Obj:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        return self.request("DELETE", at, None, body)

    def path_of(self, obj: Obj, *, named: bool = True) -> str:
        meta = part(obj, "metadata")
        name = str(meta.get("name") or "") if named else ""
        return self.path(str(obj["apiVersion"]), str(obj["kind"]), str(meta.get("namespace") or ""), name)

    def watch(
        self,
        api_version: str,
        kind: str,
        namespace: str = "",
        *,
        name: str = "",
        labels: str = "",
        seconds: float = 30,
        since: str = "",
    ) -> Iterator[Obj]:
        """Events ({type, object}) for at most `seconds`: after the version `since`, else first ADDED for all."""
        query = {
            "watch": "true",
            "timeoutSeconds": str(max(1, int(seconds))),
            "labelSelector": labels,
            "fieldSelector": f"metadata.name={name}" if name else "",
            "resourceVersion": since,
        }
        answer = self._send("GET", self.path(api_version, kind, namespace, every=True), query, None, "", seconds + 10)
        response = answer.response
        if answer.status != 200:
            _result(answer.status, response.data)
        try:
            yield from _events(response)
        finally:
            response.close()

    # -- the wire ----------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: object = None,
        *,
        content_type: str = "application/json",
    ) -> Obj:
        """One call; raises ApiError for a refusal and NoAnswer where nobody answers."""
        answer = self._send(method, path, query, body, content_type, self._timeout or ANSWER_SECONDS)
        return _result(answer.status, answer.read())

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None,
        body: object,
        content_type: str,
        timeout: float,
    ) -> Any:
        from urllib3.exceptions import HTTPError

        url = f"{self._configuration.host}{path}"
        wanted = {key: value for key, value in (query or {}).items() if value}
        if wanted:
            url += "?" + urlencode(wanted)
        headers = {"Accept": "application/json", "User-Agent": "modelport"}
        if body is not None:
            headers["Content-Type"] = content_type
        auth: Any = self._configuration.auth_settings()
        for setting in auth.values():
            headers[str(setting["key"])] = str(setting["value"])
        try:
            limits = (min(CONNECT_SECONDS, timeout), timeout)
            return self._client.call_api(method, url, headers, body, _request_timeout=limits)
        except HTTPError as error:
            raise NoAnswer(_no_answer(method, url, error)) from None


def _prefix(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _result(status: int, raw: bytes) -> Obj:
    try:
        data: object = json.loads(raw or b"{}")
    except ValueError:
        data = None
    body: Obj = data if is_dict(data) else {}
    if 200 <= status <= 299:
        return body
    text = raw.decode(errors="replace").strip()
    message = str(body.get("message") or "") or text or f"the server answered with HTTP status {status}"
    if status == 401:
        message = "the server has asked for the client to provide credentials"
    raise ApiError(status, message, body)


def _events(response: Any) -> Iterator[Obj]:
    from urllib3.exceptions import HTTPError

    rest = b""
    try:
        for chunk in response.stream(amt=None, decode_content=True):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    event = json.loads(line)
                    if event.get("type") == "ERROR":
                        return
                    yield event
    except HTTPError:
        return  # the server went away, or was silent for longer than it was asked to be: whoever watches asks again


def _no_answer(method: str, url: str, error: Exception) -> str:
    """What a person can act on: which address, and why it does not answer."""
    from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

    cause = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
    host = url.split("://", 1)[-1].split("/", 1)[0]
    text = str(cause)
    if isinstance(cause, NameResolutionError):
        text = f"dial tcp: lookup {host.rsplit(':', 1)[0]}: no such host"
    elif isinstance(cause, NewConnectionError) and "refused" in text:
        text = f"dial tcp {host}: connect: connection refused"
    return f'{method.capitalize()} "{url}": {text}'
