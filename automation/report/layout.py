"""A plan as few boxes: its components, what each is made of, and what waits for what."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

RECORD = "pulumi-python:dynamic/modelport:ReleaseRecord"
"""What is in the state alone, and nowhere else."""
ITSELF = tuple(f"pulumi-python:dynamic/modelport:{each}" for each in ("ModelImage", "ImageCopy"))
"""What is a box of its own, and made of nothing else."""
MOST = 18
"""Boxes of a picture; with more the smallest share one."""
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


@dataclass(frozen=True)
class Node:
    """One resource, as far as a picture needs it."""

    urn: str
    type: str
    op: str
    waits: tuple[str, ...] = ()
    """URNs."""


@dataclass
class Group:
    """A component, or resources that are in none: one box."""

    made: Counter[str] = field(default_factory=Counter[str])
    changes: Counter[str] = field(default_factory=Counter[str])
    waits: set[str] = field(default_factory=set[str])

    def lines(self) -> list[str]:
        return [name if count == 1 else f"{count} x {name}" for name, count in sorted(self.made.items())]


def groups(nodes: Iterable[Node]) -> dict[str, Group]:
    """The boxes by their titles."""
    found: dict[str, Group] = {}
    owners: dict[str, str] = {}
    kept = [each for each in nodes if not each.type.startswith("pulumi:") and each.type != RECORD]
    for each in kept:
        title = owner(each.urn)
        owners[each.urn] = title
        group = found.setdefault(title, Group())
        if not made_of_others(each.type):
            group.changes[each.op] += 1
            if each.type not in ITSELF:
                group.made[called(each.type)] += 1
    for each in kept:
        title = owners[each.urn]
        found[title].waits |= {owners[urn] for urn in each.waits if urn in owners} - {title}
    return found if len(found) <= MOST else _fewer(found)


def _fewer(found: dict[str, Group]) -> dict[str, Group]:
    """The largest boxes, and one for all others."""
    size = {title: sum(group.changes.values()) for title, group in found.items()}
    largest = set(sorted(found, key=lambda title: (-size[title], title))[: MOST - 1])
    rest = f"{len(found) - len(largest):,} others"
    into = {title: title if title in largest else rest for title in found}
    out: dict[str, Group] = {}
    for title, group in found.items():
        whole = out.setdefault(into[title], Group())
        whole.changes += group.changes
        whole.made += group.made if title in largest else Counter({title: sum(group.changes.values())})
        whole.waits |= {into[each] for each in group.waits} - {into[title]}
    return out


def owner(urn: str) -> str:
    """The title of the box that a resource is in: its outermost component of ours, else its own type's name."""
    parts = urn.split("::", 3)
    types = parts[2].split("$") if len(parts) > 2 else [urn]
    whole = next((kind for kind in types if kind.startswith("modelport:index:")), types[-1])
    return TITLES.get(whole) or whole.rpartition(":")[2]


def made_of_others(type_: str) -> bool:
    return type_.startswith("modelport:")


def called(type_: str) -> str:
    """What a resource is called in a picture."""
    return CALLED.get(type_) or words(type_.rpartition(":")[2])


def words(name: str) -> str:
    """`ListenerRule` as `listener rule`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f" {found[1].lower()}", name[:1].lower() + name[1:])


def ranks(waits: Mapping[str, set[str]]) -> list[list[str]]:
    """Rows from what waits for nobody on. What waits for itself by way of others stands where it is met first."""
    found: dict[str, int] = {}

    def rank(kind: str) -> int:
        if kind not in found:
            found[kind] = 0
            found[kind] = max((rank(each) + 1 for each in sorted(waits[kind])), default=0)
        return found[kind]

    rows: list[list[str]] = [[] for _ in range(1 + max(map(rank, sorted(waits)), default=0))]
    for kind in sorted(waits):
        rows[rank(kind)].append(kind)
    return rows


def needed(waits: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Whom each waits for, but for what a nearer one waits for anyway."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        queue = [start]
        while queue:
            for each in waits[queue.pop()] - seen:
                seen.add(each)
                queue.append(each)
        return seen

    beyond = {kind: reached(kind) for kind in waits}
    return [
        (kind, other)
        for kind in sorted(waits)
        for other in sorted(waits[kind])
        # In a circle everything is reached from everything, and each line is told.
        if not any(other in beyond[each] and kind not in beyond[each] for each in waits[kind] - {other})
    ]
