"""An API server in memory, with the controllers that a release looks at: for what goes wrong in between.

A real cluster runs the releases of `test_release_live`; here somebody deletes, crashes or refuses at a given moment.
"""

import copy
import itertools
from collections.abc import Callable
from typing import Any, cast

from components.kubernetes import names, pod
from components.kubernetes.access import Cluster
from components.kubernetes.errors import Refused
from components.kubernetes.releasing.objects import Objects
from components.kubernetes.releasing.plan import NONE, Analysis, Plan, Step, Strategy, Subject
from components.kubernetes.releasing.record import Record
from components.kubernetes.releasing.running import Release

Json = dict[str, Any]

NAMESPACE, SERVICE = "shop", "digits"
CORE, APPS = f"/api/v1/namespaces/{NAMESPACE}", f"/apis/apps/v1/namespaces/{NAMESPACE}"
DEPLOYMENT, CANDIDATE = f"{APPS}/deployments/{SERVICE}", f"{APPS}/deployments/{SERVICE}-canary"
RECORD = f"{CORE}/configmaps/{SERVICE}-release"
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
ROUTE = f"/apis/gateway.networking.k8s.io/v1/namespaces/{NAMESPACE}/httproutes/{SERVICE}"
OLD, NEW, OTHER = (f"registry.example.test/digits@sha256:{two * 32}" for two in ("a1", "b2", "c3"))
CANARY = Plan(Strategy.CANARY, (Step(50, 0.05),), ready=0.5)
OFTEN = Analysis(interval=0.01)


