"""`modelport rollback` where AWS carries releases out: made by the embedded engine on an AWS that takes everything."""

# pyright: reportPrivateUsage=false

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation import rollback
from automation.cli import main
from automation.exits import Exit, Failure
from automation.projects import Target
from automation.report.layout import RECORD
from components.history import Promotion
from model_build import push
from stacks.spec import SpecError
from tests.components.planned import Plan
from tests.stacks import test_aws_ec2, test_aws_ecs, test_aws_lambda, test_aws_sagemaker
from tests.stacks.pretend_image import digest
from tests.stacks.shops import Shop, opened, placed, there
from tests.stacks.stack_files import IMAGE, MODEL, ROOT, StackFile

A, B, C = (digest(each) for each in ("a", "b", "c"))
REPOSITORY = IMAGE.partition("@")[0]
FUNCTION, ALIAS = "aws:lambda/function:Function", "aws:cloudformation/stack:Stack"
WATCHED = {"aws:cloudwatch/metricAlarm:MetricAlarm"}


def _gone(_: str) -> bool:
    return False


def _silent(_: str) -> bool:
    raise push.RegistryDown("nobody answers")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    whole: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.aws-lambda.yaml").read_text())
    # Called by its own URL: the API before it has no part in this.
    del whole["config"]["modelport:function"]["api"]
    return placed(tmp_path_factory.mktemp("shop"), whole, "aws")


