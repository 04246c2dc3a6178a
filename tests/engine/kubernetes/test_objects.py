"""Objects of any kind are made, compared, read, imported and deleted on a real API server."""

import asyncio
import json
import threading
import uuid
from typing import Any

import pytest

from engine.errors import ProviderRefused
from engine.providers.base import PartialFailure
from engine.providers.kubernetes.api import Cluster as Api
from engine.values import UNKNOWN, Secret
from tests.cluster.shared import Cluster
from tests.engine.kubernetes.asking import Asked

CONFIG_MAP = "kubernetes:core/v1:ConfigMap"

KINDS: dict[str, dict[str, Any]] = {
    CONFIG_MAP: {"apiVersion": "v1", "data": {"a": "1"}, "binaryData": {"b": "AAEC"}},
    "kubernetes:core/v1:ServiceAccount": {"apiVersion": "v1", "automountServiceAccountToken": False},
    "kubernetes:core/v1:Service": {"apiVersion": "v1", "spec": {"type": "ExternalName", "externalName": "a.b"}},
    "kubernetes:rbac.authorization.k8s.io/v1:Role": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": {
        "apiVersion": "networking.k8s.io/v1",
        "spec": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress"]},
    },
    "kubernetes:policy/v1:PodDisruptionBudget": {
        "apiVersion": "policy/v1",
        "spec": {"minAvailable": "50%", "selector": {"matchLabels": {"a": "b"}}},
    },
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": {
        "apiVersion": "autoscaling/v2",
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    },
    "kubernetes:coordination.k8s.io/v1:Lease": {
        "apiVersion": "coordination.k8s.io/v1",
        "spec": {"holderIdentity": "me", "leaseDurationSeconds": 30},
    },
}


@pytest.mark.parametrize("token", KINDS)
def test_any_kind_goes_there_and_back(asked: Asked, space: str, token: str) -> None:
    kind = token.rpartition(":")[2]
    news = {"kind": kind, "metadata": {"namespace": space, "labels": {"example.org/team": "x"}}, **KINDS[token]}
    inputs, made = asked.made(token, news)
    assert made.id == f"{space}/{made.outputs['metadata']['name']}"
    assert made.outputs["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    assert asked.diff(token, made, inputs).changes is False
    seen = asked.read(token, str(made.id), inputs, made.outputs)
    assert (seen.id, seen.inputs) == (made.id, inputs)
    imported = asked.read(token, str(made.id))
    assert imported.inputs is not None
    assert asked.diff(token, imported, inputs, imported.inputs).changes is False
    asked.delete(token, made)
    assert asked.read(token, str(made.id), inputs, made.outputs).id == ""
    asked.delete(token, made)  # a delete must bear being called twice


def test_a_kind_without_namespaces_has_its_name_as_id(asked: Asked) -> None:
    token, name = "kubernetes:scheduling.k8s.io/v1:PriorityClass", f"p-{uuid.uuid4().hex[:8]}"
    news = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": 7}
    inputs, made = asked.made(token, news)
    assert (made.id, inputs["metadata"]) == (name, {"name": name})
    asked.delete(token, made)


def test_a_preview_asks_the_server_and_makes_nothing(asked: Asked, cluster: Cluster, space: str) -> None:
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": space, "name": "dry"}, "data": {}}
    planned = asked.create(CONFIG_MAP, asked.check(CONFIG_MAP, news), preview=True)
    assert planned.id is UNKNOWN
    assert planned.outputs["metadata"]["uid"]
    assert cluster.kubectl("get", "cm", "dry", "-n", space, "--ignore-not-found") == ""


def test_a_preview_of_what_needs_a_namespace_to_come_is_its_inputs(asked: Asked) -> None:
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "not-there-yet", "name": "x"}}
    inputs = asked.check(CONFIG_MAP, news)
    assert asked.create(CONFIG_MAP, inputs, preview=True).outputs == inputs


def test_a_preview_with_an_unknown_value_is_its_inputs(asked: Asked, space: str) -> None:
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": space, "name": UNKNOWN}}
    inputs = asked.check(CONFIG_MAP, news)
    assert inputs["metadata"]["name"] is UNKNOWN
    planned = asked.create(CONFIG_MAP, inputs, preview=True)
    assert planned.outputs == inputs


