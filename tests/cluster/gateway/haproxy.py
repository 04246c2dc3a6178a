"""HAProxy's configuration, and nginx's, out of a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.cluster.gateway.table import Backend, Certificate, Change, Rule, Table


class Inside(NamedTuple):
    """Ports on the pod's own loopback: nginx, what it passes on, what it copies."""

    mirror: int = 9100
    behind: int = 9101
    aside: int = 9102


INSIDE = Inside()
LEAST_SLOTS = 8
WEIGHTS = "weights.map"
_NOWHERE = "192.0.2.1:9"  # of a network that is for documentation alone

Slots = Mapping[str, Mapping[str, str]]
"""For each backend: server name -> the endpoint that it stands for, "" while it stands for none."""


def nginx(inside: Inside = INSIDE) -> str:
    """What HAProxy 2.6 cannot do itself: send a request to a second place too. It never changes."""
    return f"""\
daemon off;
worker_processes 1;
error_log stderr warn;
pid /tmp/nginx-{inside.mirror}.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  client_max_body_size 0;
  client_body_buffer_size 1m;
  keepalive_requests 1000000;
  proxy_http_version 1.1;
  proxy_set_header Host $http_host;
  proxy_set_header Connection "";
  server {{
    listen 127.0.0.1:{inside.mirror};
    location / {{
      mirror /.mirror;
      proxy_pass http://127.0.0.1:{inside.behind};
    }}
    location = /.mirror {{
      internal;
      proxy_pass http://127.0.0.1:{inside.aside}$request_uri;
    }}
  }}
}}
"""


def render(table: Table, slots: Slots, folder: Path, revision: int, inside: Inside = INSIDE) -> str:
    """The whole configuration, certificates left where `certificate_files` has them."""
    lines = [
        "global",
        f"  description revision-{revision}",
        "  log stdout format raw local0 warning",
        "  maxconn 2000",
        "  nbthread 1",
        "  hard-stop-after 60s",
        "  tune.ssl.default-dh-param 2048",
        "  ssl-default-bind-options ssl-min-ver TLSv1.2",
        "defaults",
        "  mode http",
        "  log global",
        "  option idle-close-on-response",  # after a reload a kept connection ends with an answer, not before a request
        "  option redispatch 1",
        "  retries 3",
        "  retry-on conn-failure empty-response",
        "  timeout connect 2s",
        "  timeout client 75s",
        "  timeout server 60s",
        "  timeout http-request 30s",
        "  timeout http-keep-alive 75s",
    ]
    secure = {each.port for each in table.certificates}
    for port in sorted(table.ports | secure):
        lines += _frontend(_rules(table, port, tls=port in secure), port, folder, tls=port in secure)
    lines += _inside(table, slots, inside)
    return "\n".join(lines) + "\n"


def certificate_files(certificates: list[Certificate]) -> dict[str, str]:
    """Files by name: each certificate with its key, and for each port the list of who is shown which."""
    files: dict[str, str] = {}
    for port in {each.port for each in certificates}:
        own = sorted((each for each in certificates if each.port == port), key=lambda each: (each.host, each.name))
        files |= {f"{each.name}.pem": each.pem for each in own}
        files[f"port-{port}.list"] = "".join(f"@FOLDER@/{each.name}.pem {each.host}".rstrip() + "\n" for each in own)
    return files


def weights(table: Table) -> dict[str, int]:
    """For each backend of each rule the lot, of a million, below which a request is its own.

    They are no part of the configuration but of a map beside it, which changes without a reload.
    """
    found: dict[str, int] = {}
    secure = {each.port for each in table.certificates}
    for port in table.ports | secure:
        for name, rule in _rules(table, port, tls=port in secure):
            total, below = sum(weight for _, weight in rule.backends), 0
            for at, (_, weight) in enumerate(rule.backends):
                below += weight
                found[f"{port}-{name}-{at}"] = 1_000_000 * below // total if total else 0
    return found


def _rules(table: Table, port: int, *, tls: bool) -> list[tuple[str, Rule]]:
    """The port's rules, each with a name, the most particular first."""
    own = [each for each in table.rules if each.port == port and each.tls == tls]
    return [(f"r{number}", rule) for number, rule in enumerate(sorted(own, key=lambda each: each.rank()))]


