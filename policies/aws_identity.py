"""Rules of who may do what on AWS: policies of IAM, who may take a role, and who may use a resource."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from pulumi_policy import EnforcementLevel, Severity

from policies import aws_documents as documents
from policies.looking import Look
from policies.rules import Rule

_POLICIES: Final = (
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/groupPolicy:GroupPolicy",
)
_ROLE: Final = "aws:iam/role:Role"
_ATTACHED: Final = (
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment",
    "aws:iam/policyAttachment:PolicyAttachment",
)
_ADMINISTRATOR: Final = re.compile(
    r"arn:aws[a-z-]*:iam::aws:policy/(?:job-function/)?(AdministratorAccess|IAMFullAccess)$"
)
_SHARED: Final = (
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:kms/key:Key",
    "aws:kms/keyPolicy:KeyPolicy",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:sqs/queuePolicy:QueuePolicy",
)
"""What others may be let use by a policy of its own, as `policy`."""
_USERS: Final = ("aws:iam/user:User", "aws:iam/accessKey:AccessKey")
_IAM: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide"
_PODS: Final = "system:serviceaccount:"
_CLAIM: Final = re.compile(r"(?P<kind>[^:]+):(?P<owner>[^:/]*)(?P<rest>.*)", re.DOTALL)


def _documents(each: Look) -> Iterator[Look]:
    """A policy, or those that a role has within it: things with `policy`."""
    if each.type == _ROLE:
        yield from each.each("inlinePolicies")
    else:
        yield each


def _administrator(each: Look) -> Iterator[str]:
    for statement in documents.statements(each, "policy"):
        if "*" in documents.actions(statement) or "*:*" in documents.actions(statement):
            yield "a statement allows the action *, expected the actions that are needed"
        if "NotAction" in statement and "*" in documents.resources(statement):
            yield "a statement allows all actions but some of every resource, expected the actions that are needed"


def _whole_service(each: Look) -> Iterator[str]:
    for statement in documents.statements(each, "policy"):
        wide = [action for action in documents.actions(statement) if re.fullmatch(r"[a-z0-9-]+:\*", action)]
        if wide and "*" in documents.resources(statement):
            yield f"a statement allows {', '.join(wide)} of every resource, expected actions or resources by name"


def _passing(each: Look) -> Iterator[str]:
    for statement in documents.statements(each, "policy"):
        passes = any(action in ("iam:passrole", "iam:pass*", "iam:*") for action in documents.actions(statement))
        held = any(key == "iam:passedtoservice" for _, key, _ in documents.conditions(statement))
        if passes and not held and any(each.strip("*") == "" for each in documents.resources(statement)):
            yield "a statement allows iam:PassRole of every role, expected roles by name, or iam:PassedToService"


def _attached(each: Look) -> Iterator[str]:
    path = "managedPolicyArns" if each.type == _ROLE else "policyArn"
    for arn in each.values(path):
        if found := _ADMINISTRATOR.match(str(arn)):
            yield f"{path} has {found[1]}, expected policies of what is needed"


def _trust(each: Look) -> Iterator[str]:
    for statement in documents.statements(each, "assumeRolePolicy"):
        if documents.anybody(statement) and not documents.bounded(statement):
            yield "assumeRolePolicy lets everybody take the role, expected services or roles by name"


def _web_identity(each: Look) -> Iterator[str]:
    for statement in documents.statements(each, "assumeRolePolicy"):
        federated = _federated(statement)
        if not any(":oidc-provider/" in name for name in federated):
            continue
        found = {key: values for operator, key, values in documents.conditions(statement) if documents.equals(operator)}
        for claim in ("aud", "sub"):
            values = [value for key, some in found.items() if key.endswith(f":{claim}") for value in some]
            if not values:
                yield f"assumeRolePolicy names no {claim} of the token, expected StringEquals of it"
            elif wide := [value for value in values if _anyone(value, claim)]:
                yield f"assumeRolePolicy takes the {claim} {wide[0]}, expected one that names its owner"


def _federated(statement: Mapping[str, Any]) -> list[str]:
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        return []
    return [str(name) for name in documents.listed(cast("Mapping[str, Any]", principal).get("Federated"))]


def _anyone(value: str, claim: str) -> bool:
    """Whether a claim's value lets in who is nobody's: `*`, `repo:*`, `repo:shop*/x`, `*:ref:main`."""
    if value.strip("*?") == "":
        return True
    if claim == "aud":
        return False
    if value.startswith(_PODS):
        return "*" in value.removeprefix(_PODS).partition(":")[0]
    parts = _CLAIM.fullmatch(value)
    if parts is None:
        return "*" in value
    return "*" in parts["kind"] or parts["owner"].strip("*?") == "" or "*" in parts["owner"]


def _public(each: Look) -> Iterator[str]:
    for statement in documents.statements(each, "policy"):
        if documents.anybody(statement) and not documents.bounded(statement):
            yield "policy lets everybody in, expected accounts or services by name, or a condition of who asks"


def _service_open(each: Look) -> Iterator[str]:
    for statement in documents.statements(each, "policy"):
        if documents.actions(statement) and all(action == "*" for action in documents.actions(statement)):
            yield "policy allows the action *, expected the actions that are needed"


def _exists(each: Look) -> Iterator[str]:
    kind = each.type.rpartition(":")[2]
    yield f"{kind} is made for good, expected a role that is taken for an hour"


RULES: Final = (
    Rule(
        name="iam-no-administrator",
        title="No policy allows everything",
        why="Whoever gets hold of it once owns the account",
        fix="name the actions that are needed",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_62", "CKV_AWS_63"),
        links=(f"{_IAM}/best-practices.html",),
        types=(*_POLICIES, _ROLE),
        over=_documents,
        look=_administrator,
    ),
    Rule(
        name="iam-no-administrator-attached",
        title="Nothing has AWS's policies of an administrator",
        why="Whoever gets hold of it once owns the account",
        fix="attach a policy of what is needed",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_274",),
        links=(f"{_IAM}/access_policies_job-functions.html",),
        types=(*_ATTACHED, _ROLE),
        look=_attached,
    ),
    Rule(
        name="iam-no-whole-service",
        title="No policy allows all of a service on every resource",
        why="What is needed of a service is a few of its actions, and what is not is deleted by mistake",
        fix="name actions, or resources",
        severity=Severity.HIGH,
        ids=("CKV_AWS_290",),
        links=(f"{_IAM}/best-practices.html",),
        types=(*_POLICIES, _ROLE),
        over=_documents,
        look=_whole_service,
    ),
    Rule(
        name="iam-pass-role-bounded",
        title="Which roles may be passed on is said",
        why="Who may pass any role to a service takes the mightiest, by a service that he starts",
        fix="name the roles, or the service by iam:PassedToService",
        severity=Severity.HIGH,
        ids=("CKV_AWS_286",),
        links=(f"{_IAM}/id_roles_use_passrole.html",),
        types=(*_POLICIES, _ROLE),
        over=_documents,
        look=_passing,
    ),
    Rule(
        name="iam-trust-named",
        title="Who may take a role is named",
        why="Any account of AWS takes a role that trusts *",
        fix="name services, accounts or roles",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_60",),
        links=(f"{_IAM}/reference_policies_elements_principal.html",),
        types=(_ROLE,),
        look=_trust,
    ),
    Rule(
        name="iam-web-identity-bounded",
        title="A role for tokens of others names their audience and subject",
        why="Everybody whom the same issuer gives a token takes the role: each repository of GitHub, each pod there",
        fix="write StringEquals of both, with the owner and the name of who may",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_393",),
        links=(f"{_IAM}/id_roles_create_for-idp_oidc.html",),
        types=(_ROLE,),
        look=_web_identity,
    ),
    Rule(
        name="iam-no-users",
        title="No user of IAM and no key of one is made",
        why="Such a key never ends, lies in files, and is what leaks",
        fix="give who needs it a role: by the sign-in of your organisation, or by a token of the service it runs on",
        severity=Severity.HIGH,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_273",),
        links=(f"{_IAM}/best-practices.html",),
        types=_USERS,
        look=_exists,
    ),
    Rule(
        name="aws-not-shared-with-all",
        title="No resource is shared with everybody",
        why="Anybody with an account of AWS, or without one, reads or writes it",
        fix="name accounts or services, or hold * to an account by a condition",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_32", "CKV_AWS_33", "CKV_AWS_70", "CKV_AWS_168", "CKV_AWS_169", "CKV_AWS_387"),
        links=(f"{_IAM}/reference_policies_elements_principal.html",),
        types=_SHARED,
        look=_public,
    ),
    Rule(
        name="sqs-policy-named",
        title="What may be done with a queue is named",
        why="Who should but send may delete the queue",
        fix="name the actions, as sqs:SendMessage",
        severity=Severity.HIGH,
        ids=("CKV_AWS_72",),
        links=(
            "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-basic-examples-of-sqs-policies.html",
        ),
        types=("aws:sqs/queuePolicy:QueuePolicy",),
        look=_service_open,
    ),
)
