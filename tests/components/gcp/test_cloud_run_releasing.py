"""A release as Cloud Run and Cloud Monitoring are asked for it: of a server that has one service, and answers so."""

import http.server
import json
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import pytest

from components.gcp import cloud_run_releasing as releasing
from components.gcp import cloud_run_traffic, rest
from components.releases import ReleaseError, RolledBack
from tests.components.gcp.judging_schema import described
from tests.components.gcp.pretend_cloud_run import FIXED, LATEST, NEW, OLD, PLACE, Cloud, Json, template
from tests.components.gcp.pretend_google import Clock, Handler, asked_there, served

POLICY = "projects/shop-prod/alertPolicies/1234567890123456789"
CANARY = [[10, 300], [50, 300], [100, 600]]


def props(image: str, **changed: Any) -> Json:
    """Inputs of a CloudRunTraffic."""
    bounds = {"error_percent": 1, "latency": 0.25, "policies": [POLICY]}
    told = {"template": json.dumps(template(image)), "stages": json.dumps(CANARY), "bounds": json.dumps(bounds)}
    return {"project": "shop-prod", "region": "europe-west4", "service": "digits", **told, **changed}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as found:
        yield found


@pytest.fixture
def cloud(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    asked_there(address, monkeypatch, tmp_path, GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT="v2/")
    Handler.cloud = found = Cloud()
    return found


def released(stable: str = "", clock: Clock | None = None, **changed: Any) -> tuple[str, list[str]]:
    """What gets the requests while the service comes to `two`, and what is said."""
    said: list[str] = []
    wanted = releasing.Wanted.of(props("two", **changed), stable)
    return releasing.release(wanted, say=said.append, clock=clock or Clock()), said


def sent_back(cloud: Cloud, **changed: Any) -> str:
    """Why a release went back, with all requests where they were."""
    with pytest.raises(RolledBack) as error:
        released(**changed)
    assert cloud.traffic == [{"type": FIXED, "revision": OLD, "percent": 100}]
    return error.value.message


def test_a_version_comes_step_by_step_and_the_first_step_begins_once_it_answers(cloud: Cloud) -> None:
    name, said = released()
    assert name == NEW
    assert said == [
        f"a new version is made, {OLD} gets all requests",
        f"{NEW} gets 10 percent of the requests, for 300 s",
        f"{NEW} gets 50 percent of the requests, for 300 s",
        f"{NEW} gets 100 percent of the requests, for 600 s",
        f"{NEW} gets all requests",
    ]
    assert cloud.shares() == [{OLD: 100}, {OLD: 90, NEW: 10}, {OLD: 50, NEW: 50}, {OLD: 0, NEW: 100}, {NEW: 100}]
    # As the service's own resource says it afterwards.
    assert cloud.traffic == [{"type": FIXED, "revision": NEW, "percent": 100}]


def _calls(resources: Json) -> Iterator[Json]:
    for each in resources.values():
        yield from each.get("methods", {}).values()
        yield from _calls(each.get("resources", {}))


def test_every_request_is_one_that_google_describes(cloud: Cloud) -> None:
    released()
    documents = {"/v2/": "run.v2", "/v3/": "monitoring.v3"}
    known = {start: json.loads(described(name).read_text()) for start, name in documents.items()}
    calls: set[str] = set()
    for method, path, query, body in cloud.asked:
        document = known[path[:4]]
        (call,) = (
            each
            for each in _calls(document["resources"])
            if each["httpMethod"] == method
            and re.fullmatch("/" + re.sub(r"\{[^}]+\}", "[^/]+", each["flatPath"]), path)
        )
        calls.add(call["id"])
        for key, value in query.items():
            choices = call["parameters"][key].get("enum")
            assert choices is None or value in choices, key
        if body:
            fields = document["schemas"][call["request"]["$ref"]]["properties"]
            assert set(body) <= set(fields)
            target = document["schemas"][fields["traffic"]["items"]["$ref"]]["properties"]
            for each in body["traffic"]:
                assert set(each) <= set(target)
                assert each["type"] in target["type"]["enum"]
    assert calls == {
        "run.projects.locations.services.get",
        "run.projects.locations.services.patch",
        "run.projects.locations.services.revisions.get",
        "run.projects.locations.operations.get",
        "monitoring.projects.timeSeries.list",
        "monitoring.projects.alerts.list",
    }


def test_while_it_is_tried_each_version_has_a_tag(cloud: Cloud) -> None:
    released()
    assert cloud.moved[1] == [
        {"type": FIXED, "revision": OLD, "percent": 90, "tag": "stable"},
        {"type": FIXED, "revision": NEW, "percent": 10, "tag": "candidate"},
    ]


def test_the_version_is_the_template_that_was_given_and_nobody_has_requests_moved_by_making_it(cloud: Cloud) -> None:
    released()
    (method, path, query, body) = next(each for each in cloud.asked if each[0] == "PATCH")
    assert (method, path) == ("PATCH", f"/v2/{PLACE}")
    assert query == {"updateMask": "template,traffic", "forceNewRevision": "true"}
    assert body["template"] == template("two")
    assert body["traffic"] == [{"type": FIXED, "revision": OLD, "percent": 100}]


def test_a_rolling_release_is_looked_at_by_nobody(cloud: Cloud) -> None:
    cloud.answers[NEW] = {"5xx": 1000}
    name, said = released(stages="[[100, 0]]")
    assert (name, cloud.shares()) == (NEW, [{OLD: 100}, {NEW: 100}])
    assert said[-1] == f"{NEW} gets all requests"
    assert not [path for _, path, _, _ in cloud.asked if path.startswith("/v3/")]


def test_errors_send_it_back_at_once(cloud: Cloud) -> None:
    cloud.answers[NEW] = {"2xx": 970, "4xx": 10, "5xx": 20}
    clock = Clock()
    began = clock.now()
    told = sent_back(cloud, clock=clock)
    assert told == (
        f"version {NEW} of digits was rolled back: 2% of 1000 answers are errors, more than 1%, expected it to keep "
        f"its bounds; {OLD} gets all requests again, see the log of {NEW} for what it said"
    )
    assert cloud.shares() == [{OLD: 100}, {OLD: 90, NEW: 10}, {OLD: 100}]
    # The first look, and not the end of the step.
    assert clock.now() - began < 60


def test_slow_answers_send_it_back(cloud: Cloud) -> None:
    cloud.slowest[NEW] = 900.0
    assert "more than 1% of 1000 answers take longer than 0.25 s (99 of 100 take 0.9 s)" in sent_back(cloud)


def test_latency_is_not_asked_for_where_nothing_bounds_it(cloud: Cloud) -> None:
    cloud.slowest[NEW] = 900.0
    bounds = json.dumps({"error_percent": 1, "latency": None, "policies": []})
    assert released(bounds=bounds)[0] == NEW
    assert not [query for _, _, query, _ in cloud.asked if "request_latencies" in str(query)]


def test_a_few_errors_among_few_answers_say_nothing(cloud: Cloud) -> None:
    cloud.answers[NEW] = {"2xx": 10, "5xx": 9}
    assert released()[0] == NEW


def test_an_open_incident_sends_it_back(cloud: Cloud) -> None:
    class Late(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(cloud.moved) == 3:
                cloud.incidents = [{"state": "OPEN", "policy": {"name": POLICY, "displayName": "Fewer orders"}}]

    assert "the alert policy Fewer orders has an open incident" in sent_back(cloud, clock=Late())
    assert cloud.shares() == [{OLD: 100}, {OLD: 90, NEW: 10}, {OLD: 50, NEW: 50}, {OLD: 100}]


def test_incidents_of_others_and_closed_ones_are_no_matter(cloud: Cloud) -> None:
    other = POLICY.replace("123", "321")
    cloud.incidents = [{"state": "OPEN", "policy": {"name": other}}, {"state": "CLOSED", "policy": {"name": POLICY}}]
    assert released()[0] == NEW


def test_while_an_incident_is_open_no_release_begins(cloud: Cloud) -> None:
    cloud.incidents = [{"state": "OPEN", "policy": {"name": POLICY}}]
    with pytest.raises(ReleaseError) as error:
        released()
    assert error.value.message == (
        f"a release of digits was not begun: the alert policy {POLICY} has an open incident, expected none; mend what "
        "it tells of first, or leave the policy out"
    )
    assert (cloud.moved, cloud.newest) == ([], OLD)


def test_without_the_right_to_read_metrics_no_release_begins(cloud: Cloud) -> None:
    cloud.ailing, cloud.ails = {"timeSeries": 403}, 1
    with pytest.raises(ReleaseError) as error:
        released()
    assert error.value.message == (
        "127.0.0.1 refused GET v3/projects/shop-prod/timeSeries (HTTP 403: No.), expected it to be taken; look at what "
        "these Google credentials may do, roles/run.developer and roles/monitoring.viewer at least"
    )
    assert (cloud.moved, cloud.newest) == ([], OLD)


def test_a_version_that_does_not_come_up_gets_no_request(cloud: Cloud) -> None:
    cloud.broken = "The container failed to start and listen on port 8080."
    assert sent_back(cloud) == (
        f"the new version {NEW} of digits did not come up: The container failed to start and listen on port 8080, "
        f"expected it to answer; {OLD} gets all requests as before, see the log of {NEW} for what it said"
    )
    assert cloud.shares() == [{OLD: 100}, {OLD: 100}]


def test_the_same_version_once_more_after_it_failed_is_tried_anew(cloud: Cloud) -> None:
    cloud.broken = "No capacity."
    sent_back(cloud)
    cloud.broken = ""
    again = "digits-00003-abc"
    assert released()[0] == again
    assert cloud.traffic == [{"type": FIXED, "revision": again, "percent": 100}]


def test_requests_that_cannot_be_moved_go_back(cloud: Cloud) -> None:
    cloud.stuck = {2: "The route is not ready."}
    assert "its share of the requests could not be moved (The route is not ready.)" in sent_back(cloud)


def test_a_way_back_that_fails_too_says_so_and_how_to_do_it_by_hand(cloud: Cloud) -> None:
    cloud.answers[NEW] = {"5xx": 1000}
    cloud.stuck = {2: "The route is not ready."}
    with pytest.raises(ReleaseError) as error:
        released()
    assert not isinstance(error.value, RolledBack)
    assert error.value.message == (
        f"100% of 1000 answers are errors, more than 1%, and going back to {OLD} failed too (The route is not ready.), "
        f"expected it to get all requests of digits; run `gcloud run services update-traffic digits --to-revisions "
        f"{OLD}=100 --region europe-west4 --project shop-prod`"
    )


def test_a_service_that_is_not_ready_as_a_whole_may_have_gone_back_all_the_same(cloud: Cloud) -> None:
    cloud.broken = "The container failed to start."

    class Unready(Cloud):
        def patched(self, query: Json, body: Json) -> Json:
            told = super().patched(query, body)
            self.operations[told["name"]] = [{"done": True, "error": {"code": 9, "message": "It is not ready."}}]
            return told

    Handler.cloud = unready = Unready()
    unready.broken = cloud.broken
    assert "did not come up: It is not ready, expected it to answer" in sent_back(unready)


def test_what_monitoring_does_not_answer_for_a_moment_is_no_matter_and_for_good_sends_it_back(cloud: Cloud) -> None:
    class Deaf(Clock):
        looks = 1

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(cloud.moved) == 2 and self.looks:
                self.looks -= 1
                cloud.ails = 5 if self.looks else 10

    cloud.ailing = {"timeSeries": 503}
    deaf = Deaf()
    deaf.looks = 1
    assert released(clock=deaf)[0] == NEW
    Handler.cloud = forever = Cloud()
    forever.ailing = {"timeSeries": 503}

    class Gone(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            forever.ails = 1000 if len(forever.moved) == 2 else 0

    told = sent_back(forever, clock=Gone())
    assert "nobody can judge it (127.0.0.1 did not answer GET v3/projects/shop-prod/timeSeries (HTTP 503)" in told


def test_the_first_version_of_all_is_its_services_own(cloud: Cloud) -> None:
    cloud.there = False
    assert released() == ("", [])
    cloud.there, cloud.ready = True, ""
    assert released() == ("", [])
    assert cloud.moved == []


def test_the_version_that_a_service_has_is_told_apart_from_one_that_is_tried(cloud: Cloud) -> None:
    def of(known: str, *targets: Json) -> str:
        return releasing.serving({**cloud.service(), "traffic": list(targets)}, known)

    one, two = ({"type": FIXED, "revision": each, "percent": 50} for each in (OLD, NEW))
    assert of("", {"type": LATEST, "percent": 100}) == OLD
    assert of("") == OLD
    assert of(NEW, one, two) == NEW
    assert of("gone", {**one, "percent": 60}, {**two, "percent": 40}) == OLD
    assert of(NEW, {**one, "tag": "stable", "percent": 0}, {**two, "tag": "candidate", "percent": 100}) == OLD
    assert of("", {**one, "revision": f"{PLACE}/revisions/{NEW}"}) == NEW


def test_an_interrupted_release_is_begun_anew(cloud: Cloud) -> None:
    with pytest.raises(KeyboardInterrupt):
        _interrupted(cloud)
    assert cloud.shares()[-1] == {OLD: 0, NEW: 100}
    again = "digits-00003-abc"
    cloud.moved = []
    assert released()[0] == again
    assert cloud.shares()[:2] == [{OLD: 100}, {OLD: 90, again: 10}]


def test_an_interrupted_release_that_nobody_wants_any_more_is_taken_back(cloud: Cloud) -> None:
    provider = cloud_run_traffic.CloudRunTrafficProvider()
    old = {**props("one"), "revision": OLD}
    assert provider.diff("", old, props("one")).changes is False
    with pytest.raises(KeyboardInterrupt):
        _interrupted(cloud)
    found = provider.diff("", old, props("one"))
    assert (found.changes, found.replaces) == (True, [])
    assert provider.update("", old, props("one")).outs == {**props("one"), "revision": OLD}
    assert cloud.traffic == [{"type": FIXED, "revision": OLD, "percent": 100}]
    assert provider.diff("", old, props("one")).changes is False


@pytest.mark.parametrize("known", [OLD, ""])
def test_a_release_killed_at_its_very_end_is_seen_and_what_is_asked_for_comes_in_its_place(
    cloud: Cloud, known: str
) -> None:
    provider = cloud_run_traffic.CloudRunTrafficProvider()
    released(stable=known, stages="[[100, 0]]")
    old = {**props("one", stages="[[100, 0]]"), "revision": known}
    assert releasing.left(old) == (
        f"{NEW} gets the requests though no release has ended with it, and what is asked for comes in its place"
    )
    assert provider.diff("", old, props("one")).changes is True
    outs = provider.update("", old, props("one", stages="[[100, 0]]")).outs or {}
    assert (outs["revision"], cloud.template) == ("digits-00003-abc", template("one"))
    assert cloud.traffic == [{"type": FIXED, "revision": "digits-00003-abc", "percent": 100}]
    assert provider.diff("", {**outs}, props("one")).changes is False


def test_a_first_version_that_a_failed_release_went_back_to_is_as_it_should_be(cloud: Cloud) -> None:
    cloud.broken = "No capacity."
    sent_back(cloud)
    assert releasing.left({**props("one"), "revision": ""}) == ""


@pytest.mark.parametrize("code", [409, 503])
def test_an_operation_that_nobody_tells_of_for_minutes_is_waited_for(cloud: Cloud, code: int) -> None:
    cloud.ailing, cloud.ails = {"operations/0": code}, 30
    assert released()[0] == NEW


def _interrupted(cloud: Cloud) -> None:
    """A release that is ended while the new version has all requests and is looked at."""

    class Ends(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(cloud.moved) == 4:
                raise KeyboardInterrupt

    released(stable=OLD, clock=Ends())


def test_a_preview_without_credentials_asks_nobody(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.traffic = [{"type": FIXED, "revision": NEW, "percent": 10, "tag": "candidate"}]
    assert releasing.left(props("one")) == f"a release of {NEW} was interrupted, and is to be taken back"
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    asked = len(cloud.asked)
    assert (releasing.left(props("one")), len(cloud.asked)) == ("", asked)


def test_a_preview_that_is_refused_says_nothing(cloud: Cloud) -> None:
    cloud.ailing, cloud.ails = {"digits": 403}, 1
    assert releasing.left(props("one")) == ""


def test_the_resource_makes_nothing_and_moves_nothing_when_it_is_made(cloud: Cloud) -> None:
    provider = cloud_run_traffic.CloudRunTrafficProvider()
    made = provider.create({**props("one"), "revision": None, "__provider": "class"})
    assert (made.id, made.outs) == ("shop-prod/europe-west4/digits", {**props("one"), "revision": ""})
    assert cloud.asked == []


def test_the_resource_releases_another_template_and_nothing_else(cloud: Cloud) -> None:
    provider = cloud_run_traffic.CloudRunTrafficProvider()
    old = {**props("one"), "revision": ""}
    assert provider.diff("", old, props("two")).changes is True
    assert provider.diff("", old, props("one", stages="[[100, 0]]")).changes is False
    assert provider.diff("", old, props("one", service="other")).replaces == ["service"]
    outs: Mapping[str, Any] = provider.update("", old, props("two", stages="[[100, 0]]")).outs or {}
    assert outs["revision"] == NEW


def test_the_resource_is_gone_when_the_service_is(cloud: Cloud) -> None:
    provider = cloud_run_traffic.CloudRunTrafficProvider()
    told = {**props("one"), "revision": OLD}
    assert provider.read("shop-prod/europe-west4/digits", told).id == "shop-prod/europe-west4/digits"
    cloud.there = False
    assert provider.read("shop-prod/europe-west4/digits", told).id == ""


def test_what_fails_for_a_moment_is_asked_again(cloud: Cloud) -> None:
    cloud.ailing, cloud.ails = {"digits": 503}, 4
    assert released()[0] == NEW


def test_what_never_answers_is_told_in_one_line(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT", "http://127.0.0.1:9/v2/")
    with pytest.raises(ReleaseError, match=rf"127.0.0.1 did not answer GET {PLACE} \(ConnectError: .*look at the way"):
        released()


def test_without_credentials_it_is_said_how_to_have_some(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
    monkeypatch.setenv("HOME", "/nowhere")
    with pytest.raises(ReleaseError, match=r"there are no Google credentials .* run `gcloud auth application-default"):
        released()
    assert cloud.asked == []


def test_credentials_of_the_environment_are_asked_for_a_token_by_googles_own_library(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    class Tokens(http.server.BaseHTTPRequestHandler):
        asked: ClassVar[list[dict[str, str]]] = []

        def do_POST(self) -> None:
            self.asked.append(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"access_token": "testing", "expires_in": 3600, "token_type": "Bearer"}')

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        account = {
            "type": "external_account_authorized_user",
            "audience": "//iam.googleapis.com/locations/global/workforcePools/shop/providers/shop",
            "refresh_token": "refresh",
            "client_id": "shop",
            "client_secret": "only for tests",
            "token_url": f"http://127.0.0.1:{server.server_port}/token",
        }
        (tmp_path / "application_default_credentials.json").write_text(json.dumps(account))
        monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN")
        try:
            assert rest.at_hand()
            assert released()[0] == NEW
        finally:
            server.shutdown()
            thread.join()
    assert [each["grant_type"] for each in Tokens.asked] == ["refresh_token"]
