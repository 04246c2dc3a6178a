"""Holds what trtexec wrote by --exportOutput to the answers of ONNX Runtime: python3 check.py answers.json plan.json.

It runs beside TensorRT, with nothing but Python. The measure is that of a recipe's evaluate.parity: the length of a
row's difference, by the length that rows have in the root mean square.
"""

import json
import math
import sys
from pathlib import Path


def main(wanted: str, got: str) -> int:
    asked = json.loads(Path(wanted).read_text())
    found = next((each for each in json.loads(Path(got).read_text()) if each["name"] == asked["output"]), None)
    if found is None:
        print(f"the plan has no output {asked['output']!r}, expected it", file=sys.stderr)
        return 1
    rows: list[list[float]] = asked["rows"]
    values = [float(value) for value in found["values"]]
    width = len(rows[0])
    if len(values) != width * len(rows):
        print(f"the plan answers {len(values)} numbers, expected {width * len(rows)}", file=sys.stderr)
        return 1
    answers = [values[start : start + width] for start in range(0, len(values), width)]
    lengths: list[float] = sorted(math.dist(row, answer) for row, answer in zip(rows, answers, strict=True))
    size = math.sqrt(sum(value * value for row in rows for value in row) / len(rows)) or 1.0
    left_out: int = min(math.ceil(asked["left_out"] * len(rows)), len(rows) - 1)
    # Written so that what is no number is too far.
    away, bound = lengths[len(rows) - 1 - left_out] / size, asked["bound"]
    if any(not math.isfinite(value) for value in values) or (bound is not None and not away <= bound):
        print(f"the plan's answers are {away:.3g} of their size away, at most {bound} was asked", file=sys.stderr)
        return 1
    print(f"the plan's answers are {away:.3g} of their size away on {len(rows)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
