"""A server that answers a release as Cloud Run and Cloud Monitoring do."""

from typing import Any

PLACE = "projects/shop-prod/locations/europe-west4/services/digits"
FIXED, LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
OLD, NEW = "digits-00001-abc", "digits-00002-abc"
Json = dict[str, Any]


def template(image: str) -> Json:
    return {"containers": [{"image": image}], "scaling": {"maxInstanceCount": 10}}


class Cloud:
    """A project with one service of Cloud Run, what its versions have answered, and its open incidents."""

    def __init__(self) -> None:
        self.revisions = {OLD: template("one")}
        self.traffic: list[Json] = [{"type": LATEST, "percent": 100}]
        self.template = template("one")
        self.newest = self.ready = OLD
        self.there = True
        self.asked: list[tuple[str, str, Json, Json]] = []
        self.moved: list[list[Json]] = []
        """Each traffic that was asked for."""
        self.broken = ""
        """Why a new version does not come up."""
        self.stuck: dict[int, str] = {}
        """Why the change of traffic of that number is not done."""
        self.answers: dict[str, Json] = {NEW: {"2xx": 995, "5xx": 5}}
        self.slowest: dict[str, float] = {NEW: 120.0}
        self.incidents: list[Json] = []
        self.ailing: dict[str, int] = {}
        """HTTP codes by path's end, for as often as that is asked."""
        self.ails = 0
        self.operations: dict[str, list[Json]] = {}

    def shares(self) -> list[dict[str, int]]:
        """Who was to get how much, change by change."""
        return [{str(each.get("revision", "latest")): int(each["percent"]) for each in told} for told in self.moved]

    def service(self) -> Json:
        told = [
            {**each, "revision": f"{PLACE}/revisions/{each.get('revision') or self.ready}"} for each in self.traffic
        ]
        return {
            "name": PLACE,
            "template": self.template,
            "traffic": self.traffic,
            "trafficStatuses": told,
            "latestCreatedRevision": f"{PLACE}/revisions/{self.newest}",
            "latestReadyRevision": self.ready and f"{PLACE}/revisions/{self.ready}",
        }

    def patched(self, query: Json, body: Json) -> Json:
        fields, error = query["updateMask"].split(","), ""
        assert set(body) == {"name", *fields}
        if "traffic" in fields:
            error = self.stuck.get(len(self.moved), "")
            self.moved.append(body["traffic"])
            if not error:
                assert sum(each["percent"] for each in body["traffic"]) == 100
                self.traffic = body["traffic"]
        if "template" in fields and (body["template"] != self.template or query.get("forceNewRevision") == "true"):
            self.template = body["template"]
            self.newest = f"digits-{len(self.revisions) + 1:05}-abc"
            self.revisions[self.newest] = body["template"]
            error = self.broken
            if not error:
                self.ready = self.newest
        number = f"projects/shop-prod/locations/europe-west4/operations/{len(self.operations)}"
        done: Json = {"done": True, **({"error": {"code": 9, "message": error}} if error else {"response": {}})}
        self.operations[number] = [{"done": False}, done]
        return {"name": number}

    def series(self, query: Json) -> Json:
        revision = query["filter"].partition('revision_name = "')[2].partition('"')[0]
        assert 'resource.labels.service_name = "digits"' in query["filter"]
        assert query["interval.startTime"] < query["interval.endTime"]
        if "request_latencies" in query["filter"]:
            value = self.slowest.get(revision)
            points = [] if value is None else [{"value": {"doubleValue": value}}]
            return {"timeSeries": [{"points": points}]} if points else {}
        assert query["aggregation.groupByFields"] == "metric.labels.response_code_class"
        return {
            "timeSeries": [
                {"metric": {"labels": {"response_code_class": kind}}, "points": [{"value": {"int64Value": str(count)}}]}
                for kind, count in self.answers.get(revision, {}).items()
            ]
        }

    def answer(self, method: str, path: str, query: Json, body: Json) -> tuple[int, Json]:
        self.asked.append((method, path, query, body))
        for end, code in self.ailing.items():
            if path.endswith(end) and self.ails:
                self.ails -= 1
                return code, {"error": {"message": "No."}}
        if path == f"/v2/{PLACE}":
            if not self.there:
                return 404, {"error": {"message": "Not found."}}
            return 200, self.service() if method == "GET" else self.patched(query, body)
        if path.startswith(f"/v2/{PLACE}/revisions/"):
            state = "CONDITION_FAILED" if self.broken else "CONDITION_SUCCEEDED"
            return 200, {"conditions": [{"type": "Ready", "state": state, "message": self.broken}]}
        if path.startswith("/v2/projects/shop-prod/locations/europe-west4/operations/"):
            states = self.operations[path.removeprefix("/v2/")]
            name = {"name": path.removeprefix("/v2/")}
            return 200, {**name, **(states.pop(0) if len(states) > 1 else states[0])}
        if path == "/v3/projects/shop-prod/timeSeries":
            return 200, self.series(query)
        assert path == "/v3/projects/shop-prod/alerts", path
        if query.get("pageToken"):
            return 200, {"alerts": self.incidents}
        return 200, {"alerts": [], "nextPageToken": "more"}
