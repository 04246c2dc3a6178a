"""What cert-manager leaves behind: the Secret of a certificate stays when the certificate is deleted.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs and in the cluster.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from components.kubernetes import names

Json = dict[str, Any]

OWNER = "cert-manager.io/certificate-name"
"""Annotation of a Secret by which cert-manager knows whose it is."""


class IssuedSecretProvider(ResourceProvider):
    """Makes nothing, and takes the Secret away once its certificate is gone."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        moved = [key for key in ("namespace", "secret") if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=bool(moved) or _olds.get("context") != _news.get("context"), replaces=moved)

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(f"{props['namespace']}/{props['secret']}", _kept(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_kept(_news))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Only what bears our label and the certificate's name: another's Secret of that name stays."""
        from components.kubernetes import access

        namespace, secret = id_.split("/")
        path = f"/api/v1/namespaces/{namespace}/secrets/{secret}"
        with access.opened(props) as cluster:
            found = cluster.find(path)
            if found is None:
                return
            about: Json = found["metadata"]
            labels: Json = about.get("labels") or {}
            marks: Json = about.get("annotations") or {}
            if labels.get(names.MANAGED_BY) == "modelport" and marks.get(OWNER) == props["certificate"]:
                cluster.delete(path, preconditions={"uid": about["uid"]})


class IssuedSecret(Resource, module="modelport", name="IssuedSecret"):
    """The Secret of one certificate. What issues it depends on this, so it is deleted before."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(IssuedSecretProvider(), name, props, opts)


def _kept(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key != "__provider"}
