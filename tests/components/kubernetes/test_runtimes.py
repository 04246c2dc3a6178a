"""What each ServingRuntime makes, held to the schema or model that its project publishes; nothing runs here."""

import copy
import json
import subprocess
from typing import Any

import pytest

from components.kubernetes.runtimes import WITH_FILES, ServingProgram, ServingRuntime
from tests.components.kubernetes import checking
from tests.tools import pypi

IMAGE = "registry.example.com/team/digits@sha256:" + "a" * 64
PROGRAM = "registry.example.com/program@sha256:" + "b" * 64

# Walks a manifest along the types that Seldon's SDK names for every field.
_SELDON = """
import json, re, sys
from seldon_deploy_sdk import models

def look(value, kind, place):
    if found := re.fullmatch(r"list\\[(.+)\\]", kind):
        if not isinstance(value, list):
            return [f"{place} is no list"]
        return [line for number, each in enumerate(value) for line in look(each, found[1], f"{place}[{number}]")]
    if found := re.fullmatch(r"dict\\(str, (.+)\\)", kind):
        return [line for key, each in value.items() for line in look(each, found[1], f"{place}.{key}")]
    plain = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}
    if kind in plain:
        wrong = not isinstance(value, plain[kind]) or (isinstance(value, bool) and kind in ("int", "float"))
        return [f"{place} is {value!r}, expected {kind}"] if wrong else []
    model = getattr(models, kind)
    if not model.swagger_types:  # a word of a list, or something that is written as one
        words = [text for name, text in vars(model).items() if name.isupper() and isinstance(text, str)]
        return [f"{place} is {value!r}, expected one of {words}"] if words and value not in words else []
    if not isinstance(value, dict):
        return [f"{place} is {value!r}, expected {kind}"]
    names = {model.attribute_map[key]: kind for key, kind in model.swagger_types.items()}
    lines = [f"{place}.{key} is unknown" for key in value if key not in names]
    known = [(key, each) for key, each in value.items() if key in names]
    return lines + [line for key, each in known for line in look(each, names[key], f"{place}.{key}")]

print(json.dumps([line for each in json.load(sys.stdin) for line in look(each, "SeldonDeployment", "")]))
"""


def _rendered(program: ServingProgram, **args: Any) -> list[checking.Manifest]:
    given: Any = {"namespace": "team", "program": program, "image": IMAGE, **args}
    if program in WITH_FILES:
        given = {**given, "image": PROGRAM, "files": IMAGE}
    return checking.rendered(lambda: ServingRuntime("digits", given))


def _seldon(manifests: list[checking.Manifest]) -> list[str]:
    command = [str(pypi.environment(pypi.MANIFESTS) / "python"), "-c", _SELDON]
    ran = subprocess.run(command, input=json.dumps(manifests), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found: list[str] = json.loads(ran.stdout)
    return found


def test_programs_of_their_own_pass_every_check() -> None:
    found = [each for program in WITH_FILES for each in _rendered(program)]
    assert checking.violations(found) == []
    assert checking.checkov(found) == []


@pytest.mark.parametrize("program", WITH_FILES)
def test_a_field_that_a_deployment_has_not_is_refused(program: ServingProgram) -> None:
    wrong = copy.deepcopy(next(each for each in _rendered(program) if each["kind"] == "Deployment"))
    wrong["spec"]["template"]["spec"]["containers"][0]["argz"] = []
    assert len(checking.violations([wrong])) == checking.MINORS


def test_ours_is_a_service_of_this_library() -> None:
    assert {(each["kind"], each["metadata"]["name"]) for each in _rendered(ServingProgram.MODELPORT)} >= {
        ("Deployment", "digits"),
        ("Service", "digits"),
        ("NetworkPolicy", "digits"),
    }


def test_triton_finds_the_model_of_a_model_image_where_it_looks_for_it() -> None:
    (found,) = (each for each in _rendered(ServingProgram.TRITON) if each["kind"] == "Deployment")
    pod = found["spec"]["template"]["spec"]
    (mount,) = (each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "model")
    assert (mount["mountPath"], mount["subPath"], mount["readOnly"]) == ("/models/digits/1", "models/digits", True)
    (volume,) = (each for each in pod["volumes"] if each["name"] == "model")
    assert volume["image"]["reference"] == IMAGE


def test_kserve_takes_its_object_and_not_another() -> None:
    """The definition is that of KServe's own release."""
    (found,) = _rendered(ServingProgram.KSERVE)
    assert checking.violations([found], checking.KSERVE) == []
    for change, said in (
        ({"minReplicas": "2"}, "spec.predictor.minReplicas: '2' is not of type 'integer'"),
        ({"minimum": 2}, "spec.predictor: Additional properties are not allowed ('minimum' was unexpected)"),
        ({"containers": [{"image": IMAGE, "ports": [{"name": "http1"}]}]}, "'containerPort' is a required property"),
    ):
        wrong = copy.deepcopy(found)
        wrong["spec"]["predictor"].update(change)
        assert any(said in line for line in checking.violations([wrong], checking.KSERVE)), change


def test_seldon_takes_its_object_and_not_another() -> None:
    """The model is that of Seldon's own SDK: no definition of it is to be had from a package registry."""
    (found,) = _rendered(ServingProgram.SELDON)
    assert _seldon([found]) == []
    predictor = ".spec.predictors[0]"
    for change, said in (
        ({"replicas": "2"}, f"{predictor}.replicas is '2', expected int"),
        ({"replica": 2}, f"{predictor}.replica is unknown"),
        (
            {"graph": {"name": "model", "endpoint": {"httpPort": "8080"}}},
            f"{predictor}.graph.endpoint.httpPort is '8080'",
        ),
    ):
        wrong = copy.deepcopy(found)
        wrong["spec"]["predictors"][0].update(change)
        (line,) = _seldon([wrong])
        assert line.startswith(said)


def test_a_program_without_the_model_is_refused() -> None:
    def program() -> None:
        given: Any = {"namespace": "team", "program": ServingProgram.TRITON, "image": PROGRAM}
        with pytest.raises(
            ValueError, match="the serving runtime digits: files is missing, expected an image by digest"
        ):
            ServingRuntime("digits", given)

    assert checking.rendered(program) == []