def test_what_waits_for_its_namespace_is_made_when_it_comes(asked: Asked, cluster: Cluster) -> None:
    name = f"provider-{uuid.uuid4().hex[:8]}"
    inputs = asked.check(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": name}})
    later = threading.Timer(0.5, lambda: cluster.kubectl("create", "namespace", name))
    later.start()
    try:
        assert str(asked.create(CONFIG_MAP, inputs).id).startswith(f"{name}/thing-")
    finally:
        later.join()
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def test_an_object_that_exists_is_not_made_again(asked: Asked, space: str) -> None:
    news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": space, "name": "twice"}}
    inputs, _ = asked.made(CONFIG_MAP, news)
    with pytest.raises(ProviderRefused, match=r'configmaps "twice" already exists\n\nThe resource already exists'):
        asked.create(CONFIG_MAP, inputs)
    assert asked.create(CONFIG_MAP, inputs, preview=True).outputs == inputs


def test_a_refusal_says_what_the_server_says(asked: Asked, space: str) -> None:
    news = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": space, "name": "Bad_Name"}, "spec": {}}
    token = "kubernetes:core/v1:Service"
    with pytest.raises(ProviderRefused, match=r'was not successfully created .* Service "Bad_Name" is invalid'):
        asked.create(token, asked.check(token, news))


def test_an_object_of_a_definition_made_just_now(asked: Asked, space: str) -> None:
    group = f"g{uuid.uuid4().hex[:8]}.example.org"
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"cups.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "cups", "singular": "cup", "kind": "Cup"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x_kubernetes_preserve_unknown_fields": True}},
                }
            ],
        },
    }
    token, cup = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", f"kubernetes:{group}/v1:Cup"
    spec = {"volume": 0.25, "count": 12345678901, "hot": False, "empty": {}, "none": [], "x_y": None}
    news = {"apiVersion": f"{group}/v1", "kind": "Cup", "metadata": {"namespace": space}, "spec": spec}
    wanted = asked.check(token, definition)
    inputs = asked.check(cup, news)
    assert asked.create(cup, inputs, preview=True).outputs == inputs
    made = asked.create(token, wanted)
    try:
        mine = asked.create(cup, inputs)
        assert {k: v for k, v in mine.outputs["spec"].items() if v is not None} == {
            key: value for key, value in spec.items() if value is not None
        }
        changed = {**inputs, "spec": {**spec, "volume": 0.5}}
        diff = asked.diff(cup, mine, changed)
        assert diff.detailed is not None
        assert {path: change.kind for path, change in diff.detailed.items() if path != "spec.x_y"} == {
            "spec.volume": "update"
        }
        assert asked.update(cup, mine, changed).outputs["spec"]["volume"] == 0.5
        asked.delete(cup, mine)
    finally:
        asked.delete(token, made)


def test_a_kind_that_nobody_defines_is_refused_with_its_name(asked: Asked, space: str) -> None:
    asked.provider._cancel.set()  # so that nothing waits for a definition to come
    token = "kubernetes:nobody.example.org/v1:Thing"
    news = {"apiVersion": "nobody.example.org/v1", "kind": "Thing", "metadata": {"namespace": space, "name": "x"}}
    with pytest.raises(ProviderRefused, match=r'no matches for kind "Thing" in version "nobody\.example\.org/v1"'):
        asked.create(token, asked.check(token, news))


