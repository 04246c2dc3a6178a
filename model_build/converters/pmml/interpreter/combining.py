"""What several models answer together."""

import math
import statistics
from collections.abc import Sequence

from model_build.converters.pmml.reading import Element, wrong

Shares = dict[str, float]
Result = float | tuple[str, Shares] | None
"""A number, or a class and what is given to each; None where there is no answer."""


def check_method(segmentation: Element, classifies: bool) -> None:
    method = segmentation.get("multipleModelMethod")
    known: tuple[str, ...] = ("average", "weightedAverage", "selectFirst", "modelChain")
    known += (
        ("majorityVote", "weightedMajorityVote") if classifies else ("sum", "weightedSum", "median", "weightedMedian")
    )
    if method not in known:
        kind = "classifier" if classifies else "regression"
        raise wrong(
            segmentation, f"has {method} for a {kind}", f"expected one of {', '.join(known)}; export the model again"
        )
    if not segmentation.all("Segment"):
        raise wrong(segmentation, "has no Segment", "expected one or more; export the model again")


def combined(method: str, results: Sequence[tuple[Result, float]]) -> Result:
    numbers = [each for each, _ in results if isinstance(each, float)]
    weights = [weight for _, weight in results]
    if len(numbers) < len(results):
        return None
    if method == "median":
        return float(statistics.median(numbers))
    if method == "weightedMedian":
        half, reached = math.fsum(weights) / 2, 0.0
        for number, weight in sorted(zip(numbers, weights, strict=True)):
            reached += weight
            if reached >= half:
                return number
    weighted = method.startswith("weighted")
    total = math.fsum(number * (weight if weighted else 1.0) for number, weight in zip(numbers, weights, strict=True))
    if method in ("sum", "weightedSum"):
        return total
    return total / (math.fsum(weights) if weighted else len(numbers))


def votes(method: str, results: Sequence[tuple[Result, float]]) -> Shares | None:
    """Shares of the classes."""
    counts = method in ("majorityVote", "weightedMajorityVote")
    weights = [weight if method.startswith("weighted") else 1.0 for _, weight in results]
    sums: Shares = {}
    lost = 0.0
    for (result, _), weight in zip(results, weights, strict=True):
        if not isinstance(result, tuple):
            if not counts:
                return None
            lost += weight
            continue
        for name, share in ({result[0]: 1.0} if counts else result[1]).items():
            sums[name] = sums.get(name, 0.0) + share * weight
    if not sums or lost > max(sums.values()):
        return None
    total = sum(sums.values()) if counts else sum(weights)
    return {name: each / total for name, each in sums.items()}
