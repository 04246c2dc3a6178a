"""Rules of Amazon S3: a bucket, and what stands beside it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies import aws_documents as documents
from policies.given import yes
from policies.looking import Look
from policies.remedying import put
from policies.rules import Rule, StackRule, Whole

_BUCKETS: Final = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
_BLOCK: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
_ENCRYPTION: Final = "aws:s3/bucketServerSideEncryptionConfiguration*:BucketServerSideEncryptionConfiguration*"
_FLAGS: Final = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
_OPEN: Final = ("public-read", "public-read-write", "authenticated-read", "website")
_GUIDE: Final = "https://docs.aws.amazon.com/AmazonS3/latest/userguide"


def _beside(whole: Whole, bucket: Look, *types: str) -> Iterator[Look]:
    """What of some types is about a bucket: made from it, or naming it."""
    for each in whole.all(*types):
        if whole.refers(each, "bucket", bucket) or (
            bucket.told("bucket") and each.told("bucket") and each.at("bucket") == bucket.at("bucket")
        ):
            yield each


def _blocks(each: Look) -> Iterator[str]:
    if off := [flag for flag in _FLAGS if not yes(each.at(flag))]:
        yield f"{', '.join(off)} is off, as where it is not said, expected true"


def _blocked(each: Look) -> Mapping[str, Any] | None:
    props = each.props
    for flag in (off := [flag for flag in _FLAGS if not yes(each.at(flag))]):
        props = put(props, [flag], True)
    return props if off else None


def _no_block(whole: Whole) -> Iterator[tuple[Look, str]]:
    for bucket in whole.all(*_BUCKETS):
        if not any(_beside(whole, bucket, _BLOCK)):
            yield bucket, "no BucketPublicAccessBlock is beside it, expected one"


def _acl(each: Look) -> Iterator[str]:
    if (acl := each.at("acl")) in _OPEN:
        yield f"acl is {acl}, expected none"


def _owner(each: Look) -> Iterator[str]:
    if (owner := each.at("rule.objectOwnership")) != "BucketOwnerEnforced":
        yield f"rule.objectOwnership is {owner}, expected BucketOwnerEnforced"


def _algorithm(whole: Whole) -> Iterator[tuple[Look, str]]:
    balancers = whole.all("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
    # What load balancers write their access logs to takes S3's own key alone.
    logs = [
        each.urn for each in whole.all(*_BUCKETS) if any(whole.refers(one, "accessLogs", each) for one in balancers)
    ]
    for each in whole.all(_ENCRYPTION):
        if whole.references.get(each.urn, {}).get("bucket", frozenset()).intersection(logs):
            continue
        for rule in each.each("rules"):
            default = rule.at("applyServerSideEncryptionByDefault.sseAlgorithm", "AES256")
            if default not in ("aws:kms", "aws:kms:dsse"):
                yield each, f"{rule.path} encrypts by {default}, expected aws:kms with a key of your own"


def _versions(whole: Whole) -> Iterator[tuple[Look, str]]:
    types = ("aws:s3/bucketVersioning:BucketVersioning", "aws:s3/bucketVersioningV2:BucketVersioningV2")
    for bucket in whole.all(*_BUCKETS):
        found = [each.at("versioningConfiguration.status") for each in _beside(whole, bucket, *types)]
        if "Enabled" not in found and not yes(bucket.at("versioning.enabled")):
            yield bucket, "no BucketVersioning beside it is Enabled, expected one"


def _tls(whole: Whole) -> Iterator[tuple[Look, str]]:
    for bucket in whole.all(*_BUCKETS):
        policies = [*_beside(whole, bucket, "aws:s3/bucketPolicy:BucketPolicy")]
        if not any(_denies_plain(each) for each in policies) and not _denies_plain(bucket):
            yield (
                bucket,
                "no policy beside it denies what comes without TLS, expected a Deny of aws:SecureTransport false",
            )


def _denies_plain(each: Look) -> bool:
    return any(
        documents.anybody(statement)
        and any(action in ("*", "s3:*") for action in documents.actions(statement))
        and any(
            operator.startswith("bool") and key == "aws:securetransport" and values[:1] in (["false"], ["False"])
            for operator, key, values in documents.conditions(statement)
        )
        for statement in documents.statements(each, "policy", allow=False)
    )


RULES: Final = (
    Rule(
        name="s3-public-access-blocked",
        title="Nothing makes an S3 bucket public",
        why="One list or policy that is written by mistake shows every object to anybody",
        fix="turn all four on",
        severity=Severity.HIGH,
        ids=("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"),
        links=(f"{_GUIDE}/access-control-block-public-access.html",),
        types=(_BLOCK, "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"),
        look=_blocks,
        remedy=_blocked,
    ),
    StackRule(
        name="s3-public-access-block",
        title="An S3 bucket has a public access block",
        why="Without one, only the account's own settings stand between its objects and everybody",
        fix="make a BucketPublicAccessBlock of the bucket",
        severity=Severity.MEDIUM,
        ids=("CKV2_AWS_6",),
        links=(f"{_GUIDE}/access-control-block-public-access.html",),
        look=_no_block,
    ),
    Rule(
        name="s3-no-public-acl",
        title="No list of access shows an S3 bucket to everybody",
        why="Such a list lets the internet read, or write, each object",
        fix="leave acl out, and say in a policy who may",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_20", "CKV_AWS_57"),
        links=(f"{_GUIDE}/acl-overview.html",),
        types=(*_BUCKETS, "aws:s3/bucketAcl*:BucketAcl*", "aws:s3/bucketObject*:BucketObject*"),
        look=_acl,
    ),
    Rule(
        name="s3-owner-enforced",
        title="Objects of an S3 bucket are its owner's",
        why="Whoever writes an object else decides by lists who reads it",
        fix="write BucketOwnerEnforced, which is what a new bucket has",
        severity=Severity.MEDIUM,
        ids=("CKV2_AWS_65",),
        links=(f"{_GUIDE}/about-object-ownership.html",),
        types=("aws:s3/bucketOwnershipControls:BucketOwnershipControls",),
        look=_owner,
    ),
    StackRule(
        name="s3-own-key",
        title="An S3 bucket encrypts with a key of one's own",
        why="With S3's key, everybody who may read the bucket may decrypt it, and nobody is told of it",
        fix="write aws:kms and a key",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_145",),
        links=(f"{_GUIDE}/UsingKMSEncryption.html",),
        look=_algorithm,
    ),
    StackRule(
        name="s3-versioned",
        title="An S3 bucket keeps what was there before",
        why="What is overwritten or deleted by mistake is gone",
        fix="make a BucketVersioning that is Enabled, with a lifecycle for old versions",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_21",),
        links=(f"{_GUIDE}/Versioning.html",),
        look=_versions,
    ),
    StackRule(
        name="s3-tls-alone",
        title="An S3 bucket is asked by TLS alone",
        why="Who listens on the way reads objects, and signatures that are good for some minutes",
        fix="deny s3:* to everybody where aws:SecureTransport is false",
        severity=Severity.MEDIUM,
        ids=("AWS Config s3-bucket-ssl-requests-only",),
        links=(f"{_GUIDE}/security-best-practices.html",),
        look=_tls,
    ),
)
