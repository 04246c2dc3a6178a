"""A release as Compute Engine and Cloud Monitoring are asked for it: of a server that has one group, and answers so."""

import http.server
import json
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from components.gcp import compute_service_rolling as rolling
from components.gcp import compute_service_rollout
from components.releases import ReleaseError, RolledBack
from tests.components.gcp.judging_schema import described
from tests.components.gcp.pretend_compute import (
    LINKS,
    NEW,
    OLD,
    OTHER,
    PLACE,
    Clock,
    Cloud,
    Handler,
    Json,
    policy,
)

ALERT = "projects/shop-prod/alertPolicies/1234567890123456789"
CANARY, ROLLING = [[10, 300], [50, 300], [100, 600]], [[100, 0]]


def props(template: str, **changed: Any) -> Json:
    """Inputs of a ComputeRollout."""
    bounds = {"error_percent": 1, "latency": 0.25, "policies": [ALERT]}
    told: Json = {"stages": json.dumps(CANARY), "bounds": json.dumps(bounds), "policy": json.dumps(policy())}
    told |= {"balanced": True, "starts": 300.0, "template": f"{LINKS}/{template}"}
    return {"project": "shop-prod", "region": "europe-west4", "group": "digits", **told, **changed}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def cloud(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    for key, value in (
        ("GOOGLE_COMPUTE_CUSTOM_ENDPOINT", f"{address}/compute/v1/"),
        ("GOOGLE_MONITORING_CUSTOM_ENDPOINT", f"{address}/"),
        ("GOOGLE_OAUTH_ACCESS_TOKEN", "testing"),
        ("CLOUDSDK_CONFIG", str(tmp_path)),
        ("NO_GCE_CHECK", "true"),
        ("NO_PROXY", "127.0.0.1"),
    ):
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    Handler.cloud = Cloud()
    return Handler.cloud


def released(cloud: Cloud, clock: Clock | None = None, known: str = OLD, **changed: Any) -> list[str]:
    """What is said while the group comes to the new version."""
    said: list[str] = []
    wanted = rolling.Wanted.of(props(NEW, **changed), f"{LINKS}/{known}" if known else "")
    rolling.release(wanted, say=said.append, clock=clock or Clock(cloud))
    return said


def sent_back(cloud: Cloud, **changed: Any) -> str:
    """Why a release went back, with all instances as they were."""
    with pytest.raises(RolledBack) as error:
        released(cloud, **changed)
    assert at(cloud) == {OLD: cloud.size}
    assert cloud.versions == [{"instanceTemplate": f"{LINKS}/{OLD}"}]
    return error.value.message


def at(cloud: Cloud) -> dict[str, int]:
    """How many machines there are of each version."""
    kinds = [each["template"] for each in cloud.machines]
    return {kind: kinds.count(kind) for kind in kinds}


def test_a_version_comes_step_by_step_and_a_step_begins_once_its_instances_answer(cloud: Cloud) -> None:
    said = released(cloud)
    assert at(cloud) == {NEW: 4}
    assert cloud.shares() == [{"old": "rest", "new": 1}, {"old": "rest", "new": "50%"}, {"new": "rest"}]
    assert said == [
        "digits-new is at 10 percent of the instances once they answer",
        "0 of 1 instances with digits-new answer",
        "digits-new is at 10 percent of the instances, and is looked at for 300 s",
        "digits-new is at 50 percent of the instances once they answer",
        "1 of 2 instances with digits-new answer",
        "digits-new is at 50 percent of the instances, and is looked at for 300 s",
        "digits-new is at 100 percent of the instances once they answer",
        "2 of 4 instances with digits-new answer",
        "digits-new is at 100 percent of the instances, and is looked at for 600 s",
        "digits-new is at all instances",
    ]
    # As the group's own resource says it afterwards.
    assert cloud.versions == [{"instanceTemplate": f"{LINKS}/{NEW}"}]


def _calls(resources: Json) -> Iterator[Json]:
    for each in resources.values():
        yield from each.get("methods", {}).values()
        yield from _calls(each.get("resources", {}))


def test_every_request_is_one_that_google_describes(cloud: Cloud) -> None:
    released(cloud)
    documents = {"/compute/v1/": "compute.v1", "/v3/": "monitoring.v3"}
    known = {start: json.loads(described(name).read_text()) for start, name in documents.items()}
    calls: set[str] = set()
    for method, path, query, body in cloud.asked:
        start = next(each for each in documents if path.startswith(each))
        document = known[start]
        base = "/compute/v1/" if start == "/compute/v1/" else "/"
        (call,) = (
            each
            for each in _calls(document["resources"])
            if each["httpMethod"] == method
            and re.fullmatch(base + re.sub(r"\{[^}]+\}", "[^/]+", each["flatPath"]), path)
        )
        calls.add(call["id"])
        assert set(query) <= set(call["parameters"])
        if body:
            _fits(document["schemas"], call["request"]["$ref"], body)
    assert calls == {
        "compute.regionInstanceGroupManagers.get",
        "compute.regionInstanceGroupManagers.patch",
        "compute.regionInstanceGroupManagers.listManagedInstances",
        "compute.regionOperations.get",
        "monitoring.projects.timeSeries.list",
        "monitoring.projects.alerts.list",
    }


def _fits(schemas: Json, kind: str, body: Mapping[str, Any]) -> None:
    """Hold a body to a schema of Google's: its words, and its choices."""
    fields = schemas[kind]["properties"]
    assert set(body) <= set(fields), kind
    for key, value in body.items():
        about = fields[key].get("items", fields[key])
        assert "enum" not in about or value in about["enum"], (kind, key)
        several = cast("list[Json]", value if isinstance(value, list) else [value])
        for each in several if "$ref" in about else ():
            _fits(schemas, about["$ref"], each)


def test_the_group_is_told_what_the_new_version_needs_and_no_request_goes_missing(cloud: Cloud) -> None:
    class Counting(Clock):
        least = 100

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.least = min(self.least, sum(map(cloud.well, cloud.machines)))

    clock = Counting(cloud)
    released(cloud, clock, stages=json.dumps(ROLLING))
    assert (at(cloud), clock.least) == ({NEW: 4}, 4)
    assert cloud.written == [{**policy(), "versions": [{"instanceTemplate": f"{LINKS}/{NEW}"}]}]


def test_a_rolling_release_is_judged_by_whether_it_answers_alone(cloud: Cloud) -> None:
    cloud.answers = {"500": 1000}
    cloud.incidents = [{"state": "OPEN", "policy": {"name": ALERT}}]
    released(cloud, stages=json.dumps(ROLLING))
    assert at(cloud) == {NEW: 4}
    assert not [path for _, path, _, _ in cloud.asked if path.startswith("/v3/")]


def test_instances_that_never_answer_send_it_back(cloud: Cloud) -> None:
    cloud.bad = {NEW}
    began = cloud.time
    assert sent_back(cloud, stages=json.dumps(ROLLING)) == (
        "version digits-new of digits was rolled back: 0 of 3 instances with it answer, 4 have another version, and "
        "nothing has come of it for 15 minutes, expected its instances to answer and to keep its bounds; digits-old "
        "is at all of them again, see the log of the instances for what they said"
    )
    assert cloud.shares() == [{"new": "rest"}, {"old": "rest"}]
    assert cloud.time - began < 1200
    # As it was before: the version before may start sooner.
    assert cloud.policy["autoHealingPolicies"] == policy(120)["autoHealingPolicies"]


def test_a_canary_that_never_answers_is_one_instance(cloud: Cloud) -> None:
    cloud.bad = {NEW}
    assert "0 of 1 instances with it answer, 4 have another version" in sent_back(cloud)
    assert cloud.most[NEW] == 1


def test_machines_that_are_not_to_be_had_send_it_back_with_the_reason(cloud: Cloud) -> None:
    cloud.short = {NEW: "Quota 'N2_CPUS' exceeded. Limit: 24.0"}
    assert "for 15 minutes: Quota 'N2_CPUS' exceeded. Limit: 24.0, expected" in sent_back(cloud)


def test_a_slow_start_is_waited_for_as_long_as_more_and_more_instances_answer(cloud: Cloud) -> None:
    cloud.size, cloud.surge = 12, 1
    cloud.machines = [cloud.machine(OLD, at=-1e9) for _ in range(12)]
    began = cloud.time
    released(cloud, stages=json.dumps(ROLLING), starts=10.0)
    # Longer in all than without an end.
    assert cloud.time - began > 610
    assert at(cloud) == {NEW: 12}


def test_errors_send_it_back_at_once(cloud: Cloud) -> None:
    class Late(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if at(cloud).get(NEW):
                cloud.answers = {"200": 980, "500": 20}

    assert sent_back(cloud, clock=Late(cloud)) == (
        "version digits-new of digits was rolled back: 2% of 1000 answers are errors, more than 1%, expected its "
        "instances to answer and to keep its bounds; digits-old is at all of them again, see the log of the instances "
        "for what they said"
    )
    assert cloud.shares() == [{"old": "rest", "new": 1}, {"old": "rest"}]


def test_slow_answers_of_the_second_step_send_it_back(cloud: Cloud) -> None:
    class Late(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if at(cloud).get(NEW) == 2:
                cloud.slowest = 900.0

    told = sent_back(cloud, clock=Late(cloud))
    assert "more than 1% of 1000 answers take longer than 0.25 s (99 of 100 take 0.9 s)" in told
    assert cloud.shares()[-2:] == [{"old": "rest", "new": "50%"}, {"old": "rest"}]


def test_an_incident_at_the_last_step_sends_all_of_it_back(cloud: Cloud) -> None:
    class Late(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if at(cloud) == {NEW: 4}:
                cloud.incidents = [{"state": "OPEN", "policy": {"name": ALERT, "displayName": "Fewer orders"}}]

    assert "the alert policy Fewer orders has an open incident" in sent_back(cloud, clock=Late(cloud))


def test_without_a_load_balancer_alert_policies_alone_are_looked_at(cloud: Cloud) -> None:
    cloud.answers = {"500": 1000}
    released(cloud, balanced=False)
    assert at(cloud) == {NEW: 4}
    assert {path for _, path, _, _ in cloud.asked if path.startswith("/v3/")} == {"/v3/projects/shop-prod/alerts"}


def test_while_there_are_errors_or_an_incident_is_open_no_canary_begins(cloud: Cloud) -> None:
    cloud.answers = {"200": 90, "500": 10}
    with pytest.raises(ReleaseError) as error:
        released(cloud)
    assert error.value.message == (
        "a release of digits was not begun: 10% of 100 answers are errors already, expected at most 1%, as the load "
        "balancer counts both versions together; raise error_percent, or release with strategy rolling"
    )
    cloud.answers = {}
    cloud.incidents = [{"state": "OPEN", "policy": {"name": ALERT}}]
    with pytest.raises(ReleaseError, match=r"was not begun: the alert policy .* has an open incident"):
        released(cloud)
    assert cloud.written == []


def test_a_share_that_is_none_of_a_few_instances_is_one_of_them() -> None:
    def share(percent: int, size: int) -> Any:
        return rolling.shares(OLD, NEW, percent, size)[1]["targetSize"]

    assert share(10, 2) == share(10, 9) == share(50, 1) == {"fixed": 1}
    assert share(10, 10) == {"percent": 10}
    assert share(50, 2) == {"percent": 50}


def test_a_group_of_one_is_released_too(cloud: Cloud) -> None:
    cloud.size = 1
    cloud.machines = cloud.machines[:1]
    released(cloud)
    assert at(cloud) == {NEW: 1}


def test_a_way_back_that_fails_too_says_so_and_how_to_do_it_by_hand(cloud: Cloud) -> None:
    cloud.bad, cloud.stuck = {NEW}, {1: "The resource is not ready."}
    with pytest.raises(ReleaseError) as error:
        released(cloud, stages=json.dumps(ROLLING))
    assert not isinstance(error.value, RolledBack)
    assert error.value.message == (
        "0 of 3 instances with it answer, 4 have another version, and nothing has come of it for 15 minutes, and going "
        "back to digits-old failed too (The resource is not ready), expected it at all instances of digits; run "
        f"`gcloud compute instance-groups managed rolling-action start-update digits --version template={OLD} --region "
        "europe-west4 --project shop-prod`"
    )


def test_a_group_that_takes_no_change_goes_back(cloud: Cloud) -> None:
    cloud.stuck = {0: "Invalid value for field."}
    assert "its instances could not be asked for (Invalid value for field.)" in sent_back(cloud)


def test_no_answer_for_a_moment_is_no_matter_and_for_good_sends_it_back(cloud: Cloud) -> None:
    class Deaf(Clock):
        looks, rest = 0, 0

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if cloud.written and not self.looks:
                self.looks, cloud.ails = 1, self.rest

    cloud.ailing = {"listManagedInstances": 503}
    clock = Deaf(cloud)
    clock.rest = 10
    released(cloud, clock, stages=json.dumps(ROLLING))
    assert at(cloud) == {NEW: 4}
    Handler.cloud = other = Cloud()
    other.ailing, other.ails = {"listManagedInstances": 403}, 1
    told = sent_back(other, stages=json.dumps(ROLLING))
    assert (
        f"nobody can judge it (127.0.0.1 refused POST {PLACE}/listManagedInstances (HTTP 403: No.), expected it to be "
        "taken; look at what these Google credentials may do, roles/compute.instanceAdmin.v1 and "
        "roles/monitoring.viewer at least)" in told
    )


def test_where_there_is_no_group_yet_its_own_resource_makes_it(cloud: Cloud) -> None:
    cloud.there = False
    assert released(cloud) == []
    assert cloud.written == []


class Ends(Clock):
    """Somebody ends the release once the second step is looked at."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if at(self.cloud) == {OLD: 2, NEW: 2}:
            raise KeyboardInterrupt


def _interrupted(cloud: Cloud) -> None:
    with pytest.raises(KeyboardInterrupt):
        released(cloud, Ends(cloud))
    cloud.written = []


def test_an_interrupted_release_is_begun_anew(cloud: Cloud) -> None:
    _interrupted(cloud)
    released(cloud)
    assert cloud.shares() == [{"old": "rest", "new": 1}, {"old": "rest", "new": "50%"}, {"new": "rest"}]
    assert at(cloud) == {NEW: 4}


def test_an_interrupted_release_of_another_version_is_taken_back_first(cloud: Cloud) -> None:
    _interrupted(cloud)
    said: list[str] = []
    wanted = rolling.Wanted.of(props(OTHER), f"{LINKS}/{OLD}")
    rolling.release(wanted, say=said.append, clock=Clock(cloud))
    assert said[0] == "a release of digits-new was interrupted, and is taken back first"
    assert cloud.shares()[:2] == [{"old": "rest"}, {"old": "rest", "other": 1}]
    assert at(cloud) == {OTHER: 4}


def test_a_release_that_was_interrupted_at_its_very_end_is_waited_for(cloud: Cloud) -> None:
    cloud.versions = [{"instanceTemplate": f"{LINKS}/{NEW}"}]
    said = released(cloud)
    assert said[0] == "digits-new is at all instances already, and is waited for"
    assert (at(cloud), cloud.shares()) == ({NEW: 4}, [{"new": "rest"}])
    Handler.cloud = other = Cloud()
    other.versions, other.bad = [{"instanceTemplate": f"{LINKS}/{NEW}"}], {NEW}
    assert "0 of 3 instances with it answer" in sent_back(other)


def test_an_interrupted_release_that_nobody_wants_any_more_is_taken_back(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "Clock", lambda: Clock(cloud))
    provider = compute_service_rollout.ComputeRolloutProvider()
    assert provider.diff("", props(OLD), props(OLD)).changes is False
    _interrupted(cloud)
    found = provider.diff("", props(OLD), props(OLD))
    assert (found.changes, found.replaces) == (True, [])
    assert provider.update("", props(OLD), props(OLD)).outs == props(OLD)
    assert at(cloud) == {OLD: 4}
    assert provider.diff("", props(OLD), props(OLD)).changes is False


def test_a_release_killed_in_its_last_step_is_seen_when_nobody_wants_it_any_more(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rolling, "Clock", lambda: Clock(cloud))
    released(cloud)
    provider = compute_service_rollout.ComputeRolloutProvider()
    assert (
        rolling.left(props(OLD)) == "digits-new is at the instances though no release has ended with it, and goes back"
    )
    assert provider.diff("", props(OLD), props(OLD)).changes is True
    assert provider.update("", props(OLD), props(OLD, stages=json.dumps(ROLLING))).outs
    assert at(cloud) == {OLD: 4}
    assert provider.diff("", props(OLD), props(OLD)).changes is False


def test_instances_that_nobody_ever_tells_of_send_it_back(cloud: Cloud) -> None:
    class Gone(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            cloud.ails = 1000 if len(cloud.written) == 1 else 0

    cloud.ailing = {"listManagedInstances": 503}
    assert "nobody can judge it (127.0.0.1 did not answer POST" in sent_back(
        cloud, clock=Gone(cloud), stages=json.dumps(ROLLING)
    )


def test_a_preview_without_credentials_asks_nobody(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupted(cloud)
    assert rolling.left(props(OLD)) == "a release of digits-new was interrupted, and is to be taken back"
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    asked = len(cloud.asked)
    assert (rolling.left(props(OLD)), len(cloud.asked)) == ("", asked)


def test_a_preview_that_is_refused_says_nothing(cloud: Cloud) -> None:
    cloud.ailing, cloud.ails = {"digits": 403}, 1
    assert rolling.left(props(OLD)) == ""


def test_the_version_that_a_group_has_is_told_apart_from_one_that_is_tried() -> None:
    old, new = {"instanceTemplate": f"{LINKS}/{OLD}"}, {"instanceTemplate": f"{LINKS}/{NEW}"}
    tried = {**new, "targetSize": {"percent": 10}}
    assert rolling.serving({"versions": [tried, old]}, "") == OLD
    assert rolling.serving({"versions": [tried, old]}, f"{LINKS}/{NEW}") == NEW
    assert rolling.serving({"versions": [new]}, f"{LINKS}/{OLD}") == NEW
    assert rolling.serving({"versions": [old]}, f"https://compute.googleapis.com/compute/v1/{OLD}") == OLD
    assert rolling.serving({"instanceTemplate": f"{LINKS}/{OLD}"}, "") == OLD


def test_the_resource_makes_nothing_when_it_is_made_and_is_gone_when_the_group_is(cloud: Cloud) -> None:
    provider = compute_service_rollout.ComputeRolloutProvider()
    made = provider.create({**props(NEW), "__provider": "class"})
    assert (made.id, made.outs) == ("shop-prod/europe-west4/digits", props(NEW))
    assert cloud.asked == []
    assert provider.read(made.id, props(NEW)).id == made.id
    cloud.there = False
    assert provider.read(made.id, props(NEW)).id == ""


def test_the_resource_releases_another_template_and_nothing_else(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling, "Clock", lambda: Clock(cloud))
    provider = compute_service_rollout.ComputeRolloutProvider()
    assert provider.diff("", props(OLD), props(NEW)).changes is True
    assert provider.diff("", props(OLD), props(OLD, stages="[[100, 0]]", starts=20)).changes is False
    assert provider.diff("", props(OLD), props(OLD, group="other")).replaces == ["group"]
    assert (provider.update("", props(OLD), props(NEW)).outs or {})["template"] == f"{LINKS}/{NEW}"
    assert at(cloud) == {NEW: 4}
