"""What nodes with NVIDIA GPUs need before a pod can ask for one: the device plugin, its settings, and its metrics."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Optional, TypedDict

import pulumi
import yaml
from pulumi_kubernetes.apps.v1.DaemonSet import DaemonSet
from pulumi_kubernetes.core.v1.ConfigMap import ConfigMap
from pulumi_kubernetes.core.v1.Namespace import Namespace
from pulumi_kubernetes.core.v1.Service import Service
from pulumi_kubernetes.core.v1.ServiceAccount import ServiceAccount
from pulumi_kubernetes.networking.v1.NetworkPolicy import NetworkPolicy

from components.kubernetes import names, network

Json = dict[str, Any]

RESOURCE = "nvidia.com/gpu"
PLUGIN, EXPORTER = "nvidia-device-plugin", "dcgm-exporter"
METRICS = 9400
TAINT: Json = {"key": RESOURCE, "operator": "Exists", "effect": "NoSchedule"}
"""What GPU nodes are commonly kept free with, for those who need them."""

AT_ONCE = {"pulumi.com/skipAwait": "true"}


class GpuNodesArgs(TypedDict):
    device_plugin_image: pulumi.Input[str]
    """NVIDIA's device plugin, by digest: `nvcr.io/nvidia/k8s-device-plugin@sha256:...`."""
    exporter_image: NotRequired[pulumi.Input[str]]
    """NVIDIA's DCGM exporter, by digest: `nvcr.io/nvidia/k8s/dcgm-exporter@sha256:...`. Default: no metrics of GPUs."""
    node_selector: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of the nodes with GPUs. Default: `nvidia.com/gpu.present: "true"`, which GPU feature discovery sets."""
    tolerations: NotRequired[pulumi.Input[Sequence[Any]]]
    """Taints of these nodes. Default: any with the key `nvidia.com/gpu`."""
    time_slices: NotRequired[pulumi.Input[int]]
    """How many pods share one GPU by turns, with neither memory nor faults apart. Default: 1, nobody shares."""
    runtime_class: NotRequired[pulumi.Input[str]]
    """RuntimeClass of NVIDIA's container runtime, where it is not the nodes' default. Default: none."""
    monitoring_namespace: NotRequired[pulumi.Input[str]]
    """Namespace of Prometheus, whose pods may ask for the metrics. Default: monitoring."""


class GpuNodes(pulumi.ComponentResource):
    """Makes the GPUs of a cluster's nodes something that pods can ask for, and their use something that is measured.

    It has a namespace of its own, called as the component is: the plugin speaks to the kubelet over its sockets, which
    Pod Security allows in a privileged namespace alone. Outputs: `namespace`, `resource` (what a pod asks for),
    `tolerations` (of such a pod).
    """

    namespace: pulumi.Output[str]
    """Name of the namespace."""
    resource: pulumi.Output[str]
    """What a pod asks for: nvidia.com/gpu, or nvidia.com/gpu.shared where GPUs are shared."""
    tolerations: pulumi.Output[list[Any]]
    """What a pod that asks for a GPU puts up with."""

    def __init__(self, name: str, args: GpuNodesArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:GpuNodes", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        slices = pulumi.Output.from_input(args.get("time_slices", 1)).apply(_slices)
        tolerations = pulumi.Output.from_input(args.get("tolerations", [TAINT]))
        level = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}
        space = Namespace(name, metadata={"name": name, "labels": {names.MANAGED_BY: "modelport", **level}}, opts=child)
        self.namespace = space.metadata.name

        def meta(called: str, annotations: Mapping[str, str] | None = None) -> Any:
            made = {"name": called, "namespace": self.namespace, "labels": labels(called)}
            return made if annotations is None else {**made, "annotations": annotations}

        shared = {
            "selector": args.get("node_selector", {f"{RESOURCE}.present": "true"}),
            "tolerations": tolerations,
            "runtime": args.get("runtime_class"),
        }
        settings = slices.apply(config)
        given = ConfigMap(
            PLUGIN, metadata=meta(PLUGIN), data=settings.apply(lambda text: {"config.yaml": text}), opts=child
        )
        self._daemons(PLUGIN, args["device_plugin_image"], shared, settings, plugin, meta, [given])
        deny: Any = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        NetworkPolicy(f"{name}-deny-all", metadata=meta("deny-all"), spec=deny, opts=child)
        if "exporter_image" in args:
            self._daemons(EXPORTER, args["exporter_image"], shared, pulumi.Output.from_input(""), exporter, meta, [])
            port = {"name": "metrics", "port": METRICS, "targetPort": "metrics", "protocol": "TCP"}
            found: Any = {"type": "ClusterIP", "clusterIP": "None", "selector": selector(EXPORTER), "ports": [port]}
            # No pod of it runs before there is a node with a GPU.
            Service(EXPORTER, metadata=meta(EXPORTER, AT_ONCE), spec=found, opts=child)
            allowed: Any = pulumi.Output.from_input(args.get("monitoring_namespace", "monitoring")).apply(_scraped)
            NetworkPolicy(EXPORTER, metadata=meta(EXPORTER), spec=allowed, opts=child)
        self.resource = slices.apply(lambda count: RESOURCE if count == 1 else f"{RESOURCE}.shared")
        self.tolerations = tolerations.apply(list)
        self.register_outputs({"namespace": self.namespace, "resource": self.resource, "tolerations": self.tolerations})

    def _daemons(
        self,
        called: str,
        image: pulumi.Input[str],
        shared: Mapping[str, Any],
        settings: pulumi.Output[str],
        make: Any,
        meta: Any,
        behind: list[pulumi.Resource],
    ) -> None:
        """One pod of `image` on each node with a GPU."""
        child = pulumi.ResourceOptions(parent=self)
        account = ServiceAccount(called, metadata=meta(called), automount_service_account_token=False, opts=child)
        spec: Any = pulumi.Output.all(image=image, settings=settings, **shared).apply(lambda known: make(**known))
        DaemonSet(
            called,
            metadata=meta(called, AT_ONCE),
            spec=spec,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account, *behind]),
        )


def _slices(count: float) -> int:
    if count != int(count) or not 1 <= count <= 64:
        raise ValueError(f"time_slices is {count:g}, expected a whole number from 1 to 64")
    return int(count)


def labels(called: str) -> Json:
    return {names.APP: called, names.COMPONENT: "gpu", names.MANAGED_BY: "modelport"}


def selector(called: str) -> Json:
    return {names.APP: called}


def config(slices: int) -> str:
    """The device plugin's own configuration file."""
    settings: Json = {"version": "v1", "flags": {"failOnInitError": False, "migStrategy": "none"}}
    if slices > 1:
        # Renamed: who asks for a whole GPU does not get a share of one. More than one share gives no more of it.
        shared = {"name": RESOURCE, "replicas": slices}
        slicing = {"renameByDefault": True, "failRequestsGreaterThanOne": True, "resources": [shared]}
        settings["sharing"] = {"timeSlicing": slicing}
    return yaml.safe_dump(settings, sort_keys=False)


