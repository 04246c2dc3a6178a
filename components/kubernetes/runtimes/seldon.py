"""Seldon Core, which makes the pods itself; in them runs a model image of this library."""

from components.kubernetes import names
from components.kubernetes.runtimes.common import Json, Wanted, meta, own, user


def manifests(wanted: Wanted) -> list[Json]:
    """A SeldonDeployment with one predictor, whose graph is our container."""
    container = {**own(wanted), "name": names.CONTAINER}
    container["ports"] = [{"name": names.PORT_NAME, "containerPort": names.PORT, "protocol": "TCP"}]
    pod: Json = {"securityContext": user(), "automountServiceAccountToken": False, "containers": [container]}
    predictor: Json = {
        "name": "default",
        "replicas": wanted.replicas,
        "componentSpecs": [{"spec": pod}],
        "graph": {
            "name": names.CONTAINER,
            "type": "MODEL",
            "endpoint": {"type": "REST", "httpPort": names.PORT},
            "children": [],
        },
    }
    return [
        {
            "apiVersion": "machinelearning.seldon.io/v1",
            "kind": "SeldonDeployment",
            "metadata": meta(wanted),
            "spec": {"name": wanted.name, "protocol": "v2", "predictors": [predictor]},
        }
    ]
