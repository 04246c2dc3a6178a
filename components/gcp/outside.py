"""What is watched of a model from outside of where it runs: at its load balancer, and by its name on the internet."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NotRequired, TypedDict

import pulumi
from pulumi_gcp.monitoring.uptime_check_config import UptimeCheckConfig

from components import checks, promises
from components.gcp import watching
from components.gcp.labels import Labels
from components.gcp.watching import Watched
from components.kubernetes import names
from components.outputs import known

CERTIFICATE_DAYS, MINUTES, CLOSE_MINUTES = 15, 5, 30
BACKEND: Final = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
HOST: Final = r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
PERIOD, TIMEOUT = "60s", "10s"
"""How often an uptime check asks, and how long it waits for an answer."""
ADVICE: Final = {
    "errors": "Look at the codes on the dashboard and at the faults in the log. If it began with a release, roll that "
    "back: `modelport rollback`.",
    "uptime": "Ask it yourself from outside. If you are answered, the load balancer may not let Google's checkers in.",
    "certificate": "A certificate that Google manages is renewed a month before its end, if its record in the zone "
    "still stands.",
}
"""What to look at first, by the end of an alert's name."""


class GcpWatchedBalancer(TypedDict):
    """A load balancer, as GcpLoadBalancer tells of it."""

    backend_service_name: pulumi.Input[str]
    """Name of its backend service."""
    error_percent: NotRequired[float]
    """How many of a hundred requests may fail at it or behind it. Default: 1."""


def checked(what: str, args: Mapping[str, Any]) -> None:
    """`hostname`, `certificate_days`, `minutes`, `close_minutes` and `runbook` of a component. Raises ArgsError."""
    if (host := args.get("hostname")) is not None:
        expected = "a DNS name in lower case, without a wildcard"
        checks.fits(f"{what}.hostname", host, HOST, expected, "models.example.com")
    if "certificate_days" in args and host is None:
        raise checks.wrong(f"{what}.certificate_days", args["certificate_days"], "a hostname with it", "drop it")
    checks.within(f"{what}.certificate_days", args.get("certificate_days", CERTIFICATE_DAYS), 1, 365, "days")
    checks.whole(f"{what}.minutes", args.get("minutes", MINUTES), 1, 60, "minutes")
    # Bounds of Cloud Monitoring's own: half an hour to seven days.
    checks.whole(f"{what}.close_minutes", args.get("close_minutes", CLOSE_MINUTES), 30, 10_080, "minutes")
    if (runbook := args.get("runbook")) is not None:
        checks.fits(f"{what}.runbook", runbook, r"https?://\S{1,2000}", "an address", "https://example.com/runbook")


def backend(what: str, given: GcpWatchedBalancer | None) -> pulumi.Input[str] | None:
    """Name of the backend service. Raises ArgsError, for what is an output once it is known."""
    if given is None:
        return None
    checks.given(what, given, GcpWatchedBalancer)
    checks.within(f"{what}.error_percent", given.get("error_percent", promises.ERROR_PERCENT), 0.001, 100)
    called, expected = f"{what}.backend_service_name", "the name of a backend service"
    return checks.asked(
        given["backend_service_name"], lambda found: checks.fits(called, found, BACKEND, expected, "shop-1a2b3c4")
    )


def check(name: str, project: str, host: str, labels: Labels, child: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Google asks this host from outside; the id of what does."""
    made = UptimeCheckConfig(
        name,
        project=project,
        display_name=name,
        monitored_resource={"type": "uptime_url", "labels": {"project_id": project, "host": host}},
        http_check={
            "request_method": "GET",
            "path": names.READY,
            "port": 443,
            "use_ssl": True,
            "validate_ssl": True,
            "accepted_response_status_codes": [{"status_value": 200}],
        },
        period=PERIOD,
        timeout=TIMEOUT,
        user_labels=labels.all(),
        opts=child,
    )
    return made.uptime_check_id


def of_balancer(args: Mapping[str, Any], project: str, backend: pulumi.Input[str]) -> Watched:
    """args: of a component, with `load_balancer`. backend: name of its backend service."""
    percent = args["load_balancer"].get("error_percent", promises.ERROR_PERCENT)
    text = f"more than {percent:g} per cent of the requests at the load balancer fail"
    query = known(partial(watching.refusing, project, percent=percent), backend=backend)
    return Watched("balancer-errors", text, query, ADVICE["errors"], True, lasting(args))


def of_host(args: Mapping[str, Any], project: str, check: pulumi.Input[str]) -> list[Watched]:
    """args: of a component, with `hostname`. check: id of what asks it from outside."""
    host, days = args["hostname"], args.get("certificate_days", CERTIFICATE_DAYS)
    down = known(partial(watching.down, project), check=check)
    expiring = known(partial(watching.expiring, project, days=days), check=check)
    said = f"the certificate of {host} ends within {days:g} days"
    return [
        Watched("uptime", f"{host} does not answer as it should", down, ADVICE["uptime"], True, lasting(args)),
        Watched("certificate", said, expiring, ADVICE["certificate"], False, lasting(args)),
    ]


def lasting(args: Mapping[str, Any]) -> int:
    """Seconds that something is so before it is told."""
    return int(60 * args.get("minutes", MINUTES))
