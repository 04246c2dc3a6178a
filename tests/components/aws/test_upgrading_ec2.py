"""A service on EC2 that an earlier release has made is left alone, and another image is a refresh of its instances."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.ec2_service import Ec2Service
from tests.components.aws import test_ec2_service as service
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the service with everything."""
    full: Any = {**service.FULL, **changed}
    Ec2Service("digits", full)
    gpus: Any = {**service.HERE, "instance_types": ["g6.xlarge"], "image_id": "ami-0123456789abcdef0"}
    Ec2Service("large", gpus)


EARLIER = Earlier("ec2", shop, {service.TEMPLATE: service.told})


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_another_image_is_a_version_of_the_template_and_a_refresh_and_never_another_group(folder: Path) -> None:
    other = service.IMAGE.replace("0123456789ab", "ba9876543210")
    assert EARLIER.changes(folder, {"image": other}, typed=True) == {
        "update": {f"{service.TEMPLATE}::digits", f"{service.REFRESH}::digits"}
    }
