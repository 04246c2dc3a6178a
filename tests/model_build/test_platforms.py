"""One recipe for two processors: an image for each, an index of both, and where they go."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from model_build import checking, content, gc, identity, plan, promoting, signing
from model_build.bake import bases, inputs, platforms
from model_build.bake.attachments import SIGNATURE, referrers
from model_build.bake.errors import BakeError, BaseError
from model_build.bake.layout import INDEX, MANIFEST, Layout, canonical
from model_build.errors import InputError, RecipeError
from model_build.pipeline import Built, build
from model_build.push import exists, list_referrers, pull, push
from model_build.recipe import Recipe
from tests.tools import golang
from tests.tools.debian import Program
from tests.tools.keys import key
from tests.tools.registries import PASSWORD, USER, Registry, docker_config

AMD64, ARM64 = "linux/amd64", "linux/arm64"
BOTH = [AMD64, ARM64]


@dataclass(frozen=True)
class Made:
    """A build for both, signed and pushed."""

    built: Built
    layout: Path
    place: str
    public: str
    images: dict[str, str]
    said: list[str] = field(default_factory=list[str])

    @property
    def index(self) -> str:
        return self.built.index.partition("@")[2]


def wanted(**changes: Any) -> Recipe:
    given = {"name": "iris", "source": "iris:model", "evaluate": {"data": "iris:data"}, "platforms": BOTH}
    return Recipe.parse({**given, **changes})


@pytest.fixture(scope="module")
def made(project: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("platforms")
    file, public = key(folder)
    place, said = f"{registry.host}/platforms/iris", list[str]()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        patched.setenv("DOCKER_CONFIG", str(folder / "docker"))
        patched.setenv(signing.KEY_FILE, str(file))
        say: Callable[[str, str], None] = lambda step, text: said.append(f"{step}: {text}")  # noqa: E731
        built = build(wanted(), project=project, push=f"{place}:v1", signed_by=public, progress=say)
        layout = Path(built.layout_image.removeprefix("oci:").partition("@")[0])
        images = platforms.listed(Layout(layout), built.index.partition("@")[2])
        yield Made(built, layout, place, public, images, said)


def test_the_index_lists_an_image_for_each_and_the_first_is_what_was_verified(made: Made) -> None:
    assert list(made.images) == BOTH
    assert made.images[AMD64] == made.built.digest
    assert made.built.index == f"{made.place}@{made.index}"
    assert made.built.reference == f"{made.place}@{made.built.digest}"
    assert content.is_whole(made.layout, made.index)


def test_a_recipe_for_one_platform_builds_the_very_image_and_no_index(made: Made, project: Path) -> None:
    one = build(wanted(platforms=[AMD64]), project=project)
    assert (one.digest, one.index) == (made.built.digest, "")


def test_the_same_again_is_the_same_and_makes_nothing(made: Made, project: Path) -> None:
    said: list[str] = []
    again = build(wanted(), project=project, signed_by=made.public, progress=lambda step, _: said.append(step))
    assert (again.cached, again.index.partition("@")[2]) == (True, made.index)
    assert said == ["build"]


def test_an_image_that_is_lost_is_baked_again_alone(made: Made, project: Path) -> None:
    Layout(made.layout).blob(made.images[ARM64]).unlink()
    said: list[str] = []
    say: Callable[[str, str], None] = lambda step, text: said.append(f"{step}: {text}")  # noqa: E731
    again = build(wanted(), project=project, signed_by=made.public, progress=say)
    assert content.is_whole(made.layout, made.index)
    assert again.index.partition("@")[2] == made.index
    assert [each for each in said if each.startswith(("verify", "bake"))] == [
        f"bake: {made.images[ARM64][7:19]} is the image for {ARM64}"
    ]


@pytest.mark.parametrize(("platform", "machine"), [(AMD64, "amd64"), (ARM64, "arm64")])
def test_crane_takes_the_image_of_each_platform_from_the_tag(
    made: Made, crane: Path, platform: str, machine: str
) -> None:
    def asked(*command: str) -> str:
        told = subprocess.run(
            [str(crane), *command, "--platform", platform], capture_output=True, text=True, check=True
        )
        return told.stdout.strip()

    assert asked("digest", f"{made.place}:v1") == made.images[platform]
    assert json.loads(asked("config", f"{made.place}:v1"))["architecture"] == machine


def test_skopeo_copies_the_whole_index_and_its_digest_stays(made: Made, skopeo: Program, tmp_path: Path) -> None:
    command = [str(skopeo.path), "--insecure-policy", "copy", "--all", "--preserve-digests", "--src-tls-verify=false"]
    command += [f"docker://{made.place}:v1", f"oci:{tmp_path / 'copy'}:v1"]
    subprocess.run(command, env=skopeo.env, capture_output=True, check=True)
    (only,) = Layout(tmp_path / "copy").index()["manifests"]
    assert (only["mediaType"], only["digest"]) == (INDEX, made.index)


def test_model_and_program_are_sent_once(made: Made, registry: Registry) -> None:
    layers = [
        {each["digest"] for each in Layout(made.layout).manifest(digest)["layers"]} for digest in made.images.values()
    ]
    assert len(layers[0] & layers[1]) == 2
    assert exists(f"{made.place}@{made.images[ARM64]}")


def test_every_image_and_the_index_is_signed_where_it_was_pushed(made: Made) -> None:
    for digest in (made.index, *made.images.values()):
        (signature,) = list_referrers(f"{made.place}@{digest}", SIGNATURE)
        assert signing.good(Layout(made.layout), digest, signature["digest"], made.public)


def test_the_other_image_says_on_which_base_it_stands(made: Made) -> None:
    said: dict[str, list[Any]] = {}
    for platform, digest in made.images.items():
        for each in referrers(made.layout, digest):
            if each["artifactType"] == "application/vnd.in-toto+json":
                store = Layout(made.layout)
                text = json.loads(store.read(store.manifest(each["digest"])["layers"][0]["digest"]))
                built = text["predicate"]["buildDefinition"]["resolvedDependencies"]
                said[platform] = [part["digest"]["sha256"] for part in built if part["name"] == "base"]
    assert len(said[AMD64]) == len(said[ARM64]) == 1
    assert said[AMD64] != said[ARM64]


def verdicts(made: Made, image: str, key: str | None) -> dict[str, str]:
    return {each.what: each.verdict for each in checking.examine(image, key)}


def test_verify_asks_the_index_and_each_image(made: Made, tmp_path: Path) -> None:
    asked = ("image", "attachments", "report", "bill of materials", "provenance", "signature")
    names = ["index", "attachments", "signature", *(f"{each}: {what}" for each in BOTH for what in asked)]
    assert verdicts(made, made.built.index, made.public) == dict.fromkeys(names, "passed")
    others = verdicts(made, made.built.index, key(tmp_path)[1])
    assert {what for what, verdict in others.items() if verdict == "failed"} == {
        what for what in names if what.endswith(("signature", "provenance"))
    }


def test_cosign_finds_the_signature_of_the_index(made: Made, tmp_path: Path) -> None:
    """Sigstore's own tool, on what Debian's registry holds."""
    (tmp_path / "release.pub").write_text(made.public)
    command = [str(golang.program(*golang.COSIGN)), "verify", "--key", str(tmp_path / "release.pub")]
    command += ["--insecure-ignore-tlog=true", "--allow-http-registry", made.built.index]
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)[0]["critical"]["image"]["docker-manifest-digest"] == made.index


def test_verify_refuses_another_model_in_the_place_of_one_image(made: Made, tmp_path: Path) -> None:
    store = Layout(shutil.copytree(made.layout, tmp_path / "images"))
    manifest = store.manifest(made.images[ARM64])
    manifest["layers"][-1] = manifest["layers"][-2]
    other, size = store.add(canonical(manifest))
    store.add_to_index({"mediaType": MANIFEST, "digest": other, "size": size})
    index = platforms.index(store.path, {**made.images, ARM64: other}, "iris")
    found = verdicts(made, f"oci:{store.path}@{index}", None)
    assert (found["index"], found[f"{ARM64}: report"]) == ("passed", "failed")


@pytest.mark.parametrize("images", [{AMD64: ARM64, ARM64: AMD64}, {ARM64: ARM64}], ids=["exchanged", "one"])
def test_verify_refuses_an_index_that_leads_elsewhere(made: Made, tmp_path: Path, images: dict[str, str]) -> None:
    layout = shutil.copytree(made.layout, tmp_path / "images")
    index = platforms.index(layout, {each: made.images[of] for each, of in images.items()}, "iris")
    assert verdicts(made, f"oci:{layout}@{index}", None)["index"] == "failed"


def promoted(made: Made, **changes: Any) -> dict[str, Any]:
    built = made.built
    record = promoting.Promoted(
        stack="dev",
        digest=built.digest,
        source=built.reference,
        identity=built.identity,
        model=built.model,
        version=built.version,
        chosen=built.chosen,
        metric="accuracy",
        metrics=built.metrics,
        parts={},
        index=made.index,
    )
    return {"recipe": wanted().canonical(), "promoted": replace(record, **changes).canonical()}


@pytest.mark.parametrize("here", [True, False])
def test_a_promotion_takes_all_images_to_another_registry(
    made: Made, authenticated_registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: bool
) -> None:
    place = f"{authenticated_registry.host}/platforms/{'here' if here else 'there'}"
    docker_config(tmp_path / "docker", authenticated_registry.host, USER, PASSWORD)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    if not here:
        monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    outs = promoting.take({**promoted(made), "destination": f"{place}:v1", "signed_by": made.public})
    assert (outs["reference"], outs["index"]) == (f"{place}@{made.built.digest}", f"{place}@{made.index}")
    assert pull(f"{place}:v1", tmp_path / "back", None) == made.index
    found = verdicts(made, outs["index"], made.public)
    assert set(found.values()) == {"passed"}


def test_a_promotion_wants_the_index_signed(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = shutil.copytree(made.layout, tmp_path / "data" / "images")
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    for each in referrers(layout, made.index):
        gc.remove(layout, each["digest"])
    source = {"source": f"oci:{layout}@{made.built.digest}"}
    with pytest.raises(InputError, match=f"index {made.index[7:19]} of dev is not signed by the key of signed_by"):
        promoting.take({**promoted(made, **source), "signed_by": made.public})


def test_one_image_is_not_promoted_to_a_stack_of_several_platforms(made: Made) -> None:
    _, failures = promoting.check({}, promoted(made, index=""))
    assert failures == [
        (
            "recipe",
            "modelport: bad input: iris 1, promoted from dev, is an image for linux/amd64 alone, expected one for each "
            "of linux/amd64, linux/arm64; write model.platforms there too and bring dev up, or take it out here",
        )
    ]


def test_what_was_promoted_for_one_platform_is_brought_for_all_when_the_recipe_says_so(made: Made) -> None:
    one = promoted(made) | {"recipe": wanted(platforms=[AMD64]).canonical()}
    olds = {**one, "digest": made.built.digest, "reference": made.built.reference, "index": ""}
    assert plan.change(olds, one) == ""
    assert "promoted from dev" in plan.change(olds, promoted(made))
    assert plan.change({**olds, "index": made.built.index}, promoted(made)) == ""


def test_what_is_not_kept_goes_with_all_its_images(made: Made, registry: Registry, tmp_path: Path) -> None:
    layout, place = shutil.copytree(made.layout, tmp_path / "images"), f"{registry.host}/platforms/gone"
    reference = push(layout, made.index, place).reference
    outs = {
        "keep": False,
        "reference": f"{place}@{made.built.digest}",
        "layout_image": f"oci:{layout}@{made.built.digest}",
        "index": reference,
    }
    assert plan.exists(outs)
    plan.remove(outs)
    assert not plan.exists(outs)
    assert not any(exists(f"{place}@{each}") for each in (made.index, *made.images.values()))
    assert Layout(layout).index()["manifests"] == []
    plan.remove(outs)


def test_the_base_of_each_platform_is_in_the_identity(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, both = (identity.identify(wanted(platforms=each), project) for each in ([AMD64], BOTH))
    assert set(both.parts) - set(one.parts) == {"image.base.arm64"}
    lock = tmp_lock(project)
    monkeypatch.setitem(inputs.DEBIAN_LOCKS, ARM64, lock)
    later = identity.identify(wanted(), project)
    assert later.digest != both.digest
    assert identity.changes(both.parts, later.parts, "{}", "{}") == ["image: base for arm64 changed"]


def tmp_lock(project: Path) -> Path:
    place = project / "other.lock.json"
    place.write_text("{}")
    return place


def test_a_recipe_that_says_the_default_is_the_recipe_that_does_not() -> None:
    assert "platforms" not in wanted(platforms=[AMD64]).canonical()
    assert wanted(platforms=[ARM64, AMD64, ARM64]).canonical() == wanted().canonical()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ([ARM64], "platforms is [linux/arm64], expected linux/amd64 among them, where the model is measured; add that"),
        ([], "platforms is"),
        (["linux/riscv64"], "platforms[0] is 'linux/riscv64'"),
    ],
)
def test_platforms_that_nothing_is_made_for_are_refused(given: list[str], told: str) -> None:
    with pytest.raises(RecipeError) as refused:
        wanted(platforms=given)
    assert told in str(refused.value)


def test_a_base_for_one_platform_alone_is_refused_before_anything_is_built(made: Made, project: Path) -> None:
    said: list[str] = []
    base = f"oci:{made.layout}@{made.built.digest}"
    with pytest.raises(InputError, match=r"is for linux/amd64, expected linux/arm64; name another digest of an index"):
        build(wanted(base=base), project=project, progress=lambda step, _: said.append(step))
    assert {*said} <= {"bake"}  # which brings the base


def test_an_index_is_a_base_for_both(made: Made, project: Path) -> None:
    built = build(wanted(base=made.built.index, name="again"), project=project)
    found = platforms.listed(Layout(made.layout), built.index.partition("@")[2])
    for platform, digest in made.images.items():
        theirs, ours = (Layout(made.layout).manifest(each)["layers"] for each in (digest, found[platform]))
        assert [each["digest"] for each in ours[:4]] == [each["digest"] for each in theirs]


def test_an_index_of_images_that_one_python_cannot_compile_for_is_refused() -> None:
    with pytest.raises(BaseError, match=r"has python3.12 for linux/arm64 and python3.11 for linux/amd64, expected one"):
        bases.alike("oci:/x", ARM64, "usr/bin/python3.12", "usr/bin/python3.11")


def test_what_is_no_index_is_told_as_that(made: Made) -> None:
    with pytest.raises(BakeError, match="is no index of images with one for each platform"):
        platforms.listed(Layout(made.layout), made.built.digest)
