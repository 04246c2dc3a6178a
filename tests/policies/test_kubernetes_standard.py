"""The rules of pods beside what Kubernetes' own admission is tested with: every pod of `restricted`, that of 1.37."""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
import yaml

from policies import kubernetes_pod_security
from policies.kubernetes_pod_security import VERSION
from tests.components.planned import Planned
from tests.policies.judging import judged
from tests.tools import golang

ADMISSION: Final = golang.Module(
    "k8s.io/pod-security-admission", "v0.37.2", "h1:mnfCR7fUzsvtiSiYZD9HTcTJ9cpJDMnQn++9Rq1mlrc="
)
KINDS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "core/v1:Pod": lambda pod: pod,
    "core/v1:PodTemplate": lambda pod: {"template": pod},
    "core/v1:PodList": lambda pod: {"items": [pod]},
    "core/v1:ReplicationController": lambda pod: {"spec": {"template": pod}},
    "apps/v1:Deployment": lambda pod: {"spec": {"template": pod}},
    "apps/v1beta2:Deployment": lambda pod: {"spec": {"template": pod}},
    "apps/v1:StatefulSet": lambda pod: {"spec": {"template": pod}},
    "apps/v1:DaemonSet": lambda pod: {"spec": {"template": pod}},
    "apps/v1:ReplicaSet": lambda pod: {"spec": {"template": pod}},
    "batch/v1:Job": lambda pod: {"spec": {"template": pod}},
    "batch/v1:CronJob": lambda pod: {"spec": {"jobTemplate": {"spec": {"template": pod}}}},
    "batch/v1:JobList": lambda pod: {"items": [{"spec": {"template": pod}}]},
    "keda.sh/v1alpha1:ScaledJob": lambda pod: {"spec": {"jobTargetRef": {"template": pod}}},
    "argoproj.io/v1alpha1:Rollout": lambda pod: {"spec": {"template": pod}},
}
"""What holds a pod, and where."""
CHECKS: Final = {
    check.removeprefix("PSS ").lower(): rule.name
    for rule in kubernetes_pod_security.RULES
    for check in rule.ids
    if check.startswith("PSS ")
}
"""Which rule is the twin of a check."""


@functools.cache
def pods(verdict: str) -> dict[str, Any]:
    """The pods that pass, or fail, by the name of their file."""
    folder = golang.sources(ADMISSION) / "test" / "testdata" / "restricted" / f"v{VERSION}" / verdict
    return {file.stem: yaml.safe_load(file.read_text()) for file in sorted(folder.glob("*.yaml"))}


def broken(inputs: Any, kind: str = "core/v1:Pod") -> list[str]:
    """The rules that an object breaks."""
    urn = f"urn:pulumi:test::shop::kubernetes:{kind}::it"
    found = judged(
        [Planned(f"kubernetes:{kind}", "it", urn, "", True, inputs, {})], rules=kubernetes_pod_security.RULES
    )
    assert found.late == []
    return [each.rule for each in found.wrong]


def checks() -> Iterator[str]:
    """The ids of the checks in the source of the admission."""
    for file in sorted((golang.sources(ADMISSION) / "policy").glob("check_*.go")):
        if not file.name.endswith("_test.go"):
            text = file.read_text()
            yield from re.findall(r'^\s+ID:\s+"(\w+)"', text, re.MULTILINE)
            yield from re.findall(r'CheckID = "(\w+)"', text)


def test_there_are_as_many_as_there_should_be() -> None:
    assert (len(pods("pass")), len(pods("fail"))) == (23, 76)


def test_it_is_the_newest_version_that_the_admission_knows() -> None:
    versions = (golang.sources(ADMISSION) / "test" / "testdata" / "restricted").iterdir()
    assert max(int(each.name.removeprefix("v1.")) for each in versions) == int(VERSION.removeprefix("1."))


def test_every_check_has_its_rule() -> None:
    assert sorted(each.lower() for each in checks()) == sorted(CHECKS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_admission_lets_in_breaks_no_rule(kind: str) -> None:
    assert {name: broken(KINDS[kind](pod), kind) for name, pod in pods("pass").items()} == {
        name: [] for name in pods("pass")
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_admission_refuses_breaks_the_rule_of_that_check(kind: str) -> None:
    found = {name: set(broken(KINDS[kind](pod), kind)) for name, pod in pods("fail").items()}
    assert [name for name, rules in found.items() if CHECKS[name.rstrip("0123456789")] not in rules] == []


def test_a_pod_is_refused_for_what_it_does_alone() -> None:
    """Some of the admission's pods do two things that are forbidden: who is privileged may gain privileges, too."""
    found = {name: sorted(set(broken(pod))) for name, pod in pods("fail").items()}
    assert {name: rules for name, rules in found.items() if len(rules) > 1} == {
        "allowprivilegeescalation3": ["pod-capabilities", "pod-no-escalation"],
        "privileged0": ["pod-no-escalation", "pod-not-privileged"],
        "privileged1": ["pod-no-escalation", "pod-not-privileged"],
        "windowshostprocess0": ["pod-no-host-namespaces", "pod-no-host-process"],
        "windowshostprocess1": ["pod-no-host-namespaces", "pod-no-host-process"],
    }


def test_containers_for_debugging_are_looked_at_as_the_others() -> None:
    for name, pod in pods("fail").items():
        spec = {key: each for key, each in pod["spec"].items() if key != "initContainers"}
        moved: dict[str, Any] = {**spec, "containers": [], "ephemeralContainers": spec["containers"]}
        assert broken({**pod, "spec": moved}) == broken({**pod, "spec": spec}), name
