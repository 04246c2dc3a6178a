"""Volumes, quotas, tokens, and whatever a program asks to wait for."""

import json
import time
import uuid
from collections.abc import Iterator

import pytest

from engine.providers.kubernetes import readiness_storage
from engine.providers.kubernetes.api import Obj
from tests.cluster.shared import Cluster
from tests.engine.kubernetes.waiting import ABSENT, Waiting, keeper


def storage_class(cluster: Cluster, name: str, mode: str) -> None:
    made = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/host-path",
        "volumeBindingMode": mode,
    }
    cluster.kubectl("create", "-f", "-", text=json.dumps(made))


def claim(kind: str | None) -> Obj:
    spec: Obj = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    spec["storageClassName"] = kind
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "disk"}, "spec": spec}


@pytest.fixture
def own_class(cluster: Cluster, space: str) -> Iterator[str]:
    yield space
    cluster.kubectl("delete", "pvc", "--all", "-n", space)
    cluster.kubectl("delete", "storageclass", space, "--ignore-not-found")


def test_a_claim_is_ready_when_it_has_a_volume(waiting: Waiting, cluster: Cluster, own_class: str) -> None:
    storage_class(cluster, own_class, "Immediate")
    live = waiting.until_ready(waiting.make(claim(own_class)))
    assert live["status"]["phase"] == "Bound"


def test_a_claim_that_waits_for_its_first_pod_is_ready_while_it_does(
    waiting: Waiting, cluster: Cluster, own_class: str
) -> None:
    storage_class(cluster, own_class, "WaitForFirstConsumer")
    live = waiting.until_ready(waiting.make(claim(own_class)))
    assert live["status"]["phase"] == "Pending"


def test_a_claim_that_nobody_serves_is_not_ready(waiting: Waiting, own_class: str) -> None:
    error = waiting.not_ready(waiting.make(claim(own_class)))
    assert str(error) == "Timeout occurred polling for 'disk'"
    assert error.reasons == []
    said = [words for severity, words in waiting.said if severity == "warning"]
    assert said[0].startswith(f'getting storagclass "{own_class}": ')


def test_the_longest_wait_for_a_kind_holds_whatever_was_asked(
    waiting: Waiting, own_class: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness_storage.PersistentVolumeClaim, "limit", 1.0)
    assert "Timeout occurred" in str(waiting.not_ready(waiting.make(claim(own_class)), seconds=600))


def test_a_volume_is_ready_when_it_can_be_claimed(waiting: Waiting, cluster: Cluster) -> None:
    name = f"volume-{uuid.uuid4().hex[:8]}"
    spec = {"capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nowhere"}}
    spec["storageClassName"] = name
    live = waiting.api.create(
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}, manager="tests"
    )
    try:
        assert waiting.until_ready(live)["status"]["phase"] == "Available"
        assert ("info", "✅ PV marked available") in waiting.said
    finally:
        cluster.kubectl("delete", "pv", name)


def test_a_quota_is_ready_when_it_is_in_force(waiting: Waiting) -> None:
    made = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "3"}}}
    live = waiting.until_ready(waiting.make(made))
    assert live["status"]["hard"] == {"pods": "3"}


def token(account: str) -> Obj:
    notes = {"kubernetes.io/service-account.name": account}
    kind = "kubernetes.io/service-account-token"
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token", "annotations": notes}, "type": kind}


def test_a_token_is_ready_when_it_has_been_written(waiting: Waiting) -> None:
    live = waiting.until_ready(waiting.make(token("default")))
    assert set(live["data"]) == {"ca.crt", "namespace", "token"}


def test_a_token_of_an_account_that_is_missing_is_not_ready(waiting: Waiting) -> None:
    error = waiting.not_ready(waiting.make(token("nobody")), seconds=2)
    assert str(error) == "Timeout occurred polling for 'token'"


def test_a_config_map_is_of_use_at_once(waiting: Waiting) -> None:
    live = waiting.make({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}})
    assert waiting.until_ready(live, seconds=0) is live


# -- what a program asks for -----------------------------------------------------------------------------------------


def settings(wait_for: str) -> Obj:
    meta = {"name": "settings", "annotations": {"pulumi.com/waitFor": wait_for}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"state": "new"}}


