"""A release as Vertex AI and Cloud Monitoring are asked for it: of a server that has one endpoint, and answers so."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi.output import Unknown

from components.gcp import vertex_releasing as releasing
from components.gcp.vertex_deployment import VertexDeploymentProvider
from components.releases import ReleaseError, RolledBack
from tests.components.gcp.judging_schema import described
from tests.components.gcp.pretend_google import Clock, Handler, asked_there, served
from tests.components.gcp.pretend_vertex import ATTACHMENT, ENDPOINT, MODEL, NEW, OLD, Cloud, Json, version

POLICY = "projects/shop-prod/alertPolicies/1234567890123456789"
CANARY = [[10, 300], [50, 300], [100, 600]]
PLACE = {"project": "shop-prod", "region": "europe-west4", "endpoint": "digits-1234567"}
BOUNDS = {"error_percent": 1, "latency": 0.25, "policies": [POLICY]}
SCALE: Json = {"minReplicaCount": 2, "maxReplicaCount": 4, "autoscalingMetricSpecs": []}
DONE = (NEW, f"{MODEL}@2", "")
AGAIN = "1003"
UNKNOWN: Any = cast("Any", Unknown)()
"""What a preview hands on in place of what it does not know."""


def props(image: str, **changed: Any) -> Json:
    """Inputs of a VertexDeployment."""
    told: Json = {"name": "digits", "private": "", "protected": "yes", "stages": json.dumps(CANARY)}
    told |= {"version": json.dumps(version(image)), "scale": json.dumps(SCALE), "bounds": json.dumps(BOUNDS)}
    return {**PLACE, **told, "labels": '{"team": "ml"}', **changed}


def state(image: str, **changed: Any) -> Json:
    """What is known of the version that serves at first."""
    return {**props(image), "deployed": OLD, "model": f"{MODEL}@1", "attachment": "", **changed}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as found:
        yield found


@pytest.fixture
def cloud(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    asked_there(address, monkeypatch, tmp_path, GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT="v1/")
    Handler.cloud = found = Cloud()
    return found


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> VertexDeploymentProvider:
    """The resource's, to whom time goes by as fast as it likes."""
    monkeypatch.setattr(releasing, "Clock", Clock)
    return VertexDeploymentProvider()


def released(stable: str = OLD, clock: Clock | None = None, **changed: Any) -> tuple[releasing.Made, list[str]]:
    """What gets the requests while the endpoint comes to `two`, and what is said."""
    said: list[str] = []
    wanted = releasing.Wanted.of(props("two", **changed), stable)
    return releasing.release(wanted, say=said.append, clock=clock or Clock()), said


def sent_back(cloud: Cloud, **changed: Any) -> str:
    """Why a release went back, with all requests where they were, and the new version gone."""
    with pytest.raises(RolledBack) as error:
        released(**changed)
    assert (cloud.split, list(cloud.deployed)) == ({OLD: 100}, [OLD])
    return error.value.message


def test_a_version_comes_step_by_step_and_the_old_one_goes_at_the_end(cloud: Cloud) -> None:
    made, said = released()
    assert made == DONE
    assert said == [
        f"digits-1234567@2 is deployed, {OLD} gets all requests",
        f"{NEW} gets 10 percent of the requests, for 300 s",
        f"{NEW} gets 50 percent of the requests, for 300 s",
        f"{NEW} gets 100 percent of the requests, for 600 s",
        f"{NEW} gets all requests",
        f"{OLD} is gone",
    ]
    assert cloud.splits == [{OLD: 90, NEW: 10}, {OLD: 50, NEW: 50}, {OLD: 0, NEW: 100}, {NEW: 100}]
    assert (cloud.split, list(cloud.deployed)) == ({NEW: 100}, [NEW])


def test_what_is_deployed_is_the_version_that_was_uploaded_with_its_replicas(cloud: Cloud) -> None:
    released()
    assert cloud.models[1] == {**version("two")["model"], "labels": {"team": "ml"}}
    assert cloud.deployed[NEW] == {
        "id": NEW,
        "displayName": "digits-two",
        "model": f"{MODEL}@2",
        "dedicatedResources": {"machineSpec": {"machineType": "n2-standard-2"}, **SCALE},
        "enableAccessLogging": True,
    }


def _calls(resources: Json) -> Iterator[Json]:
    for each in resources.values():
        yield from each.get("methods", {}).values()
        yield from _calls(each.get("resources", {}))


