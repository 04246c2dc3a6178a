"""What a CloudFunction refuses, in one line and before anything is registered."""

from typing import Any, cast

import pytest
from pulumi_gcp.storage.bucket import Bucket

from components.checks import ArgsError
from components.gcp.function import CloudFunction, CloudFunctionArgs
from tests.components.gcp.test_function import DIGEST, HERE, IMAGE, NUMBER, PROJECT, REGION, TOLD, identity
from tests.components.planned import Plan, plan

WHAT = "CloudFunction"
ELSEWHERE = f"projects/{PROJECT}/regions/europe-west1/subnetworks/shop"
NETWORK = {
    "network_id": f"projects/{PROJECT}/global/networks/shop",
    "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
}
CONNECTOR = {"connector": f"projects/{PROJECT}/locations/{REGION}/connectors/shop"}
TOPIC = {"topic": f"projects/{PROJECT}/topics/asked", "results": f"projects/{PROJECT}/topics/answered"}
BUCKET = {"bucket": "shop-asked", "results": "shop-answered"}
PLACE = f"projects/{PROJECT}/locations/europe-west1"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ({"image": None}, f"{WHAT}.image is missing, expected a value; write image: ..."),
        ({"imagee": IMAGE}, f"{WHAT} has no argument 'imagee', did you mean image"),
        ({"image": f"{PROJECT}/digits:1"}, f"{WHAT}.image is '{PROJECT}/digits:1', expected an image by digest, in a "
         "registry or a layout of this machine; pass the reference of a ModelImage"),
        ({"image": f"oci:images@{DIGEST}"}, f"{WHAT}.image is 'oci:images@{DIGEST}', expected an image by digest, in a "
         "registry or a layout of this machine; pass the reference of a ModelImage"),
        ({"layout_image": IMAGE}, f"{WHAT}.layout_image is '{IMAGE}', expected an image in a layout of this machine, "
         "oci:PATH@sha256:...; for example the layout_image of a ModelImage"),
        ({"project": "Shop"}, f"{WHAT}.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, "
         "beginning with a letter; for example shop-prod"),
        ({"project_number": int(NUMBER)}, f"{WHAT}.project_number is {NUMBER}, expected the number of a project, "
         "digits as text, which `gcloud projects describe` tells; for example \"123456789012\""),
        ({"region": "europe-west99"}, f"{WHAT}.region is 'europe-west99', expected one that there is; did you mean "
         "europe-west9"),
        ({"cpu": 3}, f"{WHAT}.cpu is 3, expected 1, 2, 4, 6, 8 vCPU; write 2"),
        ({"cpu": 0.5}, f"{WHAT}.cpu is 0.5, expected 1, 2, 4, 6, 8 vCPU; write 1"),
        ({"cpu": 4, "memory": 1024}, f"{WHAT}.memory beside 4 vCPU is 1024, expected 2048 to 16384 MiB; write 2048"),
        ({"gpu": "nvidia-l4"}, f"{WHAT} has no argument 'gpu', did you mean cpu"),
        ({"concurrency": 1001}, f"{WHAT}.concurrency is 1001, expected 1 to 1000 requests at once; write 1000"),
        ({"timeout": 0}, f"{WHAT}.timeout is 0, expected 1 to 3600 seconds; write 1"),
        ({"timeout": 1.5}, f"{WHAT}.timeout is 1.5, expected a whole number; write 2"),
        ({"min": -1}, f"{WHAT}.min is -1, expected 0 to 1000 instances; write 0"),
        ({"min": 3, "max": 2}, f"{WHAT}.min is 3, expected at most {WHAT}.max, which is 2; raise {WHAT}.max to 3"),
        ({"ingress": "vpc"}, f"{WHAT}.ingress is 'vpc', expected one of internal, internal-and-cloud-load-balancing, "
         "all; write internal"),
        ({"invokers": {"all": "allUsers"}}, f"{WHAT}.invokers['all'] is 'allUsers', expected somebody by name; name "
         "them, or write anonymous: True to answer everybody"),
        ({"anonymous": True, "invokers": {"shop": "user:a@example.com"}}, f"{WHAT}.invokers is ['shop'], expected none "
         "beside anonymous; leave anonymous out"),
        ({"network": NETWORK, "connector": CONNECTOR}, f"network and connector of {WHAT} is ['connector', 'network'], "
         "expected one way into a network; leave connector out"),
        ({"network": {**NETWORK, "subnetwork_id": ELSEWHERE}}, f"{WHAT}.network.subnetwork_id is '{ELSEWHERE}', "
         f"expected one of {REGION}, where what uses it is; make or take one in {REGION}"),
        ({"network": {**NETWORK, "egress": "none"}}, f"{WHAT}.network.egress is 'none', expected one of all-traffic, "
         "private-ranges-only; write all-traffic"),
        ({"connector": {"connector": "shop"}}, f"{WHAT}.connector.connector is 'shop', expected the whole name of a "
         f"connector; for example projects/shop-prod/locations/{REGION}/connectors/shop"),
        ({"connector": {"connector": f"{PLACE}/connectors/shop"}}, f"{WHAT}.connector.connector is "
         f"'{PLACE}/connectors/shop', expected one of {REGION}, where what uses it is; make or take one in {REGION}"),
        ({"connector": {**CONNECTOR, "egress": "none"}}, f"{WHAT}.connector.egress is 'none', expected one of "
         "all-traffic, private-ranges-only; write all-traffic"),
        ({"service_account": "server"}, f"{WHAT}.service_account is 'server', expected the address of a service "
         "account; for example server@shop-prod.iam.gserviceaccount.com"),
        ({"build_service_account": "b"}, f"{WHAT}.build_service_account is 'b', expected the address of a service "
         "account; for example server@shop-prod.iam.gserviceaccount.com"),
        ({"build_worker_pool": "builds"}, f"{WHAT}.build_worker_pool is 'builds', expected the whole name of a worker "
         f"pool; for example projects/shop-prod/locations/{REGION}/workerPools/builds"),
        ({"build_worker_pool": f"{PLACE}/workerPools/b"}, f"{WHAT}.build_worker_pool is '{PLACE}/workerPools/b', "
         f"expected one of {REGION}, where what uses it is; make or take one in {REGION}"),
        ({"repository": "functions"}, f"{WHAT}.repository is 'functions', expected the whole name of a repository; for "
         f"example projects/shop-prod/locations/{REGION}/repositories/functions"),
        ({"repository": f"projects/{PROJECT}/locations/{REGION}/repositories/f"}, f"{WHAT}.repository is "
         f"'projects/{PROJECT}/locations/{REGION}/repositories/f', expected `key_name` with it, as a function has one "
         "key with its repository; write key_name with the key of the repository, or leave repository out"),
        ({"key_name": "projects/shop-prod/locations/us/keyRings/a/cryptoKeys/b"}, f"{WHAT}.key_name is "
         f"'projects/shop-prod/locations/us/keyRings/a/cryptoKeys/b', expected a key of {REGION}, where what uses it "
         f"is; make or take one there: projects/shop-prod/locations/{REGION}/keyRings/models/cryptoKeys/models"),
        ({"env": {"SHOP_TOKEN": "7f3"}}, f"{WHAT}.env['SHOP_TOKEN'] has a value, expected nothing secret there, as "
         "whoever may describe what runs reads it; leave it out"),
        ({"env": {"K_SERVICE": "a"}}, f"a key of {WHAT}.env is 'K_SERVICE', expected one that Cloud Run does not keep "
         "to itself; leave it out"),
        ({"env": {"FUNCTION_TARGET": "a"}}, f"a key of {WHAT}.env is 'FUNCTION_TARGET', expected one that no framework "
         "of Google's goes by; leave it out"),
        ({"env": {"MODELPORT_RESULTS": "a"}}, f"a key of {WHAT}.env is 'MODELPORT_RESULTS', expected one that no "
         "framework of Google's goes by; leave it out"),
        ({"env": {"MODELPORT_WORKERS": "2"}}, f"a key of {WHAT}.env is 'MODELPORT_WORKERS', expected one that the "
         "component does not set itself; leave it out"),
        ({"secrets": {"HOST": {"secret": "a"}}}, f"a key of {WHAT}.secrets is 'HOST', expected one that no framework "
         "of Google's goes by; leave it out"),
        ({"secrets": {"A": "hunter2"}}, f"{WHAT}.secrets['A'] is a text, expected the name of a secret in Secret "
         "Manager; write {'secret': 'projects/PROJECT/secrets/NAME'}, and put the value there"),
        ({"env": {"A": "1"}, "secrets": {"A": {"secret": "a"}}}, f"a key of {WHAT}.secrets is 'A', expected one "
         "that is not in env too; leave it out of env"),
        ({"labels": {"Team": "ml"}}, f"a key of {WHAT}.labels is 'Team', expected a letter and at most 62 letters of "
         "lower case, digits, _ and -; for example team"),
        ({"anonymous": "false"}, f"{WHAT}.anonymous is 'false', expected True or False; write False"),
        ({"allow_deletion": "false"}, f"{WHAT}.allow_deletion is 'false', expected True or False; write False"),
        ({"trigger": {**TOPIC, "retry": "no"}}, f"{WHAT}.trigger.retry is 'no', expected True or False; write False"),
        ({"trigger": 5}, f"{WHAT}.trigger is 5, expected a mapping; write {{...}}"),
        ({"trigger": {**BUCKET, "bucket": "my-google-x"}}, f"{WHAT}.trigger.bucket is 'my-google-x', expected the name "
         "of a bucket, without gs://; for example shop-asked"),
        ({"trigger": {**BUCKET, "bucket": "192.168.5.4"}}, f"{WHAT}.trigger.bucket is '192.168.5.4', expected the name "
         "of a bucket, without gs://; for example shop-asked"),
        ({"trigger": {"topic": TOPIC["topic"]}}, f"{WHAT}.trigger.results is missing, expected a value; write "
         "results: ..."),
        ({"trigger": {"results": "a"}}, f"{WHAT}.trigger is [], expected one of topic and bucket; write a topic, or a "
         "bucket"),
        ({"trigger": {**TOPIC, **BUCKET}}, f"{WHAT}.trigger is ['topic', 'bucket'], expected one of topic and bucket; "
         "write a topic, or a bucket"),
        ({"trigger": {**TOPIC, "topic": "asked"}}, f"{WHAT}.trigger.topic is 'asked', expected the whole name of a "
         f"topic; for example projects/{PROJECT}/topics/asked"),
        ({"trigger": {**TOPIC, "topic": "projects/other-prod/topics/asked"}}, f"{WHAT}.trigger.topic is "
         f"'projects/other-prod/topics/asked', expected a topic of {PROJECT}, as Eventarc wants it; take or make one "
         "there"),
        ({"trigger": {**TOPIC, "results": "shop-answered"}}, f"{WHAT}.trigger.results is 'shop-answered', expected the "
         "whole name of a topic; for example projects/shop-prod/topics/asked"),
        ({"trigger": {**BUCKET, "bucket": "gs://shop-asked"}}, f"{WHAT}.trigger.bucket is 'gs://shop-asked', expected "
         "the name of a bucket, without gs://; for example shop-asked"),
        ({"trigger": {**BUCKET, "results": TOPIC["results"]}}, f"{WHAT}.trigger.results is '{TOPIC['results']}', "
         "expected the name of a bucket, without gs://; for example shop-asked"),
        ({"trigger": {**BUCKET, "results": "shop-asked"}}, f"{WHAT}.trigger.results is 'shop-asked', expected another "
         "place than events come from, as an answer would be the next event; write another one"),
        ({"trigger": {**TOPIC, "results": TOPIC["topic"]}}, f"{WHAT}.trigger.results is '{TOPIC['topic']}', expected "
         "another place than events come from, as an answer would be the next event; write another one"),
        ({"trigger": {**TOPIC, "bucket_location": "eu"}}, f"{WHAT}.trigger.bucket_location is 'eu', expected none "
         "beside a topic; leave it out"),
        ({"trigger": {**BUCKET, "bucket_location": "EU"}}, f"{WHAT}.trigger.bucket_location is 'EU', expected a "
         "location of buckets; for example eu"),
        ({"trigger": TOPIC, "invokers": {"shop": "user:a@example.com"}}, f"{WHAT}.invokers is "
         "{'shop': 'user:a@example.com'}, expected none beside a trigger, whose own account alone calls it; leave "
         "invokers out"),
        ({"trigger": TOPIC, "anonymous": True}, f"{WHAT}.anonymous is True, expected none beside a trigger, whose own "
         "account alone calls it; leave anonymous out"),
        ({"trigger": TOPIC, "ingress": "all"}, f"{WHAT}.ingress is 'all', expected internal beside a trigger, whose "
         "events count as that; leave ingress out"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_line_and_nothing_is_registered(args: dict[str, Any], line: str) -> None:
    found = Plan()

    def program() -> None:
        CloudFunction("digits", cast("CloudFunctionArgs", {**HERE, **args}))

    with pytest.raises(ArgsError) as raised:
        found = plan(program)
    assert (str(raised.value), found.resources) == (line, [])


@pytest.mark.parametrize("name", ["Digits", "d" * 17, "1st-model", "a_bcd", "digits-", "dig"])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ArgsError, match="the name of CloudFunction is"):
        plan(lambda: CloudFunction(name, HERE))


def test_a_secret_in_the_place_of_its_name_is_shown_nowhere() -> None:
    with pytest.raises(ArgsError) as raised:
        plan(lambda: CloudFunction("digits", cast("Any", {**HERE, "secrets": {"A": "hunter2"}})))
    assert "hunter2" not in str(raised.value)


def test_one_bucket_for_events_and_answers_is_refused_where_it_is_not_known_yet_too() -> None:
    def program() -> None:
        made = Bucket("both", location="EU").name
        trigger: Any = {"bucket": made, "results": made}
        CloudFunction("digits", cast("CloudFunctionArgs", {**HERE, "trigger": trigger}))

    with pytest.raises(ArgsError, match="expected another place than events come from"):
        plan(program, outputs=TOLD)


def test_an_image_is_asked_once_it_is_known() -> None:
    def program() -> None:
        later = Bucket("image", location="EU").name
        CloudFunction("digits", cast("CloudFunctionArgs", {**HERE, "image": later}))

    with pytest.raises(ValueError, match=r"CloudFunction\.image is 'image', expected an image by digest"):
        plan(program, preview=False, outputs=TOLD, ids=identity)
