"""The example `cross-cloud` as it would be registered, with what AWS and Google would tell."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import pulumi
import yaml

from tests.components.aws import judging as aws
from tests.components.gcp import judging as google
from tests.components.judging import Told
from tests.components.planned import Plan, Planned, plan
from tests.examples.conftest import ROOT

FOLDER: Final = ROOT / "examples" / "cross-cloud"
MODEL, COPY = (f"pulumi-python:dynamic/modelport:{each}" for each in ("ModelImage", "ImageCopy"))
DIGEST: Final = f"sha256:{'a1' * 32}"


def configured() -> dict[str, Any]:
    """What the stack file says, by its keys."""
    whole: Any = yaml.safe_load((FOLDER / "Pulumi.prod.yaml").read_text(encoding="utf-8"))["config"]
    return {key.removeprefix("cross-cloud:"): value for key, value in whole.items()}


def planned(*, preview: bool = False, digest: str = DIGEST, **changes: Any) -> Plan:
    """All that the program registers. digest: of the model's image. changes: of the stack file."""

    def tells(each: Planned) -> dict[str, Any]:
        if each.type == MODEL:
            reference = f"{each.inputs['destination']}@{digest}"
            return {"reference": reference, "digest": digest, "metrics": {"bytes": 58407.0, "p50_ms": 0.1}}
        if each.type == COPY:
            copied = each.inputs["source"].partition("@")[2]
            return {"reference": f"{each.inputs['destination']}@{copied}", "digest": copied}
        return {**aws.outputs(each), **google.outputs(each)}

    def identity(each: Planned) -> str:
        return google.identity(each) if each.type.startswith("gcp:") else aws.identity(each)

    def program() -> None:
        given = {**configured(), **changes}
        texts = {f"shop:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
        pulumi.runtime.set_all_config(texts)
        file = FOLDER / "__main__.py"
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), {"__name__": "__main__"})

    return plan(program, preview=preview, outputs=Told(tells), ids=identity)


def copied_to(folder: Path, **changes: Any) -> Path:
    """The example in a folder of its own, with this Python's environment where it looks for one."""
    project = folder / "examples" / "cross-cloud"
    shutil.copytree(FOLDER, project, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv").symlink_to(sys.prefix)
    given = {f"cross-cloud:{key}": value for key, value in {**configured(), **changes}.items()}
    (project / "Pulumi.prod.yaml").write_text(yaml.safe_dump({"config": given}), encoding="utf-8")
    return project
