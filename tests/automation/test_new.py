"""`modelport new` by flags: the file that it writes, and what a preview says to it."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.exits import Exit
from stacks.spec import StackSpec
from stacks.specs.targets import TARGETS
from tests.automation.conftest import Project
from tests.automation.shops import churn, shop
from tests.tools.certificates import Certificate
from tests.tools.web import Page, Web

GIVEN = ("--model", "models/churn.onnx", "--data", "models/holdout.npz")


@pytest.fixture
def project(make_project: Callable[[], Project]) -> Project:
    return shop(make_project())


def refused(project: Project, *words: str, env: dict[str, str] | None = None) -> str:
    """The one line that it ends with; no file has come or gone."""
    before = {path: path.read_bytes() for path in project.root.glob("Pulumi.*")}
    done = project.run("new", *words, env=env)
    assert {path: path.read_bytes() for path in project.root.glob("Pulumi.*")} == before
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (Exit.BAD_INPUT, "", 1), done.stderr
    return done.stderr.removeprefix("error: ").rstrip()


def written(project: Project, stack: str, *words: str) -> dict[str, Any]:
    """The file's config, by key without namespace."""
    done = project.run("new", *words, "--stack", stack)
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    config = yaml.safe_load((project.root / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("modelport:"): value for key, value in config.items()}


def test_a_model_and_data_of_a_web_server_are_looked_at(project: Project, signer: Certificate) -> None:
    server = Web(signer)
    given = [server.put(f"/v/{name}", Page((project.root / "models" / name).read_bytes()))
             for name in ("churn.onnx", "holdout.npz")]  # fmt: skip
    project.environment["SSL_CERT_FILE"] = str(signer.certificate_file)
    config = written(project, "away", "--model", given[0], "--data", given[1], "--target", "local")
    server.stop()
    assert [config["model"]["source"], config["model"]["evaluate"]["data"]] == given
    assert config["model"]["name"] == written(project, "here", *GIVEN, "--target", "local")["model"]["name"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_preview_takes_what_is_written_for_every_target(project: Project, target: str) -> None:
    done = project.run("new", *GIVEN, "--target", target, "--json")
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    told = json.loads(done.stdout)
    assert (told["stack"], told["target"]) == (target, target)

    spec = StackSpec.from_file(Path(told["file"]))
    assert (spec.target, spec.model.name, spec.model.source) == (target, "churn", "models/churn.onnx")

    text = Path(told["file"]).read_text()
    marked = re.findall(r"^ *([\w:]+): .*# fill in: (.+)$", text, re.MULTILINE)
    named = [(need["key"].rpartition(".")[2], need["what"]) for need in told["fill_in"]]
    assert named == [(key.removeprefix("modelport:"), what) for key, what in marked]
    assert bool(marked) == (target != "local")

    shown = project.run("preview", "-s", target, "--json")
    assert (shown.returncode, shown.stderr) == (Exit.DONE, "")
    assert json.loads(shown.stdout)["changeSummary"]["create"] >= 4


def test_a_file_says_what_differs_from_the_defaults_and_nothing_else(project: Project) -> None:
    written(project, "shop", *GIVEN, "--target", "aws-lambda", "--set", "function.region=eu-west-1")
    assert (project.root / "Pulumi.shop.yaml").read_text() == (
        "# churn on target aws-lambda, as `modelport new` wrote it.\n"
        "# It answers signed requests at a URL of its own; function.api gives it API keys.\n"
        "config:\n"
        "  modelport:target: aws-lambda\n"
        "  modelport:model:\n"
        "    name: churn\n"
        "    source: models/churn.onnx\n"
        "    evaluate:\n"
        "      data: models/holdout.npz\n"
        "      # the gate: so much accuracy may be lost; `min: 0.9` says what is enough at all\n"
        "      max_drop: 0.01\n"
        "  modelport:function:\n"
        '    account_id: "123456789012"  # fill in: the AWS account, twelve digits\n'
        "    region: eu-west-1\n"
    )


def test_what_the_model_says_of_itself_is_told(project: Project) -> None:
    told = json.loads(project.run("new", *GIVEN, "--target", "local", "--json").stdout)
    assert told["model"] == [
        "ONNX, opset 21",
        "takes features float [batch, 4]",
        "gives probabilities float [batch, 3]",
        "measured on 30 rows of models/holdout.npz",
    ]


def test_a_stack_that_is_there_is_left_alone(project: Project) -> None:
    written(project, "mine", *GIVEN, "--target", "local")
    assert refused(project, *GIVEN, "--target", "aws-ecs", "--stack", "mine", "--yes") == (
        "Pulumi.mine.yaml is there already, expected a stack that is new; choose another --stack, or change that file "
        "by hand"
    )


def test_a_link_that_leads_nowhere_is_not_written_through(project: Project, tmp_path: Path) -> None:
    (project.root / "Pulumi.mine.yaml").symlink_to(tmp_path / "elsewhere")
    done = project.run("new", *GIVEN, "--target", "local", "--stack", "mine")
    assert (done.returncode, (tmp_path / "elsewhere").exists()) == (Exit.BAD_INPUT, False)


def test_all_that_is_missing_is_one_line(project: Project) -> None:
    assert refused(project) == (
        "--model and --target are missing, expected by flag where nobody is asked; here are models/churn.onnx; "
        "add --model FILE --target local"
    )
    assert refused(project, "--model", "models/churn.onnx", "--target", "local") == (
        "--data is missing, expected real inputs with labels, a .npz or .csv file or module:function, as nothing is "
        "served that was not measured; models/holdout.npz would do; add --data models/holdout.npz"
    )


def test_yes_takes_the_only_data_that_fits_the_model(project: Project) -> None:
    (project.root / "models" / "other.csv").write_text("a,b,y\n1,2,0\n")
    found = written(project, "mine", "--model", "models/churn.onnx", "--target", "local", "--yes")
    assert found["model"]["evaluate"]["data"] == "models/holdout.npz"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--target", "aws-ec"),
            "--target is 'aws-ec', expected one of local, kubernetes, .*; did you mean aws-ecs[?]",
        ),
        (("--target", "local", "--stack", "../evil"), r"--stack is '\.\./evil', expected at most 100 letters"),
        (("--target", "local", "--stack=-x"), "--stack is '-x', expected at most 100 letters"),
        (("--target", "local", "--set", "port"), "--set is 'port', expected KEY=VALUE; for example"),
        (("--target", "local", "--set", "endpoint.prt=1"), "Pulumi.local.yaml: unknown key 'prt' under endpoint, did"),
        (("--target", "local", "--set", "endpoint=1", "--set", "endpoint.port=1"), "--set endpoint.port is inside of"),
        (("--target", "local", "--set", "a..b=1"), r"--set a\.\.b is no key, expected one as model"),
        (
            ("--target", "local", "--set", "service.replicas=2"),
            "Pulumi.local.yaml: service is set with target local, .*",
        ),
        (
            ("--target", "local", "--set", "model.evaluate.min=97.5"),
            "Pulumi.local.yaml: model.evaluate.min is 97.5, .*",
        ),
        (("--target", "local", "--set", "endpoint.port=[1"), r"--set endpoint.port is '\[1', expected a value in YAML"),
        (("--target", "aws-ecs", "--set", "ecs.region=eu-central-9"), "Pulumi.aws-ecs.yaml: ecs.region is 'eu-central"),
        (("--target", "local", "--set", "target=local"), "--target is given beside --set target, expected one of them"),
    ],
)
def test_what_no_stack_file_can_say_is_refused(project: Project, words: tuple[str, ...], said: str) -> None:
    assert re.match(said, refused(project, *GIVEN, *words))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            "models/churm.onnx",
            "--model is 'models/churm.onnx', and there is no such file, did you mean 'churn.onnx'[?]",
        ),
        ("models/broken.onnx", "source 'models/broken.onnx' is not an ONNX model"),
        ("models/cut.onnx", "source .* ends in the middle of a model"),
        ("models/churn.pkl", "source is 'models/churn.pkl', a pickle, which runs code of its author .* trust: true"),
        ("nowhere:pipeline", "source is 'nowhere:pipeline', but there is no module"),
        ("package:nowhere/model.onnx", "source is 'package:nowhere/model.onnx', but no package 'nowhere' is installed"),
    ],
)
def test_a_model_that_cannot_be_built_is_refused(project: Project, model: str, said: str) -> None:
    models = project.root / "models"
    (models / "broken.onnx").write_bytes(b"no model at all")
    (models / "cut.onnx").write_bytes((models / "churn.onnx").read_bytes()[:-20])
    (models / "churn.pkl").write_bytes(b"\x80\x04.")
    assert re.match(said, refused(project, "--model", model, "--data", "models/holdout.npz", "--target", "local"))


