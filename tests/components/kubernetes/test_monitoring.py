"""What a ModelMonitoring makes: rules that promtool takes and tries, manifests and a dashboard held to schemas."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.kubernetes import objectives
from components.kubernetes.monitoring import ModelMonitoring, MonitoringMode
from components.kubernetes.objectives import Objectives
from serving import metrics
from tests.components.kubernetes import checking
from tests.tools import debian, pypi

WANTED = Objectives("team", "digits", runbook="https://example.com/runbook")


def _rendered(**args: Any) -> list[checking.Manifest]:
    given: Any = {"namespace": "team", "service": "digits", **args}
    found = checking.rendered(lambda: ModelMonitoring("digits", given))
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))


def _promtool(folder: Path, *arguments: str) -> str:
    tool = debian.program("prometheus", "promtool")
    command = [str(tool.path), *arguments]
    ran = subprocess.run(command, cwd=folder, env=tool.env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_every_manifest_passes_every_check() -> None:
    found = [
        *_rendered(),
        *_rendered(mode=MonitoringMode.PLAIN),
        *_rendered(dashboard=False, labels={"release": "stack"}),
    ]
    assert checking.violations(found, checking.PROMETHEUS_OPERATOR) == []
    assert checking.checkov(found) == []


def test_what_each_mode_is_made_of() -> None:
    assert [(each["kind"], each["metadata"]["name"]) for each in _rendered()] == [
        ("ConfigMap", "digits-dashboard"),
        ("Service", "digits-metrics"),
        ("ServiceMonitor", "digits-monitor"),
        ("PrometheusRule", "digits-rules"),
    ]
    plain = _rendered(mode=MonitoringMode.PLAIN, dashboard=False)
    assert [(each["kind"], each["metadata"]["name"]) for each in plain] == [
        ("ConfigMap", "digits-rules"),
        ("ConfigMap", "digits-scrape"),
    ]
    assert plain[0]["metadata"]["labels"]["modelport.io/prometheus-rules"] == "true"


def test_prometheus_takes_both_files_and_both_modes_say_the_same(tmp_path: Path) -> None:
    rules, scrape = _rendered(mode=MonitoringMode.PLAIN, dashboard=False)
    (tmp_path / "digits.yaml").write_text(rules["data"]["digits.yaml"])
    # In one file, and with a target in place of the search for pods: Debian's Prometheus is older than
    # `scrape_config_files`, and built without Kubernetes.
    settings = yaml.safe_load(scrape["data"]["digits.yaml"])
    assert settings["scrape_configs"][0].pop("kubernetes_sd_configs") == [
        {"role": "pod", "namespaces": {"names": ["team"]}}
    ]
    settings["scrape_configs"][0]["static_configs"] = [{"targets": ["127.0.0.1:8080"]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": ["digits.yaml"], **settings}))
    assert "prometheus.yml is valid" in _promtool(tmp_path, "check", "config", "prometheus.yml")
    said = _promtool(tmp_path, "check", "rules", "digits.yaml")
    operated = next(each for each in _rendered() if each["kind"] == "PrometheusRule")
    groups = yaml.safe_load(rules["data"]["digits.yaml"])["groups"]
    assert f"SUCCESS: {sum(len(each['rules']) for each in groups)} rules found" in said
    assert operated["spec"]["groups"] == groups


def test_the_bounds_are_those_of_the_server() -> None:
    assert objectives.BOUNDS == metrics.SECONDS


# Requests a second, how many of them fail, are slower than promised, are the caller's mistake and fail inside of the
# model, which both are answered with 400; and the pages: objective, windows.
_CASES = {
    "one in a thousand fails: what may": (1000, 1, 0, 0, 0, []),
    "one in a hundred fails: told within hours": (100, 1, 0, 0, 0, [("availability", "6h", "30m")]),
    "one in fifty fails: told at once": (50, 1, 0, 0, 0, [("availability", "1h", "5m"), ("availability", "6h", "30m")]),
    "one in five is slow: told at once": (10, 0, 2, 0, 0, [("latency", "1h", "5m"), ("latency", "6h", "30m")]),
    "one in ten is the caller's mistake: nobody's business": (50, 0, 0, 5, 0, []),
    "one in fifty fails inside of the model: told at once": (
        *(50, 0, 0, 5, 1),
        [("availability", "1h", "5m"), ("availability", "6h", "30m")],
    ),
    "nobody calls": (0, 0, 0, 0, 0, []),
}


@pytest.mark.parametrize("case", _CASES)
def test_an_alert_fires_when_the_budget_goes_too_fast(tmp_path: Path, case: str) -> None:
    """promtool runs the rules over seven hours of such traffic."""
    every, bad, slow, mistaken, refused, pages = _CASES[case]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": objectives.groups(WANTED)}))
    where = 'namespace="team",service="digits"'
    pod = f'{where},track="stable",revision="a",pod="digits-1"'
    labels = f'{pod},route="infer"'
    minutes = 7 * 60

    def series(name: str, rate: int, more: str = "") -> dict[str, str]:
        return {"series": f"{name}{{{labels}{more}}}", "values": f"0+{rate * 60}x{minutes}"}

    duration = "modelport_request_duration_seconds"
    given = [
        series("modelport_requests_total", every - bad - mistaken - refused, ',code="200"'),
        series("modelport_requests_total", mistaken + refused, ',code="400"'),
        series("modelport_requests_total", bad, ',code="500"'),
        {**series("modelport_model_refusals_total", refused), "series": f"modelport_model_refusals_total{{{pod}}}"},
        series(f"{duration}_count", every),
        series(f"{duration}_bucket", every - slow, ',le="0.25"'),
        series(f"{duration}_bucket", every, ',le="+Inf"'),
    ]
    firing = [
        {
            "labels": f'ALERTS{{alertname="{objectives.ALERTS[slo]}",alertstate="firing",{where},'
            f'severity="page",slo="{slo}",long_window="{long}",short_window="{short}"}}',
            "value": 1,
        }
        for slo, long, short in pages
    ]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": given,
                "promql_expr_test": [
                    {
                        "expr": 'ALERTS{severity="page"}',
                        "eval_time": "7h",
                        "exp_samples": firing,
                    }
                ],
            }
        ],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    assert "SUCCESS" in _promtool(tmp_path, "test", "rules", "test.yaml")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ({"latency": 0.3}, r"latency is 0\.3, expected a bound of the server's histogram .*; write 0\.25"),
        ({"objective": 99.9}, r"objective is 99\.9, expected a share between 0\.5 and 1; write 0\.999"),
        ({"latency_objective": 0.2}, r"latency_objective is 0\.2, expected a share between 0\.5 and 1"),
        ({"window_days": 365}, "window_days is 365, expected 1 to 90"),
    ],
)
def test_what_cannot_be_promised_is_refused(args: dict[str, Any], said: str) -> None:
    def program() -> None:
        given: Any = {"namespace": "team", "service": "digits", **args}
        with pytest.raises(ValueError, match=said):
            ModelMonitoring("digits", given)

    assert checking.rendered(program) == []


def _dashboard() -> dict[str, Any]:
    (found,) = (each for each in _rendered() if each["metadata"]["name"] == "digits-dashboard")
    made: dict[str, Any] = json.loads(found["data"]["modelport-team-digits.json"])
    return made


def _through_grafana(dashboard: dict[str, Any]) -> dict[str, Any]:
    """What Grafana's own library makes of it: fields that it does not know are gone. It looks at no types."""
    code = (
        "import json, sys\n"
        "from grafana_foundation_sdk.cog.encoder import JSONEncoder\n"
        "from grafana_foundation_sdk.cog.plugins import register_default_plugins\n"
        "from grafana_foundation_sdk.models.dashboard import Dashboard\n"
        "register_default_plugins()\n"
        "print(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(json.load(sys.stdin))))\n"
    )
    command = [str(pypi.environment(pypi.MANIFESTS) / "python"), "-c", code]
    ran = subprocess.run(command, input=json.dumps(dashboard), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise ValueError(ran.stderr.strip().splitlines()[-1])
    made: dict[str, Any] = json.loads(ran.stdout)
    return made


def _lost(before: Any, after: Any, place: str = "") -> list[str]:
    if isinstance(before, dict):
        return [
            line
            for key, value in before.items()
            for line in ([f"{place}.{key}"] if key not in after else _lost(value, after[key], f"{place}.{key}"))
        ]
    if isinstance(before, list):
        return [line for number, each in enumerate(before) for line in _lost(each, after[number], f"{place}[{number}]")]
    return [] if before == after else [f"{place} is {after!r}"]


def test_grafanas_own_library_knows_all_of_the_dashboard() -> None:
    found = _dashboard()
    assert len(found["panels"]) == 10
    assert _lost(found, _through_grafana(found)) == []


def test_grafanas_own_library_does_not_take_everything() -> None:
    wrong = _dashboard()
    wrong["panels"][0]["targts"] = []
    wrong["panels"][1]["options"]["tooltipp"] = {}
    assert _lost(wrong, _through_grafana(wrong)) == [".panels[0].targts", ".panels[1].options.tooltipp"]


def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in _dashboard()["panels"] for target in panel["targets"]]
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries)
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(queries)} rules found" in _promtool(tmp_path, "check", "rules", "rules.yaml")
