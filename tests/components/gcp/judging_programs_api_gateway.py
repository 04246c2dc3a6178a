"""Gateways before services of Cloud Run that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable
from typing import Final

from components.gcp.api_gateway import GcpApiGateway, GcpApiGatewayArgs
from components.gcp.cloud_run import CloudRunIngress, CloudRunService
from tests.components.gcp.judging import NUMBER, PROJECT, REGION

_IMAGE: Final = f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@sha256:{'a1' * 32}"
_URL: Final = "https://words-1a2b3c4d5e-ez.a.run.app"


def api_gateway() -> None:
    service = CloudRunService(
        "digits",
        {
            "project": PROJECT,
            "project_number": NUMBER,
            "region": REGION,
            "image": _IMAGE,
            "ingress": CloudRunIngress.ALL,
        },
    )
    args: GcpApiGatewayArgs = {
        "project": PROJECT,
        "region": "europe-west1",
        "backend": {"url": service.url, "service": service.name, "region": REGION},
        "keys": ["web"],
    }
    GcpApiGateway("shop", args)


def api_gateway_with_everything() -> None:
    GcpApiGateway(
        "shop",
        {
            "project": PROJECT,
            "region": "us-central1",
            "backend": {"url": _URL, "service": "words", "region": "us-central1"},
            "keys": ["web", "batch"],
            "jwt": {
                "issuer": "https://accounts.example.com",
                "audiences": ["models"],
                "keys_url": "https://accounts.example.com/keys",
            },
            "per_minute": 600,
            "timeout": 300,
            "service_account": f"gateway@{PROJECT}.iam.gserviceaccount.com",
            "labels": {"team": "ml"},
        },
    )


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "api-gateway": api_gateway,
    "api-gateway-with-everything": api_gateway_with_everything,
}
