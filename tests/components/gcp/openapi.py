"""Documents of OpenAPI, held to it by a validator that we did not write."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any, Final

from tests.tools import pypi

_READS: Final = """
import json, sys
from openapi_spec_validator import OpenAPIV2SpecValidator

for error in OpenAPIV2SpecValidator(json.load(sys.stdin)).iter_errors():
    print(type(error).__name__, error)
"""


def misfits(document: Mapping[str, Any]) -> str:
    """What OpenAPI 2.0 has against a document; nothing where it has nothing."""
    python = str(pypi.environment(pypi.DOCUMENTS) / "python")
    told = json.dumps(dict(document))
    ran = subprocess.run([python, "-c", _READS], input=told, capture_output=True, text=True, check=True)
    return ran.stdout
