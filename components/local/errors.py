"""What goes wrong between a baked image and a port that answers.

A message is one line: what, got, expected and the fix. `str()` of an error is that line behind `modelport: failed: `,
because the engines print a provider's exception as a traceback, in which a reader looks for that line alone.
"""


class LocalError(Exception):
    """A local endpoint could not be made, changed or taken away."""

    def __init__(self, message: str) -> None:
        self.message = " ".join(message.split())
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"modelport: failed: {self.message}"


class PortInUse(LocalError):
    """Another program listens where the endpoint wants to."""


class NotReady(LocalError):
    """The server ended, or did not become ready in time. It was stopped; nothing of it is left."""


class NoRuntime(LocalError):
    """The runtime that was asked for is not on this machine or does not answer."""
