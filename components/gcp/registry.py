"""Where a model's images are kept: a repository of Artifact Registry that nobody can move a tag in."""

from typing import Any, NotRequired, Optional, TypedDict

import pulumi
from pulumi_gcp.artifactregistry.repository import Repository
from pulumi_gcp.artifactregistry.repository_iam_member import RepositoryIamMember
from pulumi_gcp.projects.service_identity import ServiceIdentity

from components import checks
from components.gcp import checks as gcp
from components.gcp import keys, members
from components.gcp.labels import Labels

REPOSITORY = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""Ids of repositories (Artifact Registry, "Create standard repositories", 2026-11-22)."""
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
IMAGE = rf"(?=.{{1,128}}$){_PART}(/{_PART})*"
"""Names of images, as the OCI Distribution Specification has them; at most 128 leaves room for what stands before."""
PULL = "roles/artifactregistry.reader"
KEPT, UNTAGGED_DAYS = 100, 7
_SERVICE, _AGENT = "artifactregistry.googleapis.com", "gcp-sa-artifactregistry"
_EACH = 2
"""Versions that a push of a ModelImage makes: the image, and the report that refers to it."""


class ArtifactRegistryArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    project_number: str
    """Number of the project, digits as text: Artifact Registry's own account, which encrypts, is named by it."""
    region: str
    """Region, as `europe-west4`."""
    repository: str
    """Id of the repository, as `models`: one of a project and region."""
    image: str
    """Name of the image in it, as `digits` or `shop/digits`."""
    key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS that encrypts the images, `projects/.../cryptoKeys/...` in this region; the
    account `service-NUMBER@gcp-sa-artifactregistry.iam.gserviceaccount.com` has to be allowed to encrypt and decrypt
    with it. Default: one made for them, which rotates and which that account may use."""
    images_kept: NotRequired[int]
    """How many images stay at least, counted from the newest, of each name; what is in use has to be among them.
    Default: 100. What has a tag stays in any case: nobody can delete what a tag is at that does not move."""
    untagged_days: NotRequired[int]
    """Days after which an image without a tag goes that is not among the newest; `ModelImage` pushes without one, by
    digest, where its destination names none. Default: 7."""
    pullers: NotRequired[dict[str, pulumi.Input[str]]]
    """Who may pull from this repository: IAM members by a short name of each, as
    `{"nodes": "serviceAccount:nodes@shop-prod.iam.gserviceaccount.com"}`. Default: nobody beyond who may in the whole
    project."""
    delete_images: NotRequired[bool]
    """Whether `destroy` deletes the repository with every image in it. Default: no, it leaves repository, images and
    key where they are; a later stack takes them over with `adopt` and `key_name`."""
    adopt: NotRequired[bool]
    """Whether the repository is there already and is taken over, with `key_name` as it was made with. Default: no."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class ArtifactRegistry(pulumi.ComponentResource):
    """A Docker repository whose tags never move, whose images are scanned when they come and encrypted by your key.

    Images are scanned where the project has the API `containerscanning.googleapis.com` enabled, which costs by image.
    `url` is all that a `ModelImage` needs as its destination: a push asks Google for its login itself, so nothing here
    holds a password, and nothing changes when one does. Outputs: `url`, `repository`, `id`, `key_name`.
    """

    url: pulumi.Output[str]
    """Where images are pushed, `REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE`."""
    repository: pulumi.Output[str]
    """Id of the repository."""
    id: pulumi.Output[str]
    """Whole name of the repository, `projects/PROJECT/locations/REGION/repositories/REPOSITORY`."""
    key_name: pulumi.Output[str]
    """Whole name of the key that encrypts the images."""

    def __init__(self, name: str, args: ArtifactRegistryArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("ArtifactRegistry", args, ArtifactRegistryArgs)
        gcp.named("ArtifactRegistry", name, gcp.LONGEST - gcp.SUFFIX)
        gcp.project("ArtifactRegistry.project", args["project"])
        gcp.number("ArtifactRegistry.project_number", args["project_number"])
        gcp.region("ArtifactRegistry.region", args["region"])
        checks.fits(
            "ArtifactRegistry.repository",
            args["repository"],
            REPOSITORY,
            "a letter and at most 62 more of a-z, 0-9 and -, the last of them no -",
            "models",
        )
        checks.fits(
            "ArtifactRegistry.image",
            args["image"],
            IMAGE,
            "1 to 128 of a-z and 0-9, with . _ - or / between them, and no tag",
            "digits",
        )
        kept = checks.whole("ArtifactRegistry.images_kept", args.get("images_kept", KEPT), 1, 10_000)
        days = checks.whole("ArtifactRegistry.untagged_days", args.get("untagged_days", UNTAGGED_DAYS), 1, 365)
        pullers = _pullers(args)
        key = given_key(args)
        leave = not args.get("delete_images", False)
        labels = Labels("ArtifactRegistry.labels", name, args.get("labels"))
        super().__init__("modelport:index:ArtifactRegistry", name, {}, opts)
        project, region = args["project"], args["region"]
        # Images without their key are lost.
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=leave or None)
        if key is None:
            # The account that encrypts is there from the first repository on, unless it is asked for before.
            agent = ServiceIdentity(name, project=project, service=_SERVICE, opts=child)
            key = keys.made(
                name,
                project=project,
                location=region,
                agents={"registry": gcp.agent(args["project_number"], _AGENT)},
                labels=labels,
                opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[agent])),
            )
        whole = f"projects/{project}/locations/{region}/repositories/{args['repository']}"
        taken = pulumi.ResourceOptions(import_=whole if args.get("adopt") else None)
        made = Repository(
            name,
            project=project,
            location=region,
            repository_id=args["repository"],
            format="DOCKER",
            mode="STANDARD_REPOSITORY",
            description=f"Images of {args['image']}",
            docker_config={"immutable_tags": True},
            kms_key_name=key,
            cleanup_policies=_cleanup(kept, days),
            cleanup_policy_dry_run=False,
            vulnerability_scanning_config={"enablement_config": "INHERITED"},
            labels=labels.all(),
            opts=pulumi.ResourceOptions.merge(child, taken),
        )
        lets = [
            RepositoryIamMember(
                f"{name}-{who}",
                project=project,
                location=region,
                repository=made.repository_id,
                role=PULL,
                member=member,
                opts=child,
            )
            for who, member in pullers.items()
        ]

        def address(known: list[Any]) -> str:
            return f"{known[0]}-docker.pkg.dev/{project}/{known[1]}/{args['image']}"

        # Who is told of it may push to it and pull from it; a preview knows it already.
        parts: list[Any] = [made.location, made.repository_id, *(let.role for let in lets)]
        self.url = pulumi.Output.all(*parts).apply(address)
        self.repository = made.repository_id
        self.id = made.id
        self.key_name = pulumi.Output.from_input(key)
        self.register_outputs(
            {"url": self.url, "repository": self.repository, "id": self.id, "key_name": self.key_name}
        )


