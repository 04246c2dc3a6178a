"""Rules of models: what answers, how it comes to answer, what it costs, and who may ask."""

from typing import Final

from policies import model_attested, model_cost, model_gpu, model_images, model_keep, model_open, model_release
from policies.rules import Rule, StackRule

RULES: Final[tuple[Rule | StackRule, ...]] = (
    *model_images.RULES,
    *model_attested.RULES,
    *model_release.RULES,
    *model_open.RULES,
    *model_gpu.RULES,
    *model_keep.RULES,
    *model_cost.RULES,
)
