"""What a stack file makes of the section `runtime`; the engine is a stand-in."""

from typing import Any

import pytest

from stacks.runtimes import served
from stacks.spec import StackSpec
from tests.components.kubernetes import checking

MODEL = f"host/digits@sha256:{'a' * 64}"
PROGRAM = f"host/program@sha256:{'b' * 64}"
FILES = f"host/files@sha256:{'c' * 64}"


def rendered(files_alone: str | None = None, **runtime: Any) -> dict[str, Any]:
    """The manifests by kind."""
    spec = StackSpec.model_validate(
        {
            "target": "kubernetes",
            "model": {"name": "digits", "source": "a.b:c", "evaluate": {"data": "a.b:d"}},
            "image": {"push": "host/digits"},
            "service": {"replicas": 3},
            "runtime": runtime,
        }
    )
    made = checking.rendered(lambda: served(spec, "shop", "team", MODEL, files=files_alone))
    return {each["kind"]: each for each in made}


def test_triton_reads_the_models_own_image() -> None:
    made = rendered(program="triton", image=PROGRAM)["Deployment"]["spec"]
    pod = made["template"]["spec"]
    assert (made["replicas"], pod["containers"][0]["image"]) == (3, PROGRAM)
    assert [each["image"]["reference"] for each in pod["volumes"] if "image" in each] == [MODEL]
    # The folder has the model's name, whatever the service is called.
    assert "models/digits" in [each.get("subPath") for each in pod["containers"][0]["volumeMounts"]]


def test_triton_reads_the_models_files_alone_where_they_are_an_image() -> None:
    made = rendered(program="triton", image=PROGRAM, files_alone=FILES)["Deployment"]["spec"]
    assert [each["image"]["reference"] for each in made["template"]["spec"]["volumes"] if "image" in each] == [FILES]


def test_tensorflow_serving_reads_files_of_its_own() -> None:
    pod = rendered(program="tensorflow", image=PROGRAM, files=FILES, path="saved")["Deployment"]["spec"]["template"]
    assert [each["image"]["reference"] for each in pod["spec"]["volumes"] if "image" in each] == [FILES]


@pytest.mark.parametrize(("program", "kind"), [("kserve", "InferenceService"), ("seldon", "SeldonDeployment")])
def test_who_makes_pods_himself_runs_the_models_own_image(program: str, kind: str) -> None:
    made = rendered(program=program)
    assert made.keys() == {kind}
    assert made[kind]["metadata"]["name"] == "shop" and MODEL in str(made[kind]["spec"])
