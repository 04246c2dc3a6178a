"""What packs are shown beside resources, and what an operation without one pays."""

import subprocess
import sys
from pathlib import Path

from engine.api import Options
from tests.engine.conftest import Place, Told

PACK = """
import pulumi
from pulumi_policy import PolicyPack, StackValidationPolicy

def look(args, report):
    report(f"{dict(args.stack_tags)} {pulumi.get_organization()} {__file__}")

PolicyPack("looks", policies=[StackValidationPolicy("look", "Looks.", look)])
"""


def test_a_pack_sees_the_stacks_tags_and_lies_where_the_user_said(place: Place) -> None:
    place.program("import pulumi\n")
    engine, told = place.engine(), Told()
    engine.init()
    place.state.with_name("dev.pulumi-tags").write_text('{"version":1,"tags":{"owner":"anna"}}')
    folder = place.root / "pack"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text("runtime: python\n")
    (folder / "__main__.py").write_text(PACK)
    named = str(place.project / ".." / "pack")
    assert engine.preview(Options(policy_packs=(named,)), told.events.append).exit_code == 0
    messages = [event["policyEvent"]["message"] for event in told.events if "policyEvent" in event]
    assert messages == [f"Looks.\n{{'owner': 'anna'}} organization {folder / '__main__.py'}\n"]


def test_tags_that_cannot_be_read_are_none(place: Place) -> None:
    engine = place.engine()
    engine.init()
    place.state.with_name("dev.pulumi-tags").write_text("{")
    assert engine.stack.backend.tags("place", "dev") == {}
    assert engine.stack.backend.tags("place", "other") == {}


def test_an_operation_without_packs_loads_nothing_of_them(place: Place, tmp_path: Path) -> None:
    place.program("import pulumi\n")
    place.engine().init()
    script = (
        "import sys; from pathlib import Path; from engine.api import Engine\n"
        f"assert Engine(Path({str(place.project)!r}), 'dev').preview().exit_code == 0\n"
        "print([name for name in sys.modules if name.startswith('engine.policy.') or 'analyzer' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["['engine.policy.flags']"], done.stderr
