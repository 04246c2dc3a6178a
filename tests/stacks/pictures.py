"""An architecture picture of a stack, made from its plan: components, what each is made of, and what waits for what.

assert picture("aws-ecs", plan) == Path("docs/aws-ecs.svg").read_text()
"""

import html
import re
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from tests.components.planned import Plan

WIDE, HIGH, LINE, GAP, TITLE = 290, 46, 17, 60, 30
RECORD = "pulumi-python:dynamic/modelport:ReleaseRecord"
"""What is in the state alone, and nowhere else."""
ITSELF = tuple(f"pulumi-python:dynamic/modelport:{each}" for each in ("ModelImage", "ImageCopy"))
"""What is a box of its own, and made of nothing else."""
CALLED = {
    "aws:apigateway/account:Account": "account setting",
    "aws:apigateway/resource:Resource": "path",
    "aws:appautoscaling/policy:Policy": "autoscaling policy",
    "aws:appautoscaling/target:Target": "autoscaling target",
    "aws:autoscaling/group:Group": "auto scaling group",
    "aws:autoscaling/policy:Policy": "autoscaling policy",
    "aws:autoscaling/tag:Tag": "auto scaling group tag",
    "aws:cloudformation/stack:Stack": "CloudFormation stack (the alias)",
    "aws:codedeploy/application:Application": "CodeDeploy application",
    "aws:codedeploy/deploymentGroup:DeploymentGroup": "CodeDeploy group",
    "aws:ec2/eip:Eip": "elastic IP",
    "aws:kms/key:Key": "KMS key",
    "aws:sns/topic:Topic": "SNS topic",
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": "IAM member of the repository",
    "gcp:bigquery/dataset:Dataset": "BigQuery dataset",
    "gcp:certificatemanager/dnsAuthorization:DnsAuthorization": "DNS authorization",
    "gcp:cloudrunv2/service:Service": "Cloud Run service",
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": "IAM member of the service",
    "gcp:compute/sSLPolicy:SSLPolicy": "SSL policy",
    "gcp:compute/targetHttpProxy:TargetHttpProxy": "target HTTP proxy",
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy": "target HTTPS proxy",
    "gcp:compute/uRLMap:URLMap": "URL map",
    "gcp:dns/policy:Policy": "DNS policy",
    "gcp:dns/recordSet:RecordSet": "DNS record",
    "gcp:kms/cryptoKey:CryptoKey": "KMS key",
    "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember": "IAM member of a key",
    "gcp:kms/keyRing:KeyRing": "KMS key ring",
    "gcp:logging/metric:Metric": "log-based metric",
    "gcp:projects/iAMCustomRole:IAMCustomRole": "IAM role",
    "gcp:projects/iAMMember:IAMMember": "IAM member of the project",
    "gcp:projects/service:Service": "enabled API",
    "gcp:serviceaccount/account:Account": "service account",
    "gcp:vertex/aiEndpoint:AiEndpoint": "Vertex AI endpoint",
    "gcp:vertex/aiEndpointIamMember:AiEndpointIamMember": "IAM member of the endpoint",
    "pulumi-python:dynamic/modelport:CloudRunTraffic": "traffic of the service",
    "pulumi-python:dynamic/modelport:VertexDeployment": "model on the endpoint",
}
"""Types whose names alone do not say whose they are."""
TITLES = {"gcp:projects/service:Service": "APIs"}
"""What is in no component, by type, where its name alone says as little."""
STYLE = (
    "text{font-family:system-ui,sans-serif;font-size:12px;fill:#1f2933}"
    ".title{font-size:14px;font-weight:600}.box{fill:#fff;stroke:#486581;stroke-width:1.5}"
    ".way{fill:none;stroke:#829ab1;stroke-width:1.5;marker-end:url(#tip)}"
)


class Box(NamedTuple):
    """A component, or a resource that is in none."""

    title: str
    lines: tuple[str, ...]

    @property
    def high(self) -> int:
        return HIGH + LINE * len(self.lines)


