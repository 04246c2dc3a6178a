"""The resource that waits for a certificate, a gateway or an ingress, and tells what it waits for.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the cluster.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

INPUTS = ("namespace", "kind", "object", "content")


class WatchedProvider(ResourceProvider):
    """Watches an object. What it does lies in `components.kubernetes.watching`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        moved = [key for key in INPUTS[:3] if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in INPUTS), replaces=moved)

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"{props['namespace']}/{props['kind']}/{props['object']}", _wait(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_wait(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the object is; its address is the one of now."""
        from components.kubernetes import access, watching

        with access.opened(props) as cluster:
            found = cluster.find(watching.path(*id_.split("/")))
        return ReadResult(id_, {**props, "address": watching.address(found)}) if found else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """The object goes by itself."""


class Watched(Resource, module="modelport", name="Watched"):
    """An object that its controllers are done with. `content` changes with all that they look at."""

    address: pulumi.Output[str]
    """Where a Gateway or an Ingress answers."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(WatchedProvider(), name, {"address": None, **props}, opts)


def _wait(props: dict[str, Any]) -> dict[str, Any]:
    from components.kubernetes import access, watching

    namespace, kind, name = str(props["namespace"]), str(props["kind"]), str(props["object"])
    with access.opened(props) as cluster:
        say = watching.say_of(name, kind)
        found = watching.wait(cluster, namespace, kind, name, timeout=float(props["timeout"]), say=say)
    outs = {key: value for key, value in props.items() if key != "__provider"}
    return outs | {"address": watching.address(found)}
