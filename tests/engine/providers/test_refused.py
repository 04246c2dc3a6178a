"""`up`, `refresh` and `destroy` on a package without a provider: refused before anything is done, with the fix."""

import json
from pathlib import Path

import pytest

from engine.api import Options
from engine.errors import ProviderMissing
from tests.engine.conftest import Place, Told

BUCKET = "import pulumi\nclass Bucket(pulumi.CustomResource):\n    pass\n"


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path_factory.mktemp("home")))


def files(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, the backend's marks of its own layout left out."""
    found = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.name.startswith("meta.yaml")]
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


def refused(place: Place) -> str:
    """The refusal of an `up` that leaves world and backend as they were, and says nothing of any step."""
    before = files(place.world), files(place.backend)
    told = Told()
    with pytest.raises(ProviderMissing) as error:
        place.engine().up(Options(), told.events.append, create=False)
    assert (files(place.world), files(place.backend)) == before
    assert told.ops() == []
    return str(error.value)


def test_a_resource_that_was_made_first_is_not_made_when_a_later_one_is_refused(place: Place) -> None:
    place.engine().init()
    place.program("from world import Thing\n" + BUCKET + "Thing('first', size=1)\nBucket('acme:s3:Bucket', 'b', {})\n")
    text = refused(place)
    assert text.startswith("no provider for the package 'acme' on this machine")
    assert "run `pulumi plugin install resource acme`; or put pulumi-resource-acme on PATH" in text


def test_so_it_is_where_the_later_one_waits_for_the_first(place: Place) -> None:
    place.engine().init()
    place.program(
        "from world import Thing\n" + BUCKET + "one = Thing('first', size=1)\n"
        "Bucket('acme:s3:Bucket', 'b', {'key': one.key}, pulumi.ResourceOptions(depends_on=[one]))\n"
    )
    assert "'acme'" in refused(place)


def test_an_sdk_that_is_used_late_is_found_by_a_rehearsal(place: Place) -> None:
    pytest.importorskip("pulumi_aws", reason="the SDK of AWS is an extra (clouds)")
    place.engine().init()
    place.program(
        "import pulumi_aws as aws\nfrom world import Thing\none = Thing('first', size=1)\n"
        "one.urn.apply(lambda key: aws.s3.Bucket('late'))\n"
    )
    assert "`pulumi plugin install resource aws 7." in refused(place)


def test_so_is_one_that_a_function_imports_when_it_is_called(place: Place) -> None:
    pytest.importorskip("pulumi_aws", reason="the SDK of AWS is an extra (clouds)")
    place.engine().init()
    (place.root / "project" / "parts.py").write_text(
        "def late(_):\n    import pulumi_aws as aws\n    aws.s3.Bucket('late')\n"
    )
    place.program("import parts\nfrom world import Thing\nThing('first', size=1).urn.apply(parts.late)\n")
    assert "`pulumi plugin install resource aws 7." in refused(place)


def test_a_look_up_without_an_sdk_is_refused_before_the_resource_after_it_is_made(place: Place) -> None:
    place.engine().init()
    place.program(
        "import pulumi\nfrom world import Thing\n"
        "pulumi.runtime.invoke_output('acme:index:get', {'word': 'x'})\nThing('first', size=1)\n"
    )
    assert "'acme'" in refused(place)


def test_what_no_preview_could_know_is_not_called_undone(place: Place) -> None:
    pytest.importorskip("pulumi_aws", reason="the SDK of AWS is an extra (clouds)")
    place.program(
        "import pulumi_aws as aws\nfrom world import Thing\n"
        "Thing('first', size=1).serial.apply(lambda serial: aws.s3.Bucket(serial.lower()))\n"
    )
    found = place.up()
    assert found.outcome.exit_code == 1
    assert "what was made until then stays and is in the state" in found.outcome.error
    assert "nothing was done" not in found.outcome.error
    assert place.things() == ["first-1"]


def test_a_look_up_in_the_middle_of_the_program_lets_nothing_slip_out(place: Place) -> None:
    pytest.importorskip("pulumi_aws", reason="the SDK of AWS is an extra (clouds)")
    place.engine().init()
    place.program(
        "import pulumi_aws as aws\nfrom world import Thing\nThing('first', size=1)\n"
        "zones = aws.get_availability_zones()\naws.s3.Bucket(zones.names[0])\n"
    )
    assert "'aws'" in refused(place)


def test_an_sdk_that_is_imported_and_not_used_is_no_hindrance(place: Place) -> None:
    pytest.importorskip("pulumi_aws", reason="the SDK of AWS is an extra (clouds)")
    place.program("import pulumi_aws\nfrom world import Thing\nThing('one', size=1)\n")
    assert place.up().outcome.exit_code == 0
    assert place.things() == ["one-1"]


def test_a_stack_that_the_refused_up_would_have_begun_is_not_there_afterwards(place: Place) -> None:
    place.program(BUCKET + "Bucket('acme:s3:Bucket', 'b', {})\n")
    with pytest.raises(ProviderMissing):
        place.engine().up()
    assert place.engine().stacks() == []


def with_state(place: Place) -> None:
    """A stack that the official engine has made with a provider, as it lies in the backend."""
    place.program("pass\n")
    assert place.engine().up().exit_code == 0
    found = json.loads(place.state.read_text())
    urn, root = "urn:pulumi:dev::place::", found["checkpoint"]["latest"]["resources"][0]["urn"]
    provider = {
        "urn": f"{urn}pulumi:providers:acme::default_1_2_3",
        "custom": True,
        "id": "00000000-0000-4000-8000-000000000000",
        "type": "pulumi:providers:acme",
        "inputs": {"version": "1.2.3"},
        "outputs": {"version": "1.2.3"},
    }
    bucket = {
        "urn": f"{urn}acme:s3:Bucket::b",
        "custom": True,
        "id": "b-1234567",
        "type": "acme:s3:Bucket",
        "inputs": {"__defaults": ["name"], "name": "b-1234567", "size": 1},
        "outputs": {"arn": "arn:b", "name": "b-1234567", "size": 1},
        "parent": root,
        "provider": f"{provider['urn']}::{provider['id']}",
    }
    found["checkpoint"]["latest"]["resources"] += [provider, bucket]
    place.state.write_text(json.dumps(found))


def test_a_state_with_such_a_package_is_refused_by_all_three_and_left_alone(place: Place) -> None:
    with_state(place)
    before = files(place.backend)
    for operate in (place.engine().up, place.engine().refresh, place.engine().destroy):
        with pytest.raises(ProviderMissing, match=r"'acme'.*pulumi plugin install resource acme 1\.2\.3"):
            operate()
    assert files(place.backend) == before


def test_a_plan_compares_inputs_and_keeps_what_the_provider_had_filled_in(place: Place) -> None:
    with_state(place)
    bucket = "Bucket('acme:s3:Bucket', 'b', {'size': %d}, pulumi.ResourceOptions(version='1.2.3'))\n"
    place.program(BUCKET + bucket % 1)
    outcome = place.engine().preview()
    assert (outcome.exit_code, outcome.changes) == (0, {"same": 2})
    place.program(BUCKET + bucket % 2)
    told = Told()
    assert place.engine().preview(Options(), told.events.append).changes == {"same": 1, "update": 1}
    assert any("which of them replace the resource only the provider knows" in text for text in told.said("info"))
    place.program("pass\n")
    assert place.engine().preview().changes == {"delete": 1, "same": 1}
