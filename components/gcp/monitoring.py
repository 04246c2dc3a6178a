"""What is measured of models and their cluster in Cloud Monitoring, shown, and told when it is not as it should be."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_gcp.logging.metric import Metric
from pulumi_gcp.monitoring.dashboard import Dashboard

from components import checks, mails, promises
from components.gcp import alerts, catalog, collector, dashboard, keys, outside, topics, watched
from components.gcp import checks as gcp
from components.gcp.labels import Labels
from components.gcp.outside import GcpWatchedBalancer as GcpWatchedBalancer
from components.gcp.watched import DISK_PERCENT, MEMORY_PERCENT, Here
from components.gcp.watching import Service
from components.kubernetes import names, objectives
from components.kubernetes.objects import KubernetesObject
from components.outputs import known, text

MOST_SERVICES: Final = 9
"""Eight charts and a header for each, and those of load balancer and cluster, fit on a dashboard."""
CLUSTER: Final = r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
"""Names of clusters (Kubernetes Engine API, `Cluster.name`, 2026-11-22)."""
SCRAPE_SECONDS = 30


class GcpWatchedService(TypedDict):
    """A service whose users are not to wait or to be turned away."""

    namespace: str
    """Its namespace."""
    service: str
    """Its name."""
    latency: NotRequired[float]
    """Seconds within which 99 of 100 requests are to be answered: a bound of the server's histogram. Default: 0.25."""
    error_percent: NotRequired[float]
    """How many of a hundred requests may fail through a fault of the server's. Default: 1."""
    least_pods: NotRequired[int]
    """How many of its pods are to answer at least; 0 for one that sleeps while nobody calls. Default: 1."""


