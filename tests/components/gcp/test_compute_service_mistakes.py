"""What a service on Compute Engine refuses, in one line, before anything is registered."""

from typing import Any, cast

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp.compute_service import ComputeService
from tests.components.gcp.test_compute_service import FULL, HERE, SUBNETWORK, TOLD, changed, made_of
from tests.components.planned import Plan, plan

_STEPS = [{"weight": 10, "pause": 300}]
_BALANCED = {"load_balanced": True}
_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"project": "Shop"},
        "ComputeService.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, beginning with a "
        "letter; for example shop-prod",
    ),
    (
        {"region": "europe-west5"},
        "ComputeService.region is 'europe-west5', expected one that there is; did you mean europe-west9",
    ),
    (
        {"image": "digits:latest"},
        "ComputeService.image is 'digits:latest', expected an image in Artifact Registry by digest, "
        "REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE@sha256:...; pass the reference of a ModelImage whose "
        "destination is an ArtifactRegistry's url",
    ),
    (
        {"network_id": "default"},
        "ComputeService.network_id is 'default', expected the whole name of a network; for example "
        "projects/shop-prod/global/networks/shop",
    ),
    (
        {"subnetwork_id": "projects/shop-prod/regions/europe-west1/subnetworks/shop"},
        "ComputeService.subnetwork_id is 'projects/shop-prod/regions/europe-west1/subnetworks/shop', expected one of "
        "europe-west4, where what uses it is; make or take one in europe-west4",
    ),
    (
        {"allowed_service_accounts": ["allUsers"]},
        "ComputeService.allowed_service_accounts[0] is 'allUsers', expected the address of a service account; for "
        "example server@shop-prod.iam.gserviceaccount.com",
    ),
    (
        {"machine_type": "large"},
        "ComputeService.machine_type is 'large', expected a machine type of Compute Engine; for example n2-standard-4",
    ),
    (
        {"machine_type": "c4a-standard-4"},
        "ComputeService.machine_type is 'c4a-standard-4', expected a machine type of x86-64, as images are of; for "
        "example n2-standard-2",
    ),
    (
        {"machine_type": "g2-standard-9"},
        "ComputeService.machine_type is 'g2-standard-9', expected a machine type with NVIDIA GPUs, or of the series "
        "n1; for example g2-standard-96",
    ),
    (
        {"machine_type": "g2-standard-8", "region": "europe-north1", "subnetwork_id": "@"},
        "ComputeService.machine_type is 'g2-standard-8', expected a machine type that europe-north1 has; "
        "europe-west1, europe-west2, europe-west3 have it",
    ),
    (
        {"machine_type": "g2-standard-8", "gpu": "T4"},
        "ComputeService.gpu is 'T4', expected nothing beside g2-standard-8, which has GPUs of its own; leave it out",
    ),
    (
        {"gpu": "T4"},
        "ComputeService.machine_type is 'n2-standard-2', expected a machine type with NVIDIA GPUs, or of the series "
        "n1; for example n1-standard-2",
    ),
    ({"gpu_count": 2}, "ComputeService.gpu_count is 2, expected nothing without gpu; write gpu, or leave it out"),
    (
        {"machine_type": "a3-highgpu-1g"},
        "ComputeService.spot is False, expected True for a3-highgpu-1g, which is not sold on demand; write spot: True, "
        "or take another machine_type",
    ),
    (
        {"machine_image": "cos-stable"},
        "ComputeService.machine_image is 'cos-stable', expected the whole name of an image or of a family; for example "
        "projects/cos-cloud/global/images/family/cos-stable",
    ),
    ({"disk_gib": 8}, "ComputeService.disk_gib is 8, expected 10 to 65536 GiB; write 10"),
    (
        {"disk_key_name": "projects/shop-prod/locations/us-east1/keyRings/models/cryptoKeys/models"},
        "ComputeService.disk_key_name is 'projects/shop-prod/locations/us-east1/keyRings/models/cryptoKeys/models', "
        "expected a key of europe-west4, where what uses it is; make or take one there: "
        "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models",
    ),
    (
        {"zones": ["europe-west1-b"]},
        "ComputeService.zones is 'europe-west1-b', expected zones of europe-west4; take of europe-west4-a, "
        "europe-west4-b, europe-west4-c",
    ),
    (
        {"zones": "europe-west4-a"},
        "ComputeService.zones is 'europe-west4-a', expected a list of at least one zone; write ['europe-west4-a', "
        "'europe-west4-b', 'europe-west4-c'], or leave it out",
    ),
    (
        {"zones": ["europe-west4-a", "europe-west4-a"]},
        "ComputeService.zones is ['europe-west4-a', 'europe-west4-a'], expected each zone once; write "
        "['europe-west4-a']",
    ),
    (
        {"spread": "single"},
        "ComputeService.spread is 'single', expected one of even, balanced, any; write even",
    ),
    ({"min": 0}, "ComputeService.min is 0, expected 1 to 1000 instances; write 1"),
    (
        {"min": 4, "max": 2},
        "ComputeService.desired is 4, expected at most ComputeService.max, which is 2; raise ComputeService.max to 4",
    ),
    (
        {"cpu_target": 50},
        "ComputeService.cpu_target is 50, expected a max above min (2) beside it; raise max",
    ),
    (
        {"predictive": True},
        "ComputeService.predictive is True, expected a max above min (2) beside it; raise max",
    ),
    (
        {"max": 4, "requests_target": 600},
        "ComputeService.requests_target is 600, expected a load balancer that counts them; write load_balanced: True, "
        "and lead a GcpLoadBalancer here",
    ),
    (
        {"max": 4, "requests_target": 1, **_BALANCED},
        "ComputeService.requests_target is 1, expected 6 to 60000 requests a minute; write 6",
    ),
    (
        {"max": 4, "metrics": [{"name": "queue", "target": 1}]},
        "ComputeService.metrics[0].name is 'queue', expected the type of a metric of Cloud Monitoring; for example "
        "pubsub.googleapis.com/subscription/num_undelivered_messages",
    ),
    (
        {"max": 4, "metrics": [{"name": "custom.googleapis.com/waiting", "target": 1, "of_each": 2}]},
        "ComputeService.metrics[0].target is 1, expected either it or of_each; write one of them",
    ),
    (
        {"max": 4, "metrics": [{"name": "custom.googleapis.com/waiting"}]},
        "ComputeService.metrics[0].target is None, expected either it or of_each; write one of them",
    ),
    (
        {"max": 4, "metrics": [{"name": "custom.googleapis.com/waiting", "of_each": 2, "kind": "gauge"}]},
        "ComputeService.metrics[0].kind is 'gauge', expected nothing beside of_each; leave it out",
    ),
    (
        {"max": 4, "metrics": [{"name": "custom.googleapis.com/waiting", "target": 0}]},
        "ComputeService.metrics[0].target is 0, expected 1e-06 to 1e+12; write 1e-06",
    ),
    (
        {"max": 4, "metrics": [{"name": "custom.googleapis.com/a", "target": 1, "filter": "a = 1 OR b = 2"}]},
        "ComputeService.metrics[0].filter is 'a = 1 OR b = 2', expected equalities, joined by AND; for example "
        'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = "digits"',
    ),
    (
        {"max": 4, "metrics": [{"name": "custom.googleapis.com/a", "target": 1, "filter": "a = 1 or b = 2"}]},
        "ComputeService.metrics[0].filter is 'a = 1 or b = 2', expected equalities, joined by AND; for example "
        'resource.type = "pubsub_subscription" AND resource.labels.subscription_id = "digits"',
    ),
    ({"min": None}, "ComputeService.min is None, expected 1 to 1000 instances; write 1"),
    ({"spot": "false"}, "ComputeService.spot is 'false', expected True or False; write False"),
    ({"machine_type": []}, "ComputeService.machine_type is [], expected a text; write one"),
    (
        {"env": {"A": "\ud800"}},
        "ComputeService.env['A'] is '\\ud800', expected one line; for example 16",
    ),
    (
        {"max": 4, "metrics": [{"name": "custom.googleapis.com/a", "target": 1}] * 6},
        "ComputeService.metrics is '6 metrics', expected at most 5; leave some out",
    ),
    (
        {"release": {"steps": _STEPS}},
        "ComputeService.release.steps is [{'weight': 10, 'pause': 300}], expected none beside strategy rolling; leave "
        "steps out",
    ),
    (
        {"release": {"strategy": "blue-green"}},
        "ComputeService.release.strategy is 'blue-green', expected one of rolling, canary; write rolling",
    ),
    (
        {"release": {"strategy": "canary"}},
        "ComputeService.release.steps is [], expected at least one step of a canary; for example weight 10, pause 300",
    ),
    (
        {"release": {"max_surge": 2}},
        "ComputeService.release.max_surge is 2, expected 0, or at least 3, as there are zones; write 3",
    ),
    (
        {"release": {"max_surge": 0, "max_unavailable": 0}},
        "ComputeService.release.max_unavailable is 0, expected more than 0 beside max_surge 0, as a release would have "
        "no instance to begin with; write 3, or leave both out",
    ),
    (
        {"error_percent": 2, **_BALANCED},
        "ComputeService.error_percent is 2, expected none beside strategy rolling, which looks at nothing; leave "
        "error_percent out, or write strategy canary",
    ),
    (
        {"latency_seconds": 0.1, "release": {"strategy": "canary", "steps": _STEPS}},
        "ComputeService.latency_seconds is 0.1, expected a load balancer that measures it; write load_balanced: True, "
        "and lead a GcpLoadBalancer here, or leave latency_seconds out",
    ),
    (
        {"alert_policies": ["errors"], "release": {"strategy": "canary", "steps": _STEPS}},
        "ComputeService.alert_policies[0] is 'errors', expected the whole name of an alert policy of shop-prod; for "
        "example projects/shop-prod/alertPolicies/1234567890123456789",
    ),
    ({"startup_seconds": 4000}, "ComputeService.startup_seconds is 4000, expected 10 to 3600 seconds; write 3600"),
    ({"workers": 0}, "ComputeService.workers is 0, expected 1 to 256 processes; write 1"),
    (
        {"env": {"MODELPORT_PORT": "80"}},
        "a key of ComputeService.env is 'MODELPORT_PORT', expected one that the component does not set itself; leave "
        "it out",
    ),
    (
        {"env": {"SHOP_API_KEY": "7f3"}},
        "ComputeService.env['SHOP_API_KEY'] has a value, expected nothing secret there, as whoever may describe what "
        "runs reads it; leave it out",
    ),
    ({"env": {"A": "1\n2"}}, "ComputeService.env['A'] is '1\\n2', expected one line; for example 16"),
    (
        {"env": {"A": "x" * 140_000}},
        "ComputeService.env is '140006 bytes', expected at most 131072, as a value of metadata has 262144; shorten it",
    ),
    (
        {"labels": {"modelport-component": "x"}},
        "a key of ComputeService.labels is 'modelport-component', expected one that neither Google, Pulumi nor this "
        "library sets; rename it",
    ),
    ({"imge": "x"}, "ComputeService has no argument 'imge', did you mean image"),
]


