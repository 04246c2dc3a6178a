"""A real server of a model is asked for what its machine does, and the file is reckoned with."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from automation.exits import Failure
from automation.sizing import measuring
from automation.sizing.measuring import Place, Unanswered
from model_build import pipeline
from model_build.recipe import Recipe
from model_build.work import Work
from tests.automation.shops import churn
from tests.automation.sizing.test_command import MODEL, Shop
from tests.serving.support import Server


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """With rows to ask for: candidates of the model are really measured, and its server really runs."""
    root = tmp_path_factory.mktemp("measuring")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_DATA_DIR", str(root / "data"))
        patch.setenv("PULUMI_BACKEND_URL", f"file://{root}/state")
        patch.setattr(measuring, "SECONDS", 0.1)
        patch.setattr(measuring, "CALLERS", (1, 2))
        (root / "shop").mkdir()
        made = Shop(root / "shop")
        rows = np.random.default_rng(7).normal(size=(30, 4)).astype(np.float32)
        weights = churn(made.root / "churn.onnx")
        np.savez(made.root / "holdout.npz", X=rows, y=(rows @ weights).argmax(axis=1))
        made.report()
        yield made


@pytest.fixture(scope="module")
def server(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    work = Work.on(Recipe.parse(MODEL), shop.root)
    model = pipeline.model_folder(work, *pipeline.candidate(work))
    with closing(Server(tmp_path_factory.mktemp("server"), model, "--workers", "1")) as made:
        yield made


def test_what_a_machine_does_is_written_and_reckoned_with(
    shop: Shop, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    # The report's own name is another's; the server has the model's.
    shop.report(name="churn")
    shop.size(measure=Path("there.json"), url=server.url, machine="c7i.large")
    said = capsys.readouterr()
    assert "there.json: c7i.large answers " in said.out and "1 caller: " in said.err
    written: dict[str, Any] = json.loads((shop.root / "there.json").read_text())
    assert written["steps"][0]["callers"] == 1
    assert all(step["requests"] >= 20 and step["p99_ms"] >= step["p50_ms"] for step in written["steps"])
    shop.size(rps=1, cloud="aws", measured=(Path("there.json"),), as_json=True)
    told = json.loads(capsys.readouterr().out)
    basis = {each["basis"] for each in told["offers"] if each["size"] == "c7i.xlarge" and each["target"] == "aws-ec2"}
    assert basis == {"measured on c7i.large"}
    assert told["machines"][0]["machine"] == "c7i.large"
    shop.size(rps=1, cloud="aws", every=True, measured=(Path("there.json"),))
    said = capsys.readouterr()
    assert "c7i.large *" in said.out and "* by what was measured of c7i.large on 2" in said.out


def test_a_server_of_another_model_is_told(shop: Shop, server: Server) -> None:
    with pytest.raises(Unanswered, match=r"^answers 404 to /v2/models/other/infer \(.*\), expected 200"):
        measuring.run(Place.parse(server.url, "other"), [b"{}"], print)


@pytest.mark.parametrize("answer", [b"HTTP/1.0 500 no\r\n\r\n\x1b[2Jno", b"\x1b[2J\x07\r\n"])
def test_what_a_server_says_does_nothing_to_a_terminal(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        Thread(target=serve, daemon=True).start()
        with pytest.raises(Unanswered) as raised:
            measuring.run(Place.parse(f"http://127.0.0.1:{server.getsockname()[1]}", "m"), [b"{}"], print)
    assert str(raised.value).isprintable()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"url": "http://127.0.0.1:9"}, "--machine is missing beside --measure"),
    ({"machine": "g6.xlarge"}, "--url is missing beside --measure"),
    ({"url": "127.0.0.1:9", "machine": "g6.xlarge"}, "--url is '127.0.0.1:9', expected where a server of the model"),
    ({"url": "http://127.0.0.1:9", "machine": "mine"}, "--machine is 'mine', expected the type of the machine"),
    ({"url": "http://127.0.0.1:9", "machine": "c7g.large"},
     "--machine is c7g.large, which is arm64, expected what the image is for, amd64; add linux/arm64 to"),
    ({"url": "http://127.0.0.1:9", "machine": "g6.xlarge", "measure": Path("no/there.json")},
     "--measure is "),
    ({"url": "http://127.0.0.1:9", "machine": "g6.xlarge", "measure": Path("Pulumi.prod.yaml")},
     "--measure is "),
    ({"url": "http://127.0.0.1:9", "measure": None}, "--url is given without --measure"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "line"), WRONG, ids=[line[:24] for _, line in WRONG])
def test_what_cannot_be_measured_is_told_before_anything_is_asked(shop: Shop, flags: dict[str, Any], line: str) -> None:
    assert shop.refused(**{"measure": Path("never.json"), **flags}).startswith(line)
    assert not (shop.root / "never.json").exists()


def test_a_server_that_is_not_there_is_one_line(shop: Shop) -> None:
    shop.report(name="churn")
    with pytest.raises(Failure) as raised:
        shop.size(measure=Path("never.json"), url="http://127.0.0.1:9", machine="g6.xlarge")
    assert list(raised.value.messages) == [
        "http://127.0.0.1:9: does not answer (connection refused), expected one that does; "
        "--url names a server of churn"
    ]
