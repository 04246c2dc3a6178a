"""What a VertexEndpoint refuses, in one line, with nothing registered."""

from typing import Any, cast

import pytest

from components.checks import ArgsError
from components.gcp.vertex import VertexEndpoint, VertexEndpointArgs
from tests.components.gcp.test_vertex import HERE, IMAGE, POLICY, PRIVATE, PROJECT, REGION
from tests.components.planned import Plan, plan

WHAT = "VertexEndpoint"
STEPS = f"{WHAT}.release.steps"
SUBNETWORK = f"projects/{PROJECT}/regions/us-east1/subnetworks/shop"


def _canary(*weights: Any, pause: float = 300) -> dict[str, Any]:
    return {"strategy": "canary", "steps": [{"weight": each, "pause": pause} for each in weights]}


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ({"image": None}, f"{WHAT}.image is missing, expected a value; write image: ..."),
        ({"machine": 1}, f"{WHAT} has no argument 'machine', did you mean machine_type"),
        ({"project": "Shop"}, f"{WHAT}.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, "
         "beginning with a letter; for example shop-prod"),
        ({"project_number": 1}, f"{WHAT}.project_number is 1, expected the number of a project, digits as text, which "
         "`gcloud projects describe` tells; for example \"123456789012\""),
        ({"region": "europe-west40"}, f"{WHAT}.region is 'europe-west40', expected one that there is; did you mean "
         "europe-west4"),
        (
            {"image": IMAGE.partition("@")[0] + ":1"},
            f"{WHAT}.image is '{IMAGE.partition('@')[0]}:1', expected an image in Artifact Registry by digest, "
            "REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE@sha256:...; pass the reference of a ModelImage whose "
            "destination is an ArtifactRegistry's url",
        ),
        ({"machine_type": "large"}, f"{WHAT}.machine_type is 'large', expected a machine type of Compute Engine; for "
         "example n2-standard-4"),
        ({"machine_type": "t2a-standard-4"}, f"{WHAT}.machine_type is 't2a-standard-4', expected a machine that the "
         "image runs on, which is for x86_64; for example n2-standard-2"),
        ({"machine_type": "g2-standard-9"}, f"{WHAT}.machine_type is 'g2-standard-9', expected a machine type with "
         "NVIDIA GPUs, or of the series n1; for example g2-standard-96"),
        ({"machine_type": "a3-ultragpu-8g", "region": "europe-west3"}, f"{WHAT}.machine_type is 'a3-ultragpu-8g', "
         "expected a machine type that europe-west3 has; europe-west1, europe-west4, asia-south1 have it"),
        ({"machine_type": "n2-standard-4", "gpu": "T4"}, f"{WHAT}.machine_type is 'n2-standard-4', expected a machine "
         "type with NVIDIA GPUs, or of the series n1; for example n1-standard-4"),
        ({"machine_type": "g2-standard-8", "gpu": "T4"}, f"{WHAT}.gpu is 'T4', expected nothing beside g2-standard-8, "
         "which has GPUs of its own; leave it out"),
        ({"machine_type": "n1-standard-8", "gpu_count": 2}, f"{WHAT}.gpu is missing, expected the GPU that is attached "
         "to n1-standard-8, which has none of its own; write gpu: T4"),
        ({"min": 0}, f"{WHAT}.min is 0, expected 1 to 1000 replicas; write 1"),
        ({"min": 3, "max": 2}, f"{WHAT}.min is 3, expected at most {WHAT}.max, which is 2; raise {WHAT}.max to 3"),
        ({"cpu_target": 50}, f"{WHAT}.cpu_target is 50, expected a max above min (2) beside it; raise max"),
        ({"max": 4, "cpu_target": 50.5}, f"{WHAT}.cpu_target is 50.5, expected a whole number; write 50"),
        ({"max": 4, "gpu_target": 50}, f"{WHAT}.gpu_target is 50, expected none beside a machine without GPUs; leave "
         "it out"),
        ({"workers": 0}, f"{WHAT}.workers is 0, expected 1 to 256 processes; write 1"),
        ({"startup_seconds": 5}, f"{WHAT}.startup_seconds is 5, expected 60 to 3600 seconds; write 60"),
        ({"private": {"network_id": PRIVATE["network_id"]}}, f"{WHAT}.private.subnetwork_id is missing, expected a "
         "value; write subnetwork_id: ..."),
        ({"private": {**PRIVATE, "network_id": "shop"}}, f"{WHAT}.private.network_id is 'shop', expected the whole "
         "name of a network; for example projects/shop-prod/global/networks/shop"),
        ({"private": {**PRIVATE, "subnetwork_id": SUBNETWORK}}, f"{WHAT}.private.subnetwork_id is '{SUBNETWORK}', "
         f"expected one of {REGION}, where what uses it is; make or take one in {REGION}"),
        ({"private": {**PRIVATE, "projects": [PROJECT]}}, f"{WHAT}.private.projects is ['{PROJECT}'], expected each "
         f"project once, and {PROJECT} not among them; write []"),
        ({"private": PRIVATE, "dedicated": True}, f"{WHAT}.dedicated is True, expected nothing beside private, where "
         "each endpoint has a way in of its own; leave it out"),
        ({"invokers": {"all": "allUsers"}}, f"{WHAT}.invokers['all'] is 'allUsers', expected somebody by name; name "
         "them, as Vertex AI answers nobody without an account"),
        ({"invokers": {"shop": "shop@example.com"}}, f"{WHAT}.invokers['shop'] is 'shop@example.com', expected an IAM "
         "member, its kind before it; for example serviceAccount:shop@shop-prod.iam.gserviceaccount.com"),
        ({"service_account": "server"}, f"{WHAT}.service_account is 'server', expected the address of a service "
         "account; for example server@shop-prod.iam.gserviceaccount.com"),
        ({"key_name": "projects/shop-prod/locations/us/keyRings/a/cryptoKeys/b"}, f"{WHAT}.key_name is "
         f"'projects/shop-prod/locations/us/keyRings/a/cryptoKeys/b', expected a key of {REGION}, where what uses it "
         f"is; make or take one there: projects/shop-prod/locations/{REGION}/keyRings/models/cryptoKeys/models"),
        ({"env": {"SHOP_TOKEN": "7f3"}}, f"{WHAT}.env['SHOP_TOKEN'] has a value, expected nothing secret there, as "
         "whoever may describe what runs reads it; leave it out"),
        ({"env": {"AIP_HTTP_PORT": "80"}}, f"a key of {WHAT}.env is 'AIP_HTTP_PORT', expected one that Vertex AI does "
         "not set itself; leave it out"),
        ({"env": {"A": "$(AIP_MODE)"}}, f"{WHAT}.env['A'] is '$(AIP_MODE)', expected no $(, which Vertex AI would put "
         "another variable in for; write $$( for $("),
        ({"env": {"A": "a$$$(B)"}}, f"{WHAT}.env['A'] is 'a$$$(B)', expected no $(, which Vertex AI would put "
         "another variable in for; write $$( for $("),
        ({"env": {f"A{at}": "" for at in range(101)}}, f"{WHAT}.env is '101 variables', expected at most 100; leave "
         "some out"),
        ({"logging": {"percent": 0}}, f"{WHAT}.logging.percent is 0, expected 0.01 to 100 percent; write 0.01"),
        ({"logging": {}}, f"{WHAT}.logging.percent is missing, expected a value; write percent: ..."),
        ({"logging": {"percent": 1, "dataset": "requests"}}, f"{WHAT}.logging.dataset is 'requests', expected a "
         "dataset with its project; for example shop-prod.requests"),
        ({"logging": {"percent": 1, "dataset": "shop-prod.a", "delete_data": True}}, f"{WHAT}.logging.delete_data is "
         "True, expected none beside dataset, which somebody else has made; leave it out"),
        ({"labels": {"Team": "ml"}}, f"a key of {WHAT}.labels is 'Team', expected a letter and at most 62 letters of "
         "lower case, digits, _ and -; for example team"),
        ({"release": {"strategy": "linear"}}, f"{WHAT}.release.strategy is 'linear', expected one of rolling, canary, "
         "blue-green; write rolling"),
        ({"release": {"steps": [{"weight": 10}]}}, f"{STEPS} is [{{'weight': 10}}], expected none beside strategy "
         "rolling; leave steps out"),
        ({"release": {"strategy": "canary"}}, f"{STEPS} is [], expected at least one step of a canary; for example "
         "weight 10, pause 300"),
        ({"release": _canary(50, 10)}, f"{STEPS} is [50, 10], expected weights each larger than the one before; write "
         "[10, 50]"),
        ({"release": _canary(10, pause=5)}, f"{STEPS}[0].pause is 5, expected 60 to 86400 seconds; write 60"),
        ({"error_percent": 2}, f"{WHAT}.error_percent is 2, expected none beside strategy rolling, which looks at "
         "nothing; leave error_percent out, or write strategy canary"),
        ({"release": _canary(10), "latency_seconds": 3601}, f"{WHAT}.latency_seconds is 3601, expected 0.001 to 3600 "
         "seconds; write 3600"),
        ({"alert_policies": [POLICY]}, f"{WHAT}.alert_policies is ['{POLICY}'], expected none beside strategy rolling, "
         "which looks at nothing; leave alert_policies out, or write strategy canary"),
        ({"release": _canary(10), "alert_policies": ["mine"]}, f"{WHAT}.alert_policies[0] is 'mine', expected the "
         f"whole name of an alert policy of shop-prod; for example {POLICY}"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_line_and_nothing_is_registered(args: dict[str, Any], line: str) -> None:
    found = Plan()

    def program() -> None:
        VertexEndpoint("digits", cast("VertexEndpointArgs", {**HERE, **args}))

    with pytest.raises(ArgsError) as raised:
        found = plan(program)
    assert (str(raised.value), found.resources) == (line, [])


def test_a_dollar_before_a_parenthesis_may_be_written_twice() -> None:
    args = cast("VertexEndpointArgs", {**HERE, "env": {"A": "$$(B)", "C": "$$$$(D) $"}})
    assert plan(lambda: VertexEndpoint("digits", args)).resources


@pytest.mark.parametrize("name", ["Digits", "d" * 41, "1st", "a_b", "digits-"])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ArgsError, match="the name of VertexEndpoint is"):
        plan(lambda: VertexEndpoint(name, HERE))


def test_a_private_endpoints_host_is_within_the_length_of_a_name() -> None:
    args = cast("VertexEndpointArgs", {**HERE, "private": PRIVATE})
    plan(lambda: VertexEndpoint("d" * 29, args))
    with pytest.raises(ArgsError, match=r"expected at most 29 characters of a private endpoint in europe-west4"):
        plan(lambda: VertexEndpoint("d" * 30, args))
