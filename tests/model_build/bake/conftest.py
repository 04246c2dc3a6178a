"""One baked image for the room's tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from model_build import bake
from tests.tools import models


@dataclass(frozen=True)
class Baked:
    """A model folder and its image, in a layout of the test session."""

    model: Path
    image: bake.Image

    @property
    def layout(self) -> Path:
        return self.image.layout


@pytest.fixture(scope="session")
def baked(tmp_path_factory: pytest.TempPathFactory) -> Baked:
    """The image of a tiny model on the Debian base."""
    folder = tmp_path_factory.mktemp("baked")
    model = models.folder(folder / "model")
    return Baked(model, bake.bake(model, name="tiny", base="debian", layout=folder / "images"))


@pytest.fixture(scope="session")
def rootfs(baked: Baked, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That image unpacked. Its files are links into the cache: tests only read them."""
    return bake.extract(baked.layout, baked.image.digest, tmp_path_factory.mktemp("rootfs") / "root")
