"""What is paid for on AWS."""

from collections.abc import Iterator
from decimal import ROUND_CEILING, Decimal
from typing import Final, Literal, cast

from automation.costs.book import Price
from automation.costs.metering import (
    Charge,
    Entry,
    Found,
    Free,
    Stack,
    Unpriced,
    Usage,
    fixed,
    monthly,
    plural,
    span,
)
from automation.costs.meters.aws_free import FREE
from automation.costs.reading import NotKnown, Resource

_MINIMUM_ZERO: Final = "none where nothing asks for them"
_HIGH_RESOLUTION: Final = 60


def _dearest(each: Resource, stack: Stack, types: tuple[str, ...], basis: Literal["on-demand", "spot"]) -> Price:
    """Of several types the cloud takes what it has, so that the dearest is what may be paid. Raises NotKnown."""
    if not types:
        raise NotKnown("its types of machine are not said")
    found = [stack.price(each, f"machine/{one}", "hour", basis) for one in types]
    return max(found, key=lambda one: one.amount)


def _machines(
    each: Resource,
    stack: Stack,
    types: tuple[str, ...],
    numbers: tuple[Decimal, Decimal, Decimal],
    basis: Literal["on-demand", "spot"],
    noun: str,
) -> Found:
    """So many machines now, at least and at most; a line of its own where their price is not known."""
    now, least, most = numbers
    what = f"{plural(now, noun)} {' or '.join(types)}, {stack.region(each)}, {basis}"
    zero, spread = f", {_MINIMUM_ZERO}" if least == 0 else "", span(least, most)
    try:
        price = _dearest(each, stack, types, basis)
    except NotKnown as error:
        return Unpriced(what, f"{error}; {spread}{zero}")
    why = (
        f"{price.amount.normalize():f} an hour each, {'the dearest of them, ' if len(types) > 1 else ''}{spread}{zero}"
    )
    return Charge(what, monthly(price), now, least, most, basis, why, str(price.source))


def _node_group(each: Resource, stack: Stack) -> Iterator[Found]:
    basis: Literal["on-demand", "spot"] = "spot" if each.text("capacityType", "ON_DEMAND") == "SPOT" else "on-demand"
    numbers = tuple(each.number(f"scalingConfig.{key}") for key in ("desiredSize", "minSize", "maxSize"))
    # Without a word of its own a group has what its launch template says, and else what EKS takes.
    types = each.texts("instanceTypes") or (() if each.at("launchTemplate", None) else ("t3.medium",))
    yield _machines(each, stack, types, (numbers[0], numbers[1], numbers[2]), basis, "node")


def _group(each: Resource, stack: Stack) -> Iterator[Found]:
    overrides = each.parts("mixedInstancesPolicy.launchTemplate.overrides")
    types = tuple(one.text("instanceType") for one in overrides)
    least, most = each.number("minSize"), each.number("maxSize")
    now = each.number("desiredCapacity", int(least))
    base = each.number("mixedInstancesPolicy.instancesDistribution.onDemandBaseCapacity", 0)
    above = each.number("mixedInstancesPolicy.instancesDistribution.onDemandPercentageAboveBaseCapacity", 100)

    def on_demand(number: Decimal) -> Decimal:
        rest = max(Decimal(0), number - base)
        return min(number, base) + (rest * above / 100).to_integral_value(ROUND_CEILING)

    firm = (on_demand(now), on_demand(least), on_demand(most))
    yield _machines(each, stack, types, firm, "on-demand", "instance")
    spot = (now - firm[0], least - firm[1], most - firm[2])
    if spot[2]:
        yield _machines(each, stack, types, spot, "spot", "instance")


