"""What goes wrong in a release, beside what can go wrong with any object of a cluster."""

from components.kubernetes.errors import ClusterError


class RolledBack(ClusterError):
    """The new version did not hold. Nothing of it is left, the version before answers."""

    def __str__(self) -> str:
        return f"modelport: rolled back: {self.message}"


class BadRelease(ClusterError):
    """What was asked for makes no sense; nothing was touched."""

    def __str__(self) -> str:
        return f"modelport: bad input: {self.message}"


class NoMeasures(ClusterError):
    """Prometheus does not answer, or refuses the question."""
