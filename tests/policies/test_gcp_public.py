"""What is public on Google Cloud, in each way in which it can be: by grants, lists, addresses, conditions."""

import json
from typing import Any, Final

import pytest

from policies import gcp, model
from policies.gcp_conditions import bounded
from tests.components.planned import UNKNOWN, Planned
from tests.policies.flips import kept, made

RULES: Final = {each.name: each for each in (*gcp.RULES, *model.RULES)}
SERVICE, SERVICE_V1 = "gcp:cloudrunv2/service:Service", "gcp:cloudrun/service:Service"
MEMBER: Final = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
POLICY: Final = "gcp:compute/securityPolicy:SecurityPolicy"
BACKENDS: Final = ("gcp:compute/backendService:BackendService", "gcp:compute/regionBackendService:RegionBackendService")


def wrong(rule: str, *resources: Planned) -> set[str]:
    return {each.resource for each in kept(RULES[rule], resources).wrong}


def policy(role: str, *members: str) -> str:
    return json.dumps({"bindings": [{"role": role, "members": [*members]}]})


@pytest.mark.parametrize(
    "role",
    ["roles/run.admin", "roles/run.developer", "roles/run.servicesInvoker", "roles/editor", "projects/p/roles/x"],
)
def test_no_role_of_cloud_run_is_for_everybody(role: str) -> None:
    grant = made(MEMBER, "it", {"name": "digits", "role": role, "member": "allUsers"})
    assert wrong("gcp-nothing-public", grant) == {"it"}
    assert wrong("cloud-run-authenticated", grant) == {"it"}


@pytest.mark.parametrize("kind", ["JobIamMember", "JobIamBinding", "WorkerPoolIamMember", "WorkerPoolIamBinding"])
def test_no_job_is_for_everybody(kind: str) -> None:
    type_ = f"gcp:cloudrunv2/{kind[:1].lower()}{kind[1:]}:{kind}"
    for member, found in (("allUsers", {"it"}), ("user:me@example.com", set[str]())):
        inputs = {"role": "roles/run.invoker", "member": member, "members": [member]}
        assert wrong("gcp-nothing-public", made(type_, "it", inputs)) == found


@pytest.mark.parametrize(
    "type_",
    [
        "gcp:projects/iAMPolicy:IAMPolicy",
        "gcp:storage/bucketIAMPolicy:BucketIAMPolicy",
        "gcp:kms/cryptoKeyIAMPolicy:CryptoKeyIAMPolicy",
        "gcp:vertex/aiEndpointIamPolicy:AiEndpointIamPolicy",
        "gcp:artifactregistry/repositoryIamPolicy:RepositoryIamPolicy",
        "gcp:cloudrunv2/jobIamPolicy:JobIamPolicy",
    ],
)
def test_a_policy_as_a_whole_is_read(type_: str) -> None:
    assert wrong("gcp-nothing-public", made(type_, "it", {"policyData": policy("roles/x", "allUsers")})) == {"it"}
    assert wrong("gcp-nothing-public", made(type_, "it", {"policyData": policy("roles/x", "user:me@x.org")})) == set()
    assert len(kept(RULES["gcp-nothing-public"], [made(type_, "it", {"policyData": UNKNOWN})]).late) == 1


def test_a_policy_of_a_service_as_a_whole_is_read() -> None:
    for type_, word in (("gcp:cloudrunv2/serviceIamPolicy:ServiceIamPolicy", "name"),
                        ("gcp:cloudrun/iamPolicy:IamPolicy", "service")):  # fmt: skip
        inputs = {word: "digits", "policyData": policy("roles/run.invoker", "allUsers")}
        assert wrong("cloud-run-authenticated", made(type_, "it", inputs)) == {"it"}
    inputs = {"name": "digits", "policyData": policy("roles/run.admin", "allUsers")}
    grant = made("gcp:cloudrunv2/serviceIamPolicy:ServiceIamPolicy", "it", inputs)
    assert wrong("gcp-nothing-public", grant) == {"it"}


@pytest.mark.parametrize("role", ["owner", "editor", "viewer", "admin", "writer", "reader"])
def test_basic_roles_are_known_by_both_names(role: str) -> None:
    for type_, inputs in (
        ("gcp:projects/iAMMember:IAMMember", {"role": f"roles/{role}", "member": "user:me@x.org"}),
        ("gcp:organizations/iAMPolicy:IAMPolicy", {"policyData": policy(f"roles/{role}", "user:me@x.org")}),
    ):
        assert wrong("gcp-no-basic-roles", made(type_, "it", inputs)) == {"it"}


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("BucketAccessControl", {"entity": "allUsers"}),
        ("DefaultObjectAccessControl", {"entity": "allAuthenticatedUsers"}),
        ("ObjectAccessControl", {"entity": "allUsers"}),
        ("BucketACL", {"predefinedAcl": "public-read-write"}),
        ("BucketACL", {"defaultAcl": "publicRead"}),
        ("ObjectACL", {"predefinedAcl": "authenticatedRead"}),
        ("ObjectACL", {"roleEntities": ["OWNER:user-me@x.org", "READER:allUsers"]}),
        ("DefaultObjectACL", {"roleEntities": ["READER:allUsers"]}),
    ],
)
def test_lists_of_buckets_let_nobody_in_whom_they_do_not_name(kind: str, inputs: dict[str, Any]) -> None:
    type_ = f"gcp:storage/{kind[:1].lower()}{kind[1:]}:{kind}"
    assert wrong("gcp-nothing-public", made(type_, "it", inputs)) == {"it"}
    right = {"entity": "user-me@x.org", "predefinedAcl": "private", "roleEntities": ["READER:group-a@x.org"]}
    assert wrong("gcp-nothing-public", made(type_, "it", right)) == set()


