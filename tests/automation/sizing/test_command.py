"""`modelport size`, from a stack file and a report to what is printed and written."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.drivers import Choice
from automation.exits import Failure
from automation.lifecycle import Request
from automation.sizing.command import Asked, size
from model_build import folders
from model_build.identity import identify
from model_build.recipe import Recipe
from model_build.report import Served
from stacks.spec import StackSpec
from tests.automation.shops import churn
from tests.model_build.report import samples

SERVED = Served(
    request="1 row as JSON, 417 bytes",
    requests=200,
    cpu_ms=0.64,
    cpu_sd_ms=0.1,
    cpu_p99_ms=1.35,
    p50_ms=0.88,
    p99_ms=4.7,
    master_bytes=61_000_000,
    worker_bytes=36_000_000,
)
MODEL = {"name": "churn", "source": "churn.onnx", "evaluate": {"data": "holdout.npz"}}
EC2: dict[str, Any] = {"account_id": "123456789012", "region": "us-east-1", "network": {"cidr": "10.30.0.0/16"}}


class Shop:
    """A project with one stack, whose model nobody has to build: its report is laid where a build leaves it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.file = root / "Pulumi.prod.yaml"
        (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (root / "stacks").mkdir()
        (root / "stacks" / "spec.py").touch()
        churn(root / "churn.onnx")
        (root / "holdout.npz").write_bytes(b"rows")
        self.write()

    def write(self, **sections: Any) -> None:
        given = {"target": "aws-ec2", "model": MODEL, "ec2": {**EC2, "instance": "auto"}, **sections}
        config = {f"modelport:{key}": value for key, value in given.items() if value is not None}
        self.file.write_text("# ours\n" + yaml.safe_dump({"config": config}, sort_keys=False))

    def report(self, **changes: Any) -> Path:
        identity = identify(json.loads(Recipe.parse(MODEL).canonical()), self.root).digest
        place = folders.report(identity)
        place.mkdir(parents=True, exist_ok=True)
        made = samples.classifier().model_copy(update={"identity": identity, "served": SERVED, **changes})
        (place / "report.html").write_text("<!doctype html>")
        (place / "report.json").write_text(made.dump())
        return place

    def size(self, *, as_json: bool = False, **flags: Any) -> None:
        assert size(Request(self.root, "prod", Choice.EMBEDDED, as_json=as_json), Asked(**flags)) == 0

    def refused(self, **flags: Any) -> str:
        with pytest.raises(Failure) as raised:
            self.size(**flags)
        return "\n".join(raised.value.messages)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}/state")
    (tmp_path / "shop").mkdir()
    return Shop(tmp_path / "shop")


