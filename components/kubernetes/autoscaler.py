"""How many pods answer, by what there is to do."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, Optional, TypedDict

import pulumi
from pulumi_kubernetes.apiextensions.CustomResource import CustomResource
from pulumi_kubernetes.apps.v1.Deployment import Deployment
from pulumi_kubernetes.autoscaling.v2.HorizontalPodAutoscaler import HorizontalPodAutoscaler
from pulumi_kubernetes.core.v1.Service import Service
from pulumi_kubernetes.core.v1.ServiceAccount import ServiceAccount
from pulumi_kubernetes.networking.v1.NetworkPolicy import NetworkPolicy
from pulumi_kubernetes.policy.v1.PodDisruptionBudget import PodDisruptionBudget

from components.kubernetes import access, activating, names, network, scalers
from components.kubernetes.objects import content
from components.kubernetes.server import ModelServer
from components.kubernetes.service import AT_ONCE, TIMEOUT

BY_KEDA = ("requests_in_flight", "latency", "gpu", "queue", "broker")
ACTIVATED_POLLING = 2
"""Seconds between two questions to an activator: a request that waits is not to wait for the question."""
TOLD_KEDA = {
    # A trigger that cannot be is told by `up`, not found out when load comes.
    "pulumi.com/waitFor": "condition=Ready",
    # In the change from a HorizontalPodAutoscaler to this one, the old one goes last.
    "validations.keda.sh/hpa-ownership": "false",
}


class ScalingQueue(TypedDict):
    """Work that waits somewhere, as Prometheus knows it."""

    query: pulumi.Input[str]
    """PromQL whose one value is how much waits."""
    length: pulumi.Input[float]
    """What one pod is to have waiting for it."""


class ScalingBroker(TypedDict):
    """Work that waits at a message broker, asked by one of KEDA's scalers."""

    type: pulumi.Input[str]
    """Name of the scaler, as `rabbitmq`, `kafka` or `aws-sqs-queue`."""
    metadata: pulumi.Input[dict[str, pulumi.Input[str]]]
    """Its settings, all as text. Nothing secret: that belongs to a TriggerAuthentication."""
    authentication: NotRequired[pulumi.Input[str]]
    """Name of a TriggerAuthentication in the namespace. Default: none."""


class ScalingActivator(TypedDict):
    """Who holds requests while there is no pod."""

    image: pulumi.Input[str]
    """The model's own image by digest: the program in it plays this role too."""
    replicas: NotRequired[pulumi.Input[int]]
    """Pods of it, which are always there. Default: 2."""
    hold: NotRequired[pulumi.Input[float]]
    """Seconds that a request waits for the first pod before it is answered with 503. Default: 120."""
    allowed_namespaces: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Namespaces whose pods may call, as of the service. Default: none."""
    allowed_networks: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Networks that may call, as of the service. Default: none."""
    same_namespace: NotRequired[pulumi.Input[bool]]
    """Whether pods of the same namespace may call, as of the service. Default: False."""
    scaler_namespace: NotRequired[pulumi.Input[str]]
    """Namespace of KEDA, which asks how much waits. Default: keda."""
    scaler_networks: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Networks that KEDA asks from, where it is not in the cluster's own. Default: none."""
    pull_secret: NotRequired[pulumi.Input[str]]
    """Secret with the registry's credentials. Default: none."""
    context: NotRequired[pulumi.Input[str]]
    """Context of the kubeconfig, as given to the Kubernetes provider. Default: the current one."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """Text of a kubeconfig, as given to the Kubernetes provider, of a cluster that the same program makes. Default: the
    kubeconfig of this machine."""


class ModelAutoscalerArgs(TypedDict):
    namespace: pulumi.Input[str]
    """Namespace of the service."""
    service: pulumi.Input[str]
    """Name of the service, whose `autoscaled` is true: nobody else says how many pods there are."""
    max: pulumi.Input[int]
    """The most pods."""
    min: NotRequired[pulumi.Input[int]]
    """The fewest pods. Default: 1, and 0 with an activator."""
    cpu: NotRequired[pulumi.Input[int]]
    """Per cent of the CPU set aside that pods are to use. Default: 70 where no other target is given."""
    requests_in_flight: NotRequired[pulumi.Input[float]]
    """Requests that one pod is to have in hand."""
    latency: NotRequired[pulumi.Input[float]]
    """Seconds within which `latency_quantile` of the requests are to be answered."""
    latency_quantile: NotRequired[pulumi.Input[float]]
    """The share that `latency` is about. Default: 0.99."""
    gpu: NotRequired[pulumi.Input[int]]
    """Per cent of the GPUs' time that pods are to use, as DCGM tells it."""
    queue: NotRequired[pulumi.Input[ScalingQueue]]
    """Work that waits, as Prometheus knows it."""
    broker: NotRequired[pulumi.Input[ScalingBroker]]
    """Work that waits at a message broker."""
    prometheus: NotRequired[pulumi.Input[str]]
    """Address of Prometheus as KEDA reaches it. Default: http://prometheus.monitoring.svc:9090."""
    prometheus_authentication: NotRequired[pulumi.Input[str]]
    """Name of a TriggerAuthentication in the namespace that opens Prometheus. Default: none."""
    scale_up_seconds: NotRequired[pulumi.Input[int]]
    """Seconds over which the lowest wish for more pods counts. Default: 0, at once."""
    scale_down_seconds: NotRequired[pulumi.Input[int]]
    """Seconds over which the highest wish counts before pods go. Default: 300."""
    polling_seconds: NotRequired[pulumi.Input[int]]
    """Seconds between two questions of KEDA to each source. Default: 15, and 2 with an activator."""
    cooldown_seconds: NotRequired[pulumi.Input[int]]
    """Seconds without anything to do before the last pod goes. Default: 300."""
    activator: NotRequired[ScalingActivator]
    """Lets the service have no pod at all while nobody calls, and holds the first requests until one is there."""


