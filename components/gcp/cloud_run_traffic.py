"""The one resource of a CloudRunService that waits: the traffic of the service, which goes to a new version or stays.

Cloud Run moves requests at once, to whom it is told and without looking. And Pulumi's own provider writes a service as
a whole: it would have to say, before a version is tried, who is to have the requests. So the version is made and tried
here, before the service's own resource is touched, by the same text that this has. What that finds afterwards is what
it was going to write; and where a version did not hold, it is not touched, in the state and at Google.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the project.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

PLACE = ("project", "region", "service")
OUTPUTS = ("revision",)


class CloudRunTrafficProvider(ResourceProvider):
    """Moves requests to a version. What it does lies in `components.gcp.cloud_run_releasing`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: the version, or what an interrupted release left. How to release is no difference by itself."""
        from components.gcp import cloud_run_releasing as releasing

        replaces = [key for key in PLACE if _olds.get(key) != _news.get(key)]
        changed = bool(replaces) or _olds.get("template") != _news.get("template")
        if not changed and (left := releasing.left(_olds)):
            releasing.say_of(str(_olds["service"]))(left)
            changed = True
        return DiffResult(changes=changed, replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Nothing: the service's own resource makes the first version, and there is no other to go back to."""
        name = f"{props['project']}/{props['region']}/{props['service']}"
        return CreateResult(name, _told(props, ""))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        from components.gcp import cloud_run_releasing as releasing

        wanted = releasing.Wanted.of(_news, stable=str(_olds.get("revision") or ""))
        say = releasing.say_of(wanted.service)
        if _olds.get("template") == _news.get("template"):
            return UpdateResult(_told(_news, releasing.taken_back(wanted, say=say)))
        return UpdateResult(_told(_news, releasing.release(wanted, say=say)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the service is."""
        from components.gcp import cloud_run_releasing as releasing

        found = releasing.there(*id_.split("/"))
        known = {key: value for key, value in props.items() if key != "__provider"}
        return ReadResult(id_, known) if found else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """The service goes by itself."""


class CloudRunTraffic(Resource, module="modelport", name="CloudRunTraffic"):
    """Which version of a service gets the requests.

    `template`: the version, as JSON of Cloud Run's API. `stages`, `bounds`: how it comes to them, and what it keeps.
    """

    revision: pulumi.Output[str]
    """Name of the version that gets all requests; "" while there is one alone, the first."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(CloudRunTrafficProvider(), name, {**dict.fromkeys(OUTPUTS), **props}, opts)


def _told(props: dict[str, Any], revision: str) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key not in ("__provider", *OUTPUTS)} | {"revision": revision}
