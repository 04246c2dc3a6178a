"""The one resource of a VertexEndpoint that waits: the model on the endpoint, version after version.

Google has no resource for a model that is on an endpoint, and Pulumi's own provider none either: one uploads a model,
deploys it, divides the requests and takes the old one away, each by a call of its own. All of that is done here, after
the endpoint's own resource, which says nothing about its models.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the project.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult
from pulumi.output import Unknown

PLACE = ("project", "region", "endpoint")
IN_PLACE = ("scale", "labels", "protected")
"""What changes without a release."""
OUTPUTS = ("deployed", "model", "attachment")


class VertexDeploymentProvider(ResourceProvider):
    """Brings versions onto an endpoint. What it does lies in `components.gcp.vertex_releasing`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: the version, its replicas, or what an interrupted release left. How to release is no difference.

        Raises ReleaseError where it would be another endpoint's, and this one may not be deleted.
        """
        from components.gcp import vertex_releasing as releasing

        # Which endpoint it will be, a preview may not know; mostly the one that it is.
        known = [key for key in PLACE if not isinstance(_news.get(key), Unknown)]
        replaces = [key for key in known if _olds.get(key) != _news.get(key)]
        if replaces and _olds.get("protected"):
            raise releasing.refused(str(_olds["name"]))
        changed = any(_olds.get(key) != _news.get(key) for key in (*PLACE, "version", *IN_PLACE))
        if not changed and (left := releasing.left(_olds)):
            releasing.say_of(str(_olds["name"]))(left)
            changed = True
        return DiffResult(changes=changed, replaces=replaces, delete_before_replace=False)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """The first version; one that an interrupted `up` left serves until it is replaced."""
        from components.gcp import vertex_releasing as releasing

        wanted = releasing.Wanted.of(props, stable="")
        made = releasing.release(wanted, say=releasing.say_of(wanted.name))
        return CreateResult("/".join(str(props[key]) for key in PLACE), _told(props, made))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        from components.gcp import vertex_releasing as releasing

        wanted = releasing.Wanted.of(_news, str(_olds.get("deployed") or ""), str(_olds.get("attachment") or ""))
        say = releasing.say_of(wanted.name)
        if _olds.get("version") != _news.get("version"):
            return UpdateResult(_told(_news, releasing.release(wanted, say=say)))
        changed = {key for key in IN_PLACE if _olds.get(key) != _news.get(key)}
        return UpdateResult(_told(_news, releasing.changed(wanted, changed, str(_olds.get("model") or ""), say=say)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the version is, or the endpoint."""
        from components.gcp import vertex_releasing as releasing

        found = releasing.there(*id_.split("/"), deployed=str(props.get("deployed") or ""))
        known = {key: value for key, value in props.items() if key != "__provider"}
        return ReadResult(id_, known) if found else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Takes the model off the endpoint, and deletes it; refuses while it is protected."""
        from components.gcp import vertex_releasing as releasing

        releasing.removed(_props, say=releasing.say_of(str(_props["name"])))


class VertexDeployment(Resource, module="modelport", name="VertexDeployment"):
    """The model on an endpoint.

    `version`: what runs, `scale`: how many replicas, `labels`: of the model, each as JSON of Vertex AI's API. `stages`,
    `bounds`: how a version comes to its requests, and what it keeps. `private`, `protected`: "yes", or nothing.
    """

    deployed: pulumi.Output[str]
    """Id of the deployed model that gets all requests."""
    model: pulumi.Output[str]
    """Whole name of the model's version, `projects/PROJECT/locations/REGION/models/ID@VERSION`."""
    attachment: pulumi.Output[str]
    """Service attachment that a private endpoint is reached by; "" for another one."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(VertexDeploymentProvider(), name, {**dict.fromkeys(OUTPUTS), **props}, opts)


def _told(props: dict[str, Any], made: tuple[str, str, str]) -> dict[str, Any]:
    known = {key: value for key, value in props.items() if key not in ("__provider", *OUTPUTS)}
    return known | dict(zip(OUTPUTS, made, strict=True))
