"""What a load balancer on Google Cloud cannot be, each in one line before anything is planned."""

from typing import Any, cast

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp import load_balancer_asked
from components.gcp.load_balancer import GcpLoadBalancer
from tests.components.gcp.test_load_balancer import CERTIFICATE, EDGE, GROUPS, HERE, RUN, TOLD
from tests.components.planned import plan

NETWORKS = [f"198.{second}.{third}.0/24" for second in (18, 19) for third in range(101)]


def _certificate(**changes: Any) -> dict[str, Any]:
    return {"certificate": {"name": CERTIFICATE, "names": ["models.example.com"], **changes}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"name": "e" * 45},
            "the name of GcpLoadBalancer is 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', expected a",
        ),
        ({"name": "Edge"}, "the name of GcpLoadBalancer is 'Edge', expected a letter and at most 43 more of a-z, 0-9"),
        ({"project": "Shop"}, "GcpLoadBalancer.project is 'Shop', expected the id of a project"),
        (
            {"hostname": "models.example.org"},
            "GcpLoadBalancer.hostname is 'models.example.org', expected a name of the zone example.com; write models.",
        ),
        ({"hostname": "badexample.com"}, "expected a name of the zone example.com"),
        ({"hostname": "*.example.com"}, "GcpLoadBalancer.hostname is '*.example.com', expected a DNS name in lower"),
        ({"hostname": f"{'m' * 53}.example.com"}, "expected a DNS name in lower case of at most 64 characters"),
        ({"zone_name": "example.com."}, "GcpLoadBalancer.zone_name is 'example.com.', expected the name of a zone, in"),
        (
            {"managed_zone": "example.com"},
            "GcpLoadBalancer.managed_zone is 'example.com', expected the name of a zone in Cloud DNS, which is not its "
            "DNS name; for example example-com",
        ),
        (
            {"other_hostnames": ["a.example.org"]},
            "GcpLoadBalancer.other_hostnames is 'a.example.org', expected a name of",
        ),
        (
            {"other_hostnames": ["models.example.com", "a.example.com"]},
            "expected each name once, and not `hostname` again; write ['a.example.com']",
        ),
        ({"client_cidrs": []}, "GcpLoadBalancer.client_cidrs is [], expected networks that may call; write those of"),
        (
            {"client_cidrs": ["192.0.2.1/24"]},
            "GcpLoadBalancer.client_cidrs[0] is '192.0.2.1/24', expected an IPv4 network in CIDR notation; for example "
            "192.0.2.0/24",
        ),
        ({"client_cidrs": ["2001:db8::/32"]}, "GcpLoadBalancer.client_cidrs[0] is '2001:db8::/32', expected an IPv4"),
        (
            {"client_cidrs": ["192.0.2.0/24", "192.0.2.128/25"]},
            "GcpLoadBalancer.client_cidrs[1] is '192.0.2.128/25', which overlaps GcpLoadBalancer.client_cidrs[0]",
        ),
        (
            {"client_cidrs": ["0.0.0.0/0"]},
            "GcpLoadBalancer.client_cidrs is '0.0.0.0/0', expected networks of those who call, as this opens the model "
            "to the internet; name theirs, or write open_to_the_internet: true",
        ),
        ({"client_cidrs": ["0.0.0.0/1", "128.0.0.0/1"]}, "as this opens the model to the internet"),
        (
            {"client_cidrs": ["10.0.0.0/16"]},
            "GcpLoadBalancer.client_cidrs[0] is '10.0.0.0/16', expected a network that somebody has on the internet, "
            "from where callers come; write what their requests come from",
        ),
        ({"client_cidrs": NETWORKS}, "GcpLoadBalancer.client_cidrs is '202 networks', expected at most 200; join some"),
        ({"requests_per_minute": 0}, "GcpLoadBalancer.requests_per_minute is 0, expected 1 to 100000; write 1"),
        ({"log_sampling": 0}, "GcpLoadBalancer.log_sampling is 0, expected 0.001 to 1; write 0.001"),
        ({"waf": ["sqli"]}, "GcpLoadBalancer.waf is 'sqli', expected one of sqli-v422-stable, xss-v422-stable, lfi"),
        ({"waf": ["cve-canary", "cve-canary"]}, "GcpLoadBalancer.waf is ['cve-canary', 'cve-canary'], expected each"),
        ({"waf": ["cve-canary"], "waf_sensitivity": 5}, "GcpLoadBalancer.waf_sensitivity is 5, expected 1 to 4; write"),
        (
            {"waf_sensitivity": 2},
            "GcpLoadBalancer.waf_sensitivity is 2, expected nothing without waf; leave it out, or write waf: ...",
        ),
        ({"timeout_seconds": 0}, "GcpLoadBalancer.timeout_seconds is 0, expected 1 to 86400 seconds; write 1"),
        ({"draining_seconds": 3601}, "GcpLoadBalancer.draining_seconds is 3601, expected 0 to 3600 seconds; write"),
        ({"node_port": 8080}, "GcpLoadBalancer.node_port is 8080, expected 30000 to 32767; write 30000"),
        (
            {"node_port": None},
            "GcpLoadBalancer.node_port is None, expected instance_groups, node_port, network_id, node_tag beside each "
            "other, or instances, or cloud_run; write node_port: ...",
        ),
        ({"network_id": None}, "GcpLoadBalancer.network_id is None, expected instance_groups, node_port, network_id"),
        ({"node_tag": None}, "GcpLoadBalancer.node_tag is None, expected instance_groups, node_port, network_id"),
        ({"node_tag": "Shop"}, "GcpLoadBalancer.node_tag is 'Shop', expected a network tag of Compute Engine"),
        ({"instance_groups": None}, "GcpLoadBalancer.instance_groups is None, expected instance_groups, node_port"),
        ({"instance_groups": []}, "GcpLoadBalancer.zones is [], expected zones of nodes that answer"),
        (
            {"instance_groups": ["gke-shop"]},
            "GcpLoadBalancer.instance_groups[0] is 'gke-shop', expected the address of an instance group; for example "
            "projects/shop-prod/zones/europe-west4-a/instanceGroups/",
        ),
        (
            {"instance_groups": [GROUPS[0], f"{GROUPS[0]}-b"]},
            "expected one group of europe-west4-a, which is among the zones; name the zones that there are nodes in",
        ),
        (
            {"zones": ["europe-west4-a", "europe-west4-c"]},
            "expected one group of europe-west4-c, which is among the zones",
        ),
        ({"zones": ["europe-west4-a"]}, "expected one group of each of europe-west4-a; name their zones too"),
        ({"zones": ["europe-west4-z"]}, "GcpLoadBalancer.zones is 'europe-west4-z', expected zones of europe-west4"),
        ({"zones": ["europe-west47-a"]}, "GcpLoadBalancer.zones is 'europe-west47-a', expected a zone that there is"),
        ({"zones": ["europe-west4-a", "us-east4-a"]}, "expected zones of one region, as a cluster's are"),
        (
            {"cloud_run": RUN["cloud_run"]},
            "GcpLoadBalancer.instance_groups is [",
        ),
        (_certificate(names=["other.example.com"]), "expected names of a certificate for models.example.com; take"),
        (_certificate(names=["*.com"]), "expected names of a certificate for models.example.com"),
        (_certificate(names=None), "GcpLoadBalancer.certificate.names is missing"),
        (
            _certificate(name="models"),
            "GcpLoadBalancer.certificate.name is 'models', expected the whole name of a global certificate of "
            "Certificate Manager; for example projects/shop-prod/locations/global/certificates/models",
        ),
        (_certificate(name=CERTIFICATE.replace("global", "europe-west4")), "expected the whole name of a global"),
        (
            _certificate(name=CERTIFICATE.replace("shop-prod", "shop-prod-2")),
            "expected one of shop-prod, as a load balancer takes no other's; make or take one there",
        ),
        (
            {**_certificate(), "other_hostnames": ["old.example.com"]},
            "GcpLoadBalancer.certificate.names is ['models.example.com'], expected names of a certificate for old.",
        ),
        ({"labels": {"Team": "ml"}}, "a key of GcpLoadBalancer.labels is 'Team', expected a letter and at most 62"),
        (
            {"open_to_internet": True},
            "GcpLoadBalancer has no argument 'open_to_internet', did you mean open_to",
        ),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    _refused(HERE, changes, said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"cloud_run": None},
            "GcpLoadBalancer.instance_groups is None, expected instance_groups, node_port, network_id",
        ),
        ({"timeout_seconds": 60}, "GcpLoadBalancer.timeout_seconds is 60, expected nothing beside cloud_run"),
        (
            {"zones": ["europe-west4-a"]},
            "GcpLoadBalancer.zones is ['europe-west4-a'], expected nothing beside cloud_run",
        ),
        ({"cloud_run": {"service": "digits"}}, "GcpLoadBalancer.cloud_run.region is missing, expected a value"),
        (
            {"cloud_run": {"service": "digits", "region": "europe-west5"}},
            "GcpLoadBalancer.cloud_run.region is 'europe-west5', expected one that there is",
        ),
        (
            {"cloud_run": {"service": "Digits", "region": "europe-west4"}},
            "GcpLoadBalancer.cloud_run.service is 'Digits', expected the name of a service of Cloud Run",
        ),
    ],
)
def test_what_cannot_be_of_cloud_run_either(changes: dict[str, Any], said: str) -> None:
    _refused(RUN, changes, said)