def _pullers(args: ArtifactRegistryArgs) -> dict[str, pulumi.Input[str]]:
    everybody = "name them, as a model's images are not for everybody"
    return members.asked("ArtifactRegistry.pullers", args.get("pullers") or {}, everybody)


def given_key(args: ArtifactRegistryArgs) -> pulumi.Input[str] | None:
    """The key that is named, where one is. Raises ArgsError for one that cannot be, or a missing one."""
    if args.get("key_name") is None and args.get("adopt"):
        asked = f"gcloud artifacts repositories describe {args['repository']} --location {args['region']}"
        raise checks.wrong(
            "ArtifactRegistry.adopt",
            True,
            "`key_name` with it, as a repository keeps the key that it was made with",
            f"ask `{asked} --project {args['project']}` for its kmsKeyName",
        )
    return keys.given("ArtifactRegistry.key_name", args.get("key_name"), args["region"])


def _cleanup(kept: int, days: int) -> list[Any]:
    """What goes and what stays; a rule that keeps goes before one that deletes."""
    return [
        {"id": "keep-newest", "action": "KEEP", "most_recent_versions": {"keep_count": kept * _EACH}},
        {
            "id": "delete-untagged",
            "action": "DELETE",
            "condition": {"tag_state": "UNTAGGED", "older_than": f"{days * 24 * 60 * 60}s"},
        },
    ]
