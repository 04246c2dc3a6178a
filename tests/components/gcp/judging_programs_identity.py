"""Identities that the judges judge: of nobody's yet, of pods, and with all that one may be allowed."""

from collections.abc import Callable
from typing import Final

from pulumi_gcp.storage.bucket import Bucket

from components.gcp.identity import GcpIdentity, GcpResourceKind
from tests.components.gcp.judging import PROJECT, REGION


def identity() -> None:
    GcpIdentity("digits", {"project": PROJECT})


def identity_of_pods() -> None:
    GcpIdentity("digits", {"project": PROJECT, "kubernetes": {"namespace": "models", "service_account": "digits"}})


def identity_with_everything() -> None:
    models = Bucket(
        "models",
        location=REGION,
        uniform_bucket_level_access=True,
        public_access_prevention="enforced",
        versioning={"enabled": True},
        logging={"log_bucket": "shop-logs"},
    )
    GcpIdentity(
        "whole",
        {
            "project": PROJECT,
            "kubernetes": {
                "namespace": "models",
                "service_account": "whole",
                "workload_pool": "shop-clusters.svc.id.goog",
            },
            "reads_objects": {"models": {"bucket": models.name, "prefix": "digits/"}},
            "writes_objects": {"answers": {"bucket": models.name, "prefix": "answers/"}},
            "reads_secret_names": {"upstream": f"projects/{PROJECT}/secrets/upstream"},
            "decrypts_with_key_names": {
                "models": f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models"
            },
            "statements": {
                "metrics": {
                    "role": "roles/monitoring.metricWriter",
                    "kind": GcpResourceKind.PROJECT,
                    "condition": {
                        "title": "until 2027",
                        "expression": 'request.time < timestamp("2027-01-01T00:00:00Z")',
                    },
                },
                "asks": {
                    "role": "roles/pubsub.publisher",
                    "kind": GcpResourceKind.TOPIC,
                    "resource": f"projects/{PROJECT}/topics/asked",
                },
                "hears": {
                    "role": "roles/pubsub.subscriber",
                    "kind": GcpResourceKind.SUBSCRIPTION,
                    "resource": f"projects/{PROJECT}/subscriptions/answers",
                },
                "pulls": {
                    "role": "roles/artifactregistry.reader",
                    "kind": GcpResourceKind.REPOSITORY,
                    "resource": f"projects/{PROJECT}/locations/{REGION}/repositories/models",
                },
                "calls": {
                    "role": "roles/run.invoker",
                    "kind": GcpResourceKind.RUN_SERVICE,
                    "resource": f"projects/{PROJECT}/locations/{REGION}/services/prices",
                },
            },
        },
    )


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "nobody": identity,
    "pods": identity_of_pods,
    "everything": identity_with_everything,
}
