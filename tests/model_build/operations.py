"""Operations of an engine that have to succeed, and what they said."""

import json
from typing import Any

from engine.api import Outcome


class Heard:
    """`done(engine.up(on_event=heard))` is what an `up` came to: how many resources by what became of them."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, event: dict[str, Any]) -> None:
        self.said.append(json.dumps(event))

    def done(self, outcome: Outcome) -> dict[str, int]:
        """Fails with all that was said."""
        assert outcome.exit_code == 0, "\n".join([outcome.error, *self.said])
        return {kind: number for kind, number in outcome.changes.items() if number}
