"""What the API server has of the kinds that matter here, kept up to date by the official client."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from kubernetes import client
from kubernetes.client.exceptions import ApiException

Object = dict[str, Any]

PATHS = {
    "GatewayClass": "/apis/gateway.networking.k8s.io/v1/gatewayclasses",
    "Gateway": "/apis/gateway.networking.k8s.io/v1/gateways",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/httproutes",
    "ReferenceGrant": "/apis/gateway.networking.k8s.io/v1beta1/referencegrants",
    "Ingress": "/apis/networking.k8s.io/v1/ingresses",
    "IngressClass": "/apis/networking.k8s.io/v1/ingressclasses",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "Service": "/api/v1/services",
    "Namespace": "/api/v1/namespaces",
    "Secret": "/api/v1/secrets",
}
_ONLY = {"Secret": "type=kubernetes.io/tls"}


def name_of(item: Object) -> tuple[str, str]:
    """(namespace, name) of an object."""
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


class World:
    """Objects by kind and (namespace, name); `changed` is set whenever there is news."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._known: dict[str, dict[tuple[str, str], Object]] = {kind: {} for kind in PATHS}
        self._lock = threading.Lock()
        self.changed = threading.Event()

    def start(self) -> None:
        """Read every kind once, then follow each in a thread of its own."""
        for kind in PATHS:
            version = self._read(kind)
            threading.Thread(target=self._follow, args=(kind, version), name=kind, daemon=True).start()

    def all(self, kind: str) -> list[Object]:
        """Every object of a kind, in an order that stays."""
        with self._lock:
            return [item for _, item in sorted(self._known[kind].items())]

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """One object."""
        with self._lock:
            return self._known[kind].get((namespace, name))

    def patch_status(self, kind: str, item: Object, status: Object) -> None:
        """Write a status; an object that is gone needs none."""
        namespace, name = name_of(item)
        base, _, plural = PATHS[kind].rpartition("/")
        place = f"{base}/namespaces/{namespace}/{plural}/{name}" if namespace else f"{base}/{plural}/{name}"
        try:
            self._whole(f"{place}/status", "PATCH", body={"status": status})
        except ApiException as error:
            if error.status not in (404, 409):
                raise

    def _read(self, kind: str) -> str:
        answer = self._whole(PATHS[kind], "GET", {"fieldSelector": _ONLY.get(kind, "")})
        with self._lock:
            self._known[kind] = {name_of(item): item for item in answer["items"]}
        self.changed.set()
        return str(answer["metadata"]["resourceVersion"])

    def _follow(self, kind: str, version: str) -> None:
        while True:
            try:
                for event in self._events(kind, version):
                    item = event["object"]
                    if event["type"] == "ERROR":
                        raise ApiException(status=410)
                    version = item["metadata"]["resourceVersion"]
                    self._note(kind, event["type"], item)
            except Exception as error:
                # Whatever broke the watch off, a new list has what it missed; the API server may be busy just now.
                print(f"watch of {kind}: {error!r}"[:300], flush=True)
                time.sleep(0.5)
                version = self._try_read(kind, version)

    def _try_read(self, kind: str, version: str) -> str:
        try:
            return self._read(kind)
        except Exception as error:
            print(f"list of {kind}: {error!r}"[:300], flush=True)
            return version

    def _note(self, kind: str, what: str, item: Object) -> None:
        if what == "BOOKMARK":
            return
        with self._lock:
            if what == "DELETED":
                self._known[kind].pop(name_of(item), None)
            else:
                self._known[kind][name_of(item)] = item
        self.changed.set()

    def _events(self, kind: str, version: str) -> Iterator[Object]:
        asked = {"watch": "1", "resourceVersion": version, "fieldSelector": _ONLY.get(kind, "")}
        answer = self._call(PATHS[kind], "GET", {**asked, "allowWatchBookmarks": "true", "timeoutSeconds": "600"})
        rest = b""
        while part := answer.read1():
            *lines, rest = (rest + part).split(b"\n")
            yield from (json.loads(line) for line in lines if line)

    def _whole(self, path: str, method: str, query: dict[str, str] | None = None, body: Object | None = None) -> Object:
        answer = self._call(path, method, query, body)
        found: Object = json.loads(answer.read())
        answer.release_conn()  # for the next
        return found

    def _call(self, path: str, method: str, query: dict[str, str] | None = None, body: Object | None = None) -> Any:
        """The answer, its body unread: the client's typed calls make classes of it, at ten times the cost."""
        settings = self._api.configuration
        headers = {"Accept": "application/json", "Content-Type": "application/merge-patch+json"}
        headers |= {each["key"]: each["value"] for each in settings.auth_settings().values() if each["value"]}
        asked = urlencode({name: value for name, value in (query or {}).items() if value})
        answer = self._api.rest_client.pool_manager.request(
            method,
            f"{settings.host}{path}?{asked}",
            headers=headers,
            body=json.dumps(body) if body else None,
            preload_content=False,
        )
        if answer.status >= 400:
            raise ApiException(status=answer.status, reason=answer.read(decode_content=True).decode()[:500])
        return answer
