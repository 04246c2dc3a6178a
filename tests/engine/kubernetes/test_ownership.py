"""Who owns which field of an object: what is taken over, what is a conflict, what a Patch leaves behind."""

from typing import Any

import pytest

from engine.errors import ProviderRefused
from engine.providers.base import PartialFailure
from engine.values import Props
from tests.cluster.shared import Cluster
from tests.engine.kubernetes.asking import Asked

TOKEN = "kubernetes:core/v1:ConfigMap"
PATCH = "kubernetes:core/v1:ConfigMapPatch"


def config_map(space: str, labels: dict[str, str], **more: Any) -> Props:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": space, "name": "it", "labels": labels, **more},
    }


def labels_of(made: Any) -> Any:
    return made.outputs["metadata"]["labels"]


def managers(made: Any) -> list[str]:
    return sorted(f"{entry['manager']} {entry['operation']}" for entry in made.outputs["metadata"]["managedFields"])


def test_the_first_update_takes_the_fields_over(asked: Asked, space: str) -> None:
    _, made = asked.made(TOKEN, config_map(space, {"a": "1"}))
    assert managers(made) == ["pulumi-kubernetes Update"]
    updated = asked.update(TOKEN, made, config_map(space, {"b": "2"}))
    own = made.outputs["__fieldManager"]
    assert managers(updated) == [f"{own} Apply"]
    assert updated.outputs["__fieldManager"] == own
    assert labels_of(updated) == {"b": "2"}


def test_what_kubectl_did_is_taken_back(asked: Asked, cluster: Cluster, space: str) -> None:
    _, made = asked.made(TOKEN, config_map(space, {"a": "1"}))
    cluster.kubectl("label", "cm", "it", "-n", space, "--overwrite", "a=theirs", "more=yes")
    assert labels_of(asked.update(TOKEN, made, config_map(space, {"a": "2"}))) == {"a": "2"}


def test_a_number_of_replicas_set_by_kubectl_is_taken_back(asked: Asked, cluster: Cluster, space: str) -> None:
    token = "kubernetes:apps/v1:Deployment"
    meta = {"namespace": space, "name": "it", "annotations": {"pulumi.com/skipAwait": "true"}}
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "m", "image": "x"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": pods}
    inputs, made = asked.made(token, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})
    updated = asked.update(token, made, {**inputs, "spec": {**spec, "paused": True}})
    cluster.kubectl("scale", "deploy", "it", "-n", space, "--replicas=3")
    planned = asked.update(token, updated, inputs, preview=True)
    assert planned.outputs["spec"]["replicas"] == 0
    assert cluster.kubectl("get", "deploy", "it", "-n", space, "-o", "jsonpath={.spec.replicas}") == "3"
    again = asked.update(token, updated, inputs)
    assert again.outputs["spec"]["replicas"] == 0


def test_a_field_of_another_manager_is_a_conflict_that_names_it(asked: Asked, cluster: Cluster, space: str) -> None:
    _, made = asked.made(TOKEN, config_map(space, {"a": "1"}))
    updated = asked.update(TOKEN, made, config_map(space, {"a": "2"}))
    theirs = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"it","labels":{"a":"3"}}}'
    command = ["apply", "-n", space, "--server-side", "--force-conflicts", "--field-manager=operator", "-f", "-"]
    cluster.kubectl(*command, text=theirs)
    news = config_map(space, {"a": "4"})
    cluster.kubectl("annotate", "cm", "it", "-n", space, "kubectl-too=yes")
    with pytest.raises(ProviderRefused, match=r'conflict with "operator": \.metadata\.labels\.a'):
        asked.update(TOKEN, updated, news, preview=True)
    with pytest.raises(PartialFailure, match=r'conflict with "operator": \.metadata\.labels\.a') as caught:
        asked.update(TOKEN, updated, news)
    assert labels_of(caught.value.made) == {"a": "3"}
    assert caught.value.made.outputs["__inputs"] == news
    forced = config_map(space, {"a": "4"}, annotations={"pulumi.com/patchForce": "true"})
    assert labels_of(asked.update(TOKEN, updated, forced)) == {"a": "4"}