def test_groups_that_a_plan_does_not_know_need_their_zones() -> None:
    late = {**HERE, "instance_groups": pulumi.Output.from_input(GROUPS)}
    _refused(late, {}, "GcpLoadBalancer.zones is None, expected the zones of instance_groups, which are not known in a")


def _refused(here: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    name = str(changes.get("name", "edge"))
    given: Any = {**here, **{key: value for key, value in changes.items() if key != "name"}}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            GcpLoadBalancer(name, given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


@pytest.mark.parametrize(
    ("here", "changes", "said"),
    [
        (HERE, _certificate(names=["other.example.com"]), r"for models\.example\.com"),
        (HERE, _certificate(name="models"), "certificate.name is 'models', expected the whole name of a global"),
        (HERE, {"managed_zone": "example.com"}, "managed_zone is 'example.com', expected the name of a zone in Cloud"),
        (HERE, {"node_tag": "Shop"}, "node_tag is 'Shop', expected a network tag"),
        (RUN, {"cloud_run": {"service": "Digits"}}, "cloud_run.service is 'Digits', expected the name of a service"),
    ],
)
def test_what_is_known_late_is_asked_before_its_use(here: dict[str, Any], changes: dict[str, Any], said: str) -> None:
    def late(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: late(each) for key, each in cast("dict[str, Any]", value).items()}
        return pulumi.Output.from_input(value)

    given: Any = {**here, **{key: late(value) for key, value in changes.items()}}
    if "cloud_run" in changes:
        given["cloud_run"]["region"] = "europe-west4"

    def program() -> None:
        GcpLoadBalancer("edge", given)

    with pytest.raises(Exception, match=said):
        plan(program, preview=False, outputs=TOLD)


def test_what_may_be_is_taken() -> None:
    for here in (HERE, RUN):
        load_balancer_asked.Asked.of("edge", here)
    assert load_balancer_asked.Asked.of("edge", {**HERE, "node_port": 30_080.0}).port == 30_080
    assert EDGE.items() <= HERE.items()
