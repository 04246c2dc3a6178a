"""What the section `cloudrun` may not say: told in one line each, before anything is planned."""

from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from stacks import gcp_cloudrun
from stacks.spec import SpecError
from tests.components.planned import plan
from tests.stacks.test_gcp_cloudrun import FILE

KEY = "projects/shop-prod/locations/us-east1/keyRings/a/cryptoKeys/b"
CERTIFICATE = "projects/shop-prod/locations/global/certificates/shop"
OPEN: dict[str, Any] = {"invokers": None, "anonymous": True}
THERE = {
    "network_id": "projects/shop-prod/global/networks/shop",
    "subnetwork_id": "projects/shop-prod/regions/europe-west4/subnetworks/shop",
}


def told(folder: Path, **sections: Any) -> list[str]:
    with pytest.raises(SpecError) as raised:
        FILE.spec(folder, **sections)
    return [line.removeprefix("Pulumi.gcp-cloudrun.yaml: ") for line in raised.value.lines]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"project": "Shop"}, "cloudrun.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, "),
    ({"project_number": "12a"}, "cloudrun.project_number is '12a', expected the number of a project, digits as text, "),
    ({"region": "europe-wst4"}, "cloudrun.region is 'europe-wst4', expected one that there is; did you mean europe-"),
    ({"name": "Models"}, "cloudrun.name is 'Models', expected at most 22 lower-case letters, digits and hyphens, "),
    ({"name": "a" * 23}, f"cloudrun.name is '{'a' * 23}', expected at most 22 lower-case letters, digits and hyphens"),
    ({"labels": {"Team": "ml"}}, "a key of cloudrun.labels is 'Team', expected a letter and at most 62 letters of "),
    ({"instance": {"cpu": 3}}, "cloudrun.instance.cpu is 3, expected 1, 2, 4, 6, 8 vCPU; write 2"),
    ({"instance": {"cpu": "2"}}, "cloudrun.instance.cpu is '2', expected a whole number of at least 1; write 2"),
    ({"instance": {"memory": 8192}},
     "cloudrun.instance.memory beside 1 vCPU is 8192, expected 512 to 4096 MiB; write 4096"),
    ({"instance": {"memory": "2Gi"}}, "cloudrun.instance.memory is '2Gi', expected a whole number of at least 128"),
    ({"instance": {"concurrency": 0}}, "cloudrun.instance.concurrency is 0, expected a whole number from 1 to 1000"),
    ({"instance": {"startup_seconds": 900}},
     "cloudrun.instance.startup_seconds is 900, expected 2 to 600 seconds; write 600"),
    ({"instance": {"env": {"PORT": "80"}}}, "a key of cloudrun.instance.env is 'PORT', expected "),
    ({"instance": {"secrets": {"TOKEN": "hunter2"}}},
     "cloudrun.instance.secrets.TOKEN is 'hunter2', expected a mapping with secret, version"),
    ({"instance": {"secrets": {"TOKEN": {"secret": "a/b"}}}},
     "cloudrun.instance.secrets['TOKEN'].secret is 'a/b', expected the name of a secret in Secret Manager; "),
    ({"instance": {"secrets": {"UPSTREAM": {"secret": "a"}}, "env": {"UPSTREAM": "b"}}},
     "a key of cloudrun.instance.secrets is 'UPSTREAM', expected one that is not in env too; leave it out of env"),
    ({"instance": {"service_account": "server"}},
     "cloudrun.instance.service_account is 'server', expected the address of a service account; "),
    ({"gpu": {"type": "nvidia-t4"}}, "cloudrun.gpu.type is 'nvidia-t4', expected one of nvidia-l4, nvidia-rtx-pro-600"),
    ({"gpu": {}, "region": "europe-west3", "network": None},
     "cloudrun.gpu.type is 'nvidia-l4', expected a GPU that Cloud Run has in europe-west3; europe-west1, europe-west4"),
    ({"gpu": {}, "instance": {"cpu": 1}}, "cloudrun.instance.cpu is 1, expected 4, 6, 8 vCPU with nvidia-l4; write 4"),
    ({"gpu": {}, "instance": {"cpu_always": False}},
     "cloudrun.instance.cpu_always is False, expected True beside a GPU, as Cloud Run has it; leave cpu_always out"),
    ({"invokers": {"shop": "allUsers"}},
     "cloudrun.invokers['shop'] is 'allUsers', expected somebody by name; name them, or write anonymous: True to "),
    ({"invokers": {"shop": "shop@example.com"}},
     "cloudrun.invokers['shop'] is 'shop@example.com', expected an IAM member, its kind before it; "),
    ({"anonymous": True}, "cloudrun: anonymous is true beside invokers, expected one of them; leave invokers out, or "),
    ({"ingress": "everywhere"}, "cloudrun.ingress is 'everywhere', expected one of internal, internal-and-cloud-load-"),
    ({"ingress": "internal"}, "cloudrun: ingress is internal beside load_balancer, expected one that lets it in; "),
    ({"ingress": "internal-and-cloud-load-balancing", "load_balancer": None},
     "cloudrun: ingress is internal-and-cloud-load-balancing without load_balancer, expected one to let in; "),
    ({"ingress": "all", **OPEN},
     "cloudrun: ingress is all beside load_balancer and anonymous, expected requests by the load balancer alone, "),
    ({"invokers": None}, "cloudrun: load_balancer is set without invokers, expected who may call through it; "),
    ({"monitoring": {"uptime": True}},
     "cloudrun: monitoring.uptime is true without load_balancer and anonymous, expected both, as Google asks its "),
    ({**OPEN, "load_balancer": None, "monitoring": {"uptime": True}},
     "cloudrun: monitoring.uptime is true without load_balancer and anonymous, expected both, as Google asks its "),
    ({"network": {"cidr": "10.20.0.0/28"}},
     "cloudrun.network.cidr is 10.20.0.0/28, expected at least 64 addresses, as instances of Cloud Run have some of "
     "their own; write a network of /26 or larger"),
    ({"network": {"apart_from": ["10.20.0.0/26"]}},
     "cloudrun.network.cidr is '10.20.0.0/24', which overlaps cloudrun.network.apart_from[0] (10.20.0.0/26), "),
    ({"network": {"existing": THERE, "nat": None}},
     "cloudrun.network: cidr is set beside existing, whose network has its own; leave one of them out"),
    ({"network": {"existing": {**THERE, "network_id": "shop"}, "cidr": None, "nat": None}},
     "cloudrun.network.existing.network_id is 'shop', expected the whole name of a network; "),
    ({"network": {"tags": ["Models"]}}, "cloudrun.network.tags[0] is 'Models', expected a network tag: a letter and"),
    ({"load_balancer": {"hostname": "digits.example.org"}},
     "cloudrun.load_balancer.hostname is digits.example.org, expected a name in the zone models.example.com; "),
    ({"load_balancer": {"client_cidrs": ["0.0.0.0/0"]}},
     "cloudrun.load_balancer.client_cidrs has 0.0.0.0/0, expected networks of your own; name them, or write open_to_"),
    ({"load_balancer": {"client_cidrs": []}},
     "cloudrun.load_balancer.client_cidrs is empty, expected networks that may call; for example [192.0.2.0/24]"),
    ({"load_balancer": {"certificate": {"name": CERTIFICATE, "names": ["*.example.com"]}}},
     "cloudrun.load_balancer.certificate.names is *.example.com, expected one that is for hostname, which is "),
    ({"registry": {"adopt": True}},
     "cloudrun.registry: adopt is true without key_name, expected the key that the repository was made with; "),
    ({"registry": {"key_name": KEY}},
     f"cloudrun.registry.key_name is '{KEY}', expected a key of europe-west4, where what uses it is; "),
    ({"key_name": KEY}, f"cloudrun.key_name is '{KEY}', expected a key of europe-west4, where what uses it is; "),
    ({"alarms": {"error_percent": 101}}, "cloudrun.alarms.error_percent is 101, expected a number from 0 to 100"),
    ({"alarms": {"latency": 61}}, "cloudrun.alarms.latency is 61.0, expected 0.001 to 60 seconds; write 60"),
    ({"alarms": {"policies": ["errors"]}},
     "cloudrun.alarms.policies[0] is 'errors', expected the whole name of an alert policy of shop-prod; "),
    ({"monitoring": {"latency": 0}}, "cloudrun.monitoring.latency is 0, expected a number from 0.001 to 3600"),
    ({"budget": {"billing_account": "x", "monthly_amount": 1, "currency": "EUR"}},
     "cloudrun.budget.billing_account is 'x', expected "),
    ({"memory": 2048}, "unknown key 'memory' under cloudrun, expected one of alarms, allow_deletion, "),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "line"), WRONG)