def test_the_provider_may_always_take_fields(cluster: Cluster, asked: Asked, space: str) -> None:
    _, made = asked.made(TOKEN, config_map(space, {"a": "1"}))
    theirs = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"it","labels":{"a":"3"}}}'
    command = ["apply", "-n", space, "--server-side", "--force-conflicts", "--field-manager=operator", "-f", "-"]
    cluster.kubectl(*command, text=theirs)
    forceful = Asked(kubeconfig=str(cluster.kubeconfig), enablePatchForce="true")
    try:
        assert labels_of(forceful.update(TOKEN, made, config_map(space, {"a": "4"}))) == {"a": "4"}
    finally:
        forceful.close()


def test_an_ignored_field_of_another_manager_stays_theirs(asked: Asked, cluster: Cluster, space: str) -> None:
    _, made = asked.made(TOKEN, config_map(space, {"b": "1"}))
    theirs = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"it","labels":{"a":"theirs"}}}'
    cluster.kubectl("apply", "-n", space, "--server-side", "--field-manager=operator", "-f", "-", text=theirs)
    news = config_map(space, {"a": "ours", "b": "2"})
    assert labels_of(asked.update(TOKEN, made, news, ignored=["metadata.labels.a"])) == {"a": "theirs", "b": "2"}


def test_what_is_ignored_counts_as_an_input_the_way_it_is_in_the_cluster(
    asked: Asked, cluster: Cluster, space: str
) -> None:
    _, made = asked.made(TOKEN, config_map(space, {"a": "1", "b": "1", "c.d/e": "1"}))
    cluster.kubectl("label", "cm", "it", "-n", space, "--overwrite", "a=2")
    news = config_map(space, {"a": "1", "b": "2", "c.d/e": "1"})
    ignored = ["metadata.labels.a", 'metadata.labels["c.d/e"]']
    updated = asked.update(TOKEN, made, news, ignored=ignored)
    assert labels_of(updated) == {"a": "2", "b": "2", "c.d/e": "1"}
    assert updated.outputs["__inputs"]["metadata"]["labels"] == {"a": "2", "b": "2", "c.d/e": "1"}


def test_a_field_manager_of_the_users_own_takes_the_place_of_the_old_one(asked: Asked, space: str) -> None:
    _, made = asked.made(TOKEN, config_map(space, {"a": "1"}))
    updated = asked.update(TOKEN, made, config_map(space, {"a": "2"}))
    named = config_map(space, {"a": "2"}, annotations={"pulumi.com/patchFieldManager": "mine"})
    again = asked.update(TOKEN, updated, named)
    assert again.outputs["__fieldManager"] == "mine"
    assert managers(asked.read(TOKEN, str(made.id), named, again.outputs)) == ["mine Apply"]


def test_a_patch_owns_its_fields_alone_and_gives_them_back(asked: Asked, cluster: Cluster, space: str) -> None:
    _, made = asked.made(TOKEN, {**config_map(space, {"a": "1"}), "data": {"x": "1"}})
    inputs = asked.check(PATCH, config_map(space, {"b": "2"}))
    patched = asked.create(PATCH, inputs)
    assert (patched.id, labels_of(patched)) == (made.id, {"a": "1", "b": "2"})
    changed = asked.update(PATCH, patched, config_map(space, {"b": "3"}))
    assert labels_of(changed) == {"a": "1", "b": "3"}
    asked.delete(PATCH, changed)
    assert labels_of(asked.read(TOKEN, str(made.id), {}, made.outputs)) == {"a": "1"}
    assert asked.read(TOKEN, str(made.id), {}, made.outputs).outputs["data"] == {"x": "1"}


def test_a_patch_needs_the_name_of_what_it_patches(asked: Asked, space: str) -> None:
    news: Props = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": space}}
    with pytest.raises(ProviderRefused, match=r"patch resources require the `\.metadata\.name` field to be set"):
        asked.check(PATCH, news)


def test_without_server_side_apply_updates_are_merged_here(cluster: Cluster, space: str) -> None:
    plain = Asked(kubeconfig=str(cluster.kubeconfig), enableServerSideApply="false")
    try:
        inputs, made = plain.made(TOKEN, config_map(space, {"a": "1", "b": "1"}))
        assert inputs["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "pulumi"
        assert made.outputs["__fieldManager"] == "pulumi-kubernetes"
        cluster.kubectl("label", "cm", "it", "-n", space, "theirs=yes")
        news = plain.check(TOKEN, config_map(space, {"a": "2"}), inputs)
        found = labels_of(plain.update(TOKEN, made, news))
        assert found == {"a": "2", "theirs": "yes", "app.kubernetes.io/managed-by": "pulumi"}
    finally:
        plain.close()
