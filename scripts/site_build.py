"""Build the site of docs into the folder `site`: `make site`.

MkDocs and its theme live in an environment of their own in the cache, by docs/requirements.lock: nothing of the library
needs them, and they would hold its own dependencies to their versions.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests.tools import pypi

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "docs" / "requirements.lock"


def build(into: Path) -> None:
    """Build it, and fail where a page warns. Raises RuntimeError with what MkDocs said."""
    # The theme's makers announce their next product in every build.
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
    python = pypi.environment(LOCK) / "python"
    command = [str(python), "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(into)]
    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"the site could not be built: {ran.stderr.strip()}")


def main() -> None:
    into = ROOT / "site"
    try:
        build(into)
    except RuntimeError as failed:
        print(failed, file=sys.stderr)
        raise SystemExit(1) from None
    print(f"open {into / 'index.html'}, or `python3 -m http.server -d site` for the search")


if __name__ == "__main__":
    main()