def test_a_pickle_that_is_trusted_is_taken_and_not_loaded(project: Project) -> None:
    (project.root / "models" / "churn.pkl").write_bytes(b"\x80\x04.")
    found = written(project, "mine", "--model", "models/churn.pkl", *GIVEN[2:], "--target", "local",
                    "--set", "model.trust=true")  # fmt: skip
    assert (found["model"]["source"], found["model"]["trust"]) == ("models/churn.pkl", True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "a,b,y\n1,2,0\n",
            "evaluate.data models/odd.csv: features has the shape [1, 2], expected what the model takes, ",
        ),
        ("a,b,c,d\n1,2,3,4\n", "evaluate.data models/odd.csv has columns a, b, c, d, expected one called y"),
        ("", "evaluate.data models/odd.csv is empty, expected a header and at least one row"),
    ],
)
def test_data_that_the_model_cannot_be_measured_on_is_refused(project: Project, content: str, said: str) -> None:
    (project.root / "models" / "odd.csv").write_text(content)
    told = refused(project, "--model", "models/churn.onnx", "--data", "models/odd.csv", "--target", "local")
    assert told.startswith(said)


def test_labels_that_are_no_whole_numbers_are_measured_as_numbers(project: Project) -> None:
    (project.root / "models" / "prices.csv").write_text("a,b,c,d,y\n1,2,3,4,0.5\n2,3,4,5,1.25\n")
    found = written(project, "mine", *GIVEN[:2], "--data", "models/prices.csv", "--target", "local")
    assert found["model"]["evaluate"] == {"data": "models/prices.csv", "metric": "r2", "max_drop": 0.01}


