"""cert-manager: certificates by self-signed and CA issuers, for Gateways and Ingresses that ask for one too.

There is a ClusterIssuer ISSUER, which signs with an authority of the add-on's own; its certificate is in the Secret
ISSUER in the namespace NAMESPACE.
"""

from pathlib import Path
from typing import Any

from tests.cluster.addons import manifests
from tests.cluster.control import ControlPlane
from tests.cluster.kubernetes import Say
from tests.tools import golang

NEEDS = ("gateway_api",)  # whose kinds must be there when it starts
NAMESPACE = "cert-manager"
ISSUER = "modelport-tests"
SHOWN_BY = f"clusterissuer/{ISSUER}"
_NAME, _PORT, _HEALTH = "cert-manager", 4444, 4445
_SERVICE = "cert-manager-webhook"
_MAIN = Path(__file__).with_name("cert_manager.go")


def programs(say: Say) -> None:
    """Build it."""
    _parts(say)


def start(plane: ControlPlane) -> None:
    """Start it, and come back when ISSUER can sign."""
    plane.apply([manifests.namespace(NAMESPACE), *manifests.documents(_parts(), "deploy/crds/*.yaml")])
    plane.apply([*manifests.in_front_of(plane, NAMESPACE, _SERVICE, _PORT)])
    kinds = ("crd/certificates.cert-manager.io", "crd/clusterissuers.cert-manager.io")
    plane.kubectl("wait", *kinds, "--for=condition=Established", "--timeout=150s")
    plane.keys.sign(_SERVICE, names=[f"{_SERVICE}.{NAMESPACE}.svc", plane.node_address])
    command = [str(_parts() / "bin" / _NAME), f"--kubeconfig={plane.kubeconfig}", f"--namespace={NAMESPACE}"]
    command += [f"--webhook-port={_PORT}", f"--health-port={_HEALTH}", f"--webhook-keys={plane.keys.file(_SERVICE)}"]
    server = plane.run(_NAME, command)
    plane.until(lambda: manifests.answers(_HEALTH, "/healthz"), server)
    plane.apply([_webhook(plane, "Mutating"), _webhook(plane, "Validating")])
    plane.apply(_issuer())
    plane.kubectl("wait", SHOWN_BY, "--for=condition=Ready", "--timeout=120s")


def _webhook(plane: ControlPlane, kind: str) -> manifests.Manifest:
    """What the API server asks the webhook, as the release's chart has it."""
    mutating = kind == "Mutating"
    rule: dict[str, Any] = {"apiGroups": ["cert-manager.io"], "apiVersions": ["v1"], "operations": ["CREATE"]}
    if mutating:
        rule["resources"] = ["certificaterequests"]
    else:
        rule["apiGroups"].append("acme.cert-manager.io")
        rule["operations"].append("UPDATE")
        rule["resources"] = ["*/*"]
    place = {"name": _SERVICE, "namespace": NAMESPACE, "path": "/mutate" if mutating else "/validate"}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": _SERVICE},
        "webhooks": [
            {
                "name": "webhook.cert-manager.io",
                "rules": [rule],
                "admissionReviewVersions": ["v1"],
                "matchPolicy": "Equivalent",
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "clientConfig": {"service": place, "caBundle": manifests.authority(plane)},
            }
        ],
    }


def _issuer() -> list[manifests.Manifest]:
    """ISSUER, and the self-signed authority that it signs with."""
    group = "cert-manager.io"
    first = f"{ISSUER}-self-signed"

    def issuer(name: str, spec: dict[str, Any]) -> manifests.Manifest:
        return {"apiVersion": f"{group}/v1", "kind": "ClusterIssuer", "metadata": {"name": name}, "spec": spec}

    certificate = {
        "apiVersion": f"{group}/v1",
        "kind": "Certificate",
        "metadata": {"name": ISSUER, "namespace": NAMESPACE},
        "spec": {
            "isCA": True,
            "commonName": "modelport tests",
            "secretName": ISSUER,
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "issuerRef": {"name": first, "kind": "ClusterIssuer", "group": group},
        },
    }
    return [issuer(first, {"selfSigned": {}}), certificate, issuer(ISSUER, {"ca": {"secretName": ISSUER}})]


def _parts(say: Say = print) -> Path:
    return golang.parts(golang.CERT_MANAGER, own={_NAME: _MAIN}, keep=("deploy/crds/*.yaml",), say=say)
