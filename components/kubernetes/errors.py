"""What goes wrong between an image by digest and pods that answer.

A message is one line: what, got, expected and the fix. `str()` of an error is that line behind `modelport: failed: `,
because the engines print a provider's exception as a traceback, in which a reader looks for that line alone.
"""


class ClusterError(Exception):
    """Something in a cluster could not be made, changed or looked at."""

    def __init__(self, message: str) -> None:
        self.message = " ".join(message.split())
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"modelport: failed: {self.message}"


class NotReady(ClusterError):
    """Pods do not come up, or not in time. What served before still does."""


class Refused(ClusterError):
    """The API server's refusal. `status` is the HTTP code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(ClusterError):
    """There is no API server where the kubeconfig says that it is."""


class NoKubeconfig(Unreachable):
    """Nothing says where an API server would be: whoever looks at a change without credentials."""
