"""Every alert that components register has a section in the runbooks, and every section an alert."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import yaml

from components.kubernetes import ModelMonitoring, MonitoringMode
from tests.components import planned
from tests.components.aws import judging as aws
from tests.components.aws.judging_programs import PROGRAMS as ON_AWS
from tests.components.gcp import judging as gcp
from tests.components.gcp.judging_programs import PROGRAMS as ON_GOOGLE
from tests.docs.pages import ROOT

FOLDER: Final = ROOT / "docs" / "runbooks"
PARTS: Final = ("Means", "Look", "Do", "Over")
AWS: Final = (
    *("monitoring", "tasks-watched", "ecs", "ec2-with-everything", "function-with-everything"),
    *("sagemaker-with-everything", "sagemaker-of-two-versions", "budget"),
)
"""Programs on AWS that have all alarms of the components in them."""
GOOGLE: Final = (
    *("monitoring.monitoring-with-everything", "cloud-run-monitoring.cloud_run_monitoring_with_everything"),
    *("monitoring.monitoring", "budget.budget"),
)
MAKERS: Final = {
    *("aws/alarms.py", "aws/budget.py", "aws/ecs_release.py", "aws/lambda_service_release.py"),
    *("aws/sagemaker_release.py", "gcp/alerts.py", "gcp/budget.py", "kubernetes/objectives.py"),
}
"""Modules that make alerts: what they make is in a program above."""
_MAKES: Final = {"MetricAlarm", "CompositeAlarm", "AlertPolicy", "Budget"}
_WORDS: Final = ("NAME", "NAMESPACE", "SERVICE", "VARIANT")


@dataclass(frozen=True)
class Section:
    """A section of a runbook."""

    page: str
    heading: str
    text: str

    @property
    def component(self) -> str:
        return self.heading.partition(":")[0]

    @property
    def names(self) -> list[str]:
        """What the alert is called, with words in capitals for what differs: of its first line."""
        first = self.text.strip().splitlines()[0]
        return [each for each in re.findall(r"`([^`]+)`", first) if each.startswith(("NAME", "Model"))]

    def tells_of(self, component: str, name: str, owner: str) -> bool:
        """owner: name of the component."""
        return self.component == component and any(_fits(each, name, owner) for each in self._own())

    def _own(self) -> list[str]:
        """Of a line that names the composite alarm that holds it, that one belongs to another section."""
        whole = {"NAME-users", "NAME-tasks-users"}
        return [each for each in self.names if each not in whole or self.heading.endswith(": users")]


def _fits(pattern: str, name: str, owner: str) -> bool:
    spelled = {"NAME": re.escape(owner), "NAMESPACE": "[a-z0-9-]+?", "SERVICE": "[a-z0-9-]+?", "VARIANT": "[a-z0-9]+"}
    found = re.sub("|".join(sorted(_WORDS, key=len, reverse=True)), lambda word: spelled[word.group()], pattern)
    return re.fullmatch(found, name) is not None


def sections() -> list[Section]:
    found: list[Section] = []
    for page in sorted(FOLDER.glob("*.md")):
        if page.name != "index.md":
            for heading, text in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", page.read_text(), re.DOTALL | re.MULTILINE):
                found.append(Section(page.name, heading, text))
    return found


SECTIONS: Final = sections()


def _owner(made: planned.Planned) -> tuple[str, str]:
    """Type and name of the component that a resource is of."""
    return made.urn.split("::")[2].split("$")[-2].rpartition(":")[2], made.parent


def _alarms(found: planned.Plan) -> Iterator[tuple[str, str, str]]:
    """Component, name of the alert and name of the component, of each alert of a plan."""
    for each in found.resources:
        kind = each.type.rpartition(":")[2]
        if each.custom and kind in ("MetricAlarm", "CompositeAlarm", "AlertPolicy", "Budget"):
            component, owner = _owner(each)
            inputs: Mapping[str, Any] = each.inputs
            name = inputs.get("alarmName") or inputs.get("displayName") if kind != "Budget" else None
            yield component, str(name or each.name), owner


@pytest.fixture(scope="module")
def registered() -> set[tuple[str, str, str]]:
    """All alerts of all components."""
    found: set[tuple[str, str, str]] = set()
    for name in AWS:
        found |= set(_alarms(aws.planned(ON_AWS[name])))
    for name in GOOGLE:
        found |= set(_alarms(gcp.planned(ON_GOOGLE[name])))
    for mode in MonitoringMode:
        for each in planned.plan(lambda mode=mode: _in_a_cluster(mode)).resources:
            found |= {("", alert, "") for alert in _rules(each.inputs)}
    return found


def _in_a_cluster(mode: MonitoringMode) -> None:
    ModelMonitoring("watch", {"namespace": "shop", "service": "digits", "mode": mode})


def _rules(inputs: Mapping[str, Any]) -> Iterator[str]:
    """Names of the alerting rules in a PrometheusRule, or in a ConfigMap of rule files."""
    groups: list[Any] = []
    if inputs.get("kind") == "PrometheusRule":
        groups = inputs["spec"]["groups"]
    elif inputs.get("kind") == "ConfigMap":
        for text in inputs["data"].values():
            read: Any = yaml.safe_load(text)
            groups += read.get("groups", [])
    for group in groups:
        yield from (str(rule["alert"]) for rule in group["rules"] if "alert" in rule)


def _told(alert: tuple[str, str, str]) -> list[str]:
    """Headings of the sections that tell of an alert."""
    component, name, owner = alert
    if not component:
        return [each.heading for each in SECTIONS if each.heading == name]
    return [each.heading for each in SECTIONS if each.tells_of(component, name, owner)]


def test_every_alert_has_one_section(registered: set[tuple[str, str, str]]) -> None:
    assert len(registered) > 60
    assert {alert: found for alert in registered if len(found := _told(alert)) != 1} == {}


def test_every_section_has_an_alert(registered: set[tuple[str, str, str]]) -> None:
    assert {each.heading for each in SECTIONS} - {name for alert in registered for name in _told(alert)} == set()


def test_every_name_in_a_section_is_that_of_an_alert(registered: set[tuple[str, str, str]]) -> None:
    for section in SECTIONS:
        for name in section.names:
            assert any(
                name == alert[1] if not alert[0] else alert[0] == section.component and _fits(name, alert[1], alert[2])
                for alert in registered
            ), f"{section.heading}: {name}"


def test_what_makes_alerts_is_known_here() -> None:
    """A new module that makes some wants a program above, so that its alerts have sections."""
    found: set[str] = set()
    for path in (ROOT / "components").rglob("*.py"):
        for each in ast.walk(ast.parse(path.read_text())):
            made = isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in _MAKES
            if made or (isinstance(each, ast.Constant) and each.value == "alert"):
                found.add(str(path.relative_to(ROOT / "components")))
    assert found - {"gcp/watched.py", "gcp/watching.py"} == MAKERS  # these two read rules


def test_an_alert_without_a_section_is_seen() -> None:
    assert _told(("EcsMonitoring", "watch-weather", "watch")) == []
    assert _told(("EcsMonitoring", "watch-cpu", "watch")) == ["EcsMonitoring: cpu"]
    assert _told(("AwsMonitoring", "watch-shop-balancer-errors", "watch")) == ["AwsMonitoring: errors"]
    assert _told(("", "ModelIsTired", "")) == []


@pytest.mark.parametrize("section", SECTIONS, ids=lambda each: each.heading)
def test_a_section_says_what_to_do(section: Section) -> None:
    assert re.findall(r"^\*\*(\w+)\.\*\*", section.text, re.MULTILINE) == list(PARTS)
    look = section.text.partition("**Look.**")[2].partition("**Do.**")[0]
    assert re.findall(r"^    \S", look, re.MULTILINE), "no command to look with"
