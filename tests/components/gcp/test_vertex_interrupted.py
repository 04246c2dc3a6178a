"""A release on Vertex AI whose end nobody has seen: it was killed, Google was silent, or somebody was there before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.gcp import vertex_releasing as releasing
from components.gcp.vertex_deployment import VertexDeploymentProvider
from components.releases import ReleaseError, RolledBack
from tests.components.gcp.pretend_google import Clock, Handler, asked_there, served
from tests.components.gcp.pretend_vertex import MODEL, NEW, OLD, Cloud, Json, version
from tests.components.gcp.test_vertex_releasing import AGAIN, DONE, props, released, state

THREE = [version(each)["model"] for each in ("one", "two", "three")]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    monkeypatch.setattr(releasing, "Clock", Clock)
    with served() as address:
        asked_there(address, monkeypatch, tmp_path, GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT="v1/")
        Handler.cloud = found = Cloud()
        yield found


def killed_at_the_end(cloud: Cloud) -> None:
    """Ended by force once the old version is off the endpoint."""

    class Ends(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if OLD not in cloud.deployed:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        released(clock=Ends())
    assert (cloud.split, list(cloud.deployed)) == ({NEW: 100}, [NEW])


def test_a_release_killed_at_its_very_end_is_seen_when_nobody_wants_it_any_more(cloud: Cloud) -> None:
    killed_at_the_end(cloud)
    assert releasing.left(state("one")) == (
        f"{OLD} is not on the endpoint any more, {NEW} is in its place, and what is asked for is to be released"
    )
    assert VertexDeploymentProvider().diff("", state("one"), props("one")).changes is True


def test_the_next_up_then_releases_what_is_asked_for(cloud: Cloud) -> None:
    killed_at_the_end(cloud)
    provider = VertexDeploymentProvider()
    outs: Json = provider.update("", state("one"), props("one")).outs or {}
    assert (outs["deployed"], outs["model"]) == (AGAIN, f"{MODEL}@3")
    assert (cloud.split, cloud.models[2]["containerSpec"]["imageUri"]) == ({AGAIN: 100}, "one")
    assert provider.diff("", outs, props("one")).changes is False


def test_an_endpoint_that_somebody_has_emptied_is_seen_and_filled(cloud: Cloud) -> None:
    cloud.deployed, cloud.split = {}, {}
    provider = VertexDeploymentProvider()
    assert "nothing is in its place" in releasing.left(state("one"))
    outs: Json = provider.update("", state("one"), props("one")).outs or {}
    assert cloud.split == {outs["deployed"]: 100}


def test_without_an_endpoint_there_is_nothing_to_take_back(cloud: Cloud) -> None:
    cloud.there = False
    assert releasing.left(state("one")) == ""


def test_a_model_that_was_there_before_stays_where_a_version_does_not_come_up(cloud: Cloud) -> None:
    cloud.deployed, cloud.split, cloud.models = {}, {}, list(THREE)
    cloud.broken = {"deployModel": "Model server never became ready."}
    with pytest.raises(ReleaseError, match=r"nothing answers on the endpoint yet"):
        released()
    assert cloud.models[:3] == THREE
    assert not [path for method, path, _, _ in cloud.asked if method == "DELETE"]


def _ails(monkeypatch: pytest.MonkeyPatch, cloud: Cloud, code: int, times: int) -> None:
    """Operations are not told of, so many times, from the deployment on."""
    left = [times]
    usual = cloud.answer

    def answer(method: str, path: str, query: Json, body: Json) -> tuple[int, Any]:
        deploying = any(path.endswith(":deployModel") for _, path, _, _ in cloud.asked)
        if "/operations/" in path and deploying and left[0]:
            left[0] -= 1
            return code, {"error": {"message": "No."}}
        return usual(method, path, query, body)

    monkeypatch.setattr(cloud, "answer", answer)


@pytest.mark.parametrize("code", [408, 409, 429, 503])
def test_an_operation_that_nobody_tells_of_for_minutes_is_waited_for(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    _ails(monkeypatch, cloud, code, 30)
    assert released()[0] == DONE


def test_an_operation_that_nobody_ever_tells_of_ends_with_what_may_be_there(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    _ails(monkeypatch, cloud, 503, 10_000)
    clock = Clock()
    began = clock.now()
    with pytest.raises(ReleaseError) as error:
        released(clock=clock)
    assert not isinstance(error.value, RolledBack)
    assert error.value.message.startswith("nobody knows what became of the new version of digits (127.0.0.1 did not")
    assert error.value.message.endswith(
        f"{OLD} gets all requests as before; run `up` once more, as until then it may be deployed, and is paid for"
    )
    assert 9000 <= clock.now() - began < 9300
