"""The add-on itself, as far as it goes without a cluster."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.cluster.control import ControlPlane
from tests.cluster.gateway import addon


def test_one_that_did_not_come_up_is_begun_anew(tmp_path: Path) -> None:
    """The second attempt says what is wrong with it, and not that the first has been there."""

    def busy(*_: object, **__: object) -> str:
        raise RuntimeError("the registry does not answer")

    plane = cast(ControlPlane, SimpleNamespace(folder=tmp_path, load_image=busy))
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the registry does not answer"):
            addon.start(plane)