class GcpMonitoringArgs(TypedDict):
    project: str
    """Id of the project of the cluster, as `shop-prod`."""
    location: str
    """Region of the cluster, as `europe-west4`, or its zone, as `europe-west4-a`."""
    cluster_name: pulumi.Input[str]
    """Name of the cluster, which has managed Prometheus, as a GkeCluster has it."""
    services: Sequence[GcpWatchedService]
    """Services that are watched, at least one and at most 9. Their namespaces are there, or what this component depends
    on makes them."""
    autopilot: NotRequired[bool]
    """Whether the cluster is one of Autopilot, where managed Prometheus lives in another namespace. Default: no."""
    load_balancer: NotRequired[GcpWatchedBalancer]
    """The load balancer before them. Default: none."""
    hostname: NotRequired[str]
    """DNS name at which the model answers on the internet with TLS, as `models.example.com`: Google asks it once a
    minute from six places, whose addresses `gcloud monitoring uptime list-ips` tells and whoever guards the name has to
    let in. Default: none is asked."""
    emails: NotRequired[Sequence[str]]
    """Who is told by mail. Default: nobody."""
    topic: NotRequired[bool]
    """Whether there is a topic of Pub/Sub that is told, to which others may subscribe. Default: no."""
    project_number: NotRequired[str]
    """Number of the project, digits as text, for `topic` alone: the accounts that encrypt it and tell it are named by
    that."""
    memory_percent: NotRequired[float]
    """How much of a node's memory may be in use. Default: 85."""
    disk_percent: NotRequired[float]
    """How much of a node's disk may be in use. Default: 80."""
    gpu_percent: NotRequired[float]
    """How much of its time a GPU may be busy. Default: there is no alert for that."""
    certificate_days: NotRequired[float]
    """Days that the certificate of `hostname` has to be valid for yet. Default: 15."""
    minutes: NotRequired[int]
    """How long something is so before it is told. Default: 5."""
    close_minutes: NotRequired[int]
    """How long nothing is heard of what an incident is about before that closes by itself. Default: 30."""
    scrape_seconds: NotRequired[int]
    """Seconds between two scrapes. Default: 30."""
    runbook: NotRequired[str]
    """Address that an alert names for whoever gets it. Default: none."""
    key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS that encrypts the topic, in the cluster's region; the account
    `service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com` has to be allowed to encrypt and decrypt with it. For `topic`
    alone. Default: one of its own."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class GcpMonitoring(pulumi.ComponentResource):
    """Managed Prometheus, a metric of faults in the log, an uptime check, a dashboard, and alerts that tell people.

    The metrics of models come from their own endpoint for Prometheus: Google's collector on each node asks the pods
    there. A ModelService lets it in where its `monitoring_namespace` is what `collector_namespace` says. All that is
    watched is asked in PromQL. What users feel (latency, errors, pods, the load balancer, the hostname) is told as
    CRITICAL, everything else as WARNING, each by a policy of its own that says what to look at first.

    Outputs: `dashboard_url`, `channel_ids`, `policy_ids`, `topic_id`, `collector_namespace`.
    """

    dashboard_url: pulumi.Output[str]
    """Address of the dashboard in Google's console."""
    channel_ids: pulumi.Output[list[str]]
    """Ids of the notification channels that alerts tell, for alert policies of others."""
    policy_ids: pulumi.Output[list[str]]
    """Ids of the alert policies."""
    topic_id: pulumi.Output[str]
    """Id of the topic that alerts tell, `projects/PROJECT/topics/TOPIC`; empty without one."""
    collector_namespace: pulumi.Output[str]
    """Namespace in the cluster from which the models are asked for their metrics."""

    def __init__(
        self,
        name: str,
        args: GcpMonitoringArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        _checked(name, args)
        cluster = _cluster("GcpMonitoring.cluster_name", args["cluster_name"])
        self._here = Here(args["project"], args["location"], cluster)
        self._key = keys.given("GcpMonitoring.key_name", args.get("key_name"), _region(args["location"]))
        self._labels = Labels("GcpMonitoring.labels", name, args.get("labels"))
        self._backend = outside.backend("GcpMonitoring.load_balancer", args.get("load_balancer"))
        super().__init__("modelport:index:GcpMonitoring", name, {}, opts)
        self._name, self._args, self._child = name, args, pulumi.ResourceOptions(parent=self)
        self._project, self._services = args["project"], [_service(each) for each in args["services"]]
        self._scraped(opts)
        metric = self._logged()
        check = self._asked_from_outside()
        channels, topic = self._channels()
        policies = alerts.made(
            name,
            self._project,
            watched.of(args, self._here, self._services, self._backend, check),
            channels,
            args.get("close_minutes", outside.CLOSE_MINUTES),
            args.get("runbook"),
            self._labels,
            self._child,
        )
        ids = [each.id for each in policies]
        made = known(self._shown, cluster=cluster, backend=self._backend, check=check, faults=metric, ids=ids)
        shown = Dashboard(name, project=self._project, dashboard_json=text(made), opts=self._child)
        self.dashboard_url = shown.id.apply(partial(dashboard.console, self._project))
        self.channel_ids = pulumi.Output.all(*channels).apply(lambda found: list(map(str, found)))
        self.policy_ids = pulumi.Output.all(*ids).apply(lambda found: list(map(str, found)))
        self.topic_id = pulumi.Output.from_input("" if topic is None else topic)
        space = collector.namespace(autopilot=args.get("autopilot", False))
        self.collector_namespace = pulumi.Output.from_input(space)
        self.register_outputs(
            {
                "dashboard_url": self.dashboard_url,
                "channel_ids": self.channel_ids,
                "policy_ids": self.policy_ids,
                "topic_id": self.topic_id,
                "collector_namespace": self.collector_namespace,
            }
        )

    def _scraped(self, opts: pulumi.ResourceOptions | None) -> None:
        """Which pods managed Prometheus asks."""
        # A component's own `depends_on` reaches none of its children, and these need a namespace of somebody else's.
        after = None if opts is None else opts.depends_on
        child = pulumi.ResourceOptions(parent=self, depends_on=after)
        for each in self._services:
            KubernetesObject(
                collector.API,
                "PodMonitoring",
                f"{self._name}-{each.slug}",
                child,
                metadata={"name": each.name, "namespace": each.namespace, "labels": names.labels(each.name)},
                spec=collector.monitor(each, self._args.get("scrape_seconds", SCRAPE_SECONDS)),
            )

    def _logged(self) -> pulumi.Output[str]:
        """A metric that counts the faults in the servers' log; its name."""
        made = Metric(
            self._name,
            project=self._project,
            name=f"{self._name}-faults",
            description="Faults that the servers of models write into their log",
            filter=self._here.asked(partial(collector.faults, services=self._services)),
            metric_descriptor={
                "metric_kind": "DELTA",
                "value_type": "INT64",
                "unit": "1",
                "labels": [
                    {"key": key, "value_type": "STRING", "description": meaning}
                    for key, (_, meaning) in collector.LABELS.items()
                ],
            },
            label_extractors={key: source for key, (source, _) in collector.LABELS.items()},
            opts=self._child,
        )
        return made.name

    def _asked_from_outside(self) -> pulumi.Output[str] | None:
        """The uptime check of the hostname; its id."""
        host = self._args.get("hostname")
        return None if host is None else outside.check(self._name, self._project, host, self._labels, self._child)

    def _channels(self) -> tuple[list[pulumi.Output[str]], pulumi.Output[str] | None]:
        """Ids of who is told, and of the topic among them."""
        args = self._args
        people = topics.by_mail(self._name, self._project, args.get("emails") or [], self._labels, self._child)
        found = [each.id for each in people]
        if not args.get("topic", False):
            return found, None
        number, region = cast("str", args.get("project_number")), _region(args["location"])
        made, channel = topics.topic(self._name, self._project, number, region, self._key, self._labels, self._child)
        return [*found, channel.id], made.id

    def _shown(self, cluster: str, backend: str | None, check: str | None, faults: str, ids: Sequence[str]) -> Any:
        return dashboard.body(self._name, self._here.place(cluster), self._services, faults, backend, check, ids)


def _service(given: GcpWatchedService) -> Service:
    seconds, percent = promises.promised(given)
    return Service(given["namespace"], given["service"], seconds, percent, given.get("least_pods", 1))


def _region(location: str) -> str:
    """Of a region or a zone."""
    return location if location in catalog.ZONES else location.rpartition("-")[0]


def _cluster(what: str, value: pulumi.Input[str]) -> pulumi.Input[str]:
    """Raises ArgsError, for what is an output once it is known."""
    expected = "the name of a cluster, a letter and at most 39 more of a-z, 0-9 and -"
    return checks.asked(value, lambda found: checks.fits(what, found, CLUSTER, expected, "shop"))


def _checked(name: str, args: GcpMonitoringArgs) -> None:
    """Raises ArgsError for what cannot be meant, before anything is registered."""
    what = "GcpMonitoring"
    checks.given(what, args, GcpMonitoringArgs)
    # A ring of keys' name has 63 characters, of which Pulumi's suffix takes 8.
    gcp.named(what, name, gcp.LONGEST - gcp.SUFFIX)
    gcp.project(f"{what}.project", args["project"])
    _located(f"{what}.location", args["location"])
    promises.services(
        f"{what}.services", args["services"], GcpWatchedService, MOST_SERVICES, "a dashboard takes 100 widgets"
    )
    for each in args["services"]:
        _watchable(f"{what}.services['{each['namespace']}/{each['service']}']", each)
    mails.addresses(f"{what}.emails", args.get("emails") or [])
    _told(what, args)
    usual = {"memory_percent": MEMORY_PERCENT, "disk_percent": DISK_PERCENT, "gpu_percent": 90}
    for key, value in usual.items():
        checks.within(f"{what}.{key}", args.get(key, value), 1, 100)
    outside.checked(what, args)
    checks.whole(f"{what}.scrape_seconds", args.get("scrape_seconds", SCRAPE_SECONDS), 5, 60, "seconds")


def _located(what: str, value: object) -> None:
    """A region, or a zone of one. Raises ArgsError."""
    zones = [zone for region in catalog.ZONES for zone in catalog.zones(region)]
    checks.one_of(what, value, [*catalog.ZONES, *zones])


def _watchable(what: str, given: GcpWatchedService) -> None:
    """Raises ArgsError."""
    try:
        names.service(given["service"])
    except ValueError as error:
        raise checks.ArgsError(f"{what}.service: {error}") from None
    seconds, _ = promises.promised(given)
    if seconds not in objectives.BOUNDS:
        bounds = ", ".join(f"{bound:g}" for bound in objectives.BOUNDS)
        nearest = min(objectives.BOUNDS, key=lambda bound: abs(bound - seconds))
        expected = f"a bound of the server's histogram ({bounds})"
        raise checks.wrong(f"{what}.latency", seconds, expected, f"write {nearest:g}")
    checks.whole(f"{what}.least_pods", given.get("least_pods", 1), 0, 1000)


def _told(what: str, args: Mapping[str, Any]) -> None:
    """The topic, and what goes with it alone. Raises ArgsError."""
    number = args.get("project_number")
    if args.get("topic", False):
        if number is None:
            raise checks.ArgsError(
                f"{what}.project_number is missing, expected it with topic; write project_number: ..."
            )
        gcp.number(f"{what}.project_number", number)
        return
    for key in ("project_number", "key_name"):
        if args.get(key) is not None:
            raise checks.wrong(f"{what}.{key}", args[key], "a topic with it", "write topic: True, or drop it")
