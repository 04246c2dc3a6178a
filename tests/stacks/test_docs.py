"""What the documentation shows can be used as it stands: programs run, sections of a stack file are right."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.runtime import mocks

from stacks.spec import StackSpec
from stacks.specs.targets import ACCOUNTS
from tests.components.kubernetes import checking

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES.remove(ROOT / "docs" / "stack-file.md")  # test_spec.py looks at its examples
PAGES.remove(ROOT / "docs" / "automation.md")  # test_deployer.py runs its program
DIGEST = f"sha256:{'a' * 64}"
BASE: dict[str, Any] = {
    "modelport:target": "kubernetes",
    "modelport:model": {"name": "digits", "source": "a.b:c", "evaluate": {"data": "a.b:d", "min": 0.9}},
    "modelport:image": {"push": "registry.example.com/team/digits"},
    "modelport:gateway": {"hostname": "digits.example.com", "class_name": "a", "namespace": "b"},
}
"""What a section of a page stands beside."""


def _blocks(language: str) -> list[Any]:
    """The blocks of a language, each with the page it is of; `...` in a digest stands for a digest."""
    found: list[Any] = []
    ours = {"python": "import pulumi|from (components|model_build)", "yaml": "(?m)^ *modelport:[a-z_]+:"}[language]
    for page in PAGES:
        for number, text in enumerate(re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.S | re.M), 1):
            if not re.search(ours, text):
                continue  # of another program or file: tests/docs/test_blocks.py looks at each
            found.append(pytest.param(text.replace("sha256:...", DIGEST), id=f"{page.name}-{number}"))
    return found


class Built(checking.Recorder):
    """An engine in which models are built and released."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        made, outputs = super().new_resource(args)
        if args.typ.endswith(":ModelImage"):
            outputs = {**outputs, "reference": f"host/churn@{DIGEST}", "digest": DIGEST, "metrics": {"bytes": 1e6}}
        if args.typ == "aws:iam/role:Role":
            outputs = {**outputs, "arn": f"arn:aws:iam::123456789012:role/{args.name}"}
        if args.typ.startswith("gcp:"):
            told = {"name": args.name, "email": f"{args.name}@shop-prod.iam.gserviceaccount.com"}
            told |= {"uri": f"https://{args.name}-1a2b3c4d5e-ez.a.run.app", "defaultHostname": "a.gateway.dev"}
            outputs = {**told, **outputs}
        if args.typ.endswith(":Release"):
            outputs = {**outputs, "stable": args.inputs["candidate"], "stable_digest": DIGEST}
        return made, outputs


@pytest.mark.parametrize("program", _blocks("python"))
def test_a_program_runs(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "Recorder", Built)
    seen = checking.registered(lambda: exec(compile(program, "docs", "exec"), {"__name__": "__main__"}))
    assert any(
        word in each.typ
        for word in (":Model", ":GpuNodes", "index:Aws", "index:Gcp", "index:Github", "index:Gitlab")
        for each in seen
    )


@pytest.mark.parametrize("text", _blocks("yaml"))
def test_a_section_of_a_stack_file_is_right(text: str, tmp_path: Path) -> None:
    given: dict[str, Any] = yaml.safe_load(text.replace("{...}", "{}"))
    config = {key: value for key, value in (given.get("config") or given).items() if value}
    local = config.get("modelport:target") == "local"
    in_a_cloud = config.get("modelport:target") in ACCOUNTS
    base = (
        {"modelport:model": BASE["modelport:model"]}
        if in_a_cloud
        else {}
        if local
        else {key: value for key, value in BASE.items() if "runtime" not in str(config) or "gate" not in key}
    )
    path = tmp_path / "Pulumi.dev.yaml"
    path.write_text(yaml.safe_dump({"config": {**base, **config}}))
    spec = StackSpec.from_file(path)
    assert {key.removeprefix("modelport:") for key in config} <= set(StackSpec.model_fields)
    assert spec.target == config.get("modelport:target", "kubernetes")


def test_there_are_programs_and_sections_to_look_at() -> None:
    assert len(_blocks("python")) >= 5 and len(_blocks("yaml")) >= 8
