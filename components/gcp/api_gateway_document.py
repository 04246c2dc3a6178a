"""What an API Gateway is told of an API: an OpenAPI document of version 2.0, with Google's extensions of it."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

PATH: Final = "openapi.json"
"""What the document is called where Google keeps it."""
METRIC: Final = "requests"
_OF_MODEL: Final[Mapping[str, str]] = {
    "": "get",
    "/ready": "get",
    "/config": "get",
    "/infer": "post",
    "/classify": "post",
    "/feedback": "post",
}
ROUTES: Final[Mapping[str, str]] = {
    "/v2": "get",
    "/v2/health/live": "get",
    "/v2/health/ready": "get",
    "/v2/repository/index": "post",
    **{f"/v2/models/{{model}}{path}": method for path, method in _OF_MODEL.items()},
    **{f"/v2/models/{{model}}/versions/{{version}}{path}": method for path, method in _OF_MODEL.items()},
}
"""What of the server is reached, and how: the Open Inference Protocol. Its metrics are not. A gateway serves methods
that are named, and no others ("OpenAPI 2.0 extensions" of API Gateway, x-google-allow, 2026-11-22)."""


class Jwt(NamedTuple):
    """Whose tokens are taken."""

    issuer: str
    audiences: Sequence[str]
    keys: str | None
    """URL of its keys; by OpenID Connect's discovery where that is None."""


class Asked(NamedTuple):
    """What callers have to have with them, and how much they may ask."""

    title: str
    keyed: bool
    jwt: Jwt | None
    per_minute: int | None
    """Requests in a minute of all keys of one project together."""
    timeout: float
    """Seconds."""


def made(asked: Asked, url: str) -> dict[str, Any]:
    """The document. url: of the service that answers, which is asked with a token that is for it."""
    found: dict[str, Any] = {
        "swagger": "2.0",
        "info": {"title": asked.title, "description": f"The model of {asked.title}", "version": "1"},
        "schemes": ["https"],
        "x-google-allow": "configured",
        "x-google-backend": {
            "address": url,
            "jwt_audience": url,
            "path_translation": "APPEND_PATH_TO_ADDRESS",
            "deadline": asked.timeout,
        },
        "paths": {path: _path(path, method, asked) for path, method in ROUTES.items()},
    }
    schemes: dict[str, Any] = {}
    if asked.keyed:
        # The only header that a gateway looks for a key in.
        schemes["api_key"] = {"type": "apiKey", "name": "x-api-key", "in": "header"}
    if asked.jwt is not None:
        schemes["jwt"] = {
            "type": "oauth2",
            "flow": "implicit",
            "authorizationUrl": asked.jwt.issuer,
            "x-google-issuer": asked.jwt.issuer,
            "x-google-audiences": ",".join(asked.jwt.audiences),
            **({} if asked.jwt.keys is None else {"x-google-jwks_uri": asked.jwt.keys}),
        }
    if schemes:
        found["securityDefinitions"] = schemes
        # In one entry: whoever calls has all of it.
        found["security"] = [{name: [] for name in schemes}]
    if asked.per_minute is not None:
        metric = {"name": METRIC, "displayName": "Requests", "valueType": "INT64", "metricKind": "DELTA"}
        limit = {
            "name": f"{METRIC}-per-minute",
            "metric": METRIC,
            "unit": "1/min/{project}",
            "values": {"STANDARD": asked.per_minute},
        }
        found["x-google-management"] = {"metrics": [metric], "quota": {"limits": [limit]}}
    return found


def contents(document: Mapping[str, Any]) -> str:
    """The document as Google takes it."""
    return base64.b64encode(json.dumps(document, indent=2).encode()).decode()


def digest(*told: str) -> str:
    """Changes when anything of that does: of what cannot be changed, another one is made beside it."""
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _path(path: str, method: str, asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {method: _operation(path, method, asked)}
    words = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    if words:
        found["parameters"] = [{"name": each, "in": "path", "required": True, "type": "string"} for each in words]
    return found


def _operation(path: str, method: str, asked: Asked) -> dict[str, Any]:
    parts = [part.strip("{}") for part in path.strip("/").split("/")]
    found: dict[str, Any] = {
        "operationId": "".join([method, *(part.capitalize() for part in parts)]),
        "responses": {"default": {"description": "What the model's server answers"}},
    }
    if asked.per_minute is not None:
        found["x-google-quota"] = {"metricCosts": {METRIC: 1}}
    return found
