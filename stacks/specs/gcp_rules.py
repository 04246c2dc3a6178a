"""What Google Cloud and GKE would refuse of the section `gcp`, told before anything is planned, each in one line."""

from functools import partial
from typing import TYPE_CHECKING

from stacks.specs import cluster_rules
from stacks.specs.gcp_common_rules import front, project
from stacks.specs.rules import told

if TYPE_CHECKING:
    from stacks.spec import StackSpec
    from stacks.specs.gcp import GcpSpec


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that Google would refuse, or that a cluster which is just made does not have.

    secrets: places whose values are encrypted.
    """
    if spec.gcp is None:
        return [
            "gcp is missing, expected the project and what is made in it; write project, project_number, region and "
            "cluster"
        ]
    balancer = spec.gcp.load_balancer
    lines = cluster_rules.made(spec, "gcp", anonymous=balancer is not None and balancer.anonymous, secrets=secrets)
    return lines + unfit(spec.gcp)


def unfit(wanted: "GcpSpec") -> list[str]:
    """A line for each thing that Google would refuse."""
    from components import checks as values

    cluster = wanted.cluster
    lines = project("gcp", wanted)
    lines += [
        f"gcp.cluster.public_access_cidrs has {each}, expected networks of those who administer the cluster, as this "
        "opens its API server to the internet; name theirs"
        for each in cluster.public_access_cidrs
        if int(each.partition("/")[2]) < 8
    ]
    sizes = {"gcp.cluster": cluster, **{f"gcp.gpu.{name}": each for name, each in (wanted.gpu or {}).items()}}
    for what, each in sizes.items():
        numbers = [(f"{what}.{key}", getattr(each, key)) for key in ("min", "max") if getattr(each, key) is not None]
        lines += told(partial(values.in_order, numbers))
    for name in wanted.gpu or {}:
        pattern, expected = (
            r"[a-z]([-a-z0-9]{0,13}[a-z0-9])?",
            "at most 15 lower-case letters, digits and hyphens, a letter first",
        )
        lines += told(partial(values.fits, f"the name of gcp.gpu.{name}", name, pattern, expected, "l4"))
    balancer = wanted.load_balancer
    lines += front("gcp", balancer)
    if balancer is not None and not balancer.keys and not balancer.anonymous:
        lines.append(
            "gcp.load_balancer.keys is empty, expected a key's name, for without one everybody is answered; write "
            "keys: [default], or anonymous: true if that is meant"
        )
    return lines
