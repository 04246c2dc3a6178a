"""A model that answers in a cluster."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, NotRequired, Optional, TypedDict

import pulumi

from components.kubernetes import access, names, network, others, pod, scalers, sizing
from components.kubernetes.objects import KubernetesObject, content
from components.kubernetes.others import ImageServer
from components.kubernetes.server import ModelServer
from components.outputs import known

AT_ONCE = {"pulumi.com/waitFor": "jsonpath={.metadata.uid}"}
"""Not waited for by Pulumi's own provider: a ModelServer does, and knows what to look at."""
TIMEOUT = 300


class ModelServiceType(Enum):
    """How the service is reached."""

    CLUSTER_IP = "ClusterIP"
    """Inside of the cluster, and by what stands in front of it there."""
    NODE_PORT = "NodePort"
    """At a port of every node."""
    LOAD_BALANCER = "LoadBalancer"
    """At an address that the cluster's cloud gives."""


class ModelResources(TypedDict):
    """Quantities of Kubernetes for each pod; what is left out is worked out from the model's report."""

    cpu: NotRequired[pulumi.Input[str]]
    """CPU that the scheduler sets aside. Default: for `requests_per_second` at the measured latency."""
    memory: NotRequired[pulumi.Input[str]]
    """Memory that the scheduler sets aside. Default: the server's and twice the model's for each worker."""
    cpu_limit: NotRequired[pulumi.Input[str]]
    """CPU at most. Default: one core for each worker."""
    memory_limit: NotRequired[pulumi.Input[str]]
    """Memory at most. Default: `memory`, where it is given; else room for requests in hand besides."""


