"""A model's image, built and pushed by Docker."""

from pathlib import Path
from typing import Any, NotRequired, Optional, TypedDict

import pulumi
from pulumi_docker import BuilderVersion, DockerBuildArgs, Image

from components import checks
from components.docker import context
from components.docker.loading import DockerLoad
from components.docker.pushed import DockerPush
from components.outputs import unknown


class DockerImageArgs(TypedDict):
    image: pulumi.Input[str]
    """The image that passed its gate: `oci:PATH@sha256:DIGEST`, the output `layout_image` of a ModelImage whose
    `builder` is docker."""
    destination: pulumi.Input[str]
    """Where Docker pushes it: `host[:port]/repository[:tag]`. Without a tag each image has one made of its digest.

    It may be the output of a registry that the same program makes. No credentials go with it: Docker's own are used
    and, for Amazon ECR and Google's Artifact Registry, those of the cloud in the environment, of which a password is
    made in each `up` that is a secret of the state.
    """
    keep: NotRequired[pulumi.Input[bool]]
    """Whether the image outlives the resource. Default: True."""


class DockerImage(pulumi.ComponentResource):
    """A model's image as the user's own Docker daemon builds and pushes it, of the layers of the one that was verified.

    The image is loaded into the daemon, built FROM there with nothing added, and pushed. What the registry then has is
    held to the verified image, by the digests of what is in its layers and by how it is started: what differs is not
    deployed. Its own digest is another, since Docker compresses layers in its own way.
    Outputs: `digest`, `reference` (what to deploy).
    """

    digest: pulumi.Output[str]
    """`sha256:...` of what Docker pushed."""
    reference: pulumi.Output[str]
    """What to deploy: `host/repository@sha256:...`."""

    def __init__(self, name: str, args: DockerImageArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("DockerImage", args, DockerImageArgs)
        super().__init__("modelport:index:DockerImage", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        context.write(Path.cwd())
        loaded = DockerLoad(
            name,
            {
                "image": args["image"],
                "destination": args["destination"],
                # The provider's own setting: it and we have to speak to one daemon.
                "host": pulumi.Config("docker").get("host"),
            },
            child,
        )
        image = Image(
            name,
            image_name=loaded.named,
            build=DockerBuildArgs(
                context=context.FOLDER,
                dockerfile=context.DOCKERFILE,
                args={context.ARGUMENT: loaded.loaded},
                platform="linux/amd64",
                # BuildKit would write the settings in its own way; this one leaves an image that nothing is added to
                # as it is, to the last byte, and needs no plug-in.
                builder_version=BuilderVersion.BUILDER_V1,
            ),
            registry=_registry(args),
            opts=child,
        )
        pushed = DockerPush(
            name, {"image": args["image"], "pushed": image.repo_digest, "keep": args.get("keep", True)}, child
        )
        self.digest, self.reference = pushed.digest, pushed.reference
        self.register_outputs({"digest": self.digest, "reference": self.reference})


def _registry(args: DockerImageArgs) -> pulumi.Input[Any]:
    """Who Docker is to be at the registry; none where its own login is used."""

    def login(destination: str) -> dict[str, Any] | None:
        from model_build.resource import docking

        server = destination.partition("/")[0]
        if not docking.of_cloud(server):
            return None
        if pulumi.runtime.is_dry_run():
            # A preview pushes nothing, so it asks no cloud. That these change is no difference to Docker's provider.
            return {"server": server, "username": unknown(), "password": pulumi.Output.secret(unknown())}
        with docking.told():
            user, password = docking.login(destination) or ("", "")
        return {"server": server, "username": user, "password": pulumi.Output.secret(password)}

    return pulumi.Output.from_input(args["destination"]).apply(login)
