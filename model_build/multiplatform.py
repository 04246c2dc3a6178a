"""The images of a model for all platforms of its recipe, and the index that lists them.

What was verified is the image for linux/amd64. The others are baked of that image's own model, byte for byte.
"""

from collections.abc import Mapping
from pathlib import Path

from model_build import cache, content
from model_build.bake import bake, bases, parts, platforms
from model_build.bake.inputs import FORMAT, NATIVE, architecture, base_identity, serving_folder
from model_build.recipe import Recipe
from model_build.work import Work

_FILE = "digest"


def prepare(work: Work) -> None:
    """Look for the base of each platform, before hours of work for whose model there is none. Raises BaseError."""
    others = _others(work.recipe)
    if work.recipe.base != "debian":  # whose packages are all pinned
        for platform in others:
            bases.resolve(work.recipe.base, lambda text: work.progress("bake", text), platform)


def baked(work: Work, layout: Path, digest: str) -> dict[str, str]:
    """The images for all platforms by platform, that of `digest` among them; made where they are not in `layout`."""
    found = {NATIVE: digest}
    for platform in _others(work.recipe):
        found[platform] = _baked(work, layout, digest, platform)
    return found


def _others(recipe: Recipe) -> list[str]:
    return [each for each in recipe.platforms if each != NATIVE]


def _baked(work: Work, layout: Path, digest: str, platform: str) -> str:
    recipe = work.recipe

    def make() -> str:
        model = parts(f"oci:{layout}@{digest}").model
        made = bake(
            model,
            name=recipe.name,
            base=recipe.base,
            layout=layout,
            manifest=recipe.manifest,
            platform=platform,
            progress=lambda text: work.progress("bake", text),
        )
        work.progress("bake", f"{made.digest[7:19]} is the image for {platform}")
        return made.digest

    inputs = {
        "image": digest,
        "platform": platform,
        "base": base_identity(recipe.base, platform),
        "wheels": content.of_files({each.name: each for each in serving_folder().glob("requirements*.lock")}),
        "format": FORMAT,
    }
    entry = cache.made("platforms", inputs, lambda folder: content.write_text(folder / _FILE, make()))
    known = (entry.folder / _FILE).read_text()
    return known if content.is_whole(layout, known) else make()


def listed(layout: Path, images: Mapping[str, str], name: str) -> str:
    """The digest of the index of `images`, by platform; empty where there is but one."""
    return platforms.index(layout, images, name) if len(images) > 1 else ""


def parts_of(identity: Mapping[str, str], platform: str) -> dict[str, str]:
    """The parts of an identity that the image for a platform is made of: of the bases its own."""
    rest = {name: value for name, value in identity.items() if not name.startswith("image.base.")}
    own = identity.get(f"image.base.{architecture(platform)}")
    return rest if own is None else rest | {"image.base": own}
