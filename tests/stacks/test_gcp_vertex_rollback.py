"""`modelport rollback` in Vertex AI: made by the embedded engine, released by a server that answers as Google does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from automation.exits import Exit
from tests.components.gcp.pretend_google import Handler, asked_there, served
from tests.components.gcp.pretend_vertex import ENDPOINT, Cloud, Prompt
from tests.stacks.pictures import RECORD
from tests.stacks.pretend_image import digest
from tests.stacks.shops import Shop, opened, placed
from tests.stacks.test_gcp_vertex import FILE, text, whole

A, B, C = (digest(each) for each in ("a", "b", "c"))
REPOSITORY = "europe-west4-docker.pkg.dev/shop-prod/shop/digits"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = whole()
    section = document["config"]["modelport:vertex"]
    for each in ("alarms", "invokers", "logging", "network"):
        section.pop(each)
    section |= {"name": "digits", "access": "dedicated"}
    # All at once, as nobody here waits for what Cloud Monitoring counts.
    document["config"]["modelport:release"] = {"strategy": "rolling"}
    return placed(tmp_path_factory.mktemp("shop"), document, "gcp")


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Cloud]:
    Handler.cloud = found = Prompt(empty=True)
    with served() as address:
        asked_there(address, monkeypatch, tmp_path, GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT="v1/")
        yield found


@pytest.fixture
def shop(place: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    assert cloud.there
    return opened(place, monkeypatch, capsys)


def serves(cloud: Cloud) -> str:
    """The image of whoever gets all requests, and is alone on the endpoint."""
    (number,) = cloud.deployed
    assert cloud.split == {number: 100}
    version = cloud.deployed[number]["model"].rpartition("@")[2]
    return str(cloud.models[int(version) - 1]["containerSpec"]["imageUri"])


def test_there_and_back(shop: Shop, cloud: Cloud) -> None:
    code, out, said = shop.up("a")
    assert code == Exit.DONE, out + said
    assert (serves(cloud), shop.output("deployed_model")) == (f"{REPOSITORY}@{A}", "1001")
    assert shop.output("endpoint").endswith(f"/v1/{ENDPOINT}:rawPredict")
    assert shop.up("b")[0] == Exit.DONE
    assert (serves(cloud), shop.history()) == (f"{REPOSITORY}@{B}", [A, B])

    shop.asked()
    before = len(cloud.asked)
    code, out, _ = shop.run("rollback", "--preview-only")
    assert (code, shop.asked()) == (Exit.DONE, [])
    assert {method for method, _, _, _ in cloud.asked[before:]} <= {"GET"}
    code, out, said = shop.run("rollback", "--yes")
    assert code == Exit.DONE, out + said
    assert (serves(cloud), shop.history(), shop.output("digest")) == (f"{REPOSITORY}@{A}", [A, B, A], A)
    assert shop.asked() == [], "nothing is changed beside the model on the endpoint"
    assert shop.built() == ["a", "b"]

    # What does not come up is no version to return to, and takes no request from whoever serves.
    cloud.broken = {"deployModel": "Model server exited unexpectedly."}
    code, out, said = shop.up("c")
    assert code == Exit.ROLLED_BACK
    assert said.startswith("error: the new version of digits did not come up: Model server exited unexpectedly, expect")
    assert (serves(cloud), shop.history()) == (f"{REPOSITORY}@{A}", [A, B, A])
    cloud.broken = {}
    assert shop.run("up", "--yes")[0] == Exit.DONE
    assert (serves(cloud), shop.history()) == (f"{REPOSITORY}@{C}", [A, B, A, C])


def test_what_is_given_back_or_pinned_is_what_runs_and_is_written_down_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = FILE.planned(tmp_path, release={"pin": B})
    assert text(pinned, "version")["model"]["containerSpec"]["imageUri"] == f"{REPOSITORY}@{B}"
    assert pinned.one(RECORD).inputs["reference"] == f"{REPOSITORY}@{B}"
    elsewhere = f"europe-west4-docker.pkg.dev/shop-prod/before/digits@{A}"
    monkeypatch.setenv("MODELPORT_RELEASE_PIN", elsewhere)
    found = FILE.planned(tmp_path, release={"pin": B})
    assert text(found, "version")["model"]["containerSpec"]["imageUri"] == elsewhere
    assert found.one(RECORD).inputs["reference"] == elsewhere
