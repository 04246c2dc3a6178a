"""The source of a function as a resource: what Google builds it from, known by what is in it.

The archive itself lies in this machine's cache, where whoever uploads it finds it by `sha256`. It is made whenever it
is not there, in a preview too, as Pulumi looks at a file to know whether it has changed; so a machine that has neither
the archive nor the image asks the image's registry for it.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
It has no attributes: what it needs is in the resource's inputs.
"""

from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)
from pulumi.output import Unknown

OUTPUTS = ("sha256", "runtime")


class FunctionSourceProvider(ResourceProvider):
    """Makes the archive. What it does lies in `components.gcp.function_archive`."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """The inputs with what the archive is; whatever keeps it from being made, or from running, in one line."""
        inputs = {key: value for key, value in news.items() if key not in ("__provider", *OUTPUTS)}
        if any(isinstance(value, Unknown) for value in inputs.values()):
            return CheckResult(inputs, [])
        from components.checks import ArgsError
        from components.gcp import function_archive

        try:
            made = function_archive.archived(str(inputs["image"]), str(inputs.get("layout_image") or ""))
        except ArgsError as error:
            return CheckResult(inputs, [CheckFailure("image", str(error))])
        except OSError as error:
            expected = f"expected a cache to write to ({error.strerror}); set MODELPORT_CACHE_DIR to a larger disk"
            return CheckResult(
                inputs, [CheckFailure("image", f"CloudFunction.image: its source was not made, {expected}")]
            )
        except Exception as error:
            if not type(error).__module__.startswith("model_build."):
                raise
            return CheckResult(inputs, [CheckFailure("image", f"CloudFunction.image: {error}")])
        try:
            function_archive.fits(made, int(inputs["memory"]))
        except ArgsError as error:
            return CheckResult(inputs, [CheckFailure("memory", str(error))])
        return CheckResult({**inputs, "sha256": made.sha256, "runtime": made.runtime}, [])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: what is in it. Where its image lies is no difference by itself."""
        return DiffResult(changes=any(_olds.get(key) != _news.get(key) for key in OUTPUTS), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(str(props["sha256"])[:12], _told(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_told(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """As it was: what is in an image by digest does not change."""
        return ReadResult(id_, _told(props))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """The cache is nobody's alone."""


class FunctionSource(Resource, module="modelport", name="FunctionSource"):
    """The archive of an image.

    `image`: by digest. `layout_image`: where it may lie on this machine. `memory`: MiB that the model has to fit into.
    """

    sha256: pulumi.Output[str]
    """Hex of the archive's content."""
    runtime: pulumi.Output[str]
    """Google's runtime with the Python that the image has."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(FunctionSourceProvider(), name, {**dict.fromkeys(OUTPUTS), **props}, opts)


def _told(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key != "__provider"}