def _frontend(rules: list[tuple[str, Rule]], port: int, folder: Path, *, tls: bool) -> list[str]:
    bind = f" ssl crt-list {folder}/certificates/port-{port}.list alpn h2,http/1.1" if tls else ""
    lines = [
        f"frontend port-{port}",
        f"  bind :{port}{bind}",
        "  option forwardfor",
        f"  http-request set-header X-Forwarded-Proto {'https' if tls else 'http'}",
        "  http-request set-var(txn.host) req.hdr(host),field(1,:),lower",
        "  http-request set-var(txn.lot) rand(1000000)",
        "  http-request set-var(txn.mirrored) rand(1000000)",
    ]
    for name, rule in rules:
        lines.append(
            f"  http-request set-var(txn.rule) str({name}) if !{{ var(txn.rule) -m found }}{_conditions(rule)}"
        )
    lines.append("  http-request return status 404 if !{ var(txn.rule) -m found }")
    for name, rule in rules:
        lines += _actions(rule, f"{{ var(txn.rule) -m str {name} }}", f"{port}-{name}", folder / WEIGHTS)
    lines += [
        "  http-request return status 500 if !{ var(txn.backend) -m found }",
        "  http-request set-header x-gateway-backend %[var(txn.backend)] if { var(txn.mirror) -m found }",
        "  http-request set-header x-gateway-mirror %[var(txn.mirror)] if { var(txn.mirror) -m found }",
        "  use_backend mirror if { var(txn.mirror) -m found }",
        "  use_backend %[var(txn.backend)]",
    ]
    return lines


def _conditions(rule: Rule) -> str:
    found: list[str] = []
    if rule.host.startswith("*"):
        found.append(f"var(txn.host) -m end -- {_quoted(rule.host[1:].lower())}")
    elif rule.host:
        found.append(f"var(txn.host) -m str -- {_quoted(rule.host.lower())}")
    match = rule.match
    if match.path_kind == "Exact":
        found.append(f"path -m str -- {_quoted(match.path)}")
    elif match.path_kind == "RegularExpression":
        found.append(f"path -m reg -- {_quoted(f'^(?:{match.path})$')}")
    elif whole := match.path.rstrip("/"):
        # /a is before /a and /a/b, and not before /ab.
        found.append(f"path -m reg -- {_quoted('^' + _literal(whole) + '(?:/|$)')}")
    if match.method:
        found.append(f"method {match.method}")
    for part, kind, name, value in [
        *(("req.fhdr", *each) for each in match.headers),
        *(("url_param", *each) for each in match.queries),
    ]:
        how = "str" if kind == "Exact" else "reg"
        found.append(f"{part}({name}) -m {how} -- {_quoted(value)}")
    return "".join(f" {{ {each} }}" for each in found)


def _actions(rule: Rule, given: str, name: str, weights: Path) -> list[str]:
    lines: list[str] = []
    if rule.redirect:
        to = rule.redirect
        scheme = to.scheme or ("https" if rule.tls else "http")
        port = f":{to.port}" if to.port else ""
        host = to.host or "%[var(txn.host)]"
        lines.append(
            f"  http-request redirect code {to.code} location {scheme}://{host}{port}{to.path or '%[pathq]'} if {given}"
        )
    lines += [f"  http-request {_change(each)} if {given}" for each in rule.request]
    lines += [f"  http-response {_change(each)} if {given}" for each in rule.response]
    if rule.timeout_ms:
        lines.append(f"  http-request set-timeout server {rule.timeout_ms}ms if {given}")
    for at, (backend, _) in enumerate(rule.backends):
        lot = f"{{ str({name}-{at}),map_str_int({weights},0),sub(txn.lot) -m int gt 0 }}"
        chosen = f"http-request set-var(txn.backend) str({backend.name}) if {given}"
        lines.append(f"  {chosen} !{{ var(txn.backend) -m found }} {lot}")
    if rule.mirror:
        lot = f"{{ var(txn.mirrored) -m int lt {rule.mirror.share} }}"
        lines.append(f"  http-request set-var(txn.mirror) str({rule.mirror.backend.name}) if {given} {lot}")
    return lines


def _change(change: Change) -> str:
    if change.what == "del":
        return f"del-header {change.name}"
    return f"{change.what}-header {change.name} {_quoted(change.value.replace('%', '%%'))}"


def _inside(table: Table, slots: Slots, inside: Inside) -> list[str]:
    lines: list[str] = []
    for name, port, header in (
        ("behind", inside.behind, "x-gateway-backend"),
        ("aside", inside.aside, "x-gateway-mirror"),
    ):
        lines += [
            f"frontend {name}",
            f"  bind 127.0.0.1:{port}",
            f"  http-request set-var(txn.backend) req.hdr({header})",
            "  http-request del-header x-gateway-backend",
            "  http-request del-header x-gateway-mirror",
            "  use_backend %[var(txn.backend)]",
        ]
    lines += ["backend mirror", f"  server nginx 127.0.0.1:{inside.mirror}"]
    for backend in table.backends():
        lines += _backend(backend, slots.get(backend.name, {}))
    return lines


def _backend(backend: Backend, slots: Mapping[str, str]) -> list[str]:
    lines = [f"backend {backend.name}", "  balance roundrobin"]
    if not backend.port:
        return [*lines, "  http-request return status 500"]
    for server, endpoint in slots.items():
        lines.append(f"  server {server} {endpoint or f'{_NOWHERE} disabled'}")
    return lines


def _quoted(text: str) -> str:
    """A text as one word of a configuration, whatever is in it."""
    return "'" + text.replace("'", "'\\''").replace("\n", " ") + "'"


def _literal(text: str) -> str:
    return "".join(f"\\{each}" if not (each.isalnum() or each in "/_-") else each for each in text)
