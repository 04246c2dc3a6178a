"""Small programs with what stacks have in a cluster, and whatever of ours the rules are tried on."""

import functools
import json
from typing import Any, Final

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from components.kubernetes.gpu_nodes import GpuNodes
from components.kubernetes.namespace import ModelNamespace
from components.kubernetes.service import ModelService
from model_build.resource import ModelImage
from tests.components.aws import judging_programs as on_aws
from tests.components.gcp import judging_programs as on_gcp
from tests.components.planned import Plan, Planned, plan

DIGEST: Final = f"sha256:{'a1' * 32}"
IMAGE: Final = f"registry.example.com/models/digits@{DIGEST}"
KEY: Final = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
RECIPE: Final = {
    "name": "digits",
    "source": "examples.digits.train:pipeline",
    "evaluate": {"data": "examples.digits.train:evaluation", "min": 0.95, "max_drop": 0.01},
}
GPU: Final[dict[str, Any]] = {
    "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}


def service(**args: Any) -> None:
    """A model built and serving in a namespace of its own."""
    place = "registry.example.com/models/digits"
    ModelImage("digits", {"recipe": json.dumps(RECIPE), "destination": place, "signed_by": KEY})
    space = ModelNamespace("models", {})
    given: Any = {"namespace": space.name, "image": IMAGE, "keys_secret": "digits-keys", **args}
    ModelService("digits", given, pulumi.ResourceOptions(depends_on=[space]))


def routed() -> None:
    """A service that a load balancer of the cluster and a route lead to, scaled by KEDA."""
    service(autoscaled=True, type="LoadBalancer")
    about = {"name": "digits", "namespace": "models"}
    back = {"name": "digits", "port": 80}
    CustomResource(
        "route", api_version="gateway.networking.k8s.io/v1", kind="HTTPRoute", metadata=about,
        spec={"rules": [{"backendRefs": [back]}]},
    )  # fmt: skip
    CustomResource(
        "scaler", api_version="keda.sh/v1alpha1", kind="ScaledObject", metadata=about,
        spec={"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"}},
    )  # fmt: skip


def gpus() -> None:
    GpuNodes("gpus", {"device_plugin_image": f"nvcr.io/nvidia/k8s-device-plugin@{DIGEST}"})


PROGRAMS: Final[dict[str, Any]] = {
    "service": service,
    "scaled": lambda: service(max_replicas=8),
    "routed": routed,
    "gpus": gpus,
    **{f"aws {name}": program for name, program in on_aws.PROGRAMS.items()},
    **{f"gcp {name}": program for name, program in on_gcp.PROGRAMS.items()},
}


@functools.cache
def planned(name: str) -> tuple[Planned, ...]:
    """What a program registers in a preview, and where it builds a model, what that tells once it is built."""
    found: Plan = plan(PROGRAMS[name])
    return tuple(_built(each) if name in ("service", "scaled", "routed") else each for each in found.resources)


def _built(each: Planned) -> Planned:
    if each.type.endswith(":ModelImage"):
        outputs = {"metrics": {"drop": 0.0}, "sbom": DIGEST, "signature": DIGEST}
        each.inputs.update(digest=DIGEST, reference=IMAGE, **outputs)
    return each
