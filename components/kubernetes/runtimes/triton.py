"""NVIDIA Triton Inference Server. It speaks the protocol that ours does, and takes a model image as it is."""

from components.kubernetes.runtimes.common import Json, Wanted, container, deployed, model, scratch


def manifests(wanted: Wanted) -> list[Json]:
    """`files` and `path`: a folder that is one version of the model, as /models/NAME of a model image."""
    made = container(
        wanted,
        ["tritonserver", "--model-repository=/models", "--strict-readiness=true", "--exit-timeout-secs=25"],
        ports={"http": 8000, "grpc": 8001, "metrics": 8002},
        ready="/v2/health/ready",
        live="/v2/health/live",
        mounts=[model(wanted, f"/models/{wanted.name}/1"), scratch("/tmp")],
    )
    return deployed(wanted, made)