class ModelServiceArgs(TypedDict):
    namespace: pulumi.Input[str]
    """Namespace to live in: the output `name` of a ModelNamespace."""
    image: pulumi.Input[str]
    """What to run, by digest: the output `reference` of a ModelImage that was pushed."""
    replicas: NotRequired[pulumi.Input[int]]
    """Pods. With `max_replicas`: the fewest. Default: 2."""
    max_replicas: NotRequired[pulumi.Input[int]]
    """The most pods: a HorizontalPodAutoscaler by CPU keeps their number. Default: always `replicas`."""
    cpu_target: NotRequired[pulumi.Input[int]]
    """Percent of the CPU set aside that the autoscaler aims at. Default: 70."""
    autoscaled: NotRequired[bool]
    """Whether something else keeps the number of pods, as a ModelAutoscaler. Default: False."""
    activated: NotRequired[bool]
    """Whether the service leads to the activator of a ModelAutoscaler, which stands before its pods. Default: False."""
    workers: NotRequired[pulumi.Input[int]]
    """Processes that answer in each pod. Default: 1."""
    metrics: NotRequired[pulumi.Input[dict[str, float]]]
    """The model's numbers, `bytes` and `p50_ms`: the output `metrics` of a ModelImage."""
    requests_per_second: NotRequired[pulumi.Input[float]]
    """What one pod is to answer steadily. Default: 20."""
    resources: NotRequired[pulumi.Input[ModelResources]]
    """What stands in place of what would be worked out."""
    type: NotRequired[pulumi.Input[ModelServiceType]]
    """How the service is reached. Default: ClusterIP."""
    node_port: NotRequired[pulumi.Input[int]]
    """The port of every node, for a load balancer that has to know it. Default: one that the cluster chooses."""
    allowed_namespaces: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Namespaces whose pods may call: the gateway's. Default: none."""
    allowed_networks: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Networks that may call, as `10.0.0.0/8`, for what comes from outside of the cluster. Default: none."""
    same_namespace: NotRequired[pulumi.Input[bool]]
    """Whether pods of the same namespace may call. Default: False."""
    monitoring_namespace: NotRequired[pulumi.Input[str]]
    """Namespace whose pods may scrape. Default: none."""
    pull_secret: NotRequired[pulumi.Input[str]]
    """Secret with the registry's credentials. Default: none."""
    keys_secret: NotRequired[pulumi.Input[str]]
    """Secret with the hashes of API keys, one entry for each. Default: everybody who may call is answered."""
    env: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Environment of the server, beside its own."""
    node_selector: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of the nodes to run on."""
    tolerations: NotRequired[pulumi.Input[Sequence[Any]]]
    """Taints of nodes to put up with."""
    server: NotRequired[ImageServer]
    """What answers from the image. Of another's server nothing is measured: what `resources` leaves out is 500m to 2
    CPUs and 1 to 2 GiB; `workers`, `metrics` and API keys are the library's own server's. Default: modelport."""
    model: NotRequired[str]
    """What the model is called in the image; needed for another's server. Default: as the service."""
    split_by_replicas: NotRequired[bool]
    """Whether the service leads to a release's candidate too: a split without a gateway. Default: False."""
    ready_timeout: NotRequired[pulumi.Input[int]]
    """Seconds that a new version may take to answer. Default: 300."""
    context: NotRequired[pulumi.Input[str]]
    """Context of the kubeconfig, as given to the Kubernetes provider. Default: the current one."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """Text of a kubeconfig, as given to the Kubernetes provider, of a cluster that the same program makes. Default: the
    kubeconfig of this machine."""


class ModelService(pulumi.ComponentResource):
    """Pods that answer for one model, behind one address, changed without a request that fails.

    It is called as the component is. Outputs: `name`, `namespace`, `url` (in the cluster), `image` (that answers).
    """

    name: pulumi.Output[str]
    """Name of its Deployment and of its Service."""
    namespace: pulumi.Output[str]
    """Where it lives."""
    url: pulumi.Output[str]
    """Where it answers inside of the cluster: `http://NAME.NAMESPACE.svc`."""
    image: pulumi.Output[str]
    """The image that answers there."""

    def __init__(self, name: str, args: ModelServiceArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:ModelService", names.service(name), {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        space = args["namespace"]

        def meta(called: str = name, track: str | None = None, annotations: Mapping[str, str] | None = None) -> Any:
            given = {"name": called, "namespace": space, "labels": names.labels(name, track)}
            return given if annotations is None else {**given, "annotations": annotations}

        account = KubernetesObject(
            "v1", "ServiceAccount", name, child, metadata=meta(), automountServiceAccountToken=False
        )
        # The rest after the first: a namespace that takes nothing, or is not there, says so once.
        after = pulumi.ResourceOptions(parent=self, depends_on=[account])
        guard = {
            "podSelector": {"matchLabels": names.selector(name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": _ingress(args),
        }
        policy = KubernetesObject("networking.k8s.io/v1", "NetworkPolicy", name, after, metadata=meta(), spec=guard)
        budget = {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector(name, names.STABLE)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
        KubernetesObject("policy/v1", "PodDisruptionBudget", name, after, metadata=meta(), spec=budget)
        pods = rendered(name, args)
        scaled = "max_replicas" in args or args.get("autoscaled", False)
        replicas = None if scaled else args.get("replicas", 2)
        timeout = args.get("ready_timeout", TIMEOUT)
        deployment = KubernetesObject(
            "apps/v1",
            "Deployment",
            name,
            pulumi.ResourceOptions(parent=self, depends_on=[account, policy]),
            metadata=meta(annotations=AT_ONCE),
            spec=pod.deployment(name, pods, names.STABLE, replicas, progress_deadline=timeout),
        )
        track = None if args.get("split_by_replicas", False) else names.STABLE
        kind = known(_text, kind=args.get("type", ModelServiceType.CLUSTER_IP))
        first = scalers.activator(name) if args.get("activated", False) else name
        spec = _port(first, track if first == name else None, kind, args.get("node_port"))
        service = KubernetesObject("v1", "Service", name, after, metadata=meta(annotations=AT_ONCE), spec=spec)
        # Always there, so that a route may name both: while no release goes on, it leads nowhere and has no weight.
        KubernetesObject(
            "v1",
            "Service",
            names.canary(name),
            after,
            metadata=meta(names.canary(name), names.CANARY, AT_ONCE),
            spec=_port(name, names.CANARY, "ClusterIP"),
        )
        if "max_replicas" in args:
            scale = _by_cpu(name, args)
            KubernetesObject("autoscaling/v2", "HorizontalPodAutoscaler", name, after, metadata=meta(), spec=scale)
        server = ModelServer(
            name,
            {
                "namespace": space,
                "service": name,
                "image": args["image"],
                "content": content([pods, replicas]),
                "timeout": timeout,
                **access.where(args),
            },
            pulumi.ResourceOptions(parent=self, depends_on=[deployment, service]),
        )
        self.name, self.namespace = deployment.metadata["name"], deployment.metadata["namespace"]
        self.url, self.image = server.url, server.image
        self.register_outputs({"name": self.name, "namespace": self.namespace, "url": self.url, "image": self.image})


def rendered(name: str, args: ModelServiceArgs) -> dict[str, Any]:
    """The PodTemplateSpec of the service's stable pods. Leaf values may be outputs."""
    image = known(str, object=args["image"])
    workers = args.get("workers", 1)
    server = ImageServer(args.get("server", ImageServer.MODELPORT))
    if server is not ImageServer.MODELPORT:
        _unlike(name, server, args)
        sized = known(others.resources, given=args.get("resources"))
    else:
        sized = known(
            _sized,
            metrics=args.get("metrics"),
            workers=workers,
            rate=args.get("requests_per_second", 20.0),
            given=args.get("resources"),
        )
    return pod.template(
        pod.Pod(
            name=names.service(name),
            image=image,
            revision=known(names.revision, reference=image),
            digest=known(names.digest, reference=image),
            resources=sized,
            workers=known("{count:g}".format, count=workers),
            keys_secret=args.get("keys_secret"),
            pull_secret=args.get("pull_secret"),
            env=args.get("env") or {},
            node_selector=args.get("node_selector"),
            tolerations=args.get("tolerations"),
            server=server,
            model=args.get("model", name),
        )
    )


