"""A server that answers a release as Compute Engine and Cloud Monitoring do: a group, its instances and their time."""

import http.server
import json
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from components.gcp import rest

AROUND = "projects/shop-prod/regions/europe-west4"
PLACE = f"{AROUND}/instanceGroupManagers/digits"
LINKS = "https://www.googleapis.com/compute/v1"
OLD, NEW, OTHER = (f"{AROUND}/instanceTemplates/digits-{each}" for each in ("old", "new", "other"))
CHECK = f"{LINKS}/projects/shop-prod/global/healthChecks/digits-check"
Json = dict[str, Any]
STARTS = 60.0
"""Seconds until a machine answers."""


def policy(delay: int = 300) -> Json:
    """What a release tells a group beside its versions."""
    update: Json = {"type": "PROACTIVE", "minimalAction": "REPLACE", "replacementMethod": "SUBSTITUTE"}
    update |= {"mostDisruptiveAllowedAction": "REPLACE", "instanceRedistributionType": "PROACTIVE"}
    update |= {"maxSurge": {"fixed": 3}, "maxUnavailable": {"fixed": 0}}
    return {"updatePolicy": update, "autoHealingPolicies": [{"healthCheck": CHECK, "initialDelaySec": delay}]}


class Cloud:
    """A project with one group of instances, what a load balancer has counted of it, and its open incidents."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.there = True
        self.size = 4
        self.surge = 3
        self.versions: list[Json] = [{"instanceTemplate": f"{LINKS}/{OLD}"}]
        self.policy = policy(120)
        self.machines: list[Json] = [self.machine(OLD, at=-1e9) for _ in range(4)]
        self.asked: list[tuple[str, str, Json, Json]] = []
        self.written: list[Json] = []
        """Each change of the group that was asked for."""
        self.bad: set[str] = set()
        """Templates on whose machines nothing answers."""
        self.short: dict[str, str] = {}
        """Why there are no machines of a template to be had."""
        self.stuck: dict[int, str] = {}
        """Why the change of that number is not made."""
        self.answers: Json = {"200": 995, "500": 5}
        self.slowest = 120.0
        self.incidents: list[Json] = []
        self.ailing: dict[str, int] = {}
        """HTTP codes by path's end, for as often as that is asked."""
        self.ails = 0
        self.most: dict[str, int] = {}
        """The most machines of a template that there were at once."""
        self._operations = 0
        self._count = 4

    def machine(self, template: str, at: float | None = None) -> Json:
        self._count = getattr(self, "_count", 0) + 1
        return {"name": f"digits-{self._count:04}", "template": template, "at": self.time if at is None else at}

    def well(self, machine: Json) -> bool:
        return machine["template"] not in self.bad | set(self.short) and self.time - machine["at"] >= STARTS

    def wanted(self) -> dict[str, int]:
        """How many machines of each template there are to be."""
        found, rest_ = dict[str, int](), self.size
        for each in self.versions:
            template = str(each["instanceTemplate"]).removeprefix(f"{LINKS}/")
            if (share := each.get("targetSize")) is not None:
                many = share.get("fixed", round(self.size * share.get("percent", 0) / 100))
                found[template] = min(many, self.size)
        for each in self.versions:
            if each.get("targetSize") is None:
                template = str(each["instanceTemplate"]).removeprefix(f"{LINKS}/")
                found[template] = rest_ - sum(found.values())
        return found

    def moves(self) -> None:
        """One look of the group at its machines: it makes what is missing, and lets go of what answers elsewhere."""
        wanted = self.wanted()
        have = {key: [each for each in self.machines if each["template"] == key] for key in {*wanted, *self._kinds()}}
        for template, many in wanted.items():
            free = self.size + self.surge - len(self.machines)
            new = [self.machine(template) for _ in range(max(0, min(many - len(have[template]), free)))]
            self.machines += new
        for template, machines in have.items():
            for each in machines[wanted.get(template, 0) :]:
                # One goes for each that answers in its place.
                if not self.well(each) or sum(map(self.well, self.machines)) > self.size:
                    self.machines.remove(each)
        for kind in self._kinds():
            many = sum(each["template"] == kind for each in self.machines)
            self.most[kind] = max(many, self.most.get(kind, 0))

    def _kinds(self) -> set[str]:
        return {each["template"] for each in self.machines}

    def group(self) -> Json:
        reached = {kind: sum(each["template"] == kind for each in self.machines) for kind in self._kinds()}
        wanted = {key: value for key, value in self.wanted().items() if value}
        return {
            "name": "digits",
            "targetSize": self.size,
            "versions": self.versions,
            "instanceTemplate": self.versions[0]["instanceTemplate"],
            "status": {"isStable": reached == wanted, "versionTarget": {"isReached": reached == wanted}},
            **self.policy,
        }

    def managed(self) -> list[Json]:
        return [
            {
                "name": each["name"],
                "instance": f"{LINKS}/projects/shop-prod/zones/europe-west4-a/instances/{each['name']}",
                "currentAction": "NONE" if self.well(each) else "CREATING" if self._none(each) else "VERIFYING",
                "instanceStatus": "RUNNING",
                "version": {"instanceTemplate": f"{LINKS}/{each['template']}"},
                "instanceHealth": []
                if self._none(each)
                else [{"healthCheck": CHECK, "detailedHealthState": "HEALTHY" if self.well(each) else "TIMEOUT"}],
                "lastAttempt": {"errors": {"errors": [{"code": "NO", "message": self._none(each)}]}}
                if self._none(each)
                else {},
            }
            for each in self.machines
        ]

    def _none(self, machine: Json) -> str:
        return self.short.get(machine["template"], "")

    def patched(self, body: Json) -> Json:
        error = self.stuck.get(len(self.written), "")
        self.written.append(body)
        if not error:
            without = [each for each in body["versions"] if "targetSize" not in each]
            assert len(without) == 1, "exactly one version is of the rest"
            self.versions = [
                {**each, "instanceTemplate": f"{LINKS}/{each['instanceTemplate'].partition('/v1/')[2]}"}
                if "://" in each["instanceTemplate"]
                else {**each, "instanceTemplate": f"{LINKS}/{each['instanceTemplate']}"}
                for each in body["versions"]
            ]
            self.policy = {key: body[key] for key in ("updatePolicy", "autoHealingPolicies")}
        self._operations += 1
        done = {"error": {"errors": [{"code": "NO", "message": error}]}} if error else {}
        self._done = {"name": f"operation-{self._operations}", "status": "DONE", **done}
        return {**self._done, "status": "RUNNING", "error": {}}

    def shares(self) -> list[dict[str, Any]]:
        """Which versions the group was to have, change by change: `rest`, a number, or percent as text."""

        def share(each: Json) -> Any:
            size = each.get("targetSize")
            return "rest" if size is None else size.get("fixed") or f"{size['percent']}%"

        return [
            {each["instanceTemplate"].rpartition("-")[2]: share(each) for each in told["versions"]}
            for told in self.written
        ]

    def series(self, query: Json) -> Json:
        assert 'resource.type = "https_lb_rule"' in query["filter"]
        assert 'resource.labels.backend_name = "digits"' in query["filter"]
        assert query["interval.startTime"] < query["interval.endTime"]
        if "backend_latencies" in query["filter"]:
            return {"timeSeries": [{"points": [{"value": {"doubleValue": self.slowest}}]}]}
        return {
            "timeSeries": [
                {"metric": {"labels": {"response_code_class": kind}}, "points": [{"value": {"int64Value": str(count)}}]}
                for kind, count in self.answers.items()
            ]
        }

    def answer(self, method: str, path: str, query: Json, body: Json) -> tuple[int, Json]:
        self.asked.append((method, path, query, body))
        for end, code in self.ailing.items():
            if path.endswith(end) and self.ails:
                self.ails -= 1
                return code, {"error": {"message": "No."}}
        if path == f"/compute/v1/{PLACE}":
            if not self.there:
                return 404, {"error": {"message": "Not found."}}
            return 200, self.group() if method == "GET" else self.patched(body)
        if path == f"/compute/v1/{PLACE}/listManagedInstances":
            assert method == "POST"
            told = self.managed()
            if "pageToken" in query:
                return 200, {"managedInstances": told[2:]}
            return 200, {"managedInstances": told[:2], "nextPageToken": "more"}
        if path.startswith(f"/compute/v1/{AROUND}/operations/"):
            return 200, self._done
        if path == "/v3/projects/shop-prod/timeSeries":
            return 200, self.series(query)
        assert path == "/v3/projects/shop-prod/alerts", path
        return 200, {"alerts": self.incidents}


class Clock(rest.Clock):
    """A time that goes on when somebody sleeps, and with it what the group does."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def now(self) -> float:
        return self.cloud.time

    def sleep(self, seconds: float) -> None:
        self.cloud.time += seconds
        self.cloud.moves()


class Handler(http.server.BaseHTTPRequestHandler):
    cloud: ClassVar[Cloud]

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PATCH = do_GET

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body: Json = json.loads(self.rfile.read(length)) if length else {}
        if self.headers["Authorization"] != "Bearer testing":
            code, told = 401, {"error": {"message": "Who are you?"}}
        else:
            found = urlsplit(self.path)
            code, told = self.cloud.answer(self.command, found.path, dict(parse_qsl(found.query)), body)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass
