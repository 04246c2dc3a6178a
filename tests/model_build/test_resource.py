"""`ModelImage` in the real host of dynamic providers."""

import base64
import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from pulumi.runtime.rpc import UNKNOWN

from model_build import child, errors, plan
from model_build.recipe import Recipe
from model_build.resource import ModelImageProvider
from tests.model_build.conftest import IRIS
from tests.model_build.dynamic_host import PROVIDER, Host, host

Make = Callable[..., Recipe]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project of the test's own."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "iris.py").write_text(IRIS)
    return tmp_path / "project"


def inputs(recipe: Recipe, **more: Any) -> dict[str, Any]:
    return {"recipe": recipe.canonical(), **more}


def test_the_pickled_provider_is_a_reference_that_no_edit_changes() -> None:
    held = base64.b64decode(PROVIDER)
    assert (
        held
        == b"\x80\x04\x952\x00\x00\x00\x00\x00\x00\x00\x8c\x14model_build.resource\x94\x8c\x12ModelImageProvider"
        + (b"\x94\x93\x94)\x81\x94.")
    )
    assert type(pickle.loads(held)) is ModelImageProvider


def test_a_model_is_built_once_and_updated_when_its_recipe_changes(home: Path, tmp_path: Path, recipe: Make) -> None:
    with host(home, tmp_path / "log", MODELPORT_DATA_DIR=str(tmp_path / "data")) as plugin:
        news, failures = plugin.check(inputs(recipe()))
        assert failures == []
        id_, outs = plugin.create(news)
        assert id_ == f"iris-{news['identity'][:12]}"
        assert outs["layout_image"] == f"oci:{tmp_path}/data/images@{outs['digest']}"
        assert outs["reference"] == outs["layout_image"]
        assert json.loads(Path(outs["report_json"]).read_text())["image"]["digest"] == outs["digest"]
        assert outs["metrics"]["accuracy"] > 0.9
        assert plugin.read(id_, outs) == id_

        again, _ = plugin.check(inputs(recipe()), news)
        assert not plugin.changed(outs, again)

        with_files, _ = plugin.check(inputs(recipe(), modelcar=True), news)
        assert plugin.changed(outs, with_files)
        files = plugin.update(outs, with_files)["files"]
        assert outs["files"] == ""
        assert files.partition("@")[0] == outs["layout_image"].partition("@")[0] != files != outs["layout_image"]

        stricter, _ = plugin.check(inputs(recipe(evaluate={"min": 0.9})), news)
        assert plugin.changed(outs, stricter)
        after = plugin.update(outs, stricter)
        assert after["digest"] == outs["digest"]
        assert after["identity"] != outs["identity"]

        plugin.delete(id_, after)
        assert plugin.read(id_, after) == id_, "an image is kept unless asked otherwise"
        plugin.delete(id_, {**after, "keep": False})
        assert plugin.read(id_, after) == ""
    said = plugin.log.read_text()
    assert re.search(r"modelport: iris: plan: model \w{4} is new; measured in up", said)
    assert re.search(r"plan: model \w{4} to \w{4}, recipe: evaluate.min set to 0.9; measured in up", said)
    assert "modelport: iris: convert: done" in said
    assert "modelport: iris: plan: the model's files get an image of their own, nothing is built" in said


def test_a_missing_image_shows_as_a_change(home: Path, tmp_path: Path, recipe: Make) -> None:
    with host(home, tmp_path / "log") as plugin:
        news, _ = plugin.check(inputs(recipe()))
        outs = {**news, "digest": "sha256:" + "0" * 64, "reference": f"oci:{tmp_path}/images@sha256:{'0' * 64}"}
        outs["layout_image"] = outs["reference"]
        assert plugin.changed(outs, news)
        pushed = {
            **outs,
            "reference": f"registry.example/iris@sha256:{'0' * 64}",
            "destination": "registry.example/iris",
        }
        assert not plugin.changed(pushed, {**news, "destination": "registry.example/iris"}), "the registry has it"


def test_what_docker_has_pushed_needs_nothing_of_this_machine(home: Path, tmp_path: Path, recipe: Make) -> None:
    with host(home, tmp_path / "log") as plugin:
        news, failures = plugin.check(inputs(recipe(), destination="127.0.0.1:1/a", builder="docker"))
        outs = {**news, "digest": "sha256:" + "0" * 64, "reference": f"oci:{tmp_path}/images@sha256:{'0' * 64}"}
        outs["layout_image"] = outs["reference"]
        assert failures == []
        assert not plugin.changed(outs, news)
        assert plugin.read("iris", outs) == "iris"
        assert plugin.changed(outs, {**news, "builder": "oci"})


