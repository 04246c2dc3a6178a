"""What is not promoted, and why: each refusal is one line, and nothing has come of it."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automation.deployer import Deployer, OperationFailed
from automation.drivers import Choice
from automation.exits import Exit
from tests.automation.conftest import ROOT, made_in
from tests.automation.staging import Stages, whole

_OWN = ("MODELPORT_STATE_DIR", "MODELPORT_DATA_DIR", "PULUMI_HOME", "PULUMI_CONFIG_PASSPHRASE")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    """A stack `dev` that serves the digits; for all tests here, which leave it as it was."""
    made = Stages(whole(made_in(tmp_path_factory.mktemp("served"))))
    made.write("dev")
    made.up("dev")
    yield made
    for stack in ("dev", "staging"):
        made.project.run("destroy", "--yes", "-s", stack)


@pytest.fixture
def stages(served: Stages) -> Iterator[Stages]:
    """With a stack `prod` that was never brought up."""
    (served.project.root / "Pulumi.prod.yaml").unlink(missing_ok=True)
    served.write("prod")
    yield served
    assert not (backend(served) / "stacks" / "modelport" / "prod.json").exists(), "nothing was made"


def backend(stages: Stages) -> Path:
    return Path(stages.project.environment["MODELPORT_STATE_DIR"]) / "backend" / ".pulumi"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"evaluate": {"min": 0.9999}}, "3 Pulumi.prod.yaml: digits: int8 missed min: accuracy is 0."),
        ({"evaluate": {"max_bytes": 100}}, "3 Pulumi.prod.yaml: digits: int8 missed max_bytes: size is "),
        ({"evaluate": {"metric": "f1_macro"}}, "2 Pulumi.prod.yaml: digits 1, promoted from dev, was measured by acc"),
        ({"evaluate": {"output": "label"}}, "2 Pulumi.prod.yaml: digits 1, promoted from dev, was measured by acc"),
        ({"evaluate": {"data": "examples.digits.train:other"}}, "3 Pulumi.prod.yaml: evaluate.data is examples."),
        ({"version": "2"}, '2 Pulumi.prod.yaml: model.version is 2, and dev serves 1, expected the same; write'),
        ({"manifest": "docker"}, "2 Pulumi.prod.yaml: the target local takes an image in the words of docker, and"),
        ({"formats": ["ort"]}, "2 Pulumi.prod.yaml: digits 1, promoted from dev, was not written as ort, expected"),
        ({"name": "figures"}, "2 stack dev serves digits, expected figures, expected one that serves what is to be"),
    ],
)  # fmt: skip
def test_a_gate_that_is_stricter_or_about_something_else(stages: Stages, changed: dict[str, Any], said: str) -> None:
    train = stages.project.root / "examples" / "digits" / "train.py"
    before = train.read_text()
    stages.write("prod", model=dict(changed))
    try:
        if "data" in changed.get("evaluate", {}):
            # Beside the code that dev was measured with, which stays as it is for dev's own name.
            train.write_text(f"{before}\n\nother = evaluation\n")
        assert stages.refused().startswith(said)
    finally:
        train.write_text(before)


def test_a_stack_that_was_never_brought_up_or_is_none(stages: Stages) -> None:
    stages.write("staging")
    assert stages.refused(source="staging").startswith("2 stack staging was never brought up, expected one that serves")
    assert stages.refused(source="dve").startswith("2 there is no stack 'dve', did you mean 'dev'?")
    assert stages.refused(source="prod").startswith("2 --from and --to are both prod, expected two stacks")
    neither = stages.project.run("promote", "--to", "prod", "--yes")
    assert neither.stderr.startswith("error: neither --from nor --undo is given, expected one of them")


def test_a_stack_whose_last_operation_failed(stages: Stages) -> None:
    stages.write("dev", model={"evaluate": {"min": 1.0}})
    assert stages.project.run("up", "--yes", "-s", "dev").returncode == Exit.GATE_MISSED
    stages.write("dev", model={"evaluate": {"min": 0.95}})
    try:
        assert stages.refused().startswith("2 stack dev has failed at its last operation, up, expected one that serves")
    finally:
        stages.up("dev")


def test_an_image_that_was_built_and_never_ran(stages: Stages) -> None:
    stages.write("staging")
    stages.up("staging", "--target", "model")
    said = stages.refused(source="staging")
    assert said.startswith("2 stack staging ") and "expected one that serves what is to be promoted" in said


def test_a_stack_that_somebody_is_at_work_on(stages: Stages) -> None:
    folder = backend(stages) / "locks" / "organization" / "modelport" / "dev"
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / "12345678-1234-1234-1234-123456789012.json"
    lock.write_text(json.dumps({"pid": 1, "username": "ci", "hostname": "far", "timestamp": "2026-01-01"}))
    try:
        assert stages.refused().startswith("4 stack dev is held by ci@far, process 1")
    finally:
        lock.unlink()


def test_an_image_that_docker_pushed(stages: Stages) -> None:
    state = backend(stages) / "stacks" / "modelport" / "dev.json"
    before = state.read_text()
    told = json.loads(before)
    resources = told["checkpoint"]["latest"]["resources"]
    next(each for each in resources if each["type"].endswith(":ModelImage"))["outputs"]["builder"] = "docker"
    state.write_text(json.dumps(told))
    try:
        assert stages.refused().startswith("2 stack dev serves an image that Docker pushed, to which no report is att")
    finally:
        state.write_text(before)


def test_a_report_that_is_gone_or_says_something_else(stages: Stages) -> None:
    data = Path(stages.project.environment["MODELPORT_DATA_DIR"])
    report = Path(stages.output("dev")["report_json"])
    index = data / "images" / "index.json"
    before = report.read_text(), index.read_text()
    bare = json.loads(before[1])
    bare["manifests"] = [each for each in bare["manifests"] if "artifactType" not in each]
    for folder in (data / "reports").glob("promoted-*"):  # of a promotion that was refused for another reason
        shutil.rmtree(folder)
    try:
        index.write_text(json.dumps(bare))
        told = json.loads(before[0])
        next(each for each in told["candidates"] if each["chosen"])["metric"] = 0.99999
        report.write_text(json.dumps(told))
        assert "does not say that it passed: its figures are others than those in the state" in stages.refused()
        report.unlink()
        assert "does not say that it passed: there is none on this machine" in stages.refused()
    finally:
        report.write_text(before[0])
        index.write_text(before[1])


def test_a_deployer_raises_what_the_command_says(stages: Stages) -> None:
    stages.write("prod", model={"evaluate": {"min": 0.9999}})

    async def run() -> None:
        environment = {key: stages.project.environment[key] for key in _OWN}
        await Deployer(stages.project.root, "prod", engine=Choice.EMBEDDED, environment=environment).promote("dev")

    with pytest.raises(OperationFailed) as raised:
        asyncio.run(run())
    assert raised.value.done.code is Exit.GATE_MISSED
    assert str(raised.value).startswith("Pulumi.prod.yaml: digits: int8 missed min")


def test_a_policy_of_production_that_the_target_breaks(stages: Stages) -> None:
    """The image is signed by nobody, which the pack takes from no stack called prod."""
    done = stages.promote("--preview-only", "--policy-pack", str(ROOT / "policies"))
    assert done.returncode == Exit.FAILED, done.stdout + done.stderr
    assert "policy model-image-signed of model: nobody signs the image" in done.stdout + done.stderr