def test_an_object_is_ready_when_a_path_has_the_value_that_was_asked_for(waiting: Waiting, cluster: Cluster) -> None:
    live = waiting.make(settings("jsonpath={.data.state}=done"))
    error = waiting.not_ready(live, seconds=2)
    assert str(error) == "timed out waiting for the condition"
    assert ("info", 'Waiting for {.data.state}=done (found "new")') in waiting.said
    patch = json.dumps({"data": {"state": "done"}})
    with waiting.in_a_moment(lambda: cluster.kubectl("patch", "cm", "settings", "-n", waiting.space, "-p", patch)):
        assert waiting.until_ready(live)["data"] == {"state": "done"}


def test_all_that_was_asked_for_must_be_so(waiting: Waiting) -> None:
    live = waiting.make(settings(json.dumps(["jsonpath={.data.state}", "jsonpath={.data.other}"])))
    waiting.not_ready(live, seconds=2)
    assert ("info", "{.data.other} selected nothing") in waiting.said


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Ready", 'expected a "jsonpath=" or "condition=" prefix, got "Ready"'),
        ("jsonpath={.a}=", "{.a}= requires a value"),
        ("jsonpath=.a", ".a should be wrapped in brackets { ... }"),
        ("jsonpath='{.a}'", "'{.a}' should omit shell quotes"),
        ("jsonpath={.a}=b=c", 'format should be {.path}=value or {.path}, got "{.a}=b=c"'),
        ("[]", "at least one condition must be specified"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(waiting: Waiting, text: str, problem: str) -> None:
    assert str(waiting.not_ready(waiting.make(settings(text)))) == problem


def test_a_condition_takes_the_place_of_what_is_usual_for_the_kind(waiting: Waiting) -> None:
    made = keeper("Deployment", "web", image=ABSENT)
    made["metadata"]["annotations"] = {"pulumi.com/waitFor": "condition=Progressing"}
    live = waiting.until_ready(waiting.make(made))
    assert {one["type"]: one["status"] for one in live["status"]["conditions"]}["Progressing"] == "True"
    assert "readyReplicas" not in live["status"]


GROUP = "readiness.example.org"


@pytest.fixture
def things(cluster: Cluster) -> Iterator[None]:
    names = {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"}
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}}
    made = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }
    with cluster.alone("things"):
        cluster.kubectl("apply", "-f", "-", text=json.dumps(made))
        cluster.kubectl("wait", "crd", f"things.{GROUP}", "--for=condition=Established", "--timeout=60s")
        yield
        cluster.kubectl("delete", "crd", f"things.{GROUP}")


def thing(waiting: Waiting, wait_for: str = "") -> Obj:
    notes = {"pulumi.com/waitFor": wait_for} if wait_for else {}
    made = {"apiVersion": f"{GROUP}/v1", "kind": "Thing", "metadata": {"name": "one", "annotations": notes}, "spec": {}}
    until = time.monotonic() + 30
    while True:
        try:
            return waiting.make(made)
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)  # the API server serves a new kind a moment after it is established


def condition(waiting: Waiting, cluster: Cluster, status: str) -> None:
    patch = json.dumps({"status": {"conditions": [{"type": "Ready", "status": status, "message": "working on it"}]}})
    space = ("-n", waiting.space)
    cluster.kubectl("patch", f"things.{GROUP}", "one", *space, "--subresource=status", "--type=merge", "-p", patch)


@pytest.mark.usefixtures("things")
def test_a_custom_resource_is_ready_when_its_condition_says_so(waiting: Waiting, cluster: Cluster) -> None:
    live = thing(waiting, "condition=Ready")
    condition(waiting, cluster, "False")
    waiting.not_ready(live, seconds=2)
    assert ("info", "Resource has condition Ready=False (want True)") in waiting.said
    with waiting.in_a_moment(lambda: condition(waiting, cluster, "True")):
        waiting.until_ready(live)


@pytest.mark.usefixtures("things")
def test_custom_resources_are_waited_for_without_being_asked_where_the_user_wants_all_to_be(
    waiting: Waiting, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = thing(waiting)
    condition(waiting, cluster, "False")
    live = waiting.api.get(f"{GROUP}/v1", "Thing", "one", waiting.space)
    assert waiting.until_ready(live, seconds=2) is live
    monkeypatch.setenv("PULUMI_K8S_AWAIT_ALL", "true")
    assert str(waiting.not_ready(live, seconds=2)) == "timed out waiting for the condition"
    assert ("info", "working on it") in waiting.said
    with waiting.in_a_moment(lambda: condition(waiting, cluster, "True")):
        waiting.until_ready(live)
