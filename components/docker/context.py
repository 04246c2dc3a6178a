"""What Docker builds the image from: a folder with a Dockerfile, the same for every model and on every machine."""

import tempfile
from pathlib import Path
from typing import Final

FOLDER: Final = ".modelport/docker"
"""Below the project: its path is an input of the image, so that another one would be a change on the next machine."""
DOCKERFILE: Final = f"{FOLDER}/Dockerfile"
ARGUMENT: Final = "IMAGE"
TEXT: Final = f"""\
# Written by Modelport. The image has passed its gate and is in the daemon: nothing is added to it, so what is built has
# its layers and its settings.
ARG {ARGUMENT}
FROM ${{{ARGUMENT}}}
"""


def write(project: Path) -> None:
    """Have the folder in the project, and git pass it over."""
    place = project / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    _text(place.parent / ".gitignore", "*\n")
    _text(project / DOCKERFILE, TEXT)


def _text(file: Path, text: str) -> None:
    try:
        if file.read_text("utf-8") == text:
            return
    except (OSError, UnicodeDecodeError):
        pass
    # Another program of the project may read it at this moment. Docker's provider looks at a file's mode, too.
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent.parent, delete=False) as made:
        made.write(text)
    Path(made.name).chmod(0o644)
    Path(made.name).replace(file)
