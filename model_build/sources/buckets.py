"""Objects of cloud stores, `SCHEME://BUCKET/KEY`, and all that begins with a key, `SCHEME://BUCKET/FOLDER/`.

By fsspec's file systems (s3fs, gcsfs, adlfs), each an extra of the wheel. What they have in common does not do for
reading one version, so each store asks for its own parts (`s3.py`, `gs.py`, `az.py`).
"""

import importlib
import os
import warnings
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from model_build import content
from model_build.errors import ModelBuildError
from model_build.sources.downloads import BrokenOff, Into
from model_build.sources.remote import File, Remote, Seen, visible

PART = 16 << 20
"""Bytes that are asked for at a time."""

_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist", "container does not exist")
_CHANGED = ("PreconditionFailed", "ConditionNotMet", "ResourceModifiedError", "precondition")
_REFUSED = (
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Forbidden", "AuthenticationFailed",
    "AuthorizationFailure", "ExpiredToken", "InvalidToken", "NoCredentials", "PartialCredentials", "Unauthorized",
    "Unable to locate credentials", "DefaultCredentialsError", "RefreshError", "ClientAuthenticationError",
    "CredentialUnavailable", "Invalid Credentials", "ProfileNotFound", "NoAuthenticationInformation",
)  # fmt: skip
_DOWN = (
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ClientConnectorError",
    "ConnectionRefusedError", "ConnectionClosedError", "ServiceRequestError", "ServiceResponseError", "ServerTimeout",
    "ServerDisconnected", "ClientOSError", "ConnectionResetError", "TimeoutError", "HTTPClientError", "ClientPayload",
    "IncompleteRead", "InternalError", "SlowDown", "ServiceUnavailable", "ServerBusy", "ResponseStreamingError",
)  # fmt: skip


@dataclass(frozen=True)
class Object:
    """One object. `mark` pins it in a request; `version` is what of that may stand in a note."""

    size: int
    mark: str
    version: str
    sha256: str = ""


