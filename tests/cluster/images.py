"""Images without an image builder: one layer of given files, pushed to the cluster's registry."""

import functools
import hashlib
import io
import json
import re
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import kubernetes
from tests.tools import debian

Files = Mapping[str, Path | bytes]
"""What an image holds: absolute path in it -> a file of this machine, or its content."""

_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Image:
    """What is to be in an image, and how it runs. user: "UID:GID"."""

    files: Files
    entrypoint: Sequence[str]
    user: str = "65532:65532"
    env: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    workdir: str = "/"

    @functools.cached_property
    def layer(self) -> bytes:
        """The files as an archive, the same bytes for the same files."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in _folders(self.files):
                entry = tarfile.TarInfo(name)
                # As in any image: who runs there may have another number, and keeps files of his own in /tmp.
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
                archive.addfile(entry)
            for name, content in sorted(self.files.items()):
                entry = tarfile.TarInfo(name.lstrip("/"))
                data = content if isinstance(content, bytes) else content.read_bytes()
                program = data[:4] == b"\x7fELF" or data[:2] == b"#!"
                entry.size, entry.mode = len(data), 0o755 if program else 0o644
                archive.addfile(entry, io.BytesIO(data))
        return out.getvalue()

    @functools.cached_property
    def config(self) -> bytes:
        """What the image says of itself."""
        settings: dict[str, object] = {
            "Entrypoint": list(self.entrypoint),
            "User": self.user,
            "WorkingDir": self.workdir,
        }
        settings["Env"] = [f"{name}={value}" for name, value in {"PATH": _PATH, **self.env}.items()]
        layers = {"type": "layers", "diff_ids": [_digest(self.layer)]}
        told = {"architecture": "amd64", "os": "linux", "config": settings, "rootfs": layers}
        return json.dumps(told, sort_keys=True).encode()

    def archive(self, name: str, place: Path) -> None:
        """Write it as Docker saves an image."""
        listed = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
        parts = {"config.json": self.config, "layer.tar": self.layer, "manifest.json": json.dumps(listed).encode()}
        with tarfile.open(place, "w") as archive:
            for file, content in parts.items():
                entry = tarfile.TarInfo(file)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))

    def push(self, registry: str, name: str) -> str:
        """Push it to a registry that speaks plain HTTP; comes back with its digest."""
        base = f"http://{registry}/v2/{name}"
        for content in (self.layer, self.config):
            _upload(base, content)
        parts = ((self.config, _CONFIG), (self.layer, _LAYER))
        config, layer = (
            {"mediaType": kind, "digest": _digest(content), "size": len(content)} for content, kind in parts
        )
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": config, "layers": [layer]}
        body = json.dumps(manifest, sort_keys=True).encode()
        for tag in ("latest", digest := _digest(body)):
            _ask("PUT", f"{base}/manifests/{tag}", body, _MANIFEST)
        return digest


_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def debian_files(package: str, command: str) -> dict[str, Path | bytes]:
    """A command of a Debian package, its libraries and the loader, at the paths that it looks for them."""
    program = debian.program(package, command)
    found: dict[str, Path | bytes] = {f"/usr/{program.path.parent.name}/{command}": program.path}
    ran = subprocess.run(["ldd", str(program.path)], env=program.env, capture_output=True, text=True, check=False)
    if ran.returncode and "not a dynamic executable" not in ran.stderr + ran.stdout:
        raise RuntimeError(f"the libraries of {command} are not to be found: {ran.stderr.strip()}")
    if "not found" in ran.stdout:
        raise RuntimeError(f"{command} of {package} lacks a library: {ran.stdout.strip()}")
    for place in re.findall(r"=> (/\S+)", ran.stdout):
        found[f"/usr/lib/x86_64-linux-gnu/{Path(place).name}"] = Path(place).resolve()
    for place in re.findall(r"^\s*(/\S*ld-linux\S*)", ran.stdout, re.MULTILINE):
        found[place] = Path(place).resolve()
    return found


def write_pause(name: str, place: Path) -> None:
    """Write the archive of the tests' own image, the one program of which is pause.go."""
    Image({"/pause": kubernetes.pause()}, ["/pause"], "65535:65535").archive(name, place)


def _folders(files: Files) -> list[str]:
    found = {"tmp"}
    for name in files:
        found |= {str(parent) for parent in Path(name.lstrip("/")).parents if str(parent) != "."}
    return sorted(found)


def _upload(base: str, content: bytes) -> None:
    digest = _digest(content)
    try:
        _ask("HEAD", f"{base}/blobs/{digest}")
        return
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
    place = _ask("POST", f"{base}/blobs/uploads/", b"")
    joint = "&" if "?" in place else "?"
    _ask("PUT", f"{place}{joint}digest={digest}", content, "application/octet-stream")


def _ask(method: str, address: str, body: bytes | None = None, kind: str = "") -> str:
    request = urllib.request.Request(address, data=body, method=method, headers={"Content-Type": kind} if kind else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy reaches the cluster
    with opener.open(request, timeout=60) as answer:
        return str(answer.headers.get("Location", ""))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
