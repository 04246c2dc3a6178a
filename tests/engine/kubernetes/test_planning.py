"""What a change of an object means: which fields, whether in place, whether the old one goes first."""

import threading
from typing import Any

import pytest

from engine.errors import ProviderRefused
from engine.providers.kubernetes import planning
from engine.providers.kubernetes.config import Settings
from engine.providers.kubernetes.lookups import invoke
from engine.providers.kubernetes.session import Session
from engine.values import UNKNOWN, Props
from tests.engine.kubernetes.asking import urn


def session(**told: Any) -> Session:
    """A session without a cluster: planning needs none."""

    def say(severity: str, text: str, urn: str, *, ephemeral: bool = False) -> None:
        told_user.append((severity, text))

    told_user: list[tuple[str, str]] = []
    return Session(Settings(**told), say, threading.Event())


def compared(kind: str, version: str, old: dict[str, Any], new: dict[str, Any], **told: Any) -> Any:
    """How an object changes that was made with `old` and is wanted as `new`; both without their identity."""
    where = {} if kind == "StorageClass" else {"namespace": "here"}
    who = {"apiVersion": version, "kind": kind, "metadata": {"name": "it", **where}}
    group = version if "/" in version else f"core/{version}"
    before: Props = {**who, **old}
    outputs: Props = {**before, "__inputs": before}
    return planning.diff(session(**told), urn(f"kubernetes:{group}:{kind}"), before, outputs, {**who, **new}, [])


POD = {"containers": [{"name": "m", "image": "one"}]}

