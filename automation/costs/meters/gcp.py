"""What is paid for on Google Cloud."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, Literal, cast

from automation.costs.metering import Charge, Entry, Found, Free, Stack, Unpriced, Usage, fixed, monthly, plural, span
from automation.costs.meters.gcp_free import FREE
from automation.costs.reading import NotKnown, Resource, number

_FIRST_RULES: Final = 5
"""So many forwarding rules cost together what one costs."""
_WITH_ACCELERATORS: Final = ("a2-", "a3-", "a4-", "g2-", "g4-")
"""Families whose price has their accelerators in it."""


def _span(least: Decimal, most: Decimal) -> str:
    told = span(least, most)
    return f"{told}, none where nothing asks for them" if least == 0 else told


def _machines(
    each: Resource,
    stack: Stack,
    config: Resource,
    numbers: tuple[Decimal, Decimal, Decimal],
    spot: bool,
    noun: str,
) -> Found:
    now, least, most = numbers
    basis: Literal["on-demand", "spot"] = "spot" if spot else "on-demand"
    machine = config.text("machineType", "e2-medium")
    what = f"{plural(now, noun)} {machine}, {stack.region(each)}, {basis}"
    try:
        price = stack.price(each, f"machine/{machine}", "hour", basis)
        cost = monthly(price)
        why = f"{price.amount.normalize():f} an hour each, {_span(least, most)}"
        for one in config.parts("guestAccelerators"):
            if not machine.startswith(_WITH_ACCELERATORS):
                accelerator = stack.price(each, f"gpu/{one.text('type')}", "hour", basis)
                cost += monthly(accelerator) * one.number("count", 1)
                why += f", and {accelerator.amount.normalize():f} for each {one.text('type')}"
    except NotKnown as error:
        return Unpriced(what, f"{error}; {_span(least, most)}")
    return Charge(what, cost, now, least, most, basis, why, str(price.source))


def _disk(
    each: Resource, stack: Stack, what: str, kind: str, size: Decimal, numbers: tuple[Decimal, Decimal, Decimal]
) -> Found:
    now, least, most = numbers
    told = f"{plural(now, 'disk')} of {size:f} GB {kind} {what}, {stack.region(each)}"
    try:
        price = stack.price(each, f"disk/{kind}", "GB-month")
    except NotKnown as error:
        return Unpriced(told, f"{error}; {_span(least, most)}")
    why = f"{price.amount.normalize():f} a GB a month, {_span(least, most)}"
    return Charge(told, monthly(price, size), now, least, most, "on-demand", why, str(price.source))


def _node_pool(each: Resource, stack: Stack) -> Iterator[Found]:
    zones = _zones(each)
    now = each.number("nodeCount", 0) or each.number("initialNodeCount", 0)
    if each.at("autoscaling.totalMaxNodeCount", None) is not None:
        least, most = each.number("autoscaling.totalMinNodeCount", 0), each.number("autoscaling.totalMaxNodeCount")
    elif each.at("autoscaling", None) is not None:
        least = each.number("autoscaling.minNodeCount", 0) * zones
        most = each.number("autoscaling.maxNodeCount") * zones
    else:
        least = most = now * zones
    numbers = (min(max(now * zones, least), most), least, most)
    (config,) = each.parts("nodeConfig") or (Resource(each.urn, each.type, {}, {}),)
    spot = config.at("spot", False) is True or config.at("preemptible", False) is True
    yield _machines(each, stack, config, numbers, spot, "node")
    kind, size = config.text("diskType", "pd-balanced"), config.number("diskSizeGb", 100)
    yield _disk(each, stack, f"of nodes of {each.name}", kind, size, numbers)


def _zones(each: Resource) -> int:
    """In how many zones its nodes are. Raises NotKnown."""
    found = each.texts("nodeLocations")
    if found:
        return len(found)
    if each.text("location", "").count("-") == 2:
        return 1
    raise NotKnown("in how many zones its nodes are, is not said")


def _cluster(each: Resource, stack: Stack) -> Iterator[Found]:
    price = stack.anywhere("gcp", "gke/cluster", "hour")
    yield fixed(f"management of cluster {each.name}, {stack.region(each)}", price)


def _instances(each: Resource, stack: Stack) -> Iterator[Found]:
    templates = stack.all("gcp:compute/regionInstanceTemplate:RegionInstanceTemplate")
    if len(templates) > 1:
        templates = [one for one in templates if one.name.startswith(each.name)]
    if len(templates) != 1:
        raise NotKnown("of which template its instances are, is not known")
    config = templates[0]
    scalers = stack.all("gcp:compute/regionAutoscaler:RegionAutoscaler")
    if len(scalers) > 1:
        scalers = [one for one in scalers if one.name == each.name]
    if scalers:
        policy = "autoscalingPolicy"
        least, most = scalers[0].number(f"{policy}.minReplicas"), scalers[0].number(f"{policy}.maxReplicas")
        now = min(max(each.number("targetSize", int(least)), least), most)
    else:
        now = least = most = each.number("targetSize")
    spot = config.text("scheduling.provisioningModel", "") == "SPOT"
    numbers = (now, least, most)
    yield _machines(each, stack, config, numbers, spot, "instance")
    for disk in config.parts("disks"):
        kind, size = disk.text("diskType", "pd-standard"), disk.at("diskSizeGb", None)
        if size is None:
            yield Usage(f"disk of each instance of {each.name}", "as large as its image says")
        else:
            yield _disk(each, stack, f"of instances of {each.name}", kind, number(size, "diskSizeGb"), numbers)


def _cloud_run(each: Resource, stack: Stack) -> Iterator[Found]:
    least = each.number("scaling.minInstanceCount", 0) or each.number("template.scaling.minInstanceCount", 0)
    most = each.number("template.scaling.maxInstanceCount", 100)
    containers = each.parts("template.containers")
    cpu = sum((_cpus(one.text("resources.limits.cpu", "1")) for one in containers), Decimal(0))
    memory = sum((_gigabytes(one.text("resources.limits.memory", "512Mi")) for one in containers), Decimal(0))
    by_request = any(one.at("resources.cpuIdle", True) is True for one in containers)
    size = f"{cpu.normalize():f} vCPU and {memory.normalize():f} GiB"
    if by_request:
        what = f"instances of service {each.name} while they answer, {size} each"
        yield _answering(each, stack, what, most)
    if not least and by_request:
        return
    kind = "idle" if by_request else "always"
    what = f"{plural(least, 'instance')} of {size}, kept {'warm' if by_request else 'with CPU'}, {stack.region(each)}"
    try:
        of_cpu = stack.price(each, f"run/cpu-{kind}", "hour")
        of_memory = stack.price(each, f"run/memory-{kind}", "GB-hour")
    except NotKnown as error:
        yield Unpriced(what, str(error))
        return
    cost = monthly(of_cpu, cpu) + monthly(of_memory, memory)
    why = f"{of_cpu.amount.normalize():f} a vCPU and {of_memory.amount.normalize():f} a GiB an hour, at least {least:f}"
    highest = least if by_request else most
    yield Charge(what, cost, least, least, highest, "on-demand", why, str(of_cpu.source))


def _answering(each: Resource, stack: Stack, what: str, most: Decimal) -> Usage:
    try:
        cpu, memory = stack.price(each, "run/cpu", "hour"), stack.price(each, "run/memory", "GB-hour")
    except NotKnown as error:
        return Usage(what, f"paid by the second, up to {most:f} of them; {error}")
    rates = f"{cpu.amount.normalize():f} a vCPU and {memory.amount.normalize():f} a GiB an hour"
    return Usage(what, f"paid by the second, {rates}, up to {most:f} of them", str(cpu.source))


def _cpus(text: str) -> Decimal:
    return number(text.removesuffix("m"), "cpu") / (1000 if text.endswith("m") else 1)


def _gigabytes(text: str) -> Decimal:
    for unit, size in (("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10), ("G", 10**9), ("M", 10**6)):
        if text.endswith(unit):
            return number(text.removesuffix(unit), "memory") * size / 2**30
    return number(text, "memory") / 2**30


def _rule(each: Resource, stack: Stack) -> Iterator[Found]:
    rules = stack.all("gcp:compute/globalForwardingRule:GlobalForwardingRule")
    place = next(place for place, one in enumerate(rules) if one.urn == each.urn)
    if each.text("loadBalancingScheme", "EXTERNAL") == "":
        yield Unpriced(f"endpoint {each.name} of Private Service Connect", "the book has no price of it")
    elif place == 0:
        price = stack.anywhere("gcp", "lb/global-first-five", "hour")
        why = f"{price.amount.normalize():f} an hour for up to five of them, and their traffic by the GB"
        yield fixed(f"{plural(Decimal(len(rules)), 'forwarding rule')} of load balancers, global", price, why=why)
    elif place >= _FIRST_RULES:
        yield fixed("one more forwarding rule, global", stack.anywhere("gcp", "lb/global-additional", "hour"))


def _regional_rule(each: Resource, stack: Stack) -> Iterator[Found]:
    if each.text("loadBalancingScheme", "EXTERNAL") == "":
        what = f"endpoint {each.name} of Private Service Connect, {stack.region(each)}"
        yield fixed(what, stack.price(each, "psc/endpoint", "hour"))
    else:
        what = f"forwarding rule {each.name}, {stack.region(each)}"
        yield fixed(what, stack.price(each, "lb/rule", "hour"))


def _address(each: Resource, stack: Stack) -> Iterator[Found]:
    if each.text("addressType", "EXTERNAL") == "EXTERNAL" and each.text("purpose", "") != "PRIVATE_SERVICE_CONNECT":
        yield Usage(
            f"address {each.name}", "free at a forwarding rule; by the hour at an instance or where nothing has it"
        )


def _nat(each: Resource, stack: Stack) -> Iterator[Found]:
    try:
        price = stack.price(each, "nat/vm", "hour")
        why = f"{price.amount.normalize():f} an hour for each machine behind it, and its traffic by the GB"
        yield Usage(f"NAT {each.name}", why, str(price.source))
    except NotKnown as error:
        yield Usage(f"NAT {each.name}", f"by the machine behind it and the GB; {error}")


def _zone(each: Resource, stack: Stack) -> Iterator[Found]:
    price = stack.anywhere("gcp", "dns/zone", "month")
    yield fixed(
        f"zone {each.name}",
        price,
        why=f"{price.amount.normalize():f} a month, less from the 26th on",
    )


def _key(each: Resource, stack: Stack) -> Iterator[Found]:
    price = stack.anywhere("gcp", "kms/key-version", "month")
    why = f"{price.amount.normalize():f} a month for each version; a rotation leaves the old one"
    yield fixed(f"key {each.name}, its first version", price, why=why)


def _bucket(each: Resource, stack: Stack) -> Iterator[Found]:
    try:
        price = stack.price(each, "storage/standard", "GB-month")
        yield Usage(f"bucket {each.name}", f"{price.amount.normalize():f} a GB a month", str(price.source))
    except NotKnown as error:
        yield Usage(f"bucket {each.name}", f"paid by what it holds; {error}")


def _armor(each: Resource, stack: Stack) -> Iterator[Found]:
    rules = Decimal(len(each.parts("rules")))
    policy, rule = (stack.anywhere("gcp", f"armor/{part}", "month") for part in ("policy", "rule"))
    why = f"{policy.amount.normalize():f} a month, and {rule.amount.normalize():f} for each rule, the last one too"
    cost = policy.amount + rule.amount * rules
    what = f"policy {each.name} of Cloud Armor with {plural(rules, 'rule')}"
    yield Charge(what, cost, Decimal(1), Decimal(1), Decimal(1), "on-demand", why, str(policy.source))
    asked = stack.anywhere("gcp", "armor/requests", "million")
    yield Usage(
        f"requests that policy {each.name} judges", f"{asked.amount.normalize():f} a million", str(asked.source)
    )


def vertex(each: Resource, stack: Stack) -> Iterator[Found]:
    """Replicas of a model at an endpoint of Vertex AI, which a resource of ours deploys there."""
    try:
        scale = cast("dict[str, Any]", json.loads(each.text("scale")))
        version = Resource(each.urn, each.type, cast("dict[str, Any]", json.loads(each.text("version", "{}"))), {})
    except ValueError:
        raise NotKnown("its machines are not known") from None
    least, most = (number(scale.get(key), key) for key in ("minReplicaCount", "maxReplicaCount"))
    deployed = "deployed.dedicatedResources"
    machine = version.text(f"{deployed}.machineSpec.machineType")
    region = each.text("region")
    accelerator = version.text(f"{deployed}.machineSpec.acceleratorType", "")
    spot = version.at(f"{deployed}.spot", False) is True
    what = f"{plural(least, 'replica')} {machine}, Vertex AI, {region}, {'spot' if spot else 'on-demand'}"
    if spot:
        why = "a spot machine of Compute Engine and a fee of Vertex AI's, which the book has not"
        yield Unpriced(what, f"{why}; {_span(least, most)}")
        return
    try:
        price = stack.priced("gcp", region, f"vertex/{machine}", "hour")
        cost, why = monthly(price), f"{price.amount.normalize():f} an hour each, {_span(least, most)}"
        if accelerator and not machine.startswith(_WITH_ACCELERATORS):
            called = accelerator.lower().replace("_", "-")
            gpu = stack.priced("gcp", region, f"vertex-gpu/{called}", "hour")
            count = version.number(f"{deployed}.machineSpec.acceleratorCount", 1)
            cost += monthly(gpu, count)
            why += f", and {gpu.amount.normalize():f} for each {called}"
    except NotKnown as error:
        yield Unpriced(what, f"{error}; {_span(least, most)}")
        return
    yield Charge(what, cost, least, least, most, "on-demand", why, str(price.source))


TABLE: Final[dict[str, Entry]] = {
    **{type_: Free() for type_ in FREE},
    "gcp:apigateway/gateway:Gateway": Usage("API gateway", "paid by call"),
    "gcp:artifactregistry/repository:Repository": Usage("images in a repository", "paid by the GB a month"),
    "gcp:bigquery/dataset:Dataset": Usage("dataset", "paid by what it holds and what is asked of it"),
    "gcp:certificatemanager/certificate:Certificate": Usage("certificate", "Google gives some of them free"),
    "gcp:cloudfunctionsv2/function:Function": Usage("function", "paid by request and by the time that it computes"),
    "gcp:cloudrunv2/service:Service": _cloud_run,
    "gcp:compute/address:Address": _address,
    "gcp:compute/forwardingRule:ForwardingRule": _regional_rule,
    "gcp:compute/globalAddress:GlobalAddress": _address,
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": _rule,
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager": _instances,
    "gcp:compute/routerNat:RouterNat": _nat,
    "gcp:compute/securityPolicy:SecurityPolicy": _armor,
    "gcp:container/cluster:Cluster": _cluster,
    "gcp:container/nodePool:NodePool": _node_pool,
    "gcp:dns/managedZone:ManagedZone": _zone,
    "gcp:kms/cryptoKey:CryptoKey": _key,
    "gcp:logging/metric:Metric": Usage("metric out of logs", "paid by what it samples"),
    "gcp:monitoring/alertPolicy:AlertPolicy": Unpriced("alert policy", "the book has no price of its conditions"),
    "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig": Usage("uptime check", "paid by check, beyond what is free"),
    "gcp:networkmanagement/vpcFlowLogsConfig:VpcFlowLogsConfig": Usage("flow logs", "paid by the GB that they write"),
    "gcp:pubsub/topic:Topic": Usage("topic", "paid by what passes"),
    "gcp:storage/bucket:Bucket": _bucket,
}
