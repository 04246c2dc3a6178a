"""`hf://ORG/NAME@REVISION[/PATH]`: models of the Hugging Face Hub, or of a mirror of it (HF_ENDPOINT).

A revision is a commit, or a branch or tag, which is asked for its commit. The Hub's own client asks, and knows where
tokens are; what it has in its cache is not fetched again. Only the files of a model are taken: no code is among them.
"""

import hashlib
import importlib
import logging
import re
import shutil
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from model_build.errors import ModelBuildError
from model_build.sources import hub_files, keeping
from model_build.sources.downloads import Into
from model_build.sources.remote import File, Remote, Seen, shown

_ADDRESS = re.compile(
    r"hf://(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)@(?P<revision>refs/pr/\d+|refs/convert/\w+|[^/@\s]+)"
    r"(?:/(?P<path>[^\s]+?))?/?"
)
_COMMIT, _SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
_SMALL = 32 << 20
"""Bytes that a file may have that is in git itself: the Hub takes none over 10 MB."""


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
    def label(self) -> str:
        # What is before an @ is no user here, unless somebody wrote a token or a password there.
        place = self.text.removeprefix("hf://").partition("@")[0]
        return shown(self.text) if ":" in place or place.startswith("hf_") else self.text.partition("?")[0]

    @property
    def fixed(self) -> str:
        return self.revision if _COMMIT.fullmatch(self.revision) else ""

    def look(self) -> Seen:
        commit, every = self._kept() if self._offline else self._asked()
        try:
            self._places = hub_files.chosen(every, self.path)
        except ValueError as error:
            raise self.wrong(str(error)) from None
        noted = keeping.noted(self, commit)
        known = noted.files if noted else dict[str, str]()
        files: dict[str, File] = {}
        for name, place in self._places.items():
            file, sha256 = every[place], every[place].sha256 or known.get(name, "")
            if not sha256 and file.mark:
                # The Hub knows no SHA-256 of what is in git itself. It is small, and read for it.
                sha256 = hashlib.sha256(self._small(commit, place, file)).hexdigest()
            files[name] = File(file.size, sha256, file.mark)
        return Seen(commit, files, folder=len(files) > 1)

    def fetch(self, seen: Seen, into: Into) -> None:
        from model_build.sources.web import Reading

        for name, file in (seen.files or {}).items():
            place = self._places[name]
            if self._copied(seen.version, place, file, into.file(name)):
                into.counted(into.file(name).stat().st_size)
                continue
            if self._offline:
                raise self.unreached(
                    f"of which the Hub's cache has no whole {place!r}, and HF_HUB_OFFLINE forbids to fetch it; unset it"
                )
            into.take(name, file, Reading(self, self._at(seen.version, place), into, self._login(), self._refused).read)

    @cached_property
    def _hub(self) -> Any:
        """The Hub's own client, imported when something is asked of it."""
        try:
            hub: Any = importlib.import_module("huggingface_hub")
            for part in ("constants", "errors", "file_download"):
                importlib.import_module(f"huggingface_hub.{part}")
        except ModuleNotFoundError:
            raise ModelBuildError(
                f"{self.key} is {self.label!r}, but the Hub's client is not installed; pip install 'modelport[hf]'"
            ) from None
        # Nobody is told what is done here, and addresses with signatures are not logged.
        hub.constants.HF_HUB_DISABLE_TELEMETRY = True
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        return hub

    @property
    def _offline(self) -> bool:
        return bool(self._hub.constants.is_offline_mode())

    @property
    def _home(self) -> str:
        return str(self._hub.constants.ENDPOINT)

    @property
    def _host(self) -> str:
        return urlsplit(self._home).netloc.rpartition("@")[2]

    @property
    def _page(self) -> str:
        return f"{urlsplit(self._home).scheme}://{self._host}/{self.name}"

    def _at(self, commit: str, place: str) -> str:
        return str(self._hub.hf_hub_url(self.name, place, revision=commit, endpoint=self._home))

    @property
    def _token(self) -> str | None:
        found: str | None = None if self._hub.constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else self._hub.get_token()
        return found

    def _login(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"} if self._token else {}

    def _asked(self) -> tuple[str, dict[str, File]]:
        """The commit, and all of its files, as the Hub tells them."""
        seconds = self._hub.constants.HF_HUB_ETAG_TIMEOUT
        try:
            told = self._hub.HfApi(endpoint=self._home, library_name="modelport").model_info(
                self.name, revision=self.revision, files_metadata=True, timeout=seconds
            )
            commit, siblings = str(told.sha or ""), list(told.siblings or [])
        except Exception as error:
            raise self._said(error) from None
        if not _COMMIT.fullmatch(commit) or (self.fixed and commit != self.fixed):
            raise self.unreached(
                f"for which {self._host} names the commit {commit[:60]!r}, expected {self.fixed or '40 hex digits'}; "
                "look whether HF_ENDPOINT is a mirror of the Hub"
            )
        files: dict[str, File] = {}
        for each in siblings:
            sha256 = str(each.lfs.sha256) if each.lfs else ""
            files[str(each.rfilename)] = File(each.size, sha256, str(each.blob_id or ""))
        return commit, files

    def _kept(self) -> tuple[str, dict[str, File]]:
        """The commit, and those of its files that are in the Hub's own cache on this machine."""
        name = self._hub.file_download.repo_folder_name(repo_id=self.name, repo_type="model")
        folder = Path(self._hub.constants.HF_HUB_CACHE) / name
        try:
            commit = self.fixed or (folder / "refs" / self.revision).read_text("ascii").strip()
            snapshot = folder / "snapshots" / (commit if _COMMIT.fullmatch(commit) else "none")
            found = [path for path in sorted(snapshot.rglob("*")) if path.is_file()]
        except (OSError, ValueError):
            commit, snapshot, found = "", folder, []
        if not found:
            raise self.unreached(
                f"but HF_HUB_OFFLINE forbids to ask for it, and the Hub's cache has no such revision of {self.name}; "
                "unset it, or fetch it before, by hf download"
            )
        files: dict[str, File] = {}
        for path in found:
            # What a link there leads to has its digest for a name: SHA-256 of large files, git's of others.
            mark = path.resolve().name
            sha256 = mark if _SHA256.fullmatch(mark) else ""
            files[path.relative_to(snapshot).as_posix()] = File(path.stat().st_size, sha256, "" if sha256 else mark)
        return commit, files

    def _said(self, error: Exception) -> ModelBuildError:
        """An error of the Hub's client in our words: its own have several lines."""
        errors: Any = self._hub.errors
        if isinstance(error, errors.GatedRepoError):
            return self._status(403)
        if isinstance(error, errors.RevisionNotFoundError):
            return self.wrong(
                f"but {self.name} has no revision {self.revision!r}; look at {self._page} for its branches, tags and "
                "commits"
            )
        if isinstance(error, errors.RepositoryNotFoundError):
            token = "the token that is given may not read it" if self._token else "it wants a token"
            return self.wrong(
                f"but {self._host} has no model {self.name!r}, or {token}; look at the name, and for a private one set "
                "HF_TOKEN or run hf auth login"
            )
        response = getattr(error, "response", None)
        if response is not None:
            return self._status(int(response.status_code))
        if isinstance(error, errors.HFValidationError):
            return self.wrong(_expected(self.text))
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        return self.unreached(f"but {self._host} does not answer ({reason}); look at the network and HF_ENDPOINT")

    def _status(self, status: int) -> ModelBuildError:
        return self._refused(status) or self.unreached(
            f"which {self._host} answered with {status}; try again later, or look at HF_ENDPOINT"
        )

    def _refused(self, status: int) -> ModelBuildError | None:
        """What a status says of this model; None for one that says nothing of its own."""
        if status in (401, 403) and self._token:
            return self.unreached(
                f"which {self._host} does not give for the token that it is shown ({status}), expected one that may "
                f"read it; ask for access at {self._page}, or give another token (HF_TOKEN)"
            )
        if status in (401, 403):
            return self.unreached(
                f"which {self._host} gives to nobody without a token ({status}); ask for access at {self._page}, then "
                "set HF_TOKEN or run hf auth login"
            )
        return self.unreached("of which a file that was listed is gone; run it again") if status == 404 else None

    def _small(self, commit: str, place: str, file: File) -> bytes:
        """The content of a file that is in git itself, held to git's digest of it."""
        if (path := self._cached(commit, place)) is not None and _git_sha1(content := path.read_bytes()) == file.mark:
            return content
        from model_build.sources.asking import Asking

        address = self._at(commit, place)
        answer = Asking(self, self._login(), address, "HF_ENDPOINT").get(address, _SMALL)
        if answer.status != 200:
            raise self._status(answer.status)
        if (got := _git_sha1(answer.content)) != file.mark:
            raise self.wrong(
                f"of which {place!r} is not what its commit says (git names it {got[:12]}, expected {file.mark[:12]}); "
                "do not use it, or look at HF_ENDPOINT"
            )
        return answer.content

    def _cached(self, commit: str, place: str) -> Path | None:
        found = self._hub.try_to_load_from_cache(self.name, place, revision=commit)
        return Path(found) if isinstance(found, str) else None

    def _copied(self, commit: str, place: str, file: File, to: Path) -> bool:
        """Take a file from the Hub's own cache, where it is there and whole."""
        path = self._cached(commit, place)
        if path is None or to.exists() or path.stat().st_size != file.size:
            return False
        with path.open("rb") as content:
            if file.sha256 and hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
                return False
        if not file.sha256 and _git_sha1(path.read_bytes()) != file.mark:
            return False
        shutil.copyfile(path, to)
        return True


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _expected(text: str) -> str:
    form = "hf://ORG/NAME@REVISION or hf://ORG/NAME@REVISION/PATH"
    if "@" not in text:
        return f"which names no revision, expected {form}; write @ and a commit, or @main to follow what is newest"
    return f"expected {form}, such as hf://org/model@main/onnx/model.onnx"
