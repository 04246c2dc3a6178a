"""Podman out of its Debian packages, with storage of its own: a command to put on PATH."""

import json
import shlex
from pathlib import Path

from tests.tools import debian
from tests.tools.docker import mount_cgroups, storage_driver


def install(folder: Path) -> Path:
    """A folder with a `podman` that keeps all it has in `folder`; a root user's only."""
    mount_cgroups()
    program = debian.program("podman", "podman")
    # crun, which comes with it, takes no machine with both kinds of control groups; Docker's runc does.
    runc = debian.program("docker.io", "runc")
    libraries = program.env["LD_LIBRARY_PATH"]
    conmon = _script(folder / "conmon", {"LD_LIBRARY_PATH": libraries}, program.path.parent / "conmon")
    settings = folder / "containers.conf"
    settings.write_text(
        f'[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nruntime = "runc"\nconmon_path = ["{conmon}"]\n'
        f'[engine.runtimes]\nrunc = ["{runc.path}"]\n'
        # Its default is more than a machine with limits of its own gives.
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
    )
    driver = "overlay" if storage_driver(folder) == "overlay2" else "vfs"
    storage = folder / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "{driver}"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
    policy = folder / ".config" / "containers" / "policy.json"
    policy.parent.mkdir(parents=True)
    policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    environment = {
        "HOME": str(folder),
        "PATH": program.env["PATH"],
        "LD_LIBRARY_PATH": libraries,
        "CONTAINERS_CONF": str(settings),
        "CONTAINERS_STORAGE_CONF": str(storage),
    }
    commands = folder / "bin"
    commands.mkdir()
    _script(commands / "podman", environment, program.path)
    return commands


def _script(place: Path, environment: dict[str, str], program: Path) -> Path:
    settings = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    place.write_text(f'#!/bin/sh\n{settings}exec {shlex.quote(str(program))} "$@"\n')
    place.chmod(0o755)
    return place
