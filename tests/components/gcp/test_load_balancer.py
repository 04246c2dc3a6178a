"""Load balancers on Google Cloud, as they would be registered."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp.load_balancer import GcpLoadBalancer, GcpWafRules
from tests.components.planned import UNKNOWN, Plan, Planned, plan
from tests.components.upgrading import Told

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT = "shop-prod"
ZONES = ["europe-west4-a", "europe-west4-b"]
GROUPS = [f"projects/{PROJECT}/zones/{zone}/instanceGroups/gke-shop-system-1a2b3c4d-grp" for zone in ZONES]
API = "https://www.googleapis.com/compute/v1"
EDGE: dict[str, Any] = {
    "project": PROJECT,
    "hostname": "models.example.com",
    "zone_name": "example.com",
    "managed_zone": "example-com",
    "client_cidrs": ["192.0.2.0/24", "198.51.100.0/24"],
}
HERE: dict[str, Any] = {
    **EDGE,
    "instance_groups": GROUPS,
    "node_port": 30_080,
    "network_id": f"projects/{PROJECT}/global/networks/shop",
    "node_tag": "shop-nodes",
}
RUN: dict[str, Any] = {**EDGE, "cloud_run": {"service": "digits", "region": "europe-west4"}}
CERTIFICATE = f"projects/{PROJECT}/locations/global/certificates/models"

ADDRESS, RULE = "gcp:compute/globalAddress:GlobalAddress", "gcp:compute/globalForwardingRule:GlobalForwardingRule"
SECURE, PLAIN = "gcp:compute/targetHttpsProxy:TargetHttpsProxy", "gcp:compute/targetHttpProxy:TargetHttpProxy"
TLS, MAP, BACKEND = (
    "gcp:compute/sSLPolicy:SSLPolicy",
    "gcp:compute/uRLMap:URLMap",
    "gcp:compute/backendService:BackendService",
)
PORT, FIREWALL, CHECK, ENDPOINTS = (
    "gcp:compute/instanceGroupNamedPort:InstanceGroupNamedPort",
    "gcp:compute/firewall:Firewall",
    "gcp:compute/healthCheck:HealthCheck",
    "gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup",
)
POLICY, RECORD = "gcp:compute/securityPolicy:SecurityPolicy", "gcp:dns/recordSet:RecordSet"
PROOF, CERTIFICATES, CERTIFICATE_MAP, ENTRY = (
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization",
    "gcp:certificatemanager/certificate:Certificate",
    "gcp:certificatemanager/certificateMap:CertificateMap",
    "gcp:certificatemanager/certificateMapEntry:CertificateMapEntry",
)
LAST = 2_147_483_647


def _proof(made: Planned) -> dict[str, Any]:
    """What Google asks to be in the zone."""
    name = f"_acme-challenge_abc.{made.inputs['domain']}."
    return {"dnsResourceRecords": [{"name": name, "type": "CNAME", "data": "def.authorize.certificatemanager.goog."}]}


TOLD: Told = {ADDRESS: lambda _made: {"address": "203.0.113.7"}, PROOF: _proof}


def planned(preview: bool = False, here: dict[str, Any] = HERE, name: str = "edge", **changes: Any) -> Plan:
    given: Any = {**here, **changes}
    return plan(lambda: GcpLoadBalancer(name, given), preview=preview, outputs=TOLD)


def _rules(found: Plan) -> dict[int, dict[str, Any]]:
    """Rules of the policy by their priorities, as they are asked."""
    return {each["priority"]: each for each in sorted(found.one(POLICY).inputs["rules"], key=lambda it: it["priority"])}


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("kind", "here"), [("nodes", HERE), ("run", RUN)])
def test_names_and_parents_stay(kind: str, here: dict[str, Any], preview: bool) -> None:
    found = planned(preview, here, other_hostnames=["old.example.com"])
    found.holds(SNAPSHOTS / f"load_balancer-{kind}.txt")


def test_one_address_that_stays() -> None:
    found = planned()
    made = found.one(ADDRESS)
    assert (made.inputs["addressType"], made.inputs["ipVersion"]) == ("EXTERNAL", "IPV4")
    assert made.request["protect"] is True
    assert {each.inputs["ipAddress"] for each in found.all(RULE)} == {"203.0.113.7"}


def test_deleting_it_is_said_before() -> None:
    found = planned(allow_deletion=True)
    assert not any(each.request.get("protect") for each in found.resources)


def test_https_and_nothing_beside_it_but_the_way_there() -> None:
    found = planned()
    rules = {each.inputs["portRange"]: each for each in found.all(RULE)}
    assert set(rules) == {"443", "80"}
    assert {each.inputs["loadBalancingScheme"] for each in rules.values()} == {"EXTERNAL_MANAGED"}
    assert {each.inputs["ipProtocol"] for each in rules.values()} == {"TCP"}
    assert (rules["443"].inputs["target"], rules["80"].inputs["target"]) == ("edge-id", "edge-redirect-id")
    assert rules["443"].depends_on >= {"edge"} and rules["80"].depends_on >= {"edge-redirect"}


def test_plain_http_is_sent_to_https() -> None:
    found = planned()
    assert found.one(PLAIN).inputs["urlMap"] == "edge-redirect-id"
    away = found.one(MAP, "edge-redirect").inputs
    assert away["defaultUrlRedirect"] == {
        "httpsRedirect": True,
        "redirectResponseCode": "MOVED_PERMANENTLY_DEFAULT",
        "stripQuery": False,
    }
    assert not {"defaultService", "hostRules", "pathMatchers"} & set(away), "nothing answers over plain HTTP"


def test_tls_1_3_alone() -> None:
    found = planned()
    made = found.one(TLS).inputs
    assert (made["profile"], made["minTlsVersion"]) == ("RESTRICTED", "TLS_1_3")
    assert made["postQuantumKeyExchange"] == "ENABLED"
    proxy = found.one(SECURE).inputs
    assert (proxy["sslPolicy"], proxy["tlsEarlyData"]) == ("edge-id", "DISABLED")


def test_tls_1_2_is_spelled_out() -> None:
    made = planned(allow_tls_1_2=True).one(TLS).inputs
    assert (made["profile"], made["minTlsVersion"]) == ("RESTRICTED", "TLS_1_2")


NOT_FOUND = {"faultInjectionPolicy": {"abort": {"httpStatus": 404, "percentage": 100}}}


def test_the_models_own_paths_of_its_names_are_answered() -> None:
    found = planned(other_hostnames=["old.example.com"])
    made = found.one(MAP, "edge").inputs
    assert made["hostRules"] == [{"hosts": ["models.example.com", "old.example.com"], "pathMatcher": "model"}]
    (matcher,) = made["pathMatchers"]
    assert matcher["name"] == "model"
    assert matcher["pathRules"] == [{"paths": ["/v2", "/v2/*"], "service": "edge-nodes-id"}]
    assert found.one(SECURE).inputs["urlMap"] == "edge-id"


def test_any_other_name_or_path_is_not_found() -> None:
    made = planned().one(MAP, "edge").inputs
    assert made["defaultRouteAction"] == NOT_FOUND
    assert made["pathMatchers"][0]["defaultRouteAction"] == NOT_FOUND


def test_nodes_answer_at_one_port() -> None:
    found = planned()
    made = found.one(BACKEND)
    assert made.name == "edge-nodes"
    assert made.inputs == {
        "project": PROJECT,
        "description": "What answers for edge",
        "loadBalancingScheme": "EXTERNAL_MANAGED",
        "protocol": "HTTP",
        "portName": "edge-30080",
        "healthChecks": "edge-id",
        "localityLbPolicy": "LEAST_REQUEST",
        "timeoutSec": 60,
        "connectionDrainingTimeoutSec": 60,
        "securityPolicy": "edge-id",
        "enableCdn": False,
        "logConfig": {"enable": True, "sampleRate": 1},
        "backends": [
            {"group": f"{API}/{each}", "balancingMode": "RATE", "maxRatePerInstance": 100, "capacityScaler": 1}
            for each in GROUPS
        ],
    }
    ports = {each.name: each.inputs for each in found.all(PORT)}
    assert ports == {
        f"edge-{zone}": {
            "project": PROJECT,
            "zone": zone,
            "group": f"{API}/{group}",
            "name": "edge-30080",
            "port": 30_080,
        }
        for zone, group in zip(ZONES, GROUPS, strict=True)
    }


@pytest.mark.parametrize(
    "form", ["{}", "https://www.googleapis.com/compute/v1/{}", "https://compute.googleapis.com/compute/v1/{}"]
)
def test_what_gke_says_of_its_groups_is_understood(form: str) -> None:
    groups = [form.format(each.replace("instanceGroups", "instanceGroupManagers")) for each in reversed(GROUPS)]
    found = planned(instance_groups=groups)
    assert {each.inputs["zone"]: each.inputs["group"] for each in found.all(PORT)} == {
        zone: f"{API}/{group}" for zone, group in zip(ZONES, GROUPS, strict=True)
    }
    assert {each["group"] for each in found.one(BACKEND).inputs["backends"]} == {f"{API}/{each}" for each in GROUPS}


@pytest.mark.parametrize("preview", [True, False])
def test_a_cluster_tells_its_groups_late(preview: bool) -> None:
    def program() -> None:
        from pulumi_gcp.container.node_pool import NodePool

        pool = NodePool("system", cluster="shop")
        GcpLoadBalancer("edge", {**HERE, "instance_groups": pool.managed_instance_group_urls, "zones": ZONES})  # type: ignore[typeddict-item]

    told: Told = {"gcp:container/nodePool:NodePool": lambda _made: {"managedInstanceGroupUrls": GROUPS}}
    found = plan(program, preview=preview, outputs={**TOLD, **told})
    expected = [UNKNOWN, UNKNOWN] if preview else [f"{API}/{each}" for each in GROUPS]
    assert [each.inputs["group"] for each in found.all(PORT)] == expected
    assert [each.inputs["zone"] for each in found.all(PORT)] == ZONES
    assert [each["group"] for each in found.one(BACKEND).inputs["backends"]] == expected


def test_a_zone_without_a_group_is_told_once_it_is_known() -> None:
    late = pulumi.Output.from_input(GROUPS[:1])
    given: Any = {**HERE, "instance_groups": late, "zones": ZONES}

    def program() -> None:
        GcpLoadBalancer("edge", given)

    with pytest.raises(Exception, match=r"instance_groups is .*expected one group of europe-west4-b, which is among"):
        plan(program, preview=False, outputs=TOLD)


def test_googles_front_ends_alone_come_to_that_port_of_these_nodes() -> None:
    found = planned()
    assert found.one(FIREWALL).inputs == {
        "project": PROJECT,
        "network": HERE["network_id"],
        "description": "Google's front ends and health checks to nodes of edge",
        "direction": "INGRESS",
        "sourceRanges": ["35.191.0.0/16", "130.211.0.0/22"],
        "targetTags": ["shop-nodes"],
        "allows": [{"protocol": "tcp", "ports": ["30080"]}],
    }


def test_another_port_is_open_before_requests_go_there() -> None:
    """What has the port in its name is made beside what was there, which goes after nobody needs it."""
    found = planned(node_port=30_081)
    assert found.one(FIREWALL).name == "edge-port-30081"
    assert {each.inputs["name"] for each in found.all(PORT)} == {"edge-30081"}
    backend = found.one(BACKEND)
    assert backend.inputs["portName"] == "edge-30081"
    assert {"edge-port-30081", *(f"edge-{zone}" for zone in ZONES)} <= backend.depends_on


def test_the_model_answers_as_long_as_it_is_ready() -> None:
    made = planned().one(CHECK).inputs
    assert made["httpHealthCheck"] == {"requestPath": "/v2/health/ready", "portSpecification": "USE_SERVING_PORT"}
    assert (made["checkIntervalSec"], made["timeoutSec"]) == (10, 5)
    assert (made["healthyThreshold"], made["unhealthyThreshold"]) == (2, 2)
    assert made["logConfig"] == {"enable": True}


def test_how_long_a_node_has() -> None:
    made = planned(timeout_seconds=300, draining_seconds=0).one(BACKEND).inputs
    assert (made["timeoutSec"], made["connectionDrainingTimeoutSec"]) == (300, 0)


def test_cloud_run_answers() -> None:
    found = planned(here=RUN)
    endpoints = found.one(ENDPOINTS).inputs
    assert (endpoints["networkEndpointType"], endpoints["region"]) == ("SERVERLESS", "europe-west4")
    assert endpoints["cloudRun"] == {"service": "digits"}
    made = found.one(BACKEND)
    assert made.name == "edge-run", "Google makes no backend service for nodes into one for Cloud Run"
    assert made.inputs == {
        "project": PROJECT,
        "description": "What answers for edge",
        "loadBalancingScheme": "EXTERNAL_MANAGED",
        "protocol": "HTTPS",
        "securityPolicy": "edge-id",
        "enableCdn": False,
        "logConfig": {"enable": True, "sampleRate": 1},
        "backends": [{"group": "edge-id"}],
    }, "which takes no health check, port or time of another's"
    assert not found.all(FIREWALL) and not found.all(PORT) and not found.all(CHECK)


def test_who_is_not_named_is_denied() -> None:
    found = planned()
    rules = _rules(found)
    assert list(rules) == [10_000, LAST]
    assert rules[10_000]["action"] == "allow"
    assert rules[10_000]["match"] == {
        "versionedExpr": "SRC_IPS_V1",
        "config": {"srcIpRanges": ["192.0.2.0/24", "198.51.100.0/24"]},
    }
    assert rules[LAST]["action"] == "deny(403)"
    assert rules[LAST]["match"]["config"] == {"srcIpRanges": ["*"]}
    assert found.one(POLICY).inputs["type"] == "CLOUD_ARMOR"
    assert found.one(BACKEND).inputs["securityPolicy"] == "edge-id"


def test_a_rule_has_ten_networks_at_most() -> None:
    networks = [f"198.51.{third}.0/24" for third in range(23)]
    rules = _rules(planned(client_cidrs=networks))
    assert list(rules) == [10_000, 10_001, 10_002, LAST]
    named = [rules[each]["match"]["config"]["srcIpRanges"] for each in (10_000, 10_001, 10_002)]
    assert [len(each) for each in named] == [10, 10, 3]
    assert [each for some in named for each in some] == networks
    assert {rules[each]["action"] for each in (10_000, 10_001, 10_002)} == {"allow"}


def test_the_internet_is_spelled_out() -> None:
    rules = _rules(planned(client_cidrs=["0.0.0.0/0"], open_to_the_internet=True))
    assert rules[10_000]["match"]["config"]["srcIpRanges"] == ["0.0.0.0/0"]
    assert rules[LAST]["action"] == "deny(403)"


def test_one_address_sends_so_many_requests() -> None:
    rules = _rules(planned(requests_per_minute=600))
    assert rules[10_000]["action"] == "throttle"
    assert rules[10_000]["rateLimitOptions"] == {
        "conformAction": "allow",
        "exceedAction": "deny(429)",
        "enforceOnKey": "IP",
        "rateLimitThreshold": {"count": 600, "intervalSec": 60},
    }
    assert "rateLimitOptions" not in rules[LAST] and rules[LAST]["action"] == "deny(403)"
    assert "rateLimitOptions" not in _rules(planned())[10_000]


def test_preconfigured_rules_come_first() -> None:
    found = planned(waf=[GcpWafRules.SQLI, "cve-canary"], waf_sensitivity=2)
    rules = _rules(found)
    assert list(rules) == [1_000, 1_001, 10_000, LAST]
    assert {rules[each]["action"] for each in (1_000, 1_001)} == {"deny(403)"}
    asked = [rules[each]["match"]["expr"]["expression"] for each in (1_000, 1_001)]
    assert asked == [
        "evaluatePreconfiguredWaf('sqli-v422-stable', {'sensitivity': 2})",
        "evaluatePreconfiguredWaf('cve-canary', {'sensitivity': 2})",
    ]
    assert found.one(POLICY).inputs["advancedOptionsConfig"]["jsonParsing"] == "STANDARD"
    usual = _rules(planned(waf=[GcpWafRules.XSS]))[1_000]["match"]["expr"]["expression"]
    assert usual == "evaluatePreconfiguredWaf('xss-v422-stable', {'sensitivity': 1})"


def test_adaptive_protection_is_asked_for() -> None:
    def of(found: Plan) -> Any:
        return found.one(POLICY).inputs["adaptiveProtectionConfig"]["layer7DdosDefenseConfig"]["enable"]

    assert of(planned()) is False
    assert of(planned(adaptive_protection=True)) is True


@pytest.mark.parametrize("here", [HERE, RUN])
def test_every_request_is_logged_or_the_share_that_is_asked_for(here: dict[str, Any]) -> None:
    assert planned(here=here).one(BACKEND).inputs["logConfig"] == {"enable": True, "sampleRate": 1}
    assert planned(here=here, log_sampling=0.1).one(BACKEND).inputs["logConfig"] == {"enable": True, "sampleRate": 0.1}


def test_each_name_has_a_certificate_proven_by_a_record_in_the_zone() -> None:
    found = planned(other_hostnames=["old.example.com"])
    for host in ("models.example.com", "old.example.com"):
        called = f"edge-{host}"
        proof = found.one(PROOF, called).inputs
        assert (proof["domain"], proof["type"]) == (host, "PER_PROJECT_RECORD")
        record = found.one(RECORD, f"edge-validation-{host}").inputs
        assert (record["managedZone"], record["name"]) == ("example-com", f"_acme-challenge_abc.{host}.")
        assert (record["type"], record["rrdatas"]) == ("CNAME", ["def.authorize.certificatemanager.goog."])
        made = found.one(CERTIFICATES, called)
        assert made.inputs["managed"] == {"domains": [host], "dnsAuthorizations": [f"{called}-id"]}
        assert f"edge-validation-{host}" in made.depends_on, "Google finds the record when it looks"
        entry = found.one(ENTRY, called).inputs
        assert (entry["hostname"], entry["certificates"]) == (host, [f"{called}-id"])
        assert entry["map"] == "edge"


def test_another_name_leaves_the_certificates_of_others_alone() -> None:
    def of(found: Plan) -> dict[str, Any]:
        return {each.name: each.inputs for each in found.all(CERTIFICATES)}

    assert of(planned()).items() <= of(planned(other_hostnames=["old.example.com"])).items()


def test_certificates_names_have_no_dots_and_fit() -> None:
    long = f"{'m' * 52}.example.com"
    found = planned(name="e" * 44, hostname=long)
    for type_ in (PROOF, CERTIFICATES, ENTRY):
        called = found.one(type_).inputs["name"]
        assert "." not in called and len(called) <= 63


def test_the_proxy_has_the_certificates_by_a_map() -> None:
    found = planned()
    proxy = found.one(SECURE)
    assert proxy.inputs["certificateMap"] == "//certificatemanager.googleapis.com/edge-id"
    assert not {"sslCertificates", "certificateManagerCertificates"} & set(proxy.inputs)
    assert "edge-models.example.com" in proxy.depends_on, "a name without a certificate gets no answer"
    assert not [each for each in found.all(ENTRY) if "matcher" in each.inputs], "no certificate for other names"


@pytest.mark.parametrize("preview", [True, False])
def test_a_given_certificate_is_used_as_it_is(preview: bool) -> None:
    given = {"name": CERTIFICATE, "names": ["example.com", "*.example.com"]}
    found = planned(preview, certificate=given, other_hostnames=["old.example.com"])
    assert {each.inputs["hostname"]: each.inputs["certificates"] for each in found.all(ENTRY)} == {
        "models.example.com": [CERTIFICATE],
        "old.example.com": [CERTIFICATE],
    }
    assert not found.all(CERTIFICATES) and not found.all(PROOF)
    late = {"name": CERTIFICATE, "names": pulumi.Output.from_input(["*.example.com"])}
    assert planned(certificate=late).one(ENTRY).inputs["certificates"] == [CERTIFICATE]


def test_the_names_lead_to_it_once_it_answers() -> None:
    found = planned(other_hostnames=["old.example.com"])
    for host in ("models.example.com", "old.example.com"):
        record = found.one(RECORD, f"edge-{host}")
        assert record.inputs == {
            "project": PROJECT,
            "managedZone": "example-com",
            "name": f"{host}.",
            "type": "A",
            "ttl": 300,
            "rrdatas": ["203.0.113.7"],
        }
        assert {"edge", "edge-redirect"} <= record.depends_on


def _needs(found: Plan, type_: str, name: str) -> set[str]:
    """Types of all that goes after a resource goes."""
    by_urn = {each.urn: each for each in found.resources}
    left, needed = [found.one(type_, name).urn], set[str]()
    while left:
        for urn in by_urn[left.pop()].request.get("dependencies", []):
            if urn not in needed:
                needed.add(urn)
                left.append(urn)
    return {by_urn[urn].type for urn in needed}


def test_what_others_refer_to_goes_after_them() -> None:
    """Google deletes nothing that is in use: rule, proxy, map, backend service, and then what these stand on."""
    found = planned()
    record = _needs(found, RECORD, "edge-models.example.com")
    assert {RULE, SECURE, PLAIN, MAP, BACKEND, ADDRESS, POLICY, PORT, FIREWALL, CHECK, TLS} <= record
    assert _needs(found, RULE, "edge") >= {SECURE, MAP, BACKEND, ENTRY, CERTIFICATE_MAP, CERTIFICATES, PROOF, ADDRESS}
    assert _needs(found, SECURE, "edge") >= {MAP, TLS, ENTRY, CERTIFICATE_MAP, BACKEND}
    assert _needs(found, MAP, "edge") >= {BACKEND, POLICY, PORT, CHECK, FIREWALL}
    assert _needs(found, BACKEND, "edge-nodes") == {POLICY, PORT, CHECK, FIREWALL}
    assert _needs(found, ENTRY, "edge-models.example.com") == {CERTIFICATE_MAP, CERTIFICATES, PROOF, RECORD}
    assert _needs(planned(here=RUN), BACKEND, "edge-run") == {POLICY, ENDPOINTS}


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True)
    assert found.one(BACKEND).inputs["backends"][0]["group"] == f"{API}/{GROUPS[0]}"
    assert _rules(found)[10_000]["match"]["config"]["srcIpRanges"] == HERE["client_cidrs"]
    record = found.one(RECORD, "edge-validation-models.example.com").inputs
    assert (record["name"], record["rrdatas"]) == (UNKNOWN, [UNKNOWN])
    assert found.one(RECORD, "edge-models.example.com").inputs["name"] == "models.example.com."


def test_outputs() -> None:
    known: dict[str, Any] = {}
    given: Any = HERE

    def program() -> None:
        made = GcpLoadBalancer("edge", given)
        for each in GcpLoadBalancer.__annotations__:
            getattr(made, each).apply(lambda value, each=each: known.update({each: value}))

    plan(program, preview=False, outputs=TOLD)
    assert known == {
        "url": "https://models.example.com",
        "address": "203.0.113.7",
        "backend_service_id": "edge-nodes-id",
        "backend_service_name": "edge-nodes",
        "url_map_name": "edge",
        "security_policy_id": "edge-id",
        "certificate_name": "edge-models.example.com-id",
        "validation_records": [],
    }


def test_every_resource_that_takes_labels_has_them() -> None:
    found = planned(labels={"team": "ml"})
    without = {each.type for each in found.resources if each.custom and "labels" not in each.inputs}
    assert without == {FIREWALL, PORT, CHECK, BACKEND, TLS, MAP, SECURE, PLAIN, RECORD}
    assert all(
        each.inputs["labels"] == {"team": "ml", "modelport-component": "edge"}
        for each in found.resources
        if "labels" in each.inputs
    )


def test_the_longest_name_fits() -> None:
    given: Any = HERE
    said = r"the name of GcpLoadBalancer is 'e{45}', expected a letter and at most 43 more"
    with pytest.raises(ArgsError, match=said):
        plan(lambda: GcpLoadBalancer("e" * 45, given), outputs=TOLD)
    found = planned(name="e" * 44)
    # Pulumi puts eight characters behind what has no name of its own.
    assert max(len(each.name) for each in found.resources if "name" not in each.inputs) + 8 <= 63