def test_a_secret_is_secret_wherever_it_stands(asked: Asked, space: str) -> None:
    token = "kubernetes:core/v1:Secret"
    meta = {"namespace": space, "name": "pin"}
    news = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": meta,
        "stringData": {"pin": "1234"},
        "data": {"a": "Yg=="},
    }
    inputs, made = asked.made(token, news)
    held = Secret({"a": "Yg==", "pin": "MTIzNA=="})
    assert inputs == {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": held}
    assert (made.outputs["data"], made.outputs["__inputs"]["data"]) == (held, held)
    assert asked.read(token, str(made.id), inputs, made.outputs).inputs == inputs
    other = {**news, "stringData": {"pin": "4321"}}
    diff = asked.diff(token, made, asked.check(token, other, inputs))
    assert (diff.replaces, diff.delete_first) == (["data.pin"], True)


def test_a_secret_input_of_any_kind_stays_secret_at_its_place(asked: Asked, space: str) -> None:
    news = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": space},
        "data": {"open": "1", "hidden": Secret("2")},
    }
    inputs, made = asked.made(CONFIG_MAP, news)
    for place in (inputs, made.outputs, made.outputs["__inputs"]):
        assert place["data"] == {"open": "1", "hidden": Secret("2")}


def test_a_delete_waits_until_the_object_is_gone(asked: Asked, cluster: Cluster, space: str) -> None:
    meta = {"namespace": space, "name": "held", "finalizers": ["example.org/hold"]}
    _, made = asked.made(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    with pytest.raises(ProviderRefused, match=r"^timed out waiting for the condition$"):
        asked.delete(CONFIG_MAP, made, timeout=1)
    assert asked.said == [("warning", "finalizers might be preventing deletion (example.org/hold)")]
    patch = json.dumps({"metadata": {"finalizers": None}})
    free = threading.Timer(
        0.5, lambda: cluster.kubectl("patch", "cm", "held", "-n", space, "--type=merge", "-p", patch)
    )
    free.start()
    asked.delete(CONFIG_MAP, made)
    free.join()
    assert cluster.kubectl("get", "cm", "held", "-n", space, "--ignore-not-found") == ""


def test_a_cancelled_provider_waits_no_longer(asked: Asked, cluster: Cluster, space: str) -> None:
    meta = {"namespace": space, "name": "stuck", "finalizers": ["example.org/hold"]}
    _, made = asked.made(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})

    async def both() -> None:
        asyncio.get_running_loop().call_later(0.5, asked.provider._cancel.set)
        await asked.provider.delete(
            f"urn:pulumi:dev::tests::{CONFIG_MAP}::x", str(made.id), {}, made.outputs, timeout=0
        )

    with pytest.raises(ProviderRefused, match=r"^context canceled$"):
        asked.run(both())
    cluster.kubectl("patch", "cm", "stuck", "-n", space, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')


def test_an_update_that_fails_leaves_what_there_is(asked: Asked, cluster: Cluster, space: str) -> None:
    token = "kubernetes:core/v1:Service"
    spec: dict[str, Any] = {"ports": [{"port": 80}]}
    news = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": space, "name": "s"}, "spec": spec}
    inputs, made = asked.made(token, news)
    broken = {**inputs, "spec": {**spec, "ports": [{"port": 99999}]}}
    with pytest.raises(PartialFailure) as caught:
        asked.update(token, made, broken)
    failure = caught.value.made
    assert failure.id == f"{space}/s"
    assert failure.outputs["spec"]["ports"][0]["port"] == 80
    assert failure.outputs["__inputs"]["spec"]["ports"][0]["port"] == 99999
    assert len(failure.init_errors) == 1
    assert str(caught.value).startswith("1 error occurred:\n\t* the Kubernetes API server reported that")


def test_what_is_asked_for_by_an_id_and_is_not_there_is_said(asked: Asked, space: str) -> None:
    with pytest.raises(ProviderRefused, match=f"^resource '{space}/nothing' does not exist$"):
        asked.read(CONFIG_MAP, f"{space}/nothing")


def test_a_plan_asks_once_for_a_namespace_that_is_not_there(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has nothing to say of objects in it, so each of a thousand need not be a question."""
    sent: list[str] = []
    whole = Api.create

    def create(self: Api, obj: dict[str, Any], **how: Any) -> Any:
        sent.append(obj["metadata"]["name"])
        return whole(self, obj, **how)

    monkeypatch.setattr(Api, "create", create)
    for number in range(3):
        name = f"map{number}"
        news = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "not-there"}}
        inputs = asked.check("kubernetes:core/v1:ConfigMap", news, name=name)
        asked.create("kubernetes:core/v1:ConfigMap", inputs, preview=True)
    assert sent == ["map0"]
