"""A server that answers a release as Vertex AI and Cloud Monitoring do."""

from typing import Any

PARENT = "projects/shop-prod/locations/europe-west4"
ENDPOINT, MODEL = f"{PARENT}/endpoints/digits-1234567", f"{PARENT}/models/digits-1234567"
OLD, NEW = "1001", "1002"
ATTACHMENT = "projects/tenant/regions/europe-west4/serviceAttachments/psc-1001"
Json = dict[str, Any]


def version(image: str) -> Json:
    machine = {"machineSpec": {"machineType": "n2-standard-2"}}
    model = {"displayName": "digits", "containerSpec": {"imageUri": image, "predictRoute": "/invocations"}}
    deployed = {"displayName": f"digits-{image}", "dedicatedResources": machine, "enableAccessLogging": True}
    return {"model": model, "deployed": deployed}


class Cloud:
    """A project with one endpoint, what its versions have answered, and its open incidents."""

    def __init__(self, *, empty: bool = False) -> None:
        self.there = True
        self.models: list[Json] = []
        """Versions of the model, from the first."""
        self.labels: Json = {}
        self.deployed: dict[str, Json] = {}
        self.split: dict[str, int] = {}
        self.asked: list[tuple[str, str, Json, Json]] = []
        self.splits: list[dict[str, int]] = []
        """Each division of the requests that was asked for."""
        self.broken: dict[str, str] = {}
        """Why a call does not get done, by its last word."""
        self.stuck: dict[int, str] = {}
        """Why the division of that number is refused."""
        self.answers: dict[str, Json] = {NEW: {"2xx": 995, "5xx": 5}}
        self.slowest: dict[str, float] = {NEW: 120.0}
        self.incidents: list[Json] = []
        self.ailing: dict[str, int] = {}
        """HTTP codes by path's end, for as often as that is asked."""
        self.ails = 0
        self.operations: dict[str, list[Json]] = {}
        self.private = False
        self._made = 0
        if not empty:
            self.models.append(version("one")["model"])
            self._deploy({**version("one")["deployed"], "model": f"{MODEL}@1"})
            self.split = {OLD: 100}

    def _deploy(self, model: Json) -> str:
        self._made += 1
        number = str(1000 + self._made)
        self.deployed[number] = {**model, "id": number}
        return number

    def endpoint(self) -> Json:
        told = [
            {**each, **({"privateEndpoints": {"serviceAttachment": ATTACHMENT}} if self.private else {})}
            for each in self.deployed.values()
        ]
        return {"name": ENDPOINT, "displayName": "digits", "deployedModels": told, "trafficSplit": self.split}

    def _done(self, word: str, response: Json) -> Json:
        number = f"{PARENT}/operations/{len(self.operations)}"
        error = self.broken.get(word, "")
        done: Json = {"done": True, **({"error": {"code": 9, "message": error}} if error else {"response": response})}
        self.operations[number] = [{"done": False}, done]
        return {"name": number}

    def _splits(self, shares: Json) -> tuple[int, Json]:
        error = self.stuck.get(len(self.splits), "")
        self.splits.append(shares)
        if error:
            return 400, {"error": {"message": error}}
        assert sum(shares.values()) == 100
        assert set(shares) <= set(self.deployed)
        self.split = {key: value for key, value in shares.items() if value}
        return 200, self.endpoint()

    def called(self, word: str, body: Json) -> tuple[int, Json]:
        failed = word in self.broken
        if word == "upload":
            # The first makes the model, and others are versions of it.
            assert ("parentModel" in body) == bool(self.models), body
            assert body.get("modelId", "digits-1234567") == "digits-1234567"
            if not failed:
                self.models.append(body["model"])
                self.labels = self.labels or body["model"]["labels"]
            told = {"model": MODEL, "modelVersionId": str(len(self.models))}
            return 200, self._done(word, told)
        if word == "deployModel":
            split = body.get("trafficSplit", {})
            assert split in ({}, {"0": 100})
            number = "" if failed else self._deploy(body["deployedModel"])
            if split and not failed:
                self.split = {number: 100}
            return 200, self._done(word, {"deployedModel": {"id": number}})
        if word == "mutateDeployedModel":
            given = body["deployedModel"]
            if not failed:
                self.deployed[given["id"]]["dedicatedResources"] |= given["dedicatedResources"]
            return 200, self._done(word, {"deployedModel": {"id": given["id"]}})
        assert word == "undeployModel", word
        number = body["deployedModelId"]
        if self.split.get(number) and len(self.deployed) > 1:
            return 400, {"error": {"message": f"{number} has requests."}}
        if not failed:
            del self.deployed[number]
            self.split.pop(number, None)
        return 200, self._done(word, {})

    def series(self, query: Json) -> Json:
        number = query["filter"].partition('deployed_model_id = "')[2].partition('"')[0]
        assert 'resource.labels.endpoint_id = "digits-1234567"' in query["filter"]
        assert query["interval.startTime"] < query["interval.endTime"]
        private = "/online/private/" in query["filter"]
        assert self.private or not private
        if private:
            return {}
        if "prediction_latencies" in query["filter"]:
            assert 'metric.labels.latency_type = "total"' in query["filter"]
            value = self.slowest.get(number)
            points = [] if value is None else [{"value": {"doubleValue": value}}]
            return {"timeSeries": [{"points": points}]} if points else {}
        assert query["aggregation.groupByFields"] == "metric.labels.response_code"
        return {
            "timeSeries": [
                {"metric": {"labels": {"response_code": kind}}, "points": [{"value": {"int64Value": str(count)}}]}
                for kind, count in self.answers.get(number, {}).items()
            ]
        }

    def answer(self, method: str, path: str, query: Json, body: Json) -> tuple[int, Json]:
        self.asked.append((method, path, query, body))
        for end, code in self.ailing.items():
            if path.endswith(end) and self.ails:
                self.ails -= 1
                return code, {"error": {"message": "No."}}
        if path.startswith("/v3/"):
            return self._monitoring(path, query)
        path = path.removeprefix("/v1/")
        place, _, word = path.partition(":")
        if place == ENDPOINT and not self.there:
            return 404, {"error": {"message": "Not found."}}
        if word:
            assert place == (f"{PARENT}/models" if word == "upload" else ENDPOINT)
            return self.called(word, body)
        if place == ENDPOINT:
            if method == "GET":
                return 200, self.endpoint()
            assert (method, query) == ("PATCH", {"updateMask": "trafficSplit"})
            return self._splits(body["trafficSplit"])
        if place == MODEL:
            return self._model(method, query, body)
        states = self.operations[path]
        return 200, {"name": path, **(states.pop(0) if len(states) > 1 else states[0])}

    def _model(self, method: str, query: Json, body: Json) -> tuple[int, Json]:
        if not self.models:
            return 404, {"error": {"message": "Not found."}}
        if method == "PATCH":
            assert query == {"updateMask": "labels"}
            self.labels = body["labels"]
        if method == "DELETE":
            assert not self.deployed
            self.models = [] if "delete" not in self.broken else self.models
            return 200, self._done("delete", {})
        return 200, {"name": MODEL, "labels": self.labels}

    def _monitoring(self, path: str, query: Json) -> tuple[int, Json]:
        if path == "/v3/projects/shop-prod/timeSeries":
            return 200, self.series(query)
        assert path == "/v3/projects/shop-prod/alerts", path
        if query.get("pageToken"):
            return 200, {"alerts": self.incidents}
        return 200, {"alerts": [], "nextPageToken": "more"}


class Prompt(Cloud):
    """What is asked for is done at once."""

    def _done(self, word: str, response: Json) -> Json:
        name = super()._done(word, response)["name"]
        return {"name": name, **self.operations[name][-1]}