def test_what_carries_a_load_is_told_with_what_was_measured_and_assumed(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.report()
    shop.size(rps=50, p99_ms=100)
    said = capsys.readouterr().out
    assert "measured: 0.64 ms of a core for a request, 1.35 ms for 99 of 100; the server has 61 MB" in said
    assert "a vCPU there does 0.5 of what a core here does (--speed)" in said
    assert "EC2 " in said and "Fargate " in said
    assert " for another processor (c" in said
    assert " not measured (" in said and "--measure FILE --url URL --machine TYPE asks a server there" in said
    assert "an estimate" in said
    assert "no prices of SageMaker in us-east-1, Vertex AI in us-central1" in said


def test_json_has_all_of_it_the_cheapest_first(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.report()
    shop.size(as_json=True, rps=50, cloud="gcp")
    told = json.loads(capsys.readouterr().out)
    costs = [each["dollars_per_hour"] for each in told["offers"]]
    assert costs == sorted(costs) and len(costs) > 20
    assert {each["target"] for each in told["offers"]} == {"gcp-compute", "gcp-cloudrun", "gcp-gke"}
    assert told["regions"] == {"gcp": "us-central1"}
    assert told["measured"]["cpu_ms"] == 0.64
    assert told["model"]["current"] is True
    assert all(each["prices"] for each in told["offers"])


def test_a_choice_is_written_once_and_then_stands(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.report()
    shop.write(load={"requests_per_second": 50, "p99_ms": 100})
    with pytest.raises(
        Exception, match=r"nothing is chosen for it yet, expected sized; run modelport size -s prod --write"
    ):
        StackSpec.from_file(shop.file)
    shop.size(write=True)
    first = shop.file.read_text()
    assert first.startswith("# ours\n")
    assert "Pulumi.prod.yaml: sized is 2 of t3a.micro, 1 worker on each" in capsys.readouterr().out
    spec = StackSpec.from_file(shop.file)
    assert spec.ec2 is not None
    assert (spec.ec2.instance.types, spec.ec2.instance.count, spec.ec2.instance.workers) == (("t3a.micro",), 2, 1)
    assert spec.chosen.startswith("ec2.instance is auto: 2 of t3a.micro, 1 worker on each, for 50 requests a second")
    shop.size(write=True)
    assert shop.file.read_text() == first


def test_a_record_of_what_is_hardly_dearer_is_kept(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.report()
    load = {"requests_per_second": 50}
    kept = {
        "target": "aws-ec2",
        "type": "t3.micro",
        "count": 2,
        "workers": 1,
        "load": load,
        "model": "0",
        "dollars_per_hour": 1,
    }
    shop.write(load=load, sized=kept)
    shop.size(write=True)
    assert "t3.micro is kept: t3a.micro would save 10%" in capsys.readouterr().out
    spec = StackSpec.from_file(shop.file)
    assert spec.sized is not None and spec.sized.type == "t3.micro"


def test_without_a_report_the_build_is_named(shop: Shop) -> None:
    assert shop.refused(rps=50) == (
        "stack prod has no report of churn as its file says it, expected what a build measured; "
        "run modelport build -s prod"
    )


def test_a_report_from_before_servers_were_measured_is_named(shop: Shop) -> None:
    place = shop.report(served=None)
    assert shop.refused(rps=50) == (
        "the report of digits 1 was made before Modelport measured its server, expected time and memory of a request; "
        f"remove {place} and run modelport build -s prod"
    )


def test_a_server_that_could_not_be_measured_says_why(shop: Shop) -> None:
    shop.report(served=None, unserved="the image is for arm64")
    assert "has no figures of its server (the image is for arm64)" in shop.refused(rps=50)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "--rps is missing and Pulumi.prod.yaml has no load, expected the requests of a second; for example --rps 50"),
    ({"rps": 0}, "--rps is 0, expected requests a second, above 0; for example --rps 50"),
    ({"rps": -1, "headroom": 1}, "--rps is -1, expected requests a second, above 0; for example --rps 50\n"
     "--headroom is 1, expected a share from 0 to 0.95; for example --headroom 0.3"),
    ({"rps": float("nan")}, "--rps is nan, expected requests a second, above 0; for example --rps 50"),
    ({"rps": 50, "regions": ("mars",)},
     "--region is 'mars', expected one of AWS or Google Cloud; for example --region eu-central-1"),
    ({"rps": 50, "cloud": "aws", "regions": ("us-gov-east-1",)},
     "the book has no price of anything in us-gov-east-1 that could run a model, expected some; run modelport prices "
     "--update --region us-gov-east-1"),
    ({"rps": 50, "write": True},
     "Pulumi.prod.yaml: load is missing, expected what ec2.instance is chosen for; write modelport:load: "
     "{requests_per_second: 50}"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "line"), WRONG, ids=[line[:40] for _, line in WRONG])
def test_what_cannot_be_told_is_one_line_with_its_fix(shop: Shop, flags: dict[str, Any], line: str) -> None:
    shop.report()
    assert shop.refused(**flags) == line


def test_a_load_that_nothing_carries_says_which_limit_and_by_how_much(shop: Shop) -> None:
    shop.report()
    said = shop.refused(rps=50, p99_ms=1, cloud="gcp")
    assert said.startswith("nothing in us-central1 carries 50 requests a second: the nearest of ")
    assert said.endswith(
        "answers 99 of 100 in 2.7 ms at best, expected 1; raise --p99-ms, or let the build search for a faster form of "
        "the model"
    )
    shop.report(served=SERVED.model_copy(update={"worker_bytes": 10**12}))
    said = shop.refused(rps=50, cloud="gcp")
    assert "MiB for the model, which needs 953988; take fewer workers, or a smaller model" in said


def test_nothing_is_written_that_the_file_does_not_ask_for(shop: Shop) -> None:
    shop.report()
    shop.write(load={"requests_per_second": 50})
    assert "load differs from the flags, expected the same with --write" in shop.refused(rps=60, write=True)
    shop.write(ec2=EC2, load={"requests_per_second": 50})
    before = shop.file.read_text()
    assert "ec2.instance says its machines itself, expected auto with --write" in shop.refused(write=True)
    assert shop.file.read_text() == before


def test_a_region_without_prices_of_what_the_stack_runs_on_names_the_command_that_reads_them(shop: Shop) -> None:
    shop.report()
    shop.write(ec2={**EC2, "region": "eu-central-1", "instance": "auto"}, load=LOAD)
    before = shop.file.read_text()
    assert shop.refused(write=True) == (
        "Pulumi.prod.yaml: the book has no price of what aws-ec2 runs on in eu-central-1, expected some to choose "
        "from; run modelport prices --update --region eu-central-1, or write the type"
    )
    assert shop.file.read_text() == before


LOAD = {"requests_per_second": 50, "p99_ms": 100}
FUNCTION: dict[str, Any] = {"account_id": "123456789012", "region": "us-east-1", "memory": "auto"}


def test_the_memory_of_a_function_is_chosen(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.report()
    shop.write(target="aws-lambda", ec2=None, function=FUNCTION, load=LOAD)
    shop.size(write=True)
    said = capsys.readouterr().out
    spec = StackSpec.from_file(shop.file)
    assert spec.function is not None and spec.sized is not None
    assert spec.function.memory == spec.sized.memory == 768
    assert "Pulumi.prod.yaml: sized is 768 MB, of which 1 answers at once" in said


def test_pods_of_a_cluster_that_is_there_are_chosen(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.report()
    image = {"push": "registry.example.com/churn"}
    shop.write(target="kubernetes", ec2=None, service={"resources": "auto"}, load=LOAD, image=image)
    shop.size(write=True)
    assert "in the cluster of prod: 2 pods of 250m, 96 MiB set aside" in capsys.readouterr().out
    service = StackSpec.from_file(shop.file).service
    assert (service.replicas, service.workers) == (2, 1)
    assert service.resources.model_dump() == {
        "cpu": "250m", "memory": "96Mi", "cpu_limit": "1", "memory_limit": "352Mi"
    }  # fmt: skip


def test_pods_and_nodes_of_a_cluster_that_is_made_are_chosen(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    shop.report()
    root = Path(__file__).parents[3]
    config = yaml.safe_load((root / "Pulumi.gcp-gke.yaml").read_text())["config"]
    gcp = config["modelport:gcp"] | {"region": "us-central1"}
    gcp["network"].pop("zones", None)
    sections = {"target": "gcp-gke", "ec2": None, "service": {"resources": "auto"}, "load": LOAD}
    gcp["cluster"] = {key: value for key, value in gcp["cluster"].items() if key not in ("min", "max", "machine_type")}
    shop.write(**sections, gcp={**gcp, "cluster": gcp["cluster"] | {"machine_type": "auto"}})
    shop.size(write=True)
    spec = StackSpec.from_file(shop.file)
    assert spec.gcp is not None and spec.sized is not None
    assert spec.gcp.cluster.machine_type == spec.sized.type == "n1-standard-1"
    assert (spec.gcp.cluster.min, spec.service.replicas) == (2, 2)
    assert "of GKE, the target of prod:" in capsys.readouterr().out
    # Nodes that the file names are kept, and pods chosen for them.
    shop.write(**sections, gcp={**gcp, "cluster": gcp["cluster"] | {"machine_type": "n2-standard-4"}})
    shop.size(write=True)
    assert "on 2 of n2-standard-4, 1 worker on each" in capsys.readouterr().out
    # A pod that has a little more than it needs is left as it is.
    held = shop.file.read_text().replace("memory: 96Mi", "memory: 112Mi")
    shop.file.write_text(held)
    shop.size(write=True)
    assert shop.file.read_text() == held
    capsys.readouterr()
    autopilot = {**gcp, "cluster": {key: value for key, value in gcp["cluster"].items() if key != "disk_gib"}}
    autopilot["cluster"] |= {"kind": "autopilot"}
    autopilot.pop("gpu", None)
    autopilot.pop("load_balancer", None)
    shop.write(**sections, gcp=autopilot)
    assert "gcp.cluster.kind is autopilot, expected standard with auto" in shop.refused(write=True)
