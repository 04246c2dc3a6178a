"""What all sections of a stack file have in common."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A mapping in a stack file: an unknown key is a mistake, and a docstring is what the reference says of its key."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)
