"""The base `debian`: as few packages as CPython, ONNX Runtime and TLS need, pinned by a lock file.

`python -m model_build.bake.debian lock` writes the lock anew; nothing else changes it.
No shell, no package manager, no setuid file; a scanner finds the packages in /var/lib/dpkg/status.d.
"""

import json
import re
import sys
from pathlib import Path

from model_build.bake import apt, deb
from model_build.bake.cache import cache_dir, work_folder
from model_build.bake.errors import BakeError
from model_build.bake.inputs import DEBIAN_LOCKS, NATIVE, architecture
from model_build.bake.tar import Special

SUITE = "bookworm"
PYTHON = "usr/bin/python3.11"
PACKAGES = (
    "base-files",
    "ca-certificates",
    "gcc-12-base",
    "libbz2-1.0",
    "libc6",
    "libexpat1",
    "libffi8",
    "libgcc-s1",
    "liblzma5",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libssl3",
    "libstdc++6",
    "libuuid1",
    "python3.11-minimal",
    "zlib1g",
)

USER = 65532
SPECIAL = {"tmp": Special(0o1777), "var/tmp": Special(0o1777), "home/nonroot": Special(0o700, USER)}
_FOLDERS = (
    "dev",
    "etc",
    "home/nonroot",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/local",
    "var/lib/dpkg/status.d",
    "var/tmp",
)
_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_PYTHON_LIB = "usr/lib/python3.11/"

# Modules whose libraries are left out (a server uses none of them), and tools of a developer's machine.
_NO_MODULES = (
    "_crypt",
    "_curses",
    "_curses_panel",
    "_dbm",
    "_sqlite3",
    "_testcapi",
    "nis",
    "ossaudiodev",
    "readline",
    "spwd",
)
_DROP = re.compile(
    "|".join(
        [
            r"usr/share/(man|locale|lintian|bug|info|applications|pixmaps|menu|binfmts|base-files|gcc|gdb|python3|debconf)(/|$)",
            r"usr/share/doc/(?!.*/copyright$)",
            r"usr/share/doc/[^/]+/(?!copyright$).*",
            r"usr/lib/[^/]+-linux-gnu/(gconv|audit|engines-3|ossl-modules/legacy\.so)(/|$)",
            r"usr/lib/(debug|mime|valgrind)(/|$)",
            r"usr/bin/(?!python3\.11$)",
            r"usr/sbin/",
            r"(boot|etc/skel|etc/dpkg|usr/games|usr/include|usr/src|usr/share/dict|usr/share/misc|usr/lib/binfmt\.d)(/|$)",
            r"etc/(ca-certificates|ld\.so\.conf\.d|python3\.11|default|init\.d|update-motd\.d|profile\.d)(/|$)",
            r"etc/(ca-certificates\.conf|issue.*|motd|debian_version\.d|host\.conf|dpkg/.*)$",
            rf"{_PYTHON_LIB}(lib2to3|idlelib|turtledemo|tkinter|ensurepip|pydoc_data|test|distutils|sqlite3|curses|dbm)(/|$)",
            rf"{_PYTHON_LIB}(sitecustomize|turtle|pydoc|antigravity|this|nturl2path|cgitb)\.py$",
            rf"{_PYTHON_LIB}config-",
            rf"{_PYTHON_LIB}lib-dynload/({'|'.join(_NO_MODULES)})\.",
            r".*/__pycache__(/|$)",
        ]
    )
)


def read_lock(platform: str = NATIVE) -> list[apt.Package]:
    """The pinned packages."""
    return [apt.Package(**entry) for entry in json.loads(DEBIAN_LOCKS[platform].read_text())["packages"]]


def build_tree(root: Path, platform: str = NATIVE) -> None:
    """Unpack the locked packages into `root` and add what their scripts would have made."""
    packages = apt.fetch(read_lock(platform), cache_dir() / "debs")
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", *_FOLDERS):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "var/run").symlink_to("../run")
    for name, package in packages.items():
        deb.unpack(package, root, _select)
        (root / "var/lib/dpkg/status.d" / name).write_text(deb.control(package))
    _write_etc(root / "etc")
    _write_certificates(root)


