"""What stays to the end of a command is not searched for garbage; in a process that goes on, all is."""

import subprocess
import sys

import pytest

LOOK = """
import gc
from engine import collector
if {sparing}:
    collector.spare()
with collector.staying():
    assert gc.isenabled() is not {sparing}
    made = [[] for _ in range(1000)]
assert gc.isenabled()
print(gc.get_freeze_count() > 1000)
"""


@pytest.mark.parametrize("sparing", [True, False])
def test_what_stays_is_searched_no_more_where_the_process_ends(sparing: bool) -> None:
    ran = subprocess.run([sys.executable, "-c", LOOK.format(sparing=sparing)], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == (f"{sparing}\n", "")
