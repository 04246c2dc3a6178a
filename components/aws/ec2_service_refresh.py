"""The one resource of an Ec2Service that waits: an instance refresh, by which all instances have a version, or none.

EC2 Auto Scaling carries a release out and stops it by itself, but for this it has to be told what is wanted as the
refresh begins, while the group still has what was there before: Pulumi's own provider changes the group first, so that
a refresh would be rolled back to the very version that failed (hashicorp/terraform-provider-aws, issue 34189). So the
group's own policy is let be once it is made, and a refresh that has succeeded is what changes it.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the account.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

INPUTS = ("region", "account", "group", "wanted", "preferences", "wait")


class InstanceRefreshProvider(ResourceProvider):
    """Refreshes instances. What it does lies in `components.aws.ec2_service_refreshing`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        replaces = [key for key in ("region", "account", "group") if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in INPUTS), replaces=replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Nothing, where the group was made with what is wanted a moment ago."""
        return CreateResult(f"{props['region']}/{props['group']}", _refreshed(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_refreshed(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """The group goes by itself, and a refresh with it."""


class InstanceRefresh(Resource, module="modelport", name="InstanceRefresh"):
    """What the instances of a group are to be. `wanted`: a mixed instances policy, `preferences`: how to get there."""

    wanted: pulumi.Output[str]
    """What they are, as JSON; known once all of them are, or with `wait` false once it has begun."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(InstanceRefreshProvider(), name, props, opts)


def _refreshed(props: dict[str, Any]) -> dict[str, Any]:
    from components import releases
    from components.aws import ec2_service_refreshing as refreshing

    refreshing.refresh(refreshing.Wanted.of(props), say=releases.say_of(str(props["group"])))
    return {key: value for key, value in props.items() if key != "__provider"}
