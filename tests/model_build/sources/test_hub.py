"""Models of the Hugging Face Hub, by its own client, from a mirror on loopback that can do wrong."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import huggingface_hub
import pytest
from huggingface_hub import constants

from model_build import content, plan, provenance
from model_build.errors import DataError, ModelBuildError, SourceError
from model_build.identity import identify
from model_build.recipe import Recipe
from model_build.sources import Finder, Source, downloads, find, hub_files, model_name
from model_build.sources import web as reading
from model_build.sources.remote import File, UnreachedError
from model_build.work import Work
from tests.model_build import models
from tests.tools.hub import TOKEN, Hub, Repository

ONNX = models.linear()
NAME = "acme/tiny"


@pytest.fixture(scope="module")
def server() -> Iterator[Hub]:
    made = Hub()
    yield made
    made.stop()


@pytest.fixture
def hub(server: Hub, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub without repositories; a home of the client's without a token; nobody waits between tries."""
    server.heal()
    server.repositories.clear()
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    # The client reads its environment once, when it is imported.
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    template = server.address + constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants._HF_DEFAULT_ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0)
    return server


@pytest.fixture
def repository(hub: Hub) -> Repository:
    made = hub.repository(NAME)
    made.commit(
        {
            "README.md": b"# tiny",
            "config.json": b'{"model_type": "tiny"}',
            "modeling_tiny.py": b"raise SystemExit('code of the repository ran')",
            "onnx/model.onnx": ONNX,
            "onnx/model.onnx_data": b"weights" * 1000,
            "pytorch_model.bin": b"a pickle",
            "model.pkl": b"another",
        }
    )
    return made


def on(path: Path) -> Source:
    return find(f"hf://{NAME}@main", path, "source")


def test_the_model_and_what_belongs_to_it_are_fetched_and_nothing_else(
    hub: Hub, repository: Repository, tmp_path: Path
) -> None:
    found = on(tmp_path)
    assert found.path is not None and model_name(found) == "model.onnx"
    assert sorted(p.name for p in found.path.iterdir()) == ["model.onnx", "model.onnx_data"]
    assert hub.fetched() == ["onnx/model.onnx", "onnx/model.onnx_data"]
    assert not any(request.path.startswith("/api/agent") for request in hub.requests)