@pytest.mark.parametrize(("more", "said"), _BAD, ids=[said.partition(",")[0][:60] for _, said in _BAD])
def test_what_cannot_be_is_said_and_nothing_is_made(more: dict[str, Any], said: str) -> None:
    if more.get("subnetwork_id") == "@":
        more = {**more, "subnetwork_id": SUBNETWORK.replace("europe-west4", more["region"])}
    seen: list[Plan] = []
    with pytest.raises(ArgsError) as error:
        seen.append(plan(lambda: ComputeService("digits", changed(**more))))
    assert str(error.value) == said
    assert not seen


def test_an_account_of_a_longer_name_would_not_fit() -> None:
    with pytest.raises(ArgsError, match=r"'d{23}', expected a letter and at most 21 more of a-z"):
        made_of(HERE, name="d" * 23)
    found = made_of(FULL, name="d" * 22)
    # Pulumi puts eight characters behind what has no name of its own; an account has thirty in all.
    assert len(found.one("gcp:serviceaccount/account:Account").name) + 8 == 30


def _later(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _later(each) for key, each in cast("dict[str, Any]", value).items()}
    return pulumi.Output.from_input(value)


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ({"image": "digits:latest"}, "an image in Artifact Registry by digest"),
        ({"env": {"A": "1\n2"}}, "expected one line"),
        ({"disk_key_name": "models"}, "the whole name of a key of Cloud KMS"),
    ],
)
def test_what_is_known_later_is_refused_then(late: dict[str, Any], said: str) -> None:
    def program() -> None:
        ComputeService("digits", changed(**{key: _later(value) for key, value in late.items()}))

    with pytest.raises(Exception, match=said):
        plan(program, preview=False, outputs=TOLD)