FORCED: list[tuple[str, str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("ConfigMap", "v1", {"data": {"a": "1"}}, {"data": {"a": "2"}}, ["data.a"]),
    ("ConfigMap", "v1", {"data": {"a": "1"}}, {"data": {"a": "1", "b": "1"}}, ["data.b"]),
    ("Secret", "v1", {"type": "a/b"}, {"type": "a/c"}, ["type"]),
    ("Service", "v1", {"spec": {"clusterIP": "10.0.0.1"}}, {"spec": {"clusterIP": "None"}}, ["spec.clusterIP"]),
    ("Service", "v1", {"spec": {"type": "ClusterIP"}}, {"spec": {"type": "NodePort"}}, []),
    (
        "Pod",
        "v1",
        {"spec": POD},
        {"spec": {"containers": [{"name": "m", "image": "two"}]}},
        ["spec.containers[0].image"],
    ),
    (
        "Deployment",
        "apps/v1",
        {"spec": {"selector": {"matchLabels": {"a": "1"}}, "replicas": 1}},
        {"spec": {"selector": {"matchLabels": {"a": "2"}}, "replicas": 2}},
        ["spec.selector.matchLabels.a"],
    ),
    ("StatefulSet", "apps/v1", {"spec": {"serviceName": "a"}}, {"spec": {"serviceName": "b"}}, ["spec.serviceName"]),
    ("StatefulSet", "apps/v1", {"spec": {"replicas": 1}}, {"spec": {"replicas": 2}}, []),
    (
        "Job",
        "batch/v1",
        {"spec": {"template": {"spec": POD}}},
        {"spec": {"template": {"spec": {**POD, "restartPolicy": "Never"}}}},
        ["spec.template.spec.restartPolicy"],
    ),
    (
        "PersistentVolumeClaim",
        "v1",
        {"spec": {"storageClassName": "a", "resources": {"requests": {"storage": "1Gi"}}}},
        {"spec": {"storageClassName": "b", "resources": {"requests": {"storage": "2Gi"}}}},
        ["spec.storageClassName"],
    ),
    (
        "RoleBinding",
        "rbac.authorization.k8s.io/v1",
        {"roleRef": {"kind": "Role", "name": "a"}},
        {"roleRef": {"kind": "Role", "name": "b"}},
        ["roleRef.name"],
    ),
    ("StorageClass", "storage.k8s.io/v1", {"parameters": {"a": "1"}}, {"parameters": {"a": "2"}}, ["parameters.a"]),
    ("Widget", "example.org/v1", {"spec": {"selector": "a"}}, {"spec": {"selector": "b"}}, []),
]


@pytest.mark.parametrize(("kind", "version", "old", "new", "replaces"), FORCED)
def test_a_field_that_cannot_change_replaces_the_object(
    kind: str, version: str, old: dict[str, Any], new: dict[str, Any], replaces: list[str]
) -> None:
    diff = compared(kind, version, old, new)
    assert (diff.changes, diff.replaces, diff.delete_first) == (True, replaces, bool(replaces))


def test_a_config_map_may_be_told_to_change_in_place_unless_it_is_immutable() -> None:
    old, new = {"data": {"a": "1"}}, {"data": {"a": "2"}}
    assert compared("ConfigMap", "v1", old, new, config_map_mutable=True).replaces == []
    fixed = {"immutable": True}
    assert compared("ConfigMap", "v1", {**old, **fixed}, {**new, **fixed}, config_map_mutable=True).replaces == [
        "data.a"
    ]


def test_paths_and_kinds_of_changes() -> None:
    old = {
        "metadata": {"name": "it", "namespace": "here", "labels": {"a.b/c": "1", "gone": "1"}},
        "spec": {"l": [{"a": 1}, 2]},
    }
    new = {
        "metadata": {"name": "it", "namespace": "here", "labels": {"a.b/c": "2"}},
        "spec": {"l": [{"a": 2}], "n": UNKNOWN},
    }
    diff = compared("Widget", "example.org/v1", old, new)
    assert {path: (change.kind, change.input) for path, change in diff.detailed.items()} == {
        'metadata.labels["a.b/c"]': ("update", False),
        "metadata.labels.gone": ("delete", True),
        "spec.l[0].a": ("update", False),
        "spec.l[1]": ("delete", True),
        "spec.n": ("add", False),
    }


def test_where_an_object_is_not_known_yet_its_fields_go() -> None:
    old = {"data": {"a": "1", "b": "2"}, "metadata": {"labels": {"x": "1"}, "name": "it", "namespace": "here"}}
    new = {"data": UNKNOWN, "metadata": {"labels": {"x": UNKNOWN}, "name": "it", "namespace": "here"}}
    diff = compared("ConfigMap", "v1", old, new)
    assert {path: change.kind for path, change in diff.detailed.items()} == {
        "data.a": "delete-replace",
        "data.b": "delete-replace",
        "metadata.labels.x": "update",
    }


def test_numbers_are_compared_by_value() -> None:
    assert compared("Widget", "example.org/v1", {"spec": {"n": 1}}, {"spec": {"n": 1.0}}).changes is False
    assert compared("Widget", "example.org/v1", {"spec": {"n": 1}}, {"spec": {"n": True}}).changes is True


def test_a_name_is_made_once_and_inherited() -> None:
    token = urn("kubernetes:core/v1:ConfigMap", "auto")
    news: Props = {"apiVersion": "v1", "kind": "ConfigMap"}
    first = planning.check(session(), token, {}, news, b"seed")
    assert first == planning.check(session(), token, {}, news, b"seed")
    assert first["metadata"]["name"] != planning.check(session(), token, {}, news, b"other")["metadata"]["name"]
    assert planning.check(session(), token, first, news, b"third") == first
    given: Props = {**news, "metadata": {"name": "mine"}}
    assert planning.check(session(), token, first, given, b"s")["metadata"] == {"name": "mine"}


def test_a_generated_name_is_refused() -> None:
    news: Props = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}
    with pytest.raises(ProviderRefused, match=r"the `\.metadata\.generateName` field is not supported in Server-Side"):
        planning.check(session(), urn("kubernetes:core/v1:ConfigMap"), {}, news, b"")


MANIFEST = """
apiVersion: v1
kind: ConfigMap
metadata: {name: a, labels: {day: 2020-01-01, 1: "yes"}}
---
# nothing
---
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
---
no: kind
"""


def test_a_manifest_is_taken_apart() -> None:
    args: Props = {"text": MANIFEST, "defaultNamespace": "here"}
    assert invoke(session(), "kubernetes:yaml:decode", args) == {
        "result": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "a", "labels": {"day": "2020-01-01", "1": "yes"}, "namespace": "here"},
            },
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}},
        ]
    }


def test_a_chart_needs_helm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ProviderRefused, match="needs the program 'helm', which is not on PATH"):
        invoke(session(), "kubernetes:helm:template", {"jsonOpts": '{"chart": "web"}'})


def test_an_unknown_look_up_is_refused() -> None:
    with pytest.raises(ProviderRefused, match='unknown Invoke token "kubernetes:index:nothing"'):
        invoke(session(), "kubernetes:index:nothing", {})


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("kubernetes:core/v1:ConfigMapList", "Use the underlying resource type instead"),
        ("kubernetes:helm.sh/v3:Release", "a Helm release needs the official plugin"),
        ("kubernetes:nothing:Thing", "apiVersion does not have both a group and a version"),
    ],
)
def test_what_is_no_object_is_refused(token: str, why: str) -> None:
    with pytest.raises(ProviderRefused, match=why):
        planning.check(session(), urn(token), {}, {"metadata": {"name": "x"}}, b"")
