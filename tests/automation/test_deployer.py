"""Stacks from Python: several at a time, their events, and what is tried again."""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automation.deployer import Deployer, Done, OperationFailed, Retries, StackHeld, transient
from automation.drivers import Choice, Options
from automation.exits import Exit, Failure
from tests.automation.conftest import ROOT, Project

FLAKY = """
from pathlib import Path

from pulumi.dynamic import CreateResult, ResourceProvider


class Provider(ResourceProvider):
    def create(self, props):
        tries = Path("tries")
        count = int(tries.read_text()) + 1 if tries.exists() else 1
        tries.write_text(str(count))
        if count < NEEDED:
            raise Exception("SAID")
        return CreateResult("made", dict(props))
"""
QUICK = Retries(attempts=3, pause=0.05)


@pytest.fixture
def deployer(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Deployer]:
    """Deployers of the project's stacks, which see its state folder and no official CLI."""
    for key in ("MODELPORT_STATE_DIR", "PULUMI_HOME", "PULUMI_CONFIG_PASSPHRASE", "PATH"):
        monkeypatch.setenv(key, project.environment[key])
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)

    def make(stack: str = "dev", **how: Any) -> Deployer:
        how.setdefault("retries", Retries(attempts=1))
        return Deployer(project.root, stack, engine=Choice.EMBEDDED, **how)

    return make


def fails(project: Project, said: str, *, needed: int) -> None:
    """The provider raises `said` until it was asked `needed` times."""
    text = FLAKY.replace("NEEDED", str(needed)).replace("SAID", said)
    (project.root / "provider.py").write_text(text)


def made(done: Done) -> set[str]:
    """Names of what was made."""
    return {step.name for step in done.steps if step.op == "create" and not step.aside}


def tries(project: Project) -> int:
    return int((project.root / "tries").read_text())


def test_up_tells_its_events_and_how_it_ended(deployer: Callable[..., Deployer]) -> None:
    async def run() -> Any:
        running = deployer().up()
        kinds = [next(key for key in event if key.endswith("Event")) async for event in running]
        return kinds, await running

    kinds, done = asyncio.run(run())
    assert (kinds[0], kinds[-1]) == ("preludeEvent", "cancelEvent")
    assert (done.code, done.changes, done.engine, done.attempts) == (Exit.DONE, {"create": 2}, "embedded", 1)
    assert done.outputs["count"] == 1 and done.outputs["word"] == "[secret]"
    assert made(done) == {"demo-dev", "thing"}


def test_an_end_can_be_awaited_without_the_events(deployer: Callable[..., Deployer]) -> None:
    async def run() -> Any:
        return await deployer().preview()

    assert asyncio.run(run()).changes == {"create": 2}


def test_an_event_may_be_longer_than_a_line_of_a_stream(project: Project, deployer: Callable[..., Deployer]) -> None:
    project.stack("dev", color="x" * 300_000)

    async def run() -> Any:
        running = deployer().up()
        return [event async for event in running], await running

    events, done = asyncio.run(run())
    assert done.code is Exit.DONE
    assert max(len(json.dumps(event)) for event in events) > 300_000


def test_stacks_come_up_at_the_same_time(project: Project, deployer: Callable[..., Deployer]) -> None:
    names = ["eu", "us", "asia"]
    for name in names:
        project.stack(name, wait=1.5)

    async def run() -> Any:
        spans: list[tuple[float, float]] = []

        async def one(name: str) -> Any:
            running, began = deployer(name).up(), 0.0
            async for event in running:
                if event.get("resourcePreEvent", {}).get("metadata", {}).get("urn", "").endswith("::thing"):
                    began = time.monotonic()
            spans.append((began, time.monotonic()))
            return await running

        return await asyncio.gather(*(one(name) for name in names)), spans

    ended, spans = asyncio.run(run())
    assert [(each.stack, each.code) for each in ended] == [(name, Exit.DONE) for name in names]
    # All were at work before the first had ended.
    assert max(began for began, _ in spans) < min(end for _, end in spans)


def test_what_fails_is_raised_with_its_code(project: Project, deployer: Callable[..., Deployer]) -> None:
    project.stack("dev", fail="modelport: gate missed: digits: accuracy is 0.91, expected at least 0.95; train longer")

    async def run() -> None:
        await deployer(retries=QUICK).up()

    with pytest.raises(OperationFailed) as raised:
        asyncio.run(run())
    assert raised.value.done.code is Exit.GATE_MISSED
    assert raised.value.done.attempts == 1
    assert str(raised.value) == "digits: accuracy is 0.91, expected at least 0.95; train longer"


