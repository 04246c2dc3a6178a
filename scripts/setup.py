"""Make `.venv` hold what requirements.lock says, with nothing on the machine but Python 3.11+ and its package registry.

Standard library alone, since it runs before anything is installed. Nothing happens when the lock has not changed.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".modelport-lock"
LEAST = (3, 11)


def fail(message: str) -> NoReturn:
    print(f"setup: {message}", file=sys.stderr)
    raise SystemExit(1)


def newer_python() -> str | None:
    """The newest suitable interpreter on PATH, for machines whose `python3` is too old."""
    for minor in range(14, LEAST[1] - 1, -1):
        if found := shutil.which(f"python3.{minor}"):
            return found
    return None


def fingerprint() -> str:
    parts = (LOCK.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), str(ROOT).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def run(*args: str | Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run([str(a) for a in args], env=env, stdin=subprocess.DEVNULL)
    if done.returncode:
        fail(f"'{' '.join(str(a) for a in args[:6])} …' exited {done.returncode}; what it said stands above")


def pip_wheel() -> Path:
    """The `python3-pip-whl` package unpacked into a temporary folder.

    Debian's Python comes without ensurepip; its pip can be had through apt without being root, when a folder
    of the caller's own takes the place of apt's.
    """
    if not shutil.which("apt-get"):
        fail("this Python has no ensurepip and there is no apt-get, expected either; install python3-venv")
    folder = Path(tempfile.mkdtemp(prefix="modelport-pip-"))
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True)
    options = ["-qq", "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}"]
    options += ["-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"]
    said = ""
    for words in (["update"], ["download", "python3-pip-whl"]):
        # Kept back unless it matters: hooks of a system's own apt settings complain when the caller is not root.
        done = subprocess.run(
            ["apt-get", *options, *words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        said += done.stderr
    packages = list(folder.glob("python3-pip-whl*.deb"))
    if not packages:
        print(said, file=sys.stderr)
        fail("this Python has no ensurepip and apt has no python3-pip-whl, expected either; install python3-venv")
    run("dpkg-deb", "-x", packages[0], folder / "unpacked")
    return next((folder / "unpacked").rglob("pip-*.whl"))


def make_venv() -> list[str]:
    """A fresh virtual environment; returns the command that is its pip."""
    if VENV.exists():
        shutil.rmtree(VENV)
    if importlib.util.find_spec("ensurepip") is not None:
        run(sys.executable, "-m", "venv", VENV)
        return [str(PYTHON), "-m", "pip"]
    run(sys.executable, "-m", "venv", "--without-pip", VENV)
    return [str(PYTHON), f"{pip_wheel()}/pip"]


def locked(name: str) -> str:
    """The lines of the lock that pin `name`, hashes included."""
    match = re.search(rf"^{re.escape(name)}==.*?(?=^\S)", LOCK.read_text() + "\n#end", re.MULTILINE | re.DOTALL)
    if match is None:
        fail(f"requirements.lock does not pin {name}, expected it there; run make lock")
    return match[0]


def main() -> None:
    if sys.version_info < LEAST:
        if better := newer_python():
            os.execv(better, [better, *sys.argv])
        fail(f"python is {sys.version.split()[0]}, expected 3.11 or newer; install one, or run make PYTHON=python3.12")
    mark = fingerprint()
    # PYTHON is a link: it does not exist where the interpreter behind it has gone.
    if STAMP.exists() and STAMP.read_text() == mark and PYTHON.exists():
        return
    print("setup: making .venv from requirements.lock (a minute or two, once)", flush=True)
    pip = make_venv()
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "uv.txt"
        pins.write_text(locked("uv"))
        run(*pip, "install", "-q", "--require-hashes", "--only-binary", ":all:", "-r", pins)
    sys.path.insert(0, str(ROOT))
    from model_build.index import uv_environment  # only here: it wants a Python that main() has checked

    env = uv_environment()
    uv = VENV / "bin" / "uv"
    run(uv, "pip", "sync", "-q", "--python", PYTHON, "--require-hashes", "--only-binary", ":all:", LOCK, env=env)
    run(uv, "pip", "install", "-q", "--python", PYTHON, "--no-deps", "--no-build-isolation", "-e", ROOT, env=env)
    compile_what_runs()
    STAMP.write_text(mark)
    print("setup: done; make up brings the example up, .venv/bin/modelport new writes a stack file for your model")


def compile_what_runs() -> None:
    """Byte-compile what commands, programs and plug-ins import: it halves their start where Python may not do so."""
    found = (site for site in (VENV / "lib").glob("python3.*/site-packages"))
    names = ("pulumi", "grpc", "google", "pydantic", "yaml", "typer", "rich", "cryptography", "opentelemetry", "dill")
    folders = [site / name for site in found for name in names if (site / name).is_dir()]
    run(PYTHON, "-m", "compileall", "-q", "-j", "0", *folders)


if __name__ == "__main__":
    main()
