"""What the bake raises: one line that says what, got, expected and the fix."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from model_build.errors import InputError, ModelBuildError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class BakeError(ModelBuildError):
    """The image could not be made; nothing half-made was left behind."""


class DiskFullError(BakeError):
    """The disk, a quota or a file size limit stopped a write."""


@contextmanager
def disk_errors(place: Path, hint: str) -> Generator[None]:
    """Turn a full disk and a folder that may not be written into one clear line. `hint` is the fix."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(f"{place}: no space left for the image ({error.strerror}); {hint}") from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}:
            raise BakeError(
                f"{place}: cannot be written ({error.strerror}), expected a folder of yours; {hint}"
            ) from error
        raise


class BaseError(InputError):
    """The base that the recipe names cannot be used."""
