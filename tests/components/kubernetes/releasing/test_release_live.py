"""Releases on a real cluster: bad versions go by themselves, good ones come, and an interruption leaves no riddle."""

import json
import os
import re
import signal
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from automation.exits import Exit
from components.kubernetes.releasing.plan import NONE, Analysis, Bound, Match, Plan, Step, Strategy
from tests.cluster.addons.prometheus import query
from tests.components.kubernetes.releasing.conftest import Versions
from tests.components.kubernetes.releasing.stage import LOOSE, PROMETHEUS, SOAK, Stage, canary, revision, soak, until

QUICK = Analysis(
    PROMETHEUS, p99_ms=Bound(max=900), min_samples=3, interval=1.0, inconclusive=LOOSE.inconclusive, wait=90.0
)


def no_drift(stage: Stage) -> None:
    """State and cluster say the same, and the stack file of the old version has nothing to do."""
    assert stage.refresh() == 0
    stage.write(stage.stable)
    assert stage.preview() == 0
    assert stage.at_rest()
    assert stage.serves() == stage.stable


def test_a_version_that_errors_is_rolled_back(stage: Stage, versions_: Versions) -> None:
    stage.write(versions_.failing, canary(), LOOSE)
    with stage.callers() as callers:
        until(lambda: callers.revisions == {revision(stage.stable)})
        done = stage.run("up", "--yes")
    assert done.returncode == Exit.ROLLED_BACK, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    bad = revision(versions_.failing)
    assert line.startswith(f"error: digits: version {bad} was rolled back: success rate is 0.")
    assert "expected at least 0.97, at step 1 of 2 (30 % of the requests)" in line
    assert line.endswith(f"; version {revision(stage.stable)} answers as before")
    assert f"digits: canary: step 1 of 2 (30 % of the requests): 1 pod of version {bad}" in done.stdout
    assert set(callers.failed()) == {(bad, 400)}
    assert callers.broken == []
    no_drift(stage)


def test_a_version_that_predicts_badly_is_rolled_back(stage: Stage, versions_: Versions) -> None:
    stage.write(versions_.wrong, canary(), LOOSE)
    with stage.callers() as callers:
        said = stage.fails()
    assert "accuracy by feedback is 0 over" in said
    assert callers.failed() == {}
    assert stage.at_rest()
    assert stage.serves() == stage.stable


def test_a_version_that_is_slow_is_rolled_back(stage: Stage, versions_: Versions) -> None:
    stage.write(versions_.slow, canary(), QUICK)
    with stage.callers(clients=4) as callers:
        said = stage.fails()
    assert "p99 latency in ms is" in said
    assert "expected at most 900, at step" in said
    assert callers.failed() == {}
    assert stage.at_rest()
    assert stage.serves() == stage.stable


def test_healthy_versions_are_promoted(stage: Stage, versions_: Versions) -> None:
    """By all the bounds that bad versions fail, and by turns beside a baseline of the old version."""
    own = Plan(Strategy.CANARY, (Step(20, 3.0), Step(40, 3.0)), baseline=True, ready=120.0)
    every = replace(LOOSE, p99_ms=QUICK.p99_ms)
    drop = replace(every, accuracy=Bound(max_drop=0.3))
    began, times = time.monotonic(), max(SOAK, 1)
    with stage.callers(longest=180.0 * times) as callers:
        for turn in range(times):
            wanted = versions_.other(stage.stable)
            stage.write(wanted, *((canary(), every) if turn % 2 else (own, drop)))
            stage.up()
            assert stage.at_rest()
            assert stage.serves() == wanted
            assert stage.outputs()["serves"] == wanted.partition("@")[2]
            verdict = stage.outputs()["verdict"]
            assert verdict.startswith("promoted after 2 steps: success rate is 1 over ")
            stage.stable = wanted
            print(f"{turn + 1} of {times} after {time.monotonic() - began:.0f} s: {verdict}")
    assert callers.failed() == {}
    assert callers.broken == []
    print(f"{times} healthy versions, {sum(callers.answers.values())} requests, none rolled back, none failed")
    no_drift(stage)


