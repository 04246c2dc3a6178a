"""KServe, which makes and scales the pods itself; in them runs a model image of this library."""

from components.kubernetes.runtimes.common import Json, Wanted, labels, meta, own, user


def manifests(wanted: Wanted) -> list[Json]:
    """An InferenceService with a predictor of our own."""
    predictor: Json = {
        "labels": labels(wanted),
        "minReplicas": wanted.replicas,
        "maxReplicas": wanted.replicas * 4,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": user(),
        "containers": [own(wanted)],
    }
    return [
        {
            "apiVersion": "serving.kserve.io/v1beta1",
            "kind": "InferenceService",
            "metadata": {**meta(wanted), "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"}},
            "spec": {"predictor": predictor},
        }
    ]