def test_of_several_outputs_the_first_is_named(project: Project) -> None:
    churn(project.root / "models" / "two.onnx", outputs=("scores", "embedding"))
    found = written(project, "mine", "--model", "models/two.onnx", *GIVEN[2:], "--target", "local")
    assert found["model"]["evaluate"]["output"] == "scores"
    assert "# it gives scores, embedding: this one is measured\n" in (project.root / "Pulumi.mine.yaml").read_text()


def test_values_are_of_the_kind_that_the_key_wants(project: Project) -> None:
    words = ["ecs.account_id=210987654321", "ecs.task.cpu=512", "model.version=1.10", "ecs.tags={team: shop}"]
    words += ["ecs.wait=true", "modelport:model.evaluate.min=0.5"]
    flags = [part for word in words for part in ("--set", word)]
    found = written(project, "mine", *GIVEN, "--target", "aws-ecs", *flags)
    assert found["ecs"] == {
        "account_id": "210987654321",
        "region": "eu-central-1",
        "task": {"cpu": 512},
        "tags": {"team": "shop"},
        "wait": True,
    }
    assert (found["model"]["version"], found["model"]["evaluate"]["min"]) == ("1.10", 0.5)


def test_a_model_of_another_stack_is_taken_as_it_is_there(project: Project) -> None:
    written(project, "first", *GIVEN, "--target", "local", "--set", "model.evaluate.min=0.5")
    again = written(project, "second", "--model", "churn", "--target", "aws-ecs")
    first = yaml.safe_load((project.root / "Pulumi.first.yaml").read_text())["config"]["modelport:model"]
    assert again["model"] == first


