"""From a Service to the pods behind it, and from a Secret to a certificate."""

import base64

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.cluster.gateway.table import Backend
from tests.cluster.gateway.watching import World


def backend(world: World, namespace: str, name: str, port: int | str) -> Backend | None:
    """The Service's port, by number or name; None where there is no such thing."""
    service = world.get("Service", namespace, name)
    ports = (service or {}).get("spec", {}).get("ports", [])
    known = next((each for each in ports if port in (each["port"], each.get("name"))), None)
    if known is None:
        return None
    return Backend(namespace, name, int(known["port"]), _endpoints(world, namespace, name, known.get("name", "")))


def _endpoints(world: World, namespace: str, name: str, port: str) -> tuple[str, ...]:
    ready: set[str] = set()
    ending: set[str] = set()
    for part in world.all("EndpointSlice"):
        labels = part["metadata"].get("labels", {})
        if part["metadata"]["namespace"] != namespace or labels.get("kubernetes.io/service-name") != name:
            continue
        number = next((each.get("port") for each in part.get("ports") or [] if each.get("name", "") == port), None)
        for endpoint in (part.get("endpoints") or []) if number else []:
            conditions = endpoint.get("conditions", {})
            addresses = {f"{address}:{number}" for address in endpoint["addresses"]}
            if conditions.get("ready", True):
                ready |= addresses
            elif conditions.get("serving") and conditions.get("terminating"):
                ending |= addresses
    # A pod that is told to end still answers: better than nobody, as kube-proxy has it.
    return tuple(sorted(ready or ending))


def certificate(world: World, namespace: str, name: str) -> str | None:
    """Certificate, chain and key of a TLS Secret, None where it is missing or spoilt."""
    secret = world.get("Secret", namespace, name)
    data = (secret or {}).get("data") or {}
    try:
        chain, key = (base64.b64decode(data[part]) for part in ("tls.crt", "tls.key"))
        # One that does not fit its key would keep HAProxy from taking any configuration at all.
        public = serialization.load_pem_private_key(key, None).public_key()
        fits = x509.load_pem_x509_certificate(chain).public_key() == public
    except (KeyError, ValueError, TypeError):
        return None
    return f"{chain.decode().strip()}\n{key.decode().strip()}\n" if fits else None
