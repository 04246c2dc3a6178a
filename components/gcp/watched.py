"""Alerts of a monitoring, one by one: what each says, asks and advises, from what somebody has asked to be watched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import pulumi

from components.gcp import outside, watching
from components.gcp.outside import MINUTES
from components.gcp.watching import Place, Service, Watched
from components.outputs import known

Args = Mapping[str, Any]

MEMORY_PERCENT, DISK_PERCENT = 85, 80
SILENT_MINUTES: Final = 10

_RULES: Final = {"ModelPodDoesNotTell": "unheard", "ModelWorkersDie": "workers"}
"""Ends of the names of alerts on rules that any Prometheus has, too."""
_ADVICE: Final = {
    **outside.ADVICE,
    "latency": "Look at requests in flight and at one run of the model on the dashboard: more requests than the pods "
    "can take wait for each other, and more pods help; a slower run is the model's own.",
    "pods": "`kubectl get pods` and `kubectl describe pod` in its namespace say whether they are not there, not ready, "
    "or not let in: a ModelService lets the collector in where `monitoring_namespace` names its namespace.",
    "restarts": "`kubectl logs --previous` says how it ended; the reason OOMKilled asks for more memory.",
    "unheard": "A pod that serves and does not tell its metrics is alive and busy, or no network policy lets the "
    "collector in.",
    "workers": "The log says how each ended. What kills workers is most often memory.",
    "nodes": "`kubectl describe node` says why. A node that is repaired or preempted comes back by itself.",
    "memory": "`kubectl top pods` says who has it. Pods that ask for less than they use crowd their node.",
    "disk": "Images and logs fill a node's disk; nodes with more of it are another pool.",
    "gpus": "More pods on more GPUs, or larger batches, make room.",
    "silent": "Is the cluster there, and has it metrics of the system switched on?",
}
"""What to look at first, by the end of an alert's name."""


@dataclass(frozen=True)
class Here:
    """Where a cluster is whose name may be an output."""

    project: str
    location: str
    cluster: pulumi.Input[str]

    def asked(self, work: Callable[[Place], str]) -> pulumi.Input[str]:
        """What `work` makes of the place, once the cluster's name is known."""

        def made(cluster: str) -> str:
            return work(self.place(cluster))

        return known(made, cluster=self.cluster)

    def place(self, cluster: str) -> Place:
        return Place(self.project, self.location, cluster)


def of(
    args: Args,
    here: Here,
    services: Sequence[Service],
    backend: pulumi.Input[str] | None,
    check: pulumi.Input[str] | None,
) -> list[Watched]:
    """All of them.

    args: a GcpMonitoringArgs. backend: name of the load balancer's backend service. check: id of the uptime check.
    """
    made = [each for service in services for each in _of_service(args, here, service)]
    if backend is not None:
        made.append(outside.of_balancer(args, here.project, backend))
    if check is not None:
        made += outside.of_host(args, here.project, check)
    return [*made, *_of_cluster(args, here)]


def _of_service(args: Args, here: Here, service: Service) -> list[Watched]:
    called, slug = service.called, service.slug
    made = [
        _one(
            args,
            f"{slug}-latency",
            f"of a hundred requests to {called} more than one takes longer than {service.latency:g} seconds",
            here.asked(lambda place: watching.slow(place, service)),
        ),
        _one(
            args,
            f"{slug}-errors",
            f"more than {service.percent:g} per cent of the requests to {called} fail",
            here.asked(lambda place: watching.failing(place, service)),
        ),
    ]
    if service.least > 0:
        pods = "no pod" if service.least == 1 else f"fewer than {service.least} pods"
        query = here.asked(lambda place: watching.missing(place, service))
        made.append(_one(args, f"{slug}-pods", f"{pods} of {called} can be heard of", query))
    text = f"a container of {called} starts again and again"
    query = here.asked(lambda place: watching.restarting(place, service))
    made.append(_one(args, f"{slug}-restarts", text, query, felt=False, seconds=0))
    # Which rules there are and how long each waits does not depend on where the cluster is.
    for rule in watching.rules(here.place(""), service):
        alert = str(rule["alert"])
        made.append(
            _one(
                args,
                f"{slug}-{_RULES[alert]}",
                f"{called}: {watching.translated(rule['annotations']['summary'])}",
                here.asked(partial(watching.rule, service=service, alert=alert)),
                felt=False,
                seconds=watching.lasting(rule.get("for")),
            )
        )
    return made


def _of_cluster(args: Args, here: Here) -> list[Watched]:
    full, crowded = args.get("memory_percent", MEMORY_PERCENT), args.get("disk_percent", DISK_PERCENT)
    limits: list[tuple[str, str, Callable[[Place], str]]] = [
        ("failed-nodes", "a node of the cluster is not ready", watching.unready),
        ("pressed-nodes", "a node of the cluster runs out of memory, disk or processes", watching.pressed),
        (
            "memory",
            f"a node uses more than {full:g} per cent of its memory",
            lambda place: f"{watching.memory(place)} > {full / 100:.6g}",
        ),
        (
            "disk",
            f"a node uses more than {crowded:g} per cent of its disk",
            lambda place: f"{watching.disk(place)} > {crowded / 100:.6g}",
        ),
    ]
    if (busy := args.get("gpu_percent")) is not None:
        text = f"a GPU is busy for more than {busy:g} per cent of the time"
        limits.append(("gpus", text, lambda place: f"{watching.gpu(place)} > {busy:g}"))
    made = [_one(args, about, said, here.asked(work), felt=False) for about, said, work in limits]
    seconds = 60 * max(args.get("minutes", MINUTES), SILENT_MINUTES)
    text = "nothing is heard of the cluster, so that no other alert is worth anything"
    return [*made, _one(args, "silent", text, here.asked(watching.silent), felt=False, seconds=seconds)]


def _one(
    args: Args, about: str, said: str, query: pulumi.Input[str], *, felt: bool = True, seconds: int | None = None
) -> Watched:
    lasting = outside.lasting(args) if seconds is None else int(seconds)
    return Watched(about, said, query, _ADVICE[about.rpartition("-")[2]], felt, lasting)