class Api:
    """Objects by path, as `Cluster` gives and takes them."""

    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        self.changed: list[str] = []
        """Whatever changed something, as `METHOD path`."""
        self.before: list[Callable[[str, str], None]] = []
        """Called with method and path before each request: to refuse it, or to interfere."""
        self.broken: set[str] = set()
        """Images that no node can pull."""
        self.unheard = 0
        """How often EndpointSlices are asked for yet before they have any address."""
        self._numbers = itertools.count(1)

    def get(self, path: str, **query: Any) -> Json:
        self._ask("GET", path)
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        if path.rpartition("/")[2] in ("pods", "replicasets"):
            wanted = dict(each.split("=") for each in str(query["labelSelector"]).split(","))
            found = [each for key, each in self.objects.items() if key.rpartition("/")[0] == path]
            return {"items": [copy.deepcopy(each) for each in found if wanted.items() <= _labels(each).items()]}
        if path == SLICES:
            return {"items": [self._slice(str(query["labelSelector"]))]}
        raise self._missing(path)

    def find(self, path: str) -> Json | None:
        try:
            return self.get(path)
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def create(self, path: str, body: Json) -> Json:
        return self._store("POST", f"{path}/{body['metadata']['name']}", body)

    def replace(self, path: str, body: Json) -> Json:
        return self._store("PUT", path, body)

    def patch(self, path: str, body: Any, _kind: str = "", **_query: Any) -> Json:
        self._ask("PATCH", path)
        changed = copy.deepcopy(self.objects.get(path)) or {}
        for change in cast("list[Json]", body) if isinstance(body, list) else []:
            inner: Json = changed
            *outer, last = str(change["path"]).strip("/").split("/")
            for key in outer:
                inner = inner.get(key, {})
            if change["op"] == "test" and inner.get(last) != change["value"]:
                raise Refused(422, "the server rejected our request due to an error in our request")
            inner[last] = change["value"]
        return self._store("", path, changed)

    def delete(self, path: str, **_options: Any) -> bool:
        self._ask("DELETE", path)
        if self.objects.pop(path, None) is None:
            return False
        self.changed.append(f"DELETE {path}")
        for key in [key for key, each in self.objects.items() if each["metadata"].get("of") == path]:
            del self.objects[key]
        return True

    def text(self, path: str, **_query: Any) -> str:
        self._ask("GET", path)
        return "killed by somebody\n"

    # What a test does and sees

    def serve(self, reference: str, replicas: int = 2) -> None:
        """The service's Deployment as its stack makes it."""
        spec = {"replicas": replicas, "selector": {"matchLabels": names.selector(SERVICE, "stable")}}
        made = {"metadata": {"name": SERVICE}, "spec": {**spec, "template": template(reference)}}
        self._store("POST", DEPLOYMENT, made)
        self.changed.clear()

    def beside(self, reference: str) -> None:
        """A candidate as a release runs it."""
        spec = {"replicas": 1, "selector": {"matchLabels": names.selector(SERVICE, "canary")}}
        pods = pod.at(template(reference), reference, "canary")
        self._store("POST", CANDIDATE, {"metadata": {"name": f"{SERVICE}-canary"}, "spec": {**spec, "template": pods}})
        self.changed.clear()

    def route(self) -> None:
        refs = [{"name": SERVICE, "port": 80, "weight": 100}, {"name": f"{SERVICE}-canary", "port": 80, "weight": 0}]
        self._store("POST", ROUTE, {"metadata": {"name": SERVICE}, "spec": {"rules": [{"backendRefs": refs}]}})
        self.changed.clear()

    def write(self, record: Record) -> None:
        self._store("POST", RECORD, record.manifest(SERVICE, NAMESPACE))
        self.changed.clear()

    @property
    def serves(self) -> str:
        return str(self.objects[DEPLOYMENT]["spec"]["template"]["spec"]["containers"][0]["image"])

    @property
    def weights(self) -> list[int]:
        return [each["weight"] for each in self.objects[ROUTE]["spec"]["rules"][0]["backendRefs"]]

    @property
    def record(self) -> Record:
        found = Record.of(self.objects.get(RECORD))
        assert found is not None
        return found

    def pods(self, track: str) -> list[Json]:
        found = [each for key, each in self.objects.items() if key.startswith(f"{CORE}/pods/")]
        return [each for each in found if _labels(each)[names.TRACK] == track]

    # Within

    def _ask(self, method: str, path: str) -> None:
        for each in list(self.before):
            each(method, path)

    def _slice(self, labels: str) -> Json:
        service = labels.partition("=")[2]
        late, self.unheard = self.unheard > 0, max(0, self.unheard - 1)
        track = service.removeprefix(SERVICE).removeprefix("-") or names.STABLE
        ready = [each["status"]["podIP"] for each in self.pods(track) if each["status"]["conditions"]]
        return {"endpoints": None if late else [{"addresses": [each], "conditions": {"ready": True}} for each in ready]}

    def _missing(self, path: str) -> Refused:
        kind, _, name = path.rpartition("/")
        return Refused(404, f'{kind.rpartition("/")[2]} "{name}" not found')

    def _store(self, method: str, path: str, body: Json) -> Json:
        if method:
            self._ask(method, path)
        if method != "POST" and path not in self.objects:
            raise self._missing(path)
        self.changed.append(f"{method or 'PATCH'} {path}")
        made = copy.deepcopy(body)
        old: Json = self.objects.get(path) or {"metadata": {}}
        meta = made["metadata"]
        kept = {key: old["metadata"][key] for key in ("uid", "generation") if key in old["metadata"]}
        meta.update({"uid": str(next(self._numbers)), "namespace": NAMESPACE, "generation": 1, **kept})
        meta["resourceVersion"] = str(next(self._numbers))
        if "status" in old:
            made["status"] = old["status"]
        self.objects[path] = made
        if "/httproutes/" in path:
            made["status"] = {"parents": [{"conditions": [{"observedGeneration": meta["generation"]}]}]}
        if "/deployments/" in path and made["spec"] != old.get("spec"):
            self._roll_out(path, made, old)
        return copy.deepcopy(made)

    def _roll_out(self, path: str, made: Json, old: Json) -> None:
        meta, spec = made["metadata"], made["spec"]
        meta["generation"] += 1
        wanted, image = int(spec["replicas"]), spec["template"]["spec"]["containers"][0]["image"]
        ready = not wanted or image not in self.broken
        before = [key for key, each in self.objects.items() if each["metadata"].get("of") == path and "/pods/" in key]
        same = old.get("spec", {}).get("template") == spec["template"]
        meta.setdefault("annotations", {})["deployment.kubernetes.io/revision"] = str(meta["generation"])
        sets: Json = {"uid": str(next(self._numbers)), "of": path, "annotations": meta["annotations"]}
        sets |= {"labels": spec["template"]["metadata"]["labels"], "ownerReferences": [{"uid": meta["uid"]}]}
        sets |= {"name": f"{meta['name']}-{meta['generation']}", "namespace": NAMESPACE}
        self.objects[f"{APPS}/replicasets/{sets['name']}"] = {
            "metadata": sets,
            "spec": {"template": copy.deepcopy(spec["template"])},
        }
        if ready and not same:
            for key in before:
                del self.objects[key]
            before = []
        for _ in range(wanted - len(before) if ready else wanted):
            self._pod(path, sets, image, ready=ready)
        on = len(before) if not ready else 0
        status = {"observedGeneration": meta["generation"], "updatedReplicas": wanted, "replicas": wanted + on}
        status["availableReplicas"] = wanted if ready else on
        done = [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]
        made["status"] = {**status, "conditions": done if ready else old.get("status", {}).get("conditions", [])}

    def _pod(self, path: str, sets: Json, image: str, *, ready: bool) -> None:
        name = f"{sets['name']}-{next(self._numbers)}"
        meta: Json = {"name": name, "namespace": NAMESPACE, "uid": str(next(self._numbers)), "of": path}
        meta |= {"labels": sets["labels"], "ownerReferences": [{"uid": sets["uid"]}]}
        container: Json = {"name": names.CONTAINER, "image": image, "restartCount": 0, "ready": ready}
        container["state"] = (
            {"running": {}} if ready else {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
        )
        status: Json = {"containerStatuses": [container], "podIP": f"198.51.100.{next(self._numbers)}"}
        status["conditions"] = [{"type": "Ready", "status": "True"}] if ready else []
        self.objects[f"{CORE}/pods/{name}"] = {"metadata": meta, "status": status}


def template(reference: str) -> Json:
    """The pod template of a service, as far as a release looks at it."""
    meta = {"labels": names.labels(SERVICE, "stable"), "annotations": {names.DIGEST: names.digest(reference)}}
    return {"metadata": meta, "spec": {"containers": [{"name": names.CONTAINER, "image": reference, "env": []}]}}


def release(
    api: Api,
    plan: Plan = CANARY,
    *,
    owner: str = "shop/dev/1",
    routed: bool = True,
    said: list[str] | None = None,
    analysis: Analysis = NONE,
) -> Release:
    """A release of the service in `api`."""
    subject = Subject(SERVICE, NAMESPACE, (SERVICE,) if routed else (), template(OLD), owner)
    objects = Objects(cast("Cluster", api), subject)
    heard: list[str] = [] if said is None else said
    return Release(objects, None, subject, plan, analysis if analysis.measures else OFTEN, heard.append)


def _labels(found: Json) -> dict[str, str]:
    return dict(found["metadata"].get("labels") or {})
