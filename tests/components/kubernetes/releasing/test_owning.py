"""Whose a release is: another stack's service, record and candidate are left as they are."""

from dataclasses import replace
from typing import Any

import pytest

from components.kubernetes import release as resource
from components.kubernetes.release import ReleaseProvider
from components.kubernetes.releasing.errors import BadRelease
from components.kubernetes.releasing.plan import Plan
from components.kubernetes.releasing.record import Phase, Record
from tests.components.kubernetes.releasing.apiserver import CANDIDATE, DEPLOYMENT, NEW, OLD, OTHER, RECORD, Api, release

PROMOTED = Record(OLD, NEW, "key", Phase.PROMOTED, template={"metadata": {}}, owner="shop/dev/1")


def props(candidate: str, stack: str) -> dict[str, Any]:
    given = {"service": "digits", "namespace": "shop", "candidate": candidate, "template": "{}", "stack": stack}
    return {**given, "strategy": Plan().canonical(), "analysis": "{}", "routes": [], "owner": None}


def begun(candidate: str, stack: str) -> dict[str, Any]:
    """The state after a Release was made."""
    outs = ReleaseProvider().create(props(candidate, stack)).outs
    assert outs is not None
    return outs


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """What the provider's own cluster is."""
    made = Api()

    class Connected:
        def __enter__(self) -> Api:
            return made

        def __exit__(self, *_: object) -> None:
            pass

    def connected(_: object) -> Connected:
        return Connected()

    monkeypatch.setattr(resource, "_cluster", connected)
    return made


@pytest.mark.parametrize("stack", ["mall/dev", "shop/dev"], ids=["another stack", "the same name in another backend"])
def test_a_service_that_another_state_releases_is_refused(api: Api, stack: str) -> None:
    api.serve(OLD)
    api.write(PROMOTED)
    with pytest.raises(BadRelease) as raised:
        ReleaseProvider().create(props(OTHER, stack))
    assert "the Deployment digits in namespace shop is there already and is released by the stack shop/dev" in str(
        raised.value
    )
    assert "choose another modelport:service.name" in str(raised.value)
    assert api.changed == []


@pytest.mark.parametrize("record", [None, Record(OLD, OLD, "key", Phase.PROMOTED)], ids=["no record", "no owner"])
def test_a_service_that_nobody_knows_is_refused(api: Api, record: Record | None) -> None:
    api.serve(OLD)
    if record:
        api.write(record)
    with pytest.raises(BadRelease, match="was not made by this state, expected none before the first release"):
        ReleaseProvider().create(props(OTHER, "mall/dev"))
    assert api.changed == []


def test_whoever_says_that_it_is_its_own_takes_it_over(api: Api) -> None:
    api.serve(OLD)
    api.write(replace(PROMOTED, owner="shop/dev/1", candidate=OLD))
    api.objects[DEPLOYMENT]["metadata"]["annotations"] = {"modelport.io/owner": "shop/dev"}
    made = begun(OLD, "shop/dev")
    assert made["owner"].startswith("shop/dev/")
    assert api.serves == OLD
    assert api.record.owner == made["owner"]


def test_what_begins_says_whose_it_is(api: Api) -> None:
    made = begun(OLD, "shop/dev")
    assert api.record.owner == made["owner"]
    # begun again after a kill: the state knows of nothing, and nothing serves yet
    again = begun(OLD, "shop/dev")
    assert api.record.owner == again["owner"] != made["owner"]
    with pytest.raises(BadRelease, match=r"the ConfigMap digits-release in namespace shop is of the stack shop/dev"):
        ReleaseProvider().create(props(OLD, "mall/dev"))


def test_a_stack_goes_on_with_its_own(api: Api) -> None:
    made = begun(OLD, "shop/dev")
    api.serve(OLD)
    after = ReleaseProvider().update("shop/digits", made, props(OLD, "shop/dev"))
    assert after.outs is not None
    assert after.outs["owner"] == made["owner"]
    api.write(Record(OTHER, OTHER, "key", Phase.PROMOTED, owner="mall/dev/2"))
    with pytest.raises(BadRelease, match="is of the stack mall/dev, expected that of shop/dev"):
        ReleaseProvider().update("shop/digits", made, props(NEW, "shop/dev"))
    assert api.changed == []


def test_a_state_from_before_there_were_owners_goes_on(api: Api) -> None:
    before: dict[str, Any] = {
        **props(OLD, ""),
        "stable": OLD,
        "stable_digest": OLD.partition("@")[2],
        "history": [],
        "verdict": "",
    }
    for key in ("stack", "owner"):
        del before[key]
    api.serve(OLD)
    api.write(Record(OLD, OLD, "key", Phase.PROMOTED))
    assert ReleaseProvider().diff("shop/digits", before, props(OLD, "shop/dev")).changes is False
    release(api, owner="shop/dev/", routed=False).run(NEW, OLD)
    assert api.record.owner == "shop/dev/"
    # killed before the state knew
    assert ReleaseProvider().diff("shop/digits", before, props(OLD, "shop/dev")).changes is True
    release(api, owner="shop/dev/").claim(begins=False)
    ReleaseProvider().delete("shop/digits", before)
    assert RECORD not in api.objects


def test_the_end_of_one_stack_leaves_what_is_anothers(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    api.serve(OLD)
    api.beside(NEW)
    api.write(PROMOTED)
    ReleaseProvider().delete("shop/digits", {**props(OTHER, "mall/dev"), "owner": "mall/dev/2"})
    assert api.changed == []
    assert CANDIDATE in api.objects
    assert "the release in the cluster is of the stack shop/dev, and stays" in capfd.readouterr().err
    ReleaseProvider().delete("shop/digits", {**props(OLD, "shop/dev"), "owner": "shop/dev/1"})
    assert CANDIDATE not in api.objects
    assert RECORD not in api.objects


def test_a_version_of_no_release_is_seen(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    """Killed while it was promoted, and somebody removed the record: the cluster and the state are not the same."""
    state = begun(OLD, "shop/dev")
    api.serve(OLD)
    del api.objects[RECORD]
    assert ReleaseProvider().diff("shop/digits", state, props(OLD, "shop/dev")).changes is False
    api.serve(NEW)
    assert ReleaseProvider().diff("shop/digits", state, props(OLD, "shop/dev")).changes is True
    assert "a version serves of which no release knows" in capfd.readouterr().err