@soak
def test_bad_versions_are_rolled_back_every_time(stage: Stage, versions_: Versions) -> None:
    kinds = {
        "errs": (versions_.failing, LOOSE, "success rate is 0."),
        "predicts badly": (versions_.wrong, LOOSE, "accuracy by feedback is 0 over"),
        "is slow": (versions_.slow, QUICK, "p99 latency in ms is"),
    }
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    requests = 0
    for turn in range(max(SOAK, len(kinds))):
        kind = list(kinds)[turn % len(kinds)]
        bad, analysis, words = kinds[kind]
        stage.write(bad, canary(), analysis)
        with stage.callers(clients=4) as callers:
            said = stage.fails()
        assert f"version {revision(bad)} was rolled back: {words}" in said
        assert {each for each, _ in callers.failed()} <= {revision(bad)}
        assert callers.broken == []
        assert stage.at_rest()
        assert stage.serves() == stage.stable
        requests += sum(callers.answers.values())
        took[kind].append(stage.judged() + analysis.interval)
    for kind, seconds in took.items():
        shown = f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})"
        print(f"{len(seconds)} versions of which each {kind}: rolled back, seconds under requests {shown}")
    print(f"{requests} requests in all, none of the old version's failed")
    no_drift(stage)


@soak
@pytest.mark.parametrize("plan", [canary(), Plan(ready=120.0)], ids=["canary", "rolling"])
def test_pods_that_never_come_up_get_no_request(stage: Stage, versions_: Versions, plan: Plan) -> None:
    for bad, reason in ((versions_.broken, "model.onnx"), (versions_.nowhere, "not found")):
        stage.write(bad, plan, LOOSE if plan.stages() else NONE)
        with stage.callers(clients=1) as callers:
            said = stage.fails()
        assert f"version {revision(bad)} was rolled back: " in said
        assert "does not come up" in said
        assert reason in said
        assert callers.revisions == {revision(stage.stable)}
        assert callers.failed() == {}
        assert stage.at_rest()
        assert stage.serves() == stage.stable
    no_drift(stage)


def test_killed_in_the_middle_and_gone_on(stage: Stage, versions_: Versions) -> None:
    wanted = versions_.other(stage.stable)
    stage.write(wanted, canary(Step(30, 2.0), Step(60, 6.0)), LOOSE)
    with stage.callers() as callers:
        shown = _killed_at(stage, 1)
        # While it goes on, not when it is over.
        for step in ("step 1 of 2 (30 %", "step 2 of 2 (60 %"):
            assert f"digits: canary: {step} of the requests): 1 pod of version {revision(wanted)}" in shown
        stage.unlock()
        stage.up()
    said = "\n".join(stage.said)
    assert "is in the cluster already: going on where it was left" in said
    assert "step 2 of 2" in said
    assert "step 1 of 2" not in said
    assert callers.failed() == {}
    stage.stable = wanted
    assert stage.at_rest()
    assert stage.serves() == wanted


def test_killed_in_the_middle_and_reverted(stage: Stage, versions_: Versions) -> None:
    stage.write(versions_.other(stage.stable), canary(Step(30, 60.0)), LOOSE)
    with stage.callers() as callers:
        _killed_at(stage, 0)
        # The old version is wanted again: equal inputs, and still there is something to do.
        stage.write(stage.stable)
        stage.unlock()
        assert stage.preview() > 0
        assert "was interrupted, and is to be taken back" in "\n".join(stage.said)
        stage.up()
    assert callers.failed() == {}
    no_drift(stage)


@soak
def test_killed_in_the_middle_and_another_version_wanted(stage: Stage, versions_: Versions) -> None:
    stage.write(versions_.wrong, canary(Step(30, 60.0)), LOOSE)
    wanted = versions_.other(stage.stable)
    _killed_at(stage, 0)
    stage.write(wanted)
    stage.unlock()
    stage.up()
    assert f"taking back version {revision(versions_.wrong)}" in "\n".join(stage.said)
    stage.stable = wanted
    assert stage.at_rest()
    assert stage.serves() == wanted


