"""`modelport rollback` in Cloud Run: made by the embedded engine, released by a server that answers as Google does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.exits import Exit
from automation.report.layout import RECORD
from tests.components.gcp.pretend_cloud_run import PLACE, Cloud
from tests.components.gcp.pretend_google import Handler, asked_there, served
from tests.stacks.pretend_image import digest
from tests.stacks.shops import Shop, opened, placed
from tests.stacks.test_gcp_cloudrun import FILE, LEFT_OUT, SERVICE, service, whole

A, B, C = (digest(each) for each in ("a", "b", "c"))
REPOSITORY = "europe-west4-docker.pkg.dev/shop-prod/shop/digits"
FIRST = "digits-00001-abc"


class Prompt(Cloud):
    """What is changed is so at once."""

    def patched(self, query: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        told = super().patched(query, body)
        return {**told, **self.operations[told["name"]][-1]}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = whole()
    section = document["config"]["modelport:cloudrun"]
    for each in (*LEFT_OUT, "alarms", "invokers"):
        section.pop(each)
    section["name"] = "digits"
    # All at once, as nobody here waits for what Cloud Monitoring counts.
    document["config"]["modelport:release"] = {"strategy": "rolling"}
    return placed(tmp_path_factory.mktemp("shop"), document, "gcp")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    Handler.cloud = found = Prompt()
    with served() as address:
        asked_there(address, monkeypatch, tmp_path, GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT="v2/")
        yield found


@pytest.fixture
def shop(place: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    assert cloud.there
    return opened(place, monkeypatch, capsys)


def serves(cloud: Cloud) -> str:
    """The image of whoever gets all requests."""
    (only,) = [each for each in cloud.traffic if each["percent"]]
    assert only["percent"] == 100
    return str(cloud.revisions[only["revision"]]["containers"][0]["image"])


def test_there_and_back(shop: Shop, cloud: Cloud) -> None:
    code, out, said = shop.up("a")
    assert (code, cloud.moved) == (Exit.DONE, []), out + said
    assert shop.output("revision") == FIRST
    assert shop.output("endpoint") == shop.output("url") == "https://digits-a1b2c3-ez.a.run.app"
    assert shop.up("b")[0] == Exit.DONE
    assert (serves(cloud), shop.history()) == (f"{REPOSITORY}@{B}", [A, B])
    assert shop.output("revision") == "digits-00002-abc"

    shop.asked()
    before = list(cloud.moved)
    code, out, _ = shop.run("rollback", "--preview-only")
    assert (code, shop.asked(), cloud.moved) == (Exit.DONE, [], before)
    code, out, said = shop.run("rollback", "--yes")
    assert code == Exit.DONE, out + said
    assert (serves(cloud), shop.history(), shop.output("digest")) == (f"{REPOSITORY}@{A}", [A, B, A], A)
    assert {each["type"] for each in shop.asked()} == {SERVICE}, "the service is all that is changed beside its traffic"
    assert shop.built() == ["a", "b"]

    # What does not come up is no version to return to, and takes no request from whoever serves.
    cloud.broken = "The container exited with an error."
    code, out, said = shop.up("c")
    assert code == Exit.ROLLED_BACK
    assert said.startswith("error: the new version digits-00004-abc of digits did not come up: The container exited")
    assert (serves(cloud), shop.history()) == (f"{REPOSITORY}@{A}", [A, B, A])
    cloud.broken = ""
    assert shop.run("up", "--yes")[0] == Exit.DONE
    assert (serves(cloud), shop.history()) == (f"{REPOSITORY}@{C}", [A, B, A, C])
    assert {path for method, path, _, _ in cloud.asked if method == "PATCH"} == {f"/v2/{PLACE}"}


def test_what_is_given_back_or_pinned_is_what_runs_and_is_written_down_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = FILE.planned(tmp_path, release={"pin": B})
    assert service(pinned)["template"]["containers"][0]["image"] == f"{REPOSITORY}@{B}"
    assert pinned.one(RECORD).inputs["reference"] == f"{REPOSITORY}@{B}"
    elsewhere = f"europe-west4-docker.pkg.dev/shop-prod/before/digits@{A}"
    monkeypatch.setenv("MODELPORT_RELEASE_PIN", elsewhere)
    found = FILE.planned(tmp_path, release={"pin": B})
    assert service(found)["template"]["containers"][0]["image"] == elsewhere
    assert found.one(RECORD).inputs["reference"] == elsewhere
