"""Buckets of clouds, through fsspec: s3fs, gcsfs and adlfs, each an extra of the wheel.

A bucket has no folders and no `.attrs`; keys are the same as under a folder. Nothing is cached: another machine may be
at work on the same state.
"""

import datetime
import importlib
import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, Protocol

from engine.errors import BackendError
from engine.storage.base import Entry, Storage
from engine.storage.urls import BUCKETS, Bucket

_CLASSES: Final = {
    "s3": ("s3fs", "S3FileSystem"),
    "gs": ("gcsfs.core", "GCSFileSystem"),  # not the one that asks for zonal buckets by gRPC first
    "azblob": ("adlfs", "AzureBlobFileSystem"),
}
_VARIABLES: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_CREDENTIALS",
    "azblob": "AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_NO_BUCKET: Final = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist", "container does not exist")
_REFUSED: Final = (
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "Forbidden", "AuthenticationFailed",
    "AuthorizationFailure", "ExpiredToken", "InvalidToken", "NoCredentials", "PartialCredentials", "Unauthorized",
    "Unable to locate credentials", "DefaultCredentialsError", "RefreshError", "ClientAuthenticationError",
    "CredentialUnavailable", "Invalid Credentials",
)  # fmt: skip
_DOWN: Final = (
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ClientConnectorError",
    "ConnectionRefusedError", "ConnectionClosedError", "ServiceRequestError", "ServiceResponseError", "ServerTimeout",
    "ServerDisconnected", "ClientOSError", "ConnectionResetError", "TimeoutError", "HTTPClientError",
)  # fmt: skip


class _System(Protocol):
    """What is used of fsspec's file systems."""

    retries: int

    def cat_file(self, path: str) -> bytes: ...
    def pipe_file(self, path: str, value: bytes) -> None: ...
    def rm(self, path: list[str]) -> None: ...
    def rm_file(self, path: str) -> None: ...
    def ls(self, path: str, *, detail: bool, refresh: bool) -> list[dict[str, Any]]: ...


class Blobs(Storage):
    """One bucket, or a folder in one; the first call opens it."""

    def __init__(self, where: Bucket) -> None:
        self._bucket = where
        self.url = where.shown
        self._opened: _System | None = None
        self._root = "/".join(part for part in (where.name, where.prefix) if part)

    def place(self, key: str) -> str:
        return f"{self.url}/{key}"

    def lock_place(self, key: str) -> str:
        return self.place(key) + (f"?{self._bucket.query}" if self._bucket.query else "")

    @property
    def _system(self) -> _System:
        if self._opened is None:
            module, name = _CLASSES[self._bucket.scheme]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # what the clouds' libraries say of the Python they run on
                    made = getattr(importlib.import_module(module), name)
            except ImportError:
                extra = BUCKETS[self._bucket.scheme]
                raise BackendError(
                    f"state in {self._bucket.scheme}:// needs the package {module.partition('.')[0]}; "
                    f'run: pip install "modelport[{extra}]"'
                ) from None
            with self._telling("opened"):
                opened: _System = made(
                    **self._bucket.options, use_listings_cache=False, skip_instance_cache=True, asynchronous=False
                )
            if self._bucket.scheme == "s3":
                opened.retries = 2  # above those of the library below, which are three each
            self._opened = opened
        return self._opened

    def read(self, key: str) -> bytes | None:
        system = self._system
        with self._telling("read"):
            try:
                return system.cat_file(self._path(key))
            except FileNotFoundError as error:
                if _matches(error, _NO_BUCKET):
                    raise
                return None

    def write(self, key: str, raw: bytes, *, sync: bool = False) -> None:
        system = self._system
        with self._telling("written"):
            system.pipe_file(self._path(key), raw)

    def delete(self, keys: Iterable[str]) -> None:
        paths = [self._path(key) for key in keys]
        system = self._system
        with self._telling("written"):
            if len(paths) > 1 and self._bucket.scheme == "s3":
                system.rm(paths)  # a thousand at a time
                return
            for path in paths:
                try:
                    system.rm_file(path)
                except FileNotFoundError as error:
                    if _matches(error, _NO_BUCKET):
                        raise

    def list(self, folder: str) -> list[Entry]:
        system = self._system
        path = self._path(folder)
        with self._telling("read"):
            try:
                found = system.ls(path, detail=True, refresh=True)
            except FileNotFoundError as error:
                if _matches(error, _NO_BUCKET):
                    raise
                return []
        out: dict[str, Entry] = {}
        for each in found:
            name = str(each["name"]).rstrip("/").removeprefix(path + "/")
            if name and "/" not in name:  # the folder itself may be among them
                out[name] = Entry(name, each.get("type") == "directory", _modified(each))
        return sorted(out.values(), key=lambda entry: entry.name)

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    @contextmanager
    def _telling(self, what: str) -> Generator[None, None, None]:
        try:
            yield
        except BackendError:
            raise
        except Exception as error:  # three libraries, each with a tree of its own
            raise BackendError(self._told(error, what)) from None

    def _told(self, error: Exception, what: str) -> str:
        scheme, name = self._bucket.scheme, self._bucket.name
        if _matches(error, _NO_BUCKET) or (what == "written" and isinstance(error, FileNotFoundError)):
            return f"{self.url}: there is no bucket {name}; create it, or set PULUMI_BACKEND_URL to one that exists"
        if _matches(error, _DOWN):
            where = self._bucket.options.get("endpoint_url") or "the store"
            return f"{self.url}: {where} does not answer; check its address, the network and that it is running"
        if isinstance(error, PermissionError) or _matches(error, _REFUSED):
            return f"{self.url}: the credentials are missing or refused; set {_VARIABLES[scheme]}"
        if "ProfileNotFound" in _kinds(error):
            profile = self._bucket.options.get("profile")
            return f"{self.url}: there is no AWS profile {profile}; see `aws configure list-profiles`"
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return f"{self.url}: cannot be {what}: {_hidden(reason, self._bucket)}"


def _chain(error: BaseException | None) -> list[BaseException]:
    out: list[BaseException] = []
    while error is not None and error not in out:
        out.append(error)
        error = error.__cause__ or error.__context__
    return out


def _kinds(error: BaseException) -> set[str]:
    return {kind.__name__ for each in _chain(error) for kind in type(each).__mro__}


def _matches(error: BaseException, words: tuple[str, ...]) -> bool:
    """Whether an error, or one that it came from, is of a kind or says a word."""
    kinds = _kinds(error)
    texts = [str(each) for each in _chain(error)]
    return any(word in kinds or any(word in text for text in texts) for word in words)


def _hidden(text: str, where: Bucket) -> str:
    """A library's words without what must not be shown."""
    hidden = str(where.options.get("connection_string") or "")
    for piece in hidden.split(";"):
        if piece.startswith(("AccountKey=", "SharedAccessSignature=")):
            text = text.replace(piece.split("=", 1)[1], "[secret]")
    return text


def _modified(entry: dict[str, Any]) -> float:
    for key in ("LastModified", "last_modified", "mtime", "updated"):
        found = entry.get(key)
        if isinstance(found, datetime.datetime):
            return found.timestamp()
        if isinstance(found, str):
            try:
                return datetime.datetime.fromisoformat(found).timestamp()
            except ValueError:
                continue
    return 0.0
