"""Where a build keeps things on this machine. Read from the environment on every call, so that tests can move them."""

import os
from pathlib import Path


def cache() -> Path:
    """Content-addressed caches; losing them costs time and nothing else."""
    return _folder("MODELPORT_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def data() -> Path:
    """Images and reports."""
    return _folder("MODELPORT_DATA_DIR", "XDG_DATA_HOME", ".local/share")


def images() -> Path:
    """The one OCI layout that all images of this machine are in."""
    return data() / "images"


def report(identity: str) -> Path:
    """The folder of a build's report: report.json and report.html."""
    return data() / "reports" / identity[:12]


def _folder(own: str, xdg: str, home: str) -> Path:
    if value := os.environ.get(own):
        return Path(value).absolute()
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / home) / "modelport"
