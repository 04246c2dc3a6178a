"""Which targets run an image that another's server answers from, and what of a stack file that server does not know."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from model_build.recipe_server import OWN

if TYPE_CHECKING:
    from stacks.spec import StackSpec

_SPEAKS: Final = "triton"
"""Says that it is ready where the library's own server does."""
RUN: Final = ("kubernetes", "aws-eks", "gcp-gke")
"""Targets whose pods can be asked whether another's server is ready."""
_CHECKED = "as API keys are checked by the library's own server alone, and everybody would be answered"
_COUNTED = "as it counts by the names of the library's own server"


def unfit(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that only our own server could do."""
    server = spec.model.server
    if server == OWN:
        return []
    if spec.target not in RUN:
        return [
            f"model.server is {server} with target {spec.target}, expected it with {', '.join(RUN)}, as the others "
            f"speak to the library's own server; write server: {OWN}, or take one of those targets"
        ]
    told = f"with model.server {server}"
    return [f"{where} {told}, expected {expected}" for where, expected in _wrong(spec, secrets)]


def _wrong(spec: "StackSpec", secrets: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What the file says, and what is expected and why, with the fix."""
    if spec.runtime is not None and spec.runtime.program != OWN:
        yield f"runtime.program is {spec.runtime.program}", "none, as the image has its server; remove runtime"
    if spec.api_keys or "api_keys" in secrets:
        yield "api_keys is set", f"none, {_CHECKED}; remove it, and ask callers in front of the model"
    fronts = {
        "gateway": spec.gateway,
        "aws.load_balancer": spec.aws.load_balancer if spec.aws else None,
        "gcp.load_balancer": spec.gcp.load_balancer if spec.gcp else None,
    }
    for place, front in fronts.items():
        if front is not None and place != "gateway" and spec.model.server != _SPEAKS:
            yield f"{place} is set", "none, as it asks /v2/health/ready, which that server has not; remove it"
        elif front is not None and not front.anonymous:
            yield (
                f"{place}.anonymous is false",
                f"true, {_CHECKED}; write anonymous: true, and ask callers in front of the model",
            )
    if spec.tenants:
        yield f"tenants is {', '.join(spec.tenants)}", f"none, {_CHECKED}; remove it"
    watched = {
        "monitoring": spec.monitoring,
        "aws.monitoring": spec.aws.monitoring if spec.aws else None,
        "gcp.monitoring": spec.gcp.monitoring if spec.gcp else None,
    }
    for place, section in watched.items():
        if section is not None:
            yield f"{place} is set", f"none, {_COUNTED}; remove it, and scrape the server's own metrics"
    for key in sorted({"workers", "requests_per_second"} & spec.service.model_fields_set):
        yield f"service.{key} is set", "none, as it is about the library's own server; write service.resources"
    yield from _scaled_and_judged(spec)


def _scaled_and_judged(spec: "StackSpec") -> Iterator[tuple[str, str]]:
    scaling = spec.autoscaling
    if scaling is not None and scaling.min == 0:
        yield "autoscaling.min is 0", "1 or more, as the activator is a part of the library's own server; write 1"
    for key in ("requests_in_flight", "latency"):
        if scaling is not None and getattr(scaling, key) is not None:
            yield f"autoscaling.{key} is set", f"none, {_COUNTED}; write cpu, gpu or queue"
    analysis = spec.release.analysis if spec.release is not None else None
    for key in ("success_rate", "p99_ms", "accuracy"):
        if analysis is not None and getattr(analysis, key) is not None:
            yield (
                f"release.analysis.{key} is set",
                f"none, {_COUNTED}; write release.analysis.queries, PromQL of the server's own metrics",
            )
