"""`ModelImage`: a model's image as a Pulumi resource.

The provider is pickled by reference, so the names of this module and its class are part of every stack's state: they
stay. It has no attributes: all that it needs is in the resource's inputs. What it does lies in the modules beside it,
which are imported when they are needed, because a preview must be quick.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NotRequired, TypedDict

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

if TYPE_CHECKING:
    from model_build import docking
    from model_build.bake import docker_archive, extract, launcher, parts
    from model_build.bake.cache import cache_dir

__all__ = [
    "ModelImage",
    "ModelImageArgs",
    "ModelImageProvider",
    "cache_dir",
    "docker_archive",
    "docking",
    "extract",
    "launcher",
    "parts",
]

OUTPUTS = (
    "identity",
    "digest",
    "reference",
    "layout_image",
    "report_html",
    "report_json",
    "metrics",
    "chosen",
    "model",
    "sbom",
    "signature",
    "files",
    "index",
)


def __getattr__(name: str) -> object:
    """What components may use of the bake, loaded when it is used."""
    if name == "cache_dir":
        from model_build.bake import cache

        return cache.cache_dir
    if name == "docking":
        from model_build import docking

        return docking
    if name not in ("docker_archive", "extract", "launcher", "parts"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from model_build import bake

    return getattr(bake, name)


class ModelImageArgs(TypedDict):
    recipe: pulumi.Input[str]
    """The recipe as canonical JSON: `Recipe.canonical()`."""
    destination: NotRequired[pulumi.Input[str | None]]
    """Where to push the image: `host[:port]/repository[:tag]`. Default: it stays in this machine's OCI layout.

    It may be the output of a registry that the same program makes. No credentials go with it: they are asked for when
    the registry wants them, of Docker's configuration and, for Amazon ECR and Google's Artifact Registry, of the
    cloud's own credentials in the environment.
    """
    keep: NotRequired[pulumi.Input[bool]]
    """Whether the image outlives the resource. Default: True; `modelport gc` clears what no stack refers to."""
    signed_by: NotRequired[pulumi.Input[str | None]]
    """The public key, on the curve P-256 as PEM, that the image is signed by. Default: it is not signed.

    Whoever builds has the private key in the environment, as MODELPORT_SIGNING_KEY or in the file that
    MODELPORT_SIGNING_KEY_FILE names: it goes into no state.
    """
    modelcar: NotRequired[pulumi.Input[bool | None]]
    """Whether the model's files are kept as an image of their own, too: the output `files`. Default: False."""
    builder: NotRequired[pulumi.Input[str | None]]
    """`docker`: nothing is pushed of the image, as a Docker daemon makes what is deployed of it and pushes that to
    `destination` (`components.docker.DockerImage`). Default: `oci`, what was baked is pushed itself."""
    promoted: NotRequired[pulumi.Input[str | None]]
    """An image that another stack has served, in the place of one that is built: what `modelport promote` writes
    (`promoting.Promoted`). Default: what the state has; an empty text undoes that, and the recipe is built."""


