"""Images to run, and endpoints that are gone when a test is over."""

import json
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.local import folder, release
from components.local.folder import Folder
from components.local.ports import MARK
from components.local.server import LocalServerProvider
from model_build.bake import bake
from tests.serving import models


@dataclass(frozen=True)
class Images:
    """References to three images of the model `digits`: two versions, and one that no runtime can load."""

    one: str
    two: str
    broken: str


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    home = tmp_path_factory.mktemp("images")
    broken = models.digits(home / "broken", version="3")
    (broken / "model.onnx").write_bytes(b"no model at all")
    found = [models.digits(home / version, version=version) for version in ("1", "2")]
    layout = home / "layout"
    made = [bake(each, name="digits", base="debian", layout=layout) for each in (*found, broken)]
    return Images(*(f"oci:{layout}@{each.digest}" for each in made))


@dataclass
class Endpoint:
    """One endpoint as an engine would drive it, with a state of its own."""

    port: int
    provider: LocalServerProvider
    id: str = ""
    outs: dict[str, Any] | None = None

    def inputs(self, image: str, **changed: Any) -> dict[str, Any]:
        given = {"key": "shop/test/endpoint", "image": image, "model": "digits", "port": float(self.port)}
        return {**given, "workers": 2.0, "runtime": "process", **changed}

    def create(self, image: str, **changed: Any) -> None:
        made = self.provider.create(self.inputs(image, **changed))
        self.id, self.outs = made.id, made.outs

    def update(self, image: str, **changed: Any) -> None:
        assert self.outs is not None
        self.outs = self.provider.update(self.id, self.outs, self.inputs(image, **changed)).outs

    def changed(self, image: str, **changed: Any) -> bool | None:
        assert self.outs is not None
        return self.provider.diff(self.id, self.outs, self.inputs(image, **changed)).changes

    @property
    def folder(self) -> Folder:
        return Folder(self.id)

    def version(self, port: int | None = None) -> str:
        """The version of the model that answers."""
        address = f"http://127.0.0.1:{port or self.port}/v2/models/digits"
        with urllib.request.urlopen(address, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return str(found["versions"][0])

    def processes(self) -> list[int]:
        """Ids of all processes of the endpoint."""
        return marked(self.id)


def marked(id_: str, number: int | None = None) -> list[int]:
    """Ids of the processes whose environment names the endpoint `id_`, of one version or of all."""
    wanted = f"{MARK}={id_}." + ("" if number is None else f"{number}\0")
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and wanted in (entry / "environ").read_bytes().decode(errors="replace"):
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> Iterator[Endpoint]:
    monkeypatch.setenv("MODELPORT_STATE_DIR", os.fspath(tmp_path / "state"))
    yield Endpoint(free_port, LocalServerProvider())
    for place, _ in list(folder.endpoints()):
        release.remove(place)
