"""The one resource of a ComputeService that waits: a rollout, by which all instances have a version, or none.

Compute Engine brings a new template to a group's instances step by step, with two versions beside each other, and it
judges none: it goes on making machines on which nothing answers, and knows no way back. And Pulumi's own provider
writes a group as a whole: it would have to say, before a version is tried, which one all instances are to have. So it
is tried here, before the group's own resource is touched. What that finds afterwards is what it was going to write; and
where a version did not hold, it is not touched, in the state and at Google.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the project.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

PLACE = ("project", "region", "group")


class ComputeRolloutProvider(ResourceProvider):
    """Rolls instances. What it does lies in `components.gcp.compute_service_rolling`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: the version, or what an interrupted release left. How to release is no difference by itself."""
        from components.gcp import compute_service_rolling as rolling

        replaces = [key for key in PLACE if _olds.get(key) != _news.get(key)]
        changed = bool(replaces) or _olds.get("template") != _news.get("template")
        if not changed and (left := rolling.left(_olds)):
            rolling.say_of(str(_olds["group"]))(left)
            changed = True
        return DiffResult(changes=changed, replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Nothing: the group's own resource makes the first instances, and there is no version to go back to."""
        return CreateResult(f"{props['project']}/{props['region']}/{props['group']}", _told(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        from components.gcp import compute_service_rolling as rolling

        wanted = rolling.Wanted.of(_news, known=str(_olds.get("template") or ""))
        say = rolling.say_of(wanted.group)
        if _olds.get("template") == _news.get("template"):
            rolling.taken_back(wanted, say=say)
        else:
            rolling.release(wanted, say=say)
        return UpdateResult(_told(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the group is."""
        from components.gcp import compute_service_rolling as rolling

        return ReadResult(id_, _told(props)) if rolling.there(*id_.split("/")) else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """The group goes by itself."""


class ComputeRollout(Resource, module="modelport", name="ComputeRollout"):
    """Which version the instances of a group have.

    `template`: the version. `stages`, `bounds`, `policy`: how it comes to them, what it keeps, and what the group has
    to be told beside it.
    """

    template: pulumi.Output[str]
    """Address of the template that all instances have; known once they do."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ComputeRolloutProvider(), name, props, opts)


def _told(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key != "__provider"}
