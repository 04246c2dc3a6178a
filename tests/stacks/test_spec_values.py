"""What a cluster would refuse late, or take and never do, is told of a stack file in one line, before anything."""

from pathlib import Path

import pytest

from stacks.spec import SpecError, StackSpec
from stacks.specs.words import amount

BASE = """\
config:
  modelport:target: kubernetes
  modelport:model: {name: digits, source: "a.b:c", evaluate: {data: "a.b:d", min: 0.95}}
  modelport:image: {push: registry.example.test/digits}
"""
GATEWAY = "hostname: digits.example.com, class_name: models, namespace: gateways"
PROMETHEUS = "prometheus: monitoring/prometheus:9090"
DNS = "expected a DNS name, as models.example.com"
LABEL = "expected lower-case letters, digits and hyphens, at most 63"


def read(tmp_path: Path, *sections: str) -> StackSpec:
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(BASE + "".join(f"  modelport:{each}\n" for each in sections), encoding="utf-8")
    return StackSpec.from_file(path)


def line(tmp_path: Path, *sections: str) -> str:
    """The one line that such a file is refused with."""
    with pytest.raises(SpecError) as raised:
        read(tmp_path, *sections)
    (told,) = raised.value.lines
    assert "\n" not in told
    return told.removeprefix("Pulumi.dev.yaml: ")


def gateway(more: str) -> str:
    return f"gateway: {{{GATEWAY}, {more}}}"


def analysis(measures: str, where: str = PROMETHEUS) -> str:
    steps = "strategy: canary, steps: [{weight: 50}]"
    return f"release: {{{steps}, analysis: {{{where}, {measures}}}}}"


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (gateway("keys: []"), "gateway.keys is empty, and there are no api_keys, expected a key's name, for without"),
        (gateway("keys: [a, b, a]"), "gateway: keys has the name a twice, expected each once; leave one out"),
        (gateway("keys: [a], anonymous: true"), "gateway: anonymous is true beside keys, expected one of them"),
        ("gateway: {hostname: 10.0.0.7, class_name: a, namespace: b}", f"gateway.hostname is '10.0.0.7', {DNS}"),
        (
            f"gateway: {{hostname: {'a' * 64}.example.com, class_name: a, namespace: b}}",
            f"gateway.hostname is '{'a' * 59}",
        ),
        (f"gateway: {{hostname: {'a.' * 126}com, class_name: a, namespace: b}}", "gateway.hostname is 'a.a.a.a."),
        (
            "gateway: {hostname: a_b.example.com, class_name: a, namespace: b}",
            f"gateway.hostname is 'a_b.example.com', {DNS}",
        ),
        ("tenants: {red: {keys: [a, a]}}", "tenants.red: keys has the name a twice, expected each once; leave one out"),
        (
            "tenants: {red: {}}\n  modelport:kubernetes: {namespace: red}",
            "tenants.red is called as the stack's own namespace, expected another name",
        ),
        (analysis("success_rate: {min: .nan}"), "release.analysis.success_rate.min is .nan, expected a share"),
        (
            analysis("success_rate: {min: 99}"),
            "release.analysis.success_rate.min is 99, expected a share between 0 and 1; write 0.99",
        ),
        (
            analysis("success_rate: {min: 0.9, max: 0.5}"),
            "release.analysis.success_rate: min is 0.9, expected at most max, which is 0.5",
        ),
        (
            analysis("accuracy: {max_drop: 2}"),
            "release.analysis.accuracy.max_drop is 2, expected a share between 0 and 1",
        ),
        (analysis("p99_ms: {max: -5}"), "release.analysis.p99_ms.max is -5, expected a number above 0"),
        (analysis("p99_ms: {max: .inf}"), "release.analysis.p99_ms.max is .inf, expected a number above 0"),
        (
            analysis("queries: [{name: q, promql: x, max: .nan}]"),
            "release.analysis.queries[0].max is .nan, expected a number",
        ),
        (
            analysis("queries: [{name: q, promql: x, min: 2, max: 1}]"),
            "release.analysis.queries[0]: min is 2, expected at most max, which is 1",
        ),
        (
            analysis("queries: [{name: q, promql: x, max: 1}, {name: q, promql: y, max: 1}]"),
            "release.analysis: queries has the name q twice",
        ),
        (
            analysis('queries: [{name: "q\\nr", promql: x, max: 1}]'),
            "release.analysis.queries[0].name is 'q\\nr', expected one line",
        ),
        (
            analysis("queries: [{name: q, promql: 'x{a=\"{{pod}}\"}', max: 1}]"),
            "release.analysis.queries[0]: the query q has {{pod}}, expected one of {{namespace}},",
        ),
        (
            analysis("queries: [{name: q, promql: x, max: 1}]", "prometheus: 'http://h/api?x=1'"),
            "release.analysis.prometheus is 'http://h/api?x=1', expected an address that paths",
        ),
        (
            analysis("queries: [{name: q, promql: x, max: 1}]", "prometheus: 'https://h:99999'"),
            "release.analysis.prometheus is 'https://h:99999', expected http://HOST:PORT, the port at most",
        ),
        (
            analysis("queries: [{name: q, promql: x, max: 1}]", "prometheus: 'a/b:70000'"),
            "release.analysis.prometheus is 'a/b:70000', expected a port from 1 to 65535",
        ),
        (
            analysis("success_rate: {min: 0.9}"),
            "release.analysis judges by what Prometheus scrapes from the pods, and nobody lets it in, "
            "expected a section monitoring, which does; write modelport:monitoring: {namespace: monitoring}",
        ),
        (
            'release: {strategy: ab, match: {header: who, value: "a\\r\\nb"}}',
            "release.match.value is 'a\\r\\nb', expected one line",
        ),
        (f"release: {{strategy: ab, match: {{header: who, value: {'a' * 5000}}}}}", "release.match.value is 'aaaa"),
        ('service: {allow_namespaces: ["Bad Name!"]}', f"service.allow_namespaces[0] is 'Bad Name!', {LABEL}"),
        ('service: {allow_namespaces: [""]}', f"service.allow_namespaces[0] is '', {LABEL}"),
        (
            'service: {resources: {cpu: "2", cpu_limit: "1"}}',
            "service.resources: cpu is 2, expected at most cpu_limit, which is 1; raise cpu_limit to 2",
        ),
        (
            "service: {resources: {memory: 2Gi, memory_limit: 1000Mi}}",
            "service.resources: memory is 2Gi, expected at most memory_limit, which is 1000Mi",
        ),
        (
            'service: {resources: {memory: "1"}}',
            "service.resources: memory is 1, expected at least 1Mi, in bytes or with a unit",
        ),
        (
            "autoscaling: {max: 2, scaler_networks: [nonsense]}",
            "autoscaling.scaler_networks[0] is 'nonsense', expected a network; for example 10.0.0.0/8",
        ),
        ('autoscaling: {max: 2, scaler_namespace: "Bad Ns"}', f"autoscaling.scaler_namespace is 'Bad Ns', {LABEL}"),
        (
            'autoscaling: {max: 2, prometheus: "http://x y"}',
            "autoscaling.prometheus is 'http://x y', expected http://HOST:PORT",
        ),
        (
            "autoscaling: {max: 2, requests_in_flight: .inf}",
            "autoscaling.requests_in_flight is .inf, expected a number above 0",
        ),
        (
            "autoscaling: {max: 3}\n  modelport:service: {replicas: 50}",
            "service.replicas is 50 beside autoscaling, expected at most autoscaling.max, which is 3",
        ),
        ("monitoring: {namespace: A b}", f"monitoring.namespace is 'A b', {LABEL}"),
        ("monitoring: {labels: {a b: c}}", "monitoring.labels: has the key 'a b', expected letters, digits"),
        (
            "monitoring: {labels: {release: a/b}}",
            "monitoring.labels: has 'a/b' under release, expected letters, digits",
        ),
        (
            "monitoring: {runbook: 'https://h:99999/a'}",
            "monitoring.runbook is 'https://h:99999/a', expected http://HOST:PORT",
        ),
    ],
)
def test_what_a_cluster_would_refuse_late(tmp_path: Path, section: str, told: str) -> None:
    assert line(tmp_path, section).startswith(told)