def _scaled(stack: Stack, namespace: str, each: Resource, number: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    """How many Application Auto Scaling makes of it: now, at least, at most. Raises NotKnown."""
    targets = [
        one for one in stack.all("aws:appautoscaling/target:Target") if one.text("serviceNamespace") == namespace
    ]
    if len(targets) > 1:
        # The id of what it scales is often not known in a plan; a component's target has its name.
        targets = [one for one in targets if one.name == each.name]
    if not targets:
        return number, number, number
    least, most = targets[0].number("minCapacity"), targets[0].number("maxCapacity")
    return min(max(number, least), most), least, most


def _ecs_service(each: Resource, stack: Stack) -> Iterator[Found]:
    strategies = each.parts("capacityProviderStrategies")
    providers = {one.text("capacityProvider"): one for one in strategies}
    if not (each.text("launchType", "") == "FARGATE" or any(one.startswith("FARGATE") for one in providers)):
        return
    now, least, most = _scaled(stack, "ecs", each, each.number("desiredCount", 1))
    spot = providers.get("FARGATE_SPOT")
    basis = "on-demand" if spot is None else "on-demand and spot"
    what = f"{plural(now, 'task')} of Fargate, {stack.region(each)}, {basis}"
    definitions = stack.all("aws:ecs/taskDefinition:TaskDefinition")
    if len(definitions) > 1:
        definitions = [one for one in definitions if one.name == each.name]
    if len(definitions) != 1:
        raise NotKnown(f"the size of its {plural(now, 'task')} is not known")
    try:
        cpu, memory = definitions[0].number("cpu") / 1024, definitions[0].number("memory") / 1024
    except NotKnown as error:
        yield Unpriced(what, f"its size: {error}; {span(least, most)}")
        return
    firm = providers.get("FARGATE")
    share, base = Decimal(1), Decimal(0)
    if spot is not None:
        weights = [one.number("weight", 0) if one else Decimal(0) for one in (firm, spot)]
        share = weights[0] / sum(weights) if sum(weights) else Decimal(0)
        base = firm.number("base", 0) if firm else Decimal(0)

    def on_demand(number: Decimal) -> Decimal:
        return min(number, base) + (max(Decimal(0), number - base) * share).to_integral_value(ROUND_CEILING)

    firms = (on_demand(now), on_demand(least), on_demand(most))
    yield _tasks(each, stack, cpu, memory, firms, "on-demand")
    if most - firms[2]:
        yield _tasks(each, stack, cpu, memory, (now - firms[0], least - firms[1], most - firms[2]), "spot")


def _tasks(
    each: Resource,
    stack: Stack,
    cpu: Decimal,
    memory: Decimal,
    numbers: tuple[Decimal, Decimal, Decimal],
    basis: Literal["on-demand", "spot"],
) -> Found:
    now, least, most = numbers
    size = f"{cpu.normalize():f} vCPU and {memory.normalize():f} GB"
    what = f"{plural(now, 'task')} of {size}, Fargate, {stack.region(each)}, {basis}"
    try:
        of_cpu = stack.price(each, "fargate/cpu", "hour", basis)
        of_memory = stack.price(each, "fargate/memory", "GB-hour", basis)
    except NotKnown as error:
        return Unpriced(what, f"{error}; {span(least, most)}")
    why = f"{of_cpu.amount:f} a vCPU and {of_memory.amount:f} a GB an hour, {span(least, most)}"
    cost = monthly(of_cpu, cpu) + monthly(of_memory, memory)
    return Charge(what, cost, now, least, most, basis, why, str(of_cpu.source))


def _sagemaker(each: Resource, stack: Stack) -> Iterator[Found]:
    for variant in each.parts("productionVariants"):
        if variant.at("serverlessConfig", None):
            yield Usage(
                f"serverless variant {variant.text('variantName', each.name)}", "paid by the second it computes"
            )
            continue
        numbers = _scaled(stack, "sagemaker", each, variant.number("initialInstanceCount", 1))
        yield _machines(each, stack, (variant.text("instanceType"),), numbers, "on-demand", "instance")


def _eks(each: Resource, stack: Stack) -> Iterator[Found]:
    price = stack.price(each, "eks/cluster", "hour")
    why = f"{price.amount.normalize():f} an hour, and more once its version is in extended support"
    yield fixed(f"control plane of EKS, {stack.region(each)}", price, why=why)


def _nat(each: Resource, stack: Stack) -> Iterator[Found]:
    yield fixed(f"NAT gateway, {stack.region(each)}", stack.price(each, "nat/gateway", "hour"))
    data = stack.price(each, "nat/data", "GB")
    yield Usage(f"traffic through NAT gateway {each.name}", f"{data.amount:f} a GB", str(data.source))


def _eip(each: Resource, stack: Stack) -> Iterator[Found]:
    yield fixed("public IPv4 address", stack.anywhere("aws", "vpc/public-ipv4", "hour"))


def _endpoint(each: Resource, stack: Stack) -> Iterator[Found]:
    if each.text("vpcEndpointType", "Gateway") == "Gateway":
        return
    service = each.text("serviceName", each.name).rpartition("amazonaws.")[2].partition(".")[2] or each.name
    subnets = each.at("subnetIds")
    if not isinstance(subnets, list):
        raise NotKnown("in how many subnets it is, is not known")
    number = Decimal(len(cast("list[object]", subnets)))
    price = stack.price(each, "vpc/endpoint-interface", "hour")
    why = f"{price.amount.normalize():f} an hour in each of {plural(number, 'zone')}, and its traffic by the GB"
    yield fixed(
        f"VPC endpoint {service} in {plural(number, 'zone')}, {stack.region(each)}", price, number=number, why=why
    )


def _load_balancer(each: Resource, stack: Stack) -> Iterator[Found]:
    kind = each.text("loadBalancerType", "application")
    price = stack.price(each, f"lb/{kind}", "hour")
    yield fixed(f"{kind} load balancer, {stack.region(each)}", price)
    units = stack.price(each, f"lb/{kind}-capacity", "hour")
    yield Usage(f"capacity units of load balancer {each.name}", f"{units.amount:f} a unit an hour", str(units.source))
    if each.at("internal", False) is not True:
        yield Unpriced(f"public IPv4 addresses of load balancer {each.name}", "AWS gives it one or more for each zone")


def _template(each: Resource, stack: Stack) -> Iterator[Found]:
    """Its disks are paid by each instance that is made from it; how many those are is its group's."""
    for mapping in each.parts("blockDeviceMappings"):
        kind = mapping.text("ebs.volumeType", "gp3")
        size = mapping.at("ebs.volumeSize", None)
        what = f"disk {mapping.text('deviceName', '')} of each instance of {each.name}".replace("  ", " ")
        if size is None:
            yield Usage(what, "as large as its image says, and as many as there are instances")
            continue
        price = stack.price(each, f"disk/{kind}", "GB-month")
        cost = (price.amount * mapping.number("ebs.volumeSize")).normalize()
        yield Usage(what, f"{size} GB {kind}, {cost:f} a month for each instance", str(price.source))


def _alarm(each: Resource, stack: Stack) -> Iterator[Found]:
    queries = [one for one in each.parts("metricQueries") if one.at("metric", None)]
    periods = [one.number("metric.period", _HIGH_RESOLUTION) for one in queries]
    periods = periods or [each.number("period", _HIGH_RESOLUTION)]
    fine = min(periods) < _HIGH_RESOLUTION
    price = stack.price(each, "cloudwatch/alarm-high-resolution" if fine else "cloudwatch/alarm", "month")
    number = Decimal(len(queries) or 1)
    yield fixed(f"alarm {each.name} on {plural(number, 'metric')}", price, number=number)


def _each_month(what: str, item: str) -> Entry:
    def meter(each: Resource, stack: Stack) -> Iterator[Found]:
        yield fixed(f"{what}, {stack.region(each)}", stack.price(each, item, "month"))

    return meter


def _zone(each: Resource, stack: Stack) -> Iterator[Found]:
    yield fixed(f"hosted zone {each.name}", stack.anywhere("aws", "route53/zone", "month"))


def _health_check(each: Resource, stack: Stack) -> Iterator[Found]:
    price = stack.anywhere("aws", "route53/health-check", "month")
    yield fixed(
        f"health check {each.name}",
        price,
        why=f"{price.amount.normalize():f} a month, and options such as HTTPS on top",
    )


def _used(what: str, item: str, unit: str) -> Entry:
    """Paid by use alone, with what it would cost where the book has it."""

    def meter(each: Resource, stack: Stack) -> Iterator[Found]:
        try:
            price = stack.price(each, item, unit)
        except NotKnown as error:
            yield Usage(f"{what} {each.name}", f"paid by use; {error}")
        else:
            yield Usage(f"{what} {each.name}", f"{price.amount.normalize():f} a {unit}", str(price.source))

    return meter


def _function(each: Resource, stack: Stack) -> Iterator[Found]:
    memory = each.number("memorySize", 128)
    why, source = "paid by request and by the time that it computes", ""
    try:
        time, requests = stack.price(each, "lambda/compute", "GB-hour"), stack.price(each, "lambda/requests", "million")
    except NotKnown as error:
        why += f"; {error}"
    else:
        hour = (time.amount * memory / 1024).normalize()
        why += f": {requests.amount.normalize():f} a million, and {round(hour, 6):f} an hour of computing"
        source = str(time.source)
    yield Usage(f"function {each.name} of {memory:f} MB", why, source)


def _concurrency(each: Resource, stack: Stack) -> Iterator[Found]:
    number = each.number("provisionedConcurrentExecutions")
    functions = stack.all("aws:lambda/function:Function")
    if len(functions) != 1:
        raise NotKnown("which function it keeps warm is not known")
    memory = functions[0].number("memorySize", 128) / 1024
    price = stack.price(each, "lambda/provisioned", "GB-hour")
    what = f"{plural(number, 'instance')} of function {functions[0].name} kept warm, {stack.region(each)}"
    yield fixed(what, price, number=number, amount=memory)


TABLE: Final[dict[str, Entry]] = {
    **{type_: Free() for type_ in FREE},
    "aws:apigateway/restApi:RestApi": _used("requests to API", "apigateway/requests", "million"),
    "aws:autoscaling/group:Group": _group,
    "aws:budgets/budget:Budget": Usage("budget", "AWS gives some of them free, and takes a fee for those with actions"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _each_month("composite alarm", "cloudwatch/composite-alarm"),
    "aws:cloudwatch/dashboard:Dashboard": _each_month("dashboard", "cloudwatch/dashboard"),
    "aws:cloudwatch/logGroup:LogGroup": _used("logs of", "logs/ingested", "GB"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:ec2/eip:Eip": _eip,
    "aws:ec2/flowLog:FlowLog": Usage("flow log", "paid by the GB that it writes"),
    "aws:ec2/launchTemplate:LaunchTemplate": _template,
    "aws:ec2/natGateway:NatGateway": _nat,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
    "aws:ecr/repository:Repository": _used("images in", "ecr/stored", "GB-month"),
    "aws:ecs/cluster:Cluster": Usage("Container Insights", "where they are on, paid by metric"),
    "aws:ecs/service:Service": _ecs_service,
    "aws:eks/cluster:Cluster": _eks,
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:kms/key:Key": _each_month("key of KMS", "kms/key"),
    "aws:lambda/function:Function": _function,
    "aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig": _concurrency,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:route53/healthCheck:HealthCheck": _health_check,
    "aws:route53/zone:Zone": _zone,
    "aws:s3/bucket:Bucket": Usage("bucket", "paid by what it holds and by request"),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": _sagemaker,
    "aws:secretsmanager/secret:Secret": _each_month("secret", "secretsmanager/secret"),
    "aws:servicediscovery/service:Service": Unpriced(
        "instances registered in Cloud Map", "the book has no price of it"
    ),
    "aws:sns/topic:Topic": Usage("topic", "paid by message"),
    "aws:sqs/queue:Queue": Usage("queue", "paid by request"),
}
