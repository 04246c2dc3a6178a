"""What is built of a Go module is what its pin says, and a command of ours may use what the module keeps to itself."""

import base64
import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.tools import golang

_PATH, _VERSION = "modelport.test/thing", "v1.0.0"
_FILES = {
    "go.mod": f"module {_PATH}\n\ngo 1.21\n",
    "go.sum": "",
    "internal/word/word.go": 'package word\n\nconst Word = "kept to itself"\n',
    "cmd/say/main.go": 'package main\n\nfunc main() { println("theirs") }\n',
    "config/one.yaml": "one: 1\n",
}
_OWN = f'package main\n\nimport "{_PATH}/internal/word"\n\nfunc main() {{ println(word.Word) }}\n'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> golang.Module:
    """A module on a proxy that is a folder."""
    proxy = tmp_path / "proxy" / _PATH / "@v"
    proxy.mkdir(parents=True)
    (proxy / f"{_VERSION}.info").write_text(f'{{"Version": "{_VERSION}"}}')
    (proxy / f"{_VERSION}.mod").write_text(_FILES["go.mod"])
    with zipfile.ZipFile(proxy / f"{_VERSION}.zip", "w") as archive:
        for name, text in _FILES.items():
            archive.writestr(f"{_PATH}@{_VERSION}/{name}", text)
    monkeypatch.setenv("GOPROXY", f"file://{tmp_path}/proxy")
    monkeypatch.setenv("GONOSUMDB", "modelport.test")
    monkeypatch.setattr(golang, "TOOLS", tmp_path / "cache" / "tools")
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("GOFLAGS", "")
    golang.go()  # where Go itself is to be fetched it goes into this cache
    lines = "".join(
        f"{hashlib.sha256(text.encode()).hexdigest()}  {_PATH}@{_VERSION}/{name}\n"
        for name, text in sorted(_FILES.items())
    )
    digest = base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()
    return golang.Module(_PATH, _VERSION, f"h1:{digest}")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    place = tmp_path / "own.go"
    place.write_text(_OWN)
    return place


def test_commands_of_the_module_and_ours_stand_beside_its_files(module: golang.Module, own: Path) -> None:
    said: list[str] = []
    made = golang.parts(module, ("cmd/say",), own={"tell": own}, keep=("config/*.yaml",), say=said.append)
    assert (_says(made / "bin" / "say"), _says(made / "bin" / "tell")) == ("theirs\n", "kept to itself\n")
    assert (made / "config" / "one.yaml").read_text() == "one: 1\n"
    assert [line.partition(" of ")[0] for line in said] == ["building say", "building tell"]


def test_what_is_built_is_built_once_until_a_command_of_ours_changes(module: golang.Module, own: Path) -> None:
    first = golang.parts(module, own={"tell": own}, say=lambda _: None)
    said: list[str] = []
    assert golang.parts(module, own={"tell": own}, say=said.append) == first
    assert said == []
    own.write_text(_OWN.replace("word.Word", '"other"').replace(f'import "{_PATH}/internal/word"\n', ""))
    assert _says(golang.parts(module, own={"tell": own}, say=said.append) / "bin" / "tell") == "other\n"


def test_a_module_with_other_content_is_refused(module: golang.Module) -> None:
    other = golang.Module(module.path, module.version, "h1:" + "A" * 43 + "=")
    with pytest.raises(RuntimeError, match=f"^{_PATH} {_VERSION} has the checksum {module.sum.replace('+', '.')}, "):
        golang.parts(other, ("cmd/say",), say=lambda _: None)


def _says(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stderr
