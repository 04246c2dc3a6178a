"""What an operation on targets leaves alone, and what must stand before it in the state all the same."""

from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.goals import Registration
from engine.run import Bail, Run
from engine.state import Resource, split_reference
from engine.steps import Same, Step

if TYPE_CHECKING:
    from engine.generator import Generator


class Untargeted:
    """Makes the steps that keep a resource as it is. `first` waits for the next steps, to go before them."""

    def __init__(self, run: Run, generator: "Generator") -> None:
        self.run = run
        self.generator = generator
        self.first: list[Same] = []
        self.urns: set[str] = set()

    def untouched(self, old: Resource, reg: Registration | None = None) -> Same:
        new = old.copy()
        new.id = ""
        return Same(self.run, reg, old, new, untargeted=True)

    def left_alone(self, urn: str, old: Resource, reg: Registration) -> list[Step]:
        if old.provider and self.run.registry.get(old.provider) is None:
            provider_urn, id_ = split_reference(old.provider)
            known = self.run.olds.get(provider_urn)
            if known is None or str(known.id) != id_:
                raise EngineError(f"could not find provider {old.provider} in old state")
            raise EngineError(
                f"provider {old.provider} for resource {urn} has not been registered yet, this is due to a change of "
                "providers mixed with --target. Change your program back to the original providers"
            )
        return list(self._with_dependencies(urn, old, reg))

    def _with_dependencies(self, urn: str, old: Resource, reg: Registration | None) -> list[Same]:
        if old.delete:
            return []
        self.generator.names.urns.add(old.urn)
        self.generator.sames |= {urn, old.urn}
        steps: list[Same] = []
        if old.provider:
            provider_urn, id_ = split_reference(old.provider)
            known = self.run.olds.get(provider_urn)
            if (
                known is not None
                and str(known.id) == id_
                and not self.generator.generated(provider_urn)
                and not self.generator.operated_on(provider_urn)
            ):
                steps += self._with_dependencies(urn, known, None)
        for kind, needed, key in old.all_dependencies():
            if self.generator.generated(needed):
                continue
            known = self.run.olds.get(needed)
            if known is None:
                what = {
                    "parent": f"parent {needed} of untargeted resource {urn}",
                    "property": f"property dependency {needed} of untargeted resource {urn}'s property {key}",
                }.get(kind, f"dependency {needed} of untargeted resource {urn}")
                raise Bail(f"{what} has no old state")
            steps += self._with_dependencies(urn, known, None)
        return [*steps, self.untouched(old, reg)]

    def queue(self, new: Resource) -> None:
        """What a targeted resource refers to must stand before it in the state, targeted or not."""
        if not self.generator.targets:
            return

        def queue(urn: str) -> None:
            if self.generator.generated(urn) or urn in self.urns:
                return
            old = self.run.olds.get(urn)
            if old is None or old.delete:
                return
            self.urns.add(urn)
            if old.provider:
                provider_urn, id_ = split_reference(old.provider)
                known = self.run.olds.get(provider_urn)
                if known is not None and str(known.id) == id_:
                    queue(provider_urn)
            for _, needed, _ in old.all_dependencies():
                queue(needed)
            self.first.append(self.untouched(old))

        for _, urn, _ in new.all_dependencies():
            queue(urn)
