"""Provider plugins: found, started once, spoken to as the official engine does, and ended; faults are one error."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine import processes
from engine.api import Options
from engine.errors import BadInput
from engine.providers import plugins
from tests.engine.conftest import Place, Told, template
from tests.engine.providers.acme import PROGRAM, SOURCE


@dataclass
class Acme:
    """Where the provider is put, and what it was asked."""

    root: Path

    def binary(self, folder: Path, version: str = "1.0.0", name: str = "acme") -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"pulumi-resource-{name}"
        file.write_text(SOURCE.format(python=sys.executable, version=version))
        file.chmod(0o755)
        return file

    def install(self, version: str) -> Path:
        return self.binary(self.root / "home" / "plugins" / f"resource-acme-v{version}", version)

    def calls(self, name: str = "") -> list[dict[str, object]]:
        file = self.root / "calls"
        found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [each for each in found if not name or each["call"] == name]


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Acme:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ACME_CALLS", str(tmp_path / "calls"))
    return Acme(tmp_path)


def up(place: Place, program: str, code: int = 0) -> Told:
    place.program(PROGRAM + program)
    told = place.up()
    assert told.outcome.exit_code == code, told.outcome.error
    return told


def test_a_plugin_of_the_plugin_folder_makes_and_deletes_and_is_started_once(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    program = "one = Thing('one', {'size': 1})\nThing('two', {'arn2': one.arn})\npulumi.export('arn', one.arn)\n"
    told = up(place, program)
    assert place.engine().outputs() == {"arn": "arn:one"}
    assert len(acme.calls("start")) == len(acme.calls("Handshake")) == 1
    assert acme.calls("Configure") == [{"call": "Configure", "version": "1.0.0", "variables": {}, "old_inputs": True}]
    assert "creating one" in told.said("debug")
    assert told.said("info") == []
    assert up(place, program).outcome.changes == {"same": 3}
    assert place.engine().destroy().exit_code == 0
    assert [call["name"] for call in acme.calls("Delete")] == ["two", "one"]


def test_the_version_that_is_asked_for_is_taken_and_without_one_the_newest(place: Place, acme: Acme) -> None:
    for version in ("1.9.0", "1.10.0", "2.0.0-beta.1"):
        acme.install(version)
    up(
        place,
        "pulumi.export('asked', Thing('a', opts=pulumi.ResourceOptions(version='1.9.0')).by)\n"
        "pulumi.export('any', Thing('b').by)\n",
    )
    assert place.engine().outputs() == {"asked": "acme 1.9.0", "any": "acme 1.10.0"}
    place.program(PROGRAM + "Thing('c', opts=pulumi.ResourceOptions(version='3.0.0'))\n")
    assert place.engine().preview().plan_only == ("acme",)


def test_one_on_path_takes_the_place_of_any_version_and_says_so(
    place: Place, acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.install("1.0.0")
    file = acme.binary(tmp_path / "bin", "0.0.1-dev")
    monkeypatch.setenv("PATH", str(file.parent), prepend=os.pathsep)
    told = up(place, "pulumi.export('by', Thing('a', opts=pulumi.ResourceOptions(version='1.0.0')).by)\n")
    assert place.engine().outputs() == {"by": "acme 0.0.1-dev"}
    first, second = told.said("warning")
    assert first == f"using pulumi-resource-acme from $PATH at {file}"
    assert second.startswith("resource plugin acme is expected to have version >=1.0.0, but has 0.0.1-dev; ")
    monkeypatch.setenv("PULUMI_IGNORE_AMBIENT_PLUGINS", "true")
    up(place, "pulumi.export('by', Thing('b', opts=pulumi.ResourceOptions(version='1.0.0')).by)\n")
    assert place.engine().outputs() == {"by": "acme 1.0.0"}


def test_one_that_the_project_names_comes_first_also_as_python_source(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    source = place.project / "acme"
    acme.binary(source, "source").rename(source / "__main__.py")
    (source / "PulumiPlugin.yaml").write_text("runtime: python\n")
    text = "name: place\nruntime: python\nplugins:\n  providers:\n    - name: acme\n      path: acme\n"
    (place.project / "Pulumi.yaml").write_text(text)
    up(place, "pulumi.export('by', Thing('a').by)\n")
    assert place.engine().outputs() == {"by": "acme source"}
    (place.project / "Pulumi.yaml").write_text(text.replace("path: acme", "path: nowhere"))
    wrong = "nowhere has neither pulumi-resource-acme nor PulumiPlugin.yaml"
    assert wrong in place.engine().preview().error
    with pytest.raises(BadInput, match=wrong):
        place.engine().up()


@pytest.mark.parametrize(
    ("says", "how"),
    [
        ("dies", "exited with code 3 before it printed its port; it printed:\n  no licence found"),
        ("nonsense", "printed 'hello' instead of its port"),
        ("hangs", "did not print its port within 2 s"),
    ],
)
def test_one_that_does_not_start_is_one_clear_error(
    place: Place, acme: Acme, monkeypatch: pytest.MonkeyPatch, says: str, how: str
) -> None:
    file = acme.install("1.0.0")
    monkeypatch.setenv("ACME_SAYS", says)
    monkeypatch.setattr(plugins, "START", 2.0 if says == "hangs" else 60.0)
    told = up(place, "Thing('a')\n", code=1)
    assert told.outcome.error == f"the provider acme ({file}) {how}"


def test_one_that_dies_at_work_is_told_with_what_it_printed_last(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    told = up(place, "Thing('a', {'die': True})\n", code=1)
    assert "the provider acme exited with code 7 during Create; it printed:" in told.outcome.error
    assert "  out of coffee" in told.outcome.error


def test_one_is_asked_to_end_and_ended_when_it_does_not(
    place: Place, acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.install("1.0.0")
    up(place, "Thing('a')\n")
    assert len(acme.calls("asked to end")) == 1
    monkeypatch.setenv("ACME_SAYS", "stubborn")
    monkeypatch.setattr(processes, "PATIENCE", 0.5)
    up(place, "Thing('a')\n")
    assert len(acme.calls("asked to end")) == 2
    assert running(acme) == []


def running(acme: Acme) -> list[int]:
    """The providers of this test that still run."""
    mark, found = f"ACME_CALLS={acme.root / 'calls'}".encode(), list[int]()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) == os.getpid() or template(int(entry.name)):
                continue
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_one_that_hangs_at_work_is_told_to_give_up_and_ended_at_the_second_word(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    place.program(PROGRAM + "Thing('a', {'hang': True})\n")
    engine, codes = place.engine(), list[int]()
    thread = threading.Thread(target=lambda: codes.append(engine.up().exit_code))
    thread.start()
    wait_for(lambda: bool(acme.calls("hanging")), thread)
    engine.interrupt()
    wait_for(lambda: bool(acme.calls("Cancel")), thread)
    engine.interrupt()
    thread.join(60)
    assert codes == [1]
    assert running(acme) == []
    pending = place.engine().export()["deployment"]["pending_operations"]
    assert [each["type"] for each in pending] == ["creating"]


def wait_for(happened: Callable[[], bool], thread: threading.Thread) -> None:
    while not happened():
        assert thread.is_alive()
        time.sleep(0.05)


def test_one_of_the_first_protocol_works_without_the_calls_that_came_later(
    place: Place, acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.install("1.0.0")
    monkeypatch.setenv("ACME_SAYS", "old")
    program = "pulumi.export('arn', Thing('a', {'size': %d}).arn)\n"
    up(place, program % 1)
    assert place.engine().outputs() == {"arn": "arn:a"}
    assert up(place, program % 1).outcome.changes == {"same": 2}
    assert up(place, program % 2).outcome.changes == {"same": 1, "update": 1}
    told = up(place, "Group('web', 3)\n", code=1)
    assert "the provider acme makes no components (acme:index:Group 'web')" in told.outcome.error
    assert place.engine().destroy().exit_code == 0
    assert [call["call"] for call in acme.calls() if call["call"] not in ("start", "Configure", "asked to end")] == [
        "Create",
        "Update",
        "Delete",
    ]


def test_what_one_logs_is_shown_at_its_resource(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    told = up(place, "Thing('a', {'log': 'the milk is low'})\n")
    (shown,) = [e["diagnosticEvent"] for e in told.events if e.get("diagnosticEvent", {}).get("severity") == "warning"]
    assert (shown["urn"].rpartition("::")[2], shown["message"].strip()) == ("a", "the milk is low")


def test_a_provider_under_a_debugger_is_attached_to_and_left_running(
    place: Place, acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = acme.binary(tmp_path / "elsewhere")
    with subprocess.Popen([str(file)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        monkeypatch.setenv("PULUMI_DEBUG_PROVIDERS", f"acme:{running.stdout.readline().strip()}")
        up(place, "pulumi.export('by', Thing('a').by)\n")
        assert place.engine().outputs() == {"by": "acme 1.0.0"}
        assert running.poll() is None
        assert len(acme.calls("start")) == 1
        running.kill()
    told = up(place, "Thing('b')\n", code=1)
    assert "where PULUMI_DEBUG_PROVIDERS says it runs; start it, or unset the variable" in told.outcome.error


def test_a_remote_component_is_made_by_its_provider_and_is_in_plan_and_state(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    program = "group = Group('web', 3)\npulumi.export('arn', group.arn)\nThing('after', {'of': group.arn})\n"
    place.program(PROGRAM + program)
    told = Told()
    assert place.engine().preview(Options(), told.events.append).changes == {"create": 4}
    assert "create web-thing" in told.ops()
    up(place, program)
    assert place.engine().outputs() == {"arn": "arn:web-thing"}
    found = {r["urn"].rpartition("::")[2]: r for r in place.engine().export()["deployment"]["resources"]}
    assert found["web-thing"]["parent"] == found["web"]["urn"]
    assert found["web"]["type"] == "acme:index:Group"
    assert found["web"]["outputs"] == {"arn": "arn:web-thing"}
    assert found["web-thing"]["urn"] in found["after"]["propertyDependencies"]["of"]
    assert up(place, program).outcome.changes == {"same": 4}


def test_a_remote_component_without_its_provider_is_refused_with_the_fix(place: Place, acme: Acme) -> None:
    place.program(PROGRAM + "Group('web', 3)\n")
    outcome = place.engine().preview()
    assert outcome.exit_code == 1
    assert outcome.error.startswith("acme:index:Group 'web' is a component that its provider makes, and there is none")
    assert "pulumi plugin install resource acme" in outcome.error


def test_look_ups_and_methods_are_answered(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    up(
        place,
        "one = Thing('one')\n"
        "pulumi.export('got', pulumi.runtime.invoke('acme:index:get', {'word': 'hi'}).value['got'])\n"
        "said = pulumi.runtime.call('acme:index:Thing/say', {'word': 'ho'}, one)\n"
        "pulumi.export('said', said.apply(lambda answer: answer['said']))\n",
    )
    assert place.engine().outputs() == {"got": "hi", "said": "ho False"}


def test_a_parameterised_package_is_served_by_the_plugin_below_it(place: Place, acme: Acme) -> None:
    acme.install("1.0.0")
    sdk = place.project / "pulumi_gizmo"
    sdk.mkdir()
    (sdk / "__init__.py").write_text("")
    about = {"resource": True, "name": "acme", "version": "1.0.0"}
    about["parameterization"] = {"name": "gizmo", "version": "0.3.0", "value": "Z2l6"}
    (sdk / "pulumi-plugin.json").write_text(json.dumps(about))
    program = (
        "import asyncio, pulumi_gizmo\n"
        "from pulumi.runtime.proto import resource_pb2\n"
        "async def registered():\n"
        "    given = resource_pb2.Parameterization(name='gizmo', version='0.3.0', value=b'giz')\n"
        "    request = resource_pb2.RegisterPackageRequest(name='acme', version='1.0.0', parameterization=given)\n"
        "    ask = pulumi.runtime.settings.get_monitor().RegisterPackage\n"
        "    return (await asyncio.get_running_loop().run_in_executor(None, ask, request)).ref\n"
        "class Gizmo(pulumi.CustomResource):\n"
        "    by: pulumi.Output[str]\n"
        "pulumi.export('by', Gizmo('gizmo:index:Gizmo', 'g', {'by': None}, package_ref=registered()).by)\n"
    )
    up(place, program)
    assert place.engine().outputs() == {"by": "gizmo 1.0.0"}
    assert [call["value"] for call in acme.calls("Parameterize")] == ["giz"]
    resources = {r["urn"].rpartition("::")[2]: r for r in place.engine().export()["deployment"]["resources"]}
    assert resources["default_0_3_0"]["type"] == "pulumi:providers:gizmo"
    internal = {"name": "acme", "version": "1.0.0", "parameterization": "Z2l6"}
    assert resources["default_0_3_0"]["inputs"] == {"version": "0.3.0", "__internal": internal}
    assert place.engine().destroy().exit_code == 0
    assert [call["name"] for call in acme.calls("Delete")] == ["g"]


HOSTED = """
from typing import Optional, TypedDict