class Bucket(Remote):
    """An object, or all objects below a folder."""

    package: ClassVar[str]
    extra: ClassVar[str]
    cls: ClassVar[tuple[str, str]]
    """Module and name of the file system's class."""
    variables: ClassVar[str]
    """Where credentials may come from, for messages."""
    settings: ClassVar[frozenset[str]] = frozenset({"anonymous"})
    """What may stand after a question mark."""
    anew: ClassVar[Mapping[str, bool]] = {}
    """What makes the file system ask the store for one object, and not itself."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text, key)
        parts = urlsplit(text)
        self.bucket, self.path = parts.netloc, parts.path.removeprefix("/")
        self.given = dict(parse_qsl(parts.query, keep_blank_values=True))
        example = f"{parts.scheme}://BUCKET/models/m.onnx"
        if not self.bucket or parts.fragment:
            what = "which names no bucket" if not self.bucket else "which has a part after #"
            raise self.wrong(f"{what}, expected {example}, or a folder {parts.scheme}://BUCKET/models/m/")
        if unknown := sorted(set(self.given) - self.settings):
            known = ", ".join(sorted(self.settings))
            raise self.wrong(f"which says {unknown[0]} after the question mark, expected {known} there; take it out")

    def look(self) -> Seen:
        with self._told():
            one = self.head() if self.path and not self.path.endswith("/") else None
            if one is not None:
                name = self.path.rpartition("/")[2]
                if not visible(name):
                    raise self.wrong("a hidden file, expected one whose name has no dot before it; copy it to one")
                return Seen(one.version, {name: File(one.size, one.sha256, one.mark)}, folder=False)
            prefix = f"{self.path.rstrip('/')}/" if self.path else ""
            found = {
                name: each
                for key, each in self.list(prefix).items()
                if key.startswith(prefix) and (name := key.removeprefix(prefix)) and not name.endswith("/")
                and visible(name)
            }  # fmt: skip
        if not found:
            raise self.wrong("but there is no such object, nor a folder with files in it; look at bucket and key")
        versions = {name: each.version for name, each in found.items()}
        files = {name: File(each.size, each.sha256, each.mark) for name, each in sorted(found.items())}
        return Seen(f"{len(files)} files {content.of_json(versions)[:32]}", files, folder=True)

    def fetch(self, seen: Seen, into: Into) -> None:
        assert seen.files is not None
        for name, file in seen.files.items():
            key = f"{self.path.rstrip('/')}/{name}".lstrip("/") if seen.folder else self.path
            into.take(name, file, lambda start, key=key, file=file: (start, self._parts(key, file, start)))  # type: ignore[misc]
        if seen.folder and self.look().version != seen.version:
            raise self.changed("a folder in which files came or went while it was read")

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """For the file system: where the store is, and credentials, from where its own tools have them."""

    @staticmethod
    @abstractmethod
    def of(told: Mapping[str, Any]) -> Object:
        """The object that the file system tells of."""

    def head(self) -> Object | None:
        """The object at the very key; None where there is none."""
        try:
            told = self.system.info(f"{self.bucket}/{self.path}", **self.anew)
        except FileNotFoundError:
            return None
        return None if told.get("type") == "directory" else self.of(told)

    def list(self, prefix: str) -> Mapping[str, Object]:
        """All objects whose key begins so, by key."""
        found: dict[str, Any] = self.system.find(f"{self.bucket}/{prefix}".rstrip("/"), detail=True)
        return {
            name.removeprefix(f"{self.bucket}/"): self.of(told)
            for name, told in found.items()
            if told.get("type") == "file"
        }

    @abstractmethod
    def part(self, key: str, file: File, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end` of the version that `file.mark` names, and of no other."""

    @cached_property
    def system(self) -> Any:
        """The file system, which keeps nothing in mind: whoever writes there is not waited for."""
        module, name = self.cls
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the clouds' libraries say of the Python they run on
                made: Any = getattr(importlib.import_module(module), name)
        except ImportError:
            raise self.wrong(
                f'which needs the package {self.package}; run: pip install "modelport[{self.extra}]"'
            ) from None
        return made(**self.options(), use_listings_cache=False, skip_instance_cache=True, asynchronous=False)

    def waited_for(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        """What a coroutine brings that runs in the file system's own loop."""
        sync: Any = importlib.import_module("fsspec.asyn").sync
        return bytes(sync(self.system.loop, read))

    @property
    def anonymous(self) -> bool:
        return self.given.get("anonymous", "").lower() in ("1", "t", "true")

    def _parts(self, key: str, file: File, start: int) -> Generator[bytes]:
        assert file.size is not None
        for begin in range(start, file.size, PART):
            end = min(begin + PART, file.size)
            with self._told(reading=True):
                got = self.part(key, file, begin, end)
            if len(got) != end - begin:
                raise BrokenOff(f"it sent {len(got):,} of {end - begin:,} bytes")
            yield got

    @contextmanager
    def _told(self, *, reading: bool = False) -> Generator[None]:
        """Say what three libraries mean, each with errors of its own."""
        try:
            yield
        except (ModelBuildError, BrokenOff):
            raise
        except Exception as error:
            raise self._meant(error, reading=reading) from None

    def _meant(self, error: Exception, *, reading: bool) -> Exception:
        if _matches(error, _NO_BUCKET) or (isinstance(error, FileNotFoundError) and not reading):
            return self.wrong(f"but there is no bucket {self.bucket}, or none that these credentials see; look at it")
        if reading and (_matches(error, _CHANGED) or isinstance(error, FileNotFoundError)):
            return self.changed()
        if _matches(error, _DOWN):
            reason = f"the store does not answer ({type(_chain(error)[-1]).__name__})"
            if reading:
                return BrokenOff(reason)
            return self.unreached(f"but {reason}; look at its address and the network")
        if isinstance(error, PermissionError) or _matches(error, _REFUSED):
            return self.unreached(f"but credentials are missing or refused; set {self.variables}")
        reason = " ".join((str(error) or type(error).__name__).split())[:200]
        return self.unreached(f"which cannot be read ({_hidden(reason)}); look at it with the store's own tool")


def variable(*names: str) -> str:
    """The first of these variables that is set."""
    return next((value for name in names if (value := os.environ.get(name))), "")


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def _matches(error: BaseException, words: Sequence[str]) -> bool:
    """Whether an error, or one that it came from, is of a kind or says a word."""
    chain = _chain(error)
    kinds = {kind.__name__ for each in chain for kind in type(each).__mro__}
    return any(word in kinds or any(word in str(each) for each in chain) for word in words)


def _hidden(text: str) -> str:
    """A library's words without what must not be shown."""
    for name in ("AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        if secret := os.environ.get(name):
            text = text.replace(secret, "[secret]").replace(secret.removeprefix("?"), "[secret]")
    for piece in os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";"):
        if piece.startswith(("AccountKey=", "SharedAccessSignature=")):
            text = text.replace(piece.split("=", 1)[1], "[secret]")
    return text
