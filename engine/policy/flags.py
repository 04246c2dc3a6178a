"""The flags `--policy-pack` and `--policy-pack-config`, as a command line gives them."""

from collections.abc import Sequence
from pathlib import Path

from engine.errors import BadInput


def check(packs: Sequence[str], configs: Sequence[str]) -> None:
    """Raise BadInput unless there is no configuration at all, or one for each pack."""
    if configs and not packs:
        raise BadInput('"--policy-pack-config" must be specified with "--policy-pack"')
    if configs and len(configs) != len(packs):
        raise BadInput('the number of "--policy-pack-config" flags must match the number of "--policy-pack" flags')


def paths(given: Sequence[str], folder: Path) -> tuple[str, ...]:
    """What the user named, from `folder` on; several may stand behind one flag with commas between."""
    named = [path for each in given for path in each.split(",") if path]
    return tuple(named if folder == Path() else (str(folder / path) for path in named))