@soak
@pytest.mark.parametrize("wants_old", [False, True], ids=["gone on", "reverted"])
def test_killed_while_it_is_promoted(stage: Stage, versions_: Versions, wants_old: bool) -> None:
    """The service itself runs the new version already, and its state knows nothing of it."""
    before, wanted = stage.stable, versions_.other(stage.stable)
    stage.write(wanted, canary(Step(30, 2.0)), LOOSE)
    with stage.callers() as callers:
        _killed_when(stage, lambda: stage.serves() == wanted)
        assert stage.record()["phase"] == "promoting"
        if wants_old:
            stage.write(before)
        stage.unlock()
        assert stage.preview() > 0
        stage.up()
    said = "\n".join(stage.said)
    assert callers.failed() == {}
    assert callers.broken == []
    stage.stable = before if wants_old else wanted
    assert ("going on where it was left" in said) is not wants_old
    assert (f"taking back version {revision(wanted)}" in said) is wants_old
    assert "step 1 of 1" not in said
    assert stage.record()["phase"] == ("reverted" if wants_old else "promoted")
    assert stage.outputs()["serves"] == stage.stable.partition("@")[2]
    no_drift(stage)


@soak
@pytest.mark.parametrize("wants_old", [False, True], ids=["kept", "reverted"])
def test_killed_after_it_was_promoted(stage: Stage, versions_: Versions, wants_old: bool) -> None:
    """The version serves, and was promoted by the record in the cluster; the state is the one from before."""
    before, wanted = stage.stable, versions_.other(stage.stable)
    known = json.dumps(stage.engine.export(show_secrets=True))
    stage.write(wanted, canary(Step(30, 2.0)), LOOSE)
    with stage.callers() as callers:
        stage.up()
        stage.engine.import_(known)
        if wants_old:
            stage.write(before)
        assert stage.preview() > 0
        stage.up()
    said = "\n".join(stage.said)
    assert callers.failed() == {}
    stage.stable = before if wants_old else wanted
    assert ("was promoted already, before an interruption" in said) is not wants_old
    assert (f"taking back version {revision(wanted)}" in said) is wants_old
    no_drift(stage)


@soak
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_interrupted_from_the_keyboard(stage: Stage, versions_: Versions, times: int) -> None:
    """Once: what runs goes on to its end, and nothing begins after it. Twice: it is left for the next `up`."""
    wanted = versions_.other(stage.stable)
    stage.write(wanted, canary(Step(30, 12.0)), LOOSE)
    with stage.callers() as callers:
        process = stage.command("up", "--yes")
        with process:
            until(lambda: stage.weights()[0][1] == ("digits-canary", 30))
            for _ in range(times):
                os.killpg(process.pid, signal.SIGINT)
                time.sleep(1)  # apart, as a person's are: it is one word, said again
            out, err = process.communicate(timeout=240)
        assert process.returncode == Exit.INTERRUPTED, out + err
        assert stage.record()["phase"] == ("promoted" if times == 1 else "steps")
        stage.up()
    assert callers.failed() == {}
    assert callers.broken == []
    assert ("going on where it was left" in "\n".join(stage.said)) is (times == 2)
    stage.stable = wanted
    no_drift(stage)


@pytest.mark.parametrize(
    ("match", "theirs", "ours"),
    [
        pytest.param(Match("b", header="X-Trial"), {}, {"X-Trial": "b"}, id="header"),
        pytest.param(
            Match("b", cookie="trial"),
            {"Cookie": "trial=bb; xtrial=b"},
            {"Cookie": "session=1; trial=b"},
            id="cookie",
            marks=soak,
        ),
    ],
)
def test_by_what_a_request_says(
    stage: Stage, versions_: Versions, match: Match, theirs: dict[str, str], ours: dict[str, str]
) -> None:
    wanted, old = versions_.other(stage.stable), revision(stage.stable)
    plan = Plan(Strategy.AB, pause=4.0, match=match, ready=120.0)
    stage.write(wanted, plan, replace(LOOSE, accuracy=None))
    with stage.callers(clients=1, **theirs) as others, stage.callers(clients=2, **ours) as trial:
        process = stage.command("up", "--yes")
        with process:
            until(lambda: revision(wanted) in trial.revisions)
            assert others.revisions == {old}
            out, err = process.communicate(timeout=240)
    assert process.returncode == 0, out + err
    assert others.failed() == trial.failed() == {}
    stage.stable = wanted
    assert stage.at_rest()


@soak
def test_a_trial_that_errs_is_rolled_back(stage: Stage, versions_: Versions) -> None:
    plan = Plan(Strategy.AB, pause=4.0, match=Match("b", header="X-Trial"), ready=120.0)
    stage.write(versions_.failing, plan, replace(LOOSE, accuracy=None))
    with stage.callers(clients=1) as others, stage.callers(clients=2, **{"X-Trial": "b"}) as trial:
        said = stage.fails()
    assert "expected at least 0.97, at step 1 of 1 (requests with header X-Trial = b)" in said
    assert others.failed() == {}
    assert others.revisions == {revision(stage.stable)}
    assert {each for each, _ in trial.failed()} == {revision(versions_.failing)}
    no_drift(stage)


