"""What is paid for on AWS."""

from collections.abc import Iterator
from typing import Final

from automation.costs.metering import Charge, Entry, Found, Stack, fixed, monthly, plural
from automation.costs.reading import Resource


def _node_group(each: Resource, stack: Stack) -> Iterator[Found]:
    spot = each.text("capacityType", "ON_DEMAND") == "SPOT"
    basis = "spot" if spot else "on-demand"
    types = each.texts("instanceTypes") or ("t3.medium",)
    # Of several types the cloud takes the one that it has, so that the dearest is what may be paid.
    prices = [(stack.price(each, f"machine/{one}", "hour", basis), one) for one in types]
    price, machine = max(prices, key=lambda one: one[0].amount)
    wanted, least, most = (each.number(f"scalingConfig.{key}") for key in ("desiredSize", "minSize", "maxSize"))
    what = f"{plural(wanted, 'node')} {machine}, {stack.region(each)}, {basis}"
    why = f"{price.amount} an hour each, {least:f} to {most:f} of them"
    yield Charge(what, monthly(price), wanted, least, most, basis, why, str(price.source))


def _eks(each: Resource, stack: Stack) -> Iterator[Found]:
    yield fixed(f"control plane of EKS, {stack.region(each)}", stack.price(each, "eks/cluster", "hour"))


TABLE: Final[dict[str, Entry]] = {
    "aws:eks/cluster:Cluster": _eks,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
}
