"""How the providers of dynamic resources find their cluster, one that is made by the same program among them."""

import base64
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.kubernetes import ModelService, access
from components.kubernetes.autoscaler import ModelAutoscaler
from components.kubernetes.errors import Unreachable
from components.kubernetes.issued import IssuedSecretProvider
from components.kubernetes.load_balancer import ModelGateway
from components.kubernetes.release import Release, ReleaseProvider
from components.kubernetes.server import ModelServerProvider
from components.kubernetes.watched import WatchedProvider
from tests.components.planned import UNKNOWN, Plan, plan

IMAGE = "registry.example.com/team/digits@sha256:" + "a1" * 32
PROVIDERS = {
    "ModelServer": ModelServerProvider,
    "Watched": WatchedProvider,
    "IssuedSecret": IssuedSecretProvider,
    "Release": ReleaseProvider,
}


def kubeconfig(**user: Any) -> str:
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "made",
        "contexts": [{"name": "made", "context": {"cluster": "made", "user": "made"}}],
        "clusters": [{"name": "made", "cluster": {"server": "http://made.example.com:6443"}}],
        "users": [{"name": "made", "user": user or {"token": "not told"}}],
    }
    return json.dumps(whole)


def planned(**reached: Any) -> Plan:
    """All that asks the API server itself."""

    def program() -> None:
        args: Any = {"namespace": "shop", "image": IMAGE, "activated": True, "autoscaled": True, **reached}
        ModelService("digits", args)
        scaled: Any = {"image": IMAGE, **reached}
        ModelAutoscaler("digits", {"namespace": "shop", "service": "digits", "max": 3, "min": 0, "activator": scaled})
        gate: Any = {
            "namespace": "shop",
            "service": "digits",
            "hostname": "a.example.com",
            "class_name": "c",
            **reached,
        }
        ModelGateway("digits", {**gate, **reached})
        release: Any = {"namespace": "shop", "service": "digits", "candidate": IMAGE, "template": {}, **reached}
        Release("digits", release)

    return plan(program)


def asking(found: Plan) -> list[dict[str, Any]]:
    """Inputs of each dynamic resource."""
    ordered = sorted(found.resources, key=lambda each: each.urn)
    return [each.inputs for each in ordered if "__provider" in each.inputs]


def test_every_resource_that_asks_the_cluster_is_told_the_kubeconfig() -> None:
    found = asking(planned(kubeconfig=kubeconfig()))
    assert len(found) == 7
    assert [each["kubeconfig"] for each in found] == [kubeconfig()] * 7


def test_without_one_there_is_no_such_input() -> None:
    """A new input would be a line in the plan of every stack that is there."""
    assert [each for each in asking(planned()) if "kubeconfig" in each] == []
    assert access.where({}) == {"context": None}


def test_one_that_is_not_known_yet_leaves_the_rest_of_the_plan_as_it_is() -> None:
    def late() -> pulumi.Output[str]:
        never: Any = pulumi.Output.from_input(pulumi.output.UNKNOWN)
        return never

    found = asking(planned(kubeconfig=late()))
    assert [each.pop("kubeconfig") for each in found] == [UNKNOWN] * 7
    assert found == asking(planned())


@pytest.mark.parametrize("kind", PROVIDERS)
def test_another_kubeconfig_is_no_difference(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.kubernetes.release._left", lambda _: "")
    (before, *_) = (each.inputs for each in planned().resources if each.type.endswith(f":{kind}"))
    olds = {**before, "stable": IMAGE}
    for news in ({**before, "kubeconfig": kubeconfig()}, {**before, "kubeconfig": pulumi.output.UNKNOWN}):
        assert PROVIDERS[kind]().diff("shop/digits", olds, news).changes is False
        assert PROVIDERS[kind]().diff("shop/digits", {**olds, "kubeconfig": "another"}, news).changes is False


def test_a_text_goes_before_what_this_machine_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(kubeconfig().replace("made.example.com", "known.example.com"))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    assert access.opened({"context": None}).address == "http://known.example.com:6443"
    assert access.opened({"kubeconfig": kubeconfig()}).address == "http://made.example.com:6443"
    assert access.opened({"kubeconfig": kubeconfig(), "context": "made"}).address == "http://made.example.com:6443"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing of the kind", "it is no mapping"),
        ("a: [", "while parsing a flow node expected the node content"),
        (kubeconfig().replace('"current-context": "made"', '"current-context": "other"'), "other"),
        ("{}", "Expected key current-context"),
    ],
)
def test_a_text_that_is_no_kubeconfig(text: str, told: str) -> None:
    with pytest.raises(Unreachable) as raised:
        access.opened({"kubeconfig": text})
    assert raised.value.message.startswith("the kubeconfig that was given leads to no cluster (")
    assert told in raised.value.message
    assert raised.value.message.endswith("), expected the text of one; see the argument kubeconfig")


def test_a_program_that_gives_no_credentials() -> None:
    """Without this the cluster would be asked as nobody, and its refusal says nothing of why."""
    program = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "/nowhere/aws", "args": []}
    with pytest.raises(Unreachable) as raised:
        access.opened({"kubeconfig": kubeconfig(exec=program)})
    assert raised.value.message == (
        "/nowhere/aws, which the kubeconfig has give credentials, gives none, expected those of a user of the cluster; "
        "see that it is installed and that you are logged in"
    )


def test_a_program_that_gives_credentials() -> None:
    answer = {"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": "t"}}
    program = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": sys.executable,
        "args": ["-c", f"print({json.dumps(answer)!r})"],
    }
    assert access.opened({"kubeconfig": kubeconfig(exec=program)}).address == "http://made.example.com:6443"


def test_two_calls_at_once_both_have_the_clusters_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file that the client writes takes its time here, and is whole for whoever is told its name."""
    from kubernetes.config import kube_config

    def slowly(*where: Any) -> Any:
        time.sleep(0.3)
        return Path(where[0]).open(*where[1:])

    whole = json.loads(kubeconfig())
    whole["clusters"][0]["cluster"] = {
        "server": "https://made.example.com:6443",
        "certificate-authority-data": base64.b64encode(tmp_path.name.encode()).decode(),
    }
    monkeypatch.setattr(kube_config, "open", slowly, raising=False)

    def authority(_: int) -> str:
        with access.Cluster(kubeconfig=json.dumps(whole)) as cluster:
            return Path(cluster._client.configuration.ssl_ca_cert).read_text()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(authority, range(4))) == [tmp_path.name] * 4