def _fits(schemas: Json, shape: Json, value: Any, where: str) -> None:
    """Words and choices of a request are those that Google describes."""
    shape = schemas[shape["$ref"]] if "$ref" in shape else shape
    if isinstance(value, dict) and "properties" in shape:
        told = cast("Json", value)
        assert set(told) <= set(shape["properties"]), where
        for key, each in told.items():
            assert not shape["properties"][key].get("readOnly"), f"{where}.{key}"
            _fits(schemas, shape["properties"][key], each, f"{where}.{key}")
    elif isinstance(value, list):
        for each in cast("Sequence[Any]", value):
            _fits(schemas, shape["items"], each, where)
    elif "enum" in shape:
        assert value in shape["enum"], where


def test_every_request_is_one_that_google_describes(cloud: Cloud, provider: VertexDeploymentProvider) -> None:
    released()
    at = {"deployed": NEW, "model": f"{MODEL}@2"}
    scale = {**SCALE, "autoscalingMetricSpecs": [{"metricName": "aiplatform.googleapis.com/a", "target": 60}]}
    more = props("two", scale=json.dumps(scale), labels='{"team": "shop"}', protected="")
    provider.update("", {**props("two"), **at}, more)
    provider.delete("", {**more, **at})
    documents = {"/v1/": "aiplatform.v1", "/v3/": "monitoring.v3"}
    known = {start: json.loads(described(name).read_text()) for start, name in documents.items()}
    calls: set[str] = set()
    for method, path, query, body in cloud.asked:
        document = known[path[:4]]
        (call,) = (
            each
            for each in _calls(document["resources"])
            if each["httpMethod"] == method
            and re.fullmatch("/" + re.sub(r"\{[^}]+\}", "[^/:]+", each["flatPath"]), path)
        )
        calls.add(call["id"])
        for key, value in query.items():
            choices = call["parameters"][key].get("enum")
            assert choices is None or value in choices, key
        if body:
            _fits(document["schemas"], call["request"], body, call["id"])
    start = "aiplatform.projects.locations"
    assert calls == {
        *(f"{start}.endpoints.{each}" for each in ("get", "patch", "deployModel", "mutateDeployedModel")),
        *(f"{start}.{each}" for each in ("endpoints.undeployModel", "models.get", "models.patch", "models.delete")),
        *(f"{start}.models.upload", f"{start}.operations.get"),
        *("monitoring.projects.timeSeries.list", "monitoring.projects.alerts.list"),
    }


def test_a_rolling_release_is_looked_at_by_nobody(cloud: Cloud) -> None:
    cloud.answers[NEW] = {"5xx": 1000}
    made, said = released(stages="[[100, 0]]")
    assert (made, cloud.splits) == (DONE, [{NEW: 100}])
    assert said[-2:] == [f"{NEW} gets all requests", f"{OLD} is gone"]
    assert not [path for _, path, _, _ in cloud.asked if path.startswith("/v3/")]


def test_errors_send_it_back_at_once_and_take_it_away(cloud: Cloud) -> None:
    cloud.answers[NEW] = {"2xx": 970, "4xx": 10, "5xx": 20}
    clock = Clock()
    began = clock.now()
    told = sent_back(cloud, clock=clock)
    assert told == (
        f"version {NEW} of digits was rolled back: 2% of 1000 answers are errors, more than 1%, expected it to keep "
        f"its bounds; {OLD} gets all requests again, see the log of the endpoint digits-1234567 for what it said"
    )
    assert cloud.splits == [{OLD: 90, NEW: 10}, {OLD: 100}]
    # The first look, and not the end of the step.
    assert clock.now() - began < 90


def test_codes_of_a_private_endpoint_are_counted_too(cloud: Cloud) -> None:
    class Private(Cloud):
        def series(self, query: Json) -> Json:
            if "/online/private/response_count" not in query["filter"]:
                return {}
            return {
                "timeSeries": [
                    {"metric": {"labels": {"response_code": code}}, "points": [{"value": {"int64Value": count}}]}
                    for code, count in (("200", "90"), ("503", "10"))
                ]
            }

    Handler.cloud = private = Private()
    private.private = True
    assert "10% of 100 answers are errors" in sent_back(private, private="yes")


def test_the_attachment_of_a_private_endpoint_is_told(cloud: Cloud) -> None:
    cloud.private = True
    assert released(private="yes")[0] == (NEW, f"{MODEL}@2", ATTACHMENT)


