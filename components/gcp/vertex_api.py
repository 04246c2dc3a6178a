"""Vertex AI by its REST API, for a release: the models of an endpoint, and what Cloud Monitoring counted of them."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from components.gcp.release_watch import Asking, Counted, Measured
from components.gcp.rest import Clock, Json
from components.releases import ReleaseError

OPERATION: Final = 9000.0
"""Seconds that an operation may take: a deployment has two hours ("ModelContainerSpec", `deploymentTimeout`,
2026-11-22), and as much as a quarter of that for what comes before and after."""
RIGHTS: Final = "roles/aiplatform.admin and roles/monitoring.viewer"
VARIABLE: Final = "GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT"
SCALE: Final = ("minReplicaCount", "maxReplicaCount", "autoscalingMetricSpecs")
"""What of a deployed model can be changed in place."""
_TICK: Final = 5.0
_METRIC: Final = "aiplatform.googleapis.com/prediction/online"


class Place(NamedTuple):
    """An endpoint."""

    project: str
    region: str
    endpoint: str

    @property
    def parent(self) -> str:
        return f"projects/{self.project}/locations/{self.region}"

    @property
    def path(self) -> str:
        return f"{self.parent}/endpoints/{self.endpoint}"

    @property
    def model(self) -> str:
        """The model whose versions are deployed to it, which is called as it is."""
        return f"{self.parent}/models/{self.endpoint}"


class Api(Asking):
    """What a release asks of Google. Raises ReleaseError, and Unanswered for want of an answer.

    private: whether the endpoint is reached by Private Service Connect, which has metrics of its own beside the others.
    """

    def __init__(self, place: Place, clock: Clock, *, private: bool = False) -> None:
        super().__init__(place.project, clock, RIGHTS)
        self._place, self._private = place, private
        self._where = (VARIABLE, f"https://{place.region}-aiplatform.googleapis.com/v1/")

    def endpoint(self) -> Json | None:
        """The endpoint; none where there is none."""
        return self._client.ask("GET", self._where, self._place.path, missing=True)

    def split(self, shares: Mapping[str, int]) -> None:
        """Give each deployed model its percent of the requests, and others none."""
        body = {"name": self._place.path, "trafficSplit": dict(shares)}
        self._client.ask("PATCH", self._where, self._place.path, {"updateMask": "trafficSplit"}, body)

    def has_model(self) -> bool:
        """Whether there is the model, by some version."""
        return self._client.ask("GET", self._where, self._place.model, missing=True) is not None

    def uploaded(self, model: Json, labels: Mapping[str, str], *, first: bool) -> tuple[str, str]:
        """A version of the model, by its whole name with its number; or none, and why not.

        first: whether that makes the model.
        """
        body: Json = {"model": {**model, "labels": dict(labels)}}
        if first:
            body["modelId"] = self._place.endpoint
        else:
            body["parentModel"] = self._place.model
        told, why = self._done(self._call("POST", f"{self._place.parent}/models:upload", body))
        return (f"{self._place.model}@{told['modelVersionId']}", "") if told else ("", why)

    def labelled(self, labels: Mapping[str, str]) -> None:
        """Other labels for the model."""
        body = {"name": self._place.model, "labels": dict(labels)}
        self._client.ask("PATCH", self._where, self._place.model, {"updateMask": "labels"}, body)

    def deployed(self, model: Json, split: Mapping[str, int]) -> tuple[str, str]:
        """The id of what is deployed now, where that answers; or none, and why it does not.

        split: percent of the requests, "0" for the one that is deployed; others stay as they are without any.
        """
        body: Json = {"deployedModel": model}
        if split:
            body["trafficSplit"] = dict(split)
        told, why = self._done(self._call("POST", f"{self._place.path}:deployModel", body))
        return (str(told["deployedModel"]["id"]), "") if told else ("", why)

    def scaled(self, number: str, scale: Json) -> str:
        """Other replicas for a deployed model; returns why Vertex AI did not get it done, or nothing."""
        mask = ",".join(f"dedicatedResources.{key}" for key in SCALE)
        body = {"deployedModel": {"id": number, "dedicatedResources": scale}, "updateMask": mask}
        return self._done(self._call("POST", f"{self._place.path}:mutateDeployedModel", body))[1]

    def undeployed(self, number: str) -> str:
        """Take a model off the endpoint; returns why Vertex AI did not get it done, or nothing."""
        body = {"deployedModelId": number}
        return self._done(self._call("POST", f"{self._place.path}:undeployModel", body))[1]

    def deleted(self) -> str:
        """Delete the model with all its versions, if there is one; returns why that was not done, or nothing."""
        found = self._client.ask("DELETE", self._where, self._place.model, missing=True)
        return "" if found is None else self._done(found)[1]

    def counted(self, version: str, since: float) -> Counted:
        """What a deployed model has answered since then, as far as it is known by now."""
        found = [self._metrics.counted(each, since) for each in self._measured(version)]
        return Counted(sum(each.answers for each in found), sum(each.errors for each in found))

    def slowest(self, version: str, since: float) -> float:
        """Seconds within which 99 of 100 answers of a deployed model came since then; 0 without any."""
        return max(self._metrics.slowest(each, since) for each in self._measured(version))

    def open_incident(self, policies: Sequence[str]) -> str:
        """The first of some alert policies that has an open incident; nothing where none has."""
        return self._metrics.open_incident(policies)

    def _measured(self, deployed: str) -> list[Measured]:
        labels = {
            "resource.labels.endpoint_id": self._place.endpoint,
            "resource.labels.location": self._place.region,
            "metric.labels.deployed_model_id": deployed,
        }
        found = [
            Measured(
                "aiplatform.googleapis.com/Endpoint",
                f"{_METRIC}{kind}/response_count",
                "response_code",
                f"{_METRIC}{kind}/prediction_latencies",
                labels,
                slow,
            )
            for kind, slow in (("", {"metric.labels.latency_type": "total"}), ("/private", {}))
        ]
        return found if self._private else found[:1]

    def _call(self, method: str, path: str, body: Json) -> Json:
        return self._client.ask(method, self._where, path, body=body) or {}

    def _done(self, operation: Json) -> tuple[Json, str]:
        """What an operation came to; or nothing, and why."""
        found, until, name = operation, self._clock.now() + OPERATION, str(operation.get("name", ""))
        while not found.get("done"):
            if not name or self._clock.now() > until:
                raise ReleaseError(
                    f"Vertex AI has not finished {name or 'what it was asked for'} within {OPERATION / 60:g} minutes, "
                    "expected it to say whether it could; look at the endpoint"
                )
            self._clock.sleep(_TICK)
            found = self._client.asked_on(self._where, name, until)
        error: Json = found.get("error") or {}
        if error:
            return {}, str(error.get("message") or f"its code is {error.get('code')}")
        return found.get("response") or {}, ""
