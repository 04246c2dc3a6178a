"""Functions that the judges judge: by default, with everything, and those that answer events."""

from collections.abc import Callable, Mapping
from typing import Final

from components.gcp.cloud_run import CloudRunEgress, CloudRunIngress
from components.gcp.function import CloudFunction, CloudFunctionArgs, CloudFunctionTrigger

PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"

_HERE: Final[CloudFunctionArgs] = {
    "project": PROJECT,
    "project_number": NUMBER,
    "region": REGION,
    "image": f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@sha256:{'a' * 64}",
}


def function() -> None:
    CloudFunction("digits", _HERE)


def function_with_everything() -> None:
    CloudFunction(
        "whole",
        {
            **_HERE,
            "layout_image": f"oci:/images@sha256:{'a' * 64}",
            "cpu": 2,
            "memory": 4096,
            "concurrency": 16,
            "timeout": 120,
            "min": 1,
            "max": 4,
            "ingress": CloudRunIngress.LOAD_BALANCER,
            "invokers": {"shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com"},
            "network": {
                "network_id": f"projects/{PROJECT}/global/networks/shop",
                "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
                "tags": ["models"],
                "egress": CloudRunEgress.PRIVATE_RANGES,
            },
            "build_worker_pool": f"projects/{PROJECT}/locations/{REGION}/workerPools/builds",
            "env": {"MODELPORT_QUEUE": "8"},
            "secrets": {"UPSTREAM_TOKEN": {"secret": f"projects/{PROJECT}/secrets/upstream", "version": "3"}},
            "binary_authorization": True,
            "labels": {"team": "ml"},
        },
    )


def function_of_ones_own() -> None:
    """With accounts, a repository, a key and a connector that somebody else has made, for everybody."""
    CloudFunction(
        "mine",
        {
            **_HERE,
            "ingress": CloudRunIngress.LOAD_BALANCER,
            "anonymous": True,
            "connector": {"connector": f"projects/{PROJECT}/locations/{REGION}/connectors/shop"},
            "service_account": f"server@{PROJECT}.iam.gserviceaccount.com",
            "build_service_account": f"builder@{PROJECT}.iam.gserviceaccount.com",
            "repository": f"projects/{PROJECT}/locations/{REGION}/repositories/functions",
            "key_name": f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models",
            "allow_deletion": True,
        },
    )


def function_of_a_topic() -> None:
    topics = f"projects/{PROJECT}/topics"
    CloudFunction("topic", {**_HERE, "trigger": {"topic": f"{topics}/asked", "results": f"{topics}/answered"}})


def function_of_a_bucket() -> None:
    trigger: CloudFunctionTrigger = {"bucket": "shop-asked", "bucket_location": "eu", "results": "shop-answered"}
    CloudFunction("bucket", {**_HERE, "trigger": {**trigger, "retry": False}})


PROGRAMS: Final[Mapping[str, Callable[[], object]]] = {
    "function": function,
    "function_with_everything": function_with_everything,
    "function_of_ones_own": function_of_ones_own,
    "function_of_a_topic": function_of_a_topic,
    "function_of_a_bucket": function_of_a_bucket,
}

TOO_MUCH: Final[Mapping[str, str]] = {
    f"{check} google_storage_bucket.{name}-source": why
    for name in ("digits", "whole", "mine", "topic", "bucket")
    for check, why in (
        ("CKV_GCP_62", "Cloud Audit Logs say who reads it; a bucket of logs would be one more to keep"),
        ("CKV_GCP_78", "an object is called by its content, and never written over"),
    )
}
