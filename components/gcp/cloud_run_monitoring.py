"""What Cloud Monitoring shows of a service of Cloud Run, and whom it tells when that is not as it should be."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict

import pulumi
from pulumi_gcp.monitoring.dashboard import Dashboard

from components import checks, mails, promises
from components.gcp import alerts, cloud_run_watching, dashboard, outside, topics
from components.gcp import checks as gcp
from components.gcp.cloud_run_watching import MEMORY_PERCENT, Watching
from components.gcp.labels import Labels
from components.gcp.outside import GcpWatchedBalancer
from components.outputs import known, text

WHAT: Final = "CloudRunMonitoring"
SERVICE: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
CHANNEL: Final = r"projects/[a-z][a-z0-9.:-]{4,61}/notificationChannels/[0-9]+"


class CloudRunMonitoringArgs(TypedDict):
    project: str
    """Id of the project of the service, as `shop-prod`."""
    region: str
    """Region of the service, as `europe-west4`."""
    service_name: pulumi.Input[str]
    """Name of the service: the output `name` of a CloudRunService."""
    latency: NotRequired[float]
    """Seconds within which 99 of 100 requests are to be answered. Default: 0.25."""
    error_percent: NotRequired[float]
    """How many of a hundred requests may fail by the server's fault, or find no instance. Default: 1."""
    max: NotRequired[int]
    """The most instances of a version, as the service has it: all of them at work is told, as more requests wait then.
    Default: that is not looked at."""
    memory_percent: NotRequired[float]
    """How much of its memory an instance may use. Default: 85."""
    load_balancer: NotRequired[GcpWatchedBalancer]
    """The load balancer before it. Default: none."""
    hostname: NotRequired[str]
    """DNS name at which the model answers everybody on the internet with TLS, as `models.example.com`: Google asks it
    once a minute from six places, whose addresses `gcloud monitoring uptime list-ips` tells and whoever guards the name
    has to let in. Default: none is asked."""
    certificate_days: NotRequired[float]
    """Days that the certificate of `hostname` has to be valid for yet. Default: 15."""
    emails: NotRequired[Sequence[str]]
    """Who is told by mail. Default: nobody."""
    channel_ids: NotRequired[Sequence[pulumi.Input[str]]]
    """Whole names of notification channels that are told too, `projects/PROJECT/notificationChannels/ID`. Default:
    none."""
    minutes: NotRequired[int]
    """How long something is so before it is told. Default: 5."""
    close_minutes: NotRequired[int]
    """How long nothing is heard of what an incident is about before that closes by itself. Default: 30."""
    runbook: NotRequired[str]
    """Address that an alert names for whoever gets it. Default: none."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class CloudRunMonitoring(pulumi.ComponentResource):
    """A dashboard of a service, and alerts: latency, errors, instances and memory, its load balancer and its name.

    All of it is asked in PromQL of what Cloud Run itself counts; nothing is scraped. What users feel (latency, errors,
    the load balancer, the hostname) is told as CRITICAL, everything else as WARNING. These send no release back: what
    does is the service's own. Outputs: `dashboard_url`, `channel_ids`, `policy_ids`.
    """

    dashboard_url: pulumi.Output[str]
    """Address of the dashboard in Google's console."""
    channel_ids: pulumi.Output[list[str]]
    """Ids of the notification channels that alerts tell, for alert policies of others."""
    policy_ids: pulumi.Output[list[str]]
    """Ids of the alert policies."""

    def __init__(
        self,
        name: str,
        args: CloudRunMonitoringArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        asked = _checked(name, args)
        service = checks.asked(args["service_name"], _service)
        backend = outside.backend(f"{WHAT}.load_balancer", args.get("load_balancer"))
        others = [checks.asked(each, partial(_channel, at)) for at, each in enumerate(args.get("channel_ids") or [])]
        labels = Labels(f"{WHAT}.labels", name, args.get("labels"))
        super().__init__("modelport:index:CloudRunMonitoring", name, {}, opts)
        project, child = args["project"], pulumi.ResourceOptions(parent=self)
        host, check = args.get("hostname"), None
        if host is not None:
            check = outside.check(name, project, host, labels, child)
        people = topics.by_mail(name, project, args.get("emails") or [], labels, child)
        channels: list[pulumi.Input[str]] = [*(each.id for each in people), *others]
        watched = cloud_run_watching.watched(asked, service, outside.lasting(args))
        if backend is not None:
            watched.append(outside.of_balancer(args, project, backend))
        if check is not None:
            watched += outside.of_host(args, project, check)
        close = args.get("close_minutes", outside.CLOSE_MINUTES)
        policies = alerts.made(name, project, watched, channels, close, args.get("runbook"), labels, child)
        ids = [each.id for each in policies]
        body = partial(cloud_run_watching.body, name, asked)
        made = known(body, service=service, backend=backend, check=check, policies=ids)
        shown = Dashboard(name, project=project, dashboard_json=text(made), opts=child)
        self.dashboard_url = shown.id.apply(partial(dashboard.console, project))
        self.channel_ids = pulumi.Output.all(*channels).apply(lambda found: list(map(str, found)))
        self.policy_ids = pulumi.Output.all(*ids).apply(lambda found: list(map(str, found)))
        self.register_outputs(
            {
                "dashboard_url": self.dashboard_url,
                "channel_ids": self.channel_ids,
                "policy_ids": self.policy_ids,
            }
        )


def _checked(name: str, args: CloudRunMonitoringArgs) -> Watching:
    """Raises ArgsError for what cannot be meant, before anything is registered."""
    checks.given(WHAT, args, CloudRunMonitoringArgs)
    gcp.named(WHAT, name, gcp.LONGEST - gcp.SUFFIX)
    gcp.project(f"{WHAT}.project", args["project"])
    gcp.region(f"{WHAT}.region", args["region"])
    latency, percent = args.get("latency", promises.LATENCY), args.get("error_percent", promises.ERROR_PERCENT)
    # Cloud Run itself waits an hour for an answer at most.
    checks.within(f"{WHAT}.latency", latency, 0.001, 3600, "seconds")
    checks.within(f"{WHAT}.error_percent", percent, 0.001, 100)
    most: Any = args.get("max")
    if most is not None:
        most = checks.whole(f"{WHAT}.max", most, 1, 1000, "instances")
    memory = args.get("memory_percent", MEMORY_PERCENT)
    checks.within(f"{WHAT}.memory_percent", memory, 1, 100)
    mails.addresses(f"{WHAT}.emails", args.get("emails") or [])
    outside.checked(WHAT, args)
    return Watching(args["project"], args["region"], latency, percent, most, memory)


def _service(value: object) -> None:
    checks.fits(f"{WHAT}.service_name", value, SERVICE, "the name of a service of Cloud Run", "digits")


def _channel(at: int, value: object) -> None:
    expected, example = "the whole name of a notification channel", "projects/shop-prod/notificationChannels/1234567890"
    checks.fits(f"{WHAT}.channel_ids[{at}]", value, CHANNEL, expected, example)
