"""Make `.venv-torch` or `.venv-tf` hold what its lock says: all of `.venv`, and PyTorch or TensorFlow.

Both are large: PyTorch for Linux on x86-64 comes from the registry with the libraries of a GPU, gigabytes of them, and
its own are linked to those, so none can be left out. They have places of their own so that `.venv` stays small; what
uv has in its cache is linked and not copied. Nothing happens when neither the lock nor the project has changed.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = ROOT / ".venv" / "bin" / "uv"
EXTRAS = ("torch", "tf")


def fingerprint(lock: Path) -> str:
    parts = (lock.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def uv(python: Path, command: str, *words: str | Path) -> None:
    sys.path.insert(0, str(ROOT))
    from model_build.index import uv_environment

    arguments = [UV, "pip", command, "--quiet", "--python", python, *words]
    done = subprocess.run([str(word) for word in arguments], env=uv_environment(), stdin=subprocess.DEVNULL)
    if done.returncode:
        print(f"setup: 'uv pip {command}' exited {done.returncode}; what it said stands above", file=sys.stderr)
        raise SystemExit(1)


def main(extra: str) -> None:
    venv, lock = ROOT / f".venv-{extra}", ROOT / f"requirements-{extra}.lock"
    python, stamp = venv / "bin" / "python", venv / ".modelport-lock"
    mark = fingerprint(lock)
    # It is a link: it does not exist where the interpreter behind it has gone.
    if stamp.exists() and stamp.read_text() == mark and python.exists():
        return
    print(f"setup: making {venv.name} from {lock.name} (a minute or two, once)", flush=True)
    if not python.exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    uv(python, "sync", "--require-hashes", "--only-binary", ":all:", lock)
    uv(python, "install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    stamp.write_text(mark)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:
        raise SystemExit(f"setup: usage: python scripts/setup_extra.py {'|'.join(EXTRAS)}")
    main(sys.argv[1])
