"""Records cases under the official CLI: `python -m tests.engine.policy.record NAME…`, with `pulumi` on PATH."""

import json
import sys
import tempfile
from pathlib import Path

from tests.engine.policy.running import CASES, PolicyCase


def main(names: list[str]) -> None:
    for name in names:
        with tempfile.TemporaryDirectory() as root:
            case = PolicyCase(name, Path(root).resolve(), ["pulumi"])
            for number, step in enumerate(case.steps, 1):
                record = case.run(number)
                if record["exit"] != step.get("exit", 0):
                    sys.exit(f"{name}, step {number}: exit {record['exit']}: {record.get('stderr')}")
                golden = CASES / name / "golden" / f"step{number}.json"
                golden.write_text(json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
            print(name, len(case.steps))


if __name__ == "__main__":
    main(sys.argv[1:])
