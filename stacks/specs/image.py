"""`image`: what becomes of the image that is made, and who makes what is pushed of it."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StrictBool, field_validator

from model_build.mistakes import show
from stacks.specs.part import Part

if TYPE_CHECKING:
    from stacks.spec import StackSpec


class ImageSpec(Part):
    """What becomes of the image that is made."""

    push: Annotated[str | None, Field(examples=["registry.example.com/team/digits"])] = None
    """Registry and repository that the image is pushed to, with or without a tag. Default: it stays on this machine.
    User and password come from Docker's own configuration. May be a Pulumi secret."""
    keep: StrictBool = True
    """Whether `destroy` leaves a pushed image where it is."""

    signed_by: Annotated[str | None, Field(examples=["keys/release.pub"])] = None
    """File of the public key, on the curve P-256 as PEM, that the image is signed by; the private key is asked of
    MODELPORT_SIGNING_KEY, or of the file that MODELPORT_SIGNING_KEY_FILE names, where the image is made. Default: it is
    not signed."""
    builder: Literal["oci", "docker"] = "oci"
    """Who makes what is pushed. `oci`: Modelport itself, without a daemon. `docker`: this machine's Docker daemon, by
    pulumi-docker, of the layers and settings of the image that passed its gate; its digest is another."""
    modelcar: StrictBool = False
    """Whether the model's files are pushed as an image of their own, too, which shares its layer with the other: for
    volumes of Kubernetes that are images, for KServe's modelcars, and as a repository of Triton."""

    @field_validator("push")
    @classmethod
    def _destination(cls, value: str | None) -> str | None:
        if value is None:
            return None
        address = value.split("://", 1)[-1]
        if "@" in address.partition("/")[0]:
            # Neither shown nor suggested: what stands before the @ is most likely a password.
            raise ValueError(
                "holds a user or a password, expected registry and repository alone; "
                f"write {address.partition('@')[2]} and let `docker login` keep the password"
            )
        plain = address.split("@", 1)[0].rstrip("/")
        host, _, repository = plain.partition("/")
        if not repository or not host:
            raise ValueError(f"is {show(value)}, expected registry and repository; for example {host or 'host'}/digits")
        if plain != value:
            raise ValueError(f"is {show(value)}, expected registry and repository alone; write {plain}")
        if any(c.isspace() for c in value) or repository != repository.lower():
            fixed = "".join(plain.split())
            fixed = f"{fixed.partition('/')[0]}/{fixed.partition('/')[2].lower()}"
            raise ValueError(f"is {show(value)}, expected lower case without blanks; write {fixed}")
        return value


def unfit(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """Lines for what cannot be where Docker makes what is pushed."""
    image = spec.image
    if image.builder != "docker":
        return []
    told = "image.builder is docker"
    if spec.target == "local":
        return [f"{told} with target local, expected oci, as nothing is pulled there; remove it"]
    if secrets & {"image", "image.push"}:
        return [
            f"{told} and image.push is a secret, expected plain text, as the state of Docker's provider tells the "
            "image's name; write it out, or remove image.builder"
        ]
    lines = {
        "signed_by": "as what is signed is not what Docker pushes; sign that where it is pushed",
        "modelcar": "as the files' own image belongs to one that is not pushed",
    }
    return [
        f"{told} and image.{key} is set, expected one of them, {why}; remove one"
        for key, why in lines.items()
        if getattr(image, key)
    ]