def test_who_needs_no_key_is_asked_for_none(tmp_path: Path) -> None:
    given = "api_keys: {secure: v1:x}"
    told = "gateway.anonymous is true beside api_keys, expected one of them: the server would want a key from everybody"
    assert line(tmp_path, gateway("anonymous: true"), given).startswith(told)
    for open_to_all in ("anonymous: true", "anonymous: true, keys: []"):
        assert read(tmp_path, gateway(open_to_all)).gateway
    assert read(tmp_path, gateway("keys: []"), given).gateway


@pytest.mark.parametrize(
    "sections",
    [
        (analysis("success_rate: {min: 0.99}"), "monitoring: {mode: plain, labels: {example.com/team: a.b, x: ''}}"),
        (analysis("p99_ms: {min: 0, max: 250, max_ratio: 1.5}"), "service: {allow_namespaces: [monitoring]}"),
        (analysis("queries: [{name: p 99 ä, promql: 'x{a=\"{{window}}\", b=\"{{stable}}\"}', min: -1, max: -1}]"),),
        ("autoscaling: {max: 1, prometheus: 'https://p.example.com:9090/base', scaler_networks: [10.0.0.0/8]}",),
        ('service: {resources: {cpu: 500m, cpu_limit: "0.5", memory: 1Gi, memory_limit: 1024Mi}, replicas: 3}',
         "autoscaling: {max: 3}"),
        ("gateway: {hostname: x1.xn--p1ai, class_name: a, namespace: b}", "tenants: {red: {}}"),
    ],
)  # fmt: skip
def test_what_is_right_stays_so(tmp_path: Path, sections: tuple[str, ...]) -> None:
    read(tmp_path, *sections)


def test_a_quantity_is_a_number() -> None:
    known = {
        "500m": 0.5,
        "2": 2,
        "1.5": 1.5,
        "3k": 3e3,
        "1Ki": 1024,
        "2Mi": 2 * 2**20,
        "1M": 1e6,
        "1Gi": 2**30,
        "4Ti": 2**42,
    }
    assert {text: amount(text) for text in known} == known