def test_in_the_shadow(stage: Stage, versions_: Versions) -> None:
    """Copies go to a version that fails: no caller sees it, the analysis does."""
    stage.write(versions_.failing, Plan(Strategy.SHADOW, pause=4.0, ready=120.0), replace(LOOSE, accuracy=None))
    with stage.callers() as callers:
        said = stage.fails()
    assert "at step 1 of 1 (a copy of every request)" in said
    assert callers.revisions == {revision(stage.stable)}
    assert callers.failed() == {}
    assert stage.at_rest()


@soak
def test_a_shadow_that_holds(stage: Stage, versions_: Versions) -> None:
    """It is asked as much as the version that serves, and nobody gets its answers until it is promoted."""
    wanted, old = versions_.other(stage.stable), revision(stage.stable)
    stage.write(wanted, Plan(Strategy.SHADOW, pause=10.0, ready=120.0), replace(LOOSE, accuracy=None))
    with stage.callers() as callers:
        process = stage.command("up", "--yes")
        with process:
            until(lambda: _mirrors(stage) == ["digits-canary"])
            until(lambda: _asked(stage, track="canary") >= 100)
            assert callers.revisions == {old}
            assert stage.record()["phase"] == "steps"
            out, err = process.communicate(timeout=240)
        until(lambda: callers.revisions == {old, revision(wanted)})
    assert process.returncode == 0, out + err
    assert callers.failed() == {}
    assert callers.broken == []
    stage.stable = wanted
    assert _mirrors(stage) == []
    assert stage.at_rest()
    assert stage.serves() == wanted


@soak
def test_beside_a_baseline(stage: Stage, versions_: Versions) -> None:
    """Fresh pods of the old version get as much as the candidate, and are what it is compared with."""
    plan = canary(Step(30, 6.0), baseline=True)
    stage.write(versions_.wrong, plan, replace(LOOSE, accuracy=Bound(max_drop=0.3)))
    with stage.callers() as callers:
        process = stage.command("up", "--yes")
        with process:
            shares = [("digits", 40), ("digits-canary", 30), ("digits-baseline", 30)]
            until(lambda: stage.weights() == [shares])
            assert stage.deployments() == {"digits", "digits-canary", "digits-baseline"}
            fresh = stage.get("deployment", "digits-baseline")["spec"]["template"]["spec"]["containers"][0]["image"]
            assert fresh == stage.stable
            until(lambda: _asked(stage, track="baseline") > 0)
            out, err = process.communicate(timeout=240)
    assert process.returncode == Exit.ROLLED_BACK, out + err
    assert re.search(r"accuracy by feedback is 0 over \d+ labels, expected at most 0.3 below the 1 of the old", err)
    assert callers.failed() == {}
    assert stage.at_rest()
    assert "digits-baseline" not in {each["metadata"]["name"] for each in stage.get("services")["items"]}
    assert stage.serves() == stage.stable


@soak
def test_all_at_once(stage: Stage, versions_: Versions) -> None:
    """Blue-green: every request goes over at one moment, and back at one moment when the new version does not hold."""
    plan = Plan(Strategy.BLUE_GREEN, pause=3.0, ready=120.0)
    stage.write(versions_.wrong, plan, LOOSE)
    with stage.callers() as callers:
        assert "accuracy by feedback is 0 over" in stage.fails()
        assert stage.at_rest()
        wanted = versions_.other(stage.stable)
        stage.write(wanted, plan, LOOSE)
        stage.up()
    assert callers.failed() == {}
    assert callers.broken == []
    stage.stable = wanted
    assert stage.at_rest()
    assert stage.serves() == wanted