def test_a_stack_that_says_half_of_a_model_is_told_to_be_corrected(project: Project) -> None:
    (project.root / "Pulumi.half.yaml").write_text("config: {'modelport:model': {name: half}}\n")
    told = refused(project, "--model", "half", "--target", "aws-ecs")
    assert told.startswith("Pulumi.half.yaml: model.source is missing, expected where the model comes from")


def test_what_is_set_stands_where_it_would_be_asked_for(project: Project) -> None:
    words = ["aws.cluster.admins.me=arn:aws:iam::210987654321:user/me", "aws.name=shop", "aws.account_id=210987654321"]
    flags = [part for word in words for part in ("--set", word)]
    found = written(project, "mine", *GIVEN, "--target", "aws-eks", *flags)
    assert list(found["aws"]) == ["account_id", "region", "cluster", "name"]
    assert found["aws"]["cluster"]["admins"] == {"me": "arn:aws:iam::210987654321:user/me"}


def test_the_commands_name_the_project_where_the_shell_is_elsewhere(project: Project, tmp_path: Path) -> None:
    outside = Project(tmp_path, project.environment)
    done = outside.run("new", "-C", str(project.root), *GIVEN, "--target", "local", "--stack", "mine", "--json")
    assert done.returncode == Exit.DONE, done.stderr
    shown = subprocess.run(json.loads(done.stdout)["next"][0], shell=True, cwd=tmp_path, env=project.environment)
    assert shown.returncode == Exit.DONE


def test_doctor_is_asked_once_there_is_a_passphrase(project: Project) -> None:
    project.environment.pop("PULUMI_CONFIG_PASSPHRASE")
    done = project.run("new", *GIVEN, "--target", "aws-ecs", "--stack", "prod", "--json")
    words = ["preview -s", "PASSPHRASE_FILE=", "doctor -s", "up -s"]
    commands = json.loads(done.stdout)["next"]
    assert [word for line in commands for word in words if word in line] == words


def test_a_port_that_another_stack_has_is_not_taken_again(project: Project) -> None:
    first = written(project, "first", *GIVEN, "--target", "local")
    second = written(project, "second", *GIVEN, "--target", "local")
    ports = [each.get("endpoint", {}).get("port", 8080) for each in (first, second)]
    assert len(set(ports)) == 2


def test_paths_are_the_shells_and_become_the_projects(project: Project) -> None:
    inside = Project(project.root / "models", project.environment)
    done = inside.run("new", "--model", "churn.onnx", "--data", "./holdout.npz", "--target", "local", "--stack", "mine")
    assert done.returncode == Exit.DONE
    config = yaml.safe_load((project.root / "Pulumi.mine.yaml").read_text())["config"]
    assert config["modelport:model"]["source"] == "models/churn.onnx"
    assert config["modelport:model"]["evaluate"]["data"] == "models/holdout.npz"


def test_a_name_of_a_file_does_nothing_to_the_yaml(project: Project) -> None:
    odd = "models/a: b #c [1].onnx"
    shutil.copy(project.root / "models" / "churn.onnx", project.root / odd)
    found = written(project, "mine", "--model", odd, *GIVEN[2:], "--target", "local")
    assert (found["model"]["name"], found["model"]["source"]) == ("a-b-c-1", odd)


def test_a_folder_without_stacks_of_modelports_is_told_what_is_needed(project: Project) -> None:
    shutil.rmtree(project.root / "stacks")
    done = project.run("new", *GIVEN, "--target", "local")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (Exit.MISSING, "", 1)
    assert "has no stacks of Modelport's, expected a folder `stacks`" in done.stderr