def test_the_resource_itself_pushes_nothing_where_docker_does(home: Path, tmp_path: Path, recipe: Make) -> None:
    with host(home, tmp_path / "log", MODELPORT_DATA_DIR=str(tmp_path / "data")) as plugin:
        news, _ = plugin.check(inputs(recipe(), destination="127.0.0.1:1/a", builder="docker"))
        _, outs = plugin.create(news)
        assert outs["reference"] == outs["layout_image"]


@pytest.mark.parametrize("key", ["signed_by", "modelcar", "promoted"])
def test_what_would_be_of_an_image_that_is_not_deployed_is_refused(key: str) -> None:
    """A signature of what was baked would be none of what Docker pushes."""
    (said,) = plan.not_by_docker({"builder": "docker", key: "yes"})
    assert said[0] == key and f"{key} is given with builder docker, expected one of both" in said[1]
    assert plan.not_by_docker({"builder": "oci", key: "yes"}) == []


def test_another_destination_alone_is_a_change_that_says_so(home: Path, tmp_path: Path, recipe: Make) -> None:
    with host(home, tmp_path / "log") as plugin:
        news, _ = plugin.check(inputs(recipe(), destination="127.0.0.1:1/a"))
        outs = {**news, "digest": "sha256:" + "0" * 64, "reference": f"127.0.0.1:1/a@sha256:{'0' * 64}"}
        other, _ = plugin.check(inputs(recipe(), destination="127.0.0.1:1/b"))
        assert other["identity"] == news["identity"]
        assert plugin.changed(outs, other)
    assert "is pushed to 127.0.0.1:1/b, nothing is built" in plugin.log.read_text()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"source": "iris:modle"}, "source is 'iris:modle', but iris has no 'modle'; did you mean 'model'?"),
        ({"source": "m.onnx"}, "source is 'm.onnx', but there is no such file; paths are relative to the project"),
        (
            {"evaluate": {"data": "iris:dat"}},
            "evaluate.data is 'iris:dat', but iris has no 'dat'; did you mean 'data'?",
        ),
    ],
)
def test_what_can_be_known_early_fails_in_check(
    home: Path, tmp_path: Path, recipe: Make, change: dict[str, Any], reason: str
) -> None:
    with host(home, tmp_path / "log") as plugin:
        assert plugin.check(inputs(recipe(**change)))[1] == [f"modelport: bad input: {reason}"]


def test_a_recipe_and_a_destination_that_break_rules_fail_in_check(home: Path, tmp_path: Path, recipe: Make) -> None:
    with host(home, tmp_path / "log") as plugin:
        (reason,) = plugin.check({"recipe": '{"name": "A"}'})[1]
        assert errors.parse(reason) is not None
        assert "model.name is 'A'" in reason
        (reason,) = plugin.check(inputs(recipe(), destination="no-registry"))[1]
        assert reason.startswith("modelport: bad input: 'no-registry' ")


def test_a_missed_gate_fails_with_its_own_line_at_the_end(home: Path, tmp_path: Path, recipe: Make) -> None:
    with host(home, tmp_path / "log", MODELPORT_DATA_DIR=str(tmp_path / "data")) as plugin:
        news, _ = plugin.check(inputs(recipe(evaluate={"min": 1.0})))
        with pytest.raises(grpc.RpcError) as failure:
            plugin.create(news)
    last = failure.value.details().strip().splitlines()[-1]
    code, message = errors.parse(last) or (0, "")
    assert code == 3
    assert message.startswith("iris: fp32 missed min: accuracy is 0.97")
    assert not (tmp_path / "data" / "images").exists()
    assert "gate missed" not in plugin.log.read_text(), "said once, by the engine"


SLOW = (
    IRIS
    + """
import os, time

def slow():
    while not os.path.exists(os.environ["GO"]):
        time.sleep(0.02)
    return model()
"""
)


