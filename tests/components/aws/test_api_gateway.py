"""A REST API before a function as it would be registered: who may call it, how often, and what is kept of it."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi_aws.ec2.vpc import Vpc

from components.aws.api_gateway import AwsApiGateway, AwsApiGatewayArgs
from components.checks import ArgsError
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:digits:live"
INVOKE = f"arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
WALL = f"arn:aws:wafv2:eu-central-1:{ACCOUNT}:regional/webacl/shop/1234abcd-12ab-34cd"
BARE: AwsApiGatewayArgs = {
    "account_id": ACCOUNT,
    "region": "eu-central-1",
    "function": {"arn": FUNCTION, "invoke_arn": INVOKE},
}
HERE: AwsApiGatewayArgs = {**BARE, "plans": [{"name": "partners", "keys": ["shop", "office"]}]}
NAMED: AwsApiGatewayArgs = {
    **HERE,
    "domain": {
        "hostname": "digits.models.example.com",
        "zone_name": "models.example.com",
        "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    },
}
FULL: AwsApiGatewayArgs = {
    **NAMED,
    "plans": [
        {"name": "partners", "keys": ["shop"], "rate": 5, "burst": 10, "per_day": 10_000},
        {"name": "own", "keys": ["office"]},
    ],
    "iam": True,
    "client_cidrs": ["192.0.2.0/24"],
    "web_acl_arn": WALL,
}


def _api(made: Planned) -> dict[str, Any]:
    arn = f"arn:aws:execute-api:eu-central-1:{ACCOUNT}:{made.name}"
    return {"rootResourceId": "root", "executionArn": arn}


def _stage(_: Planned) -> dict[str, Any]:
    return {"invokeUrl": "https://id.execute-api.eu-central-1.amazonaws.com/live"}


def _key(_: Planned) -> dict[str, Any]:
    return {"value": "what nobody else knows"}


def _named(_: Planned) -> dict[str, Any]:
    return {"regionalDomainName": "d-1", "regionalZoneId": "Z1"}


TOLD = {
    "aws:apigateway/restApi:RestApi": _api,
    "aws:apigateway/stage:Stage": _stage,
    "aws:apigateway/apiKey:ApiKey": _key,
    "aws:apigateway/domainName:DomainName": _named,
}


def made_of(args: AwsApiGatewayArgs, *, preview: bool = False) -> Plan:
    return plan(lambda: AwsApiGateway("digits", args), preview=preview, outputs=TOLD)


def _methods(found: Plan) -> list[Planned]:
    return found.all("aws:apigateway/method:Method")


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("name", "args"), [("api-gateway", HERE), ("api-gateway-full", FULL)], ids=["usual", "full"])
def test_names_and_parents_stay(name: str, args: AwsApiGatewayArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Vpc("net", cidr_block="10.0.0.0/16").id
        told = {"arn": later, "invoke_arn": later}
        domain = {**cast("Any", NAMED)["domain"], "hosted_zone_id": later}
        args = {**FULL, "function": told, "domain": domain, "web_acl_arn": later, "key_arn": later}
        AwsApiGateway("digits", cast("AwsApiGatewayArgs", args))

    found = plan(program)
    integrations = found.all("aws:apigateway/integration:Integration")
    assert [each.inputs["uri"] for each in integrations] == [UNKNOWN, UNKNOWN]
    assert found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"] == UNKNOWN
    assert found.one("aws:apigateway/method:Method", "digits").inputs["authorization"] == "AWS_IAM"
    assert found.one("aws:cloudwatch/logGroup:LogGroup", "digits").inputs["kmsKeyId"] == UNKNOWN


def test_nobody_is_answered_without_a_key() -> None:
    found = made_of(HERE)
    assert [(each.inputs["apiKeyRequired"], each.inputs["authorization"]) for each in _methods(found)] == [
        (True, "NONE"),
        (True, "NONE"),
    ]
    signed = made_of({**BARE, "iam": True})
    assert {(each.inputs["apiKeyRequired"], each.inputs["authorization"]) for each in _methods(signed)} == {
        (False, "AWS_IAM")
    }
    both = made_of(FULL)
    assert {(each.inputs["apiKeyRequired"], each.inputs["authorization"]) for each in _methods(both)} == {
        (True, "AWS_IAM")
    }
    opened = made_of({**BARE, "anonymous": True})
    assert {each.inputs["apiKeyRequired"] for each in _methods(opened)} == {False}


def test_only_the_protocol_is_reached_and_the_alias_alone_is_called() -> None:
    found = made_of(HERE)
    paths = [each.inputs["pathPart"] for each in found.all("aws:apigateway/resource:Resource")]
    assert paths == ["v2", "{proxy+}"]
    (allowed,) = json.loads(found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]
    assert allowed == {"Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": FUNCTION}
    for each in found.all("aws:apigateway/integration:Integration"):
        assert (each.inputs["type"], each.inputs["integrationHttpMethod"]) == ("AWS_PROXY", "POST")
        assert (each.inputs["uri"], each.inputs["timeoutMilliseconds"]) == (INVOKE, 29000)
        # In the role that may, once it may.
        assert each.inputs["credentials"] == "arn:aws:test:eu-central-1:123456789012:digits-calls"
        assert "digits-calls" in each.depends_on
    assert found.one("aws:apigateway/restApi:RestApi").inputs["binaryMediaTypes"] == ["*/*"]


def test_each_plan_has_its_keys_and_bounds() -> None:
    found = made_of(FULL)
    plans = {each.name: each.inputs for each in found.all("aws:apigateway/usagePlan:UsagePlan")}
    assert plans["digits-partners"]["throttleSettings"] == {"rateLimit": 5, "burstLimit": 10}
    assert plans["digits-partners"]["quotaSettings"] == {"limit": 10_000, "period": "DAY"}
    assert plans["digits-own"]["throttleSettings"] == {"rateLimit": 50, "burstLimit": 100}
    assert "quotaSettings" not in plans["digits-own"]
    held = {
        (each.inputs["keyId"], each.inputs["usagePlanId"])
        for each in found.all("aws:apigateway/usagePlanKey:UsagePlanKey")
    }
    assert held == {
        ("digits-partners-shop-id", "digits-partners-id"),
        ("digits-own-office-id", "digits-own-id"),
    }
    settings = found.one("aws:apigateway/methodSettings:MethodSettings").inputs["settings"]
    assert (settings["throttlingRateLimit"], settings["throttlingBurstLimit"]) == (100.0, 200)


def test_a_key_is_a_secret_and_no_output_tells_one() -> None:
    told: dict[str, Any] = {}

    def program() -> None:
        made = AwsApiGateway("digits", HERE)
        made.key_ids.apply(lambda ids: told.update(ids))
        told["outputs"] = [key for key in vars(made) if not key.startswith("_")]

    found = plan(program, preview=False, outputs=TOLD)
    for each in found.all("aws:apigateway/apiKey:ApiKey"):
        assert each.request["additionalSecretOutputs"] == ["value"]
        assert "value" not in each.inputs
    assert {key: told[key] for key in ("shop", "office")} == {
        "shop": "digits-partners-shop-id",
        "office": "digits-partners-office-id",
    }
    assert "what nobody else knows" not in json.dumps([each.inputs for each in found.resources])
    assert not [each for each in told["outputs"] if each in ("keys", "values", "api_keys")]


def test_who_called_is_kept_and_what_he_sent_is_not() -> None:
    found = made_of(HERE)
    stage = found.one("aws:apigateway/stage:Stage").inputs
    kept = json.loads(stage["accessLogSettings"]["format"])
    assert kept["status"] == "$context.status"
    assert not [each for each in kept.values() if each == "$context.identity.apiKey" or "body" in each]
    settings = found.one("aws:apigateway/methodSettings:MethodSettings").inputs["settings"]
    assert (settings["dataTraceEnabled"], settings["loggingLevel"], settings["metricsEnabled"]) == (
        False,
        "ERROR",
        True,
    )
    logs = {each.name: each.inputs for each in found.all("aws:cloudwatch/logGroup:LogGroup")}
    assert logs["digits-errors"]["name"] == "API-Gateway-Execution-Logs_digits-id/live"
    assert {(each["retentionInDays"], each["kmsKeyId"]) for each in logs.values()} == {
        (365, "arn:aws:test:eu-central-1:123456789012:digits")
    }
    assert "digits-errors" in found.one("aws:apigateway/methodSettings:MethodSettings").depends_on


def test_what_lets_all_apis_of_the_account_log_stays() -> None:
    found = made_of(HERE)
    assert found.one("aws:apigateway/account:Account").request["retainOnDelete"] is True
    assert found.one("aws:iam/role:Role", "digits-logs").request["retainOnDelete"] is True
    assert "retainOnDelete" not in found.one("aws:iam/role:Role", "digits-calls").request
    assert "digits" in found.one("aws:apigateway/stage:Stage").depends_on
    there = made_of({**HERE, "account_may_log": True})
    assert there.all("aws:apigateway/account:Account") == []
    assert [each.name for each in there.all("aws:iam/role:Role")] == ["digits-calls"]


def test_a_name_of_ones_own_is_the_only_way_in() -> None:
    found = made_of(NAMED)
    assert found.one("aws:apigateway/restApi:RestApi").inputs["disableExecuteApiEndpoint"] is True
    assert made_of(HERE).one("aws:apigateway/restApi:RestApi").inputs["disableExecuteApiEndpoint"] is False
    domain = found.one("aws:apigateway/domainName:DomainName").inputs
    assert (domain["domainName"], domain["securityPolicy"]) == ("digits.models.example.com", "TLS_1_2")
    record = found.one("aws:route53/record:Record", "digits-digits.models.example.com")
    assert record.inputs["aliases"] == [{"name": "d-1", "zoneId": "Z1", "evaluateTargetHealth": False}]
    assert "allowOverwrite" not in record.inputs
    arn = f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
    given: Any = {**cast("Any", NAMED)["domain"], "certificate": {"arn": arn, "names": ["*.models.example.com"]}}
    mine = made_of({**NAMED, "domain": given})
    assert mine.one("aws:apigateway/domainName:DomainName").inputs["regionalCertificateArn"] == arn
    assert mine.all("aws:acm/certificate:Certificate") == []


def test_networks_are_held_to_beside_keys_and_beside_iam() -> None:
    cidrs = {"client_cidrs": ["192.0.2.0/24"]}
    keyed = json.loads(
        made_of(cast("AwsApiGatewayArgs", {**HERE, **cidrs})).one("aws:apigateway/restApi:RestApi").inputs["policy"]
    )
    assert [each["Effect"] for each in keyed["Statement"]] == ["Allow", "Deny"]
    assert keyed["Statement"][1]["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}
    # An Allow would let in whoever has any right in the account.
    signed = json.loads(made_of(FULL).one("aws:apigateway/restApi:RestApi").inputs["policy"])
    assert [each["Effect"] for each in signed["Statement"]] == ["Deny"]
    assert "policy" not in made_of(HERE).one("aws:apigateway/restApi:RestApi").inputs


def test_what_is_another_api_is_deployed_anew() -> None:
    def trigger(args: AwsApiGatewayArgs) -> Any:
        return made_of(args).one("aws:apigateway/deployment:Deployment").inputs["triggers"]

    first = trigger(HERE)
    assert first["function"] == INVOKE
    others: list[Any] = [
        {**HERE, "iam": True},
        {**BARE, "anonymous": True},
        {**HERE, "client_cidrs": ["192.0.2.0/24"]},
        {**HERE, "timeout": 5},
    ]
    assert all(trigger(each) != first for each in others)
    # A plan is no part of it.
    assert trigger({**HERE, "plans": [{"name": "all", "keys": ["one"]}]}) == first
    found = made_of(HERE).one("aws:apigateway/deployment:Deployment")
    assert {"digits", "digits-below"} <= found.depends_on


def test_a_firewall_stands_before_the_stage() -> None:
    found = made_of(FULL).one("aws:wafv2/webAclAssociation:WebAclAssociation").inputs
    assert (found["webAclArn"], found["resourceArn"]) == (WALL, "arn:aws:test:eu-central-1:123456789012:digits")


def _domain(**changed: Any) -> dict[str, Any]:
    return {"domain": {**cast("Any", NAMED)["domain"], **changed}}


_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"plans": []},
        "AwsApiGateway.plans is [], expected a plan with API keys, as everybody could call; write plans, or iam: "
        "True, or anonymous: True for everybody",
    ),
    (
        {"anonymous": True},
        "AwsApiGateway.anonymous is True, expected no plans beside it, as nobody would be asked; leave anonymous out",
    ),
    (
        {"plans": [{"name": "Partners", "keys": ["shop"]}]},
        "AwsApiGateway.plans[0].name is 'Partners', expected 1 to 32 of a-z, 0-9 and -, a letter first; for "
        "example partners",
    ),
    (
        {"plans": [{"name": "a", "keys": []}]},
        "AwsApiGateway.plans[0].keys is [], expected a name for each caller; write [shop]",
    ),
    (
        {"plans": [{"name": "a", "keys": ["shop"]}, {"name": "b", "keys": ["shop"]}]},
        "AwsApiGateway.plans is ['shop', 'shop'], expected each key in one plan, once; leave shop out of one",
    ),
    (
        {"plans": [{"name": "a-b", "keys": ["c"]}, {"name": "a", "keys": ["b-c"]}]},
        "AwsApiGateway.plans is ['a-b', 'a'], expected plans and keys whose names joined are each there once, and "
        "a-b-c is not; call a plan or a key otherwise",
    ),
    (
        {"plans": [{"name": "a", "keys": ["shop"], "rate": 20_000}]},
        "AwsApiGateway.plans[0].rate is 20000, expected 0.1 to 10000 requests in a second; write 10000",
    ),
    ({"burst": 0}, "AwsApiGateway.burst is 0, expected 1 to 5000 requests at once; write 1"),
    ({"timeout": 60}, "AwsApiGateway.timeout is 60, expected 0.05 to 29 seconds; write 29"),
    (
        {"client_cidrs": ["10.0.0.1/8"]},
        "AwsApiGateway.client_cidrs[0] is '10.0.0.1/8', expected an IPv4 network in CIDR notation; for example "
        "10.0.0.0/8",
    ),
    (
        _domain(hostname="digits.example.org"),
        "AwsApiGateway.domain.hostname is 'digits.example.org', expected a name of the zone models.example.com; "
        "write models.models.example.com, or the zone that it is in",
    ),
    (
        _domain(
            certificate={
                "arn": f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1234abcd",
                "names": ["*.models.example.com"],
            }
        ),
        f"AwsApiGateway.domain.certificate.arn is 'arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1234abcd', expected "
        "one of eu-central-1, where what uses it is; make or take one in eu-central-1",
    ),
    (
        _domain(
            certificate={"arn": f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/1234abcd", "names": ["a.example"]}
        ),
        "AwsApiGateway.domain.certificate.names is ['a.example'], expected names of a certificate for "
        "digits.models.example.com; take another certificate, or none",
    ),
    (
        _domain(
            certificate={
                "arn": "arn:aws:acm:eu-central-1:999999999999:certificate/1234abcd",
                "names": ["*.models.example.com"],
            }
        ),
        "AwsApiGateway.domain.certificate.arn is 'arn:aws:acm:eu-central-1:999999999999:certificate/1234abcd', "
        f"expected one of account {ACCOUNT}, as AWS takes no other's; make or take one there",
    ),
    (
        {"web_acl_arn": WALL.replace("arn:aws:", "arn:aws-us-gov:")},
        f"AwsApiGateway.web_acl_arn is '{WALL.replace('arn:aws:', 'arn:aws-us-gov:')}', expected one of the partition "
        "aws, as eu-central-1 is; take one that begins so",
    ),
    ({"acount_may_log": True}, "AwsApiGateway has no argument 'acount_may_log', did you mean account_may_log"),
]


@pytest.mark.parametrize(("args", "line"), _BAD)
def test_each_mistake_is_one_line_and_nothing_is_registered(args: dict[str, Any], line: str) -> None:
    with pytest.raises(ArgsError) as raised:
        made_of(cast("AwsApiGatewayArgs", {**HERE, **args}))
    assert str(raised.value) == line
