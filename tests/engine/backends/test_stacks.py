"""Stacks renamed, listed, imported and removed, and their configuration and passphrase changed."""

import json

import pytest

from engine.api import Engine
from engine.errors import BackendError, BadInput, DamagedState, EngineError, StackMissing, WrongPassphrase
from tests.engine.backends.conftest import Cloud, Official
from tests.engine.conftest import Place

TREE = (
    "import pulumi\nfrom world import Thing\n"
    "class Box(pulumi.ComponentResource):\n"
    "    def __init__(self, name):\n"
    "        super().__init__('my:box:Box', name)\n"
    "        self.one = Thing(name + '-one', pulumi.ResourceOptions(parent=self), size=1)\n"
    "        self.register_outputs({})\n"
    "box = Box('box')\n"
    "two = Thing('two', pulumi.ResourceOptions(depends_on=[box]), size=2, after=box.one.serial)\n"
    "pulumi.export('two', two.serial)\n"
    "pulumi.export('word', pulumi.Output.secret('swordfish'))\n"
)
PLAIN = "from world import Thing\nThing('one', size=1)\n"


def made(place: Place, program: str = TREE) -> None:
    place.program(program)
    place.engine().init()
    assert place.up().outcome.exit_code == 0


def renamed(place: Place) -> None:
    made(place)
    assert place.engine().rename("prod") == "organization/place/prod"
    assert place.engine().stacks() == ["prod"]
    assert not (place.project / "Pulumi.dev.yaml").exists()
    assert "encryptionsalt" in (place.project / "Pulumi.prod.yaml").read_text()
    text = json.dumps(place.engine("prod").export())
    assert "urn:pulumi:dev::" not in text
    assert "place-prod" in text
    assert [entry["kind"] for entry in place.engine("prod").history()] == ["update"]
    with pytest.raises(StackMissing):
        place.engine("dev").history()
    assert place.engine("prod").up().changes == {"same": 4}
    assert place.engine("prod").outputs(show_secrets=True)["word"] == "swordfish"


def test_a_renamed_stack_goes_on_unchanged(place: Place) -> None:
    renamed(place)
    assert (place.state.with_name("dev.json.bak")).exists()


def test_a_renamed_stack_in_a_bucket_goes_on_unchanged(cloud: Cloud) -> None:
    renamed(cloud.place)


def test_the_official_engine_goes_on_with_what_was_renamed_here(place: Place, official: Official) -> None:
    renamed(place)
    assert "4 unchanged" in official.run(place, "up", "--stack", "prod", "--yes", "--skip-preview")
    official.run(place, "stack", "rename", "test", "--stack", "prod")
    assert place.engine("test").up().changes == {"same": 4}


def test_a_rename_that_cannot_be_is_refused_before_anything_is_touched(place: Place) -> None:
    made(place, PLAIN)
    place.engine("other").init()
    before = place.state.read_bytes()
    (place.project / "Pulumi.other.yaml").unlink()
    with pytest.raises(BackendError, match="organization/place/other already exists"):
        place.engine().rename("other")
    with pytest.raises(BadInput, match="letters, digits"):
        place.engine().rename("a b")
    (place.project / "Pulumi.third.yaml").write_text("config: {}\n")
    with pytest.raises(BadInput, match=r"Pulumi.third.yaml is there already"):
        place.engine().rename("third")
    with pytest.raises(StackMissing):
        place.engine("none").rename("fourth")
    assert place.state.read_bytes() == before
    assert place.engine().up().exit_code == 0


def test_the_list_has_time_and_count(place: Place) -> None:
    made(place, PLAIN)
    place.engine("new").init()
    dev, new = place.engine().stack_details()
    assert (dev.full_name, dev.resources, dev.locked) == ("organization/place/dev", 3, False)
    assert dev.updated is not None and dev.updated.startswith("20")
    assert (new.name, new.resources) == ("new", 0)
    assert new.updated is not None
    with place.engine("new").stack.held():
        assert [each.locked for each in place.engine().stack_details(all_projects=True)] == [False, True]


def test_the_history_comes_in_pages(place: Place) -> None:
    made(place, PLAIN)
    for size in (2, 3):
        place.program(PLAIN.replace("size=1", f"size={size}"))
        place.up()
    place.engine().destroy()
    whole = place.engine().history()
    assert [entry["kind"] for entry in whole] == ["destroy", "update", "update", "update"]
    assert place.engine().history(page_size=2, page=1) == whole[:2]
    assert place.engine().history(page_size=3, page=2) == whole[3:]
    assert place.engine().history(page_size=3, page=9) == []


def test_a_deployment_of_another_stack_is_refused_unless_forced(place: Place) -> None:
    made(place, PLAIN)
    text = json.dumps(place.engine().export())
    place.engine("other").init()
    with pytest.raises(DamagedState, match=r"is from a different stack \(dev != other\).*rerun with --force"):
        place.engine("other").import_(text)
    assert place.engine("other").export()["deployment"].get("resources") is None
    warned = place.engine("other").import_(text, force=True)
    assert len(warned) == 3
    assert len(place.engine("other").export()["deployment"]["resources"]) == 3


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda rs: rs.reverse(), "comes after it|unknown provider"),
        (lambda rs: rs.pop(0), "refers to missing parent|unknown provider"),
        (lambda rs: rs.append(rs[-1]), "duplicate resource"),
        (lambda rs: rs[-1].update(dependencies=["urn:pulumi:dev::place::a:b:C::none"]), "refers to missing resource"),
    ],
    ids=["order", "parent", "twice", "dependency"],
)
def test_a_deployment_that_does_not_hold_together_is_refused(place: Place, damage: object, said: str) -> None:
    made(place, PLAIN)
    data = place.engine().export()
    before = place.state.read_bytes()
    damage(data["deployment"]["resources"])  # type: ignore[operator]
    with pytest.raises(DamagedState, match=said):
        place.engine().import_(json.dumps(data))
    assert place.state.read_bytes() == before
    assert place.engine().import_(json.dumps(data), force=True)