def test_access_to_tables_that_is_given_one_by_one_is_read() -> None:
    type_ = "gcp:bigquery/datasetAccess:DatasetAccess"
    for inputs in ({"specialGroup": "allAuthenticatedUsers"}, {"iamMember": "allUsers"}):
        assert wrong("bigquery-not-public", made(type_, "it", inputs)) == {"it"}
    assert wrong("bigquery-not-public", made(type_, "it", {"specialGroup": "projectOwners"})) == set()


@pytest.mark.parametrize(
    "service",
    [
        made(SERVICE, "it", {"invokerIamDisabled": "true"}),
        made(SERVICE_V1, "it", {"metadata": {"annotations": {"run.googleapis.com/invoker-iam-disabled": "true"}}}),
        made(SERVICE, "it", {"invokerIamDisabled": True, "template": {"containers": [
            {"envs": [{"name": "MODELPORT_API_KEYS", "value": ""}]}]}}),
    ],
)  # fmt: skip
def test_a_service_that_asks_nobody_is_told(service: Planned) -> None:
    assert wrong("cloud-run-authenticated", service) == {"it"}


@pytest.mark.parametrize("variable", [{"value": "/keys"}, {"valueSource": {"secretKeyRef": {"secret": "keys"}}}])
def test_a_service_with_keys_asks_for_them(variable: dict[str, Any]) -> None:
    container = {"envs": [{"name": "MODELPORT_API_KEYS", **variable}]}
    disabled = {"invokerIamDisabled": True, "template": {"containers": [container]}}
    assert wrong("cloud-run-authenticated", made(SERVICE, "it", disabled)) == set()


def rule(action: str, *ranges: str, **more: Any) -> dict[str, Any]:
    return {"action": action, "priority": 1, "match": {"config": {"srcIpRanges": [*ranges]}}, **more}


LAST: Final = rule("deny(403)", "*", priority=2147483647)
OWN: Final = "inIpRange(origin.ip, '203.0.113.0/24')"


def expression(text: str) -> dict[str, Any]:
    return {"action": "allow", "priority": 1, "match": {"expr": {"expression": text}}}


@pytest.mark.parametrize(
    ("rules", "is_open"),
    [
        ([], True),
        ([rule("allow", "203.0.113.0/24")], True),
        ([rule("allow", "203.0.113.0/24"), LAST], False),
        ([rule("allow", "0.0.0.0/0"), LAST], True),
        ([rule("allow", "0.0.0.0/1", "128.0.0.0/1"), LAST], True),
        ([rule("allow", *(f"{each}.0.0.0/8" for each in range(256))), LAST], True),
        ([rule("throttle", "*"), LAST], True),
        ([expression("true"), LAST], True),
        ([expression("origin.region_code == 'DE'"), LAST], True),
        ([expression(f"!{OWN}"), LAST], True),
        ([expression(f"{OWN} || true"), LAST], True),
        ([expression("inIpRange(origin.ip, '0.0.0.0/0')"), LAST], True),
        ([expression(OWN), LAST], False),
        ([expression(f"{OWN} && request.path == '/v1'"), LAST], False),
        ([rule("deny(403)", "0.0.0.0/0", "::/0")], False),
        ([rule("deny(403)", "*", preview=True)], True),
        ([rule("allow", "*", priority=2147483647), rule("deny(403)", "*")], False),
    ],
)
def test_a_policy_of_cloud_armor_holds_callers_back(rules: list[dict[str, Any]], is_open: bool) -> None:
    for backend in BACKENDS:
        inputs = {
            "loadBalancingScheme": "EXTERNAL_MANAGED",
            "securityPolicy": "projects/p/global/securityPolicies/edge",
        }
        edge = made(POLICY, "policy", {"name": "edge", "rules": rules})
        assert wrong("backend-authenticated", edge, made(backend, "it", inputs)) == ({"it"} if is_open else set())


def test_a_backend_of_a_region_is_looked_at_where_the_internet_reaches_it() -> None:
    for inputs, found in (
        ({"loadBalancingScheme": "EXTERNAL_MANAGED"}, {"it"}),
        ({"loadBalancingScheme": "EXTERNAL_MANAGED", "securityPolicy": ""}, {"it"}),
        ({}, set[str]()),
    ):
        assert wrong("backend-authenticated", made(BACKENDS[1], "it", inputs)) == found


