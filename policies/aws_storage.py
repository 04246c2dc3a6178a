"""Rules of what AWS keeps for a stack beside S3: keys, images, logs, secrets, messages."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.aws_eks import CIS
from policies.given import no, number, yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule
from policies.settings import days

_REPOSITORY: Final = ("aws:ecr/repository:Repository",)
_LOG_GROUP: Final = ("aws:cloudwatch/logGroup:LogGroup",)
_UNIT_DAYS: Final = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1}


def _rotates(each: Look) -> bool:
    spec = str(each.at("customerMasterKeySpec", "SYMMETRIC_DEFAULT"))
    return spec == "SYMMETRIC_DEFAULT" and str(each.at("keyUsage", "ENCRYPT_DECRYPT")) == "ENCRYPT_DECRYPT"


def _rotation(each: Look) -> Iterator[str]:
    if _rotates(each) and not yes(each.at("enableKeyRotation")):
        yield "enableKeyRotation is off, as where it is not said, expected true"


def _with_rotation(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["enableKeyRotation"], True) if [*_rotation(each)] else None


def _window(each: Look) -> Iterator[str]:
    if (days := number(each.at("deletionWindowInDays"), 30)) < each.config["days"]:
        yield f"deletionWindowInDays is {days:g}, expected {each.config['days']} at least"


def _scan(each: Look) -> Iterator[str]:
    if not yes(each.at("imageScanningConfiguration.scanOnPush")):
        yield "imageScanningConfiguration.scanOnPush is off, as where it is not said, expected true"


def _with_scan(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["imageScanningConfiguration", "scanOnPush"], True) if [*_scan(each)] else None


def _tags(each: Look) -> Iterator[str]:
    if not (told := str(each.at("imageTagMutability", "MUTABLE"))).startswith("IMMUTABLE"):
        yield f"imageTagMutability is {told}, expected IMMUTABLE"


def _image_key(each: Look) -> Iterator[str]:
    kinds = [str(one.at("encryptionType", "AES256")) for one in each.each("encryptionConfigurations")] or ["AES256"]
    if not all(kind in ("KMS", "KMS_DSSE") for kind in kinds):
        yield f"encryptionConfigurations says {', '.join(kinds)}, expected KMS"


def _retention(each: Look) -> Iterator[str]:
    days = number(each.at("retentionInDays"), 0)
    if not days:
        yield f"retentionInDays is not said, which is for good, expected {each.config['days']} or more"
    elif days < each.config["days"]:
        yield f"retentionInDays is {days:g}, expected {each.config['days']} at least"


def _log_key(each: Look) -> Iterator[str]:
    if not each.told("kmsKeyId"):
        yield "kmsKeyId is not there, expected a key of your own"


def _topic_key(each: Look) -> Iterator[str]:
    if not each.told("kmsMasterKeyId"):
        yield "kmsMasterKeyId is not there, expected a key of your own"


def _queue_key(each: Look) -> Iterator[str]:
    if no(each.at("sqsManagedSseEnabled")) and not each.told("kmsMasterKeyId"):
        yield "sqsManagedSseEnabled is false and there is no kmsMasterKeyId, expected one of both"


def _with_queue_key(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["sqsManagedSseEnabled"], True) if [*_queue_key(each)] else None


def _rotated(each: Look) -> Iterator[str]:
    days = each.at("rotationRules.automaticallyAfterDays")
    if days is None:
        days = _days(str(each.at("rotationRules.scheduleExpression", "")))
    if days is not None and number(days, 0) > each.config["days"]:
        yield f"rotationRules lets {number(days, 0):g} days pass, expected {each.config['days']} at most"


def _days(schedule: str) -> float | None:
    """Between two turns of `rate(30 days)`; a cron expression is not looked into."""
    number, _, unit = schedule.removeprefix("rate(").removesuffix(")").partition(" ")
    known = _UNIT_DAYS.get(unit.rstrip("s")) if schedule.startswith("rate(") else None
    return None if known is None or not number.isdigit() else int(number) * known


RULES: Final = (
    Rule(
        name="kms-rotated",
        title="A key of KMS rotates by itself",
        why="A key that leaked once opens what is encrypted with it ever after",
        fix="write enableKeyRotation: true",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_7",),
        links=("https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html",),
        types=("aws:kms/key:Key",),
        look=_rotation,
        remedy=_with_rotation,
    ),
    Rule(
        name="kms-deletion-window",
        title="A key of KMS can be brought back for a while",
        why="With the key goes everything that it encrypted, and nobody may notice in a week",
        fix="leave deletionWindowInDays out, which is 30",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        links=("https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html",),
        types=("aws:kms/key:Key",),
        look=_window,
        config=days(14, "Days for which a deleted key can be brought back, 7 to 30."),
    ),
    Rule(
        name="ecr-scanned",
        title="Images in ECR are scanned as they are pushed",
        why="A hole that everybody knows goes into production unseen",
        fix="write scanOnPush: true",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_163", f"{CIS} 5.1.1"),
        links=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html",),
        types=_REPOSITORY,
        look=_scan,
        remedy=_with_scan,
    ),
    Rule(
        name="ecr-tags-immutable",
        title="A tag in ECR stays with its image",
        why="Whoever may push puts another image under the name that was tested",
        fix="write IMMUTABLE",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_51",),
        links=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",),
        types=_REPOSITORY,
        look=_tags,
    ),
    Rule(
        name="ecr-own-key",
        title="Images in ECR are encrypted by KMS",
        why="Who may decrypt a model, and until when, is in nobody's hands",
        fix="write encryptionType KMS for a new repository; one that is there would be replaced",
        severity=Severity.LOW,
        ids=("CKV_AWS_136",),
        links=("https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html",),
        types=_REPOSITORY,
        look=_image_key,
    ),
    Rule(
        name="logs-kept",
        title="Logs are kept for as long as somebody may ask for them",
        why="What happened is found out months later, or logs are paid for that nobody will read",
        fix="say for how many days",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_66", "CKV_AWS_338"),
        links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Working-with-log-groups-and-streams.html",),
        types=_LOG_GROUP,
        look=_retention,
        config=days(365, "Days for which logs are kept at least."),
    ),
    Rule(
        name="logs-own-key",
        title="Logs are encrypted with a key of one's own",
        why="Logs hold what callers sent, and who may read them is not told apart from who may list them",
        fix="name a key whose policy lets CloudWatch Logs use it",
        severity=Severity.LOW,
        ids=("CKV_AWS_158",),
        links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",),
        types=_LOG_GROUP,
        look=_log_key,
    ),
    Rule(
        name="secrets-own-key",
        title="Secrets are encrypted with a key of one's own",
        why="With the account's key, one permission alone opens a secret, and no other account can be let in",
        fix="name a key as kmsKeyId",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_149",),
        links=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html",),
        types=("aws:secretsmanager/secret:Secret",),
        look=_log_key,
    ),
    Rule(
        name="secrets-rotated",
        title="A secret that rotates does so often enough",
        why="A secret that leaked is good until then",
        fix="write fewer days",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_304",),
        links=("https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html",),
        types=("aws:secretsmanager/secretRotation:SecretRotation",),
        look=_rotated,
        config=days(90, "Days between two rotations at most."),
    ),
    Rule(
        name="sns-encrypted",
        title="Messages of an SNS topic are encrypted at rest",
        why="Alarms tell what is broken and where",
        fix="name a key as kmsMasterKeyId, whose policy lets CloudWatch use it",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_26",),
        links=("https://docs.aws.amazon.com/sns/latest/dg/sns-server-side-encryption.html",),
        types=("aws:sns/topic:Topic",),
        look=_topic_key,
    ),
    Rule(
        name="sqs-encrypted",
        title="Messages of an SQS queue are encrypted at rest",
        why="What waits in a queue lies open to who reads the disks",
        fix="leave sqsManagedSseEnabled on, or name a key",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_27",),
        links=(
            "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html",
        ),
        types=("aws:sqs/queue:Queue",),
        look=_queue_key,
        remedy=_with_queue_key,
    ),
)