def test_a_folder_without_a_project_is_refused(project: Project) -> None:
    with pytest.raises(Failure, match=r"no Pulumi\.yaml"):
        Deployer(project.root.parent, "dev")


def test_an_error_that_passes_is_tried_again(project: Project, deployer: Callable[..., Deployer]) -> None:
    fails(project, "call was throttled: rate exceeded", needed=3)

    async def run() -> Any:
        running = deployer(retries=QUICK).up()
        again = [event["modelportRetryEvent"] async for event in running if "modelportRetryEvent" in event]
        return again, await running

    again, done = asyncio.run(run())
    assert [each["attempt"] for each in again] == [1, 2]
    assert [each["pause"] for each in again] == [0.05, 0.1]
    assert (done.code, done.attempts, tries(project)) == (Exit.DONE, 3, 3)


def test_it_is_not_tried_more_often_than_asked(project: Project, deployer: Callable[..., Deployer]) -> None:
    fails(project, "connection reset by peer", needed=9)

    async def run() -> None:
        await deployer(retries=Retries(attempts=2, pause=0.05)).up()

    with pytest.raises(OperationFailed) as raised:
        asyncio.run(run())
    assert (raised.value.done.attempts, tries(project)) == (2, 2)


def test_an_error_that_stays_is_not_tried_again(project: Project, deployer: Callable[..., Deployer]) -> None:
    fails(project, "the name is taken", needed=9)

    async def run() -> None:
        await deployer(retries=QUICK).up()

    with pytest.raises(OperationFailed):
        asyncio.run(run())
    assert tries(project) == 1


def test_nothing_is_tried_again_beside_a_resource_in_the_making(
    project: Project, deployer: Callable[..., Deployer]
) -> None:
    asyncio.run(_up(deployer()))
    folder = Path(project.environment["MODELPORT_STATE_DIR"]) / "backend" / ".pulumi" / "stacks" / "demo"
    state = json.loads((folder / "dev.json").read_text())
    latest = state["checkpoint"]["latest"]
    (thing,) = (each for each in latest["resources"] if each["urn"].endswith("::thing"))
    pending = {**thing, "urn": thing["urn"].replace("::thing", "::second")}
    latest["pending_operations"] = [{"resource": pending, "type": "creating"}]
    (folder / "dev.json").write_text(json.dumps(state))
    assert asyncio.run(deployer().in_the_making()) == [pending["urn"]]
    project.stack("dev", things="other")
    fails(project, "timed out", needed=9)
    with pytest.raises(OperationFailed) as raised:
        asyncio.run(_up(deployer(retries=QUICK)))
    assert raised.value.done.attempts == 1


async def _up(deployer: Deployer) -> Any:
    return await deployer.up()


def test_a_state_that_cannot_be_asked_hides_no_error(
    project: Project, deployer: Callable[..., Deployer], monkeypatch: pytest.MonkeyPatch
) -> None:
    fails(project, "connection refused", needed=9)

    async def silent(_: Deployer) -> list[str]:
        raise Failure(Exit.FAILED, "the bucket does not answer")

    monkeypatch.setattr(Deployer, "in_the_making", silent)

    async def run() -> None:
        await deployer(retries=QUICK).up()

    with pytest.raises(OperationFailed, match="connection refused") as raised:
        asyncio.run(run())
    assert (raised.value.done.attempts, tries(project)) == (1, 1)


def test_an_interrupt_ends_one_stack_and_no_other(project: Project, deployer: Callable[..., Deployer]) -> None:
    project.stack("long", wait=60)
    project.stack("short", wait=2)

    async def run() -> Any:
        slow, quick = deployer("long").up(), deployer("short").up()
        async for event in slow:
            if "half way" in json.dumps(event):
                slow.interrupt()
                slow.interrupt()
                break
        return await asyncio.gather(slow.done(), quick.done(), return_exceptions=True)

    broken, done = asyncio.run(run())
    assert isinstance(broken, OperationFailed) and broken.done.code is Exit.INTERRUPTED
    assert done.code is Exit.DONE


