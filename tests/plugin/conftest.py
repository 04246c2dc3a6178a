"""A project whose program asks the plugin for components, on the embedded engine."""

from pathlib import Path

import pytest

from tests.engine.conftest import Place, place

__all__ = ["place"]
ROOT = Path(__file__).parent.parent.parent
REMOTE = """
import pulumi


class Component(pulumi.ComponentResource):
    # What a generated SDK does: the schema's names, and the provider makes it.
    def __init__(self, kind, name, args, opts=None, outputs=()):
        super().__init__(f"modelport:index:{kind}", name, {**args, **dict.fromkeys(outputs)}, opts, remote=True)


"""


@pytest.fixture
def project(place: Place) -> Place:
    (place.project / "Pulumi.yaml").write_text(f"name: place\nruntime: python\npackages:\n  modelport: {ROOT}/plugin\n")
    return place
