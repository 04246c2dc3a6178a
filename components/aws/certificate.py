"""A certificate for the names of a load balancer: one made and validated by DNS, or one that is there."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws.acm.certificate import Certificate
from pulumi_aws.acm.certificate_validation import CertificateValidation
from pulumi_aws.route53.record import Record

from components.aws.tags import Tags
from components.checks import fits, wrong

NAMES = 10
"""Names that ACM puts into one certificate unless it is asked for more (ACM's quotas, 2026-11-22)."""
COMMON_NAME = 64
"""Characters of a certificate's first name (ACM's guide, "Request a public certificate", 2026-11-22)."""
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def hostname(what: str, value: object, zone: str, most: int) -> None:
    """A DNS name of a zone, or the zone itself. Raises ArgsError."""
    expected = f"a DNS name in lower case of at most {most} characters, without a wildcard"
    fits(what, value, rf"(?=.{{1,{most}}}$){_LABEL}(\.{_LABEL})+", expected, f"models.{zone}")
    if value != zone and not str(value).endswith(f".{zone}"):
        raise wrong(what, value, f"a name of the zone {zone}", f"write models.{zone}, or the zone that it is in")


def zone(what: str, value: object) -> None:
    """The name of a hosted zone. Raises ArgsError."""
    expected = "the name of a hosted zone, in lower case and without a dot at its end"
    fits(what, value, rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+", expected, "example.com")


def covers(what: str, names: Sequence[str], hosts: Sequence[str]) -> None:
    """Hold a certificate's names to covering each host; a wildcard stands for one label. Raises ArgsError."""
    for host in hosts:
        if host not in names and f"*.{host.partition('.')[2]}" not in names:
            raise wrong(what, list(names), f"names of a certificate for {host}", "take another certificate, or none")


def of(
    parent: pulumi.Resource, name: str, hosts: Sequence[str], zone_id: pulumi.Input[str], tags: Tags
) -> pulumi.Output[str]:
    """The ARN of a certificate for `hosts`, known once ACM has seen that the zone is ours."""
    child = pulumi.ResourceOptions(parent=parent)
    made = Certificate(
        name,
        domain_name=hosts[0],
        subject_alternative_names=list(hosts[1:]) or None,
        validation_method="DNS",
        tags=tags.of(name),
        opts=child,
    )
    records = [_record(made, name, place, host, zone_id, child) for place, host in enumerate(hosts)]
    validated = CertificateValidation(
        name, certificate_arn=made.arn, validation_record_fqdns=[each.fqdn for each in records], opts=child
    )
    return validated.certificate_arn


def _record(
    made: Certificate, name: str, place: int, host: str, zone_id: pulumi.Input[str], child: pulumi.ResourceOptions
) -> Record:
    """What ACM looks for in the zone: the same for every certificate of that name, so that another's may be there."""

    def asked(options: Sequence[Any] | None, word: str) -> str:
        # ACM's answer has no order; where it names nobody else it is the one.
        found = options or []
        own = [each for each in found if each.domain_name == host] or found[place : place + 1]
        return str(getattr(own[0], word)) if own else ""

    def told(word: str) -> pulumi.Output[str]:
        return made.domain_validation_options.apply(lambda options: asked(options, word))

    return Record(
        f"{name}-validation-{host}",
        zone_id=zone_id,
        name=told("resource_record_name"),
        type=told("resource_record_type"),
        records=[told("resource_record_value")],
        ttl=300,
        allow_overwrite=True,
        opts=child,
    )
