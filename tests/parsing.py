"""Python 3.11 before 3.11.8 and 3.12 before 3.12.2 cannot parse while they parse: gh-106905 of CPython.

A tree is made by C, which counts its depth in one place for all. Where the garbage collector comes in between, what it
ends may say a warning; pytest writes the traceback of that, and a traceback is parsed for its carets. Then the first
parse fails with "AST constructor recursion depth mismatch", wherever pytest happens to be: mostly in the import of a
module of tests.
"""

import ast
import functools
import gc
import sys
from typing import Any

_parse = ast.parse


@functools.wraps(_parse)
def _alone(*args: Any, **options: Any) -> Any:
    collected = gc.isenabled()
    gc.disable()
    try:
        return _parse(*args, **options)
    finally:
        if collected:
            gc.enable()


def undisturbed() -> None:
    """Have no garbage collected during `ast.parse`, where that matters."""
    if sys.version_info < (3, 11, 8) or (3, 12) <= sys.version_info < (3, 12, 2):
        ast.parse = _alone
