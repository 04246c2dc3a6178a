"""A network and roles that an earlier release has made are left alone, and change where they are asked to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.identity import AwsIdentity
from components.aws.network import AwsNetwork
from tests.components.aws import test_identity, test_network
from tests.components.upgrading import Earlier

LESS = {"zones": test_network.ZONES[:2], "nat": "shared"}


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the network."""
    network: Any = {**test_network.HERE, **LESS, "cluster_names": ["shop"], **changed}
    AwsNetwork("net", network)
    AwsIdentity("digits", test_identity.FULL)


EARLIER = Earlier("network", shop)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_a_third_zone_with_a_gateway_of_its_own_replaces_nothing(folder: Path) -> None:
    more = {"zones": test_network.ZONES, "nat": "per-zone"}
    found = EARLIER.changes(folder, more)
    assert found == {
        "create": {"net-private-c", "net-public-c", "net-nat-b", "net-nat-c"},
        # Zone b goes out by its own gateway, and endpoints are in zone c too.
        "update": {"net-private-b", "net-s3", "net-ecr-api", "net-ecr-dkr", "net-sts", "net-logs"},
    }
