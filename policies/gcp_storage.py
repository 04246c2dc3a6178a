"""Rules of what Google Cloud keeps for a stack: keys, images, buckets, messages, tables."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.gcp_gke import CIS
from policies.gcp_grants import anybody
from policies.given import yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule
from policies.settings import days

_KEY: Final = ("gcp:kms/cryptoKey:CryptoKey",)
_REPOSITORY: Final = ("gcp:artifactregistry/repository:Repository",)
_BUCKET: Final = ("gcp:storage/bucket:Bucket",)
_ACCESS: Final = "gcp:bigquery/datasetAccess:DatasetAccess"
_DAY: Final = 86400


def _days(duration: Any) -> float:
    """Of `7776000s`; text that is no duration is none, which Google itself refuses."""
    try:
        return float(str(duration).removesuffix("s")) / _DAY
    except ValueError:
        return 0.0


def _rotation(each: Look) -> Iterator[str]:
    if each.at("purpose", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        return
    period = each.at("rotationPeriod")
    if period is None:
        yield f"rotationPeriod is not said, which is never, expected {each.config['days']} days or less"
    elif _days(period) > each.config["days"]:
        yield f"rotationPeriod is {_days(period):g} days, expected {each.config['days']} at most"


def _with_rotation(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["rotationPeriod"], f"{each.config['days'] * _DAY}s") if [*_rotation(each)] else None


def _recoverable(each: Look) -> Iterator[str]:
    if each.options is not None and each.options.protect:
        return
    days = _days(each.at("destroyScheduledDuration", f"{30 * _DAY}s"))
    if days < each.config["days"]:
        yield f"destroyScheduledDuration is {days:g} days, expected {each.config['days']} at least, or protect"


def _image_key(each: Look) -> Iterator[str]:
    if not each.told("kmsKeyName"):
        yield "kmsKeyName is not there, expected a key of your own"


def _holds_images(each: Look) -> bool:
    mode = str(each.at("mode", "STANDARD_REPOSITORY"))
    return mode == "STANDARD_REPOSITORY" and str(each.at("format")) == "DOCKER"


def _tags(each: Look) -> Iterator[str]:
    if _holds_images(each) and not yes(each.at("dockerConfig.immutableTags")):
        yield "dockerConfig.immutableTags is off, as where it is not said, expected true"


def _scan(each: Look) -> Iterator[str]:
    if each.at("vulnerabilityScanningConfig.enablementConfig") == "DISABLED":
        yield "vulnerabilityScanningConfig.enablementConfig is DISABLED, expected INHERITED"


def _with_scan(each: Look) -> Mapping[str, Any] | None:
    found = [*_scan(each)]
    return put(each.props, ["vulnerabilityScanningConfig", "enablementConfig"], "INHERITED") if found else None


def _uniform(each: Look) -> Iterator[str]:
    if not yes(each.at("uniformBucketLevelAccess")):
        yield "uniformBucketLevelAccess is off, as where it is not said, expected true"


def _prevention(each: Look) -> Iterator[str]:
    if (told := each.at("publicAccessPrevention", "inherited")) != "enforced":
        yield f"publicAccessPrevention is {told}, expected enforced"


def _with_prevention(each: Look) -> Mapping[str, Any] | None:
    return put(each.props, ["publicAccessPrevention"], "enforced") if [*_prevention(each)] else None


def _versions(each: Look) -> Iterator[str]:
    if each.told("retentionPolicy"):
        return
    if not yes(each.at("versioning.enabled")):
        yield "versioning.enabled is off, as where it is not said, expected true"


def _soft(each: Look) -> Iterator[str]:
    if each.at("softDeletePolicy.retentionDurationSeconds") == 0:
        yield "softDeletePolicy.retentionDurationSeconds is 0, expected it left out, which is a week"


def _table_key(each: Look) -> Iterator[str]:
    if not each.told("defaultEncryptionConfiguration.kmsKeyName"):
        yield "defaultEncryptionConfiguration.kmsKeyName is not there, expected a key of your own"


def _open_table(each: Look) -> Iterator[str]:
    for one in (each,) if each.type == _ACCESS else each.each("accesses"):
        if any(anybody(one.at(path)) for path in ("specialGroup", "iamMember")):
            yield f"{one.path or 'it'} lets everybody in, expected people, groups or accounts by name"


RULES: Final = (
    Rule(
        name="gcp-kms-rotated",
        title="A key of Cloud KMS rotates by itself",
        why="A key that leaked once opens what is encrypted with it ever after",
        fix="write rotationPeriod: 7776000s",
        severity=Severity.MEDIUM,
        ids=("CKV_GCP_43",),
        links=("https://cloud.google.com/kms/docs/key-rotation",),
        types=_KEY,
        look=_rotation,
        remedy=_with_rotation,
        config=days(90, "Days between two rotations at most."),
    ),
    Rule(
        name="gcp-kms-recoverable",
        title="A key of Cloud KMS can be brought back for a while",
        why="With the key goes everything that it encrypted, and nobody may notice in a day",
        fix="leave destroyScheduledDuration out, which is 30 days, or protect the key",
        severity=Severity.MEDIUM,
        level=EnforcementLevel.ADVISORY,
        links=("https://cloud.google.com/kms/docs/destroy-restore",),
        types=_KEY,
        look=_recoverable,
        config=days(14, "Days for which a destroyed key can be brought back at least."),
    ),
    Rule(
        name="gar-own-key",
        title="Images in Artifact Registry are encrypted with a key of one's own",
        why="Who may decrypt a model, and until when, is in nobody's hands",
        fix="name a key as kmsKeyName for a new repository; one that is there would be replaced",
        severity=Severity.LOW,
        ids=("CKV_GCP_84",),
        links=("https://cloud.google.com/artifact-registry/docs/cmek",),
        types=_REPOSITORY,
        look=_image_key,
    ),
    Rule(
        name="gar-tags-immutable",
        title="A tag in Artifact Registry stays with its image",
        why="Whoever may push puts another image under the name that was tested",
        fix="write dockerConfig.immutableTags: true",
        severity=Severity.MEDIUM,
        # Cloud Build moves the tags of a function's own repository, and what we deploy is named by digest.
        level=EnforcementLevel.ADVISORY,
        links=("https://cloud.google.com/artifact-registry/docs/docker/names",),
        types=_REPOSITORY,
        look=_tags,
    ),
    Rule(
        name="gar-scanned",
        title="Images in Artifact Registry are scanned as they are pushed",
        why="A hole that everybody knows goes into production unseen",
        fix="leave vulnerabilityScanningConfig out, and turn the API containerscanning on",
        severity=Severity.MEDIUM,
        ids=("CKV2_GCP_11", f"{CIS} 5.1.1"),
        links=("https://cloud.google.com/artifact-analysis/docs/enable-automatic-scanning",),
        types=_REPOSITORY,
        look=_scan,
        remedy=_with_scan,
    ),
    Rule(
        name="gcs-uniform-access",
        title="Who may read a bucket is said by IAM alone",
        why="Lists on single objects let in whom no policy names",
        fix="write uniformBucketLevelAccess: true; what lists let in is lost",
        severity=Severity.MEDIUM,
        ids=("CKV_GCP_29",),
        links=("https://cloud.google.com/storage/docs/uniform-bucket-level-access",),
        types=_BUCKET,
        look=_uniform,
    ),
    Rule(
        name="gcs-public-access-prevented",
        title="Nothing makes a bucket of Cloud Storage public",
        why="One grant that is written by mistake shows every object to anybody",
        fix="write publicAccessPrevention: enforced",
        severity=Severity.HIGH,
        ids=("CKV_GCP_114",),
        links=("https://cloud.google.com/storage/docs/public-access-prevention",),
        types=_BUCKET,
        look=_prevention,
        remedy=_with_prevention,
    ),
    Rule(
        name="gcs-versioned",
        title="A bucket of Cloud Storage keeps what was there before",
        why="What is overwritten or deleted by mistake is gone",
        fix="write versioning.enabled: true, with a lifecycle for old versions",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_GCP_78",),
        links=("https://cloud.google.com/storage/docs/object-versioning",),
        types=_BUCKET,
        look=_versions,
    ),
    Rule(
        name="gcs-soft-delete",
        title="What is deleted of a bucket can be brought back for a while",
        why="A mistake, or somebody with a stolen token, empties it for good",
        fix="leave softDeletePolicy out, which is a week",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=("https://cloud.google.com/storage/docs/soft-delete",),
        types=_BUCKET,
        look=_soft,
    ),
    Rule(
        name="pubsub-own-key",
        title="Messages of a topic are encrypted with a key of one's own",
        why="Alerts tell what is broken and where, and who may read them is in nobody's hands",
        fix="name a key as kmsKeyName",
        severity=Severity.LOW,
        ids=("CKV_GCP_83",),
        links=("https://cloud.google.com/pubsub/docs/encryption",),
        types=("gcp:pubsub/topic:Topic",),
        look=_image_key,
    ),
    Rule(
        name="bigquery-own-key",
        title="Tables are encrypted with a key of one's own",
        why="Requests that are kept are what callers know of themselves",
        fix="name a key as defaultEncryptionConfiguration.kmsKeyName",
        severity=Severity.MEDIUM,
        ids=("CKV_GCP_81",),
        links=("https://cloud.google.com/bigquery/docs/customer-managed-encryption",),
        types=("gcp:bigquery/dataset:Dataset",),
        look=_table_key,
    ),
    Rule(
        name="bigquery-not-public",
        title="Tables are not open to everybody",
        why="Anybody with an account of Google reads requests that are kept",
        fix="name people, groups or accounts",
        severity=Severity.CRITICAL,
        ids=("CKV_GCP_15",),
        links=("https://cloud.google.com/bigquery/docs/control-access-to-resources-iam",),
        types=("gcp:bigquery/dataset:Dataset", _ACCESS),
        look=_open_table,
    ),
)
