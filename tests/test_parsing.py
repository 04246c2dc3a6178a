"""What tests/parsing.py is for."""

import ast
import gc


class _Ending:
    """In a circle with itself, so that it is the garbage collector's; it parses at its end, as a traceback does."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        ast.parse("a + b")


def test_garbage_may_parse_while_something_is_parsed() -> None:
    text = "".join(f"a{number} = f({number}, [a, b], k={{'c': 1}})\n" for number in range(1000))
    before = gc.get_threshold()
    gc.set_threshold(50, 2, 2)  # so that it comes in between
    try:
        for _ in range(10):
            for _ in range(50):
                _Ending()
            assert len(ast.parse(text).body) == 1000
    finally:
        gc.set_threshold(*before)
