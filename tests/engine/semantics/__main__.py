"""Walks by hand: FOLDER FIRST COUNT [--turns] takes random ones, FOLDER fixed|record [NAME…] the fixed ones."""

import os
import sys
import time
from pathlib import Path

from tests.engine.conformance.runner import PASSPHRASE
from tests.engine.semantics.engines import OFFICIAL, compared, records, write
from tests.engine.semantics.fixed import fixed, names, record
from tests.engine.semantics.walks import walk


def compare(folder: Path, chosen: list[str]) -> int:
    """Compare the fixed walks, or those that are named."""
    os.environ["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
    for name in chosen or names():
        place = folder / name
        told = compared(write(fixed(name), place / "case"), place, tries=1, all_steps=True)
        (place / "difference.txt").write_text(told)
        print(name, "DIFFERS" if told else "same", flush=True)
    return 0


def learn(folder: Path, chosen: list[str]) -> int:
    """Record the fixed walks, or those that are named, under the official engine."""
    os.environ["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
    for name in chosen or names():
        place = folder / name
        record(name, records(write(fixed(name), place / "case"), place / "official", OFFICIAL))
    return 0


def main(argv: list[str]) -> int:
    if argv[1] == "record":
        return learn(Path(argv[0]).resolve(), argv[2:])
    if argv[1] == "fixed":
        return compare(Path(argv[0]).resolve(), argv[2:])
    folder, first, count = Path(argv[0]).resolve(), int(argv[1]), int(argv[2])
    os.environ["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
    wrong = 0
    for seed in range(first, first + count):
        began = time.time()
        place = folder / str(seed)
        told = compared(write(walk(seed), place / "case"), place, turns="--turns" in argv, tries=2)
        wrong += bool(told)
        (place / "difference.txt").write_text(told)
        print(seed, "DIFFERS" if told else "same", f"{time.time() - began:.0f} s", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
