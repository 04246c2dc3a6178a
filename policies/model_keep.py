"""What must not be replaced by the way: clusters, pools of nodes, databases.

A policy is shown what is to be, not the steps that lead there. So what it asks is that a step which replaces such a
resource cannot succeed, unless the stack's tag `modelport:replace` names the resource.
"""

import fnmatch
from collections.abc import Iterator
from typing import Final

from pulumi_policy import EnforcementLevel, Severity

from policies.looking import Look
from policies.rules import Rule

TAG: Final = "modelport:replace"
"""The tag of a stack that names what may be replaced: names or urns with commas between; * stands for anything."""

_PROTECTION: Final[dict[str, tuple[str, object, object]]] = {
    "aws:eks/cluster:Cluster": ("deletionProtection", True, False),
    "aws:rds/cluster:Cluster": ("deletionProtection", True, False),
    "aws:rds/instance:Instance": ("deletionProtection", True, False),
    "aws:docdb/cluster:Cluster": ("deletionProtection", True, False),
    "aws:neptune/cluster:Cluster": ("deletionProtection", True, False),
    "aws:dynamodb/table:Table": ("deletionProtectionEnabled", True, False),
    "gcp:container/cluster:Cluster": ("deletionProtection", True, True),
    "gcp:sql/databaseInstance:DatabaseInstance": ("deletionProtection", True, True),
    "gcp:alloydb/cluster:Cluster": ("deletionProtection", True, True),
    "gcp:bigtable/instance:Instance": ("deletionProtection", True, True),
    "gcp:spanner/database:Database": ("deletionProtection", True, True),
    "gcp:firestore/database:Database": (
        "deleteProtectionState",
        "DELETE_PROTECTION_ENABLED",
        "DELETE_PROTECTION_DISABLED",
    ),
}
"""By type: the cloud's or the provider's own protection, what it is when it protects, and what it is when not said."""
_POOLS: Final = (
    "aws:eks/nodeGroup:NodeGroup",
    "aws:autoscaling/group:Group",
    "gcp:container/nodePool:NodePool",
    "gcp:compute/instanceGroupManager:InstanceGroupManager",
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager",
)
_PROTECT: Final = "https://www.pulumi.com/docs/iac/concepts/resources/options/protect/"


def _free(each: Look) -> bool:
    """Whether the tag lets it be replaced, or the option protects it."""
    named = [one.strip() for one in each.tags.get(TAG, "").split(",")]
    if any(fnmatch.fnmatchcase(name, one) for one in named if one for name in (each.name, each.urn)):
        return True
    return each.options is not None and each.options.protect


def _kept(each: Look) -> Iterator[str]:
    if _free(each):
        return
    key, good, default = _PROTECTION[each.type]
    found = each.at(key, default)
    if found != good:
        yield f"{key} is {str(found).lower()} and protect is not set, expected one of them"


def _pool_kept(each: Look) -> Iterator[str]:
    if not _free(each):
        yield "protect is not set, expected the option protect, or the tag while it is replaced"


RULES: Final = (
    Rule(
        name="cluster-not-replaced",
        title=f"Clusters and databases cannot be replaced, unless the stack's tag {TAG} names them",
        why="A changed name or network of one is a new one, and with the old one goes all that was in it",
        fix=f"set protect or deletion protection, or for the one time pulumi stack tag set {TAG} NAME",
        severity=Severity.CRITICAL,
        links=(_PROTECT,),
        types=tuple(_PROTECTION),
        look=_kept,
    ),
    Rule(
        name="pool-not-replaced",
        title=f"Pools of nodes cannot be replaced, unless the stack's tag {TAG} names them",
        why="With the old pool go all pods on it at once, where the new one is not there yet",
        fix=f"set protect, or for the one time pulumi stack tag set {TAG} NAME",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=(_PROTECT,),
        types=_POOLS,
        look=_pool_kept,
    ),
)