@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.6])
def test_an_interrupt_before_it_has_begun_is_one(
    project: Project, deployer: Callable[..., Deployer], seconds: float
) -> None:
    project.stack("dev", wait=30)

    async def run() -> None:
        running = deployer().up()
        await asyncio.sleep(seconds)
        running.interrupt()
        running.interrupt()
        await running

    with pytest.raises(OperationFailed) as raised:
        asyncio.run(run())
    assert raised.value.done.code is Exit.INTERRUPTED
    assert len(raised.value.done.errors) == 1


def test_an_interrupt_between_two_tries_ends_it_at_once(project: Project, deployer: Callable[..., Deployer]) -> None:
    fails(project, "timed out", needed=9)

    async def run() -> None:
        running = deployer(retries=Retries(attempts=3, pause=60)).up()
        async for event in running:
            if "modelportRetryEvent" in event:
                running.interrupt()
        await running

    with pytest.raises(OperationFailed) as raised:
        asyncio.run(asyncio.wait_for(run(), 40))
    assert (raised.value.done.code, raised.value.done.attempts) == (Exit.INTERRUPTED, 1)
    assert tries(project) == 1


def test_a_reader_of_events_that_goes_away_holds_nothing_up(project: Project) -> None:
    project.stack("dev", wait=2)
    fifo = project.root / "events"
    os.mkfifo(fifo)
    with project.start("up", "--yes", "--json", "--event-log", str(fifo)) as process:
        with fifo.open(encoding="utf-8") as events:
            next(line for line in events if "half way" in line)
        out, err = process.communicate(timeout=60)
    assert process.returncode == Exit.DONE
    assert err.splitlines() == [f"warning: --event-log {fifo}: Broken pipe; it ends here, and the operation goes on"]
    assert json.loads(out.splitlines()[-1])["modelportEvent"]["changes"] == {"create": 2}


def test_a_caller_that_is_cancelled_lets_the_steps_end(project: Project, deployer: Callable[..., Deployer]) -> None:
    project.stack("dev", wait=1.5)

    async def run() -> None:
        running = deployer().up()
        waiting = asyncio.create_task(running.done())
        async for event in running:
            if "half way" in json.dumps(event):
                break
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
        assert await deployer().holders() == []

    asyncio.run(run())
    assert "thing" in project.run("stack", "export").stdout


def test_a_program_that_ends_over_its_events_leaves_no_operation_behind(
    project: Project, deployer: Callable[..., Deployer]
) -> None:
    project.stack("dev", things="one,two", wait=1.5)

    async def run() -> None:
        async for event in deployer().up():
            if "half way" in json.dumps(event):
                return

    asyncio.run(run())
    assert asyncio.run(deployer().holders()) == []
    assert asyncio.run(deployer().in_the_making()) == []


def test_a_stack_in_use_is_waited_for(project: Project, deployer: Callable[..., Deployer]) -> None:
    project.stack("dev", wait=8)

    async def run() -> Any:
        first = deployer().up()
        async for event in first:
            if "half way" in json.dumps(event):
                break
        (holder,) = await deployer().holders()
        with pytest.raises(OperationFailed) as refused:
            await deployer().up()
        with pytest.raises(StackHeld, match=f"process {holder.pid}"):
            await deployer().release()
        second = await deployer(retries=Retries(lock=60, release_ended=True)).up()
        return refused.value.done.code, second, await first

    refused, second, first = asyncio.run(run())
    assert (refused, second.code, first.code) == (Exit.LOCKED, Exit.DONE, Exit.DONE)
    assert second.changes == {"same": 2}


def _lock(project: Project, **content: Any) -> Path:
    folder = Path(project.environment["MODELPORT_STATE_DIR"]) / "backend" / ".pulumi" / "locks"
    (found,) = folder.rglob("dev")
    file = found / "12345678-1234-1234-1234-123456789012.json"
    file.write_text(json.dumps(content))
    return file


def _ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_lock_of_a_process_that_has_ended_is_released_where_that_is_asked(
    project: Project, deployer: Callable[..., Deployer]
) -> None:
    asyncio.run(_up(deployer()))
    about = {"pid": _ended_process(), "username": "ci", "hostname": socket.gethostname(), "timestamp": "2026-01-01"}
    lock = _lock(project, **about)
    with pytest.raises(OperationFailed) as refused:
        asyncio.run(_up(deployer()))
    assert refused.value.done.code is Exit.LOCKED and lock.exists()
    assert asyncio.run(_up(deployer(retries=Retries(release_ended=True)))).code is Exit.DONE
    assert not lock.exists()


