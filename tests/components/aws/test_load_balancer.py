"""Application and network load balancers, as they would be registered."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws.load_balancer import AwsLoadBalancer, AwsLoadBalancerArgs, AwsLoadBalancerKind
from components.checks import ArgsError
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
HERE: AwsLoadBalancerArgs = {
    "account_id": ACCOUNT,
    "region": "eu-central-1",
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "hostname": "models.example.com",
    "zone_name": "example.com",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
    "client_cidrs": ["10.0.0.0/16", "192.168.0.0/24"],
    "target_security_group_id": "sg-0123456789abcdef0",
}
NLB: dict[str, Any] = {"kind": AwsLoadBalancerKind.NLB}
CERTIFICATE = f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/12345678-1234-1234-1234-123456789012"
FIREWALL = f"arn:aws:wafv2:eu-central-1:{ACCOUNT}:regional/webacl/shop/12345678-1234-1234-1234-123456789012"
BALANCER, TARGETS, LISTENER, RULE = (
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:lb/listener:Listener",
    "aws:lb/listenerRule:ListenerRule",
)
GROUP, IN, OUT = (
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
CERTIFICATES, VALIDATION, RECORD, ASSOCIATION = (
    "aws:acm/certificate:Certificate",
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:route53/record:Record",
    "aws:wafv2/webAclAssociation:WebAclAssociation",
)
BUCKET, BUCKET_POLICY = "aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"


def _certificate(made: Planned) -> dict[str, Any]:
    """What ACM asks to be in the zone, in an order of its own."""
    names = [made.inputs["domainName"], *made.inputs.get("subjectAlternativeNames", [])]
    options = [
        {
            "domainName": each,
            "resourceRecordName": f"_{each}.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": f"{each}.acm-validations.aws.",
        }
        for each in reversed(names)
    ]
    return {"domainValidationOptions": options}


TOLD = {
    BALANCER: lambda _made: {"dnsName": "edge.elb.amazonaws.com", "zoneId": "ZELB", "arnSuffix": "app/edge/1"},
    TARGETS: lambda _made: {"arnSuffix": "targetgroup/edge/1"},
    BUCKET: lambda made: {"bucket": f"{made.name}-1234567", "arn": f"arn:aws:s3:::{made.name}-1234567"},
    CERTIFICATES: _certificate,
    RECORD: lambda made: {"fqdn": made.inputs["name"]},
}


def planned(preview: bool = False, name: str = "edge", **changes: Any) -> Plan:
    given: Any = {**HERE, **changes}
    return plan(lambda: AwsLoadBalancer(name, given), preview=preview, outputs=TOLD)


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("kind", AwsLoadBalancerKind)
def test_names_and_parents_stay(kind: AwsLoadBalancerKind, preview: bool) -> None:
    more = {"web_acl_arn": FIREWALL} if kind is AwsLoadBalancerKind.ALB else {}
    found = planned(preview, kind=kind, other_hostnames=["old.example.com"], **more)
    found.holds(SNAPSHOTS / f"load_balancer-{kind.value}.txt")


def test_an_application_load_balancer() -> None:
    found = planned()
    made = found.one(BALANCER)
    assert made.inputs == {
        "loadBalancerType": "application",
        "internal": True,
        "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "securityGroups": ["edge-id"],
        "accessLogs": {"bucket": "edge-logs-1234567", "enabled": True},
        "dropInvalidHeaderFields": True,
        "desyncMitigationMode": "defensive",
        "enableDeletionProtection": True,
        "tags": {"modelport:component": "edge", "Name": "edge"},
    }
    assert made.request["protect"] is True
    assert {"edge-https-10.0.0.0-16", "edge-targets", "edge-logs"} <= made.depends_on, "open and logging from the start"


def test_a_network_load_balancer() -> None:
    found = planned(**NLB)
    made = found.one(BALANCER).inputs
    assert (made["loadBalancerType"], made["enableCrossZoneLoadBalancing"]) == ("network", True)
    assert made["internal"] is True
    assert made["securityGroups"] == ["edge-id"]
    assert made["enableDeletionProtection"] is True
    assert "dropInvalidHeaderFields" not in made
    assert found.one(TARGETS).inputs["protocol"] == "TCP"
    listener = found.one(LISTENER).inputs
    assert (listener["port"], listener["protocol"]) == (443, "TLS"), "and no other door"
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09"
    assert listener["defaultActions"] == [{"type": "forward", "targetGroupArn": _arn("edge")}]


def _arn(name: str) -> str:
    return f"arn:aws:test:eu-central-1:{ACCOUNT}:{name}"


def test_only_what_is_for_callers_goes_through_over_tls_1_3() -> None:
    found = planned(other_hostnames=["old.example.com"])
    https = found.one(LISTENER, "edge").inputs
    assert (https["port"], https["protocol"]) == (443, "HTTPS")
    assert https["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09"
    assert https["certificateArn"] == _arn("edge")
    (nothing,) = https["defaultActions"]
    assert (nothing["type"], nothing["fixedResponse"]["statusCode"]) == ("fixed-response", "404")
    for host in ("models.example.com", "old.example.com"):
        rule = found.one(RULE, f"edge-{host}").inputs
        assert rule["conditions"] == [
            {"hostHeader": {"values": [host]}},
            {"pathPattern": {"values": ["/v2", "/v2/*"]}},
        ]
        assert rule["actions"] == [{"type": "forward", "targetGroupArn": _arn("edge")}]


def test_a_rule_keeps_its_place_whatever_others_there_are() -> None:
    names = [f"m{number}.example.com" for number in range(9)]
    many = planned(other_hostnames=names)
    places = {rule.name: rule.inputs["priority"] for rule in many.all(RULE)}
    assert len(set(places.values())) == 10
    assert all(1 <= place <= 50_000 for place in places.values())
    fewer = planned(other_hostnames=names[4:])
    assert {rule.name: rule.inputs["priority"] for rule in fewer.all(RULE)}.items() <= places.items()


def test_two_versions_have_a_target_group_each_and_ecs_moves_the_requests() -> None:
    found = planned(two_versions=True)
    (rule,) = found.all(RULE)
    (action,) = rule.inputs["actions"]
    assert action["forward"]["targetGroups"] == [
        {"arn": _arn("edge"), "weight": 100},
        {"arn": _arn("edge-b"), "weight": 0},
    ]
    assert rule.request["ignoreChanges"] == ["actions"]
    first, other = ({**each.inputs, "tags": {}} for each in found.all(TARGETS))
    assert first == other
    connections = planned(**NLB, two_versions=True).one(LISTENER)
    assert connections.request["ignoreChanges"] == ["defaultActions"]
    assert len(connections.inputs["defaultActions"][0]["forward"]["targetGroups"]) == 2
    assert "ignoreChanges" not in planned().one(RULE).request


def test_a_second_target_groups_name_fits_too() -> None:
    given: Any = {**HERE, "two_versions": True}
    with pytest.raises(
        ArgsError, match="the name of AwsLoadBalancer is 'abcdefghijklmnopqrstuvw', expected a letter and"
    ):
        plan(lambda: AwsLoadBalancer("abcdefghijklmnopqrstuvw", given), outputs=TOLD)


def test_what_answers_later_opens_itself() -> None:
    given: Any = {key: value for key, value in HERE.items() if key != "target_security_group_id"}
    found = plan(lambda: AwsLoadBalancer("edge", given), outputs=TOLD)
    assert not found.all(OUT)
    assert {each.inputs["securityGroupId"] for each in found.all(IN)} == {UNKNOWN}


def test_plain_http_is_sent_to_https() -> None:
    redirect = planned().one(LISTENER, "edge-redirect").inputs
    assert (redirect["port"], redirect["protocol"]) == (80, "HTTP")
    assert redirect["defaultActions"] == [
        {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
    ]


def test_tls_1_2_is_spelled_out() -> None:
    listener = planned(allow_tls_1_2=True).one(LISTENER, "edge").inputs
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


def test_nodes_of_a_cluster_as_targets() -> None:
    found = planned(node_port=30080)
    made = found.one(TARGETS).inputs
    assert (made["targetType"], made["port"]) == ("instance", 30080)
    assert made["healthCheck"]["port"] == "traffic-port"
    ports = {
        (each.inputs["fromPort"], each.inputs["toPort"]) for each in found.resources if each.name.endswith("-targets")
    }
    assert ports == {(30080, 30080)}


def test_the_model_answers_as_long_as_it_is_ready() -> None:
    made = planned(target_port=9000).one(TARGETS).inputs
    assert (made["targetType"], made["protocol"], made["port"]) == ("ip", "HTTP", 9000)
    check = made["healthCheck"]
    assert (check["path"], check["matcher"], check["port"]) == ("/v2/health/ready", "200", "traffic-port")


def test_in_from_named_networks_and_out_to_what_answers() -> None:
    found = planned()
    assert not {"ingress", "egress"} & set(found.one(GROUP).inputs), "a group's own rules and these would fight"
    opened = {each.name: each.inputs for each in found.all(IN)}
    callers = {
        (each["fromPort"], each["toPort"], each.get("cidrIpv4"))
        for each in opened.values()
        if each["securityGroupId"] == "edge-id"
    }
    assert callers == {(port, port, cidr) for port in (80, 443) for cidr in HERE["client_cidrs"]}
    out = found.one(OUT).inputs
    assert (out["securityGroupId"], out["referencedSecurityGroupId"]) == ("edge-id", "sg-0123456789abcdef0")
    assert (out["fromPort"], out["toPort"]) == (8080, 8080)
    back = opened["edge-targets"]
    assert (back["securityGroupId"], back["referencedSecurityGroupId"]) == ("sg-0123456789abcdef0", "edge-id")
    assert (back["fromPort"], back["toPort"]) == (8080, 8080)
    assert {each["ipProtocol"] for each in [*opened.values(), out]} == {"tcp"}
    assert {each.inputs["fromPort"] for each in planned(**NLB).all(IN)} == {443, 8080}


def test_facing_the_internet_is_spelled_out() -> None:
    found = planned(internet_facing=True, client_cidrs=["0.0.0.0/0"])
    assert found.one(BALANCER).inputs["internal"] is False
    assert found.one(IN, "edge-https-0.0.0.0-0").inputs["cidrIpv4"] == "0.0.0.0/0"


def test_the_certificate_is_proven_by_records_in_the_zone() -> None:
    found = planned(other_hostnames=["old.example.com"])
    made = found.one(CERTIFICATES).inputs
    assert (made["domainName"], made["subjectAlternativeNames"]) == ("models.example.com", ["old.example.com"])
    assert made["validationMethod"] == "DNS"
    for host in ("models.example.com", "old.example.com"):
        record = found.one(RECORD, f"edge-validation-{host}").inputs
        assert (record["name"], record["type"]) == (f"_{host}.", "CNAME")
        assert record["records"] == [f"{host}.acm-validations.aws."]
        assert record["zoneId"] == "Z0123456789ABCDEFGHIJ"
    proven = found.one(VALIDATION)
    assert proven.inputs["certificateArn"] == _arn("edge")
    assert proven.inputs["validationRecordFqdns"] == ["_models.example.com.", "_old.example.com."]
    assert found.one(LISTENER, "edge").depends_on >= {"edge"}


def test_the_names_lead_to_it_once_it_answers() -> None:
    found = planned(other_hostnames=["old.example.com"])
    for host in ("models.example.com", "old.example.com"):
        record = found.one(RECORD, f"edge-{host}")
        assert record.inputs == {
            "zoneId": "Z0123456789ABCDEFGHIJ",
            "name": host,
            "type": "A",
            "aliases": [{"name": "edge.elb.amazonaws.com", "zoneId": "ZELB", "evaluateTargetHealth": True}],
        }, "and takes over no record of somebody else's"
        assert {f"edge-{host}", "edge-redirect"} <= record.depends_on | {record.name}


def test_a_name_that_leads_to_others_too_is_answered_for_and_has_no_record_here() -> None:
    alone, shared = (
        planned(other_hostnames=["old.example.com"]),
        planned(other_hostnames=["old.example.com"], shared_hostname=True),
    )
    assert set(alone.lines()) - set(shared.lines()) == {
        "modelport:index:AwsLoadBalancer$aws:route53/record:Record::edge-models.example.com"
    }
    assert shared.one(CERTIFICATES).inputs == alone.one(CERTIFICATES).inputs
    assert shared.one(RULE, "edge-models.example.com").inputs == alone.one(RULE, "edge-models.example.com").inputs


@pytest.mark.parametrize("preview", [True, False])
def test_a_given_certificate_is_used_as_it_is(preview: bool) -> None:
    given = {"arn": CERTIFICATE, "names": ["example.com", "*.example.com"]}
    found = planned(preview, certificate=given)
    assert found.one(LISTENER, "edge").inputs["certificateArn"] == CERTIFICATE
    assert not found.all(CERTIFICATES) and not found.all(VALIDATION)
    late = {"arn": CERTIFICATE, "names": pulumi.Output.from_input(["*.example.com"])}
    assert planned(certificate=late).one(LISTENER, "edge").inputs["certificateArn"] == CERTIFICATE


def test_the_logs_have_a_bucket_that_nobody_else_reads_or_writes() -> None:
    found = planned(log_days=30)
    closed = found.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert {key for key, value in closed.items() if value is True} == {
        *("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    }
    owned = found.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
    assert owned["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    versions = found.one("aws:s3/bucketVersioning:BucketVersioning").inputs
    assert versions["versioningConfiguration"] == {"status": "Enabled"}
    encryption = found.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs
    assert encryption["rules"] == [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    lifecycle = found.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    (rule,) = lifecycle.inputs["rules"]
    assert (rule["status"], rule["expiration"]) == ("Enabled", {"days": 30})
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}


def _statements(found: Plan) -> dict[str, Any]:
    policy = json.loads(found.one(BUCKET_POLICY).inputs["policy"])
    return {each["Sid"]: each for each in policy["Statement"]}


def test_the_services_that_deliver_logs_may_write_them_for_this_account() -> None:
    bucket = "arn:aws:s3:::edge-logs-1234567"
    found = _statements(planned())
    assert set(found) == {"Delivery", "TlsAlone"}
    assert found["Delivery"] == {
        "Sid": "Delivery",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"{bucket}/AWSLogs/{ACCOUNT}/*",
    }
    assert found["TlsAlone"]["Effect"] == "Deny"
    assert found["TlsAlone"]["Resource"] == [bucket, f"{bucket}/*"]
    assert found["TlsAlone"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    found = _statements(planned(**NLB))
    assert set(found) == {"Delivery", "DeliveryCheck", "TlsAlone"}
    for each in (found["Delivery"], found["DeliveryCheck"]):
        assert each["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert each["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT
        assert each["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:logs:eu-central-1:{ACCOUNT}:*"}
    assert found["Delivery"]["Resource"] == f"{bucket}/AWSLogs/{ACCOUNT}/*"


def test_the_logs_outlive_it_unless_asked() -> None:
    logs = [each for each in planned().resources if each.name == "edge-logs"]
    assert len(logs) == 7
    assert all(each.request["retainOnDelete"] is True for each in logs)
    assert planned().one(BUCKET).inputs["forceDestroy"] is False
    found = planned(delete_logs=True)
    assert found.one(BUCKET).inputs["forceDestroy"] is True
    assert not any(each.request.get("retainOnDelete") for each in found.resources)


def test_deleting_it_is_said_before() -> None:
    found = planned(allow_deletion=True).one(BALANCER)
    assert found.inputs["enableDeletionProtection"] is False
    assert not found.request.get("protect")


def test_a_firewall_comes_first() -> None:
    found = planned(web_acl_arn=FIREWALL)
    assert found.one(ASSOCIATION).inputs == {"resourceArn": _arn("edge"), "webAclArn": FIREWALL}
    assert not planned().all(ASSOCIATION)


def test_it_goes_before_what_it_stands_in() -> None:
    """Its own group, and the logs, are gone after it; the records of its names before."""
    found = planned()
    assert {"edge", "edge-logs"} <= found.one(BALANCER).depends_on
    assert found.one(RECORD, "edge-models.example.com").depends_on >= {"edge", "edge-redirect"}


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True)
    made = found.one(BALANCER).inputs
    assert (made["internal"], made["securityGroups"]) == (True, [UNKNOWN])
    assert made["subnets"] == HERE["subnet_ids"]
    record = found.one(RECORD, "edge-validation-models.example.com").inputs
    assert (record["name"], record["records"]) == (UNKNOWN, [UNKNOWN])
    assert found.one(BUCKET_POLICY).inputs["policy"] == UNKNOWN


def test_outputs() -> None:
    known: dict[str, Any] = {}
    given: Any = HERE

    def program() -> None:
        made = AwsLoadBalancer("edge", given)
        for each in AwsLoadBalancer.__annotations__:
            getattr(made, each).apply(lambda value, each=each: known.update({each: value}))

    plan(program, preview=False, outputs=TOLD)
    assert known == {
        "url": "https://models.example.com",
        "dns_name": "edge.elb.amazonaws.com",
        "zone_id": "ZELB",
        "arn": _arn("edge"),
        "arn_suffix": "app/edge/1",
        "target_group_arn": _arn("edge"),
        "target_group_arn_suffix": "targetgroup/edge/1",
        "alternate_target_group_arn": "",
        "alternate_target_group_arn_suffix": "",
        "rule_arn": _arn("edge-models.example.com"),
        "certificate_arn": _arn("edge"),
        "security_group_id": "edge-id",
        "log_bucket": "edge-logs-1234567",
    }


def test_every_resource_that_takes_tags_has_them() -> None:
    found = planned(tags={"team": "ml"}, web_acl_arn=FIREWALL)
    untagged = {each.type for each in found.resources if each.custom and "team" not in each.inputs.get("tags", {})}
    assert untagged == {
        *(VALIDATION, RECORD, ASSOCIATION, BUCKET_POLICY),
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
    }
