"""What the model reads of a file: 1,024 bytes of its beginning and 1,024 of its end, as the package magika does it.

Blanks before the one and after the other do not count, bytes that are not there are 256. This is a second
implementation on purpose: a client of an endpoint needs these few lines and not the package.
"""

BEGINNING = END = 1024
BLOCK = 4096
"""Bytes that are looked at on either side."""
PADDING = 256
LEAST = 8
"""Files with fewer bytes than this, blanks taken off, are not shown to the model."""


def features(content: bytes) -> list[int] | None:
    """2,048 numbers from 0 to 256, or None when there is too little for the model to tell."""
    if len(content) < LEAST:
        return None
    first = content[:BLOCK].lstrip()[:BEGINNING]
    last = content[-BLOCK:].rstrip()[-END:]
    if len(first) < LEAST:
        return None
    return [*first, *[PADDING] * (BEGINNING - len(first)), *[PADDING] * (END - len(last)), *last]
