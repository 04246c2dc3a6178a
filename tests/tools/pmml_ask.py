"""Run by tests/tools/pmml.py where JPMML is: documents and rows as JSON on stdin, answers as JSON on stdout."""

import importlib
import json
import sys
from typing import Any


def main() -> None:
    given = json.load(sys.stdin)
    jpmml: Any = importlib.import_module("jpmml_evaluator")
    found: dict[str, list[Any]] = {}
    for name, text in given["documents"].items():
        evaluator = jpmml.make_evaluator(text.encode())
        found[name] = [_answer(jpmml, evaluator, row) for row in given["rows"]]
    print(json.dumps(found))


def _answer(jpmml: Any, evaluator: Any, row: dict[str, Any]) -> Any:
    wanted = {field.getName() for field in evaluator.getInputFields()}
    (target,) = [field.getName() for field in evaluator.getTargetFields()]
    try:
        told = evaluator.evaluate({name: value for name, value in row.items() if name in wanted})
    except jpmml.JavaError:  # how it says that a value is none that the model takes
        return None
    answer = told[target]
    if isinstance(answer, float):
        return float(f"{answer:.10g}")
    if answer is None or not _classifies(told, answer):
        return answer
    shares = {
        name.removeprefix("probability(").removesuffix(")"): float(f"{value:.10g}")
        for name, value in told.items()
        if name is not None and name.startswith("probability(") and value is not None
    }
    return [str(answer), shares]


def _classifies(told: dict[str, Any], answer: Any) -> bool:
    return isinstance(answer, str) or any(name is not None and name.startswith("probability(") for name in told)


main()
