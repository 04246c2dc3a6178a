"""What an engine starts: `pulumi preview --policy-pack policies`, or `modelport preview --policy-pack policies`."""

import sys
from pathlib import Path

# An engine runs this file by its path, which leaves the package's own folder out of what can be imported.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pulumi_policy import PolicyPack

from policies.pack import NAME, RULES
from policies.rules import policies

PolicyPack(NAME, policies(RULES))
