"""What the monitoring of a model on Google Cloud cannot be, each in one line before anything is registered."""

from typing import Any, cast

import pytest

from components.checks import ArgsError
from components.gcp.monitoring import GcpMonitoring, GcpMonitoringArgs
from tests.components.gcp.test_monitoring import ARGS, NUMBER
from tests.components.planned import plan

WHAT = "GcpMonitoring"
SERVICE = {"namespace": "models", "service": "digits"}
KEY = "projects/shop-prod/locations/{}/keyRings/models/cryptoKeys/models"


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"tags": {}}, f"{WHAT} has no argument 'tags', it takes project, location, cluster_name, services, autopilot, "
         "load_balancer, hostname, emails, topic, project_number, memory_percent, disk_percent, gpu_percent, "
         "certificate_days, minutes, close_minutes, scrape_seconds, runbook, key_name, labels"),
        ({"project": "Shop"}, f"{WHAT}.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, "
         "beginning with a letter; for example shop-prod"),
        ({"location": "europe-west44"}, f"{WHAT}.location is 'europe-west44', expected one that there is; "
         "did you mean europe-west4"),
        ({"location": "europe-west4-d"}, f"{WHAT}.location is 'europe-west4-d', expected one that there is; "
         "did you mean europe-west4-c"),
        ({"cluster_name": "Shop"}, f"{WHAT}.cluster_name is 'Shop', expected the name of a cluster, a letter and at "
         "most 39 more of a-z, 0-9 and -; for example shop"),
        ({"services": []}, f"{WHAT}.services is [], expected at least one service; "
         'write [{"namespace": "models", "service": "digits"}]'),
        ({"services": [{**SERVICE, "service": "Digits"}]}, f"{WHAT}.services[].service is 'Digits', expected at most "
         "63 of a-z, 0-9 and -; for example digits"),
        ({"services": [{**SERVICE, "service": "d" * 41}]}, f"{WHAT}.services['models/{'d' * 41}'].service: the "
         f"service's name is '{'d' * 41}', expected at most 40 lower-case letters, digits and hyphens, a letter first; "
         f"for example {'d' * 40}"),
        ({"services": [SERVICE, SERVICE]}, f"{WHAT}.services is 'models/digits', expected each service once; "
         "leave one of them out"),
        ({"services": [{**SERVICE, "latency": 0.3}]}, f"{WHAT}.services['models/digits'].latency is 0.3, expected a "
         "bound of the server's histogram (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, "
         "10); write 0.25"),
        ({"services": [{**SERVICE, "error_percent": 101}]}, f"{WHAT}.services['models/digits'].error_percent is 101, "
         "expected 0.001 to 100; write 100"),
        ({"services": [{**SERVICE, "least_pods": -1}]}, f"{WHAT}.services['models/digits'].least_pods is -1, expected "
         "0 to 1000; write 0"),
        ({"services": [{**SERVICE, "service": f"s{number}"} for number in range(10)]}, f"{WHAT}.services is "
         "'10 services', expected at most 9, as a dashboard takes 100 widgets; "
         "watch the others with a component of their own"),
        ({"load_balancer": {"backend": "shop"}}, f"{WHAT}.load_balancer has no argument 'backend', it takes "
         "backend_service_name, error_percent"),
        ({"load_balancer": {"backend_service_name": "projects/p/global/backendServices/shop"}},
         f"{WHAT}.load_balancer.backend_service_name is 'projects/p/global/backendServices/shop', expected the name of "
         "a backend service; for example shop-1a2b3c4"),
        ({"load_balancer": {"backend_service_name": "shop", "error_percent": 0}},
         f"{WHAT}.load_balancer.error_percent is 0, expected 0.001 to 100; write 0.001"),
        ({"hostname": "https://models.example.com"}, f"{WHAT}.hostname is 'https://models.example.com', expected a DNS "
         "name in lower case, without a wildcard; for example models.example.com"),
        ({"emails": ["ops@"]}, f"{WHAT}.emails is 'ops@', expected e-mail addresses; for example ops@example.com"),
        ({"emails": "ops@example.com"}, f"{WHAT}.emails is 'ops@example.com', expected a list of addresses; "
         "write ['ops@example.com']"),
        ({"topic": True}, f"{WHAT}.project_number is missing, expected it with topic; write project_number: ..."),
        ({"topic": True, "project_number": "shop"}, f"{WHAT}.project_number is 'shop', expected the number of a "
         "project, digits as text, which `gcloud projects describe` tells; for example \"123456789012\""),
        ({"project_number": NUMBER}, f"{WHAT}.project_number is '{NUMBER}', expected a topic with it; "
         "write topic: True, or drop it"),
        ({"key_name": KEY.format("europe-west4")}, f"{WHAT}.key_name is '{KEY.format('europe-west4')}', expected a "
         "topic with it; write topic: True, or drop it"),
        ({"topic": True, "project_number": NUMBER, "key_name": KEY.format("us-east1"), "location": "europe-west4-a"},
         f"{WHAT}.key_name is '{KEY.format('us-east1')}', expected a key of europe-west4, where what uses it is; make "
         f"or take one there: {KEY.format('europe-west4')}"),
        ({"memory_percent": 850}, f"{WHAT}.memory_percent is 850, expected 1 to 100; write 100"),
        ({"gpu_percent": 0}, f"{WHAT}.gpu_percent is 0, expected 1 to 100; write 1"),
        ({"certificate_days": 20}, f"{WHAT}.certificate_days is 20, expected a hostname with it; drop it"),
        ({"hostname": "models.example.com", "certificate_days": 0}, f"{WHAT}.certificate_days is 0, expected 1 to 365 "
         "days; write 1"),
        ({"minutes": 0}, f"{WHAT}.minutes is 0, expected 1 to 60 minutes; write 1"),
        ({"minutes": 2.5}, f"{WHAT}.minutes is 2.5, expected a whole number; write 2"),
        ({"close_minutes": 5}, f"{WHAT}.close_minutes is 5, expected 30 to 10080 minutes; write 30"),
        ({"scrape_seconds": 300}, f"{WHAT}.scrape_seconds is 300, expected 5 to 60 seconds; write 60"),
        ({"runbook": "the wiki"}, f"{WHAT}.runbook is 'the wiki', expected an address; "
         "for example https://example.com/runbook"),
        ({"labels": {"Team": "ml"}}, "a key of GcpMonitoring.labels is 'Team', expected a letter and at most 62 "
         "letters of lower case, digits, _ and -; for example team"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_before_anything_is_registered(given: dict[str, Any], line: str) -> None:
    registered: list[bool] = []

    def program() -> None:
        GcpMonitoring("watch", cast("GcpMonitoringArgs", {**ARGS, **given}))
        registered.append(True)

    with pytest.raises(ArgsError) as told:
        plan(program)
    assert str(told.value) == line
    assert registered == []


def test_a_name_that_leaves_no_room_for_a_suffix_is_told() -> None:
    with pytest.raises(ArgsError, match=r"the name of GcpMonitoring is 'w{56}', expected a letter and at most 54 more"):
        plan(lambda: GcpMonitoring("w" * 56, cast("GcpMonitoringArgs", ARGS)))
