"""A model's image by the user's own Docker daemon."""

from typing import TYPE_CHECKING

from components import lazily

if TYPE_CHECKING:
    from components.docker.image import DockerImage, DockerImageArgs

__all__ = ["DockerImage", "DockerImageArgs"]

__getattr__ = lazily.exported(
    __name__,
    {"image": ("DockerImage", "DockerImageArgs")},
    sdk="pulumi_docker",
    extra="docker",
    what="images that Docker builds",
)
