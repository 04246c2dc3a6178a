"""What a program asks for, and how an answer goes back to it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from engine.state import Id, Resource
from engine.values import Props, Value


@dataclass(frozen=True)
class Alias:
    """A name under which a resource was known before; empty parts are as they are now."""

    urn: str = ""
    name: str = ""
    type: str = ""
    stack: str = ""
    project: str = ""
    parent: str = ""
    no_parent: bool = False


@dataclass
class Goal:
    """One resource as the program wants it."""

    type: str
    name: str
    custom: bool
    properties: Props
    parent: str = ""
    protect: bool | None = None
    dependencies: list[str] = field(default_factory=list[str])
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list[str])
    additional_secret_outputs: list[str] = field(default_factory=list[str])
    aliases: list[Alias] = field(default_factory=list[Alias])
    import_id: str = ""
    custom_timeouts: dict[str, float] = field(default_factory=dict[str, float])
    replace_on_changes: list[str] = field(default_factory=list[str])
    replacement_trigger: Value = None
    retain_on_delete: bool | None = None
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list[str])
    hide_diff: list[Any] = field(default_factory=list[Any])
    source_position: str = ""
    stack_trace: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    resource_hooks: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


@dataclass(frozen=True)
class Answer:
    """How a registration ended."""

    resource: Resource
    result: str = "success"
    """success, failed or skipped"""
    unknown: bool = False


class Registration:
    """A resource that the program registers, and the answer that it waits for."""

    def __init__(self, goal: Goal) -> None:
        self.goal = goal
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def done(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


@dataclass
class Reading:
    """A resource that the program reads by its id."""

    type: str
    name: str
    id: Id
    parent: str
    provider: str
    properties: Props
    dependencies: list[str]
    additional_secret_outputs: list[str]
    source_position: str
    stack_trace: list[dict[str, str]]
    answer: "asyncio.Future[Answer]"

    def done(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


@dataclass
class Outputs:
    """The outputs of a component or of the stack, which end its registration."""

    urn: str
    outputs: Props
    answer: "asyncio.Future[None]"

    def done(self) -> None:
        if not self.answer.done():
            self.answer.set_result(None)


@dataclass(frozen=True)
class Continue:
    """Work of the generator's own that goes on after a step has run, such as what follows an import."""

    resume: Callable[[], Awaitable[None]]
    urn: str = ""
    """The resource that it is about."""


@dataclass(frozen=True)
class Finished:
    """The program has ended; `error` where it ended badly, after telling why when `told`."""

    error: str = ""
    told: bool = False
