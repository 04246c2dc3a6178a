"""What a CloudRunService refuses, in one line, with nothing registered."""

from typing import Any, cast

import pytest

from components.checks import ArgsError
from components.gcp.cloud_run import CloudRunService, CloudRunServiceArgs
from tests.components.gcp.test_cloud_run import FULL, HERE, IMAGE, POLICY, PROJECT, REGION
from tests.components.planned import Plan, plan

WHAT = "CloudRunService"
STEPS = f"{WHAT}.release.steps"
NETWORK = cast("dict[str, Any]", FULL["network"])
SUBNETWORK = f"projects/{PROJECT}/regions/us-east1/subnetworks/shop"


def _canary(*weights: Any, pause: float = 300) -> dict[str, Any]:
    return {"strategy": "canary", "steps": [{"weight": each, "pause": pause} for each in weights]}


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ({"image": None}, f"{WHAT}.image is missing, expected a value; write image: ..."),
        ({"memroy": 1}, f"{WHAT} has no argument 'memroy', did you mean memory"),
        ({"project": "Shop"}, f"{WHAT}.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, "
         "beginning with a letter; for example shop-prod"),
        ({"project_number": "shop"}, f"{WHAT}.project_number is 'shop', expected the number of a project, digits as "
         "text, which `gcloud projects describe` tells; for example \"123456789012\""),
        ({"region": "europe-west40"}, f"{WHAT}.region is 'europe-west40', expected one that there is; did you mean "
         "europe-west4"),
        (
            {"image": IMAGE.partition("@")[0] + ":1"},
            f"{WHAT}.image is '{IMAGE.partition('@')[0]}:1', expected an image in Artifact Registry by digest, "
            "REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE@sha256:...; pass the reference of a ModelImage whose "
            "destination is an ArtifactRegistry's url",
        ),
        ({"cpu": 3}, f"{WHAT}.cpu is 3, expected 1, 2, 4, 6, 8 vCPU; write 2"),
        ({"cpu": 0.5}, f"{WHAT}.cpu is 0.5, expected 1, 2, 4, 6, 8 vCPU; write 1"),
        ({"memory": 8192}, f"{WHAT}.memory beside 1 vCPU is 8192, expected 512 to 4096 MiB; write 4096"),
        ({"cpu": 4, "memory": 1024}, f"{WHAT}.memory beside 4 vCPU is 1024, expected 2048 to 16384 MiB; write 2048"),
        ({"gpu": "nvidia-a100"}, f"{WHAT}.gpu is 'nvidia-a100', expected one of nvidia-l4, nvidia-rtx-pro-6000; write "
         "nvidia-l4"),
        ({"gpu": "nvidia-l4", "cpu": 2}, f"{WHAT}.cpu is 2, expected 4, 6, 8 vCPU with nvidia-l4; write 4"),
        ({"gpu": "nvidia-l4", "memory": 8192}, f"{WHAT}.memory beside 4 vCPU with nvidia-l4 is 8192, expected 16384 to "
         "16384 MiB; write 16384"),
        ({"gpu": "nvidia-rtx-pro-6000", "cpu": 8}, f"{WHAT}.cpu is 8, expected 20 to 44 vCPU with nvidia-rtx-pro-6000; "
         "write 20"),
        ({"gpu": "nvidia-l4", "region": "europe-west3"}, f"{WHAT}.gpu is 'nvidia-l4', expected a GPU that Cloud Run "
         "has in europe-west3; europe-west1, europe-west4, asia-south1, asia-southeast1, us-central1, us-east4 have "
         "it"),
        ({"gpu_zonal_redundancy": False}, f"{WHAT}.gpu_zonal_redundancy is False, expected none without a GPU; leave "
         "it out, or write gpu"),
        ({"gpu": "nvidia-l4", "cpu_always": False}, f"{WHAT}.cpu_always is False, expected True beside a GPU, as Cloud "
         "Run has it; leave cpu_always out"),
        ({"workers": 0}, f"{WHAT}.workers is 0, expected 1 to 64 processes; write 1"),
        ({"concurrency": 1001}, f"{WHAT}.concurrency is 1001, expected 1 to 1000 requests at once; write 1000"),
        ({"timeout": 3601}, f"{WHAT}.timeout is 3601, expected 1 to 3600 seconds; write 3600"),
        ({"audiences": ["https://models.example.com"], "anonymous": True}, f"{WHAT}.audiences is "
         "['https://models.example.com'], expected none beside anonymous, which asks for no token; "
         "leave audiences out"),
        ({"audiences": ["a b"]}, f"{WHAT}.audiences[0] is 'a b', expected what a token is for, as a URL; for example "
         "https://models.example.com"),
        ({"audiences": ["https://models.example.com"] * 1100}, f"{WHAT}.audiences is '1100 of them', expected at most "
         "32768 characters as JSON; leave some out"),
        ({"min": -1}, f"{WHAT}.min is -1, expected 0 to 1000 instances; write 0"),
        ({"min": 3, "max": 2}, f"{WHAT}.min is 3, expected at most {WHAT}.max, which is 2; raise {WHAT}.max to 3"),
        ({"max": 0}, f"{WHAT}.max is 0, expected 1 to 1000 instances; write 1"),
        ({"startup_seconds": 900}, f"{WHAT}.startup_seconds is 900, expected 2 to 600 seconds; write 600"),
        ({"ingress": "vpc"}, f"{WHAT}.ingress is 'vpc', expected one of internal, internal-and-cloud-load-balancing, "
         "all; write internal"),
        ({"invokers": {"all": "allUsers"}}, f"{WHAT}.invokers['all'] is 'allUsers', expected somebody by name; name "
         "them, or write anonymous: True to answer everybody"),
        ({"invokers": {"all": "allAuthenticatedUsers"}}, f"{WHAT}.invokers['all'] is 'allAuthenticatedUsers', expected "
         "somebody by name; name them, or write anonymous: True to answer everybody"),
        ({"invokers": {"shop": "shop@example.com"}}, f"{WHAT}.invokers['shop'] is 'shop@example.com', expected an IAM "
         "member, its kind before it; for example serviceAccount:shop@shop-prod.iam.gserviceaccount.com"),
        ({"invokers": {"Shop": "user:a@example.com"}}, f"a key of {WHAT}.invokers is 'Shop', expected a letter and at "
         "most 31 more of a-z, 0-9 and -, the last of them no -; for example shop"),
        ({"anonymous": True, "invokers": {"shop": "user:a@example.com"}}, f"{WHAT}.invokers is ['shop'], expected none "
         "beside anonymous; leave anonymous out"),
        ({"network": {"network_id": NETWORK["network_id"]}}, f"{WHAT}.network.subnetwork_id is missing, expected a "
         "value; write subnetwork_id: ..."),
        ({"network": {**NETWORK, "network_id": "shop"}}, f"{WHAT}.network.network_id is 'shop', expected the "
         "whole name "
         "of a network; for example projects/shop-prod/global/networks/shop"),
        ({"network": {**NETWORK, "subnetwork_id": SUBNETWORK}}, f"{WHAT}.network.subnetwork_id is '{SUBNETWORK}', "
         f"expected one of {REGION}, where what uses it is; make or take one in {REGION}"),
        ({"network": {**NETWORK, "tags": ["Models"]}}, f"{WHAT}.network.tags[0] is 'Models', expected a network tag: a "
         "letter and at most 62 more of a-z, 0-9 and -, the last of them no -; for example models"),
        ({"network": {**NETWORK, "egress": "none"}}, f"{WHAT}.network.egress is 'none', expected one of all-traffic, "
         "private-ranges-only; write all-traffic"),
        ({"service_account": "server"}, f"{WHAT}.service_account is 'server', expected the address of a service "
         "account; for example server@shop-prod.iam.gserviceaccount.com"),
        ({"key_name": "projects/shop-prod/locations/us/keyRings/a/cryptoKeys/b"}, f"{WHAT}.key_name is "
         f"'projects/shop-prod/locations/us/keyRings/a/cryptoKeys/b', expected a key of {REGION}, where what uses it "
         f"is; make or take one there: projects/shop-prod/locations/{REGION}/keyRings/models/cryptoKeys/models"),
        ({"env": {"SHOP_TOKEN": "7f3"}}, f"{WHAT}.env['SHOP_TOKEN'] has a value, expected nothing secret there, as "
         "whoever may describe what runs reads it; leave it out"),
        ({"env": {"PORT": "80"}}, f"a key of {WHAT}.env is 'PORT', expected one that Cloud Run does not keep to "
         "itself; "
         "leave it out"),
        ({"env": {"LONG": "x" * 32_769}}, f"{WHAT}.env['LONG'] is 'a text of 32769 characters', expected at "
         "most 32768, "
         "as Cloud Run takes no more; shorten it"),
        ({"secrets": {"K_SERVICE": {"secret": "a"}}}, f"a key of {WHAT}.secrets is 'K_SERVICE', expected one "
         "that Cloud "
         "Run does not keep to itself; leave it out"),
        ({"secrets": {"MODELPORT_PORT": {"secret": "a"}}}, f"a key of {WHAT}.secrets is 'MODELPORT_PORT', expected one "
         "that the component does not set itself; leave it out"),
        ({"secrets": {"A": "hunter2"}}, f"{WHAT}.secrets['A'] is a text, expected the name of a secret in Secret "
         "Manager; write {'secret': 'projects/PROJECT/secrets/NAME'}, and put the value there"),
        ({"secrets": {"A": {"secret": "a b"}}}, f"{WHAT}.secrets['A'].secret is 'a b', expected the name of a "
         "secret in "
         "Secret Manager; for example projects/shop-prod/secrets/upstream"),
        ({"secrets": {"A": {"secret": "a", "version": "new"}}}, f"{WHAT}.secrets['A'].version is 'new', expected the "
         "number of a version, or latest; for example \"3\""),
        ({"env": {"A": "1"}, "secrets": {"A": {"secret": "a"}}}, f"a key of {WHAT}.secrets is 'A', expected one "
         "that is "
         "not in env too; leave it out of env"),
        ({"labels": {"Team": "ml"}}, f"a key of {WHAT}.labels is 'Team', expected a letter and at most 62 letters of "
         "lower case, digits, _ and -; for example team"),
        ({"release": {"strategy": "linear"}}, f"{WHAT}.release.strategy is 'linear', expected one of rolling, canary, "
         "blue-green; write rolling"),
        ({"release": {"steps": [{"weight": 10}]}}, f"{STEPS} is [{{'weight': 10}}], expected none beside strategy "
         "rolling; leave steps out"),
        ({"release": {"pause": 300}}, f"{WHAT}.release.pause is 300, expected none beside strategy rolling; "
         "leave pause "
         "out"),
        ({"release": {"strategy": "canary"}}, f"{STEPS} is [], expected at least one step of a canary; for example "
         "weight 10, pause 300"),
        ({"release": _canary(100)}, f"{STEPS}[0].weight is 100, expected 1 to 99 percent; write 99"),
        ({"release": _canary(10.5)}, f"{STEPS}[0].weight is 10.5, expected a whole number; write 10"),
        ({"release": _canary(50, 10)}, f"{STEPS} is [50, 10], expected weights each larger than the one before; write "
         "[10, 50]"),
        ({"release": _canary(10, pause=5)}, f"{STEPS}[0].pause is 5, expected 60 to 86400 seconds; write 60"),
        ({"release": _canary(10, pause=60.5)}, f"{STEPS}[0].pause is 60.5, expected whole seconds; write 61"),
        ({"error_percent": 2}, f"{WHAT}.error_percent is 2, expected none beside strategy rolling, which looks at "
         "nothing; leave error_percent out, or write strategy canary"),
        ({"latency_seconds": 1}, f"{WHAT}.latency_seconds is 1, expected none beside strategy rolling, which looks at "
         "nothing; leave latency_seconds out, or write strategy canary"),
        ({"release": _canary(10), "error_percent": 101}, f"{WHAT}.error_percent is 101, expected 0 to 100 percent; "
         "write 100"),
        ({"release": _canary(10), "latency_seconds": 61}, f"{WHAT}.latency_seconds is 61, expected 0.001 to 60 "
         "seconds; "
         "write 60"),
        ({"release": _canary(10), "alert_policies": ["mine"]}, f"{WHAT}.alert_policies[0] is 'mine', expected "
         "the whole "
         "name of an alert policy of shop-prod; for example projects/shop-prod/alertPolicies/1234567890123456789"),
        ({"alert_policies": [POLICY]}, f"{WHAT}.alert_policies is ['{POLICY}'], expected none beside strategy rolling, "
         "which looks at nothing; leave alert_policies out, or write strategy canary"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_line_and_nothing_is_registered(args: dict[str, Any], line: str) -> None:
    found = Plan()

    def program() -> None:
        CloudRunService("digits", cast("CloudRunServiceArgs", {**HERE, **args}))

    with pytest.raises(ArgsError) as raised:
        found = plan(program)
    assert (str(raised.value), found.resources) == (line, [])


@pytest.mark.parametrize("name", ["Digits", "d" * 23, "1st", "a_b", "digits-"])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ArgsError, match="the name of CloudRunService is"):
        plan(lambda: CloudRunService(name, HERE))


def test_a_secret_in_the_place_of_its_name_is_shown_nowhere() -> None:
    with pytest.raises(ArgsError) as raised:
        plan(lambda: CloudRunService("digits", cast("Any", {**HERE, "secrets": {"A": "hunter2"}})))
    assert "hunter2" not in str(raised.value)
