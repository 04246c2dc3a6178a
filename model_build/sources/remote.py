"""What a remote source is: somewhere else, looked at cheaply, and fetched once.

A scheme is a class of `Remote` in a module of its own and a line in `SCHEMES`. `look` asks which version is there now,
without fetching it; `fetch` brings exactly that version. Everything else is done for all of them (`keeping.py`,
`downloads.py`): digests, the cache, what is left of an interrupted try, limits, and what a full disk means.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_build.errors import DataError, InputError, ModelBuildError, SourceError
from model_build.push.reference import is_loopback

if TYPE_CHECKING:
    from model_build.sources.downloads import Into

SCHEMES: Mapping[str, tuple[str, str]] = {
    "https://": ("https", "Https"),
    "s3://": ("s3", "S3"),
    "gs://": ("gs", "Gs"),
    "az://": ("az", "Az"),
    "oci://": ("oci", "Oci"),
    "hf://": ("hub", "Hub"),
    "mlflow:": ("mlflow", "Mlflow"),
}
"""How an address begins, and the module beside this one and the class in it that serve it."""


class UnreachedError(ModelBuildError):
    """Nobody answered there, or not without credentials: nothing can be said of the source for now."""


class ChangedError(ModelBuildError):
    """It became another one while it was read."""


@dataclass(frozen=True)
class File:
    """One file of a source, as far as it is known before it is fetched."""

    size: int | None = None
    sha256: str = ""
    """Hex; empty where the store does not tell."""
    mark: str = ""
    """What the store calls this very version of the file: an entity tag, a generation, a digest."""


@dataclass(frozen=True)
class Seen:
    """A version of a source."""

    version: str
    """Names this version and no other: same version, same content. It is written into notes and states, so never a
    secret."""
    files: Mapping[str, File] | None
    """By name, with slashes, relative to the source; None where that is told only by what is fetched."""
    folder: bool | None = None
    """Whether it is a folder; None: it is one unless it has a single file."""


class Remote(ABC):
    """A source that is somewhere else. Its making reads the address and asks nobody."""

    def __init__(self, text: str, key: str) -> None:
        """text: as the recipe has it. key: the recipe's key, which leads messages. Raises InputError by `wrong`."""
        self.text = text
        self.key = key

    @property
    def label(self) -> str:
        """The address as anybody may read it: in messages, reports, provenance. No user, no password, no signature."""
        return shown(self.text)

    @property
    def fixed(self) -> str:
        """The version that the address itself names, by a digest or a commit; empty where it may mean another one
        tomorrow. What is fixed and known is not asked for again."""
        return ""

    @abstractmethod
    def look(self) -> Seen:
        """Which version is there now: a request or two, nothing fetched.

        Raises UnreachedError where nobody answers or credentials lack, InputError by `wrong` for what is not there.
        """

    @abstractmethod
    def fetch(self, seen: Seen, into: "Into") -> None:
        """Put the files of that version into a folder, by `into.take` or `into.file`.

        What is in the folder already is of this version, left by a try that was interrupted. Raises ChangedError when
        it is another version by now, else as `look`.
        """

    def wrong(self, text: str) -> InputError:
        """What refuses the address or what is there: `source is 's3://bucket/m.onnx', TEXT`."""
        failed: type[InputError] = SourceError if self.key == "source" else DataError
        return failed(f"{self.key} is {self.label!r}, {text}")

    def unreached(self, text: str) -> UnreachedError:
        return UnreachedError(f"{self.key} is {self.label!r}, {text}")

    def changed(self, text: str = "which became another one while it was read") -> ChangedError:
        return ChangedError(
            f"{self.key} is {self.label!r}, {text}, expected one that stays; run it again once whoever writes there is "
            "done"
        )


def opened(text: str, key: str) -> Remote | None:
    """The remote source that `text` names; None when it names none. Raises InputError."""
    begins = next((begins for begins in SCHEMES if text.startswith(begins)), None)
    if begins is None:
        return None
    module, name = SCHEMES[begins]
    made: type[Remote] = getattr(importlib.import_module(f"model_build.sources.{module}"), name)
    if "://" in text and begins != "hf://" and "@" in urlsplit(text).netloc:
        failed: type[InputError] = SourceError if key == "source" else DataError
        raise failed(
            f"{key} is {shown(text)!r}, with a user or password in it, expected none; leave them out: credentials come "
            "from where the tools of that store have them"
        )
    return made(text, key)


def shown(text: str) -> str:
    """An address without user, password and query, which may be a signature."""
    scheme, slashes, rest = text.partition("://")
    if not slashes:
        return text
    address, sharp, fragment = rest.partition("#")
    place, slash, path = address.partition("?")[0].partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}{sharp}{fragment}"


def port(address: str) -> int | None:
    """Of an address; None where it is no number that a port may have."""
    try:
        return urlsplit(address).port or 443
    except ValueError:
        return None


def loopback(address: str) -> bool:
    """Whether an address is of this machine: only there does plain HTTP do."""
    return is_loopback(urlsplit(address).hostname or "")


def visible(name: str) -> bool:
    """Whether a file counts: as in folders of this machine, hidden files and byte code do not."""
    parts = PurePosixPath(name).parts
    hidden = any((part.startswith(".") and part != "..") or part == "__pycache__" for part in parts)
    return not hidden and not name.endswith((".pyc", ".pyo"))


def inside(folder: Path, name: str) -> Path:
    """Where the file `name` of a source goes in `folder`. Raises ValueError for a name that leads elsewhere."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part or len(part.encode()) > 255 for part in parts):
        raise ValueError(name)
    return folder.joinpath(*parts)


Say = Callable[[str], None]
