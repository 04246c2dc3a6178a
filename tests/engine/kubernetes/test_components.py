"""Manifests as components: which objects they hold, in what order, and what is refused; and one in a cluster."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine
from engine.errors import ProviderRefused
from engine.protocol import provider_pb2
from engine.providers.kubernetes.arranging import arranged
from engine.providers.kubernetes.components import _READERS, _complete, construct
from engine.providers.kubernetes.config import Settings
from engine.providers.kubernetes.session import Session
from tests.cluster.shared import Cluster

GROUP = "kubernetes:yaml/v2:ConfigGroup"
FILE = "kubernetes:yaml/v2:ConfigFile"


def thing(kind: str, name: str, space: str = "", version: str = "v1", **more: Any) -> dict[str, Any]:
    meta = {"name": name, **({"namespace": space} if space else {}), **more.pop("metadata", {})}
    return {"apiVersion": version, "kind": kind, "metadata": meta, **more}


def shown(objects: list[dict[str, Any]]) -> list[tuple[str, list[int]]]:
    return [(f"{one['kind']} {one['metadata']['name']}", needs) for one, needs in arranged(objects)]


def test_what_others_need_comes_first_and_they_wait_for_it() -> None:
    definition = thing(
        "CustomResourceDefinition",
        "kettles.example.org",
        version="apiextensions.k8s.io/v1",
        spec={"group": "example.org", "names": {"kind": "Kettle"}, "scope": "Namespaced"},
    )
    found = shown(
        [
            thing("Kettle", "small", "home", "example.org/v1"),
            thing("Deployment", "web", "home", "apps/v1"),
            thing("Service", "web", "home"),
            thing("ConfigMap", "b", "elsewhere"),
            thing("ConfigMap", "a", "elsewhere"),
            definition,
            thing("Namespace", "home"),
        ]
    )
    assert found == [
        ("Namespace home", []),
        ("CustomResourceDefinition kettles.example.org", []),
        ("ConfigMap a", []),
        ("ConfigMap b", []),
        ("Service web", [0]),
        ("Deployment web", [0]),
        ("Kettle small", [1, 0]),
    ]


def test_an_annotation_says_what_an_object_waits_for() -> None:
    after = {"annotations": {"config.kubernetes.io/depends-on": "/namespaces/x/Secret/s, apps/Thing/t"}}
    found = shown(
        [thing("ConfigMap", "c", "x", metadata=after), thing("Secret", "s", "x"), thing("Thing", "t", "", "apps/v1")]
    )
    assert found == [("Secret s", []), ("Thing t", []), ("ConfigMap c", [0, 1])]


@pytest.mark.parametrize(
    ("told", "words"), [("/ConfigMap/other", "external dependency"), ("nonsense", "expected GROUP/KIND/NAME")]
)
def test_what_an_annotation_cannot_mean_is_refused(told: str, words: str) -> None:
    one = thing("ConfigMap", "c", metadata={"annotations": {"config.kubernetes.io/depends-on": told}})
    with pytest.raises(ProviderRefused, match=words):
        arranged([one])


def test_a_circle_is_refused() -> None:
    def after(other: str) -> dict[str, Any]:
        return {"annotations": {"config.kubernetes.io/depends-on": f"/ConfigMap/{other}"}}

    with pytest.raises(ProviderRefused, match="cyclic dependency between objects of the manifest: ConfigMap a, Conf"):
        arranged([thing("ConfigMap", "a", metadata=after("b")), thing("ConfigMap", "b", metadata=after("a"))])


def objects(token: str, **values: Any) -> list[dict[str, Any]]:
    session = Session(Settings(), lambda *_args, **_more: None, namespace="usual")
    return _complete(session, _READERS[token](values))


def test_lists_are_taken_apart_and_namespaces_filled_in(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\n\n---\n# nothing\n")
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: core/v1, kind: ConfigMap, metadata: {name: one}}\n"
        "- {apiVersion: v1, kind: Secret, metadata: {name: two, namespace: x}}\n"
    )
    given = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}}]
    found = objects(GROUP, files=[f"{tmp_path}/*.yaml"], objs=given)
    assert found == [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "namespace": "usual"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "two", "namespace": "x"}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three", "namespace": "usual"}},
    ]
    assert given == [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "three"}}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: ConfigMap", r"require a kind and apiVersion: `\{\"kind\":\"ConfigMap\"\}`"),
        ("{kind: ConfigMap, apiVersion: v1}", r"require a \.metadata\.name"),
        ("a: [", "decoding YAML"),
    ],
)
def test_what_is_no_object_is_refused(text: str, words: str) -> None:
    with pytest.raises(ProviderRefused, match=words):
        objects(GROUP, yaml=text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderRefused, match=r"open .*absent\.yaml: no such file or directory"):
        objects(FILE, file=str(tmp_path / "absent.yaml"))


PROGRAM = """\
import pulumi
import pulumi_kubernetes as k

provider = k.Provider("here", kubeconfig={kubeconfig!r})
group = k.yaml.v2.ConfigGroup(
    "some",
    yaml='''
apiVersion: v1
kind: Secret
metadata: {{name: pin, namespace: {space}}}
stringData: {{pin: "1234"}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: {space}}}
''',
    opts=pulumi.ResourceOptions(provider=provider),
)
pulumi.export("made", group.resources.apply(len))
"""


def test_every_object_of_a_manifest_is_a_child_in_the_state(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "words")
    space = f"manifest-{uuid.uuid4().hex[:8]}"
    project = tmp_path / "project"
    project.mkdir()
    (tmp_path / "backend").mkdir()
    (project / "Pulumi.yaml").write_text("name: manifest\nruntime: python\n")
    (project / "__main__.py").write_text(PROGRAM.format(kubeconfig=str(cluster.kubeconfig), space=space))
    engine = Engine(project, "dev", f"file://{tmp_path / 'backend'}")
    engine.init()
    engine.up()
    assert engine.outputs() == {"made": 2}
    state = engine.export(show_secrets=True)
    found = {one["urn"].rpartition("::")[2]: one for one in state["deployment"]["resources"]}
    some, pin, home = (found[name] for name in ("some", f"some:{space}/pin", f"some:{space}"))
    assert (pin["parent"], home["parent"]) == (some["urn"], some["urn"])
    assert pin["dependencies"] == [home["urn"]]
    assert pin["provider"] == home["provider"] == f"{found['here']['urn']}::{found['here']['id']}"
    assert pin["inputs"]["data"]["plaintext"] == '{"pin":"MTIzNA=="}'
    engine.destroy()
    assert cluster.kubectl("get", "namespace", space, "--ignore-not-found") == ""


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("kubernetes:helm.sh/v4:Chart", "needs the official plugin, expected pulumi-resource-kubernetes on PATH"),
        ("kubernetes:other/v1:Thing", 'unknown resource type "kubernetes:other/v1:Thing"'),
    ],
)
def test_a_component_that_is_not_made_here_is_refused_before_anything_is_asked(token: str, words: str) -> None:
    session = Session(Settings(), lambda *_args, **_more: None)
    with pytest.raises(ProviderRefused, match=words):
        asyncio.run(construct(session, provider_pb2.ConstructRequest(type=token, name="a")))
