"""The pack: every rule there is, by where it looks."""

from collections.abc import Mapping, Sequence
from typing import Final

from policies import aws, gcp, kubernetes, model
from policies.rules import Rule, StackRule

NAME: Final = "modelport"
GROUPS: Final[Mapping[str, Sequence[Rule | StackRule]]] = {
    "Models and releases": model.RULES,
    "Kubernetes": kubernetes.RULES,
    "AWS": aws.RULES,
    "Google Cloud": gcp.RULES,
}
RULES: Final = tuple(each for group in GROUPS.values() for each in group)
