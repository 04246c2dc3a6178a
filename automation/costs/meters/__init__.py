"""What each type of resource is paid for: one module for each cloud, and one for what lies in a cluster."""

from functools import cache

from automation.costs.metering import Entry


@cache
def table() -> dict[str, Entry]:
    """The meter of each type, or that it is free, paid by use or not to be known."""
    from automation.costs.meters import aws, gcp, kubernetes

    return {**aws.TABLE, **gcp.TABLE, **kubernetes.TABLE}