def boxes(plan: Plan) -> tuple[dict[str, Box], dict[str, set[str]]]:
    """The boxes by name, and for each whom it waits for."""
    owners: dict[str, str] = {}
    made: dict[str, Counter[str]] = {}
    for each in plan.resources:
        if each.type.startswith("pulumi:") or each.type == RECORD:
            continue
        types = each.urn.split("::")[2].split("$")
        whole = next((kind for kind in types if kind.startswith("modelport:index:")), types[-1])
        kind = TITLES.get(whole) or whole.rpartition(":")[2]
        owners[each.urn] = kind
        counted = made.setdefault(kind, Counter())
        if not each.type.startswith("modelport:") and each.type not in ITSELF:
            counted[CALLED.get(each.type) or _words(each.type.rpartition(":")[2])] += 1
    waits: dict[str, set[str]] = {kind: set() for kind in made}
    # What is in a cluster waits for whatever its provider does.
    providers = {
        each.urn: each.request.get("dependencies", []) for each in plan.resources if each.type.startswith("pulumi:")
    }
    for each in plan.resources:
        through = providers.get(str(each.request.get("provider", "")).rpartition("::")[0], [])
        needed = {owners[urn] for urn in [*each.request.get("dependencies", []), *through] if urn in owners}
        if each.urn in owners:
            waits[owners[each.urn]] |= needed - {owners[each.urn]}
    found = {
        kind: Box(kind, tuple(name if count == 1 else f"{count} x {name}" for name, count in sorted(of.items())))
        for kind, of in made.items()
    }
    return found, waits


def _words(name: str) -> str:
    """`ListenerRule` as `listener rule`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f" {found[1].lower()}", name[0].lower() + name[1:])


def ranks(waits: Mapping[str, set[str]]) -> list[list[str]]:
    """Rows from what waits for nobody on."""
    found: dict[str, int] = {}

    def rank(kind: str) -> int:
        if kind not in found:
            found[kind] = 0
            found[kind] = max((rank(each) + 1 for each in sorted(waits[kind])), default=0)
        return found[kind]

    rows: list[list[str]] = [[] for _ in range(1 + max(map(rank, waits), default=0))]
    for kind in sorted(waits):
        rows[rank(kind)].append(kind)
    return rows


def picture(title: str, plan: Plan) -> str:
    """As SVG: what waits stands right of what it waits for."""
    found, waits = boxes(plan)
    count = sum(each.custom and each.type != RECORD for each in plan.resources)
    title = f"{title}: {count} resources, and what waits for what"
    places: dict[str, tuple[int, int]] = {}
    tallest = 0
    rows = ranks(waits)
    for across, row in enumerate(rows):
        down = GAP + TITLE // 2
        for kind in row:
            places[kind] = (GAP // 2 + across * (WIDE + GAP), down)
            down += found[kind].high + GAP // 2
        tallest = max(tallest, down)
    wide = len(rows) * (WIDE + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tallest}" viewBox="0 0 {wide} {tallest}" '
        'role="img">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0L8,4L0,8z" fill="#829ab1"/></marker></defs>',
        f'<rect width="100%" height="100%" fill="#f0f4f8"/><text class="title" x="{GAP // 2}" y="{TITLE}">'
        f"{html.escape(title)}</text>",
    ]
    for kind in sorted(waits):
        for other in sorted(waits[kind]):
            # What a nearer one waits for anyway goes without saying.
            if not any(other in _all(each, waits) for each in waits[kind]):
                parts.append(_way(places[other], found[other], places[kind], found[kind]))
    for kind, (x, y) in sorted(places.items()):
        box = found[kind]
        parts.append(f'<rect class="box" x="{x}" y="{y}" width="{WIDE}" height="{box.high}" rx="8"/>')
        parts.append(f'<text class="title" x="{x + 14}" y="{y + 26}">{html.escape(box.title)}</text>')
        for at, line in enumerate(box.lines):
            parts.append(f'<text x="{x + 14}" y="{y + HIGH + LINE * at}">{html.escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _all(kind: str, waits: Mapping[str, set[str]]) -> set[str]:
    return waits[kind] | {far for each in waits[kind] for far in _all(each, waits)}


def _way(start: tuple[int, int], first: Box, end: tuple[int, int], last: Box) -> str:
    x, y = start[0] + WIDE, start[1] + min(first.high, last.high) // 2
    to, down = end[0], end[1] + min(first.high, last.high) // 2
    middle = (x + to) // 2
    return f'<path class="way" d="M{x},{y}C{middle},{y} {middle},{down} {to},{down}"/>'
