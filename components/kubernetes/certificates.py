"""Certificates by cert-manager: from an issuer that is there, or from an authority made for one service."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions.CustomResource import CustomResource

from components.kubernetes import access, names, objects
from components.kubernetes.issued import IssuedSecret
from components.kubernetes.service import AT_ONCE
from components.kubernetes.watched import Watched
from components.kubernetes.watching import CERTIFICATES

_API = "cert-manager.io/v1"
_READY = {"pulumi.com/waitFor": "condition=Ready"}
TIMEOUT = 600
"""Seconds after which a wait ends that shows no mistake: authorities elsewhere and a cloud's addresses take minutes."""
_KEY = {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}


def secret(name: str) -> str:
    """The Secret with the certificate of the service `name`."""
    return f"{name}-tls"


def certificate(
    name: str,
    namespace: pulumi.Input[str],
    hosts: Sequence[pulumi.Input[str]],
    issuer: dict[str, Any] | None,
    parent: pulumi.Resource,
    reached: Mapping[str, Any] | None = None,
) -> Watched:
    """A certificate for `hosts` in the Secret `secret(name)`, waited for; the Secret goes after the certificate.

    issuer: kind and name of one that is there. None makes an authority of the service's own, which no client knows
    until it is given the certificate in `ca.crt` of that Secret. reached: `access.where` of the arguments.
    """
    where = {"namespace": namespace, **(reached or access.where({}))}
    child = _issued(secret(name), name, where, parent)
    if issuer is None:
        issuer, authority = _authority(name, where, parent)
        child = pulumi.ResourceOptions.merge(child, authority)
    spec: dict[str, Any] = {
        "secretName": secret(name),
        "secretTemplate": {"labels": names.labels(name)},
        "dnsNames": list(hosts),
        "issuerRef": {**issuer, "group": "cert-manager.io"},
        "privateKey": _KEY,
        "usages": ["server auth"],
    }
    made = _made(name, "Certificate", namespace, name, spec, child, waits=AT_ONCE)
    return watched(f"{name}-certificate", CERTIFICATES, name, where, spec, _beside(parent, made))


def watched(
    resource: str, kind: str, name: str, where: Mapping[str, Any], content: Any, options: pulumi.ResourceOptions
) -> Watched:
    """The wait for an object. where: its namespace, and `access.where`. content: what is in it."""
    given = {**where, "kind": kind, "object": name, "timeout": TIMEOUT, "content": objects.content(content)}
    return Watched(resource, given, options)


def _beside(parent: pulumi.Resource, made: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(parent=parent, depends_on=[made])


def _issued(called: str, certificate: str, where: dict[str, Any], parent: pulumi.Resource) -> pulumi.ResourceOptions:
    """The options of a certificate whose Secret is taken away after it."""
    given = {**where, "secret": called, "certificate": certificate}
    kept = IssuedSecret(called, given, pulumi.ResourceOptions(parent=parent))
    return pulumi.ResourceOptions(parent=parent, depends_on=[kept])


def _authority(
    name: str, where: dict[str, Any], parent: pulumi.Resource
) -> tuple[dict[str, Any], pulumi.ResourceOptions]:
    namespace: pulumi.Input[str] = where["namespace"]
    root, own = f"{name}-self-signed", f"{name}-ca"
    child = pulumi.ResourceOptions(parent=parent)
    first = _made(root, "Issuer", namespace, name, {"selfSigned": {}}, child)
    authority: dict[str, Any] = {
        "isCA": True,
        "commonName": own,
        "secretName": own,
        "secretTemplate": {"labels": names.labels(name)},
        "privateKey": _KEY,
        "duration": "87600h",
        "issuerRef": {"kind": "Issuer", "name": root, "group": "cert-manager.io"},
    }
    child = pulumi.ResourceOptions.merge(
        _issued(own, own, where, parent), pulumi.ResourceOptions(parent=parent, depends_on=[first])
    )
    signed = _made(own, "Certificate", namespace, name, authority, child)
    child = pulumi.ResourceOptions(parent=parent, depends_on=[signed])
    issuer = _made(f"{own}-issuer", "Issuer", namespace, name, {"ca": {"secretName": own}}, child, called=own)
    return {"kind": "Issuer", "name": own}, pulumi.ResourceOptions(parent=parent, depends_on=[issuer])


def _made(
    resource: str,
    kind: str,
    namespace: pulumi.Input[str],
    name: str,
    spec: dict[str, Any],
    options: pulumi.ResourceOptions,
    called: str = "",
    waits: Mapping[str, str] = _READY,
) -> CustomResource:
    about: Any = {"name": called or resource, "namespace": namespace, "labels": names.labels(name)}
    return CustomResource(
        resource,
        api_version=_API,
        kind=kind,
        metadata={**about, "annotations": dict(waits)},
        spec=spec,
        opts=options,
    )
