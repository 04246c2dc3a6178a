"""An operation in a bucket that is killed, and a store that dies: nothing that had ended is lost, on any machine."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from engine.errors import BackendError, StackLocked
from engine.remote_journal import RemoteJournal
from tests.engine.backends.conftest import Cloud, in_bucket
from tests.engine.conftest import Place
from tests.tools.stores import Minio

HANGS = "from world import Thing\n" + "".join(
    f"t{n} = Thing('t{n}', size={n + 1}{f', after=t{n - 1}.serial' if n else ''})\n" for n in range(4)
)


def _killed(cloud: Cloud, label: str) -> None:
    """An `up` that is killed while it makes `label`."""
    cloud.place.program(HANGS)
    if not cloud.place.engine().exists():
        cloud.place.engine().init()
    cloud.place.tell("create", label, "hang")
    process = cloud.place.start("up", "--stack", "dev", "--yes", "--skip-preview")
    cloud.place.hanging(process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    cloud.place.untell("create", label)


def test_after_a_kill_another_machine_goes_on(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    _killed(cloud, "t2")
    assert cloud.lying(".pulumi/journals/place/dev/"), "what was done lies in the bucket"
    cloud.elsewhere(monkeypatch)
    with pytest.raises(StackLocked) as caught:
        cloud.place.up()
    assert caught.value.holders[0].pid > 0
    seen = cloud.place.engine().export()["deployment"]
    assert {"t0", "t1"} <= {r["urn"].rpartition("::")[2] for r in seen["resources"]}, "a reader sees it at once"
    assert cloud.lying(".pulumi/journals/place/dev/"), "and writes nothing while someone holds the stack"
    assert cloud.place.engine().cancel() == 1
    told = cloud.place.up()
    assert told.outcome.exit_code == 0
    assert told.ops() == ["create t2", "create t3"]
    assert cloud.lying(".pulumi/journals") == []
    calls = (cloud.place.world / "calls.jsonl").read_text()
    assert calls.count('"create"') == 5, "t2 was asked for twice, nothing else"


def test_the_pending_operation_is_known_elsewhere(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    _killed(cloud, "t1")
    cloud.elsewhere(monkeypatch)
    cloud.place.engine().cancel()
    pending = cloud.place.engine().export()["deployment"]["pending_operations"]
    assert [(op["type"], op["resource"]["urn"].rpartition("::")[2]) for op in pending] == [("creating", "t1")]
    assert cloud.lying(".pulumi/journals") == [], "the export has folded it, for the official engine to go on with"


def test_a_journal_over_which_another_engine_went_on_is_put_aside(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    _killed(cloud, "t1")
    cloud.elsewhere(monkeypatch)
    engine = cloud.place.engine()
    engine.cancel()
    backend = engine.stack.backend
    found = backend.read_state("place", "dev")
    assert found is not None
    backend.write_state("place", "dev", found[0].replace(b'"metadata":{}', b'"metadata": {}'))
    with pytest.raises(BackendError, match=r"changed by another engine .* kept in s3://.*\.orphan"):
        cloud.place.up()
    assert [Path(key).suffix for key in cloud.lying(".pulumi/journals")] == [".orphan"]
    assert cloud.place.up().outcome.exit_code == 0


def test_a_store_that_dies_in_the_middle_loses_nothing(
    place: Place, mortal: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = in_bucket(place, mortal, monkeypatch)
    place.program(HANGS)
    place.engine().init()
    place.tell("create", "t1", "hang")
    process = place.start("up", "--stack", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    mortal.kill()
    place.untell("create", "t1")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "does not answer" in out
    said = [line for line in out.splitlines() if "is kept in " in line]
    assert said, out + err
    assert "Traceback" not in out + err
    assert place.things() == ["t0-1", "t1-1"], "what was running has ended, and nothing more was begun"
    kept = Path(os.environ["MODELPORT_STATE_DIR"]) / "unsent"
    assert [str(file) for file in kept.rglob("*.jsonl") if str(file) in out]
    with pytest.raises(BackendError, match="does not answer"):
        place.up()
    mortal.start()
    place.engine().cancel()
    told = place.up()
    assert told.ops() == ["create t2", "create t3"], "t1, whose end the store never got, is known"
    assert told.outcome.exit_code == 0
    assert not list(kept.rglob("*.jsonl"))
    assert cloud.lying(".pulumi/journals") == []


def test_a_store_that_comes_back_in_time_is_no_failure(
    place: Place, mortal: Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bucket(place, mortal, monkeypatch)
    place.program(HANGS)
    place.engine().init()
    place.tell("create", "t1", "hang")
    process = place.start("up", "--stack", "dev", "--yes", "--skip-preview")
    place.hanging(process)
    mortal.kill()
    place.untell("create", "t1")
    time.sleep(1)
    mortal.start()
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    assert place.things() == [f"t{n}-1" for n in range(4)]
    assert place.up().ops() == []


def test_the_journal_holds_each_act_once_in_batches(cloud: Cloud) -> None:
    backend = cloud.place.engine().stack.backend
    journal = RemoteJournal(backend, "place", "dev", b"")

    async def work() -> None:
        for step in range(300):
            journal.write([["begin", f"n{step}", "creating"]])
            if step % 50 == 0:
                await journal.settled()
        await journal.settled()

    asyncio.run(work())
    journal.close()
    keys = cloud.lying(".pulumi/journals/place/dev/")
    assert 6 <= len(keys) < 150, "what came while a batch was under way went into the next one"
    content = b"".join(backend.storage.read(key) or b"" for key in keys)
    acts = [json.loads(line) for line in content.splitlines()][1:]
    assert [act[0][1] for act in acts] == [f"n{step}" for step in range(300)]


def test_secrets_in_a_journal_are_encrypted(cloud: Cloud) -> None:
    cloud.place.program(
        "import pulumi\nfrom world import Thing\n"
        "one = Thing('one', note=pulumi.Output.secret('swordfish'))\n"
        "Thing('two', size=one.serial)\n"
    )
    cloud.place.engine().init()
    cloud.place.tell("create", "two", "hang")
    process = cloud.place.start("up", "--stack", "dev", "--yes", "--skip-preview")
    cloud.place.hanging(process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    backend = cloud.place.engine().stack.backend
    texts = backend.texts("place", "dev")
    assert len(texts) > 1
    assert not [text for text in texts if b"swordfish" in text]
    lines = [json.loads(line) for line in b"".join(texts[1:]).splitlines()]
    assert "base" in lines[0]
