"""Objects of what speaks Google Cloud Storage's protocol.

Looked at in a process of its own: the SDK for providers, which other tests load, defines google.rpc.Status as well.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.ports import free_port
from tests.tools.stores import FakeGcs

BODY = bytes(range(256)) * 9000
_PROGRAM = """
import json, sys
from pathlib import Path
from model_build.sources import Finder, buckets, find, gs
from model_build.errors import ModelBuildError
buckets.PART = 1_000_000
real, begun, own = gs.Gs.part, [], Path(sys.argv[1])

def part(self, key, file, start, end):
    begun.append(start)
    got = real(self, key, file, start, end)
    if key == "two.bin":
        self.system.pipe_file("models/two.bin", b"another")
    return got

def error(text):
    try:
        return str(find(text, Path(), "source"))
    except ModelBuildError as error:
        return f"{type(error).__name__}: {error}"

gs.Gs.part = part
told = {}
for name in ("deep/m.bin", ""):
    found = find(f"gs://models/one/{name}", Path(), "source").parts()
    again = Finder(Path(), fetch=False)(f"gs://models/one/{name}", "source").parts()
    told[name] = found == again == find(str(own / name), Path(), "source").parts()
told["begun"] = begun
told |= {text: error(f"gs://{text}") for text in ("models/two.bin", "models/none", "nowhere/m.bin")}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What was found in a bucket."""
    folder = tmp_path_factory.mktemp("gcs")
    server = FakeGcs(folder / "server", free_port())
    server.start()
    server.bucket("models")
    for name, body in (("one/deep/m.bin", BODY), ("one/n.bin", b"1"), ("two.bin", BODY)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(body)
        address = f"{server.address}/upload/storage/v1/b/models/o?uploadType=media&name={quote(name, safe='')}"
        urllib.request.urlopen(urllib.request.Request(address, body, method="POST")).close()
    mine = ("GOOGLE_CREDENTIALS", "GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS")
    environment = {name: value for name, value in os.environ.items() if name not in mine}
    environment |= {"STORAGE_EMULATOR_HOST": server.address, "MODELPORT_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(folder / "one")]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], env=environment, capture_output=True, text=True)
    server.stop()
    assert done.returncode == 0, done.stderr
    yield json.loads(done.stdout)


def test_an_object_and_a_folder_are_what_the_files_are(told: dict[str, Any]) -> None:
    assert (told["deep/m.bin"], told[""]) == (True, True)


def test_an_object_is_fetched_in_parts_and_once(told: dict[str, Any]) -> None:
    assert told["begun"][:3] == [0, 1_000_000, 2_000_000]
    assert len(told["begun"]) == 3 + 4 + 2  # of the folder, which is another source, and of two.bin until it changed


def test_what_changes_while_it_is_read_is_refused(told: dict[str, Any]) -> None:
    assert told["models/two.bin"].startswith("ChangedError: source is 'gs://models/two.bin', which became another one")


@pytest.mark.parametrize("text", ["models/none", "nowhere/m.bin"])
def test_what_is_not_there_is_told(told: dict[str, Any], text: str) -> None:
    assert told[text].startswith(f"SourceError: source is 'gs://{text}', but there is no")