@pytest.fixture
def shop(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    return opened(place, monkeypatch, capsys)


def test_there_and_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shop.run("rollback") == (
        Exit.BAD_INPUT,
        "",
        "error: stack prod was never brought up; run modelport up -s prod\n",
    )
    assert shop.up("a")[0] == Exit.DONE
    code, _, said = shop.run("rollback")
    assert code == Exit.BAD_INPUT
    assert said.startswith(f"error: models has served no other version than 1 {A[:19]} version 1 of 20")
    assert shop.up("b")[0] == Exit.DONE
    assert shop.history() == [A, B]
    assert shop.run("rollback", "--list")[1].splitlines()[0].endswith("(serves)")

    code, _, said = shop.run("rollback", "--to", f"sha256:{'f' * 64}")
    assert code == Exit.BAD_INPUT
    assert "no version is known by that, expected a digest, number or version of: 2 " in said
    assert f"1 {A[:19]} version 1 of " in said
    code, _, said = shop.run("rollback", B, "--yes")
    assert (code, said.partition(" of ")[0]) == (Exit.BAD_INPUT, f"error: models serves 2 {B[:19]} version 1")
    monkeypatch.setattr(push, "exists", _gone)
    code, _, said = shop.run("rollback", "--yes")
    assert code == Exit.BAD_INPUT
    assert f"is no longer in {REPOSITORY}, expected it there, as nothing is built by a rollback" in said
    assert said.count("\n") == 1

    shop.asked()
    monkeypatch.setattr(push, "exists", _silent)
    # The model has moved on, and nobody has built it.
    (shop.folder / "model").write_text("c")
    code, out, said = shop.run("rollback", "--preview-only")
    assert (code, shop.asked(), shop.built(), shop.history()) == (Exit.DONE, [], ["a", "b"], [A, B])
    assert said == f"warning: whether {REPOSITORY} still has the image is not known: nobody answers\n"
    assert f"models: back to 1 {A[:19]} version 1 of " in out

    monkeypatch.setattr(push, "exists", there)
    code, out, said = shop.run("rollback", "--to", A[7:15], "--yes")
    assert (code, said, shop.built()) == (Exit.DONE, "", ["a", "b"])
    asked = {each["type"]: each["inputs"] for each in shop.asked()}
    assert asked[FUNCTION]["imageUri"] == f"{REPOSITORY}@{A}"
    assert set(asked) == {FUNCTION, ALIAS, *WATCHED}, "the alias moves as in every release, and nothing else is touched"
    assert (shop.history(), shop.output("digest")) == ([A, B, A], A)
    assert "the next up releases what Pulumi.prod.yaml says; to stay with this version:\nmodelport config set" in out

    assert shop.run("up", "--yes")[0] == Exit.DONE
    assert (shop.built(), shop.history()) == (["a", "b", "c"], [A, B, A, C])
    (shop.folder / "refused").write_text(ALIAS)
    assert shop.up("d")[0] == Exit.FAILED
    assert shop.history() == [A, B, A, C], "what AWS has rolled back is no version to return to"


def _of_ecs(made: Plan) -> object:
    (container,) = json.loads(made.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    return container["image"]


def _of_ec2(made: Plan) -> object:
    told = base64.b64decode(made.one("aws:ec2/launchTemplate:LaunchTemplate").inputs["userData"]).decode()
    return told.partition("IMAGE=")[2].partition("\\n")[0]


def _of_lambda(made: Plan) -> object:
    return made.one(FUNCTION).inputs["imageUri"]


def _of_sagemaker(made: Plan) -> object:
    return made.one("aws:sagemaker/model:Model").inputs["primaryContainer"]["image"]


TARGETS: list[tuple[StackFile, Callable[[Plan], object], str]] = [
    (test_aws_ecs.FILE, _of_ecs, "aws:ecs/service:Service::models"),
    (test_aws_ec2.FILE, _of_ec2, "modelport:InstanceRefresh::models"),
    (test_aws_lambda.FILE, _of_lambda, f"{ALIAS}::models"),
    (test_aws_sagemaker.FILE, _of_sagemaker, "aws:sagemaker/endpoint:Endpoint::models"),
]


@pytest.mark.parametrize(("file", "runs", "last"), TARGETS, ids=[file.target for file, _, _ in TARGETS])
def test_what_is_given_back_or_pinned_is_what_runs_and_is_written_down_behind_it(
    file: StackFile, runs: Callable[[Plan], object], last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = file.planned(tmp_path, release={"pin": B})
    assert (runs(pinned), pinned.one(RECORD).inputs["reference"]) == (f"{REPOSITORY}@{B}", f"{REPOSITORY}@{B}")
    elsewhere = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/before@{A}"
    monkeypatch.setenv("MODELPORT_RELEASE_PIN", elsewhere)
    found = file.planned(tmp_path, release={"pin": B})
    record = found.one(RECORD)
    assert (runs(found), record.inputs["reference"], record.inputs["version"]) == (elsewhere, elsewhere, "1")
    assert any(urn.endswith(last) for urn in record.request["dependencies"])
    assert record.inputs["waited"] is (file.target != "aws-ecs")


@pytest.mark.parametrize("file", [file for file, _, _ in TARGETS], ids=[file.target for file, _, _ in TARGETS])
def test_a_pin_is_a_whole_digest_as_a_plan_knows_no_history(file: StackFile, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as refused:
        file.spec(tmp_path, release={"pin": "3"})
    assert refused.value.lines == [
        f"Pulumi.{file.target}.yaml: release.pin is '3' with target {file.target}, expected the whole digest of a "
        "version, as sha256:...; modelport rollback --list --json has those that were released"
    ]


def test_what_an_up_did_not_wait_for_is_not_said_to_serve(capsys: pytest.CaptureFixture[str]) -> None:
    entry: Promotion = {"number": 1, "digest": A, "reference": f"x@{A}", "version": "", "at": "2026-01-01T12:00:00"}
    told = {"type": RECORD, "outputs": {"service": "models", "waited": False, "stable_digest": A, "history": [entry]}}
    rollback._show(rollback._chosen([told], Target(ROOT, "prod"), None), as_json=False)
    said = f"1 {A[:19]} of 2026-01-01 12:00  (released last; whether it held AWS knows)\n"
    assert capsys.readouterr().out == said


def test_a_stack_without_a_release_says_so() -> None:
    with pytest.raises(Failure, match="stack prod has released nothing, expected a version to return to; run modelpor"):
        rollback._chosen([{"type": MODEL, "outputs": {"digest": A}}], Target(ROOT, "prod"), None)


def test_on_this_machine_there_is_another_way(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rollback", "-s", "local", "-C", str(ROOT)])
    assert ended.value.code == Exit.BAD_INPUT
    assert capsys.readouterr().err == (
        "error: stack local runs on this machine, where a new version takes over at once and no history is kept, "
        "expected a target that releases; put the earlier model back into Pulumi.local.yaml and run modelport up -s "
        "local, which builds nothing that is in the cache\n"
    )