def test_what_google_would_refuse(tmp_path: Path, changed: dict[str, Any], line: str) -> None:
    (only,) = told(tmp_path, cloudrun=changed)
    assert only.startswith(line), only


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        ({"release": {"strategy": "shadow", "steps": None}},
         "release.strategy is shadow with target gcp-cloudrun, expected one of rolling, canary, blue-green, as Cloud "
         "Run has no others; write canary"),
        ({"release": {"replicas": 2}},
         "release.replicas is set with target gcp-cloudrun, expected none, as Cloud Run has no counterpart; remove it"),
        ({"release": {"analysis": {"prometheus": "http://a:9090", "success_rate": {"min": 0.9}}}},
         "release.analysis is set with target gcp-cloudrun, expected none, as Cloud Run has no counterpart; remove it, "
         "and write cloudrun.alarms"),
        ({"release": {"steps": [{"weight": 10, "pause": 30}]}},
         "release.steps[0].pause is 30.0, expected 60 to 86400 seconds; write 60"),
        ({"release": {"steps": [{"weight": 100}]}}, "release.steps[0].weight is 100, expected 1 to 99 percent; "),
        ({"release": {"pause": 0}}, "release.pause is 0.0, expected 60 to 86400 seconds; write 60"),
        ({"release": {"pin": "3"}},
         "release.pin is '3' with target gcp-cloudrun, expected the whole digest of a version, as sha256:...; "),
        ({"release": {"strategy": "rolling", "steps": None}},
         "cloudrun.alarms.error_percent is 1.0, expected none beside strategy rolling, which looks at nothing; leave "
         "error_percent out, or write strategy canary"),
        ({"autoscaling": {"cpu": 60}},
         "autoscaling.cpu is set with target gcp-cloudrun, expected min and max alone, as Cloud Run has no "
         "counterpart; remove it, and write cloudrun.instance.concurrency to scale by requests"),
        ({"autoscaling": {"requests_in_flight": 8}},
         "autoscaling.requests_in_flight is set with target gcp-cloudrun, expected min and max alone, as Cloud Run "),
        ({"image": {"push": "registry.example.com/team/digits"}},
         "image.push is set with target gcp-cloudrun, expected none, as the stack makes its registry; remove it, and "
         "write cloudrun.registry.repository for another name"),
        ({"monitoring": {"namespace": "monitoring"}},
         "monitoring is set with target gcp-cloudrun, expected it with target kubernetes alone; remove it, and write "
         "cloudrun.monitoring"),
        ({"gateway": {"hostname": "digits.example.com"}},
         "gateway is set with target gcp-cloudrun, expected it with target kubernetes alone; remove it, and write "
         "cloudrun.load_balancer"),
        ({"service": {"replicas": 2}},
         "service is set with target gcp-cloudrun, expected it with target kubernetes or aws-eks or gcp-gke alone; "
         "remove it, and write cloudrun.instance"),
        ({"gcp": {"project": "shop-prod"}},
         "gcp is set with target gcp-cloudrun, expected it with target gcp-gke alone; remove it, and write cloudrun"),
        ({"cloudrun": None},
         "cloudrun is missing, expected the project and what is made in it; write project, project_number and region"),
    ],
)  # fmt: skip
def test_what_cloud_run_has_no_counterpart_of(tmp_path: Path, sections: dict[str, Any], line: str) -> None:
    assert any(each.startswith(line) for each in told(tmp_path, **sections)), told(tmp_path, **sections)


