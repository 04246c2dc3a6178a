"""Rules of models where Docker pushes what is deployed."""

from typing import Any, Final

from tests.components.planned import UNKNOWN, Planned
from tests.policies.flips import Flip, changed, kept, made
from tests.policies.programs import DIGEST, planned
from tests.policies.test_model import BUILD, FLIPS, OTHER, RULES, after

DOCKED: Final = "pulumi-python:dynamic/modelport:DockerPush"


def _docked(built: str, **more: Any) -> list[Planned]:
    """The deployment runs another digest, which Docker pushed of the image `built`."""
    pushed = made(DOCKED, "digits", {"image": f"oci:/images@{built}", "digest": OTHER.partition("@")[2], **more})
    return [*changed(planned("service"), FLIPS[0]), pushed]


def test_what_docker_pushed_of_a_build_may_run_and_of_anything_else_not() -> None:
    rule = RULES["model-image-built"]
    assert kept(rule, _docked(DIGEST)).wrong == []
    (verdict,) = kept(rule, _docked("sha256:00")).wrong
    assert "which no ModelImage of this stack made" in verdict.text
    late = kept(rule, _docked(DIGEST, digest=UNKNOWN))
    assert (late.wrong, bool(late.late)) == ([], True)


def test_what_docker_pushes_has_no_bill_of_materials() -> None:
    (verdict,) = after(Flip("model-image-attested", "service", BUILD, "digits", {"builder": "docker"})).wrong
    assert "nothing is attached to what Docker pushes of it" in verdict.text
