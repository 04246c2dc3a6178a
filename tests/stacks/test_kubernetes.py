"""The stack `dev` on a real cluster: up, up again, an edit from outside, another version, a mistake, down."""

import base64
import contextlib
import json
import os
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model_build.push import exists
from tests.cluster.shared import Cluster
from tests.components.load import Load
from tests.stacks.clusters import ROOT, Project

SEVEN = json.loads((ROOT / "examples" / "digits" / "seven.json").read_text())


@pytest.fixture(scope="module")
def project(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """One stack for all tests of this module, in the order they stand: the last one destroys it."""
    with Project.opened(tmp_path_factory.mktemp("stack"), cluster) as made:
        try:
            yield made
        finally:
            made.write()
            made.destroy()


def test_preview_makes_nothing_and_up_answers(project: Project) -> None:
    assert set(project.preview().changes) == {"create"}
    assert "NotFound" in _failing(project.cluster, "get", "namespace", project.namespace)
    assert set(project.up().changes) == {"create"}
    outputs = project.outputs()
    assert outputs["namespace"] == project.namespace and outputs["model"] == "digits"
    assert outputs["endpoint"] == f"http://digits.{project.namespace}.svc"
    pods = project.pods()
    assert {each["spec"]["containers"][0]["image"].partition("@")[2] for each in pods} == {outputs["digest"]}
    assert len(pods) == 2
    address = f"http://{project.cluster.node_address}:{project.node_port()}/v2/models/digits/infer"
    request = urllib.request.Request(address, json.dumps(SEVEN).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = {each["name"]: each["data"] for each in json.load(answer)["outputs"]}
    assert found["label"] == [7]


def _failing(cluster: Cluster, *words: str) -> str:
    with pytest.raises(RuntimeError) as raised:
        cluster.kubectl(*words)
    return str(raised.value)


def test_the_lines_to_try_work_as_printed(project: Project, free_port: int) -> None:
    """All in one shell, as they would be pasted; the port on this machine may be another's, so it is another."""
    moved = [each.replace("8080:", f"{free_port}:").replace(":8080/", f":{free_port}/") for each in _try(project)]
    tunnel, *asked = moved
    wait = f"for i in $(seq 100); do {asked[0]} -o /dev/null 2>/dev/null && break; sleep 0.1; done"
    script = "\n".join([tunnel, wait, *(f"{line}; echo" for line in asked)])
    path = f"{project.cluster.programs}:{os.environ['PATH']}"
    with subprocess.Popen(
        ["sh", "-c", script], cwd=project.path, env={**os.environ, "PATH": path}, text=True,
        stdout=subprocess.PIPE, start_new_session=True,
    ) as shell:  # fmt: skip
        try:
            assert shell.stdout is not None
            ready, metadata, infer, classify = (json.loads(shell.stdout.readline()) for _ in asked)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
    assert ready["ready"] is True
    assert metadata["name"] == "digits"
    assert infer["outputs"][0]["data"] == [7]
    assert classify["label"] == "7"


def _try(project: Project) -> list[str]:
    lines: list[str] = project.outputs()["try"]
    assert shlex.split(lines[0])[:3] == ["kubectl", "--namespace", project.namespace]
    return lines


def test_up_again_changes_nothing(project: Project) -> None:
    before = project.get("deployment", "digits")
    assert set(project.up().changes) == {"same"}
    assert set(project.preview().changes) == {"same"}
    assert project.get("deployment", "digits")["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


def test_an_edit_from_outside_is_seen_by_refresh_and_put_right_by_up(project: Project) -> None:
    before = project.get("deployment", "digits")["spec"]
    for kind, edit in (("networkpolicy", {"ingress": [{}]}), ("deployment", {"progressDeadlineSeconds": 7})):
        patch = json.dumps({"spec": edit})
        project.cluster.kubectl("patch", kind, "digits", "-n", project.namespace, "--type=merge", "--patch", patch)
    assert project.refresh().changes["update"] == 2
    assert project.up().changes["update"] == 2
    assert project.get("deployment", "digits")["spec"] == before
    (rule,) = project.get("networkpolicy", "digits")["spec"]["ingress"]
    assert rule["from"] == [{"ipBlock": {"cidr": "0.0.0.0/0"}}]


def test_a_changed_recipe_under_load(project: Project) -> None:
    project.write(model={"version": "2"})
    with Load(project.node_port(), host=project.cluster.node_address, body=json.dumps(SEVEN), pause=0.01) as load:
        load.wait_for(50)
        project.up()
        load.wait_for(50)
    assert load.failures == []
    assert load.versions == {"1", "2"}
    assert set(project.up().changes) == {"same"}


def test_a_gate_that_is_missed_touches_nothing_in_the_cluster(project: Project) -> None:
    before = project.get("deployment", "digits")["metadata"]
    project.write(model={"version": "3", "evaluate": {"data": "examples.digits.train:evaluation", "min": 0.9999}})
    line = project.fails().error.strip().splitlines()[-1]
    assert line.startswith("modelport: gate missed: digits: ")
    assert project.get("deployment", "digits")["metadata"]["generation"] == before["generation"]


def test_a_registry_that_asks_who_pulls(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", os.fspath(tmp_path))
    project.write(model={"version": "2"}, kubernetes={"pull_secret": True})
    (line,) = (each for each in project.fails().error.splitlines() if "pull_secret" in each)
    assert f"knows no login for {project.cluster.registry}, expected one; run docker login" in line
    auth = base64.b64encode(b"reader:not-told").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {project.cluster.registry: {"auth": auth}}}))
    project.said.clear()
    project.up()
    assert project.pods()[0]["spec"]["imagePullSecrets"] == [{"name": "digits-registry"}]
    stored = json.loads(base64.b64decode(project.get("secret", "digits-registry")["data"][".dockerconfigjson"]))
    assert stored["auths"][project.cluster.registry]["username"] == "reader"
    # In the state it is a secret, and nobody was told.
    state = json.dumps(project.engine.export())
    assert "not-told" not in state and auth not in state and auth not in "".join(project.said)


def test_down_leaves_nothing_behind(project: Project) -> None:
    reference: Any = project.pods()[0]["spec"]["containers"][0]["image"]
    project.destroy()
    assert "NotFound" in _failing(project.cluster, "get", "namespace", project.namespace)
    fleeting = ("events", "endpoints", "componentstatuses")
    for namespaced, where in ((True, ("--namespace", project.namespace)), (False, ())):
        there = project.cluster.everything(*where, namespaced=namespaced, without=fleeting)
        assert [each for each in there if namespaced or project.namespace in each] == []
    assert not exists(reference)
