"""JSON held to a schema by jsonschema, in the environment of tests/tools/manifests.lock, which has it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.tools import pypi

_PROGRAM = """
import json, sys, jsonschema
given = json.load(sys.stdin)
judge = jsonschema.Draft202012Validator
judge.check_schema(given["schema"])
found = [error.message for each in given["documents"] for error in judge(given["schema"]).iter_errors(each)]
json.dump(found, sys.stdout)
"""


def mistakes(schema: Path, documents: Sequence[Any]) -> list[str]:
    """What does not fit."""
    given = json.dumps({"schema": json.loads(schema.read_text("utf-8")), "documents": list(documents)})
    python = str(pypi.environment(pypi.MANIFESTS) / "python")
    done = subprocess.run([python, "-c", _PROGRAM], input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found
