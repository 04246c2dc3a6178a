"""What workload identity federation makes of a token: mapping and condition of a provider, read by CEL of its makers.

assert federated(provider.inputs, [{"sub": "repo:example/models:pull_request", ...}]) == [None]
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.tools import pypi

_READS: Final = """
import json, sys
from cel_expr_python import cel

environment = cel.NewEnv(variables=dict.fromkeys(("assertion", "attribute", "google"), cel.Type.DYN))

def said(expression, data):
    found = environment.compile(expression).eval(data=data)
    if found.type() == cel.Type.ERROR:
        raise ValueError(found.value())
    return found.value()

def taken(asked, claims):
    known = {"attribute": {}, "google": {}}
    for key, expression in asked["mapping"].items():
        kind, _, word = key.partition(".")
        known[kind][word] = said(expression, {"assertion": claims, "attribute": {}, "google": {}})
    if not said(asked["condition"], {"assertion": claims, **known}):
        return None
    return known

asked, answers = json.load(sys.stdin), []
for claims in asked["tokens"]:
    try:
        answers.append(taken(asked, claims))
    except ValueError as error:
        answers.append({"error": str(error)})
json.dump(answers, sys.stdout)
"""


def federated(provider: Mapping[str, Any], tokens: Sequence[Mapping[str, str]]) -> list[dict[str, Any] | None]:
    """For each token what its bearer is known by, `{"google": {...}, "attribute": {...}}`; none who is refused.

    provider: inputs of a WorkloadIdentityPoolProvider. A claim that is asked for and not there is an `error`.
    """
    asked = {
        "mapping": provider["attributeMapping"],
        "condition": provider["attributeCondition"],
        "tokens": list(tokens),
    }
    python = str(pypi.environment(pypi.DOCUMENTS) / "python")
    ran = subprocess.run([python, "-c", _READS], input=json.dumps(asked), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    found: list[dict[str, Any] | None] = json.loads(ran.stdout)
    return found