class ModelImageProvider(ResourceProvider):
    """Builds the image. Equal content is never built again; another destination alone only pushes."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # nothing secret in a reference to a class

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Resolve the recipe to `identity` and its `parts`; whatever can be known early fails here, in one line."""
        from model_build import plan, promoting

        inputs = {key: value for key, value in news.items() if key != "__provider"}
        if isinstance(inputs.get("recipe"), Unknown):
            return CheckResult(inputs, [])
        # Of a registry that is yet to be made the address is unknown; the model is not.
        unknown = {key: value for key, value in inputs.items() if isinstance(value, Unknown)}
        inputs = promoting.carried(_olds, inputs | dict.fromkeys(unknown))
        if promoting.PROMOTED in inputs:
            inputs, failures = promoting.check(_olds, inputs)
        else:
            inputs, failures = plan.check(_olds, inputs, Path.cwd())
        inputs |= unknown
        failures = [*failures, *plan.not_by_docker(inputs)]
        if not failures and "recipe" not in _olds:
            _say(plan.announcement(inputs))
        return CheckResult(inputs, [CheckFailure(key, reason) for key, reason in failures])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Changed: what the image is of, where it is pushed, whether it is kept; or an image that is no longer here."""
        from model_build import plan, promoting

        if isinstance(_news.get("recipe"), Unknown):
            return DiffResult(changes=True, replaces=[])
        if isinstance(_news.get("destination"), Unknown):
            reason = plan.change(_olds, _news | {"destination": _olds.get("destination")}) or plan.elsewhere(_news)
        else:
            reason = plan.change(_olds, _news)
        if said := reason or promoting.unheeded(_olds, _news):
            _say(plan.line(_news, said))
        return DiffResult(changes=bool(reason), replaces=[])

    def create(self, props: dict[str, Any]) -> CreateResult:
        outs = _build(props)
        return CreateResult(f"{outs['model']}-{outs['identity'][:12]}", outs)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(_build(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Gone when the image is neither where it was pushed nor, for one that was not pushed, in the layout. What
        Docker pushes is not looked for here.

        One that was promoted is not forgotten with its image, as another would be built then: it is brought again.
        """
        from model_build import plan, promoting

        outs = {key: value for key, value in props.items() if key != "__provider"}
        if outs.get(promoting.PROMOTED) and not plan.exists(outs):
            return ReadResult(id_, outs | {"digest": ""})
        return ReadResult(id_, outs) if plan.by_docker(outs) or plan.exists(outs) else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Take the image away, from the registry too, if it was not to be kept."""
        from model_build import plan

        plan.remove(_props)


class ModelImage(Resource, module="modelport", name="ModelImage"):
    """A verified model in an image, known by digest.

    A model that misses its gate fails this resource, and whatever needs its outputs stays as it was.
    """

    identity: pulumi.Output[str]
    """Hex over all that decides what is in the image."""
    digest: pulumi.Output[str]
    """`sha256:...` of the image's manifest."""
    reference: pulumi.Output[str]
    """What to deploy: `host/repository@sha256:...` when it was pushed, else as `layout_image`."""
    layout_image: pulumi.Output[str]
    """`oci:PATH@sha256:...` on the machine that built it."""
    report_html: pulumi.Output[str]
    report_json: pulumi.Output[str]
    """Files of the build's report."""
    metrics: pulumi.Output[dict[str, float]]
    """Numbers of the chosen candidate: the metric by name, baseline, drop, p50_ms, p99_ms, bytes."""
    chosen: pulumi.Output[str]
    """Name of the chosen candidate."""
    model: pulumi.Output[str]
    """The model's name, as the server in the image has it."""
    sbom: pulumi.Output[str]
    """Digest of what is attached to the image with its bill of materials, CycloneDX as JSON."""
    signature: pulumi.Output[str]
    """Digest of what is attached to the image with its signature; empty where `signed_by` is not given."""

    files: pulumi.Output[str]
    """The model's files as an image of their own, as `reference`: for volumes that are images and for KServe's
    modelcars. Empty where `modelcar` is not given."""
    index: pulumi.Output[str]
    """The index of the images for all platforms of the recipe, as `reference`: of it every machine takes the image that
    is for it. Empty where the recipe has but one platform."""

    def __init__(self, name: str, args: ModelImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs: dict[str, Any] = {
            "recipe": args["recipe"],
            "destination": args.get("destination"),
            "keep": args.get("keep", True),
            "promoted": args.get("promoted"),
            "signed_by": args.get("signed_by"),
            "modelcar": args.get("modelcar"),
            "builder": args.get("builder"),
        }
        super().__init__(ModelImageProvider(), name, {**dict.fromkeys(OUTPUTS), **inputs}, opts)


def _build(props: dict[str, Any]) -> dict[str, Any]:
    from model_build import child, plan, promoting

    if props.get(promoting.PROMOTED):
        built = _taken(props)
    else:
        recipe, key = str(props["recipe"]), plan.signed_by(props)
        destination = None if plan.by_docker(props) else plan.destination(props)
        built = child.build(recipe, destination, Path.cwd(), key, bool(props.get("modelcar")))
    outs = {key: value for key, value in props.items() if key not in ("__provider", plan.UNREACHED)}
    return outs | {key: built[key] for key in OUTPUTS}


def _taken(props: dict[str, Any]) -> dict[str, Any]:
    from model_build import promoting
    from model_build.child import BuildFailed
    from model_build.errors import ModelBuildError, line

    try:
        return promoting.take(props)
    except ModelBuildError as error:
        raise BuildFailed(line(error)) from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
