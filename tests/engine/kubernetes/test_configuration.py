"""Which cluster the provider means, and what it does where there is none."""

import base64
import json
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.errors import ProviderRefused
from engine.providers.kubernetes import config
from engine.providers.kubernetes.session import NEEDS_CLIENT
from engine.values import UNKNOWN, Props, Secret
from tests.cluster.shared import Cluster
from tests.engine.kubernetes.asking import Asked, urn

TOKEN = "kubernetes:core/v1:ConfigMap"
NEWS: Props = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "it"}, "data": {"a": "1"}}


def reaches(**inputs: Any) -> str:
    """The namespace that a provider with these inputs puts things into, once it has reached its cluster."""
    asked = Asked(**inputs)
    try:
        assert asked.provider._session is not None
        assert asked.provider._session.cluster is not None, asked.provider._session.why
        return str(asked.check(TOKEN, NEWS)["metadata"]["namespace"])
    finally:
        asked.close()


@pytest.fixture
def content(cluster: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text())
    return found


@pytest.fixture
def nowhere() -> Iterator[dict[str, Any]]:
    """A kubeconfig of a cluster that nobody runs."""
    with socket.socket() as held:  # bound and not listening: whoever connects is refused
        held.bind(("127.0.0.1", 0))
        server = f"https://127.0.0.1:{held.getsockname()[1]}"
        yield {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": "x", "context": {"cluster": "c"}}],
            "current-context": "x",
        }


def test_a_kubeconfig_is_a_path_its_content_or_an_object(cluster: Cluster, content: dict[str, Any]) -> None:
    for form in (str(cluster.kubeconfig), yaml.safe_dump(content), json.dumps(content), Secret(json.dumps(content))):
        assert reaches(kubeconfig=form) == "default"


