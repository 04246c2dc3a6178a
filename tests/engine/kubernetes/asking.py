"""The provider asked as the engine asks it, call by call, without a program."""

import asyncio
import uuid
from typing import Any, cast

from engine.diff import Diff
from engine.providers.base import Made
from engine.providers.kubernetes import KubernetesProvider
from engine.providers.kubernetes.objects import copied
from engine.values import Props

URN = "urn:pulumi:dev::tests::"


def urn(token: str, name: str = "thing") -> str:
    return f"{URN}{token}::{name}"


class Asked:
    """A configured provider. `said` holds what it told the user: (severity, text)."""

    def __init__(self, **inputs: Any) -> None:
        self.said: list[tuple[str, str]] = []
        self._runner = asyncio.Runner()
        self.provider = KubernetesProvider(self._hear)
        self.run(self.provider.configure(urn("pulumi:providers:kubernetes"), str(uuid.uuid4()), cast(Props, inputs)))

    def _hear(self, severity: str, text: str, urn: str, *, ephemeral: bool = False) -> None:
        if not ephemeral:
            self.said.append((severity, text))

    def run(self, call: Any) -> Any:
        return self._runner.run(call)

    def close(self) -> None:
        self.run(self.provider.close())
        self._runner.close()

    def check(
        self,
        token: str,
        news: dict[str, Any],
        olds: dict[str, Any] | None = None,
        name: str = "thing",
        seed: bytes = b"s",
    ) -> Props:
        call = self.provider.check(urn(token, name), olds, copied(news), preview=False, seed=seed)
        checked, failures = self.run(call)
        assert failures == []
        return cast(Props, checked)

    def create(self, token: str, inputs: Props, *, preview: bool = False, timeout: float = 0) -> Made:
        call = self.provider.create(urn(token), copied(inputs), timeout=timeout, preview=preview)
        return cast(Made, self.run(call))

    def made(self, token: str, news: dict[str, Any], name: str = "thing") -> tuple[Props, Made]:
        """Check and create: the checked inputs, and what was made."""
        inputs = self.check(token, news, name=name)
        return inputs, self.create(token, inputs)

    def diff(
        self, token: str, made: Made, news: Props, olds: Props | None = None, ignored: list[str] | None = None
    ) -> Diff:
        call = self.provider.diff(
            urn(token),
            str(made.id),
            copied(olds or {}),
            copied(made.outputs),
            copied(news),
            preview=False,
            ignored=ignored or [],
        )
        return cast(Diff, self.run(call))

    def update(
        self, token: str, made: Made, news: Props, *, preview: bool = False, ignored: list[str] | None = None
    ) -> Made:
        call = self.provider.update(
            urn(token),
            str(made.id),
            {},
            copied(made.outputs),
            copied(news),
            timeout=0,
            preview=preview,
            ignored=ignored or [],
        )
        return cast(Made, self.run(call))

    def read(self, token: str, id_: str, inputs: Props | None = None, state: Props | None = None) -> Made:
        call = self.provider.read(urn(token), id_, copied(inputs or {}), copied(state or {}), timeout=0)
        return cast(Made, self.run(call))

    def delete(self, token: str, made: Made, timeout: float = 0) -> None:
        self.run(self.provider.delete(urn(token), str(made.id), {}, copied(made.outputs), timeout=timeout))
