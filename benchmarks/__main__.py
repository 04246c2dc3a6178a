"""`make bench`: every benchmark of this folder, one after the other, or those named on the command line."""

import os
import pkgutil
import platform
import subprocess
import sys
from pathlib import Path


def machine() -> str:
    """One line about what the figures were taken on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}, Python {platform.python_version()}"


def main() -> None:
    here = [
        module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]) if not module.name.startswith("_")
    ]
    wanted = sys.argv[1:] or sorted(here)
    if unknown := set(wanted) - set(here):
        raise SystemExit(f"benchmarks: {', '.join(sorted(unknown))} is not here, expected some of {', '.join(here)}")
    print(machine())
    for name in wanted:
        print(f"\n== {name}", flush=True)
        # A process each: what one sets up for itself must not be what the next one measures.
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
