"""Who holds a stack, asked in a process of its own: python -m automation.holding ROOT STACK [release].

Which backend a stack is in, and how that is reached, is up to variables that a `Deployer` has beside its process's own.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from automation.exits import Exit
from engine import locks
from engine.api import Engine
from engine.errors import EngineError


def main(arguments: Sequence[str]) -> int:
    """Print the holders as a list of JSON; with `release`, how many locks of ended processes were taken away."""
    root, name, *verb = arguments
    try:
        # Both engines keep the same locks in the same place.
        stack = Engine(Path(root), name).stack
        about = (stack.backend, stack.project.name, stack.name)
        found = locks.release_ended(*about) if verb else [asdict(each) for each in locks.holders(*about)]
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return Exit.FAILED
    print(json.dumps(found))
    return Exit.DONE


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