@pytest.mark.parametrize(
    "good",
    [
        {"release": {"pin": DIGEST}},
        {"autoscaling": {"min": 0}},
        {"release": None, "cloudrun": {"alarms": None}},
        {"cloudrun": {**OPEN, "load_balancer": None, "ingress": "all"}},
        {"cloudrun": {"network": {"cidr": "10.20.0.0/26"}}},
        {"cloudrun": {"ingress": "all"}},
    ],
)
def test_what_may_be_said(tmp_path: Path, good: dict[str, Any]) -> None:
    assert FILE.spec(tmp_path, **good).target == "gcp-cloudrun"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"registry": {"repository": "a//b"}}, "cloudrun.registry.repository is 'a//b', expected "),
        ({"load_balancer": {"client_cidrs": ["192.0.2.0/24", "192.0.2.0/25"]}},
         "cloudrun.load_balancer.client_cidrs[1] is '192.0.2.0/25', which overlaps cloudrun.load_balancer.client_ci"),
        ({"load_balancer": {"managed_zone": "Models"}}, "cloudrun.load_balancer.managed_zone is 'Models', expected "),
        ({"monitoring": {"emails": ["a@b.c"]}}, "cloudrun.monitoring.emails is 'a@b.c', expected e-mail addresses"),
    ],
)  # fmt: skip
def test_what_only_a_component_knows_is_told_before_the_first_resource(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    given = FILE.spec(tmp_path, cloudrun=changed)
    found: list[str] = []

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            gcp_cloudrun.deploy(given)
        found.append(str(raised.value))

    assert plan(program).resources == []
    (line,) = found
    assert line.startswith(said), line
