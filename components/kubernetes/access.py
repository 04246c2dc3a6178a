"""The API server, for the providers of dynamic resources: plain paths and plain dicts.

Found as Pulumi's own provider finds it: the kubeconfig that is given as text, else the one that KUBECONFIG names, else
the user's, else the pod's own account. The official client reads that and speaks HTTPS; it takes a second to import, so
only what needs it does.
"""

import json
import os
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlencode

from components.kubernetes.errors import ClusterError, NoKubeconfig, Refused, Unreachable

Json = dict[str, Any]

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 60.0
"""For each read of the socket, and for an answer as a whole."""
LARGEST: Final = 256 * 2**20
"""Bytes that an answer may have."""

MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
JSON_PATCH: Final = "application/json-patch+json"

_READING: Final = threading.Lock()
"""The client keeps a kubeconfig's certificates in files, and hands on a file's name before it has written the file: of
two calls that a plug-in serves at once the second would find no certificate."""
_NUMBER = re.compile(r"^\[Errno \d+\] ")


class Cluster:
    """One API server. Raises Unreachable, and Refused with the server's own words."""

    def __init__(self, context: str | None = None, kubeconfig: str | None = None) -> None:
        """kubeconfig: the text of one, in place of what this machine knows. context: of it, in place of its current."""
        from kubernetes import client
        from kubernetes import config as config_module
        from kubernetes.config.config_exception import ConfigException
        from yaml import YAMLError

        config: Any = config_module  # without types
        told = client.Configuration()
        place = os.environ.get("KUBECONFIG") or None
        try:
            with _READING:
                if kubeconfig is not None:
                    _load(kubeconfig, context, told)
                elif place is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
                    config.load_incluster_config(client_configuration=told)
                else:
                    config.load_kube_config(config_file=place, context=context, client_configuration=told)
        except (ConfigException, OSError, YAMLError) as error:
            if kubeconfig is not None:
                raise Unreachable(
                    f"the kubeconfig that was given leads to no cluster ({_first(error)}), expected the text of one; "
                    "see the argument kubeconfig"
                ) from None
            files = (place or "~/.kube/config").split(os.pathsep)
            wrong = Unreachable if any(Path(file).expanduser().exists() for file in files) else NoKubeconfig
            raise wrong(
                f"no cluster is known ({_first(error)}), expected a kubeconfig with a context for it; "
                "set KUBECONFIG, or modelport:kubernetes.context"
            ) from None
        told.retries = False
        self._client: Any = client.ApiClient(told)
        self.address = str(told.host)

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.rest_client.pool_manager.clear()

    def get(self, path: str, **query: Any) -> Json:
        """The object or list at `path`, as `/apis/apps/v1/namespaces/shop/deployments/digits`."""
        found: Json = json.loads(self.request("GET", path, query=query))
        return found

    def find(self, path: str) -> Json | None:
        """The object at `path`; None when there is none."""
        try:
            return self.get(path)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def create(self, path: str, body: Json) -> Json:
        made: Json = json.loads(self.request("POST", path, body=body))
        return made

    def replace(self, path: str, body: Json) -> Json:
        made: Json = json.loads(self.request("PUT", path, body=body))
        return made

    def patch(self, path: str, body: Any, kind: str = MERGE, **query: Any) -> Json:
        made: Json = json.loads(self.request("PATCH", path, query=query, body=body, content=kind))
        return made

    def delete(self, path: str, **options: Any) -> bool:
        """Whether there was anything to delete."""
        try:
            self.request("DELETE", path, body=options or None)
        except Refused as error:
            if error.status == 404:
                return False
            raise
        return True

    def text(self, path: str, *, limit: int = LARGEST, **query: Any) -> str:
        """What is at `path` as text: logs, or what a pod answers through the API server; of at most `limit` bytes."""
        return self.request("GET", path, query=query, limit=limit)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Json | None = None,
        body: Any = None,
        content: str = "application/json",
        limit: int = LARGEST,
    ) -> str:
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json, */*", "User-Agent": "modelport"}
        if body is not None:
            headers["Content-Type"] = content
        for setting in self._client.configuration.auth_settings().values():
            headers[str(setting["key"])] = str(setting["value"])
        address = f"{self.address}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._client.call_api(
                method, address, headers, body, _request_timeout=(CONNECT_SECONDS, ANSWER_SECONDS)
            )
            text = _whole(answer.response, limit).decode(errors="replace")
        except HTTPError as error:
            raise Unreachable(
                f"the cluster at {self.address} does not answer ({_plain(error)}), expected its API server; "
                "check the kubeconfig's server and the network"
            ) from None
        if answer.status >= 400:
            raise Refused(answer.status, _told(text) or f"{method} {path} was answered with {answer.status}")
        return str(text)


def where(given: Mapping[str, Any]) -> Json:
    """How a dynamic resource reaches its cluster, as inputs of it, from the arguments of a component.

    None of them makes a difference by itself: the same cluster by other words. Without `kubeconfig` there is no such
    input, so the state of stacks that never had one stays as it is.
    """
    found: Json = {"context": given.get("context")}
    if given.get("kubeconfig") is not None:
        found["kubeconfig"] = given["kubeconfig"]
    return found


def opened(props: Mapping[str, Any]) -> Cluster:
    """The cluster that a dynamic resource's inputs lead to, `where` among them."""
    return Cluster(props.get("context") or None, props.get("kubeconfig") or None)


def _load(kubeconfig: str, context: str | None, told: Any) -> None:
    """Raises what the client raises, and Unreachable where the program of a kubeconfig gives no credentials."""
    import yaml
    from kubernetes.config import kube_config
    from kubernetes.config.config_exception import ConfigException

    read: object = yaml.safe_load(kubeconfig)
    if not isinstance(read, dict):
        raise ConfigException("it is no mapping")
    whole = cast("Json", read)
    reading: Any = kube_config  # without types
    reading.load_kube_config_from_dict(whole, context=context, client_configuration=told, persist_config=False)
    programs = [str(part["exec"].get("command")) for part in _users(whole) if "exec" in part]
    # The client goes on as nobody when the program fails, and the refusal would not say why.
    if programs and len(programs) == len(_users(whole)) and not told.api_key and not told.cert_file:
        raise Unreachable(
            f"{programs[0]}, which the kubeconfig has give credentials, gives none, expected those of a user of the "
            "cluster; see that it is installed and that you are logged in"
        )


def _users(whole: Json) -> list[Json]:
    listed: list[Json] = whole.get("users") or []
    return [each["user"] for each in listed]


def _whole(answer: Any, limit: int) -> bytes:
    """All of an answer. Raises Unreachable for one that has no end: its timeout is for each read of the socket."""
    end, text = time.monotonic() + ANSWER_SECONDS, bytearray()
    try:
        while more := answer.read1(65536, decode_content=True):
            text += more
            if len(text) > limit or time.monotonic() > end:
                answer.close()
                raise Unreachable(
                    f"an answer by way of the API server has more than {limit} bytes or takes more than "
                    f"{ANSWER_SECONDS:g} s, expected less of both"
                )
    finally:
        answer.release_conn()
    return bytes(text)


def _told(text: str) -> str:
    """The message of a Status object, or the text itself."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip()[:500]


def _first(error: Exception) -> str:
    """What is wrong with a kubeconfig, as a part of a sentence."""
    return " ".join(str(error).split()).rstrip(".")


def _plain(error: Exception) -> str:
    """An error of the network without the object that it names."""
    told = str(getattr(error, "reason", None) or error).rpartition(": ")[2].strip()
    return _NUMBER.sub("", told) or type(error).__name__


def items(found: Json) -> list[Json]:
    """The objects of a list."""
    listed: list[Json] = found.get("items") or []
    return listed


__all__ = ["APPLY", "JSON_PATCH", "MERGE", "STRATEGIC", "Cluster", "ClusterError", "items", "opened", "where"]
