"""A project with one of the repository's own stacks, and the cloud that it is made in: nothing is built or pushed."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.cli import main
from model_build import push
from tests.stacks.stack_files import ROOT


@dataclass
class Shop:
    """A project, and the cloud that it is made in."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([*words, "-s", "prod", "-C", str(self.folder / "project"), "--engine", "embedded"])
        out, err = self.capsys.readouterr()
        return int(str(ended.value.code)), out, err

    def up(self, model: str) -> tuple[int, str, str]:
        (self.folder / "model").write_text(model)
        return self.run("up", "--yes")

    def asked(self) -> list[dict[str, Any]]:
        """What the cloud was asked to change since this was asked for."""
        file = self.folder / "calls"
        found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        file.unlink(missing_ok=True)
        return found

    def built(self) -> list[str]:
        return (self.folder / "builds").read_text().split()

    def history(self) -> list[str]:
        _, out, _ = self.run("rollback", "--list", "--json")
        return [each["digest"] for each in json.loads(out)["history"]]

    def output(self, name: str) -> str:
        return self.run("output", name)[1].strip()


def there(_: str) -> bool:
    return True


def placed(folder: Path, whole: Mapping[str, Any], cloud: str) -> Path:
    """A project with a stack file. cloud: as in `tests.stacks.pretend_CLOUD`."""
    project = folder / "project"
    for each in (project, folder / "bin", folder / "backend", folder / "home"):
        each.mkdir()
    (project / "stacks").symlink_to(ROOT / "stacks")
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (project / "Pulumi.prod.yaml").write_text(yaml.safe_dump(dict(whole)))
    (project / "__main__.py").write_text("from tests.stacks.pretend_image import main\n\nmain()\n")
    plugin = folder / "bin" / f"pulumi-resource-{cloud}"
    plugin.write_text(f"#!/bin/sh\nexec '{sys.executable}' -m tests.stacks.pretend_{cloud}\n")
    plugin.chmod(0o755)
    return folder


def opened(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    """The project of `placed`, on a machine that has nothing else, with a registry that has every image."""
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{place / 'backend'}")
    monkeypatch.setenv("PULUMI_HOME", str(place / "home"))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    monkeypatch.setenv("MODELPORT_STATE_DIR", str(place / "state"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PRETEND_CLOUD", str(place))
    monkeypatch.setenv("PATH", str(place / "bin"), prepend=":")
    monkeypatch.setattr(push, "exists", there)
    return Shop(place, capsys)