def _unlike(name: str, server: ImageServer, args: ModelServiceArgs) -> None:
    """Raise ValueError for what is asked of our own server, and another's does not know."""
    why = {
        "keys_secret": "as API keys are checked by our own server alone, and everybody would be answered",
        "activated": "as the activator is a part of our own server, which the image has not",
        "workers": "as that server has no such processes",
    }
    for key, reason in why.items():
        if args.get(key):
            raise ValueError(
                f"the service {name}: {key} is given with server {server.value}, expected none, {reason}; leave it out"
            )


def _sized(
    metrics: dict[str, float] | None, workers: float, rate: float, given: dict[str, str] | None
) -> dict[str, dict[str, str]]:
    return sizing.resources(metrics, workers=int(workers), requests_per_second=float(rate), **(given or {}))


def _ingress(args: ModelServiceArgs) -> Any:
    """Who may call the pods, and who may scrape them: at all ports of the server, which are names of the pod's."""
    server = ImageServer(args.get("server", ImageServer.MODELPORT))
    more = [] if server is ImageServer.MODELPORT else [str(each["name"]) for each in others.ports(server)]

    def rules(spaces: list[str] | None, monitoring: str | None, networks: list[str] | None, same: bool) -> list[Any]:
        scraping = [monitoring] if monitoring else []
        callers = network.peers(spaces=[*(spaces or []), *scraping], networks=networks or [], same=same)
        return network.ingress(callers, names.PORT_NAME, *more)

    return known(
        rules,
        spaces=args.get("allowed_namespaces"),
        monitoring=args.get("monitoring_namespace"),
        networks=args.get("allowed_networks"),
        same=args.get("same_namespace", False),
    )


def _port(name: str, track: str | None, kind: Any, node: Any = None) -> Any:
    port = {"name": names.PORT_NAME, "port": names.SERVICE_PORT, "targetPort": names.PORT_NAME, "protocol": "TCP"}
    return {
        "type": kind,
        "selector": names.selector(name, track),
        "ports": [port if node is None else {**port, "nodePort": node}],
    }


def _by_cpu(name: str, args: ModelServiceArgs) -> Any:
    target = {"type": "Utilization", "averageUtilization": args.get("cpu_target", 70)}
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": args.get("replicas", 2),
        "maxReplicas": args.get("max_replicas"),
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }


def _text(kind: object) -> str:
    return str(kind.value if isinstance(kind, ModelServiceType) else kind)
