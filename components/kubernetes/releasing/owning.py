"""Whose a release is. Its record in the cluster names the stack, and another stack's is neither taken back nor removed.

An owner is `PROJECT/STACK/ID`, the id being the state's own, as two backends may hold a stack of the same name. That of
a stack begun before there were owners has no id: `PROJECT/STACK/`; its record may have none at all.
"""

import secrets

ANNOTATION = "modelport.io/owner"
"""On a Deployment: `PROJECT/STACK` that may begin to release it although it did not make it."""


def new(stack: str) -> str:
    """The owner that a stack's release becomes as it begins."""
    return f"{stack}/{secrets.token_hex(8)}"


def begun_before(stack: str) -> str:
    """The owner of a release whose state knows none."""
    return f"{stack}/"


def stack(owner: str) -> str:
    """`PROJECT/STACK` of an owner."""
    return owner.rpartition("/")[0]


def ours(theirs: str, mine: str) -> bool:
    """Whether a record's owner is the one of the state, which may be from before there were owners."""
    return theirs in ("", mine) or (not mine and theirs.endswith("/"))
