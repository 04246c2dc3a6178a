"""A function that an earlier release has made is left alone, and another image is another version of it alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.api_gateway import AwsApiGateway
from components.aws.lambda_service import LambdaService
from tests.components.aws import test_api_gateway, test_lambda_service
from tests.components.planned import Planned
from tests.components.upgrading import Earlier


def _version(_: Planned) -> dict[str, Any]:
    return {"version": "7"}


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the function."""
    function: Any = {**test_lambda_service.FULL, **changed}
    LambdaService("digits", function)
    AwsApiGateway("digits", test_api_gateway.HERE)


EARLIER = Earlier("lambda", shop, {**test_api_gateway.TOLD, "aws:lambda/function:Function": _version})


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_another_image_is_another_version_that_the_alias_goes_to_and_nothing_is_replaced(folder: Path) -> None:
    other = test_lambda_service.IMAGE.replace("0123456789ab", "ba9876543210")
    found = EARLIER.changes(folder, {"image": other})
    assert "digits" in found["update"]
    assert set(found) == {"update"}
