"""Where a model's images are kept: a repository of Amazon ECR that nobody can change an image in."""

import json
from collections.abc import Sequence
from typing import Any, NotRequired, Optional, TypedDict

import pulumi
from pulumi_aws.ecr.lifecycle_policy import LifecyclePolicy
from pulumi_aws.ecr.repository import Repository
from pulumi_aws.ecr.repository_policy import RepositoryPolicy
from pulumi_aws.kms.key import Key

from components import checks
from components.aws import checks as aws
from components.aws import policies
from components.aws.tags import Tags

_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = rf"(?=.{{2,256}}$){_PART}(/{_PART})*"
"""Names of repositories, as ECR's CreateRepository takes them (botocore's model of 2026-11-22)."""
KEPT, UNTAGGED_DAYS = 100, 7


class EcrRegistryArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    repository: str
    """Name of the repository, as `models/digits`."""
    key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key that encrypts the images. Default: one made for them, which rotates."""
    images_kept: NotRequired[int]
    """How many images with a tag stay, counted from the newest; what is in use has to be among them. Default: 100."""
    untagged_days: NotRequired[int]
    """Days after which an image without a tag goes; `ModelImage` pushes none. Default: 7."""
    pull_account_ids: NotRequired[Sequence[str]]
    """Other accounts whose users may pull. Default: none, and in this account who is allowed to by IAM."""
    pulled_by_functions: NotRequired[bool]
    """Whether functions of AWS Lambda in this account may pull, as a LambdaService wants. Default: no."""
    delete_images: NotRequired[bool]
    """Whether `destroy` deletes the repository with every image in it. Default: no, it leaves repository, images and
    key where they are; a later stack takes them over with `adopt` and `key_arn`."""
    adopt: NotRequired[bool]
    """Whether the repository is there already and is taken over, with `key_arn` as it was made with. Default: no."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class EcrRegistry(pulumi.ComponentResource):
    """A private repository whose tags never move, whose images are scanned when they come and encrypted by your key.

    `url` is all that a `ModelImage` needs as its destination: a push asks AWS for its login itself, so nothing here
    holds a password, and nothing changes when one does. Outputs: `url`, `arn`, `repository`, `key_arn`.
    """

    url: pulumi.Output[str]
    """Where images are pushed, `ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY`; unknown until the first `up`."""
    arn: pulumi.Output[str]
    """ARN of the repository, for who may push and pull."""
    repository: pulumi.Output[str]
    """Name of the repository."""
    key_arn: pulumi.Output[str]
    """ARN of the KMS key that encrypts the images."""

    def __init__(self, name: str, args: EcrRegistryArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("EcrRegistry", args, EcrRegistryArgs)
        aws.named("EcrRegistry", name, 63)
        aws.account("EcrRegistry.account_id", args["account_id"])
        aws.region("EcrRegistry.region", args["region"])
        checks.fits(
            "EcrRegistry.repository",
            args["repository"],
            REPOSITORY,
            "2 to 256 of a-z and 0-9, with . _ - or / between them",
            "models/digits",
        )
        kept = checks.whole("EcrRegistry.images_kept", args.get("images_kept", KEPT), 1, 10_000)
        days = checks.whole("EcrRegistry.untagged_days", args.get("untagged_days", UNTAGGED_DAYS), 1, 365)
        pullers = _pullers(args)
        key = given_key(args)
        leave = not args.get("delete_images", False)
        tags = Tags("EcrRegistry.tags", name, args.get("tags"))
        super().__init__("modelport:index:EcrRegistry", name, {}, opts)
        # Images without their key are lost, and without rules there is no end of them.
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=leave or None)
        if key is None:
            policy = policies.key(args["region"], args["account_id"], _ecr(args["region"], args["account_id"]))
            key = Key(
                name,
                description=f"Images of {args['repository']}",
                enable_key_rotation=True,
                policy=policy,
                tags=tags.of(name),
                opts=child,
            ).arn
        taken = pulumi.ResourceOptions(import_=args["repository"] if args.get("adopt") else None)
        made = Repository(
            name,
            name=args["repository"],
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            encryption_configurations=[{"encryption_type": "KMS", "kms_key": key}],
            force_delete=not leave,
            tags=tags.of(name),
            opts=pulumi.ResourceOptions.merge(child, taken),
        )
        LifecyclePolicy(name, repository=made.name, policy=json.dumps(_lifecycle(kept, days)), opts=child)
        allowed = [_pull(args["region"], pullers)] if pullers else []
        if args.get("pulled_by_functions"):
            allowed.append(_functions(args["region"], args["account_id"]))
        self.url = made.repository_url
        if allowed:
            let = RepositoryPolicy(name, repository=made.name, policy=policies.document(*allowed), opts=child)
            # Who is told of it may pull from it.
            self.url = pulumi.Output.all(made.repository_url, let.id).apply(lambda known: str(known[0]))
        self.arn = made.arn
        self.repository = made.name
        self.key_arn = pulumi.Output.from_input(key)
        self.register_outputs(
            {"url": self.url, "arn": self.arn, "repository": self.repository, "key_arn": self.key_arn}
        )


