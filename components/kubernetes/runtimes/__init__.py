"""A model served by a program of one's choice: ours, or one that a team already runs."""

from collections.abc import Callable
from enum import Enum
from typing import Any, NotRequired, Optional, TypedDict

import pulumi

from components.kubernetes.runtimes import kserve, seldon, tensorflow, torchserve, triton
from components.kubernetes.runtimes.common import Json, Wanted
from components.kubernetes.service import ModelService


class ServingProgram(Enum):
    """What serves the model."""

    MODELPORT = "modelport"
    """The serving program of this library: a ModelService."""
    TRITON = "triton"
    """NVIDIA Triton, with the ONNX model of a model image."""
    TENSORFLOW = "tensorflow"
    """TensorFlow Serving, with a SavedModel."""
    TORCHSERVE = "torchserve"
    """TorchServe, with a model archive."""
    KSERVE = "kserve"
    """An InferenceService of KServe with our image."""
    SELDON = "seldon"
    """A SeldonDeployment of Seldon Core with our image."""


MAKERS: dict[ServingProgram, Callable[[Wanted], list[Json]]] = {
    ServingProgram.TRITON: triton.manifests,
    ServingProgram.TENSORFLOW: tensorflow.manifests,
    ServingProgram.TORCHSERVE: torchserve.manifests,
    ServingProgram.KSERVE: kserve.manifests,
    ServingProgram.SELDON: seldon.manifests,
}
WITH_FILES = (ServingProgram.TRITON, ServingProgram.TENSORFLOW, ServingProgram.TORCHSERVE)


class ServingRuntimeArgs(TypedDict):
    namespace: pulumi.Input[str]
    """Namespace to live in."""
    program: ServingProgram
    """What serves the model."""
    image: pulumi.Input[str]
    """Image by digest: the model image for modelport, kserve and seldon, else the runtime's own program."""
    files: NotRequired[pulumi.Input[str]]
    """Image by digest that holds the model's files, for triton, tensorflow and torchserve; mounted as a volume."""
    path: NotRequired[pulumi.Input[str]]
    """Folder of the model in `files`. Default: `models/NAME`, where a model image has it."""
    replicas: NotRequired[pulumi.Input[int]]
    """Pods. Default: 2."""


class ServingRuntime(pulumi.ComponentResource):
    """A model behind the serving program of one's choice.

    It is called as the component is. Outputs: `url` in the cluster, `kind` of the object that holds the pods.
    """

    url: pulumi.Output[str]
    """Where it answers inside of the cluster; of KServe and Seldon, where their own naming puts it."""
    kind: pulumi.Output[str]
    """Deployment, InferenceService or SeldonDeployment."""

    def __init__(self, name: str, args: ServingRuntimeArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:ServingRuntime", name, {}, opts)
        program = ServingProgram(args["program"])
        if program in WITH_FILES and "files" not in args:
            raise ValueError(
                f"the serving runtime {name}: files is missing, expected an image by digest with the model's files, "
                f"which {program.value} does not have in its own; pass a ModelImage's reference"
            )
        child = pulumi.ResourceOptions(parent=self)
        if program is ServingProgram.MODELPORT:
            given: Any = {"namespace": args["namespace"], "image": args["image"], "replicas": args.get("replicas", 2)}
            service = ModelService(name, given, child)
            self.url, self.kind = service.url, pulumi.Output.from_input("Deployment")
        else:
            self.url, self.kind = _made(name, program, args, child)
        self.register_outputs({"url": self.url, "kind": self.kind})


def _made(
    name: str, program: ServingProgram, args: ServingRuntimeArgs, child: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """The objects of another's program. How many, and of which kind, is known before any value is."""
    known = pulumi.Output.all(
        namespace=args["namespace"],
        image=args["image"],
        files=args.get("files", ""),
        path=args.get("path", f"models/{name}"),
        replicas=args.get("replicas", 2),
    )

    def rendered(given: dict[str, Any]) -> list[Json]:
        values: dict[str, Any] = {**given, "replicas": int(given["replicas"])}
        return MAKERS[program](Wanted(name=name, **values))

    found: Any = known.apply(rendered)
    # Their kinds do not depend on what is not known yet.
    shape = MAKERS[program](Wanted(name, "namespace", _UNKNOWN, _UNKNOWN))
    for number, each in enumerate(shape):
        _object(f"{name}-{each['kind'].lower()}", each["apiVersion"], each["kind"], found[number], child)
    kind = shape[-1]["kind"] if len(shape) == 1 else "Deployment"
    suffix = {"InferenceService": "-predictor", "SeldonDeployment": "-default"}.get(kind, "")
    url = pulumi.Output.from_input(args["namespace"]).apply(lambda space: f"http://{name}{suffix}.{space}.svc")
    return url, pulumi.Output.from_input(kind)


_UNKNOWN = "unknown@sha256:" + "0" * 64


def _object(name: str, version: str, kind: str, found: Any, child: pulumi.ResourceOptions) -> None:
    """One object of Kubernetes, of the provider's own class where it has one."""
    from pulumi_kubernetes.apiextensions.CustomResource import CustomResource
    from pulumi_kubernetes.apps.v1.Deployment import Deployment
    from pulumi_kubernetes.core.v1.Service import Service
    from pulumi_kubernetes.core.v1.ServiceAccount import ServiceAccount
    from pulumi_kubernetes.networking.v1.NetworkPolicy import NetworkPolicy
    from pulumi_kubernetes.policy.v1.PodDisruptionBudget import PodDisruptionBudget

    if kind == "ServiceAccount":
        ServiceAccount(name, metadata=found["metadata"], automount_service_account_token=False, opts=child)
        return
    classes: dict[str, Any] = {
        "Deployment": Deployment,
        "Service": Service,
        "NetworkPolicy": NetworkPolicy,
        "PodDisruptionBudget": PodDisruptionBudget,
    }
    if made := classes.get(kind):
        made(name, metadata=found["metadata"], spec=found["spec"], opts=child)
    else:
        CustomResource(name, version, kind, metadata=found["metadata"], spec=found["spec"], opts=child)
