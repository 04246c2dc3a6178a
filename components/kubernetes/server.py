"""The one resource of a service that waits: until the pods of its Deployment answer, or tell why they do not.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the cluster.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

INPUTS = ("namespace", "service", "image", "content")


class ModelServerProvider(ResourceProvider):
    """Watches a rollout. What it does lies in `components.kubernetes.rollout`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in INPUTS), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"{props['namespace']}/{props['service']}", _wait(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_wait(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the Deployment is."""
        from components.kubernetes import access

        namespace, service = id_.split("/")
        with access.opened(props) as cluster:
            found = cluster.find(f"/apis/apps/v1/namespaces/{namespace}/deployments/{service}")
        return ReadResult(id_, props) if found else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """The Deployment goes by itself."""


class ModelServer(Resource, module="modelport", name="ModelServer"):
    """Pods that answer. `content` changes with all that decides them; `timeout` and `context` say how to watch them."""

    image: pulumi.Output[str]
    """The image that answers."""
    url: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ModelServerProvider(), name, {"url": None, **props}, opts)


def _wait(props: dict[str, Any]) -> dict[str, Any]:
    from components.kubernetes import access, rollout

    namespace, service = str(props["namespace"]), str(props["service"])
    with access.opened(props) as cluster:
        rollout.wait(
            cluster, namespace, service, timeout=float(props["timeout"]), say=rollout.say_of(str(props["service"]))
        )
    outs = {key: value for key, value in props.items() if key != "__provider"}
    return outs | {"url": f"http://{service}.{namespace}.svc"}