def _pullers(args: EcrRegistryArgs) -> list[str]:
    what, found = "EcrRegistry.pull_account_ids", list(args.get("pull_account_ids") or [])
    for each in found:
        aws.account(what, each)
        if each == args["account_id"]:
            raise checks.wrong(what, found, "other accounts, as in this one IAM decides", f"leave out {each}")
    if len(set(found)) != len(found):
        raise checks.wrong(what, found, "each account once", f"write {sorted(set(found))}")
    return found


def given_key(args: EcrRegistryArgs) -> pulumi.Input[str] | None:
    """The key that is named, where one is. Raises ArgsError for one that cannot be, or a missing one."""
    given = args.get("key_arn")
    if given is None:
        if args.get("adopt"):
            raise checks.wrong(
                "EcrRegistry.adopt",
                True,
                "`key_arn` with it, as a repository keeps the key that it was made with",
                f"ask `aws ecr describe-repositories --repository-names {args['repository']}` for it",
            )
        return None

    def here(known: str) -> None:
        example = "key/1234abcd-12ab-34cd-56ef-1234567890ab"
        aws.arn("EcrRegistry.key_arn", known, "kms", r"key/[a-zA-Z0-9-]+", example)
        aws.here("EcrRegistry.key_arn", known, args["region"])

    return checks.asked(given, here)


def _ecr(region: str, account: str) -> dict[str, Any]:
    """What ECR needs of a key: it hands itself a grant when a repository is made, by the rights of who makes it."""
    return {
        "Sid": "Registry",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{aws.partition(region)}:iam::{account}:root"},
        "Action": ["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"],
        # In a key's policy this is the key.
        "Resource": "*",
        "Condition": {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": f"ecr.{region}.amazonaws.com"}},
    }


def _lifecycle(kept: int, days: int) -> dict[str, Any]:
    untagged = {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days}
    tagged = {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": kept}
    rules = {f"what has no tag goes after {days} days": untagged, f"the newest {kept} with a tag stay": tagged}
    return {
        "rules": [
            {"rulePriority": place, "description": text, "selection": selection, "action": {"type": "expire"}}
            for place, (text, selection) in enumerate(rules.items(), 1)
        ]
    }


def _pull(region: str, accounts: Sequence[str]) -> policies.Statement:
    return {
        "Sid": "Pull",
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:{aws.partition(region)}:iam::{each}:root" for each in accounts]},
        "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    }


def _functions(region: str, account: str) -> policies.Statement:
    """Lambda pulls on its own behalf, for functions of this account alone."""
    functions = f"arn:{aws.partition(region)}:lambda:{region}:{account}:function:*"
    return {
        "Sid": "Functions",
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "Condition": {"ArnLike": {"aws:SourceArn": functions}},
    }
