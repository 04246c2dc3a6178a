"""What may happen in the middle of a release, moment by moment: somebody deletes, crashes or refuses something."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.kubernetes import pod
from components.kubernetes.errors import ClusterError, Refused
from components.kubernetes.releasing import running
from components.kubernetes.releasing.errors import BadRelease, RolledBack
from components.kubernetes.releasing.plan import Plan, Step, Strategy
from components.kubernetes.releasing.record import Phase
from tests.components.kubernetes.releasing.apiserver import (
    CANARY,
    CANDIDATE,
    CORE,
    DEPLOYMENT,
    NEW,
    OLD,
    RECORD,
    ROUTE,
    SLICES,
    Api,
    release,
    template,
)

ROLLING = Plan(ready=0.5)


@pytest.fixture
def api() -> Api:
    made = Api()
    made.serve(OLD)
    made.route()
    return made


def in_a_step(api: Api, act: Callable[[], Any]) -> None:
    """Do something once, after the pods were seen as a step with half of the requests begins."""
    armed: list[bool] = []

    def before(_method: str, path: str) -> None:
        if armed:
            api.before.remove(before)
            act()
        elif path == f"{CORE}/pods" and ROUTE in api.objects and api.weights == [50, 50]:
            armed.append(True)

    api.before.append(before)


def refuse(api: Api, method: str, path: str, *, status: int = 403, when: Callable[[], bool] = lambda: True) -> None:
    def before(asked: str, at: str) -> None:
        if (asked, at) == (method, path) and when():
            raise Refused(status, "admission webhook says no")

    api.before.append(before)


def rolled_back(api: Api, plan: Plan = CANARY) -> str:
    with pytest.raises(RolledBack) as raised:
        release(api, plan).run(NEW, OLD)
    return raised.value.message


def as_before(api: Api) -> bool:
    rest = ROUTE not in api.objects or api.weights == [100, 0]
    return rest and CANDIDATE not in api.objects and api.serves == OLD and api.record.phase is Phase.REVERTED


def test_nothing_happens(api: Api) -> None:
    assert release(api).run(NEW, OLD).startswith("promoted after 1 step: its pods answered throughout")
    assert (api.serves, api.weights, api.record.phase) == (NEW, [100, 0], Phase.PROMOTED)
    assert CANDIDATE not in api.objects


def test_nobody_is_sent_to_pods_that_their_service_does_not_know_yet(api: Api) -> None:
    """A gateway would answer such requests itself, that nobody is there."""
    api.unheard = 3
    left: list[int] = []

    def before(method: str, path: str) -> None:
        if (method, path) == ("PATCH", ROUTE):
            left.append(api.unheard)

    api.before.append(before)
    assert release(api).run(NEW, OLD).startswith("promoted after 1 step")
    assert set(left) == {0}


def test_a_release_that_may_not_see_addresses_goes_on_without(api: Api) -> None:
    refuse(api, "GET", SLICES)
    assert release(api).run(NEW, OLD).startswith("promoted after 1 step")


def test_an_address_that_never_comes_is_not_waited_for_for_ever(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GATEWAY", 0.2)
    api.unheard = 10**6
    assert release(api).run(NEW, OLD).startswith("promoted after 1 step")


def test_a_candidate_that_somebody_deletes_is_rolled_back(api: Api) -> None:
    in_a_step(api, lambda: api.delete(CANDIDATE))
    said = rolled_back(api)
    assert "somebody took the Deployment digits-canary away" in said
    assert "at step 1 of 1 (50 % of the requests)" in said
    assert said.endswith("version a1a1a1a1a1a1 answers as before")
    assert as_before(api)


@pytest.mark.parametrize("status", [403, 409, 422, 500])
def test_a_step_that_the_cluster_refuses_is_rolled_back(api: Api, status: int) -> None:
    in_a_step(api, lambda: refuse(api, "GET", ROUTE, status=status, when=lambda: api.weights == [50, 50] and once()))
    asked: list[int] = []

    def once() -> bool:
        asked.append(1)
        return len(asked) == 1

    said = rolled_back(api)
    assert "the cluster refuses it (admission webhook says no), at step 1 of 1" in said
    assert as_before(api)


def test_pods_that_may_not_be_made_are_no_release(api: Api) -> None:
    refuse(api, "POST", CANDIDATE, status=422)
    assert "the cluster refuses it (admission webhook says no), at step 1 of 1" in rolled_back(api)
    assert as_before(api)


def test_a_route_that_somebody_deletes_is_the_end_of_the_step(api: Api) -> None:
    in_a_step(api, lambda: api.delete(ROUTE))
    assert 'httproutes "digits" not found' in rolled_back(api)
    assert as_before(api)


def test_what_cannot_be_taken_back_holds_up_nothing_else(api: Api) -> None:
    in_a_step(api, lambda: crash(api))
    refuse(api, "DELETE", CANDIDATE)
    said = rolled_back(api)
    assert "its process ended" in said
    assert "not all of it could be taken back (admission webhook says no)" in said
    assert api.weights == [100, 0]
    assert api.record.unfinished


def test_a_version_that_answers_is_not_given_up_for_a_refusal_after_it(api: Api) -> None:
    refuse(api, "DELETE", CANDIDATE)
    with pytest.raises(Refused):
        release(api).run(NEW, OLD)
    assert (api.serves, api.record.phase) == (NEW, Phase.PROMOTING)
    api.before.clear()
    assert release(api).run(NEW, OLD).startswith("promoted after 1 step")
    assert CANDIDATE not in api.objects


def test_a_service_that_somebody_deletes_answers_nobody(api: Api) -> None:
    in_a_step(api, lambda: api.delete(DEPLOYMENT))
    said = rolled_back(api)
    assert "the Deployment digits is gone in the middle of its release" in said
    assert "nobody answers: run up --refresh" in said


def test_the_version_before_comes_back_without_the_record_in_the_cluster(api: Api) -> None:
    """It was being rolled out, and somebody deletes the record: the template before is known here as well."""

    def before(method: str, path: str) -> None:
        if (method, path) == ("PATCH", DEPLOYMENT) and NEW not in api.broken:
            api.broken.add(NEW)
            api.delete(RECORD)

    api.before.append(before)
    assert "does not come up" in rolled_back(api)
    assert as_before(api)


def crash(api: Api) -> None:
    container = api.pods("canary")[0]["status"]["containerStatuses"][0]
    container["restartCount"] += 1
    container["lastState"] = {"terminated": {"signal": 11, "exitCode": 139}}


def replace_pod(api: Api) -> None:
    api.pods("canary")[0]["metadata"]["uid"] = "another"


def evict(api: Api) -> None:
    api.pods("canary")[0]["status"] |= {"phase": "Failed", "message": "the node was low on memory"}


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (crash, ": its process ended once since the step began, last by signal 11"),
        (replace_pod, "of the new version is gone since the step began: it was deleted or evicted"),
        (evict, "of the new version is gone since the step began: the node was low on memory"),
    ],
)
def test_a_pod_that_is_back_before_the_next_look_is_not_overlooked(
    api: Api, act: Callable[[Api], None], words: str
) -> None:
    in_a_step(api, lambda: act(api))
    assert words in rolled_back(api)
    assert as_before(api)


def test_a_pod_that_crashes_between_two_steps_is_not_overlooked(api: Api) -> None:
    plan = replace(CANARY, steps=(Step(50, 0.0), Step(60, 0.0)))

    def before(method: str, path: str) -> None:
        if (method, path) == ("PUT", CANDIDATE):
            crash(api)

    api.before.append(before)
    assert "its process ended" in rolled_back(api, plan)
    assert as_before(api)


def test_a_pod_that_needed_two_tries_to_come_up_is_no_reason(api: Api) -> None:
    def before(method: str, path: str) -> None:
        if (method, path) == ("PATCH", ROUTE) and api.weights == [100, 0] and api.pods("canary"):
            crash(api)

    api.before.append(before)
    assert release(api).run(NEW, OLD).startswith("promoted")


@pytest.mark.parametrize(
    "plan", [ROLLING, replace(CANARY, steps=(Step(100, 0.0),)), Plan(Strategy.SHADOW, pause=0.0, ready=0.5)]
)
def test_a_version_that_does_not_come_up_is_found_out_where_no_pod_runs(api: Api, plan: Plan) -> None:
    """Where requests have ended for now, no pod of the service would tell."""
    api.serve(OLD, replicas=0)
    api.broken.add(NEW)
    assert "ErrImagePull" in rolled_back(api, plan)
    assert as_before(api)
    assert f"PATCH {DEPLOYMENT}" not in api.changed
    api.broken.clear()
    said: list[str] = []
    release(api, plan, said=said).run(NEW, OLD)
    assert any(
        "1 of 1 pods of the new version answer" in line or "one of version" in line or "1 pod" in line for line in said
    )
    assert (api.serves, CANDIDATE in api.objects) == (NEW, False)


def test_a_service_that_loses_its_last_pod_while_it_is_rolled_is_tried_all_the_same(api: Api) -> None:
    """Its autoscaler takes the last pod away at this moment: an empty rollout is done, and says nothing."""
    api.broken.add(NEW)

    def before(method: str, path: str) -> None:
        if (method, path) == ("PATCH", DEPLOYMENT):
            api.before.remove(before)
            api.objects[DEPLOYMENT]["spec"]["replicas"] = 0

    api.before.append(before)
    assert "ErrImagePull" in rolled_back(api, ROLLING)
    assert as_before(api)


def test_a_refusal_before_anything_is_done_is_told_as_it_is(api: Api) -> None:
    refuse(api, "POST", RECORD)
    with pytest.raises(ClusterError, match="admission webhook says no") as raised:
        release(api).run(NEW, OLD)
    assert not isinstance(raised.value, RolledBack)
    assert api.changed == []


@pytest.mark.parametrize("candidate", [OLD, NEW], ids=["the version of the state", "the version that was killed"])
def test_killed_while_it_is_promoted_and_the_record_is_gone(api: Api, candidate: str) -> None:
    def killed(method: str, path: str) -> None:
        if (method, path) == ("DELETE", CANDIDATE):
            raise KeyboardInterrupt

    api.before.append(killed)
    with pytest.raises(KeyboardInterrupt):
        release(api).run(NEW, OLD)
    api.before.clear()
    api.delete(RECORD)
    assert api.serves == NEW
    api.changed.clear()
    said: list[str] = []
    release(api, said=said).run(candidate, OLD)
    assert said[0] == "back to version a1a1a1a1a1a1: what serves is of no release that is known"
    assert (api.serves, CANDIDATE in api.objects) == (candidate, False)
    if candidate == NEW:
        # by its steps, with a template to go back to
        assert api.record.template == pod.at(template(OLD), OLD, "stable")


def test_without_its_route_nothing_is_touched_and_the_way_out_is_told(api: Api) -> None:
    api.beside(NEW)
    api.delete(ROUTE)
    api.changed.clear()
    with pytest.raises(BadRelease) as raised:
        release(api).run(NEW, OLD)
    said = f"MODELPORT_RELEASE_PIN={OLD.partition('@')[2]} modelport up --refresh, and then run up again"
    assert said in raised.value.message
    assert api.changed == []
    # which is this, and leaves the route to be made by what comes after it
    release(api, Plan()).run(OLD, OLD)
    assert CANDIDATE not in api.objects
