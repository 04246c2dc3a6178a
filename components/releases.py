"""What goes wrong in a release that this library carries out on a cloud, and how it tells of one under way."""

import sys
from collections.abc import Callable

Say = Callable[[str], None]


class ReleaseError(Exception):
    """A version that did not come to its requests. What served before still does, unless it says otherwise.

    `str()` is one line behind `modelport: failed: `, as the engines print a provider's exception as a traceback.
    """

    def __init__(self, message: str) -> None:
        self.message = " ".join(message.split())
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"modelport: failed: {self.message}"


class RolledBack(ReleaseError):
    """A version that did not hold: everything is at the one before."""

    def __str__(self) -> str:
        return f"modelport: rolled back: {self.message}"


class Unanswered(ReleaseError):
    """The cloud gave no answer."""


def say_of(name: str) -> Say:
    """Lines of progress: what a plugin prints is shown by either engine."""

    def say(text: str) -> None:
        print(f"modelport: {name}: {text}", file=sys.stderr, flush=True)

    return say
