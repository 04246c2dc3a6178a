"""The clouds' own public price lists, read into a book: one list after the other, each streamed, none kept whole.

After each list the book is written by a rename, so that what was read before an end, of whatever kind, is kept, and a
book that somebody reads meanwhile is whole.
"""

import os
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import httpx

from automation.costs import book as books
from automation.costs.book import Book, Key, Price
from automation.exits import Exit, Failure
from model_build import folders

OWN: Final = "prices.json"
LONGEST_LINE: Final = 2**20
"""No line of a list is as long; one that is ends the reading of it, so that memory has a bound."""
LARGEST: Final = 64 * 2**20
"""The most bytes of a document that has to be read whole."""
_TIMEOUT: Final = httpx.Timeout(30, read=120)


class ListError(Exception):
    """A list could not be read; the text is for the user."""


@dataclass(frozen=True)
class Server:
    """Where the lists are: the clouds' own addresses, or one server that has copies of them."""

    aws: str = "https://pricing.us-east-1.amazonaws.com"
    spot: str = "https://spot-price.s3.amazonaws.com"
    fargate: str = "https://dftu77xade0tc.cloudfront.net"
    google: str = "https://cloudbilling.googleapis.com"

    @classmethod
    def mirror(cls, url: str) -> "Server":
        """A server with the lists under the paths that they have at the clouds'."""
        base = url.rstrip("/")
        return cls(base, base, base, base)


def own_book() -> Path:
    """Where the book lies that was refreshed last."""
    return folders.data() / OWN


def known(extra: Path | None = None) -> Book:
    """All prices that are known here: what Modelport brings, what was refreshed, and over both a book of one's own.

    Raises Failure for a book that cannot be read.
    """
    whole = books.shipped()
    if (own := own_book()).exists():
        whole = whole.newest(books.read(own))
    return whole.under(books.read(extra)) if extra is not None else whole


def update(
    regions: Sequence[str], path: Path, server: Server, key: str | None, say: Callable[[str], None]
) -> tuple[Book, list[str]]:
    """Read the lists for some regions into the book at `path`; returns it, and a line for each list that failed."""
    from automation.costs import update_aws, update_gcp

    whole = books.read(path) if path.exists() else Book()
    failed: list[str] = []
    unreached: list[str] = []
    aws = [region for region in regions if is_aws(region)]
    google = [region for region in regions if not is_aws(region)]
    readers = [*update_aws.readers(aws, server), *update_gcp.readers(google, server, key)]
    with httpx.Client(timeout=_TIMEOUT, follow_redirects=True, headers={"user-agent": "modelport"}) as client:
        for name, reader in readers:
            try:
                found = dict(reader(client))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                unreached.append(name)
                continue
            except (httpx.HTTPError, ListError) as error:
                failed.append(f"{name}: {_why(error)}; what the book had of it is kept")
                continue
            if not found:
                say(f"{name}: no prices, as it is in none of these regions")
                continue
            whole = Book(whole.currency, {**whole.prices, **found})
            write(whole, path)
            say(f"{name}: {len(found)} prices")
    if unreached:
        told = f"{', '.join(unreached)}: the server is not reached, expected one that has the list"
        failed.append(f"{told}; check the network, or name one with copies by --mirror; what the book had is kept")
    return whole, failed


def is_aws(region: str) -> bool:
    """AWS writes `eu-central-1`, Google `europe-west3`."""
    return region.count("-") >= 2


def write(book: Book, path: Path) -> None:
    """Write a book by a rename. Raises Failure."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(books.text(book))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise Failure(
            Exit.FAILED, f"{path}: {why}, expected a file that can be written; name another with --book"
        ) from None


@contextmanager
def lines(client: httpx.Client, url: str) -> Generator[Iterator[str]]:
    """The lines of a list as they come. Raises ListError, httpx.HTTPError."""
    with client.stream("GET", url) as answer:
        _refuse(answer)
        yield _bounded(answer)


def whole(client: httpx.Client, url: str, params: dict[str, str] | None = None) -> bytes:
    """A document that has to be read whole, up to `LARGEST`. Raises ListError, httpx.HTTPError."""
    found = bytearray()
    with client.stream("GET", url, params=params) as answer:
        _refuse(answer)
        for piece in answer.iter_bytes():
            found += piece
            if len(found) > LARGEST:
                raise ListError(f"is larger than {LARGEST // 2**20} MB, expected a list of prices")
    return bytes(found)


def _bounded(answer: httpx.Response) -> Iterator[str]:
    rest = b""
    for piece in answer.iter_bytes():
        *done, rest = (rest + piece).split(b"\n")
        for line in done:
            yield line.decode("utf-8", "replace") + "\n"
        if len(rest) > LONGEST_LINE:
            raise ListError("has a line that does not end, expected a list of prices as CSV")
    if rest:
        yield rest.decode("utf-8", "replace")


def _refuse(answer: httpx.Response) -> None:
    if not answer.is_success:
        # Without the address: Google's has the key in it.
        raise ListError(f"the server answers {answer.status_code}, expected 200")


def _why(error: Exception) -> str:
    if isinstance(error, ListError):
        return str(error)
    return f"could not be read to its end ({type(error).__name__})"


def today() -> str:
    """The day on which a list without a date of its own was read."""
    return datetime.now(UTC).date().isoformat()


Prices = Iterator[tuple[Key, Price]]
"""What a list has of the regions. A list without a single price that Modelport knows raises ListError."""
Reader = tuple[str, Callable[[httpx.Client], Prices]]
