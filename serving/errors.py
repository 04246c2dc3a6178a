"""What can go wrong, in the words of no protocol: each protocol gives these its own codes.

ServingError
├── StartError      flags, model folder or socket do not allow a start
├── BadInput        the request does not fit the protocol or the model
│   └── Refused     the model failed on a request that fits the protocol
├── Unauthorized    no API key of this server's came with the request
├── NotFound        no such route, model or version
├── NotAllowed      the route exists, not for this method
├── TooLarge        a body or picture beyond the limits
├── Unsupported     a content type or encoding that is not understood
├── Overloaded      more requests than the queue holds; worth another try
└── ModelFailed     the model broke on a request that fits it
"""


class ServingError(Exception):
    """Base of all errors whose text is meant for the reader."""


class StartError(ServingError):
    """Flags, model folder or socket do not allow a start."""


class BadInput(ServingError):
    """The request does not fit the protocol or the model."""


class Refused(BadInput):
    """The model failed on a request that fits the protocol: the input's fault, or the model's; nobody can tell."""


class Unauthorized(ServingError):
    """No API key of this server's came with the request. `given` says whether one came at all."""

    def __init__(self, message: str, *, given: bool) -> None:
        super().__init__(message)
        self.given = given


class NotFound(ServingError):
    """No such route, model or version."""


class NotAllowed(ServingError):
    """The route exists, not for this method. `allowed` lists the methods that it takes."""

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class TooLarge(ServingError):
    """A body or picture beyond the limits."""


class Unsupported(ServingError):
    """A content type or encoding that is not understood."""


class Overloaded(ServingError):
    """More requests than the queue holds; the client may try again."""


class ModelFailed(ServingError):
    """The model broke on a request that fits it."""
