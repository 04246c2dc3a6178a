"""What talking to a registry raises: one line each, never with a password or token in it.

ModelBuildError
├── InputError
│   └── DestinationError    the reference or the configuration cannot be used
└── RegistryError           the registry said no, or nothing
    ├── RegistryDown            no answer
    ├── LoginError              wrong password, or none
    ├── DeniedError             the user may not do this
    ├── MissingError            no such image or repository
    └── RegistryFullError       its disk is full
"""

from model_build.errors import InputError, ModelBuildError


class DestinationError(InputError):
    """The reference, or Docker's configuration for it, cannot be used."""


class RegistryError(ModelBuildError):
    """The registry said no; what it had before it still has."""


class RegistryDown(RegistryError):
    """The registry does not answer."""


class LoginError(RegistryError):
    """The registry does not know the user or the password, or wants one and there is none."""


class DeniedError(RegistryError):
    """The registry knows the user and refuses the action."""


class MissingError(RegistryError):
    """The registry has no such image or repository."""


class RegistryFullError(RegistryError):
    """The registry's own disk or quota is full."""
