"""Rules of who may do what on Google Cloud."""

import re
from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.gcp_conditions import bounded
from policies.gcp_grants import GRANTS, INVOKERS, INVOKING, anybody, granted, public
from policies.looking import Look
from policies.rules import Rule

_LEVELS: Final = ("projects", "folder", "organizations")
_WIDE: Final = (
    *(f"gcp:{level}/iAM{kind}:IAM{kind}" for level in _LEVELS for kind in ("Member", "Binding", "Policy")),
    *(f"gcp:{level}/iam{kind}:Iam{kind}" for level in _LEVELS for kind in ("Member", "Binding", "Policy")),
)
"""Grants over a whole project, folder or organisation."""
_BASIC: Final = ("roles/owner", "roles/editor", "roles/viewer", "roles/admin", "roles/writer", "roles/reader")
_ACCESS: Final = (
    "gcp:storage/bucketACL:BucketACL",
    "gcp:storage/bucketAccessControl:BucketAccessControl",
    "gcp:storage/defaultObjectACL:DefaultObjectACL",
    "gcp:storage/defaultObjectAccessControl:DefaultObjectAccessControl",
    "gcp:storage/objectACL:ObjectACL",
    "gcp:storage/objectAccessControl:ObjectAccessControl",
)
"""Lists of who reads buckets and objects, beside IAM."""
_READY: Final = ("authenticatedread", "publicread", "publicreadwrite")
"""Lists that Cloud Storage has ready, and that let everybody in, without the hyphens that some write."""
_ACTING: Final = (
    "roles/iam.serviceAccountAdmin",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.serviceAccountOpenIdTokenCreator",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.workloadIdentityUser",
    "roles/iam.securityAdmin",
)
"""Roles by which one acts as any account of where they are given, or lets others."""
_DEFAULT: Final = re.compile(
    r"serviceAccount:(?:[0-9]+-compute@developer|[a-z0-9.:-]+@appspot|[0-9]+@cloudbuild)\.gserviceaccount\.com"
)
_ISSUERS: Final = ("https://token.actions.githubusercontent.com", "https://gitlab.com", "https://app.terraform.io")
"""Issuers that give a token to everybody who has an account there."""
_IAM: Final = "https://cloud.google.com/iam/docs"


def _public(each: Look) -> Iterator[str]:
    if each.type in _ACCESS:
        yield from _listed(each)
        return
    for role, member in public(each):
        # Who may call Cloud Run is a rule of its own: there somebody else may ask who calls.
        if not (each.type in INVOKERS and role == INVOKING):
            yield f"{member} has {role}, expected people, groups or accounts by name"


def _listed(each: Look) -> Iterator[str]:
    for path in ("predefinedAcl", "defaultAcl"):
        if str(told := each.at(path, "")).replace("-", "").lower() in _READY:
            yield f"{path} is {told}, expected people, groups or accounts by name"
    for path in ("entity", "roleEntities"):
        for told in each.values(path):
            if anybody(entity := str(told).rpartition(":")[2]):
                yield f"{path} has {entity}, expected people, groups or accounts by name"


def _roles(each: Look) -> list[str]:
    """Roles that are given, whoever has them."""
    if each.type.endswith("Policy"):
        return [role for role, _ in granted(each)]
    return [str(each.at("role"))]


def _basic(each: Look) -> Iterator[str]:
    for role in _roles(each):
        if role in _BASIC:
            yield f"role is {role}, expected a role of what is needed"


def _acting(each: Look) -> Iterator[str]:
    for role in _roles(each):
        if role in _ACTING:
            yield f"role is {role} over everything, expected it for one account by serviceaccount.IAMMember"


def _default(each: Look) -> Iterator[str]:
    for role, members in granted(each):
        if found := [member for member in members if _DEFAULT.fullmatch(member)]:
            yield f"{found[0]} has {role}, expected an account that is made for one purpose"


def _key(_: Look) -> Iterator[str]:
    yield "a key is made that is good for years, expected none"


def _provider(each: Look) -> Iterator[str]:
    issuer = str(each.at("oidc.issuerUri", "")).strip().rstrip("/").lower()
    condition = str(each.at("attributeCondition", "")).strip()
    if not condition:
        yield "attributeCondition is not there, expected one that names whose tokens are taken"
    elif issuer in _ISSUERS and not bounded(condition, _mapped(each)):
        yield (
            f"attributeCondition does not say whose tokens of {issuer} are taken, or not in words that are understood, "
            "expected assertion.repository_owner_id == '123', or another owner by its id"
        )


def _mapped(each: Look) -> dict[str, str]:
    """What attributes are made from."""
    path = "attributeMapping"
    return {name: str(each.keyed(path, name)) for name in each.keys(path)}


RULES: Final = (
    Rule(
        name="gcp-nothing-public",
        title="Nothing is given to everybody",
        why="Anybody on the internet, or with an account of Google, reads or writes it",
        fix="name people, groups or accounts",
        severity=Severity.CRITICAL,
        ids=("CKV_GCP_28", "CKV_GCP_99", "CKV_GCP_100", "CKV_GCP_101", "CKV_GCP_107", "CKV_GCP_112"),
        links=(f"{_IAM}/principals-overview",),
        types=(*GRANTS, *_ACCESS),
        look=_public,
    ),
    Rule(
        name="gcp-no-basic-roles",
        title="Nobody has a basic role",
        why="Such a role may do thousands of things, and new ones each month",
        fix="give roles of what is needed",
        severity=Severity.HIGH,
        ids=("CKV_GCP_115", "CKV_GCP_116", "CKV_GCP_117"),
        links=(f"{_IAM}/roles-overview",),
        types=_WIDE,
        look=_basic,
    ),
    Rule(
        name="gcp-no-acting-as-any",
        title="Nobody acts as any service account",
        why="Who may act as all accounts may do what the mightiest of them may",
        fix="give the role for the account that is needed",
        severity=Severity.HIGH,
        ids=("CKV_GCP_41", "CKV_GCP_44", "CKV_GCP_45", "CKV_GCP_49"),
        links=(f"{_IAM}/service-account-permissions",),
        types=_WIDE,
        look=_acting,
    ),
    Rule(
        name="gcp-no-default-account",
        title="Google's default accounts get no roles",
        why="Everything that is made without an account of its own has it",
        fix="make an account for each purpose",
        severity=Severity.MEDIUM,
        ids=("CKV_GCP_46", "CKV_GCP_47", "CKV_GCP_48"),
        links=(f"{_IAM}/best-practices-service-accounts",),
        types=_WIDE,
        look=_default,
    ),
    Rule(
        name="gcp-no-account-keys",
        title="No key of a service account is made",
        why="Such a key never ends, lies in files, and is what leaks",
        fix="use Workload Identity, or Workload Identity Federation from elsewhere",
        severity=Severity.HIGH,
        ids=("CKV2_GCP_3",),
        links=(f"{_IAM}/best-practices-for-managing-service-account-keys",),
        types=("gcp:serviceaccount/key:Key",),
        look=_key,
    ),
    Rule(
        name="gcp-federation-bounded",
        title="Tokens of others are taken by a condition",
        why="Everybody whom the same issuer gives a token is let in: each repository of GitHub",
        fix="write attributeCondition with the id of the owner, and of the repository",
        severity=Severity.CRITICAL,
        ids=("CKV_GCP_118", "CKV_GCP_125"),
        links=(f"{_IAM}/workload-identity-federation-with-deployment-pipelines",),
        types=("gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",),
        look=_provider,
    ),
)
