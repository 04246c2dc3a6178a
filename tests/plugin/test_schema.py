"""What the plugin says of itself to the code generators of other languages."""

import subprocess
import sys

import pytest

from components import hosted
from tests.components import test_schema as every
from tests.plugin import snapshot


def test_the_schema_stays_as_it_was_reviewed() -> None:
    fix = "a property gone or retyped breaks programs; if that is meant, .venv/bin/python -m tests.plugin.snapshot"
    assert snapshot.text(snapshot.told()) == snapshot.FILE.read_text(), fix


def test_every_component_of_the_library_is_hosted_by_the_class_itself() -> None:
    assert hosted.components() == every._components()


@pytest.mark.parametrize(("name", "not_there"), [("EcsService", "pulumi_gcp"), ("GcpNetwork", "pulumi_aws")])
def test_who_makes_one_component_imports_no_other_cloud(name: str, not_there: str) -> None:
    code = f"import sys; from components import hosted; hosted.component({name!r}); print({not_there!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