def plugin(image: str, settings: str, selector: Json, tolerations: list[Any], runtime: str | None) -> Json:
    """A DaemonSetSpec of the device plugin, which tells the kubelet over a socket in a folder of the node's."""
    folder = {"name": "device-plugins", "mountPath": "/var/lib/kubelet/device-plugins"}
    read = {"name": "config", "mountPath": "/config", "readOnly": True}
    container: Json = {
        **_container(PLUGIN, image, [folder, read]),
        "env": [
            {"name": "CONFIG_FILE", "value": "/config/config.yaml"},
            {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
            {"name": "NVIDIA_DRIVER_CAPABILITIES", "value": "compute,utility"},
        ],
        # It has no port: that its program is still there is all that can be asked.
        "livenessProbe": _alive("nvidia-device-plugin"),
        "readinessProbe": _alive("nvidia-device-plugin"),
    }
    volumes = [
        {"name": "device-plugins", "hostPath": {"path": "/var/lib/kubelet/device-plugins", "type": "Directory"}},
        {"name": "config", "configMap": {"name": PLUGIN}},
    ]
    # The plugin reads its settings once: other settings are other pods.
    mark = {"modelport.io/settings": hashlib.sha256(settings.encode()).hexdigest()[:16]}
    return _spec(PLUGIN, container, volumes, selector, tolerations, runtime, mark)


def exporter(image: str, settings: str, selector: Json, tolerations: list[Any], runtime: str | None) -> Json:
    """A DaemonSetSpec of the DCGM exporter, which asks the kubelet whose each GPU is."""
    folder = {"name": "pod-resources", "mountPath": "/var/lib/kubelet/pod-resources", "readOnly": True}
    scratch = {"name": "scratch", "mountPath": "/tmp"}
    healthy = {"httpGet": {"path": "/health", "port": "metrics"}, "timeoutSeconds": 5, "periodSeconds": 10}
    container: Json = {
        **_container(EXPORTER, image, [folder, scratch]),
        "env": [
            {"name": "DCGM_EXPORTER_LISTEN", "value": f":{METRICS}"},
            {"name": "DCGM_EXPORTER_KUBERNETES", "value": "true"},
            {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
        ],
        "ports": [{"name": "metrics", "containerPort": METRICS, "protocol": "TCP"}],
        "livenessProbe": {**healthy, "initialDelaySeconds": 45, "failureThreshold": 6},
        "readinessProbe": {**healthy, "failureThreshold": 3},
    }
    volumes = [
        {"name": "pod-resources", "hostPath": {"path": "/var/lib/kubelet/pod-resources", "type": "Directory"}},
        {"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    marks = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(METRICS),
    }
    return _spec(EXPORTER, container, volumes, selector, tolerations, runtime, marks)


def _alive(program: str) -> Json:
    return {"exec": {"command": ["sh", "-c", f"pgrep {program} || pidof {program}"]}, "periodSeconds": 30}


def _container(called: str, image: str, mounts: list[Json]) -> Json:
    names.digest(image)
    return {
        "name": called,
        "image": image,
        "imagePullPolicy": "Always",
        "resources": {
            "requests": {"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
            "limits": {"cpu": "200m", "memory": "512Mi", "ephemeral-storage": "64Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }


def _spec(
    called: str,
    container: Json,
    volumes: list[Json],
    nodes: Json,
    tolerations: list[Any],
    runtime: str | None,
    annotations: Mapping[str, str],
) -> Json:
    pod: Json = {
        "serviceAccountName": called,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": "system-node-critical",
        "nodeSelector": nodes,
        "tolerations": tolerations,
        # The kubelet's sockets belong to root alone.
        "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": volumes,
    }
    if runtime is not None:
        pod["runtimeClassName"] = runtime
    return {
        "selector": {"matchLabels": selector(called)},
        "updateStrategy": {"type": "RollingUpdate"},
        "template": {"metadata": {"labels": labels(called), "annotations": dict(annotations)}, "spec": pod},
    }


def _scraped(namespace: str) -> Json:
    return {
        "podSelector": {"matchLabels": selector(EXPORTER)},
        "policyTypes": ["Ingress"],
        "ingress": network.ingress([network.space(namespace)], "metrics"),
    }
