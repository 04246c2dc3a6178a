"""Which resources an operation has settled so far, so that a look-up can wait for what it depends on."""

import asyncio
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager


class Settled:
    """Resources by URN, under their parents, and how many registrations are under way beneath each."""

    def __init__(self) -> None:
        self._there: dict[str, bool | None] = {}
        """Whether a custom resource exists; None for a component."""
        self._below: dict[str, list[str]] = {}
        self._under_way: Counter[str] = Counter()
        self._changed = asyncio.Event()

    @contextmanager
    def registering(self, parent: str) -> Generator[None, None, None]:
        self._under_way[parent] += 1
        try:
            yield
        finally:
            self._under_way[parent] -= 1
            self._wake()

    def add(self, urn: str, parent: str, *, custom: bool, there: bool) -> None:
        if urn not in self._there:
            self._below.setdefault(parent, []).append(urn)
        self._there[urn] = there if custom else None
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def lacking(self, roots: Iterable[str]) -> bool:
        """Whether any of the resources, or what is below a component of them, does not exist yet.

        Waits for what is being registered below those components.
        """
        first = list(roots)
        while True:
            components: set[str] = set()
            todo = list(first)
            while todo:
                urn = todo.pop()
                there = self._there.get(urn, True)
                if there is False:
                    return True
                if there is None and urn not in components:
                    components.add(urn)
                    todo += self._below.get(urn, ())
            if not any(self._under_way[urn] for urn in components):
                return False
            await self._changed.wait()
