"""What a change of a `ModelImage` comes to, worked out in milliseconds: nothing here imports what builds."""

import contextlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from model_build import child, content, folders, promoting, sources
from model_build.errors import ModelBuildError
from model_build.errors import line as told_of
from model_build.identity import changes, identify
from model_build.sources.remote import UnreachedError

Inputs = dict[str, Any]
UNREACHED = "unreached"
"""Why a source could not be looked at, in the place of `identity` and `parts`: a preview without credentials is one."""
_AT_FAULT = {"DestinationError": "destination", "SigningKeyError": "signed_by"}
"""The input that an error is about, by its class, which is not imported to be looked for."""


def check(olds: Mapping[str, Any], news: Inputs, project: Path) -> tuple[Inputs, list[tuple[str, str]]]:
    """The inputs with `identity` and `parts`, and what is wrong with them: (property, one line)."""
    recipe = news.get("recipe")
    if not isinstance(recipe, str):
        return news, [("recipe", _line(f"recipe is {recipe!r}, expected JSON text; pass Recipe.canonical()"))]
    pins: Any = olds.get("sources")
    told = cast("Mapping[str, Any]", pins) if isinstance(pins, Mapping) else dict[str, Any]()
    finder = sources.Finder(project, fetch=False, told=told, say=_said_of(recipe))
    known: Inputs
    try:
        if recipe != olds.get("recipe"):
            # What was checked before is not checked again: importing the rules takes longer than all the rest.
            from model_build.recipe import Recipe

            recipe = Recipe.parse(recipe).canonical()
        news = places(olds, news)
        # One that is fetched now keeps a thread of the plugin's waiting.
        with child.room_for_others():
            identity = identify(json.loads(recipe), project, finder)
        known = {"identity": identity.digest, "parts": identity.parts}
    except UnreachedError as error:
        known = {UNREACHED: str(error)}
    except ModelBuildError as error:
        return news, [(at_fault(error), told_of(error))]
    except Exception as error:
        if type(error).__module__ != "model_build.bake.errors":
            raise
        return news, [("recipe", _line(str(error)))]
    keep = news.get("keep")
    if finder.pins:
        # So that a machine without our cache need not fetch what is as it was.
        known["sources"] = finder.pins
    rest = {key: value for key, value in news.items() if key not in ("identity", "parts", "sources", UNREACHED)}
    return rest | {"recipe": recipe, "keep": True if keep is None else bool(keep), **known}, []


def places(olds: Mapping[str, Any], news: Inputs) -> Inputs:
    """The inputs, with destination and key held to their forms where they are new. Raises ModelBuildError."""
    where, key = destination(news), signed_by(news)
    if where is not None and where != olds.get("destination"):
        from model_build.push.reference import parse

        parse(where)
    if key is not None and key != olds.get("signed_by"):
        from model_build import signing

        return news | {"signed_by": signing.spoken(*signing.public(key))}
    return news


def at_fault(error: ModelBuildError) -> str:
    """The input that an error is about."""
    return _AT_FAULT.get(type(error).__name__, "recipe")