def _select(name: str) -> str | None:
    """Where a package's file goes: /lib is /usr/lib, and what a server has no use for goes nowhere."""
    head, slash, rest = name.partition("/")
    if head in _MERGED:
        name = f"usr/{head}{slash}{rest}"
    if head in ("usr", *_MERGED) and not rest:
        return None
    return None if _DROP.match(name) else name


def _write_etc(etc: Path) -> None:
    (etc / "passwd").write_text(
        f"root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n"
        f"nonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n"
    )
    (etc / "group").write_text(f"root:x:0:\nnogroup:x:65534:\nnonroot:x:{USER}:\n")
    (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
    for name in ("hosts", "resolv.conf"):
        (etc / name).unlink(missing_ok=True)  # the container runtime's own


def _write_certificates(root: Path) -> None:
    """The bundle that update-ca-certificates would make: every certificate of the package, in order of name."""
    found = sorted((root / "usr/share/ca-certificates").rglob("*.crt"), key=lambda path: path.name)
    if not found:
        raise BakeError("ca-certificates: the package has no certificate; run `python -m model_build.bake.debian lock`")
    folder = root / "etc/ssl/certs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ca-certificates.crt").write_text("".join(path.read_text().strip() + "\n" for path in found))
    # Where OpenSSL looks; the links are in the package `openssl`, whose command nobody needs here.
    openssl = root / "usr/lib/ssl"
    openssl.mkdir(exist_ok=True)
    (openssl / "certs").symlink_to("../../../etc/ssl/certs")
    (openssl / "cert.pem").symlink_to("../../../etc/ssl/certs/ca-certificates.crt")


def lock(platform: str = NATIVE) -> list[apt.Package]:
    """The newest version of every package that the release and its security archive have today."""
    apt.require_apt()
    with work_folder(cache_dir() / "work") as folder:
        sources = folder / "sources.list"
        addresses = apt.mirrors(folder)
        lines = [
            f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {address} {suite} main"
            for address in addresses
            if "debian" in address
            for suite in ([f"{SUITE}-security"] if "security" in address else [SUITE, f"{SUITE}-updates"])
        ]
        sources.write_text("\n".join(lines) + "\n")
        settings = [
            *apt.options(folder, architecture(platform)),
            "-o",
            f"Dir::Etc::sourcelist={sources}",
            "-o",
            "Dir::Etc::sourceparts=-",
        ]
        updated = apt.run(["apt-get", *settings, "-o", "APT::Update::Error-Mode=any", "update"])
        if updated.returncode:
            raise BakeError(
                f"base debian: apt could not read its mirrors ({apt.hide(updated.stderr.strip())}); mend apt's sources"
            )
        shown = apt.run(["apt-cache", *settings, "--no-all-versions", "show", *PACKAGES])
    found = {package.name: package for text in shown.stdout.split("\n\n") if (package := _read_paragraph(text))}
    missing = [name for name in PACKAGES if name not in found]
    if missing:
        raise BakeError(f"base debian: {SUITE} has no {', '.join(missing)}; mend apt's sources or the list of packages")
    return [found[name] for name in PACKAGES]


def _read_paragraph(text: str) -> apt.Package | None:
    fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", text, re.MULTILINE))
    if "Filename" not in fields:
        return None
    return apt.Package(fields["Package"], fields["Version"], fields["SHA256"], int(fields["Size"]), fields["Filename"])


def main(arguments: list[str]) -> int:
    """`lock`: write the lock file anew and say what changed."""
    if arguments != ["lock"]:
        print("usage: python -m model_build.bake.debian lock", file=sys.stderr)
        return 2
    try:
        found = {platform: lock(platform) for platform in DEBIAN_LOCKS}
    except BakeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for platform, packages in found.items():
        place, kind = DEBIAN_LOCKS[platform], architecture(platform)
        before = {package.name: package.version for package in read_lock(platform)} if place.exists() else {}
        body = {"suite": SUITE, "architecture": kind, "packages": [vars(package) for package in packages]}
        place.write_text(json.dumps(body, indent=2) + "\n")
        for package in packages:
            if before.get(package.name) != package.version:
                print(f"{package.name} {kind}: {before.get(package.name, 'new')} -> {package.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
