"""The section `release` of a stack file: what it comes to, and what is wrong with it in one line."""

from pathlib import Path

import pytest

from components.kubernetes.releasing.plan import Analysis, Bound, Plan, Query, Step, Strategy
from stacks.spec import SpecError, StackSpec

GOOD = """\
config:
  modelport:target: kubernetes
  modelport:model:
    name: digits
    source: examples.digits.train:pipeline
    evaluate: {data: "examples.digits.train:evaluation", min: 0.95}
  modelport:image: {push: registry.example.test/digits}
  modelport:release:
"""


def read(tmp_path: Path, release: str) -> StackSpec:
    """The stack file with that section; a line with `!` before it is another section's."""
    path = tmp_path / "Pulumi.dev.yaml"
    lines = [f"  {line[1:]}\n" if line[:1] == "!" else f"    {line}\n" for line in release.splitlines()]
    path.write_text(GOOD + "".join(lines), encoding="utf-8")
    return StackSpec.from_file(path)


def test_a_canary_with_its_analysis(tmp_path: Path) -> None:
    spec = read(
        tmp_path,
        "strategy: canary\nsteps: [{weight: 10, pause: 30}, {weight: 50}]\n"
        "analysis:\n  prometheus: monitoring/prometheus:9090\n  success_rate: {min: 0.99}\n"
        "  queries: [{name: queue, promql: 'max(q)', max: 5}]\n!modelport:monitoring: {}\n",
    )
    assert spec.release is not None
    assert spec.release.plan() == Plan(Strategy.CANARY, (Step(10, 30.0), Step(50, 60.0)))
    assert spec.release.judged() == Analysis(
        "monitoring/prometheus:9090",
        success_rate=Bound(min=0.99),
        queries=(Query("queue", "max(q)", Bound(max=5.0)),),
    )


@pytest.mark.parametrize(
    ("release", "words"),
    [
        ("strategy: canary", "strategy canary has no steps"),
        ("strategy: shadow", "release: strategy shadow needs a route"),
        ("strategy: sideways", "strategy"),
        ("strategy: canary\nsteps: [{weight: 0}]", "weight is 0"),
        ("strategy: canary\nsteps: [{weight: 50}, {weight: 10}]", "each larger than the one before"),
        (
            "strategy: canary\nsteps: [{weight: 10}]\n!modelport:autoscaling: {min: 0, max: 2}",
            "an activator that knows the old version's pods alone, expected a route",
        ),
        ("steps: [{weight: 10}]", "strategy rolling takes no steps"),
        (
            "analysis: {prometheus: 'http://p:9090', success_rate: {min: 0.9}}",
            "strategy rolling has no step at which the analysis would be asked",
        ),
        ("analysis: {success_rate: {min: 1}}", "prometheus is missing"),
        ("analysis: {prometheus: here}", "http://HOST:PORT or NAMESPACE/SERVICE:PORT"),
        ("analysis: {prometheus: 'http://p:9090'}", "the analysis has no measure"),
        ("analysis: {prometheus: 'http://p:9090', queries: [{name: q, promql: x}]}", "neither min nor max"),
        ("strategie: canary", "unknown key 'strategie' under release, did you mean 'strategy'"),
    ],
)
def test_mistakes(tmp_path: Path, release: str, words: str) -> None:
    with pytest.raises(SpecError) as raised:
        read(tmp_path, release)
    assert any(words in line for line in raised.value.lines), raised.value.lines
