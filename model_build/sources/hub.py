"""`hf://ORG/NAME@REVISION[/PATH]`: models of the Hugging Face Hub, or of a mirror of it (HF_ENDPOINT).

A revision is a commit, or a branch or tag, which is asked for its commit. The Hub's own client asks and knows where tokens
are; what it has in its cache is not fetched again. Only files that hold a model are taken, by what they hold: there is no
code among them.
"""

import hashlib
import logging
import re
import shutil
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from model_build.errors import InputError, ModelBuildError
from model_build.sources import hub_files, keeping
from model_build.sources.downloads import BrokenOff, Into
from model_build.sources.remote import File, Remote, Seen

_ADDRESS = re.compile(
    r"hf://(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)@(?P<revision>refs/pr/\d+|refs/convert/\w+|[^/@\s]+)"
    r"(?:/(?P<path>[^@\s]+?))?/?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_GIT_LARGEST = 32 << 20
"""Bytes of a file that is in git itself: the Hub lets none be over 10 MB."""


class Hub(Remote):
    """A model of the Hub, by its commit."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text, key)
        found = _ADDRESS.fullmatch(text)
        if found is None:
            raise self.wrong(_expected(text))
        self.name = found["name"]
        self.revision = unquote(found["revision"])
        self.path = unquote(found["path"] or "")
        self._places: dict[str, str] = {}
        """Where each file is in the repository, by its name in the source."""

    @property
    def fixed(self) -> str:
        return self.revision if _COMMIT.fullmatch(self.revision) else ""

    def look(self) -> Seen:
        commit, every = self._offline() if self._hub.constants.is_offline_mode() else self._asked()
        try:
            self._places = hub_files.chosen(every, self.path)
        except ValueError as error:
            raise self.wrong(f"{error}") from None
        # What git itself has has no SHA-256 there: such files are small, and read for it once.
        known = keeping.noted(self, commit)
        files: dict[str, File] = {}
        for name, place in self._places.items():
            file = every[place]
            if not file.sha256 and known is None:
                file = File(file.size, hashlib.sha256(self._small(commit, place, file)).hexdigest(), file.mark)
            files[name] = file
        return Seen(commit, files, folder=len(files) > 1)

    def fetch(self, seen: Seen, into: Into) -> None:
        from model_build.sources.web import Reading

        for name, file in (seen.files or {}).items():
            place = self._places[name]
            if self._copied(seen.version, place, file, into.file(name)):
                into.counted(into.file(name).stat().st_size)
                continue
            if self._hub.constants.is_offline_mode():
                raise self.unreached(
                    f"of which {place!r} is not in the Hub's cache whole, and HF_HUB_OFFLINE forbids to fetch it; unset it"
                )
            address = self._api.hf_hub_url(self.name, place, revision=seen.version)
            into.take(name, file, Reading(self, address, into, self._headers(), self._refused).read)

    @cached_property
    def _hub(self) -> Any:
        """The Hub's own client, imported when something is asked of it."""
        try:
            import huggingface_hub
        except ModuleNotFoundError:
            raise ModelBuildError(
                f"{self.key} is {self.label!r}, but the Hub's client is not installed; pip install 'modelport[hf]'"
            ) from None
        # Nothing of what is done here is told to anybody, and addresses with signatures are not logged.
        huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        return huggingface_hub

    @cached_property
    def _api(self) -> Any:
        return self._hub.HfApi(library_name="modelport")

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = self._hub.utils.build_hf_headers(library_name="modelport")
        return {name: value for name, value in headers.items() if name.lower() != "accept-encoding"}

    @property
    def _host(self) -> str:
        return urlsplit(self._api.endpoint).netloc.rpartition("@")[2]

    def _asked(self) -> tuple[str, dict[str, File]]:
        """The commit, and all of its files."""
        seconds = self._hub.constants.HF_HUB_ETAG_TIMEOUT
        try:
            told = self._api.model_info(self.name, revision=self.revision, files_metadata=True, timeout=seconds)
            commit = str(told.sha or "")
            siblings = {str(each.rfilename): each for each in told.siblings or []}
        except Exception as error:
            raise self._said(error) from None
        if not _COMMIT.fullmatch(commit) or (self.fixed and commit != self.fixed):
            raise self.unreached(
                f"for which {self._host} names the commit {commit[:60]!r}, expected {self.fixed or '40 hex digits'}; is "
                "HF_ENDPOINT a mirror of the Hub?"
            )
        files: dict[str, File] = {}
        for name, each in siblings.items():
            sha256 = str(each.lfs.sha256) if each.lfs else ""
            files[name] = File(each.size, sha256, str(each.blob_id or ""))
        return commit, files

    def _said(self, error: Exception) -> ModelBuildError:
        """An error of the Hub's client in our words; its own have addresses and several lines."""
        errors: Any = self._hub.errors
        if isinstance(error, errors.GatedRepoError):
            return self._refused(403) or self.unreached("which is gated")
        if isinstance(error, errors.RevisionNotFoundError):
            return self.wrong(
                f"but {self.name} has no revision {self.revision!r}; look at https://{self._host}/{self.name}/commits for "
                "its branches, tags and commits"
            )
        if isinstance(error, errors.RepositoryNotFoundError):
            token = "the token that is given may not read it" if self._hub.get_token() else "it wants a token"
            return self.wrong(
                f"but {self._host} has no model {self.name!r}, or {token}; look at the name, and for a private one set "
                "HF_TOKEN or run hf auth login"
            )
        response = getattr(error, "response", None)
        if response is not None:
            return self._refused(int(response.status_code)) or self.unreached(
                f"which {self._host} answered with {response.status_code}; try again later, or look at HF_ENDPOINT"
            )
        if isinstance(error, errors.HFValidationError):
            return self.wrong(_expected(self.text))
        reason = str(error).partition("\n")[0] or type(error).__name__
        return self.unreached(f"but {self._host} does not answer ({reason[:200]}); look at the network and HF_ENDPOINT")

    def _refused(self, status: int) -> ModelBuildError | None:
        """What a status says of this model; None for one that says nothing of its own."""
        if status in (401, 403):
            if self._hub.get_token():
                return self.unreached(
                    f"which {self._host} does not give to the token that is given ({status}), expected one that may read "
                    f"it; ask for access at https://{self._host}/{self.name}, or take another token (HF_TOKEN)"
                )
            return self.unreached(
                f"which {self._host} gives to nobody without a token ({status}); ask for access at "
                f"https://{self._host}/{self.name}, then set HF_TOKEN or run hf auth login"
            )
        if status == 404:
            return self.unreached("of which a file that was listed is gone; run it again")
        return None

    def _small(self, commit: str, place: str, file: File) -> bytes:
        """The content of a file that is in git itself, held to git's digest of it."""
        if (path := self._cached(commit, place)) is not None:
            content = path.read_bytes()
            if _git_sha1(content) == file.mark:
                return content
        return _InMemory(self, self._api.hf_hub_url(self.name, place, revision=commit)).read(place, file)

    def _offline(self) -> tuple[str, dict[str, File]]:
        """What the Hub's own cache on this machine has of it."""
        constants: Any = self._hub.constants
        folder = Path(constants.HF_HUB_CACHE) / self._hub.file_download.repo_folder_name(
            repo_id=self.name, repo_type="model"
        )
        try:
            commit = self.fixed or (folder / "refs" / self.revision).read_text("ascii").strip()
            if not _COMMIT.fullmatch(commit):
                raise ValueError(commit)
            snapshot = folder / "snapshots" / commit
            files = [path for path in sorted(snapshot.rglob("*")) if path.is_file()]
        except (OSError, ValueError):
            files, commit, snapshot = [], "", folder
        if not files:
            raise self.unreached(
                f"and HF_HUB_OFFLINE forbids to ask for it, but the Hub's cache has no such revision of {self.name}; "
                "unset it, or fetch it before, by hf download"
            )
        told: dict[str, File] = {}
        for path in files:
            # The name of what a link leads to is the digest: git's, or for large files SHA-256.
            mark = path.resolve().name
            sha256 = mark if re.fullmatch(r"[0-9a-f]{64}", mark) else ""
            told[path.relative_to(snapshot).as_posix()] = File(path.stat().st_size, sha256, "" if sha256 else mark)
        return commit, told

    def _cached(self, commit: str, place: str) -> Path | None:
        found = self._hub.try_to_load_from_cache(self.name, place, revision=commit)
        return Path(found) if isinstance(found, str) else None

    def _copied(self, commit: str, place: str, file: File, to: Path) -> bool:
        """Take a file from the Hub's own cache, where it is there and whole."""
        path = self._cached(commit, place)
        if path is None or to.exists() or path.stat().st_size != file.size:
            return False
        with path.open("rb") as content:
            if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                return False
        shutil.copyfile(path, to)
        return True


class _InMemory:
    """Reads a small file whole."""

    def __init__(self, source: Hub, address: str) -> None:
        self._source = source
        self._address = address

    def read(self, place: str, file: File) -> bytes:
        from model_build.sources.web import whole

        source = self._source
        content = whole(source, self._address, _GIT_LARGEST, source._headers(), source._refused)
        if file.mark and _git_sha1(content) != file.mark:
            raise source.wrong(
                f"of which {place!r} is not what its commit says (git names it {_git_sha1(content)[:12]}, expected "
                f"{file.mark[:12]}); do not use it, or look at HF_ENDPOINT"
            )
        return content


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
