"""A gateway that an earlier release has made stays where it is: what it is told is made anew beside the old."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.api_gateway import GcpApiGateway
from tests.components.gcp.test_api_gateway import CALLER, HERE, TOLD
from tests.components.upgrading import Earlier

CONFIG, GATEWAY = "gcp:apigateway/apiConfig:ApiConfig::shop", "gcp:apigateway/gateway:Gateway::shop"


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**HERE, "service_account": CALLER, **changed}
    GcpApiGateway("shop", args)


EARLIER = Earlier("api-gateway", shop, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


@pytest.mark.parametrize("changed", [{"timeout": 30}, {"per_minute": 60}])
def test_what_the_gateway_is_told_is_another_config_alone(folder: Path, changed: dict[str, Any]) -> None:
    """There is no provider here, which knows that a config is replaced; the gateway has its id from what that tells."""
    assert EARLIER.changes(folder, changed, typed=True) == {"update": {CONFIG}}


def test_labels_replace_nothing(folder: Path) -> None:
    """What an updated API tells is not known without a provider, so that keys for it are looked at again."""
    found = EARLIER.changes(folder, {"labels": {"team": "ml"}}, typed=True)
    assert set(found) == {"update"}
    assert {"gcp:apigateway/api:Api::shop", CONFIG, GATEWAY} <= found["update"]


def test_another_key_comes_beside_those_that_there_are(folder: Path) -> None:
    assert EARLIER.changes(folder, {"keys": ["web", "more", "batch"]}) == {"create": {"shop-more"}}
    assert EARLIER.changes(folder, {"keys": ["web"]}) == {"delete": {"shop-batch"}}
