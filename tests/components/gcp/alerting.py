"""Alerts held to Prometheus' own promtool: whether a rule is PromQL, and which alerts are told of a stretch of time."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tests.tools import debian

MINUTES = 40
"""How long series go on."""


def rate(second: float) -> str:
    """A counter."""
    return f"0+{second * 60:g}x{MINUTES}"


def still(value: float) -> str:
    """What stays as it is."""
    return f"{value:g}+0x{MINUTES}"


def promtool(folder: Path, *arguments: str) -> str:
    tool = debian.program("prometheus", "promtool")
    command = [str(tool.path), *arguments]
    ran = subprocess.run(command, cwd=folder, env=tool.env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def promql(folder: Path, found: Mapping[str, Sequence[str]]) -> int:
    """How many queries promtool takes for PromQL. found: queries by where they are."""
    recorded = [
        {"record": f"{name}:{at}", "expr": query} for name, queries in found.items() for at, query in enumerate(queries)
    ]
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"SUCCESS: {len(recorded)} rules found" in promtool(folder, "check", "rules", "rules.yaml")
    return len(recorded)


def fires(folder: Path, alerting: str, series: Mapping[str, str | None], told: Sequence[str]) -> bool:
    """Whether these alerts and no others are told once it has been so for half an hour.

    alerting: a file of rules. series: values by name; none of what there is not.
    """
    (folder / "rules.yaml").write_text(alerting)
    expected = {
        "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "30m",
        "exp_samples": [{"labels": f'{{alertname="{about}"}}', "value": 1} for about in told],
    }
    given = [{"series": name, "values": values} for name, values in series.items() if values is not None]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": given, "promql_expr_test": [expected]}],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(test))
    return "SUCCESS" in promtool(folder, "test", "rules", "test.yaml")