def test_rules_beside_a_policy_are_of_it() -> None:
    backend = made(BACKENDS[0], "it", {"securityPolicy": "edge"})
    edge = made(POLICY, "policy", {"name": "edge"})
    last = made("gcp:compute/securityPolicyRule:SecurityPolicyRule", "last", {"securityPolicy": "edge", **LAST})
    assert wrong("backend-authenticated", backend, edge) == {"it"}
    assert wrong("backend-authenticated", backend, edge, last) == set()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, {"it"}),
        ({"direction": "ingress"}, {"it"}),
        ({"layer4": {"ipProtocol": "all"}}, {"it"}),
        ({"layer4": {"ipProtocol": "tcp", "ports": [" 22"]}}, {"it"}),
        ({"layer4": {"ipProtocol": "tcp", "ports": ["443"]}}, set[str]()),
        ({"action": "deny"}, set[str]()),
        ({"action": "goto_next"}, set[str]()),
        ({"direction": "EGRESS"}, set[str]()),
        ({"disabled": True}, set[str]()),
        ({"ranges": ["10.0.0.0/8"]}, set[str]()),
    ],
)
def test_rules_of_policies_of_firewalls_are_looked_at(change: dict[str, Any], found: set[str]) -> None:
    given = {"layer4": {"ipProtocol": "tcp", "ports": ["22"]}, "ranges": ["0.0.0.0/0"], **change}
    match = {"srcIpRanges": given.pop("ranges"), "layer4Configs": [given.pop("layer4")]}
    inputs = {"action": "allow", "direction": "INGRESS", "match": match, **given}
    for kind in ("FirewallPolicy", "NetworkFirewallPolicy", "RegionNetworkFirewallPolicy"):
        start = f"gcp:compute/{kind[:1].lower()}{kind[1:]}"
        alone = made(f"{start}Rule:{kind}Rule", "it", inputs)
        whole = made(f"{start}WithRules:{kind}WithRules", "it", {"rules": [inputs]})
        for each in (alone, whole):
            assert wrong("gcp-no-open-administration", each) == found


def test_a_firewall_is_read_whatever_its_letters_and_spaces() -> None:
    for more in ({"direction": "ingress"}, {"direction": " Ingress"}, {}):
        allows = [{"protocol": "TCP", "ports": [" 22"]}]
        inputs = {"allows": allows, "sourceRanges": [" 0.0.0.0/0"], **more}
        assert wrong("gcp-no-open-administration", made("gcp:compute/firewall:Firewall", "it", inputs)) == {"it"}


MAPPING: Final = {
    "attribute.repository_owner_id": "assertion.repository_owner_id",
    "attribute.ref": "assertion.ref",
    "google.subject": "assertion.sub",
}


@pytest.mark.parametrize(
    "condition",
    [
        "assertion.repository == 'a/b'",
        "assertion['repository'] == 'a/b'",
        'assertion["repository_owner_id"]=="1"',
        "'1' == assertion.repository_owner_id",
        "attribute.repository_owner_id == '1'",
        "google.subject.startsWith('repo:example/')",
        "assertion.repository in ['a/b', 'a/c']",
        "(assertion.repository == 'a/b') && assertion.ref != ''",
        "assertion.repository == 'a/b' || (assertion.ref == 'x' && assertion.repository_id == '7')",
        "assertion.sub.startsWith('organization:shop:')",
        "assertion.ref == ' || ' && assertion.repository == 'a/b'",
    ],
)
def test_a_condition_says_whose_tokens_are_taken(condition: str) -> None:
    assert bounded(condition, MAPPING)


@pytest.mark.parametrize(
    "condition",
    [
        "assertion.repository != ''",
        "true || assertion.repository == 'a/b'",
        "assertion.repository == 'a/b' || true",
        "assertion.sub != 'x'",
        "!(assertion.repository == 'a/b')",
        "assertion.repository == assertion.repository",
        "assertion.repository == ''",
        "attribute.ref == 'x'",
        "attribute.unmapped == '1'",
        "assertion.sub.startsWith('repo:')",
        "assertion.sub.startsWith('')",
        "assertion.repository.startsWith('shop')",
        "true ? true : assertion.repository == 'a/b'",
        "true // && assertion.repository == 'a/b'",
        r"assertion.ref != '\' && assertion.repository == ' '",
        "assertion.ref != ''' && assertion.repository == 'a/b' && '''",
        "'assertion.repository == \"a/b\"' != ''",
        "(assertion.repository == 'a/b'",
        "assertion.repository in []",
        "has(assertion.repository)",
        "",
    ],
)
def test_a_condition_that_does_not_say_so_or_is_not_understood_is_none(condition: str) -> None:
    assert not bounded(condition, MAPPING)


def test_the_condition_of_a_provider_is_read_with_its_mapping() -> None:
    type_ = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider"
    inputs = {"oidc": {"issuerUri": "https://token.actions.githubusercontent.com/"}, "attributeMapping": MAPPING}
    for condition, found in (("attribute.repository_owner_id == '1'", set[str]()), ("attribute.ref == 'x'", {"it"}),
                             ("  ", {"it"})):  # fmt: skip
        assert wrong("gcp-federation-bounded", made(type_, "it", {**inputs, "attributeCondition": condition})) == found