def test_an_import_drops_pending_operations_and_says_so(place: Place) -> None:
    made(place, PLAIN)
    data = place.engine().export()
    resource = {**data["deployment"]["resources"][-1], "urn": data["deployment"]["resources"][-1]["urn"] + "-2"}
    data["deployment"]["pending_operations"] = [{"resource": resource, "type": "creating"}]
    [warned] = place.engine().import_(json.dumps(data))
    assert warned == f"removing pending operation 'creating' on '{resource['urn']}' from snapshot"
    assert "pending_operations" not in place.engine().export()["deployment"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 3}', '{"version": 9, "deployment": {}}'])
def test_what_is_no_deployment_is_refused(place: Place, text: str) -> None:
    made(place, PLAIN)
    before = place.state.read_bytes()
    with pytest.raises(DamagedState):
        place.engine().import_(text, force=True)
    assert place.state.read_bytes() == before


def test_a_stack_is_removed_with_what_is_asked_for(place: Place) -> None:
    made(place, PLAIN)
    with pytest.raises(EngineError, match="still has resources"):
        place.engine().remove()
    place.engine().destroy()
    place.engine().remove(preserve_config=False, remove_backups=True)
    assert place.engine().stacks() == []
    assert not (place.project / "Pulumi.dev.yaml").exists()
    left = {str(file.relative_to(place.backend)) for file in place.backend.rglob("*") if file.is_file()}
    assert left == {".pulumi/meta.yaml", ".pulumi/meta.yaml.attrs"}


def test_configuration_is_read_and_removed(place: Place) -> None:
    place.program(PLAIN)
    engine = place.engine()
    engine.init()
    engine.set_config("size", "3")
    engine.set_config("word", "swordfish", secret=True)
    engine.set_config("tree.leaf[0]", "green", path=True)
    engine.set_config("aws:region", "eu-west-1")
    assert engine.config_get("size").value == "3"
    assert engine.config_get("place:word") == engine.config_get("word")
    assert (engine.config_get("word").value, engine.config_get("word").secret) == ("swordfish", True)
    assert engine.config_get("tree.leaf[0]", path=True).value == "green"
    assert engine.config_get("tree").object
    listed = engine.config_list()
    assert list(listed) == ["aws:region", "place:size", "place:tree", "place:word"]
    assert listed["place:word"].value is None
    assert engine.config_list(show_secrets=True)["place:word"].value == "swordfish"
    with pytest.raises(BadInput, match="configuration key 'none' not found for stack 'dev'"):
        engine.config_get("none")
    engine.config_remove("tree.leaf[0]", path=True)
    engine.config_remove("size")
    engine.config_remove("size")
    assert list(engine.config_list()) == ["aws:region", "place:tree", "place:word"]


def test_another_passphrase_takes_the_place_of_the_old_one(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place.program(TREE)
    place.engine().init()
    place.engine().set_config("key", "hush", secret=True)
    assert place.up().outcome.exit_code == 0
    place.engine().change_passphrase("another horse")
    with pytest.raises(WrongPassphrase, match="incorrect passphrase"):
        place.up()
    file = tmp_path_factory.mktemp("secret") / "passphrase"
    file.write_text("another horse\n")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", str(file))
    assert place.engine().config_get("key").value == "hush"
    assert place.engine().outputs(show_secrets=True)["word"] == "swordfish"
    assert place.engine().up().changes == {"same": 4}


def test_an_empty_passphrase_is_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
    made(place)
    assert place.engine().outputs(show_secrets=True)["word"] == "swordfish"
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", " ")
    with pytest.raises(WrongPassphrase):
        place.engine().outputs(show_secrets=True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "secretsprovider: awskms://alias/key?region=eu-west-1",
            "secretsprovider is 'awskms://.* install the Pulumi CLI",
        ),
        ("encryptedkey: AAAA", "has an encryptedkey.*install the Pulumi CLI"),
        ("secretsprovider: gcpkms://projects/p\nencryptedkey: AAAA", "install the Pulumi CLI"),
    ],
)
def test_secrets_kept_elsewhere_are_refused_before_anything_is_touched(place: Place, line: str, said: str) -> None:
    made(place, PLAIN)
    before = place.state.read_bytes()
    (place.project / "Pulumi.dev.yaml").write_text(line + "\n")
    place.program(PLAIN + "Thing('two', size=2)\n")
    with pytest.raises(BadInput, match=said):
        place.up()
    assert place.state.read_bytes() == before
    assert place.things() == ["one-1"]


def test_a_state_of_a_cloud_key_service_is_refused(place: Place) -> None:
    made(place, PLAIN)
    data = json.loads(place.state.read_text())
    data["checkpoint"]["latest"]["secrets_providers"] = {"type": "cloud", "state": {"url": "awskms://x"}}
    place.state.write_text(json.dumps(data))
    with pytest.raises(BadInput, match=r"encrypted by 'cloud'.*install the Pulumi CLI"):
        Engine(place.project, "dev").up()
    assert place.things() == ["one-1"]
