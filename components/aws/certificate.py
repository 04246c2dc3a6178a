"""A certificate for the names of a load balancer: one made and validated by DNS, or one that is there."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws.acm.certificate import Certificate
from pulumi_aws.acm.certificate_validation import CertificateValidation
from pulumi_aws.route53.record import Record

from components.aws.tags import Tags

NAMES = 10
"""Names that ACM puts into one certificate unless it is asked for more (ACM's quotas, 2026-11-22)."""


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
