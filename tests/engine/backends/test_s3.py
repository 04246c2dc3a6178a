"""State in s3://, on a real server: the same layout, the same behaviour, one line for whatever goes wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.api import Engine
from engine.errors import BackendError, StackLocked, StackMissing
from tests.engine.backends.conftest import Cloud, Official
from tests.engine.conftest import Place
from tests.tools.stores import PASSWORD, Minio

ONE = "from world import Thing\nThing('one', size=1)\n"
TWO = ONE + "Thing('two', size=2)\n"
SECRET = ONE + "import pulumi\npulumi.export('word', pulumi.Output.secret('swordfish'))\n"


def _settled(cloud: Cloud) -> None:
    """No lock and no journal is left."""
    assert cloud.lying(".pulumi/locks") == []
    assert cloud.lying(".pulumi/journals") == []


def test_an_up_in_a_bucket_leaves_what_it_leaves_in_a_folder(cloud: Cloud) -> None:
    cloud.place.program(ONE)
    assert cloud.place.up().outcome.exit_code == 0
    place = ".pulumi/stacks/place/"
    assert cloud.lying(place) == [f"{place}dev.json", f"{place}dev.json.bak"]
    assert ".pulumi/meta.yaml" in cloud.lying()
    assert not [key for key in cloud.lying() if key.endswith(".attrs")]
    kinds = {key.split("/")[1] for key in cloud.lying()}
    assert kinds == {"meta.yaml", "stacks", "history", "backups"}
    _settled(cloud)
    assert cloud.place.up().ops() == []
    assert len(cloud.place.engine().history()) == 2
    assert cloud.place.engine().destroy().exit_code == 0
    assert cloud.place.things() == []


def test_a_stack_goes_on_under_the_official_engine_and_back(cloud: Cloud, official: Official) -> None:
    cloud.place.program(SECRET)
    cloud.place.engine().init()
    assert cloud.place.up().outcome.exit_code == 0
    said = official.run(cloud.place, "up", "--stack", "dev", "--yes", "--skip-preview")
    assert "3 unchanged" not in said and "2 unchanged" in said
    cloud.place.program(SECRET + "Thing('two', size=2)\n")
    official.run(cloud.place, "up", "--stack", "dev", "--yes", "--skip-preview")
    assert cloud.place.up().ops() == []
    assert cloud.place.engine().outputs(show_secrets=True) == {"word": "swordfish"}
    assert [entry["result"] for entry in cloud.place.engine().history()] == ["succeeded"] * 4
    assert "dev" in official.run(cloud.place, "stack", "ls")


def test_a_stack_begun_by_the_official_engine_goes_on_here(cloud: Cloud, official: Official) -> None:
    cloud.place.program(SECRET)
    official.run(cloud.place, "stack", "init", "dev")
    official.run(cloud.place, "up", "--stack", "dev", "--yes", "--skip-preview")
    assert cloud.place.up().ops() == []
    assert cloud.place.engine().outputs(show_secrets=True) == {"word": "swordfish"}
    official.run(cloud.place, "destroy", "--stack", "dev", "--yes", "--skip-preview")
    assert cloud.place.engine().export()["deployment"].get("resources") is None
    assert cloud.place.up().outcome.exit_code == 0


def test_a_folder_in_a_bucket_is_a_backend_of_its_own(
    place: Place, minio: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.engine.backends.conftest import in_bucket

    cloud = in_bucket(place, minio, monkeypatch, prefix="teams/one")
    place.program(ONE)
    assert place.up().outcome.exit_code == 0
    assert all(key.startswith("teams/one/.pulumi/") for key in cloud.lying())
    monkeypatch.setenv("PULUMI_BACKEND_URL", minio.url(cloud.bucket))
    assert place.engine().stacks() == []


def test_the_newer_words_of_the_url_do_the_same(place: Place, minio: Minio, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.engine.backends.conftest import in_bucket

    cloud = in_bucket(place, minio, monkeypatch)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    words = "hostname_immutable=true&use_path_style=true&disable_https=true&awssdk=v2"
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"s3://{cloud.bucket}?endpoint=http://{minio.address}&{words}")
    place.program(ONE)
    assert place.up().outcome.exit_code == 0
    assert cloud.lying(".pulumi/stacks/place/dev.json")


def test_a_profile_gives_the_credentials(place: Place, minio: Minio, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.engine.backends.conftest import in_bucket

    cloud = in_bucket(place, minio, monkeypatch)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    file = place.root / "credentials"
    file.write_text(f"[work]\naws_access_key_id = alice\naws_secret_access_key = {PASSWORD}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("PULUMI_BACKEND_URL", minio.url(cloud.bucket) + "&profile=work")
    assert place.engine().stacks() == []
    monkeypatch.setenv("PULUMI_BACKEND_URL", minio.url(cloud.bucket) + "&profile=none")
    with pytest.raises(BackendError, match="no AWS profile none"):
        place.engine().stacks()


def test_a_bucket_that_is_not_there_is_named(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", cloud.minio.url("nowhere"))
    cloud.place.program(ONE)
    with pytest.raises(BackendError, match=r"s3://nowhere: there is no bucket nowhere; create it"):
        cloud.place.up()
    assert cloud.place.things() == []


@pytest.mark.parametrize("user", ["alice", "mallory"])
def test_wrong_credentials_are_told_and_never_shown(cloud: Cloud, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", user)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-and-secret")
    cloud.place.program(ONE)
    with pytest.raises(BackendError, match="credentials are missing or refused; set AWS_ACCESS_KEY_ID") as caught:
        cloud.place.up()
    assert "wrong-and-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert cloud.place.things() == []


def test_a_server_that_is_down_is_told(cloud: Cloud, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"s3://bucket?region=us-east-1&endpoint=http://127.0.0.1:{free_port}&use_path_style=true"
    monkeypatch.setenv("PULUMI_BACKEND_URL", url)
    with pytest.raises(BackendError, match=rf"http://127.0.0.1:{free_port} does not answer"):
        cloud.place.engine().stacks()


def test_a_stack_that_is_not_there_is_named(cloud: Cloud) -> None:
    with pytest.raises(StackMissing, match="no stack named 'dev' found"):
        cloud.place.engine().destroy()
    assert cloud.lying() == []


def test_a_preview_of_a_new_stack_writes_nothing(cloud: Cloud) -> None:
    cloud.place.program(ONE)
    assert cloud.place.engine().preview().changes == {"create": 2}
    assert cloud.lying() == []


def test_a_lock_in_a_bucket_names_its_owner_and_is_cancelled(cloud: Cloud) -> None:
    cloud.place.program(ONE)
    assert cloud.place.up().outcome.exit_code == 0
    engine = cloud.place.engine()
    with engine.stack.held(), pytest.raises(StackLocked) as caught:
        cloud.place.up()
    text = caught.value.official
    assert "the stack is currently locked by 1 lock(s)" in text
    assert f"s3://{cloud.bucket}/.pulumi/locks/organization/place/dev/" in text
    assert f"(pid {caught.value.holders[0].pid}) at " in text
    engine.stack.backend.put_lock("place", "dev", "left-behind", {"pid": 1, "username": "u", "hostname": "elsewhere"})
    with pytest.raises(StackLocked, match="u@elsewhere"):
        cloud.place.up()
    assert engine.cancel() == 1
    assert cloud.place.up().ops() == []


def test_a_stack_refers_to_another_in_the_same_bucket(cloud: Cloud) -> None:
    cloud.place.program(SECRET)
    assert cloud.place.up().outcome.exit_code == 0
    reader = (
        "import pulumi\n"
        "short = pulumi.StackReference('short', stack_name='dev')\n"
        "full = pulumi.StackReference('full', stack_name='organization/place/dev')\n"
        "pulumi.export('short', short.require_output('word'))\n"
        "pulumi.export('full', full.require_output('word'))\n"
    )
    cloud.place.program(reader)
    reading = cloud.place.engine("reader")
    assert reading.up().exit_code == 0
    assert reading.outputs() == {"short": "[secret]", "full": "[secret]"}
    assert reading.outputs(show_secrets=True) == {"short": "swordfish", "full": "swordfish"}
    cloud.place.program("import pulumi\npulumi.StackReference('x', stack_name='organization/place/none')\n")
    assert 'unknown stack "organization/place/none"' in cloud.place.engine("other").up().error


def test_a_missing_extra_names_the_fix(cloud: Cloud) -> None:
    code = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from pathlib import Path\n"
        "from engine.api import Engine, EngineError\n"
        "try:\n    Engine(Path.cwd(), 'dev').stacks()\n"
        "except EngineError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=cloud.place.project, capture_output=True, text=True)
    assert done.stdout.strip() == 'state in s3:// needs the package s3fs; run: pip install "modelport[s3]"'


def test_a_folder_backend_imports_no_library_of_a_cloud(place: Place) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom engine.api import Engine\n"
        "Engine(Path.cwd(), 'dev').stacks()\n"
        "print([m for m in ('fsspec', 's3fs', 'aiohttp', 'botocore', 'pulumi', 'grpc') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=place.project, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_state_can_be_moved_from_a_folder_into_a_bucket(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.place.program(ONE)
    folder = f"file://{tmp_path}/elsewhere"
    here = Engine(cloud.place.project, "dev", folder)
    (tmp_path / "elsewhere").mkdir()
    assert here.up().exit_code == 0
    text = json.dumps(here.export())
    cloud.place.engine().init()
    assert cloud.place.engine().import_(text) == []
    assert cloud.place.up().ops() == []
