"""What goes wrong between a baked image and a port that answers.

A message is one line: what, got, expected and the fix. `str()` of an error ends with that line behind `modelport: `,
because the engines print a provider's exception as a traceback and a reader wants its last line only.
"""


class LocalError(Exception):
    """A local endpoint could not be made, changed or taken away.

    log: the last lines that the server wrote, shown before the message.
    """

    def __init__(self, message: str, *, log: str = "") -> None:
        self.message = " ".join(message.split())
        self.log = log.strip()
        super().__init__(self.message)

    def __str__(self) -> str:
        shown = "".join(f"  | {line}\n" for line in self.log.splitlines())
        head = f"last lines of the server's log:\n{shown}" if shown else ""
        return f"{head}modelport: failed: {self.message}"


class PortInUse(LocalError):
    """Another program listens where the endpoint wants to."""


class NotReady(LocalError):
    """The server ended, or did not become ready in time. It was stopped; nothing of it is left."""


class NoRuntime(LocalError):
    """The runtime that was asked for is not on this machine or does not answer."""
