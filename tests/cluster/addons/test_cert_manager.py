"""cert-manager signs for Certificates, Gateways and Ingresses, and refuses what makes no sense."""

import base64
import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509

from tests.cluster.addons import cert_manager
from tests.cluster.addons.given import Place, eventually
from tests.cluster.shared import Cluster

_GROUP = "cert-manager.io"


@pytest.fixture(autouse=True)
def _addon(cluster: Cluster) -> Iterator[None]:
    with cluster.addon("cert_manager"):
        yield


def test_an_issuer_with_an_authority_of_its_own_signs(place: Place) -> None:
    place.apply(
        _object("Issuer", "first", {"selfSigned": {}}),
        _certificate("authority", "first", isCA=True, commonName="a test's own"),
        _object("Issuer", "own", {"ca": {"secretName": "authority"}}),
        _certificate("web", "own", dnsNames=["web.example"]),
    )
    place.kubectl("wait", "certificate/web", "--for=condition=Ready", "--timeout=120s")
    secret = _secret(place, "web")
    signed, authority = (x509.load_pem_x509_certificate(secret[name]) for name in ("tls.crt", "ca.crt"))
    signed.verify_directly_issued_by(authority)
    assert authority.subject.rfc4514_string() == "CN=a test's own"
    assert _names(signed) == ["web.example"]
    assert secret["tls.key"].startswith(b"-----BEGIN")


def test_a_gateway_and_an_ingress_that_ask_for_it_get_one(place: Place) -> None:
    asks = {f"{_GROUP}/cluster-issuer": cert_manager.ISSUER}
    listener: dict[str, Any] = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "gateway.example"}
    listener["tls"] = {"mode": "Terminate", "certificateRefs": [{"name": "gateway-tls"}]}
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    place.apply(
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "Gateway",
            "metadata": {"name": "web", "annotations": asks},
            "spec": {"gatewayClassName": "nobodys", "listeners": [listener]},
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "web", "annotations": asks},
            "spec": {
                "tls": [{"hosts": ["ingress.example"], "secretName": "ingress-tls"}],
                "rules": [
                    {
                        "host": "ingress.example",
                        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
                    }
                ],
            },
        },
    )
    authority = place.cluster.kubectl(
        "get", "secret", cert_manager.ISSUER, f"--namespace={cert_manager.NAMESPACE}", r"-o=jsonpath={.data.tls\.crt}"
    )
    issuer = x509.load_pem_x509_certificate(base64.b64decode(authority))
    for kind in ("gateway", "ingress"):
        secret = eventually(functools.partial(_secret, place, f"{kind}-tls"))
        signed = x509.load_pem_x509_certificate(secret["tls.crt"])
        signed.verify_directly_issued_by(issuer)
        assert _names(signed) == [f"{kind}.example"]


def test_a_certificate_for_nothing_is_refused_before_it_is_there(place: Place) -> None:
    with pytest.raises(RuntimeError, match=re.escape('admission webhook "webhook.cert-manager.io" denied the request')):
        place.apply(_certificate("web", "own"))


def _object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _certificate(name: str, issuer: str, **spec: Any) -> dict[str, Any]:
    key = {"algorithm": "ECDSA", "size": 256}
    return _object("Certificate", name, {"secretName": name, "privateKey": key, "issuerRef": {"name": issuer}, **spec})


def _secret(place: Place, name: str) -> dict[str, bytes]:
    found = json.loads(place.kubectl("get", "secret", name, "-o=json"))["data"]
    return {key: base64.b64decode(value) for key, value in found.items()}


def _names(signed: x509.Certificate) -> list[str]:
    return signed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )
