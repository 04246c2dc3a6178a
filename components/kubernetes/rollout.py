"""Waiting for a Deployment's new pods, and telling early and in the pods' own words why they do not come up.

A plain wait ends when its time is up and knows little of why. Here a pod whose image is not there, whose process ends
twice, or that the namespace's quota refuses, ends the wait within seconds, with the reason and the last log lines.
"""

import contextlib
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from components.kubernetes import names
from components.kubernetes.access import Cluster, items
from components.kubernetes.errors import ClusterError, NotReady, Refused

Json = dict[str, Any]
Say = Callable[[str], None]

LOG_LINES = 15
PATIENCE = 15.0
"""Seconds that something may stand in the way which can pass by itself: a registry that does not answer."""
NO_ROOM = 6.0
"""The same where no pod is on its way out that would make room in a quota: as long as a raised one takes to count."""
_TICK = 0.25
_ASK_AGAIN = 4.0
_FOR_GOOD = re.compile(
    r"not found|unknown|unauthorized|denied|forbidden|invalid|no such host|no match for platform", re.I
)
_PULLING = re.compile(r'failed to (?:pull and unpack image|resolve reference) "[^"]*": ')
"""What a runtime says before the reason, with the image's name each time."""
_NO_LOG = ("unable to retrieve container logs", "failed to try resolving symlinks in path", "failed to open log file")
"""What a kubelet answers, as if it were the log, where a container's files are gone already or go just now."""
_STARTING = ("ContainerCreating", "PodInitializing")


def wait(cluster: Cluster, namespace: str, name: str, *, timeout: float, say: Say) -> Json:
    """Wait until the Deployment `name` runs its template and nothing else; returns the Deployment.

    say: called with a line for each step that can be seen.
    Raises NotReady; what served before is untouched, as a Deployment of ours takes no pod away before a new one is
    ready. Raises ClusterError when the cluster does not answer.
    """
    begun, told, asked = time.monotonic(), "", 0.0
    since: float | None = None
    while True:
        deployment = cluster.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
        if (step := progress(deployment)) is None:
            return deployment
        if step != told:
            told = step
            say(step)
        now = time.monotonic()
        newest = _newest(cluster, deployment)
        pods = _pods(cluster, deployment, newest)
        trouble = _trouble(deployment, pods)
        if trouble and trouble.pod is None and now - asked > _ASK_AGAIN:
            asked = now
            _ask_again(cluster, newest)
        since = None if trouble is None else since or now
        patience = PATIENCE if trouble is None or trouble.pod or _ends(cluster, deployment) else NO_ROOM
        if trouble and since and (trouble.final or now - since > patience):
            raise _not_ready(cluster, deployment, trouble.pod, trouble.text, say)
        if now - begun > timeout:
            late = trouble or _waits(pods) or _Trouble(step, final=True)
            raise _not_ready(cluster, deployment, late.pod, f"after {timeout:g} s: {late.text}", say)
        time.sleep(_TICK)


def progress(deployment: Json) -> str | None:
    """How far a Deployment is, in words; None when it runs its template and nothing else."""
    spec, status = deployment["spec"], deployment.get("status", {})
    wanted = int(spec.get("replicas", 1))
    if int(status.get("observedGeneration", 0)) < int(deployment["metadata"]["generation"]):
        return f"0 of {wanted} pods of the new version answer"
    updated = int(status.get("updatedReplicas", 0))
    total, ready = int(status.get("replicas", 0)), int(status.get("availableReplicas", 0))
    old = total - updated
    fresh = max(0, min(updated, ready - old))
    if updated == wanted == total and ready >= wanted:
        return None
    return f"{fresh} of {wanted} pods of the new version answer" + (f", {old} of the old one" if old else "")


def last_lines(cluster: Cluster, pod: Json, lines: int = LOG_LINES) -> list[str]:
    """What the model's container of a pod printed last, of the run before where that one failed."""
    meta, status = pod["metadata"], _container(pod)
    crashed = bool(status.get("restartCount")) and "running" not in status.get("state", {})
    path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/log"
    for previous in (True, False) if crashed else (False, True):
        try:
            container = status.get("name", names.CONTAINER)
            text = cluster.text(path, container=container, tailLines=lines, previous=str(previous).lower())
        except ClusterError:
            continue
        if not text.startswith(_NO_LOG) and (found := [line.rstrip() for line in text.splitlines() if line.strip()]):
            return found
    # The kubelet keeps the end of a failed run's log in the pod's status, even when its files are gone.
    ended: Json = status.get("lastState", {}).get("terminated") or status.get("state", {}).get("terminated") or {}
    return [line for line in str(ended.get("message", "")).splitlines() if line.strip()][-lines:]


@dataclass(frozen=True)
class _Trouble:
    text: str
    final: bool
    """Whether it does not pass by itself."""
    pod: Json | None = None


def _newest(cluster: Cluster, deployment: Json) -> list[Json]:
    """The ReplicaSet of the template that the Deployment has now, once there is one."""
    meta = deployment["metadata"]
    number = meta.get("annotations", {}).get("deployment.kubernetes.io/revision")
    path = f"/apis/apps/v1/namespaces/{meta['namespace']}/replicasets"
    sets = items(cluster.get(path, labelSelector=_labels(deployment)))
    return [
        each
        for each in sets
        if each["metadata"].get("annotations", {}).get("deployment.kubernetes.io/revision") == number
        and _same_template(each["spec"]["template"], deployment["spec"]["template"])
        and any(owner["uid"] == meta["uid"] for owner in each["metadata"].get("ownerReferences", []))
    ]


def _pods(cluster: Cluster, deployment: Json, sets: list[Json]) -> list[Json]:
    """Pods of the ReplicaSets `sets`; those of the template before are none of these."""
    uids = {each["metadata"]["uid"] for each in sets}
    meta, labels = deployment["metadata"], _labels(deployment)
    found = items(cluster.get(f"/api/v1/namespaces/{meta['namespace']}/pods", labelSelector=labels))
    return [
        each
        for each in found
        if any(owner["uid"] in uids for owner in each["metadata"].get("ownerReferences", []))
        and "deletionTimestamp" not in each["metadata"]
    ]


def _ends(cluster: Cluster, deployment: Json) -> bool:
    """Whether a pod of the service is on its way out."""
    found = items(
        cluster.get(f"/api/v1/namespaces/{deployment['metadata']['namespace']}/pods", labelSelector=_labels(deployment))
    )
    return any("deletionTimestamp" in each["metadata"] for each in found)


def _labels(deployment: Json) -> str:
    return ",".join(f"{key}={value}" for key, value in deployment["spec"]["selector"]["matchLabels"].items())


def _ask_again(cluster: Cluster, sets: list[Json]) -> None:
    """Have a pod that was refused tried again now: by itself its controller waits longer each time, up to 16 minutes,
    and does not see that a quota was raised.
    """
    for each in sets:
        meta = each["metadata"]
        path = f"/apis/apps/v1/namespaces/{meta['namespace']}/replicasets/{meta['name']}"
        with contextlib.suppress(Refused):  # no right to: it is tried again in its own time
            cluster.patch(path, {"metadata": {"annotations": {"modelport.io/asked": str(time.time())}}})


def _same_template(one: Json, other: Json) -> bool:
    """Whether a ReplicaSet is of the Deployment's template: until the controller has looked, none is."""
    return bool(
        one["spec"] == other["spec"]
        and {k: v for k, v in one["metadata"].get("labels", {}).items() if k != "pod-template-hash"}
        == other["metadata"].get("labels", {})
    )


def _trouble(deployment: Json, pods: list[Json]) -> _Trouble | None:
    for condition in deployment.get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            # Room may come: pods of the old version that end still count in a quota.
            return _Trouble(f"a pod may not be made: {condition.get('message', '')}", final=False)
    for pod in pods:
        if (found := _pod_trouble(pod)) is not None:
            return found
    return None


def _pod_trouble(pod: Json) -> _Trouble | None:
    name, status = pod["metadata"]["name"], _container(pod)
    if pod.get("status", {}).get("phase") == "Failed":
        why = pod["status"].get("message") or pod["status"].get("reason") or "it failed"
        return _Trouble(f"pod {name}: {why}", False, pod)
    waiting: Json = status.get("state", {}).get("waiting") or {}
    ended: Json = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated") or {}
    runs = int(status.get("restartCount", 0))
    if ended and not status.get("ready") and (runs > 1 or (runs == 1 and "running" not in status.get("state", {}))):
        times = runs if waiting else runs + 1
        return _Trouble(f"pod {name}: its process ended {times} times, {_end(ended)}", True, pod)
    reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if not reason or reason in _STARTING or reason == "CrashLoopBackOff":
        return None
    message = _PULLING.sub("", message.removeprefix("rpc error: code = ").replace(" desc = ", ": "))
    if "Pull" in reason and (image := str(status.get("image", ""))) not in message:
        message = f"{image}: {message}"
    return _Trouble(f"pod {name}: {reason}: {message}", bool(_FOR_GOOD.search(f"{reason} {message}")), pod)


def ended(pod: Json) -> str:
    """How the last run of a pod's process ended, behind a comma; nothing where the pod does not say."""
    status = _container(pod)
    found: Json = status.get("lastState", {}).get("terminated") or status.get("state", {}).get("terminated") or {}
    return f", {_end(found)}" if found else ""


def _end(ended: Json) -> str:
    if ended.get("reason") == "OOMKilled":
        return "for want of memory (OOMKilled)"
    if ended.get("signal"):
        return f"last by signal {ended['signal']}"
    return f"last with exit code {ended.get('exitCode')}"


def _waits(pods: list[Json]) -> _Trouble | None:
    """What a pod waits for that is nobody's mistake: a node with room, a probe."""
    for pod in pods:
        for condition in pod.get("status", {}).get("conditions", []):
            if condition["status"] == "False" and condition.get("message"):
                text = f"pod {pod['metadata']['name']}: {condition.get('reason', '')}: {condition['message']}"
                return _Trouble(text, False, pod)
    return None


def _container(pod: Json) -> Json:
    statuses: list[Json] = pod.get("status", {}).get("containerStatuses") or []
    # A pod of another kind, as an activator's, has one container only.
    other = statuses[0] if len(statuses) == 1 else Json()
    return next((each for each in statuses if each["name"] == names.CONTAINER), other)


def _not_ready(cluster: Cluster, deployment: Json, pod: Json | None, why: str, say: Say) -> NotReady:
    meta = deployment["metadata"]
    lines = last_lines(cluster, pod) if pod else []
    for line in lines:
        say(f"| {line}")
    said = f"; it said last: {lines[-1].removeprefix('modelport: ').strip()}" if lines else ""
    before = int(deployment.get("status", {}).get("replicas", 0)) > int(
        deployment.get("status", {}).get("updatedReplicas", 0)
    )
    serving = "; the version before goes on" if before else ""
    return NotReady(
        f"the new version of {meta['name']} in namespace {meta['namespace']} does not come up: "
        f"{why.rstrip('.')}{said}, expected {deployment['spec'].get('replicas', 1)} pods that answer{serving}; "
        f"{_fix(why)}"
    )


def _fix(why: str) -> str:
    if "exceeded quota" in why or "quota" in why:
        return "raise modelport:kubernetes.quota, or ask for less in modelport:service.resources"
    if "ImagePull" in why and re.search(r"authoriz|denied|forbidden|basic auth", why, re.I):
        return (
            "run docker login here and set modelport:kubernetes.pull_secret: true, or let the nodes pull by themselves"
        )
    if "ImagePull" in why or "InvalidImageName" in why:
        return "check modelport:image.push, and that the cluster's nodes may pull from there"
    if "OOMKilled" in why:
        return "raise modelport:service.resources.memory_limit"
    if "Unschedulable" in why:
        return "make room on the nodes, or ask for less in modelport:service.resources"
    return "look at it with kubectl describe pod"


def say_of(name: str) -> Say:
    """Lines of progress of a service: what a plugin prints is shown by either engine."""

    def say(text: str) -> None:
        print(f"modelport: {name}: rollout: {text}", file=sys.stderr, flush=True)

    return say
