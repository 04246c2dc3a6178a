"""A processor of another kind: QEMU's, for one program at a time.

Of Debian 13, as the QEMU of Debian 12 ends when ONNX Runtime for ARM64 is loaded.
"""

import functools
import re
import shutil
from pathlib import Path

from model_build.bake import apt, deb
from model_build.bake.cache import file_lock, publish_folder, work_folder
from tests.tools.places import TOOLS

_SUITE = "trixie"
_PACKAGE, _COMMAND = "qemu-user", "qemu-aarch64"


@functools.cache
def aarch64() -> Path:
    """The program that runs another one, made for ARM64, on this machine."""
    tools = TOOLS
    with file_lock(tools / ".lock"):
        known = sorted(tools.glob(f"{_PACKAGE}-*/usr/bin/{_COMMAND}"))
        return known[-1] if known else _fetched(tools)


def _fetched(tools: Path) -> Path:
    with work_folder(tools / "work") as folder:
        sources = folder / "sources.list"
        archives = [each for each in apt.mirrors(folder) if "debian" in each and "security" not in each]
        keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
        sources.write_text("".join(f"deb [signed-by={keys}] {each} {_SUITE} main\n" for each in archives))
        settings = [*apt.options(folder), "-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]
        updated = apt.run(["apt-get", *settings, "update"])
        shown = apt.run(["apt-cache", *settings, "--no-all-versions", "show", _PACKAGE]).stdout
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", shown, re.MULTILINE))
        if "Filename" not in fields:
            raise RuntimeError(f"apt finds no {_PACKAGE} in {_SUITE}: {apt.hide(updated.stderr.strip())}")
        wanted = apt.Package(_PACKAGE, fields["Version"], fields["SHA256"], int(fields["Size"]), fields["Filename"])
        package = apt.fetch([wanted], folder / "debs")[_PACKAGE]
        root = folder / "root"
        root.mkdir()
        deb.unpack(package, root, lambda name: name if name in ("usr", "usr/bin", f"usr/bin/{_COMMAND}") else None)
        place = tools / f"{_PACKAGE}-{wanted.sha256[:16]}"
        publish_folder(root, place)
        shutil.rmtree(folder / "debs")
    return place / "usr" / "bin" / _COMMAND
