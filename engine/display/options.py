"""What a view is asked to show."""

from dataclasses import dataclass
from typing import Literal

Operation = Literal["preview", "up", "refresh", "destroy"]

_TITLES = {
    ("preview", False): "Previewing update",
    ("preview", True): "Previewing update",
    ("up", False): "Updating",
    ("up", True): "Previewing update",
    ("refresh", False): "Refreshing",
    ("refresh", True): "Previewing refresh",
    ("destroy", False): "Destroying",
    ("destroy", True): "Previewing destroy",
}


@dataclass(frozen=True)
class Options:
    """Names as the flags have them; `preview` is an operation that only plans."""

    operation: Operation = "up"
    stack: str = ""
    preview: bool = False
    diff: bool = False
    as_json: bool = False
    show_sames: bool = False
    show_reads: bool = False
    show_replacement_steps: bool = False
    show_config: bool = False
    show_full_output: bool = False
    show_secrets: bool = False
    suppress_outputs: bool = False
    suppress_progress: bool = False
    debug: bool = False
    color: str = "auto"
    engine: str = ""
    """Named in the title, where there is a choice of engines."""

    @property
    def planning(self) -> bool:
        return self.preview or self.operation == "preview"

    @property
    def title(self) -> str:
        """`Previewing update (dev):`"""
        engine = f" by the {self.engine} engine" if self.engine else ""
        return f"{_TITLES[self.operation, self.planning]} ({self.stack}){engine}:"

    @property
    def doing(self) -> str:
        """`previewing update`"""
        title = _TITLES[self.operation, self.planning]
        return title[0].lower() + title[1:]