def change(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    """Why the resource must be updated, in words; empty when it must not."""
    if (promotion := promoting.change(olds, news)) is not None:
        return promotion
    if UNREACHED in news:
        return f"could not look: {news[UNREACHED]}; whether the model changes is known in up"
    if olds.get("identity") != news.get("identity"):
        before, after = str(olds.get("identity", ""))[:4] or "none", str(news["identity"])[:4]
        why = changes(
            cast("Mapping[str, str]", olds.get("parts") or {}),
            cast("Mapping[str, str]", news.get("parts") or {}),
            str(olds.get("recipe", "")),
            str(news["recipe"]),
        )
        said = "; ".join([*why, *versions(olds, news), _expectation(str(news["identity"]))])
        return f"model {before} to {after}, {said}"
    if by_docker(olds) != by_docker(news):
        return f"the image is pushed by {'Docker' if by_docker(news) else 'Modelport itself'}, nothing is built"
    if destination(olds) != destination(news):
        return elsewhere(news, destination(news) or "nowhere")
    if signed_by(olds) != signed_by(news):
        return "the image is signed, nothing is built" if signed_by(news) else "the image is signed by nobody any more"
    if bool(olds.get("modelcar")) != bool(news.get("modelcar")):
        also = "get an image of their own" if news.get("modelcar") else "have no image of their own any more"
        return f"the model's files {also}, nothing is built"
    if bool(olds.get("keep", True)) != bool(news.get("keep", True)):
        return "the image will be kept" if news.get("keep", True) else "the image will go with the resource"
    if not olds.get("digest"):
        return "the last build did not end; it goes on"
    # What Docker has pushed needs nothing of this machine's.
    if _is_local(olds) and not by_docker(olds) and not exists(olds):
        again = "fetched" if news.get(promoting.PROMOTED) else "built"
        return f"the image is no longer on this machine and is {again} again"
    return ""


def versions(olds: Mapping[str, Any], news: Mapping[str, Any]) -> list[str]:
    """Which version each source from elsewhere has now, where it had another: `source is at 0a1b2c...`."""
    before, after = (cast("Mapping[str, Any]", side.get("sources") or {}) for side in (olds, news))
    now = {key: version for key, pin in after.items() if (version := _version(pin))}
    return [f"{key} is at {version}" for key, version in now.items() if version != _version(before.get(key))]


def _version(pin: object) -> str:
    version = cast("Mapping[str, Any]", pin).get("version", "") if isinstance(pin, Mapping) else ""
    return " ".join(str(version).split())[:200]


def elsewhere(news: Mapping[str, Any], place: str = "a registry that is made first") -> str:
    """What becomes of an image that is only pushed to another place."""
    return f"model {str(news.get('identity', ''))[:4]} is pushed to {place}, nothing is built"


def announcement(inputs: Mapping[str, Any]) -> str:
    """The line for a model that is new."""
    if said := promoting.announcement(inputs):
        return line(inputs, said)
    if UNREACHED in inputs:
        return line(inputs, f"could not look: {inputs[UNREACHED]}; up will have to")
    identity = str(inputs["identity"])
    return line(inputs, "; ".join([f"model {identity[:4]} is new", *versions({}, inputs), _expectation(identity)]))


def line(inputs: Mapping[str, Any], text: str) -> str:
    """`text` in the form of a build's progress."""
    return f"modelport: {json.loads(str(inputs['recipe']))['name']}: plan: {text}"


def signed_by(inputs: Mapping[str, Any]) -> str | None:
    value = inputs.get("signed_by")
    return None if value is None else str(value)


def by_docker(inputs: Mapping[str, Any]) -> bool:
    """Whether a Docker daemon pushes what is deployed."""
    return inputs.get("builder") == "docker"


def not_by_docker(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What asks for the very image that was baked, where nobody deploys that: (property, one line)."""
    if not by_docker(inputs):
        return []
    asked = {
        "signed_by": "a signature would be of an image that is not deployed",
        "modelcar": "an image of the files would belong to one that is not pushed",
        "promoted": "what was promoted is another image by its digest",
    }
    return [
        (key, _line(f"{key} is given with builder docker, expected one of both: {why}; leave one out"))
        for key, why in asked.items()
        if inputs.get(key)
    ]


def destination(inputs: Mapping[str, Any]) -> str | None:
    value = inputs.get("destination")
    return str(value) if value else None


def exists(outs: Mapping[str, Any]) -> bool:
    """Whether the image is where `reference` says, and its index. Raises RegistryError when no registry answers."""
    index = str(outs.get("index") or "")
    if not _is_local(outs):
        from model_build import push

        return all(push.exists(each) for each in (str(outs["reference"]), index) if each)
    found = _layout(outs)
    digests = [each.rpartition("@")[2] for each in (str(outs.get("layout_image")), index) if each]
    return found is not None and all(content.is_whole(found[0], each) for each in digests)


def remove(outs: Mapping[str, Any]) -> None:
    """Delete an image that is not to be kept; one that is gone already is no error."""
    if outs.get("keep", True) or promoting.shared(outs):
        return
    from model_build import gc

    index = str(outs.get("index") or "")
    if not _is_local(outs):
        from model_build import push
        from model_build.push.errors import MissingError

        # An index first: registries keep the images of one that is there.
        for each in (index, str(outs["reference"])):
            if each:
                with contextlib.suppress(MissingError):
                    push.delete(each)
    if found := _layout(outs):
        place, digest = found
        gc.remove(place, digest, *([index.rpartition("@")[2]] if index else []))


def _expectation(identity: str) -> str:
    """What the report of an earlier build of the same content says, where there is one."""
    try:
        report = json.loads((folders.report(identity) / "report.json").read_text("utf-8"))
        chosen = next(c for c in report["candidates"] if c["chosen"])
        metric = f"{report['evaluation']['metric']} {chosen['metric']:.4g}"
        if report["identity"] == identity:
            return f"{chosen['name']} with {metric}, {chosen['file_bytes']:,} bytes, from the cache"
    except (OSError, ValueError, KeyError, StopIteration, TypeError):
        pass  # never built here, or it missed its gate
    return "measured in up"


def _is_local(outs: Mapping[str, Any]) -> bool:
    return str(outs.get("reference", "oci:")).startswith("oci:")


def _layout(outs: Mapping[str, Any]) -> tuple[Path, str] | None:
    place, _, digest = str(outs.get("layout_image", "")).removeprefix("oci:").rpartition("@")
    return (Path(place), digest) if place and digest else None


def _said_of(recipe: str) -> Callable[[str], None]:
    def say(text: str) -> None:
        name: Any = json.loads(recipe).get("name")
        print(f"modelport: {name}: fetch: {text}", file=sys.stderr, flush=True)

    return say


def _line(text: str) -> str:
    return f"modelport: bad input: {text}"
