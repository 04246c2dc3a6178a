"""An endpoint that an earlier release has made is left alone, and another image is another configuration of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.sagemaker import SageMakerEndpoint
from tests.components.aws import test_sagemaker
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the endpoint."""
    args: Any = {**test_sagemaker.FULL, **changed}
    SageMakerEndpoint("digits", args)


EARLIER = Earlier("sagemaker", shop)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_another_image_is_another_model_and_whatever_names_it(folder: Path) -> None:
    """The configuration with it, the alarms that look at that, and the endpoint, which is never made anew."""
    other = test_sagemaker.IMAGE.replace("0123456789ab", "cdefcdefcdef")
    # Model, configuration and endpoint are all called digits; role and scaling stay as they are.
    alarms = {"digits-main-errors", "digits-main-slow"}
    assert EARLIER.changes(folder, {"image": other}) == {"update": {"digits", *alarms}}