import pulumi
from pulumi.provider.experimental import component_provider_host
from world import Thing


class PairArgs(TypedDict):
    size: pulumi.Input[int]


class Pair(pulumi.ComponentResource):
    key: pulumi.Output[str]

    def __init__(self, name: str, args: PairArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:
        super().__init__("pairs:index:Pair", name, {}, opts)
        first = Thing(f"{name}-first", opts=pulumi.ResourceOptions(parent=self), size=args["size"])
        second = Thing(f"{name}-second", opts=pulumi.ResourceOptions(parent=self), size=first.size)
        self.key = second.key
        self.register_outputs({"key": self.key})


if __name__ == "__main__":
    component_provider_host(name="pairs", components=[Pair])
"""


def test_components_of_a_python_library_are_hosted_from_its_source(place: Place, acme: Acme) -> None:
    library = place.project / "pairs"
    library.mkdir()
    (library / "PulumiPlugin.yaml").write_text("runtime: python\n")
    (library / "__main__.py").write_text(HOSTED)
    (place.project / "Pulumi.yaml").write_text("name: place\nruntime: python\npackages:\n  pairs: ./pairs\n")
    place.program(
        "import pulumi\n"
        "class Pair(pulumi.ComponentResource):\n"
        "    key: pulumi.Output[str]\n"
        "    def __init__(self, name, size):\n"
        "        super().__init__('pairs:index:Pair', name, {'size': size, 'key': None}, None, remote=True)\n"
        "pulumi.export('key', Pair('shoes', 42).key)\n"
    )
    assert place.engine().preview().changes == {"create": 4}
    told = place.up()
    assert told.outcome.exit_code == 0, told.outcome.error
    assert place.things() == ["shoes-first-1", "shoes-second-1"]
    assert place.engine().outputs() == {"key": "key-of-shoes-second-1"}
    assert place.up().outcome.changes == {"same": 4}
    assert place.engine().destroy().exit_code == 0
    assert place.things() == []
