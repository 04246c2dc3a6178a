"""What somebody should look at before a change is made: what goes, what stands still, what cannot be had back."""

import re
from collections.abc import Iterator
from typing import Any, Final

from automation.report import texts
from automation.report.model import Level, Risk
from automation.report.plan import Plan, Planned
from engine.display.facts import is_unknown
from engine.values import is_dict, is_list

_KEPT: Final = (
    (r"(rds|docdb|neptune)/(cluster|instance|clusterInstance|globalCluster):|sql/database(Instance)?:", "a database"),
    (r"dynamodb/(table|globalTable):|(bigtable|firestore|spanner|redshift|alloydb|memorydb|redis)/", "a database"),
    (r"elasticache/(cluster|replicationGroup|serverlessCache):|cosmosdb:", "a database"),
    (r"bigquery/(dataset|table):", "data in BigQuery"),
    (r"s3/(bucket|bucketV2|directoryBucket):|storage/(bucket|account|container):|s3-native:index:Bucket", "a bucket"),
    (r"efs/fileSystem:|fsx/\w*FileSystem:|filestore/instance:|ebs/volume:|compute/(disk|regionDisk):", "a disk"),
    (r"core/v1:PersistentVolume(Claim)?$", "a disk"),
    (
        r"kms/(key|cryptoKey|keyRing|replicaKey|externalKey):",
        "a key: what is encrypted with it cannot be read without it",
    ),
    (r"(ecr|artifactregistry)/repository:|containerregistry/registry:", "a registry with the images in it"),
    (r"(secretsmanager|secretmanager)/secret(Version)?:|ssm/parameter:|core/v1:Secret$|modelport:ApiKey$", "a secret"),
    (r"cloudwatch/logGroup:|logging/\w*[bB]ucketConfig:", "logs"),
    (r"kinesis/stream:|sqs/queue:|pubsub/(topic|subscription):|msk/cluster:", "messages that wait"),
    (r"apps/v1:StatefulSet$", "a StatefulSet"),
    (r"core/v1:Namespace$", "a namespace with all that is in it"),
    (r"apiextensions.*:CustomResourceDefinition$", "a kind of Kubernetes with all objects of it"),
    (r"pulumi-python:dynamic/modelport:ReleaseRecord$", "the history of releases, which a rollback needs"),
)
"""What holds something that a new one does not have, by what the type has in it."""
_STOPS: Final = (
    (r"eks/cluster:|container/cluster:|ecs/cluster:", "the cluster, and everything that runs in it"),
    (r"eks/(nodeGroup|fargateProfile):|container/nodePool:|autoscaling/group:", "nodes, and what runs on them"),
    (r"compute/(regionI|i)nstanceGroupManager:|ec2/instance:|compute/instance:", "machines, and what runs on them"),
    (r"ecs/service:|cloudrunv2/service:|lambda/(function|alias):|cloudfunctionsv2/function:", "what answers callers"),
    (r"sagemaker/endpoint:|vertex/aiEndpoint:|modelport:(LocalServer|ModelServer)$", "what answers callers"),
    (r"apps/v1:(Deployment|DaemonSet|ReplicaSet)$|autoscaling/.*HorizontalPodAutoscaler$", "pods"),
    (r"aws:a?lb/(loadBalancer|listener|targetGroup):|core/v1:Service$", "the way in"),
    (r"compute/((globalF|f)orwardingRule|backendService|regionBackendService|uRLMap|target\w*Proxy):", "the way in"),
    (r"apigateway\w*/(restApi|api|stage):", "the way in"),
    (r"networking.*:Ingress$|gateway\.networking.*:(Gateway|HTTPRoute)$", "the way in"),
    (r"ec2/(vpc|subnet|natGateway|internetGateway|routeTable):", "the network"),
    (r"compute/(network|subnetwork|router|routerNat):", "the network"),
)
"""What callers miss while it is not there."""
_NAMES: Final = (
    (r"ec2/eip:|compute/(globalA|a)ddress:", "an address: whoever has it in a list of allowed ones needs the new one"),
    (r"route53/(zone|record):|dns/(managedZone|recordSet):", "a name: callers may have the old answer for a while"),
    (r"acm/certificate:|certificatemanager/certificate:", "a certificate: the new one has to be validated"),
    (r"compute/managedSslCertificate:", "a certificate: the new one has to be validated"),
    (r"iam/role:|serviceaccount/account:", "an identity: whoever trusts the old one has to trust the new one"),
)
"""What others know by its name."""
_GUARDS: Final = ("deletionProtection", "deletionProtectionEnabled", "enableDeletionProtection", "preventDestroy")
_SIZES: Final = ("desiredCount", "desiredCapacity", "minSize", "maxSize", "replicas", "minReplicas", "maxReplicas",
                 "desiredSize", "nodeCount", "minInstances", "minInstanceCount")  # fmt: skip
_RANK: Final = {"high": 0, "medium": 1, "low": 2}
MOST: Final = 200
"""Risks that a report lists one by one."""


def risks(plan: Plan) -> list[Risk]:
    """Everything to look at, what is worst first."""
    found = [risk for each in plan.each() for risk in _of(each)]
    touched = {each.type.partition(":")[0] for each in plan.each() if each.op in ("update", "replace")}
    for package in sorted(plan.planned_only & touched):
        text = (
            f"there is no provider of {package} on this machine: a change of a resource is shown as an update, and "
            "whether it replaces the resource is not known yet"
        )
        found.append(_risk("high", "not known yet", None, text))
    found.sort(key=lambda each: (_RANK[each.level], each.kind, each.urn))
    if len(found) > MOST:
        more = len(found) - MOST
        rest = _risk(found[MOST].level, found[MOST].kind, None, f"and {more:,} more, in the resources below")
        found = [*found[:MOST], rest]
    return found


