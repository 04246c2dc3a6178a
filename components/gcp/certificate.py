"""Certificates for the names of a load balancer: of Certificate Manager, proven by DNS, or one that is there."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi
from pulumi_gcp.certificatemanager.certificate import Certificate
from pulumi_gcp.certificatemanager.certificate_map import CertificateMap
from pulumi_gcp.certificatemanager.certificate_map_entry import CertificateMapEntry
from pulumi_gcp.certificatemanager.dns_authorization import DnsAuthorization
from pulumi_gcp.dns.record_set import RecordSet

from components.gcp.labels import Labels

CERTIFICATE: Final = r"projects/[a-z][a-z0-9.:-]{4,61}/locations/global/certificates/[a-zA-Z][\w-]{0,63}"
"""Whole names of certificates (Certificate Manager's API, 2026-11-22)."""
TTL: Final = 300
_SERVICE = "//certificatemanager.googleapis.com/"


def of(
    name: str,
    host: str,
    *,
    project: str,
    zone: pulumi.Input[str] | None,
    elsewhere: list[Any],
    labels: Labels,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """The whole name of a certificate for `host`, which Google issues once it has seen that the zone is ours.

    zone: in Cloud DNS. Where there is none, the record that Google looks for is put into `elsewhere`.
    Each name has its own: one for several would be made anew with every other name, and while Google issues that,
    nobody has an answer.
    """
    called = f"{name}-{host}"
    proof = DnsAuthorization(
        called,
        name=_called(name, host),
        project=project,
        domain=host,
        # A record of this project's alone: whoever else proves the name, by `_acme-challenge`, keeps theirs.
        type="PER_PROJECT_RECORD",
        labels=labels.all(),
        opts=opts,
    )
    records: list[pulumi.Resource] = []
    if zone is None:
        elsewhere.append({word: _told(proof, word) for word in ("name", "type", "data")})
    else:
        records.append(_record(f"{name}-validation-{host}", proof, project, zone, opts))
    made = Certificate(
        called,
        name=_called(name, host),
        project=project,
        description=f"Certificate of {host}",
        managed={"domains": [host], "dns_authorizations": [proof.id]},
        labels=labels.all(),
        # What Google looks for is there when it first looks; elsewhere it looks again.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=records)),
    )
    return made.id


def mapped(
    name: str,
    certificates: Mapping[str, pulumi.Input[str]],
    *,
    project: str,
    labels: Labels,
    opts: pulumi.ResourceOptions,
) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
    """What a proxy is told of the certificates, and the entries: one for each host, and none for any other name.

    A global external proxy takes certificates of Certificate Manager by a map alone (Compute Engine's API,
    TargetHttpsProxy, 2026-11-22).
    """
    whole = CertificateMap(name, project=project, description=f"Certificates of {name}", labels=labels.all(), opts=opts)
    entries: list[pulumi.Resource] = [
        CertificateMapEntry(
            f"{name}-{host}",
            name=_called(name, host),
            project=project,
            map=whole.name,
            hostname=host,
            certificates=[certificate],
            labels=labels.all(),
            opts=opts,
        )
        for host, certificate in certificates.items()
    ]
    return whole.id.apply(lambda known: f"{_SERVICE}{known}"), entries


def _record(
    called: str,
    proof: DnsAuthorization,
    project: str,
    zone: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> RecordSet:
    """What Google looks for in the zone, now and each time it renews the certificate."""
    return RecordSet(
        called,
        project=project,
        managed_zone=zone,
        name=_told(proof, "name"),
        type=_told(proof, "type"),
        ttl=TTL,
        rrdatas=[_told(proof, "data")],
        opts=opts,
    )


def _told(proof: DnsAuthorization, word: str) -> pulumi.Output[str]:
    return proof.dns_resource_records.apply(lambda found: _first(found, word))


def _first(found: Sequence[Any] | None, word: str) -> str:
    return str(getattr(found[0], word)) if found else ""


def _called(name: str, host: str) -> str:
    """A name without dots, which Certificate Manager does not take, and of one length whatever the host."""
    return f"{name}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"
