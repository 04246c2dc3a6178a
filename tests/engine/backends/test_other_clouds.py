"""State in gs:// and azblob://, against what speaks their protocols on this machine."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import BackendError
from tests.engine.conftest import Place
from tests.ports import free_port
from tests.tools.stores import ACCOUNT, KEY, Azurite, FakeGcs

ONE = "from world import Thing\nThing('one', size=1)\n"


def _life(place: Place) -> None:
    place.program(ONE)
    assert place.up().outcome.exit_code == 0
    assert place.up().ops() == []
    assert place.engine().stacks() == ["dev"]
    backend = place.engine().stack.backend
    assert backend.storage.list(".pulumi/journals/place/dev") == []
    assert backend.locks("place", "dev") == {}
    assert [entry["kind"] for entry in place.engine().history()] == ["update", "update"]
    assert place.engine().destroy().exit_code == 0
    assert place.things() == []


@pytest.fixture
def gcs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcs]:
    made = FakeGcs(tmp_path / "gcs", free_port())
    made.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", made.address)
    for name in ("GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    yield made
    made.stop()


def test_a_stack_lives_in_a_bucket_of_google(place: Place, gcs: FakeGcs, monkeypatch: pytest.MonkeyPatch) -> None:
    gcs.bucket("states")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "gs://states/team")
    # in a process of its own: the SDK for providers, which other tests load, defines google.rpc.Status as well
    text = (
        "from pathlib import Path; from tests.engine.conftest import Place; "
        "from tests.engine.backends.test_other_clouds import google; "
        f"google(Place(Path({str(place.root)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def google(place: Place) -> None:
    """The life of a stack in a bucket, and a bucket that is not there."""
    _life(place)
    os.environ["PULUMI_BACKEND_URL"] = "gs://nowhere"
    with pytest.raises(BackendError, match=r"gs://nowhere: there is no bucket nowhere"):
        place.engine().init()


@pytest.fixture
def azurite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azurite]:
    made = Azurite(tmp_path / "azure", free_port())
    made.start()
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", ACCOUNT)
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    yield made
    made.stop()


def test_a_stack_lives_in_a_container_of_azure(place: Place, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> None:
    from azure.storage.blob import BlobServiceClient

    with BlobServiceClient.from_connection_string(azurite.connection) as client:
        client.create_container("states")
    where = f"domain={azurite.address}&protocol=http"
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"azblob://states/team?{where}")
    _life(place)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"azblob://nowhere?{where}")
    with pytest.raises(BackendError, match=r"azblob://nowhere: there is no bucket nowhere"):
        place.engine().stacks()
    wrong = base64.b64encode(b"another key").decode()
    monkeypatch.setenv("AZURE_STORAGE_KEY", wrong)
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"azblob://states?{where}")
    with pytest.raises(BackendError, match="credentials are missing or refused; set AZURE_STORAGE_KEY") as caught:
        place.engine().stacks()
    assert wrong not in str(caught.value)
