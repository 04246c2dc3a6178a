"""What a wait for a gateway, a certificate or an ingress sees, told by what their controllers write into them."""

from typing import Any

import pytest

from components.kubernetes import watching

Json = dict[str, Any]


def thing(kind: str, spec: Json, *conditions: Json, **status: Any) -> Json:
    about = {"name": "digits", "namespace": "shop", "generation": 2}
    return {"kind": kind, "metadata": about, "spec": spec, "status": {"conditions": list(conditions), **status}}


def condition(kind: str, status: str, reason: str = "", message: str = "", seen: int = 2) -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": seen}


def gateway(*conditions: Json, **status: Any) -> Json:
    return thing("Gateway", {"gatewayClassName": "models"}, *conditions, **status)


def certificate(*conditions: Json) -> Json:
    return thing("Certificate", {"issuerRef": {"kind": "ClusterIssuer", "name": "nope"}}, *conditions)


ACCEPTED = condition("Accepted", "True")


@pytest.mark.parametrize(
    ("found", "text", "patience"),
    [
        (gateway(), "no controller has taken it (its class is models)", watching.UNSEEN),
        (
            gateway(condition("Accepted", "Unknown", "Pending", "Waiting for controller")),
            "no controller has taken it (its class is models)",
            watching.UNSEEN,
        ),
        (
            gateway(condition("Accepted", "True", seen=1), condition("Programmed", "True", seen=1)),
            "no controller has taken it (its class is models)",
            watching.UNSEEN,
        ),
        (gateway(condition("Accepted", "False", "Invalid", "no port")), "Invalid: no port", watching.PATIENCE),
        (gateway(ACCEPTED), "it is taken, and not programmed yet", None),
        (
            gateway(ACCEPTED, condition("Programmed", "False", "AddressNotAssigned", "the cloud gave none")),
            "AddressNotAssigned: the cloud gave none",
            None,
        ),
    ],
)
def test_a_gateway_is_told_by_its_conditions(found: Json, text: str, patience: float | None) -> None:
    sight = watching.gateway(found)
    assert (sight.ready, sight.text, sight.patience) == (False, text, patience)


def test_a_gateway_that_is_programmed_is_ready() -> None:
    assert watching.gateway(gateway(ACCEPTED, condition("Programmed", "True"))).ready


def test_a_certificate_is_told_by_its_newest_request() -> None:
    waits = certificate(condition("Ready", "False", "DoesNotExist", "the Secret does not exist"))
    lost = thing(
        "CertificateRequest", {}, condition("Ready", "False", "Pending", 'Referenced "ClusterIssuer" not found')
    )
    asked = thing("CertificateRequest", {}, condition("Ready", "False", "Pending", "Waiting on order digits-1"))
    refused = thing("CertificateRequest", {}, condition("Denied", "True", "policy.example.com", "not this name"))
    of = " (its issuer is ClusterIssuer nope)"
    seen = [watching.certificate(waits, requests) for requests in ([], [asked, lost], [lost, asked], [refused])]
    assert [(each.text, each.patience) for each in seen] == [
        ("DoesNotExist: the Secret does not exist", None),
        (f'Pending: Referenced "ClusterIssuer" not found{of}', watching.PATIENCE),
        (f"Pending: Waiting on order digits-1{of}", None),
        (f"policy.example.com: not this name{of}", watching.PATIENCE),
    ]
    assert watching.certificate(certificate(), []).patience == watching.UNSEEN
    assert watching.certificate(certificate(condition("Ready", "True", seen=1)), []).ready is False
    assert watching.certificate(certificate(condition("Ready", "True")), [lost]).ready


@pytest.mark.parametrize(
    ("point", "address"), [({"ip": "10.1.2.3"}, "10.1.2.3"), ({"hostname": "lb.example.com"}, "lb.example.com")]
)
def test_an_ingress_is_ready_where_it_has_an_address(point: Json, address: str) -> None:
    without = thing("Ingress", {"ingressClassName": "models"}, loadBalancer={})
    assert watching.ingress(without).text == "no controller gave it an address (its class is models)"
    found = thing("Ingress", {}, loadBalancer={"ingress": [point]})
    assert (watching.ingress(found).ready, watching.address(found)) == (True, address)


def test_the_address_of_a_gateway() -> None:
    assert watching.address(gateway(addresses=[{"type": "IPAddress", "value": "10.1.2.3"}])) == "10.1.2.3"
    assert watching.address(gateway()) == ""