def _of(each: Planned) -> Iterator[Risk]:
    if each.op == "replace":
        yield from _replaced(each)
    elif each.op == "delete":
        yield from _deleted(each)
    elif each.op == "update":
        yield from _loosened(each)
    elif each.op == "discard":
        yield _risk("low", "deletion", each, "it is no longer read; what is there stays")


def _replaced(each: Planned) -> Iterator[Risk]:
    if each.component:
        return
    why = ", ".join(sorted({*each.keys} or {path for path in each.detailed if _forces(each, path)}))
    because = f", as {texts.line(why, 120)} cannot be changed in place" if why else ""
    order = "the old one goes before the new one comes" if each.delete_first else "the new one comes first"
    if kept := _word(_KEPT, each.type):
        if _retained(each):
            text = f"{kept} is replaced{because}: the new one is empty, and nobody looks after the old one, which stays"
        else:
            text = f"{kept} is replaced{because}: what is in the old one is gone"
        yield _risk("high", "data loss", each, text)
    if stops := _word(_STOPS, each.type):
        if each.delete_first:
            text = f"{stops}: {order}{because}, and in between there is none"
            yield _risk("high", "downtime", each, text)
        else:
            yield _risk("medium", "downtime", each, f"{stops}: replaced{because}; {order}")
    if named := _word(_NAMES, each.type):
        yield _risk("medium", "replacement", each, f"{named}; replaced{because}")
    if not kept and not stops and not named:
        level: Level = "medium" if each.delete_first else "low"
        yield _risk(level, "replacement", each, f"replaced{because}; {order}")
    if _protected(each) and not _retained(each):
        yield _risk("high", "protection", each, "it is protected in the state: up will refuse to replace it")


def _deleted(each: Planned) -> Iterator[Risk]:
    if each.component:
        return
    if _retained(each):
        yield _risk(
            "low", "deletion", each, "the stack forgets it and leaves it where it is; nobody looks after it then"
        )
        return
    if _protected(each):
        yield _risk("high", "protection", each, "it is protected in the state: up will refuse to delete it")
    if kept := _word(_KEPT, each.type):
        yield _risk("high", "data loss", each, f"{kept} is deleted")
    elif stops := _word(_STOPS, each.type):
        yield _risk("high", "downtime", each, f"deleted: {stops}")
    elif named := _word(_NAMES, each.type):
        yield _risk("medium", "deletion", each, f"deleted: {named}")
    else:
        yield _risk("low", "deletion", each, "it is deleted")


def _loosened(each: Planned) -> Iterator[Risk]:
    """An update that takes a guard away, or leaves none to answer."""
    old, new = each.old or {}, each.new or {}
    for key, what in (("protect", "protected"), ("retainOnDelete", "kept when it is deleted")):
        if old.get(key) and not new.get(key):
            yield _risk("medium", "protection", each, f"it is no longer {what}")
    before, after = dict(_found(each.inputs("old"))), dict(_found(each.inputs("new")))
    for path, value in before.items():
        name = path.rpartition(".")[2]
        now = after.get(path)
        if name in _GUARDS and value is True and now is not True and not is_unknown(now):
            yield _risk("medium", "protection", each, f"{path} goes from true to {texts.line(str(now).lower())}")
        if name == "forceDestroy" and value is not True and now is True:
            yield _risk("medium", "protection", each, "forceDestroy: it may be deleted with what is in it")
        if name in _SIZES and _number(value) > 0 and now is not None and _number(now) == 0:
            yield _risk("high", "downtime", each, f"{path} goes from {value} to 0")
    for path, now in after.items():
        if path not in before and path.rpartition(".")[2] == "forceDestroy" and now is True:
            yield _risk("medium", "protection", each, "forceDestroy: it may be deleted with what is in it")


def _found(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Settings with their paths, as far as they matter here."""
    if depth > texts.DEEPEST:
        return
    if is_dict(value):
        for key, item in value.items():
            yield from _found(item, texts.joined(path, str(key)), depth + 1)
    elif is_list(value):
        for index, item in enumerate(value):
            yield from _found(item, texts.joined(path, index), depth + 1)
    else:
        yield path, value


def _number(value: Any) -> float:
    """A count, which some providers take as text; what is none, or is not known, is no zero."""
    if isinstance(value, bool):
        return -1
    try:
        return float(value)
    except (TypeError, ValueError):
        return -1


def _forces(each: Planned, path: str) -> bool:
    change: Any = each.detailed.get(path)
    return is_dict(change) and str(change.get("diffKind", "")).endswith("-replace")


def _word(table: tuple[tuple[str, str], ...], type_: str) -> str:
    return next((word for pattern, word in table if re.search(pattern, type_)), "")


def _retained(each: Planned) -> bool:
    return bool((each.old or {}).get("retainOnDelete"))


def _protected(each: Planned) -> bool:
    return bool((each.old or {}).get("protect"))


def _risk(level: Level, kind: Any, each: Planned | None, text: str) -> Risk:
    return Risk(
        level=level,
        kind=kind,
        urn=texts.visible(each.urn) if each else "",
        name=texts.visible(each.name) if each else "",
        text=texts.line(text, 500),
    )
