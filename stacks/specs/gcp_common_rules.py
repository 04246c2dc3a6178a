"""What Google Cloud would refuse of any target's section, told before anything is planned, each in one line.

The rules are the components' own; here they are asked of the whole file at once, as a component asks them of its own
arguments only when others have been registered.
"""

import re
from collections.abc import Iterable
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from stacks.specs.rules import below, covers, told
from stacks.specs.words import wide

if TYPE_CHECKING:
    from components.gcp.budget import GcpBudgetArgs
    from stacks.spec import StackSpec
    from stacks.specs.gcp_common import GlobalFrontSpec, MadeNetworkSpec, ProjectSpec


def project(section: str, wanted: "ProjectSpec") -> list[str]:
    """Lines about what every section has."""
    from components.gcp import checks

    lines = told(
        lambda: checks.project(f"{section}.project", wanted.project),
        lambda: checks.number(f"{section}.project_number", wanted.project_number),
        lambda: checks.region(f"{section}.region", wanted.region),
        lambda: checks.labels(f"{section}.labels", wanted.labels),
    )
    key = wanted.registry.key_name
    if not lines and key is not None:
        lines = told(partial(checks.key, f"{section}.registry.key_name", key, wanted.region))
    return lines or _budget(section, wanted)


def budget(wanted: "ProjectSpec") -> dict[str, Any] | None:
    """What the section says of a budget, as a GcpBudget takes it; nothing where it says nothing."""
    asked = wanted.budget
    if asked is None:
        return None
    args: dict[str, Any] = {
        "project": wanted.project,
        "project_number": wanted.project_number,
        "region": wanted.region,
        "billing_account": asked.billing_account,
        "monthly_amount": asked.monthly_amount,
        "currency": asked.currency,
        "emails": list(asked.emails),
        "payers": asked.payers,
        "after_credits": asked.after_credits,
        "actual_percents": list(asked.actual_percents),
        "forecast_percents": list(asked.forecast_percents),
    }
    if wanted.labels:
        args["labels"] = dict(wanted.labels)
    if asked.cost_label is not None:
        args["cost_label"] = {"key": asked.cost_label, "value": wanted.labels[asked.cost_label]}
    if asked.key_name is not None:
        args["key_name"] = asked.key_name
    return args


def _budget(section: str, wanted: "ProjectSpec") -> list[str]:
    """A line about a budget that Google would refuse."""
    args = budget(wanted)
    if args is None:
        return []
    from components.gcp.budget import asked

    lines = told(lambda: asked(cast("GcpBudgetArgs", args)))
    return [line.replace("GcpBudget.", f"{section}.budget.") for line in lines]


def network(section: str, wanted: "MadeNetworkSpec") -> list[str]:
    """Lines about the addresses of a network that is made."""
    from components.gcp import addresses

    asked = {"cidr": wanted.cidr, "pods_cidr": wanted.pods_cidr, "services_cidr": wanted.services_cidr}
    given = {key: value for key, value in asked.items() if value is not None}
    lines = told(lambda: addresses.layout(given, wanted.apart_from))
    return [line.replace("GcpNetwork.", f"{section}.network.") for line in lines]


class Existing(Protocol):
    """A network that is there already."""

    @property
    def network_id(self) -> str: ...
    @property
    def subnetwork_id(self) -> str: ...


def standing(wanted: "ProjectSpec", there: Existing | None) -> tuple[str, tuple[str, str]]:
    """An image, and the ids of a network and of its subnetwork, where what is made later is asked for beforehand.

    What is made later is right: a component is asked for what stands in the file.
    """
    image = f"{wanted.region}-docker.pkg.dev/{wanted.project}/models/a@sha256:{'0' * 64}"
    if there is not None:
        return image, (there.network_id, there.subnetwork_id)
    return image, (
        f"projects/{wanted.project}/global/networks/a",
        f"projects/{wanted.project}/regions/{wanted.region}/subnetworks/a",
    )


def of_existing(section: str, lines: Iterable[str]) -> list[str]:
    """Lines about a network that is there, by the keys under which a file names it."""
    return [re.sub(rf"^({section}\.network)\.(network_id|subnetwork_id)", r"\1.existing.\2", each) for each in lines]


def front(section: str, wanted: "GlobalFrontSpec | None") -> list[str]:
    """Lines about a load balancer where there is one, and the name that it has."""
    if wanted is None:
        return []
    what, lines = f"{section}.load_balancer", list[str]()
    if not below(wanted.hostname, wanted.zone_name):
        lines.append(
            f"{what}.hostname is {wanted.hostname}, expected a name in the zone {wanted.zone_name}; for example "
            f"models.{wanted.zone_name}"
        )
    if not wanted.client_cidrs:
        lines.append(f"{what}.client_cidrs is empty, expected networks that may call; for example [192.0.2.0/24]")
    if (each := wide(wanted.client_cidrs)) is not None and not wanted.open_to_the_internet:
        lines.append(
            f"{what}.client_cidrs has {each}, expected networks of your own; name them, or write open_to_the_internet: "
            "true if everybody may call"
        )
    if wanted.certificate is not None and not any(covers(each, wanted.hostname) for each in wanted.certificate.names):
        lines.append(
            f"{what}.certificate.names is {', '.join(wanted.certificate.names) or 'empty'}, expected one that is for "
            f"hostname, which is {wanted.hostname}; take another certificate, or leave it out, and one is made"
        )
    return lines


def released(spec: "StackSpec", strategies: type[Enum]) -> dict[str, Any] | None:
    """How a version comes, as a component that carries releases out takes it; strategies: its own.

    What a file does not say of seconds is the component's, as Cloud Monitoring tells late what it counted.
    """
    release = spec.release
    if release is None:
        return None
    made: dict[str, Any] = {"strategy": strategies(release.strategy)}
    if release.strategy == "canary":
        made["steps"] = [each.model_dump(include={"weight"} | each.model_fields_set) for each in release.steps]
    if "pause" in release.model_fields_set:
        made["pause"] = release.pause
    return made
