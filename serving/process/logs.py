"""One line for what an operator wants to know, on standard error. Never what a request held."""

import sys


def say(text: str) -> None:
    """Write one line; a log that is gone stops no server."""
    try:
        print(f"modelport: {text}", file=sys.stderr, flush=True)
    except OSError:
        return