def test_it_is_the_same_as_a_copy_on_this_machine(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(ONNX)
    (tmp_path / "model.onnx_data").write_bytes(b"weights" * 1000)
    assert on(tmp_path).parts() == find("model.onnx", tmp_path, "source").parts()


def test_a_branch_is_followed_and_what_it_names_now_is_told_by_its_commit(
    hub: Hub, repository: Repository, tmp_path: Path
) -> None:
    first = on(tmp_path)
    second = repository.commit({"model.onnx": models.linear(seed=1)})
    again = on(tmp_path)
    assert first.pinned is not None and again.pinned is not None
    assert (first.pinned.version != second, again.pinned.version) == (True, second)
    assert first.parts() != again.parts()


def test_a_new_commit_of_the_same_model_is_the_same_model(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    first = on(tmp_path).parts()
    files = repository.commits[repository.refs["main"]]
    repository.commit({**files, "README.md": b"# tiny, with a word more"})
    assert on(tmp_path).parts() == first


def test_a_commit_that_is_known_is_not_asked_for_again(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    address = f"hf://{NAME}@{repository.refs['main']}"
    first = find(address, tmp_path, "source")
    hub.requests.clear()
    assert find(address, tmp_path, "source") == first
    assert hub.requests == []


def test_a_tag_is_a_revision_and_so_is_one_with_a_slash_in_its_name(
    hub: Hub, repository: Repository, tmp_path: Path
) -> None:
    sha = repository.refs["main"]
    repository.refs |= {"v1.0": sha, "team/next": sha, "refs/pr/1": sha}
    for revision in ("v1.0", "team%2Fnext", "refs/pr/1"):
        found = find(f"hf://{NAME}@{revision}/onnx/model.onnx", tmp_path, "source")
        assert found.pinned is not None and found.pinned.version == sha


def test_a_preview_fetches_no_model_and_knows_its_content(hub: Hub, tmp_path: Path) -> None:
    files = {"model.safetensors": b"weights" * 99, "config.json": b"{}", "tokenizer.json": b"[]", "vocab.txt": b"a"}
    hub.repository(NAME).commit(files)
    found = Finder(tmp_path, fetch=False)(f"hf://{NAME}@main", "source")
    assert hub.fetched() == ["config.json", "tokenizer.json"]
    assert found.path is None and found.pinned is not None
    del files["vocab.txt"]
    assert found.pinned.files == {name: content.of_bytes(body) for name, body in files.items()}
    assert on(tmp_path).parts() == found.parts()


def test_a_model_that_the_hubs_own_cache_has_is_not_fetched(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    for name in ("onnx/model.onnx", "onnx/model.onnx_data"):
        huggingface_hub.hf_hub_download(NAME, name, endpoint=hub.address, cache_dir=constants.HF_HUB_CACHE)
    hub.requests.clear()
    assert on(tmp_path).path is not None
    assert hub.fetched() == []


def test_a_damaged_file_of_the_hubs_own_cache_is_fetched_anew(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    cached = Path(
        huggingface_hub.hf_hub_download(NAME, "onnx/model.onnx", endpoint=hub.address, cache_dir=constants.HF_HUB_CACHE)
    ).resolve()
    cached.write_bytes(bytes(len(ONNX)))
    found = on(tmp_path)
    assert found.path is not None and (found.path / "model.onnx").read_bytes() == ONNX


def test_offline_the_hubs_own_cache_is_all_there_is(
    hub: Hub, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huggingface_hub.hf_hub_download(NAME, "model.pkl", endpoint=hub.address, cache_dir=constants.HF_HUB_CACHE)
    hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = on(tmp_path)
    assert found.path is not None and found.path.read_bytes() == b"another"
    assert found.pinned is not None and found.pinned.version == repository.refs["main"]
    with pytest.raises(UnreachedError, match="HF_HUB_OFFLINE forbids to ask for it, and the Hub's cache has no such"):
        find("hf://acme/other@main", tmp_path, "source")
    assert hub.requests == []


@pytest.mark.parametrize("fault", ["hang_after", "cut_after"])
def test_a_hub_that_stops_half_way_is_one_error_and_the_next_run_goes_on_there(
    hub: Hub, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    body = ONNX + bytes(300_000)
    hub.repository(NAME).commit({"model.onnx": body})
    monkeypatch.setattr(reading, "TIMEOUT", httpx.Timeout(0.2))
    setattr(hub, fault, 100_000)
    with pytest.raises(UnreachedError, match=r"could not be fetched: .*, after 0\.1 MB; run it again") as error:
        on(tmp_path)
    assert "Signature" not in str(error.value)
    assert [p.name for p in (own_cache / "sources").iterdir() if not p.name.startswith(".")] == []
    hub.heal()
    found = on(tmp_path)
    assert found.path is not None and found.path.read_bytes() == body
    assert [request.begins for request in hub.requests if request.path.startswith("/storage/")] == [100_000]


def test_other_bytes_than_the_hub_tells_of_are_refused(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    hub.instead["onnx/model.onnx"] = ONNX[:-1] + b"!"
    want = hashlib.sha256(ONNX).hexdigest()
    with pytest.raises(SourceError, match=rf"'model\.onnx' has the SHA-256 \w+, expected {want}"):
        on(tmp_path)
    hub.heal()
    assert on(tmp_path).path is not None


def test_a_small_file_that_is_not_gits_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.repository(NAME).commit({"model.safetensors": b"weights", "config.json": b"{}"})
    hub.instead["config.json"] = b"[]"
    with pytest.raises(SourceError, match=r"of which 'config\.json' is not what its commit says \(git names it"):
        on(tmp_path)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hf://acme/none@main", r"has no model 'acme/none', or it wants a token; .* set HF_TOKEN or run hf auth login"),
        ("hf://acme/tiny@v9", "acme/tiny has no revision 'v9'; look at http://127.0.0.1:.*/acme/tiny for its branches"),
        (f"hf://acme/tiny@{'0' * 40}", "has no revision '0000"),
        ("hf://acme/tiny@main/model.onnx", r"no file or folder 'model\.onnx'; did you mean 'onnx/model\.onnx'\?"),
        ("hf://acme/tiny", "names no revision, expected hf://ORG/NAME@REVISION .*; write @ and a commit, or @main"),
        ("hf://tiny@main", r"source is 'hf://tiny@main', expected hf://ORG/NAME@REVISION"),
        ("hf://alice:secret@acme/tiny@main", r"source is 'hf://acme/tiny@main', expected"),
        ("hf://datasets/acme/tiny@main/data.csv", "expected hf://ORG/NAME@REVISION"),
    ],
)
def test_what_cannot_be_meant_is_one_error(
    hub: Hub, repository: Repository, tmp_path: Path, address: str, said: str
) -> None:
    with pytest.raises(SourceError, match=said) as error:
        find(address, tmp_path, "source")
    assert "secret" not in str(error.value)


def test_a_repository_without_a_model_that_is_read_here_says_what_it_has(hub: Hub, tmp_path: Path) -> None:
    hub.repository(NAME).commit({"README.md": b"#", "model.gguf": b"", "pytorch_model.bin": b"", "config.json": b""})
    said = (
        r"no model of a format that is read here, expected one of \.onnx, .*; it has model\.gguf, pytorch_model\.bin;"
    )
    with pytest.raises(SourceError, match=said):
        on(tmp_path)


def test_several_models_are_named_and_one_is_taken_by_its_path(hub: Hub, tmp_path: Path) -> None:
    hub.repository(NAME).commit({"a.onnx": ONNX, "b.onnx": models.linear(seed=2)})
    with pytest.raises(SourceError, match=r"with 2 models \(a\.onnx, b\.onnx\), expected one called model; name the"):
        on(tmp_path)
    found = find(f"hf://{NAME}@main/b.onnx", tmp_path, "source")
    assert found.parts() == {"content": content.of_bytes(models.linear(seed=2))}


def test_a_file_by_its_path_may_be_data(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    found = find(f"hf://{NAME}@main/config.json", tmp_path, "evaluate.data")
    assert found.path is not None and found.path.read_bytes() == b'{"model_type": "tiny"}'
    with pytest.raises(
        DataError, match=r"evaluate\.data is 'hf://acme/tiny@main/no\.csv', but it has no file or folder"
    ):
        find(f"hf://{NAME}@main/no.csv", tmp_path, "evaluate.data")


def test_a_gated_model_wants_a_token_that_goes_to_the_hub_alone(
    hub: Hub, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repository(NAME, gated=True).commit({"model.onnx": ONNX})
    with pytest.raises(UnreachedError, match=r"gives to nobody without a token \(401\); ask for access at .* HF_TOKEN"):
        on(tmp_path)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    with pytest.raises(UnreachedError, match="gives to nobody without a token"):
        on(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    assert on(tmp_path).path is not None
    assert {request.host for request in hub.requests if request.authorised} == {hub.address.removeprefix("http://")}
    written = [path.read_bytes() for path in own_cache.rglob("*") if path.is_file()]
    assert written and not any(TOKEN.encode() in each for each in written)


def test_a_private_model_is_read_by_the_token_of_the_login(hub: Hub, tmp_path: Path) -> None:
    hub.repository(NAME, private=True).commit({"model.onnx": ONNX})
    with pytest.raises(SourceError, match="has no model 'acme/tiny', or it wants a token"):
        on(tmp_path)
    token = Path(constants.HF_TOKEN_PATH)
    token.parent.mkdir(parents=True, exist_ok=True)
    token.write_text(TOKEN)
    assert on(tmp_path).path is not None


def test_a_token_that_is_refused_is_told_without_it(
    hub: Hub, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(UnreachedError, match=r"does not give for the token that it is shown \(401\)") as error:
        on(tmp_path)
    assert "hf_expired" not in str(error.value)


def test_a_hub_that_is_down_or_is_none_cannot_be_looked_at(
    hub: Hub, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.status = 503
    with pytest.raises(UnreachedError, match="answered with 503; try again later, or look at HF_ENDPOINT"):
        on(tmp_path)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(UnreachedError, match=r"but 127\.0\.0\.1:1 does not answer \(.*\); look at the network and"):
        on(tmp_path)


def test_a_pickle_of_the_hub_wants_trust(hub: Hub, tmp_path: Path) -> None:
    hub.repository(NAME).commit({"model.pkl": b"a pickle"})
    (tmp_path / "data.csv").write_text("x,label\n1,0\n")
    recipe = {"source": f"hf://{NAME}@main", "evaluate": {"data": "data.csv"}}
    with pytest.raises(SourceError, match="a pickle, which runs code of its author"):
        identify(recipe, tmp_path)
    assert identify({**recipe, "trust": True}, tmp_path).parts["source.content"] == content.of_bytes(b"a pickle")


def test_the_environment_is_read_as_the_hubs_own_tools_read_it(
    hub: Hub, repository: Repository, tmp_path: Path
) -> None:
    """HF_ENDPOINT and HF_HOME, whose token file is read, in a process of its own; and nothing is written there."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "token").write_text(TOKEN)
    repository.private = True
    code = (
        "import json, sys; from pathlib import Path; from model_build.sources import find\n"
        "print(json.dumps(dict(find(sys.argv[1], Path.cwd(), 'source').pinned.files)))"
    )
    env = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(home), "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", code, f"hf://{NAME}@main/onnx/model.onnx"]
    ran = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["model.onnx"] == content.of_bytes(ONNX)
    assert [path.name for path in home.iterdir()] == ["token"]


@pytest.mark.parametrize(
    ("files", "path", "taken"),
    [
        # As sentence encoders are published.
        (
            "model.safetensors onnx/model.onnx onnx/model_O1.onnx openvino/model.bin pytorch_model.bin",
            "",
            "onnx/model.onnx",
        ),
        # As translators are, with their ONNX parts beside.
        ("model.safetensors onnx/decoder_model.onnx onnx/encoder_model.onnx", "", "model.safetensors"),
        ("model.onnx onnx/model.onnx", "", "model.onnx"),
        ("model.onnx onnx/model.onnx", "onnx", "onnx/model.onnx"),
        ("pipeline.skops model.pkl", "", "pipeline.skops"),
        ("classifier.joblib README.md", "", "classifier.joblib"),
        ("weights.pt model.pkl", "", "weights.pt"),
        # Weights that are called by chance belong to the only model beside them.
        ("model.onnx 0a1b.data", "", "model.onnx 0a1b.data"),
        ("onnx/model.onnx onnx/big.onnx onnx/big.onnx.data", "", "onnx/model.onnx"),
    ],
)
def test_what_runs_no_code_comes_first(files: str, path: str, taken: str) -> None:
    assert list(hub_files.chosen({name: File() for name in files.split()}, path).values()) == taken.split()


def test_without_the_client_it_is_said_what_to_install(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelBuildError, match=r"the Hub's client is not installed; pip install 'modelport\[hf\]'"):
        on(tmp_path)


def test_the_cache_is_enough_where_the_hub_is_gone(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    address = f"hf://{NAME}@{repository.refs['main']}"
    first = find(address, tmp_path, "source").parts()
    hub.status = 500
    assert find(address, tmp_path, "source").parts() == first
    shutil.rmtree(tmp_path / "cache" / "sources")
    with pytest.raises(UnreachedError, match="answered with 500"):
        find(address, tmp_path, "source")


def test_plan_report_and_provenance_name_the_commit(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,label\n1,0\n")
    recipe = Recipe.parse({"name": "tiny", "source": f"hf://{NAME}@main", "evaluate": {"data": "data.csv"}})
    inputs, failures = plan.check({}, {"recipe": recipe.canonical()}, tmp_path)
    first = repository.refs["main"]
    assert failures == [] and f"is new; source is at {first};" in plan.announcement(inputs)
    work = Work.on(recipe, tmp_path)
    assert work.source.described == f"hf://{NAME}@main, {first}"
    origin = provenance.Origin("tiny", "1", "fp32", work.identity.digest, work.identity.parts, work.addresses())
    told = json.loads(provenance.statement(origin, "sha256:" + "0" * 64))
    by_name = {each["name"]: each for each in told["predicate"]["buildDefinition"]["resolvedDependencies"]}
    source = by_name["source.content"]
    assert (source["uri"], source["annotations"]) == (f"hf://{NAME}@main", {"version": first})
    second = repository.commit({"model.onnx": models.linear(seed=3)})
    again, _ = plan.check(inputs, {"recipe": recipe.canonical()}, tmp_path)
    assert f"source changed; source is at {second};" in plan.change(inputs, again)


def test_a_preview_that_cannot_ask_says_so(hub: Hub, repository: Repository, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x,label\n1,0\n")
    recipe = Recipe.parse({"name": "tiny", "source": f"hf://{NAME}@main", "evaluate": {"data": "data.csv"}})
    hub.status = 503
    inputs, failures = plan.check({}, {"recipe": recipe.canonical()}, tmp_path)
    assert failures == [] and "could not look: source is 'hf://acme/tiny@main', which" in plan.announcement(inputs)
