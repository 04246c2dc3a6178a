"""`https://host/path#sha256=...`: one file of a web server, by its digest."""

import re
from urllib.parse import unquote, urldefrag, urlsplit

from model_build.sources.downloads import Into
from model_build.sources.remote import File, Remote, Seen, port

_DIGEST = re.compile(r"sha256[=:]([0-9a-fA-F]{64})")


class Https(Remote):
    """A file whose digest the recipe gives: nothing is asked before it is fetched."""

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text, key)
        address, fragment = urldefrag(text)
        if "@sha256:" in address and not fragment:
            address, _, rest = address.rpartition("@")
            fragment = rest
        found = _DIGEST.fullmatch(fragment)
        parts = urlsplit(address)
        if not parts.hostname or port(address) is None:
            raise self.wrong("expected https://HOST/PATH#sha256=DIGEST; write the host")
        self.address = address
        self.name = unquote(parts.path).rstrip("/").rpartition("/")[2]
        if not self.name or self.name.startswith(".") or "/" in self.name or "\0" in self.name or "\\" in self.name:
            raise self.wrong("which names no file, expected https://HOST/PATH#sha256=DIGEST; name the file itself")
        if found is None:
            got = f"whose digest is {fragment!r}" if fragment else "which has no digest"
            raise self.wrong(
                f"{got}, expected https://HOST/PATH#sha256=DIGEST, as what is there may be another file tomorrow; get "
                f"the digest from whoever publishes the file, or download it, look at it and run sha256sum {self.name}"
            )
        self.digest = found[1].lower()

    @property
    def fixed(self) -> str:
        return f"sha256:{self.digest}"

    def look(self) -> Seen:
        return Seen(self.fixed, {self.name: File(sha256=self.digest)}, folder=False)

    def fetch(self, seen: Seen, into: Into) -> None:
        from model_build.sources.web import Reading  # a preview asks nothing, and does without its libraries

        into.take(self.name, seen.files[self.name] if seen.files else File(), Reading(self, self.address, into).read)
