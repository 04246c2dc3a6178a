"""The section `cost`: what the stack may cost, and how much it is used."""

from typing import Annotated

from pydantic import Field, StrictInt

from stacks.specs.part import Part
from stacks.specs.words import Line


class CostSpec(Part):
    """What the stack may cost, and how much it is used."""

    budget_per_month: Annotated[float, Field(gt=0, allow_inf_nan=False, examples=[800])] | None = None
    """Dollars that the stack may cost a month. A preview warns where it costs more, or may by its autoscalers.
    Default: no budget."""
    predictions_per_month: Annotated[StrictInt, Field(ge=1, examples=[20_000_000])] | None = None
    """Predictions that are asked of the model in a month, from which a preview reckons what a million of them cost."""
    prices: Annotated[Line, Field(examples=["prices.json"])] | None = None
    """A book of prices of your own beside the stack file, such as what you agreed with a cloud: its prices come before
    all others. Default: those that Modelport brings, and those that `modelport prices --update` has fetched."""
