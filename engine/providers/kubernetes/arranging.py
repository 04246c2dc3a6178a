"""In which order the objects of a manifest are made, and which of them waits for which."""

import re
from typing import Final

from engine.errors import ProviderRefused
from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.kinds import defines, is_definition
from engine.providers.kubernetes.objects import annotation, group_version, name, namespace, words

Order = list[tuple[Obj, list[int]]]
"""Objects, those that others wait for first; with each the places of those that it waits for."""

Id = tuple[str, str, str, str]
"""Namespace, name, group and kind."""

DEPENDS_ON: Final = "config.kubernetes.io/depends-on"

_FIRST: Final = words(
    "/Namespace /ResourceQuota storage.k8s.io/StorageClass apiextensions.k8s.io/CustomResourceDefinition "
    "admissionregistration.k8s.io/MutatingWebhookConfiguration /ServiceAccount extensions/PodSecurityPolicy "
    "policy/PodSecurityPolicy rbac.authorization.k8s.io/Role rbac.authorization.k8s.io/ClusterRole "
    "rbac.authorization.k8s.io/RoleBinding rbac.authorization.k8s.io/ClusterRoleBinding /ConfigMap /Secret /Service "
    "/LimitRange scheduling.k8s.io/PriorityClass extensions/Deployment apps/Deployment apps/StatefulSet batch/CronJob "
    "policy/PodDisruptionBudget"
)
_LAST: Final = ("admissionregistration.k8s.io/ValidatingWebhookConfiguration",)


def arranged(objects: list[Obj]) -> Order:
    """The objects in order; raises ProviderRefused where they wait for each other in a circle."""
    by_id = {_id(obj): obj for obj in objects}
    needs = {one: _needs(one, obj, by_id) for one, obj in by_id.items()}
    out: Order = []
    places: dict[Id, int] = {}
    while len(places) < len(by_id):
        ready = [one for one in by_id if one not in places and all(other in places for other in needs[one])]
        if not ready:
            circle = ", ".join(f"{kind} {name}" for _, name, _, kind in sorted(by_id.keys() - places.keys()))
            raise ProviderRefused(f"cyclic dependency between objects of the manifest: {circle}")
        for one in sorted(ready, key=_rank):
            out.append((by_id[one], [places[other] for other in needs[one]]))
            places[one] = len(places)
    return out


def _id(obj: Obj) -> Id:
    group, _ = group_version(str(obj["apiVersion"]))
    return namespace(obj), name(obj), group, str(obj["kind"])


def _rank(one: Id) -> tuple[int, str, str, str, str]:
    space, title, group, kind = one
    key = f"{group}/{kind}"
    place = _FIRST.index(key) - len(_FIRST) if key in _FIRST else 1 if key in _LAST else 0
    return place, group, kind, space, title


def _needs(own: Id, obj: Obj, by_id: dict[Id, Obj]) -> list[Id]:
    """A custom object waits for its definition, an object for its namespace, and each for what it says it does."""
    out = [
        other
        for other, found in by_id.items()
        if other != own
        and (
            (is_definition(found) and defines(found) == (own[2], own[3]))
            or (other[1:] == (own[0], "", "Namespace") and own[0] != "")
        )
    ]
    for text in filter(None, (part.strip() for part in annotation(obj, DEPENDS_ON).split(","))):
        told = _told(text)
        if told not in by_id:
            raise ProviderRefused(
                f'invalid "{DEPENDS_ON}" annotation: external dependency: {own[3]} {own[1]} -> {text}'
            )
        if told not in out:
            out.append(told)
    return out


def _told(text: str) -> Id:
    """GROUP/KIND/NAME, or GROUP/namespaces/NAMESPACE/KIND/NAME."""
    spaced = re.fullmatch(r"([^/]*)/namespaces/([^/]+)/([^/]+)/([^/]+)", text)
    if spaced:
        return spaced[2], spaced[4], spaced[1], spaced[3]
    bare = re.fullmatch(r"([^/]*)/([^/]+)/([^/]+)", text)
    if not bare:
        raise ProviderRefused(f'invalid "{DEPENDS_ON}" annotation: expected GROUP/KIND/NAME, got "{text}"')
    return "", bare[3], bare[1], bare[2]
