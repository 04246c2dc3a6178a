"""A project with Modelport's own stacks, of which one serves what another is to get."""

import json
import shutil
from typing import Any

import httpx
import yaml

from tests.automation.conftest import ROOT, Project
from tests.ports import free_port


def whole(project: Project) -> Project:
    """The project with Modelport's own program and the digits, and with data of its own."""
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, project.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "__main__.py", project.root)
    settings = yaml.safe_load((project.root / "Pulumi.yaml").read_text())
    (project.root / "Pulumi.yaml").write_text(yaml.safe_dump({**settings, "name": "modelport"}))
    project.environment["MODELPORT_DATA_DIR"] = str(project.root.parent / "data")
    return project


class Stages:
    """Stacks of the digits on this machine, each with a port of its own; repositories in two registries."""

    def __init__(self, project: Project, first: str = "", second: str = "") -> None:
        self.project, self.first, self.second = project, first, second

    def write(self, stack: str, **sections: Any) -> None:
        """The stack file, each section merged over what it has; `model.evaluate` too."""
        file = self.project.root / f"Pulumi.{stack}.yaml"
        if file.exists():
            data = yaml.safe_load(file.read_text())
        else:
            data = yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())
            data["config"]["modelport:endpoint"] = {"port": free_port(), "workers": 1, "runtime": "process"}
        for key, given in sections.items():
            held = data["config"].setdefault(f"modelport:{key}", {})
            if key == "model":
                held["evaluate"] = {**held["evaluate"], **given.pop("evaluate", {})}
            held.update(given)
        file.write_text(yaml.safe_dump(data))

    def up(self, stack: str, *more: str) -> None:
        done = self.project.run("up", "--yes", "-s", stack, *more)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr

    def promote(self, *more: str, source: str = "dev", to: str = "prod", env: dict[str, str] | None = None) -> Any:
        return self.project.run("promote", "--from", source, "--to", to, "--yes", *more, env=env)

    def refused(self, *more: str, **how: Any) -> str:
        """The one line that a promotion ends with; nothing has come of it."""
        done = self.promote(*more, **how)
        assert done.returncode != 0 and done.stderr.count("\n") == 1, done.stdout + done.stderr
        return f"{done.returncode} {done.stderr.removeprefix('error: ').strip()}"

    def output(self, stack: str) -> dict[str, Any]:
        return dict(json.loads(self.project.run("output", "--json", "-s", stack).stdout))

    def image(self, stack: str) -> dict[str, Any]:
        """The ModelImage in the state."""
        told = json.loads(self.project.run("stack", "export", "-s", stack).stdout)["deployment"]["resources"]
        return dict(next(each for each in told if each["type"].endswith(":ModelImage")))

    def answers(self, stack: str) -> dict[str, Any]:
        """Metadata of the model that answers."""
        metadata = httpx.get(f"{self.output(stack)['endpoint']}/v2/models/digits").json()
        return dict(metadata)