def test_a_tilde_is_the_home_folder(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").write_text(cluster.kubeconfig.read_text())
    assert reaches(kubeconfig="~/mine") == "default"


def test_without_one_the_environment_says_and_the_first_file_wins(
    cluster: Cluster, content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    first.write_text(yaml.safe_dump({"contexts": [_context("here", content, "one")], "current-context": "here"}))
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'absent'}:{cluster.kubeconfig}")
    assert reaches() == "one"


def _context(name: str, content: dict[str, Any], namespace: str) -> dict[str, Any]:
    known = content["contexts"][0]["context"]
    return {"name": name, "context": {**known, "namespace": namespace}}


def test_files_that_a_kubeconfig_names_lie_beside_it(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = content["clusters"][0]["cluster"]
    if "certificate-authority-data" in inside:
        (tmp_path / "ca.pem").write_bytes(base64.b64decode(inside.pop("certificate-authority-data")))
    else:
        (tmp_path / "ca.pem").write_text(Path(inside["certificate-authority"]).read_text())
    inside["certificate-authority"] = "ca.pem"
    (tmp_path / "config").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert reaches() == "default"


def test_context_cluster_and_namespace_may_be_chosen(content: dict[str, Any], nowhere: dict[str, Any]) -> None:
    content["clusters"] += nowhere["clusters"]
    content["contexts"] += [_context("second", content, "two"), *nowhere["contexts"]]
    text = json.dumps(content)
    assert reaches(kubeconfig=text, context="second") == "two"
    assert reaches(kubeconfig=text, context="second", namespace="three") == "three"
    content["contexts"][-1]["context"]["user"] = content["contexts"][0]["context"].get("user")
    real = content["clusters"][0]["name"]
    assert reaches(kubeconfig=json.dumps(content), context="x", cluster=real) == "default"


def test_an_object_without_namespaces_gets_none(cluster: Cluster) -> None:
    asked = Asked(kubeconfig=str(cluster.kubeconfig), namespace="three")
    try:
        news = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}
        assert asked.check("kubernetes:core/v1:Namespace", news) == news
    finally:
        asked.close()


# -- no cluster ------------------------------------------------------------------------------------------------------


def test_a_cluster_that_does_not_answer_can_be_planned_for_and_not_changed(nowhere: dict[str, Any]) -> None:
    asked = Asked(kubeconfig=json.dumps(nowhere))
    try:
        inputs = asked.check(TOKEN, NEWS)
        assert inputs["metadata"] == {"name": "it", "namespace": "default"}
        assert asked.create(TOKEN, inputs, preview=True).outputs == inputs
        with pytest.raises(
            ProviderRefused, match=r"^configured Kubernetes cluster is unreachable: .*connection refused"
        ):
            asked.create(TOKEN, inputs)
        with pytest.raises(ProviderRefused, match="failed to read resource state due to unreachable cluster"):
            asked.read(TOKEN, "default/it")
        severity, text = asked.said[-1]
        assert (severity, text.split(": ")[0]) == ("warning", "configured Kubernetes cluster is unreachable")
    finally:
        asked.close()


def test_what_an_unreachable_cluster_held_may_be_forgotten(nowhere: dict[str, Any]) -> None:
    asked = Asked(kubeconfig=json.dumps(nowhere), deleteUnreachable="true")
    try:
        assert asked.read(TOKEN, "default/it").id == ""
        asked.run(asked.provider.delete(urn(TOKEN), "default/it", {}, {**NEWS, "__inputs": NEWS}, timeout=0))
    finally:
        asked.close()


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"kubeconfig": "{not: [yaml"}, "failed to parse kubeconfig data in `kubernetes:config:kubeconfig`"),
        ({"kubeconfig": "words"}, "couldn't get version/kind; json parse error: json: cannot unmarshal string into Go"),
        ({"kubeconfig": '{"clusters": []}'}, "no configuration has been provided"),
        ({}, "no configuration has been provided"),
    ],
)
def test_no_kubeconfig_is_an_unreachable_cluster(
    inputs: dict[str, Any], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    asked = Asked(**inputs)
    try:
        with pytest.raises(ProviderRefused) as caught:
            asked.create(TOKEN, asked.check(TOKEN, NEWS))
        assert why in str(caught.value)
    finally:
        asked.close()


def test_a_context_that_is_not_there_is_named(cluster: Cluster) -> None:
    asked = Asked(kubeconfig=str(cluster.kubeconfig), context="absent")
    try:
        with pytest.raises(ProviderRefused, match='context "absent" does not exist'):
            asked.create(TOKEN, NEWS)
    finally:
        asked.close()


def test_a_cluster_that_is_yet_to_be_made_is_planned_for() -> None:
    asked = Asked(kubeconfig=UNKNOWN)
    try:
        assert asked.check(TOKEN, NEWS) == NEWS
        assert asked.create(TOKEN, NEWS, preview=True).outputs == NEWS
    finally:
        asked.close()


def test_a_missing_client_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("kubernetes", "kubernetes.client"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ProviderRefused) as caught:
        Asked(kubeconfig=kubeconfig("https://127.0.0.1:1"))
    assert str(caught.value) == NEEDS_CLIENT


# -- changes of the provider -----------------------------------------------------------------------------------------


def kubeconfig(server: str, **more: Any) -> str:
    return json.dumps(
        {
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": "x", "context": {"cluster": "c"}}],
            "current-context": "x",
            **more,
        }
    )


def test_another_cluster_replaces_the_provider_and_other_credentials_do_not() -> None:
    old = {"kubeconfig": Secret(kubeconfig("https://one"))}
    same = config.diff_config(old, {"kubeconfig": Secret(kubeconfig("https://one"))})
    assert same.changes is False
    renewed = config.diff_config(old, {"kubeconfig": Secret(kubeconfig("https://one", users=[{"name": "u"}]))})
    assert (renewed.changes, renewed.changed, renewed.replaces) == (True, ["kubeconfig"], [])
    other = config.diff_config(old, {"kubeconfig": Secret(kubeconfig("https://two"))})
    assert (other.changed, other.replaces) == (["kubeconfig"], ["kubeconfig"])


def test_a_cluster_identifier_decides_where_there_is_one() -> None:
    old = {"kubeconfig": kubeconfig("https://one"), "clusterIdentifier": "a"}
    moved = config.diff_config(old, {**old, "kubeconfig": kubeconfig("https://two")})
    assert (moved.changes, moved.replaces) == (True, [])
    other = config.diff_config(old, {**old, "clusterIdentifier": "b"})
    assert other.replaces == ["clusterIdentifier"]


def test_a_cluster_that_is_not_known_yet_may_be_another() -> None:
    diff = config.diff_config({"kubeconfig": kubeconfig("https://one")}, {"kubeconfig": UNKNOWN})
    assert (diff.changed, diff.replaces) == (["kubeconfig"], ["kubeconfig"])


def test_settings_come_from_the_inputs_then_from_the_environment() -> None:
    env = {"PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY": "false", "PULUMI_K8S_DELETE_UNREACHABLE": "true"}
    told = config.settings({}, env)
    assert (told.server_side_apply, told.delete_unreachable) == (False, True)
    told = config.settings({"enableServerSideApply": True, "deleteUnreachable": "false"}, env)
    assert (told.server_side_apply, told.delete_unreachable) == (True, False)
    assert config.settings({}, {}).server_side_apply is True


# -- files instead of a cluster --------------------------------------------------------------------------------------


def test_objects_may_be_written_as_files(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    asked = Asked(kubeconfig=kubeconfig("https://127.0.0.1:1"), renderYamlToDirectory=str(folder))
    try:
        name = f"it-{uuid.uuid4().hex[:6]}"
        news = {**NEWS, "metadata": {"name": name}, "data": {"a": Secret("1")}}
        made = asked.create(TOKEN, asked.check(TOKEN, news))
        file = folder / "1-manifest" / f"v1-configmap-default-{name}.yaml"
        assert yaml.safe_load(file.read_text())["data"] == {"a": "1"}
        assert file.stat().st_mode & 0o777 == 0o600
        assert asked.said[-1] == ("warning", f"rendered file {file} contains a secret value in plaintext")
        asked.delete(TOKEN, made)
        assert not file.exists()
    finally:
        asked.close()


def test_files_and_a_chosen_cluster_exclude_each_other() -> None:
    found = config.check_config({"renderYamlToDirectory": "out", "context": "x"}, env={})
    assert found == [("context", '"context" arg is not compatible with "renderYamlToDirectory" arg')]


def test_strict_mode_wants_a_provider_that_says_where_its_cluster_is() -> None:
    strict = {"strictMode": "true", "kubeconfig": "", "context": "here"}
    assert config.check_config(strict) == [("kubeconfig", 'strict mode requires Provider "kubeconfig" argument')]
    assert [reason for _, reason in config.check_config({"strictMode": "true"}, default=True)] == [
        "strict mode prohibits default provider",
        'strict mode requires Provider "kubeconfig" argument',
        'strict mode requires Provider "context" argument',
    ]
    assert config.check_config({**strict, "kubeconfig": "k"}) == []
    assert config.check_config({**strict, "strictMode": "false"}) == []


def test_a_kubeconfig_that_is_the_path_of_no_file_is_an_update_that_names_nothing() -> None:
    found = config.diff_config({"kubeconfig": '{"clusters": []}'}, {"kubeconfig": "/no/such/file"})
    assert (found.changes, found.changed, found.replaces) == (True, [], [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not: [a config", "yaml: line 1: did not find expected ',' or ']'"),
        ("a: b: c", "yaml: mapping values are not allowed in this context"),
        ("x: y\na: b: c", "yaml: line 2: mapping values are not allowed in this context"),
    ],
)
def test_what_is_wrong_with_a_kubeconfig_is_said_by_line(text: str, words: str) -> None:
    with pytest.raises(config.ConfigProblem) as caught:
        config.load(text)
    assert str(caught.value) == words
