"""What a store of files can do, whatever it is made of."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """Something in a folder; `modified` is in seconds since 1970, 0 where the store does not say."""

    name: str
    folder: bool
    modified: float


class Storage(ABC):
    """Files by key, with `/` between folders. Every method raises BackendError with one line for the user."""

    url: str
    """Where it is, as it may be shown: without passwords."""
    local: Path | None = None
    """The folder on this machine, where it is one."""

    @abstractmethod
    def place(self, key: str) -> str:
        """A key as the user knows it: a path, or a URL."""

    @abstractmethod
    def lock_place(self, key: str) -> str:
        """A lock's key as the official CLI names it in its refusal."""

    @abstractmethod
    def read(self, key: str) -> bytes | None:
        """What a file holds; None where there is none."""

    @abstractmethod
    def write(self, key: str, raw: bytes, *, sync: bool = False) -> None:
        """Put a file there, all of it or nothing; with `sync` it outlasts a power cut."""

    @abstractmethod
    def delete(self, keys: Iterable[str]) -> None:
        """Take files away; what is not there is no error."""

    @abstractmethod
    def list(self, folder: str) -> list[Entry]:
        """What is in a folder, by name; nothing where there is no such folder."""
