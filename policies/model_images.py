"""What answers is what was built, and what was built did not lose more than it may."""

import fnmatch
from collections.abc import Iterator
from typing import Final, cast

from pulumi_policy import Severity

from policies.beside import beside, of
from policies.kubernetes_pods import PODS
from policies.looking import Look, NotKnown
from policies.model_stack import IMAGE, PRODUCTION, PUSHED, environment, in_production, model_container, model_pods
from policies.rules import Rule, StackRule, Whole

_RELEASES: Final = ("pulumi-python:dynamic/modelport:Release", "pulumi-python:dynamic/modelport:ReleaseRecord")
_SERVING: Final = (
    *PODS,
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:lambda/function:Function",
    "aws:sagemaker/model:Model",
    "gcp:cloudrunv2/service:Service",
    "pulumi-python:dynamic/modelport:ReleaseRecord",
)
_BUILDS: Final = "https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests"


def _digest(reference: str) -> str:
    return reference.rpartition("@")[2]


def _told(reference: str) -> str:
    """An image without its registry, which a stack may keep secret."""
    return reference.rpartition("/")[2]


def _known(whole: Whole) -> set[str]:
    return {*_built(whole)} - {""}


def _built(whole: Whole) -> Iterator[str]:
    """Digests of what this stack built or promoted: a build that misses its gate has no outputs."""
    for each in whole.all(IMAGE):
        if each.at("digest") is None:
            raise NotKnown("digest")  # a resource that is yet to be made need not have the key at all
        yield str(each.at("digest"))
        yield _digest(str(each.at("reference", "")))
        yield _digest(str(each.at("index", "") or ""))
    yield from _pushed(whole)
    for each in whole.all(*_RELEASES):
        for promotion in each.each("history"):
            yield str(promotion.at("digest", ""))


def _pushed(whole: Whole) -> Iterator[str]:
    """Digests of what Docker pushed and was found to be what this stack built."""
    built = {str(each.at("digest")) for each in whole.all(IMAGE)}
    for each in whole.all(PUSHED):
        if each.at("digest") is None:
            raise NotKnown("digest")
        if _digest(str(each.at("image", ""))) in built:
            yield str(each.at("digest"))


def _judged(whole: Whole, each: Look) -> Iterator[str]:
    images = list(_running(each))
    if not images:
        return
    elsewhere = cast("list[str]", whole.config["built_elsewhere"])
    rest = [image for image in images if not any(fnmatch.fnmatchcase(image, pattern) for pattern in elsewhere)]
    if not rest:
        return
    if not whole.all(IMAGE, *_RELEASES):
        yield f"it runs {_told(rest[0])}, and nothing in this stack builds a model, expected a ModelImage's reference"
        return
    known = whole.once(_known)
    for image in rest:
        if _digest(image) not in known:
            yield f"it runs {_told(image)}, which no ModelImage of this stack made, expected its reference"


def _running(each: Look) -> Iterator[str]:
    """The images by which a resource answers for a model."""
    if each.type.startswith("kubernetes:"):
        for pod in model_pods(each):
            yield from _of_pod(pod)
    elif each.type.endswith(":TaskDefinition"):
        listed = Look(each.type, each.name, each.urn, each.parsed("containerDefinitions"))
        found = model_container(list(listed.each("")))
        if found is not None:
            yield str(found.at("image", "none"))
    elif each.type.endswith("function:Function"):
        if each.at("packageType", "Zip") == "Image":
            yield str(each.at("imageUri", "none"))
    elif each.type == "aws:sagemaker/model:Model":
        for where in ("primaryContainer", "containers"):
            for one in each.each(where):
                yield str(one.at("image", "none"))
    elif each.type.endswith(":ReleaseRecord"):
        yield str(each.at("reference", "none"))
    else:
        found = model_container(list(each.each("template.containers")))
        if found is not None:
            yield str(found.at("image", "none"))


def _of_pod(pod: Look) -> Iterator[str]:
    """A volume that holds the model's files, where a runtime of somebody else's reads them; else the container."""
    files = [str(volume.at("image.reference")) for volume in pod.each("spec.volumes") if volume.told("image")]
    if files:
        yield from files
        return
    listed = list(pod.each("spec.containers"))
    found = model_container(listed)
    # Where none is called the model's, any of them may be what answers.
    for each in listed if found is None else (found,):
        yield str(each.at("image", "none"))


def _drop(each: Look) -> Iterator[str]:
    recipe = Look(each.type, each.name, each.urn, each.parsed("recipe"))
    said = recipe.at("evaluate.max_drop")
    key = "max_drop_production" if in_production(each) else "max_drop"
    most = cast("float", each.config[key])
    if not isinstance(said, int | float):
        yield f"evaluate.max_drop is not said, so any loss ships, expected at most {most:g} in {environment(each)}"
    elif not said <= most:
        yield f"evaluate.max_drop is {said:g}, expected at most {most:g} in {environment(each)}"


RULES: Final = (
    StackRule(
        name="model-image-built",
        title="What answers for a model is the digest of a build in this stack whose report passed",
        why="Anything else has been measured by nobody, and there is no report to look at when it answers wrongly",
        fix="run the output reference of a ModelImage, or name in built_elsewhere what another stack built",
        severity=Severity.HIGH,
        links=(_BUILDS,),
        config={
            "built_elsewhere": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "default": [],
                "description": "References of images that other stacks built; * stands for anything.",
            }
        },
        **beside(of(*dict.fromkeys(_SERVING)), _judged),
    ),
    Rule(
        name="model-drop-bounded",
        title="A model may lose no more than its environment allows, against the model as it was trained",
        why="A smaller candidate would take the model's place at any price",
        fix="write evaluate: {max_drop: ...} in the recipe",
        severity=Severity.HIGH,
        links=("https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html",),
        types=(IMAGE,),
        look=_drop,
        config={
            **PRODUCTION,
            "max_drop_production": {
                "type": "number",
                "minimum": 0,
                "default": 0.01,
                "description": "The largest max_drop in production, in the metric's own unit.",
            },
            "max_drop": {
                "type": "number",
                "minimum": 0,
                "default": 0.05,
                "description": "The largest max_drop elsewhere.",
            },
        },
    ),
)
