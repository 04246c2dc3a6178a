"""What answers for a model says what is in it, and who made it."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.beside import beside, of
from policies.looking import Look, NotKnown
from policies.model_stack import IMAGE, PRODUCTION, environment, in_production
from policies.rules import Rule, StackRule, Whole


def _signed(each: Look) -> Iterator[str]:
    if in_production(each) and not each.at("signed_by"):
        yield f"nobody signs the image, expected the key of whoever builds for {environment(each)}"


def _attested(_: Whole, each: Look) -> Iterator[str]:
    if each.told("builder") and each.at("builder") == "docker":
        yield "nothing is attached to what Docker pushes of it, expected a bill of materials; leave image.builder out"
        return
    wanted = {"sbom": "a bill of materials"}
    if each.told("signed_by"):
        wanted["signature"] = "a signature by the key that the stack names"
    for key, what in wanted.items():
        found = each.at(key)
        if found is None:
            raise NotKnown(key)  # an output, until the image is built
        if not found:
            yield f"the image has no {key}, expected {what} attached to it"


RULES: Final = (
    Rule(
        name="model-image-signed",
        title="In production an image of a model is signed by a key that the stack names",
        why="Else whoever may push to the registry can put another image there, and nobody could tell them apart",
        fix="write image: {signed_by: keys/release.pub}, and give the private key to the machine that builds",
        severity=Severity.HIGH,
        links=("https://docs.sigstore.dev/cosign/signing/signing_with_containers/",),
        types=(IMAGE,),
        look=_signed,
        config={**PRODUCTION},
    ),
    StackRule(
        name="model-image-attested",
        title="An image of a model has its bill of materials and, where a key is named, its signature",
        why="Without them nobody can say which images have a library that turns out to be unsafe, nor who built them",
        fix="run modelport up where the model is built, which attaches both",
        severity=Severity.MEDIUM,
        links=("https://cyclonedx.org/capabilities/sbom/", "https://slsa.dev/spec/v1.0/verifying-artifacts"),
        **beside(of(IMAGE), _attested),
    ),
)
