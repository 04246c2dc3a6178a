"""JPMML, the reference evaluator of PMML: what it answers to rows."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.tools import debian, pypi

LOCK = Path(__file__).with_name("pmml.lock")
EXPORTERS = Path(__file__).with_name("pmml_exporters.lock")
"""What writes PMML out of models of scikit-learn, XGBoost and LightGBM."""

Answer = float | list[Any] | None
"""A number, or a class and what is given to each; None where there is no answer."""


def answers(documents: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Answer]]:
    """Answers to each row by the name of the document. One JVM is started for all."""
    java = debian.program("openjdk-17-jre-headless", "java")
    place = pypi.files(LOCK, "jpmml_evaluator", "jpype", "_jpype*", "org.jpype.jar")
    home = java.path.resolve().parents[1]
    env = {**java.env, "JAVA_HOME": str(home), "PYTHONPATH": os.pathsep.join([str(place)])}
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("pmml_ask.py"))],
        input=json.dumps({"documents": documents, "rows": rows}),
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if ran.returncode:
        raise RuntimeError(f"JPMML failed: {ran.stderr.strip()[-2000:]}")
    found: dict[str, list[Answer]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def java_home() -> Path:
    return debian.program("openjdk-17-jre-headless", "java").path.resolve().parents[1]