def test_an_attachment_that_is_not_told_is_the_one_that_it_was_and_the_first_has_to_be_told(cloud: Cloud) -> None:
    wanted = releasing.Wanted.of(props("two", private="yes", stages="[[100, 0]]"), OLD, ATTACHMENT)
    assert releasing.release(wanted, say=lambda _: None, clock=Clock())[2] == ATTACHMENT
    Handler.cloud = Cloud(empty=True)
    with pytest.raises(ReleaseError, match=r"Vertex AI does not tell by what digits is reached, .* run `up` once more"):
        released("", private="yes")


def test_slow_answers_send_it_back(cloud: Cloud) -> None:
    cloud.slowest[NEW] = 900.0
    assert "more than 1% of 1000 answers take longer than 0.25 s (99 of 100 take 0.9 s)" in sent_back(cloud)


def test_an_open_incident_sends_it_back(cloud: Cloud) -> None:
    class Late(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(cloud.splits) == 2:
                cloud.incidents = [{"state": "OPEN", "policy": {"name": POLICY, "displayName": "Fewer orders"}}]

    assert "the alert policy Fewer orders has an open incident" in sent_back(cloud, clock=Late())
    assert cloud.splits == [{OLD: 90, NEW: 10}, {OLD: 50, NEW: 50}, {OLD: 100}]


def test_while_an_incident_is_open_no_release_begins(cloud: Cloud) -> None:
    cloud.incidents = [{"state": "OPEN", "policy": {"name": POLICY}}]
    with pytest.raises(ReleaseError, match=r"a release of digits was not begun: the alert policy .* open incident"):
        released()
    assert (cloud.splits, len(cloud.models)) == ([], 1)


def test_without_the_right_to_read_metrics_no_release_begins(cloud: Cloud) -> None:
    cloud.ailing, cloud.ails = {"timeSeries": 403}, 1
    with pytest.raises(ReleaseError, match=r"roles/aiplatform.admin and roles/monitoring.viewer at least"):
        released()
    assert (cloud.splits, len(cloud.models)) == ([], 1)


@pytest.mark.parametrize("call", ["upload", "deployModel"])
def test_a_version_that_does_not_come_up_gets_no_request(cloud: Cloud, call: str) -> None:
    cloud.broken = {call: "Model server never became ready."}
    assert sent_back(cloud) == (
        "the new version of digits did not come up: Model server never became ready, expected it to answer; "
        f"{OLD} gets all requests as before, see the log of the endpoint digits-1234567 for what it said"
    )
    assert cloud.splits == []


def test_the_same_version_once_more_after_it_failed_is_tried_anew(cloud: Cloud) -> None:
    cloud.broken = {"deployModel": "No capacity."}
    sent_back(cloud)
    cloud.broken = {}
    assert released()[0][:2] == (NEW, f"{MODEL}@3")


def test_requests_that_cannot_be_moved_go_back(cloud: Cloud) -> None:
    cloud.stuck = {1: "The endpoint is busy."}
    assert "its share of the requests could not be moved (127.0.0.1 refused PATCH" in sent_back(cloud)


def test_a_way_back_that_fails_too_says_so_and_how_to_do_it_by_hand(cloud: Cloud) -> None:
    cloud.answers[NEW] = {"5xx": 1000}
    cloud.stuck = {1: "The endpoint is busy."}
    with pytest.raises(ReleaseError) as error:
        released()
    assert not isinstance(error.value, RolledBack)
    assert error.value.message.startswith(
        f"100% of 1000 answers are errors, more than 1%, and going back to {OLD} failed too (127.0.0.1 refused"
    )
    assert error.value.message.endswith(
        "expected it to get all requests of digits; run `gcloud ai endpoints update digits-1234567 --traffic-split "
        f"{OLD}=100 --region europe-west4 --project shop-prod`"
    )


def test_an_old_version_that_does_not_go_is_said_and_no_reason_to_go_back(cloud: Cloud) -> None:
    cloud.broken = {"undeployModel": "The endpoint is busy."}
    made, said = released()
    assert (made, cloud.split) == (DONE, {NEW: 100})
    assert said[-1] == f"{OLD} was not taken off the endpoint (The endpoint is busy.), the next up tries again"


def test_what_monitoring_does_not_answer_for_a_moment_is_no_matter_and_for_good_sends_it_back(cloud: Cloud) -> None:
    class Deaf(Clock):
        looks = 1

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(cloud.splits) == 1 and self.looks:
                self.looks, cloud.ails = 0, 5

    cloud.ailing = {"timeSeries": 503}
    assert released(clock=Deaf())[0] == DONE
    Handler.cloud = forever = Cloud()
    forever.ailing = {"timeSeries": 503}

    class Gone(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            forever.ails = 1000 if len(forever.splits) == 1 else 0

    assert "nobody can judge it (127.0.0.1 did not answer GET" in sent_back(forever, clock=Gone())


def test_the_first_version_gets_all_requests_as_it_is_deployed(cloud: Cloud) -> None:
    Handler.cloud = empty = Cloud(empty=True)
    assert released("")[0] == (OLD, f"{MODEL}@1", "")
    assert (empty.split, empty.splits, list(empty.deployed)) == ({OLD: 100}, [], [OLD])


def test_a_first_version_that_does_not_come_up_leaves_no_model_that_nobody_knows_of(cloud: Cloud) -> None:
    Handler.cloud = empty = Cloud(empty=True)
    empty.broken = {"deployModel": "Model server never became ready."}
    with pytest.raises(ReleaseError, match=r"nothing answers on the endpoint yet") as error:
        released("")
    assert (isinstance(error.value, RolledBack), empty.models) == (False, [])


def test_without_its_endpoint_nothing_is_released(cloud: Cloud) -> None:
    cloud.there = False
    with pytest.raises(ReleaseError, match=rf"there is no endpoint {ENDPOINT}, .* run `pulumi refresh`"):
        released()


def test_somebody_elses_model_on_the_endpoint_keeps_its_requests(cloud: Cloud) -> None:
    cloud.deployed["7"] = {"id": "7", "model": MODEL.replace("digits", "others")}
    cloud.split = {OLD: 60, "7": 40}
    with pytest.raises(ReleaseError, match=r"a release of digits was not begun: 7 on its endpoint gets requests"):
        released()
    cloud.split = {OLD: 100}
    assert released()[0][0] == NEW
    assert set(cloud.deployed) == {NEW, "7"}


def _interrupted(cloud: Cloud, at: int) -> None:
    """A release that is ended once that many divisions were asked for."""

    class Ends(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(cloud.splits) == at:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        released(clock=Ends())


@pytest.mark.parametrize("at", [1, 2, 3])
def test_an_interrupted_release_is_begun_anew(cloud: Cloud, at: int) -> None:
    _interrupted(cloud, at)
    assert set(cloud.deployed) == {OLD, NEW}
    cloud.splits = []
    assert released()[0][:2] == (AGAIN, f"{MODEL}@3")
    assert cloud.splits[:2] == [{OLD: 100}, {OLD: 90, AGAIN: 10}]
    assert list(cloud.deployed) == [AGAIN]


def test_one_that_was_interrupted_as_the_old_version_went_begins_from_the_new_one(cloud: Cloud) -> None:
    _interrupted(cloud, 4)
    assert cloud.split == {NEW: 100}
    cloud.deployed.pop(OLD, None)
    assert released()[0][0] == AGAIN
    assert list(cloud.deployed) == [AGAIN]


def test_an_interrupted_release_that_nobody_wants_any_more_is_taken_back(
    cloud: Cloud, provider: VertexDeploymentProvider
) -> None:
    old = state("one")
    assert provider.diff("", old, props("one")).changes is False
    _interrupted(cloud, 3)
    found = provider.diff("", old, props("one"))
    assert (found.changes, found.replaces) == (True, [])
    assert provider.update("", old, props("one")).outs == old
    assert (cloud.split, list(cloud.deployed)) == ({OLD: 100}, [OLD])
    assert provider.diff("", old, props("one")).changes is False


def test_an_up_that_was_interrupted_before_anything_was_known_goes_on_from_what_answers(
    cloud: Cloud, provider: VertexDeploymentProvider
) -> None:
    made = provider.create({**props("two", stages="[[100, 0]]"), "deployed": None, "__provider": "class"})
    assert made.outs == {**props("two", stages="[[100, 0]]"), "deployed": NEW, "model": f"{MODEL}@2", "attachment": ""}
    assert (made.id, list(cloud.deployed)) == ("shop-prod/europe-west4/digits-1234567", [NEW])


def test_a_preview_without_credentials_asks_nobody(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    _interrupted(cloud, 1)
    assert releasing.left(state("one")) == f"a release of {NEW} was interrupted, and is to be taken back"
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    asked = len(cloud.asked)
    assert (releasing.left(state("one")), len(cloud.asked)) == ("", asked)


def test_a_preview_that_is_refused_says_nothing(cloud: Cloud) -> None:
    cloud.ailing, cloud.ails = {"digits-1234567": 403}, 1
    assert releasing.left(state("one")) == ""


def test_replicas_and_labels_are_changed_in_place(cloud: Cloud, provider: VertexDeploymentProvider) -> None:
    more = {**SCALE, "maxReplicaCount": 8}
    news = props("one", scale=json.dumps(more), labels='{"team": "shop"}')
    assert provider.diff("", state("one"), news).changes is True
    outs: Mapping[str, Any] = provider.update("", state("one"), news).outs or {}
    assert (outs["deployed"], outs["model"]) == (OLD, f"{MODEL}@1")
    assert cloud.deployed[OLD]["dedicatedResources"]["maxReplicaCount"] == 8
    assert (cloud.labels, len(cloud.models), cloud.splits) == ({"team": "shop"}, 1, [])
    call = next(body for _, path, _, body in cloud.asked if path.endswith(":mutateDeployedModel"))
    assert call["updateMask"] == (
        "dedicatedResources.minReplicaCount,dedicatedResources.maxReplicaCount,"
        "dedicatedResources.autoscalingMetricSpecs"
    )


def test_replicas_that_there_is_no_quota_for_are_said_and_change_nothing(
    cloud: Cloud, provider: VertexDeploymentProvider
) -> None:
    cloud.broken = {"mutateDeployedModel": "Quota exceeded."}
    with pytest.raises(ReleaseError, match=r"the replicas of digits were not changed: Quota exceeded., .* as before"):
        provider.update("", state("one"), props("one", scale=json.dumps({**SCALE, "maxReplicaCount": 8})))


def test_the_resource_releases_another_version_and_how_is_no_difference(
    cloud: Cloud, provider: VertexDeploymentProvider
) -> None:
    assert provider.diff("", state("one"), props("two")).changes is True
    assert provider.diff("", state("one"), props("one", stages="[[100, 0]]")).changes is False
    outs: Mapping[str, Any] = provider.update("", state("one"), props("two", stages="[[100, 0]]")).outs or {}
    assert outs["deployed"] == NEW


def test_another_endpoint_is_another_resource_unless_this_one_may_not_go(
    cloud: Cloud, provider: VertexDeploymentProvider
) -> None:
    other = props("one", endpoint="digits-7654321")
    assert provider.diff("", state("one", protected=""), other).replaces == ["endpoint"]
    with pytest.raises(ReleaseError, match=r"the endpoint of digits may not be deleted, nor replaced"):
        provider.diff("", state("one"), other)
    # As a preview may see it, which is no reason to refuse anything.
    found = provider.diff("", state("one"), props("one", endpoint=UNKNOWN))
    assert (found.changes, found.replaces) == (True, [])


def test_the_resource_is_gone_when_its_version_is(cloud: Cloud, provider: VertexDeploymentProvider) -> None:
    name = "shop-prod/europe-west4/digits-1234567"
    assert provider.read(name, state("one")).id == name
    assert provider.read(name, state("one", deployed="7")).id == ""
    cloud.there = False
    assert provider.read(name, state("one")).id == ""


def test_what_may_not_be_deleted_is_not(cloud: Cloud, provider: VertexDeploymentProvider) -> None:
    with pytest.raises(ReleaseError, match=r"the endpoint of digits may not be deleted"):
        provider.delete("", state("one"))
    assert cloud.asked == []


def test_all_versions_go_with_their_model(cloud: Cloud, provider: VertexDeploymentProvider) -> None:
    _interrupted(cloud, 1)
    provider.delete("", state("one", protected=""))
    assert (cloud.deployed, cloud.models) == ({}, [])
    # And once more, as after a deletion that was interrupted.
    provider.delete("", state("one", protected=""))


def test_a_deletion_that_fails_says_so(cloud: Cloud, provider: VertexDeploymentProvider) -> None:
    cloud.broken = {"undeployModel": "The endpoint is busy."}
    with pytest.raises(ReleaseError, match=rf"digits: {OLD} was not taken off the endpoint \(The endpoint is busy.\)"):
        provider.delete("", state("one", protected=""))
    cloud.broken = {"delete": "It is used."}
    with pytest.raises(ReleaseError, match=r"digits: its model was not deleted \(It is used.\)"):
        provider.delete("", state("one", protected=""))


def test_an_operation_without_an_end_is_told(cloud: Cloud) -> None:
    class Endless(Cloud):
        def answer(self, method: str, path: str, query: Json, body: Json) -> tuple[int, Json]:
            return (200, {"name": path}) if "/operations/" in path else super().answer(method, path, query, body)

    Handler.cloud = Endless()
    with pytest.raises(ReleaseError, match=r"Vertex AI has not finished .* within 150 minutes"):
        released()