class ModelAutoscaler(pulumi.ComponentResource):
    """Keeps the number of a service's pods: by CPU with a HorizontalPodAutoscaler, by all else with KEDA.

    With several targets the one that wants the most pods decides. Outputs: `name` (of the autoscaler), `kind`.
    """

    name: pulumi.Output[str]
    """Name of the HorizontalPodAutoscaler or ScaledObject."""
    kind: pulumi.Output[str]
    """HorizontalPodAutoscaler or ScaledObject."""

    def __init__(self, name: str, args: ModelAutoscalerArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:ModelAutoscaler", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        holds = "activator" in args
        by_keda = holds or any(key in args for key in BY_KEDA)
        settings = {key: value for key, value in args.items() if key != "activator"}
        settings["min"] = args.get("min", 0 if holds else 1)
        _refuse(settings, holds)

        def render(known: Mapping[str, Any]) -> dict[str, Any]:
            _refuse(known, holds)
            return _scaled(known, holds) if by_keda else _horizontal(known)

        spec: Any = pulumi.Output.all(**settings).apply(render)
        service = pulumi.Output.from_input(args["service"]).apply(names.service)
        meta: Any = {"name": service, "namespace": args["namespace"], "labels": service.apply(names.labels)}
        made: pulumi.CustomResource
        if by_keda:
            behind = _activator(name, args["activator"], args, service, child) if "activator" in args else []
            told: Any = {**meta, "annotations": TOLD_KEDA}
            made = CustomResource(
                name,
                api_version="keda.sh/v1alpha1",
                kind="ScaledObject",
                metadata=told,
                spec=spec,
                opts=pulumi.ResourceOptions(parent=self, depends_on=behind),
            )
        else:
            made = HorizontalPodAutoscaler(name, metadata=meta, spec=spec, opts=child)
        self.name = made.id.apply(lambda found: found.rpartition("/")[2])
        self.kind = pulumi.Output.from_input("ScaledObject" if by_keda else "HorizontalPodAutoscaler")
        self.register_outputs({"name": self.name, "kind": self.kind})


def _refuse(settings: Mapping[str, Any], holds: bool) -> None:
    """Raises ValueError for what cannot be meant, as soon as it is known."""
    known = {key: value for key, value in settings.items() if not isinstance(value, pulumi.Output)}
    if "min" in known and "max" in known and (wrong := scalers.problem(known, holds=holds)):
        raise ValueError(f"the autoscaler of {settings.get('service', 'the service')}: {wrong}")


def _horizontal(known: Mapping[str, Any]) -> dict[str, Any]:
    metric = scalers.cpu_metric(int(known.get("cpu") or 70))
    return scalers.horizontal(known["service"], int(known["min"]), int(known["max"]), metric, _behavior(known))


def _scaled(known: Mapping[str, Any], holds: bool) -> dict[str, Any]:
    service, namespace = str(known["service"]), str(known["namespace"])
    server = str(known.get("prometheus") or "http://prometheus.monitoring.svc:9090")
    auth: str | None = known.get("prometheus_authentication")
    triggers: list[dict[str, Any]] = []
    flight = known.get("requests_in_flight")
    if holds:
        # The activator counts what waits for an answer too, and is asked without Prometheus in between.
        triggers.append(scalers.waiting(namespace, service, flight or 8))
    elif flight is not None:
        query = scalers.in_flight(namespace, service)
        triggers.append(scalers.prometheus("in-flight", server, query, flight, each=True, auth=auth))
    if known.get("latency") is not None:
        query = scalers.latency(namespace, service, float(known.get("latency_quantile") or 0.99))
        triggers.append(scalers.prometheus("latency", server, query, known["latency"], each=False, auth=auth))
    if known.get("gpu") is not None:
        query = scalers.gpu(namespace, service)
        triggers.append(scalers.prometheus("gpu", server, query, known["gpu"], each=False, auth=auth))
    if queue := known.get("queue"):
        triggers.append(scalers.prometheus("queue", server, queue["query"], queue["length"], each=True, auth=auth))
    if broker := known.get("broker"):
        trigger = {"type": broker["type"], "name": "broker", "metadata": broker["metadata"]}
        reference = broker.get("authentication")
        triggers.append({**trigger, "authenticationRef": {"name": reference}} if reference else trigger)
    if known.get("cpu") is not None:
        triggers.append(scalers.cpu_trigger(known["cpu"]))
    return scalers.scaled_object(
        service,
        least=int(known["min"]),
        most=int(known["max"]),
        triggers=triggers,
        behaviour=_behavior(known),
        polling=int(known.get("polling_seconds") or (ACTIVATED_POLLING if holds else 15)),
        cooldown=int(known.get("cooldown_seconds") or 300),
    )


def _behavior(known: Mapping[str, Any]) -> dict[str, Any]:
    down = known.get("scale_down_seconds")
    return scalers.behavior(int(known.get("scale_up_seconds") or 0), 300 if down is None else int(down))


def _activator(
    name: str,
    args: ScalingActivator,
    whole: ModelAutoscalerArgs,
    service: pulumi.Output[str],
    child: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """All that stands before the pods of a service that may have none."""
    namespace = whole["namespace"]

    def meta(called: pulumi.Output[str], annotations: Mapping[str, str] | None = None) -> Any:
        given = {"name": called, "namespace": namespace, "labels": service.apply(activating.labels)}
        return given if annotations is None else {**given, "annotations": annotations}

    own, behind = service.apply(scalers.activator), service.apply(scalers.origin)
    callers = pulumi.Output.all(
        spaces=args.get("allowed_namespaces"), networks=args.get("allowed_networks"), same=args.get("same_namespace")
    ).apply(lambda known: network.peers(**{key: value for key, value in known.items() if value is not None}))
    scaler = pulumi.Output.all(space=args.get("scaler_namespace", "keda"), networks=args.get("scaler_networks")).apply(
        lambda known: network.peers(spaces=[known["space"]], networks=known["networks"] or [])
    )
    guard: Any = pulumi.Output.all(service, callers, scaler).apply(lambda known: activating.guard(*known))
    policies = [
        NetworkPolicy(f"{name}-activator", metadata=meta(own), spec=guard, opts=child),
        NetworkPolicy(f"{name}-origin", metadata=meta(behind), spec=_of(service, activating.entrance), opts=child),
    ]
    account = ServiceAccount(f"{name}-activator", metadata=meta(own), automount_service_account_token=False, opts=child)
    PodDisruptionBudget(f"{name}-activator", metadata=meta(own), spec=_of(service, activating.budget), opts=child)
    # Pods of the model may be none: neither Service is to be waited for until it has some.
    at_once = {"pulumi.com/skipAwait": "true"}
    services = [
        Service(
            f"{name}-origin",
            metadata=meta(behind, at_once),
            spec=_of(service, activating.origin),
            opts=child,
        ),
        Service(
            f"{name}-activator",
            metadata=meta(own, at_once),
            spec=_of(service, activating.counts),
            opts=child,
        ),
    ]
    image = pulumi.Output.from_input(args["image"]).apply(_by_digest)
    arguments = pulumi.Output.all(
        service, namespace, args.get("hold", 120), whole.get("polling_seconds", ACTIVATED_POLLING)
    ).apply(lambda known: activating.arguments(known[0], known[1], hold=float(known[2]), polling=float(known[3])))

    def pods(known: list[Any]) -> dict[str, Any]:
        called, found, replicas, given, secret = known
        return activating.deployment(called, found, replicas=int(replicas), arguments=given, pull_secret=secret)

    spec: Any = pulumi.Output.all(service, image, args.get("replicas", 2), arguments, args.get("pull_secret")).apply(
        pods
    )
    deployment = Deployment(
        f"{name}-activator",
        metadata=meta(own, AT_ONCE),
        spec=spec,
        opts=pulumi.ResourceOptions(parent=child.parent, depends_on=[account, *policies, *services]),
    )
    waits = {
        "namespace": namespace,
        "service": own,
        "image": image,
        "timeout": TIMEOUT,
        **access.where(args),
        "content": content(spec),
    }
    behind_it = pulumi.ResourceOptions(parent=child.parent, depends_on=[deployment])
    return [ModelServer(f"{name}-activator", waits, behind_it)]


def _of(service: pulumi.Output[str], make: Callable[[str], dict[str, Any]]) -> Any:
    """Untyped: the provider's own types are dicts with other names for every key."""
    return service.apply(make)


def _by_digest(image: str) -> str:
    names.digest(image)
    return image