@pytest.mark.parametrize("about", [{"hostname": "elsewhere", "pid": 1}, {"hostname": "HERE", "pid": os.getpid()}])
def test_a_lock_of_somebody_who_may_be_at_work_is_not_released(
    project: Project, deployer: Callable[..., Deployer], about: dict[str, Any]
) -> None:
    asyncio.run(_up(deployer()))
    host = about["hostname"].replace("HERE", socket.gethostname())
    lock = _lock(project, **{**about, "hostname": host}, username="ci", timestamp="2026-01-01")
    with pytest.raises(StackHeld, match="held by ci@"):
        asyncio.run(deployer().release())
    with pytest.raises(OperationFailed) as refused:
        asyncio.run(_up(deployer(retries=Retries(release_ended=True))))
    assert refused.value.done.code is Exit.LOCKED
    assert lock.exists()


def test_options_are_those_of_the_command(project: Project, deployer: Callable[..., Deployer]) -> None:
    project.stack("dev", things="one,two")

    async def run() -> Any:
        only = await deployer().up(Options(targets=("one",), message="a word"))
        planned = await deployer().destroy(Options(preview_only=True))
        return only, planned

    only, planned = asyncio.run(run())
    assert made(only) == {"demo-dev", "one"}
    assert planned.changes == {"delete": 2}
    assert "::one" in project.run("stack", "export").stdout  # planned, and not done


def test_outputs_are_told_with_secrets_where_that_is_asked(deployer: Callable[..., Deployer]) -> None:
    asyncio.run(_up(deployer()))
    assert asyncio.run(deployer().outputs())["word"] == "[secret]"
    assert asyncio.run(deployer().outputs(show_secrets=True))["word"] == "hunter2-in-output"


def test_variables_go_to_the_operations_and_nowhere_else(project: Project, deployer: Callable[..., Deployer]) -> None:
    environment = {"PULUMI_CONFIG_PASSPHRASE": "another"}
    assert asyncio.run(_up(deployer(environment=environment))).code is Exit.DONE
    assert os.environ["PULUMI_CONFIG_PASSPHRASE"] == "correct horse"
    with pytest.raises(Failure, match="passphrase"):
        asyncio.run(deployer().outputs(show_secrets=True))


@pytest.mark.parametrize("variable", ["PULUMI_BACKEND_URL", "MODELPORT_STATE_DIR"])
def test_who_holds_a_stack_is_asked_of_the_backend_of_its_own_variables(
    tmp_path: Path, deployer: Callable[..., Deployer], variable: str
) -> None:
    (apart := tmp_path / "apart").mkdir()
    found = deployer(environment={variable: apart.as_uri() if variable.endswith("URL") else str(apart)})
    about = {"pid": _ended_process(), "username": "ci", "hostname": socket.gethostname(), "timestamp": "2026-01-01"}
    root = apart if variable.endswith("URL") else apart / "backend"
    folder = root / ".pulumi" / "locks" / "organization" / "demo" / "dev"
    asyncio.run(_up(found))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "12345678-1234-1234-1234-123456789012.json").write_text(json.dumps(about))
    assert asyncio.run(deployer().holders()) == []
    assert [each.user for each in asyncio.run(found.holders())] == ["ci"]
    assert asyncio.run(found.release()) == 1
    assert asyncio.run(found.holders()) == []


def test_drift_is_told_as_the_command_tells_it(project: Project, deployer: Callable[..., Deployer]) -> None:
    asyncio.run(_up(deployer()))
    assert asyncio.run(deployer().drift())["result"] == "none"


def test_the_program_of_the_page_brings_both_up(project: Project) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "automation.md").read_text(), re.S | re.M)
    for name in ("eu", "us"):
        project.stack(name)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.root,
        env={**project.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = "{'create': 2}, answers at http://127.0.0.1:1"
    assert (done.stdout, done.returncode) == (f"eu: {told}\nus: {told}\n", 0), done.stderr


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("ThrottlingException: Rate exceeded", True),
        ("googleapi: Error 503: Service Unavailable", True),
        ("dial tcp: i/o timeout", True),
        ("the bucket exists already", False),
        ("accuracy is 0.5, expected at least 0.9", False),
    ],
)
def test_which_errors_pass(said: str, passes: bool) -> None:
    assert transient(said) is passes