def test_back_to_an_earlier_version(stage: Stage, versions_: Versions) -> None:
    wanted = versions_.other(stage.stable)
    stage.write(wanted)
    stage.up()
    listed = stage.run("rollback", "--list")
    assert listed.stdout.splitlines()[0].endswith("(serves)")
    unknown = stage.run("rollback", "sha256:" + "f" * 64, "--yes")
    assert unknown.returncode == Exit.BAD_INPUT
    assert "no version is known by that, expected a digest, number or version of: " in unknown.stderr
    assert stage.stable.partition("@")[2][:19] in unknown.stderr
    back = stage.run("rollback", stage.stable.partition("@")[2][:14], "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert f"modelport config set --path modelport:release.pin {stage.stable.partition('@')[2]}" in back.stdout
    assert stage.serves() == stage.stable
    assert stage.outputs()["serves"] == stage.stable.partition("@")[2]
    no_drift(stage)


@soak
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("delete", "deployment", "digits-canary"), "somebody took the Deployment digits-canary away"),
        (
            ("exec", "deployment/digits-canary", "--", "/usr/bin/python3.11", "-c", "import os; os.kill(1, 15)"),
            "since the step began",
        ),
        (("delete", "pod", "--wait=false", "--selector=modelport.io/track=canary"), "is gone since the step began"),
    ],
    ids=["deleted", "ended", "replaced"],
)
def test_what_somebody_does_in_the_middle(
    stage: Stage, versions_: Versions, words: tuple[str, ...], reason: str
) -> None:
    stage.write(versions_.other(stage.stable), canary(Step(30, 8.0)), replace(NONE, interval=4.0))
    process = stage.command("up", "--yes")
    with process:
        until(lambda: stage.weights()[0][1] == ("digits-canary", 30))
        time.sleep(1)  # within the step, and well before its first look
        stage.cluster.kubectl(words[0], "--namespace", stage.namespace, *words[1:])
        out, err = process.communicate(timeout=240)
    assert process.returncode == Exit.ROLLED_BACK, out + err
    assert reason in err
    assert "at step 1 of 1 (30 % of the requests)" in err
    no_drift(stage)


@soak
def test_a_route_that_is_gone_is_made_again_as_the_message_says(
    stage: Stage, versions_: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.cluster.kubectl("delete", "httproute", "digits", "--namespace", stage.namespace)
    stage.write(versions_.other(stage.stable), canary(Step(30, 1.0)))
    done = stage.run("up", "--yes", "--refresh")
    assert done.returncode == Exit.BAD_INPUT, done.stdout + done.stderr
    pin = re.search(r"MODELPORT_RELEASE_PIN=(\S+) modelport up --refresh", done.stderr)
    assert pin, done.stderr
    monkeypatch.setenv("MODELPORT_RELEASE_PIN", pin[1])
    done = stage.run("up", "--yes", "--refresh")
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.delenv("MODELPORT_RELEASE_PIN")
    no_drift(stage)


@soak
def test_without_a_prometheus_nothing_is_promoted(stage: Stage, versions_: Versions) -> None:
    absent = replace(LOOSE, prometheus="monitoring/absent:9090", wait=2.0)
    stage.write(versions_.other(stage.stable), canary(), absent)
    assert "Prometheus at monitoring/absent:9090 does not answer" in stage.fails()
    assert stage.at_rest()


def _killed_at(stage: Stage, step: int) -> str:
    """Kill `up` once the step has its traffic; what it had printed."""
    weight = 30 if step == 0 else 60

    def reached() -> bool:
        return "digits-canary" in stage.deployments() and stage.weights()[0][1] == ("digits-canary", weight)

    shown = _killed_when(stage, reached, f"step {step + 1} of")
    assert stage.record()["step"] == step
    return shown


def _killed_when(stage: Stage, met: Callable[[], bool], words: str = "") -> str:
    """Begin `up` as a process of its own and kill -9 all of it once it has said something and something is so."""
    process = stage.command("up", "--yes")
    shown = ""
    try:
        assert process.stdout is not None
        while words not in shown:
            line = process.stdout.readline()
            assert line, shown
            shown += line
        until(met)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert not stage.at_rest()
    return shown


def _mirrors(stage: Stage) -> list[str]:
    """Where the route sends copies to."""
    rules = stage.get("httproute", "digits")["spec"]["rules"]
    filters = [each for rule in rules for each in rule.get("filters") or []]
    return [each["requestMirror"]["backendRef"]["name"] for each in filters if each["type"] == "RequestMirror"]


def _asked(stage: Stage, track: str) -> float:
    """How many questions the pods of a track have answered, by Prometheus."""
    of = f'namespace="{stage.namespace}",track="{track}",route="infer"'
    found = query(stage.cluster, f"sum(modelport_requests_total{{{of}}})")
    return float(found[0]["value"][1]) if found else 0.0
