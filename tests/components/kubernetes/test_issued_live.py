"""A gateway in a namespace of somebody else's: what it leaves there when it goes, with a real cert-manager."""

import json
import os
from pathlib import Path

import pytest

from components.kubernetes import access, watching
from components.kubernetes.errors import NotReady
from tests.cluster.gateway import CLASS
from tests.cluster.shared import Cluster
from tests.components.kubernetes.programs import Program, environ

PROGRAM = """\
import pulumi
from components.kubernetes.load_balancer import ModelGateway

given = pulumi.Config().require_object("given")
where = {"namespace": given["namespace"], "hostname": "digits.example.test", "class_name": given["service"]["class"]}
pulumi.export("url", ModelGateway("digits", {"service": "digits", **where}).url)
"""
FLEETING = ("events", "events.events.k8s.io", "endpoints")


def test_the_secrets_of_its_certificates_go_with_it(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environ(cluster).items():
        monkeypatch.setenv(key, value)
    with cluster.addon("gateway"), cluster.addon("cert_manager"):
        program = Program.make(tmp_path / "program", cluster)
        (program.path / "__main__.py").write_text(PROGRAM)
        program.write("", **{"class": os.environ.get("MODELPORT_TEST_GATEWAY_CLASS", CLASS)})
        cluster.kubectl("create", "namespace", program.namespace)
        try:
            before = there(program)
            program.up()
            made = {"secret/digits-ca", "secret/digits-tls"}
            assert made <= there(program) - before
            # One that bears the name in a label and is somebody else's.
            about = {"name": "digits-old", "labels": {"app.kubernetes.io/managed-by": "modelport"}}
            other = {"apiVersion": "v1", "kind": "Secret", "metadata": about}
            cluster.kubectl("create", "-n", program.namespace, "-f", "-", text=json.dumps(other))
            program.destroy()
            assert there(program) - before == {"secret/digits-old"}
            told_early(program, monkeypatch)
        finally:
            cluster.kubectl("delete", "namespace", program.namespace, "--wait=false")


def told_early(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway and a certificate that nobody takes are told of in their own words, shown while they are waited for."""
    monkeypatch.setattr(watching, "PATIENCE", 1.0)
    monkeypatch.setattr(watching, "UNSEEN", 1.0)
    listener = {"name": "http", "port": 80, "protocol": "HTTP"}
    wrong = [
        ("gateway.networking.k8s.io/v1", "Gateway", {"gatewayClassName": "nope", "listeners": [listener]}),
        (
            "cert-manager.io/v1",
            "Certificate",
            {"secretName": "late", "dnsNames": ["a.example"], "issuerRef": {"kind": "ClusterIssuer", "name": "nope"}},
        ),
    ]
    for version, kind, spec in wrong:
        one = {"apiVersion": version, "kind": kind, "metadata": {"name": "late"}, "spec": spec}
        program.cluster.kubectl("create", "-n", program.namespace, "-f", "-", text=json.dumps(one))
    said: list[str] = []

    def refused(kind: str) -> str:
        with access.Cluster() as cluster, pytest.raises(NotReady) as raised:
            watching.wait(cluster, program.namespace, kind, "late", timeout=60, say=said.append)
        return raised.value.message

    assert refused("gateways") == (
        f"the Gateway late in namespace {program.namespace} does not become ready: no controller has taken it "
        "(its class is nope), expected its controller to be done with it; see modelport:gateway.class_name, and that "
        "the controller of that class runs"
    )
    assert 'clusterissuer.cert-manager.io "nope" not found (its issuer is ClusterIssuer nope), expected its' in refused(
        "certificates"
    )
    assert said[0] == "waits: no controller has taken it (its class is nope)"
    assert any("not found" in each for each in said[1:])


def there(program: Program) -> set[str]:
    """All objects of the namespace."""
    return set(program.cluster.everything("-n", program.namespace, namespaced=True, without=FLEETING))
