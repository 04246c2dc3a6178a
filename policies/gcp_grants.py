"""What resources of IAM on Google Cloud give to whom: members, bindings, and policies that are JSON."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from policies.given import items
from policies.looking import Look

GRANTS: Final = tuple(f"gcp:*:*{iam}{kind}" for iam in ("IAM", "Iam") for kind in ("Member", "Binding", "Policy"))
"""Types of all that gives a role."""
INVOKING: Final = "roles/run.invoker"
INVOKERS: Final = (
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember",
    "gcp:cloudrunv2/serviceIamBinding:ServiceIamBinding",
    "gcp:cloudrunv2/serviceIamPolicy:ServiceIamPolicy",
    "gcp:cloudrun/iamMember:IamMember",
    "gcp:cloudrun/iamBinding:IamBinding",
    "gcp:cloudrun/iamPolicy:IamPolicy",
)
"""Types of what lets somebody call a service of Cloud Run."""
_ANYBODY: Final = ("allusers", "allauthenticatedusers")


def anybody(member: Any) -> bool:
    """Whether a member is everybody, or everybody with an account of Google."""
    return str(member).strip().lower() in _ANYBODY


def granted(each: Look) -> Iterator[tuple[str, list[str]]]:
    """Roles, each with those who have it. Raises NotKnown."""
    if not each.type.endswith("Policy"):
        members = [str(member) for path in ("member", "members") for member in each.values(path)]
        if members:
            yield str(each.at("role")), members
        return
    document = each.parsed("policyData")
    if isinstance(document, Mapping):
        for binding in items(cast("Mapping[str, Any]", document).get("bindings")):
            if isinstance(binding, Mapping):
                found = cast("Mapping[str, Any]", binding)
                yield str(found.get("role")), [str(member) for member in items(found.get("members"))]


def public(each: Look) -> Iterator[tuple[str, str]]:
    """Roles that everybody has, each with the word for everybody."""
    for role, members in granted(each):
        if found := [member for member in members if anybody(member)]:
            yield role, found[0]
