"""Make `.venv-torch` hold what requirements-torch.lock says: all of `.venv`, and PyTorch.

PyTorch for Linux on x86-64 comes from the registry with the libraries of a GPU, gigabytes of them, and its own are
linked to those, so none can be left out. They have a place of their own so that `.venv` stays small; what
uv has in its cache is linked and not copied. Nothing happens when neither the lock nor the project has changed.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-torch"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements-torch.lock"
STAMP = VENV / ".modelport-lock"
UV = ROOT / ".venv" / "bin" / "uv"


def fingerprint() -> str:
    parts = (LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def uv(command: str, *words: str | Path) -> None:
    sys.path.insert(0, str(ROOT))
    from model_build.index import uv_environment

    arguments = [UV, "pip", command, "--quiet", "--python", PYTHON, *words]
    done = subprocess.run([str(word) for word in arguments], env=uv_environment(), stdin=subprocess.DEVNULL)
    if done.returncode:
        print(f"setup: 'uv pip {command}' exited {done.returncode}; what it said stands above", file=sys.stderr)
        raise SystemExit(1)


def main() -> None:
    mark = fingerprint()
    # PYTHON is a link: it does not exist where the interpreter behind it has gone.
    if STAMP.exists() and STAMP.read_text() == mark and PYTHON.exists():
        return
    print("setup: making .venv-torch from requirements-torch.lock (a minute or two, once)", flush=True)
    if not PYTHON.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
    uv("sync", "--require-hashes", "--only-binary", ":all:", LOCK)
    uv("install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    STAMP.write_text(mark)


if __name__ == "__main__":
    main()
