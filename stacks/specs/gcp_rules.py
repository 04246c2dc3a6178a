"""What Google Cloud and GKE would refuse of the section `gcp`, told before anything is planned, each in one line."""

from functools import partial
from typing import TYPE_CHECKING

from stacks.specs import cluster_rules
from stacks.specs.gcp_common_rules import front, network, project
from stacks.specs.rules import told

if TYPE_CHECKING:
    from stacks.spec import StackSpec
    from stacks.specs.gcp import GcpSpec, GkeGpuSpec


POOL = 21
"""Characters of a stack's name and that of a pool of GPUs together: a node pool has 40, with ours and Pulumi's part."""


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
    from components.gcp import catalog

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
    if wanted.network.existing is None:
        lines += network("gcp", wanted.network)
    if wanted.region in catalog.ZONES:
        lines += [line for name, pool in (wanted.gpu or {}).items() for line in _gpus(name, pool, wanted.region)]
    lines += [
        f"gcp.gpu.{name} makes nodes called {wanted.name}-{name}-on-demand, expected at most {POOL} characters of "
        "gcp.name and it together, as GKE takes 40; take a shorter one"
        for name in wanted.gpu or {}
        if len(wanted.name) + len(name) > POOL
    ]
    balancer = wanted.load_balancer
    lines += front("gcp", balancer)
    if balancer is not None and not balancer.keys and not balancer.anonymous:
        lines.append(
            "gcp.load_balancer.keys is empty, expected a key's name, for without one everybody is answered; write "
            "keys: [default], or anonymous: true if that is meant"
        )
    return lines


def _gpus(name: str, pool: "GkeGpuSpec", region: str) -> list[str]:
    """Lines about nodes with GPUs of a region that there is."""
    from components import checks as values
    from components.gcp import gpus

    what, pattern = f"gcp.gpu.{name}", r"[a-z]([-a-z0-9]{0,13}[a-z0-9])?"
    expected = "at most 15 lower-case letters, digits and hyphens, a letter first"
    lines = told(lambda: values.fits(f"the name of {what}", name, pattern, expected, "l4"))

    def offered() -> None:
        machine = gpus.machine("GkeGpuNodePool", pool.machine_type, pool.gpu, pool.gpu_count)
        gpus.offered("GkeGpuNodePool", pool.machine_type, machine, region, pool.zones)

    return lines + [line.replace("GkeGpuNodePool.", f"{what}.") for line in told(offered)]
