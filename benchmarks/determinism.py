"""The same candidate and base, baked 20 times over: time zone, umask, path, locale and hash seed differ every time.

Every fifth bake starts from nothing (only downloads are kept), so that base, wheels and code are made anew too.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from model_build.bake.cache import cache_dir
from model_build.bake.inputs import serving_folder
from tests.tools import models

TIMES = 20
ANEW = 5
_ZONES = ("UTC", "Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu", "Europe/Berlin")
_UMASKS = (0o022, 0o077, 0o000, 0o027)
_LOCALES = ("C", "C.UTF-8", "POSIX")
_COMMAND = """
import sys
from pathlib import Path
from model_build.bake import bake
print(bake(Path(sys.argv[1]), name="bench", base="debian", layout=Path(sys.argv[2])).digest)
"""


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="modelport-bench-"))
    # A copy of the serving code: an edit during the minutes that this takes is no difference to report.
    shutil.copytree(serving_folder(), folder / "app" / "serving")
    try:
        digests = [_bake(folder, number) for number in range(TIMES)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    most = max(digests.count(digest) for digest in digests)
    print(f"{most} of {TIMES} digests equal, {TIMES // ANEW} of the bakes from an empty cache: {digests[0]}")
    if most != TIMES:
        raise SystemExit("determinism: digests differ, expected one")


def _bake(folder: Path, number: int) -> str:
    place = folder / ("x" * number) / f"bake {number}"
    model = models.folder(place / "model")
    cache = cache_dir()
    if number % ANEW == 0:
        cache = place / "cache"
        if (cache_dir() / "debs").is_dir():
            shutil.copytree(cache_dir() / "debs", cache / "debs")
    environment = {
        **os.environ,
        "MODELPORT_CACHE_DIR": str(cache),
        "TZ": _ZONES[number % len(_ZONES)],
        "LC_ALL": _LOCALES[number % len(_LOCALES)],
        "PYTHONHASHSEED": str(number * 7919),
        "PYTHONPATH": os.pathsep.join([str(folder / "app"), *(path for path in sys.path if path)]),
    }
    command = [sys.executable, "-c", _COMMAND, str(model), str(place / "images")]
    umask = _UMASKS[number % len(_UMASKS)]
    ran = subprocess.run(
        command, env=environment, cwd=place, umask=umask, stdout=subprocess.PIPE, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit("determinism: a bake failed")
    return ran.stdout.strip()


if __name__ == "__main__":
    main()
