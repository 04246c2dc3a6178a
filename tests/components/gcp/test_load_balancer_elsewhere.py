"""Load balancers on Google Cloud whose names are in a zone elsewhere: they tell which records it is to have."""

from typing import Any

import pulumi
import pytest

from components.gcp.load_balancer import GcpLoadBalancer
from tests.components.gcp.test_load_balancer import CERTIFICATE, CERTIFICATES, ENTRY, PROOF, RECORD, RUN, TOLD
from tests.components.planned import Plan, plan

ELSEWHERE: dict[str, Any] = {key: value for key, value in RUN.items() if key != "managed_zone"}


def told(preview: bool = False, **changes: Any) -> tuple[Plan, Any, str]:
    """The plan, the records that are asked for, and the URL."""
    known: list[Any] = []

    def program() -> None:
        given: Any = {**ELSEWHERE, **changes}
        made = GcpLoadBalancer("edge", given)
        pulumi.Output.all(made.validation_records, made.url).apply(known.extend)

    found = plan(program, preview=preview, outputs=TOLD)
    return (found, *known) if known else (found, None, "")


def test_no_record_is_made_and_all_of_them_are_told() -> None:
    found, records, url = told(other_hostnames=["old.example.com"])
    assert found.all(RECORD) == []
    assert records == [
        {
            "name": f"_acme-challenge_abc.{host}.",
            "type": "CNAME",
            "data": "def.authorize.certificatemanager.goog.",
        }
        for host in ("models.example.com", "old.example.com")
    ]
    assert url == "https://models.example.com"


def test_a_certificate_is_asked_for_and_waits_for_nobodys_record() -> None:
    found, _, _ = told()
    made = found.one(CERTIFICATES)
    assert made.inputs["managed"] == {
        "domains": ["models.example.com"],
        "dnsAuthorizations": ["edge-models.example.com-id"],
    }
    assert {urn.split("::")[-2].rpartition("$")[2] for urn in made.request["dependencies"]} == {PROOF}
    assert found.one(ENTRY).inputs["hostname"] == "models.example.com"


def test_with_a_certificate_that_is_there_nothing_is_to_be_proven() -> None:
    found, records, _ = told(certificate={"name": CERTIFICATE, "names": ["*.example.com"]})
    assert records == [] and found.all(CERTIFICATES) == []


@pytest.mark.parametrize("place", [0, 1])
def test_a_preview_may_hand_on_a_record_that_is_not_known_yet(place: int) -> None:
    def program() -> None:
        given: Any = {**ELSEWHERE, "other_hostnames": ["old.example.com"]}
        made: Any = GcpLoadBalancer("edge", given).validation_records
        pulumi.CustomResource("test:index:Zone", "zone", {"name": made[place]["name"]})

    zone = plan(program, outputs=TOLD).one("test:index:Zone")
    assert zone.inputs["name"] == "(unknown)"