def test_six_builds_do_not_keep_a_check_waiting(home: Path, tmp_path: Path, recipe: Make) -> None:
    (home / "iris.py").write_text(SLOW)
    environment = {"GO": str(tmp_path / "go"), "MODELPORT_CACHE_DIR": str(tmp_path / "cache")}
    with host(home, tmp_path / "log", **environment) as plugin, ThreadPoolExecutor(6) as pool:
        news = [
            plugin.check(inputs(recipe(source="iris:slow", version=str(n), evaluate={"min": 1.0})))[0] for n in range(6)
        ]
        builds = [pool.submit(_details, plugin, one) for one in news]
        while "calling iris:slow" not in plugin.log.read_text():
            time.sleep(0.02)
        assert plugin.check(inputs(recipe()))[1] == []
        assert not any(build.done() for build in builds)
        (tmp_path / "go").touch()
        assert all("gate missed" in build.result() for build in builds)


def test_a_call_that_came_before_there_was_room_is_answered() -> None:
    begun, held = threading.Event(), threading.Event()
    building: list[int] = []

    def one(number: int) -> None:
        begun.wait()
        with child.room_for_others():
            building.append(number)
            held.wait()

    with ThreadPoolExecutor(4) as pool:
        for number in range(6):
            pool.submit(one, number)
        try:
            begun.set()
            assert pool.submit(lambda: "answered").result(timeout=30) == "answered"
        finally:
            held.set()
    assert sorted(building) == list(range(6))


def _details(plugin: Host, news: dict[str, Any]) -> str:
    with pytest.raises(grpc.RpcError) as failure:
        plugin.create(news)
    return str(failure.value.details())


def test_a_build_ends_with_its_plugin(home: Path, tmp_path: Path, recipe: Make) -> None:
    (home / "iris.py").write_text(SLOW)
    environment = {"GO": str(tmp_path / "go"), "MODELPORT_CACHE_DIR": str(tmp_path / "cache")}
    with host(home, tmp_path / "log", **environment) as plugin, ThreadPoolExecutor(1) as pool:
        news, _ = plugin.check(inputs(recipe(source="iris:slow")))
        build = pool.submit(_details, plugin, news)
        while "calling iris:slow" not in plugin.log.read_text():
            time.sleep(0.02)
        running = _processes(str(tmp_path))
        assert running
        os.kill(plugin.process.pid, signal.SIGKILL)
        build.result()
        while any(_lives(pid) for pid in running):
            time.sleep(0.02)
    made = [p for p in (tmp_path / "cache" / "steps").rglob("*") if p.name.endswith(".onnx") or p.name == "note.json"]
    assert made == []


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # who adopts orphans may not collect them


def _processes(mark: str) -> list[int]:
    """Processes other than the plugin whose command line names `mark`."""
    found: list[int] = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (place / "cmdline").read_bytes().decode("utf-8", "replace")
            if mark in line and "model_build" in line:
                found.append(int(place.name))
    return found


def test_a_preview_imports_nothing_heavy(project: Path, recipe: Make) -> None:
    script = (
        "import sys, json, pulumi.dynamic; before = set(sys.modules)\n"
        "from model_build.resource import ModelImageProvider\n"
        "recipe = sys.argv[1]; p = ModelImageProvider()\n"
        "news = p.check({'recipe': recipe}, {'recipe': recipe, '__provider': ''}).inputs\n"
        "p.diff('', news, news)\n"
        "heavy = {'pydantic', 'numpy', 'onnx', 'onnxruntime', 'sklearn', 'httpx', 'PIL', 'iris'}\n"
        "print(json.dumps(sorted(heavy & (set(sys.modules) - before))))\n"
    )
    repository = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", script, recipe().canonical()],
        cwd=project,
        env={**os.environ, "PYTHONPATH": repository},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []


def test_a_registry_that_is_yet_to_be_made_keeps_nothing_of_the_model_unknown(
    home: Path, tmp_path: Path, recipe: Make
) -> None:
    with host(home, tmp_path / "log") as plugin:
        news, failures = plugin.check(inputs(recipe(), destination=UNKNOWN))
        assert failures == []
        known, _ = plugin.check(inputs(recipe(), destination="registry.example.com/models/iris"))
        assert news == {**known, "destination": UNKNOWN}
        assert "model " + news["identity"][:4] + " is new" in plugin.log.read_text()
        assert plugin.check({"recipe": "{}", "destination": UNKNOWN})[1], "what is wrong is said at once"

        outs = {**known, "digest": "sha256:0", "reference": "registry.example.com/models/iris@sha256:0"}
        assert plugin.changed(outs, news)
        assert f"model {news['identity'][:4]} is pushed to a registry that is made first" in plugin.log.read_text()
        assert not plugin.changed(outs, known)
