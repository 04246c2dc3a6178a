"""Random walks: a program in several versions, the steps taken with it, and what happens in the world between them."""

import random
from dataclasses import dataclass, field
from typing import Any

from tests.engine.semantics.programs import Maker, Program


@dataclass
class Walk:
    """Programs by file name, and steps as a case of the conformance tests has them."""

    programs: dict[str, str] = field(default_factory=dict)
    steps: list[dict[str, Any]] = field(default_factory=list)


def walk(seed: int) -> Walk:
    chance = random.Random(seed)
    maker = Maker(chance)
    program = maker.program()
    made = Walk()
    failing: set[str] = set()
    length = chance.randint(3, 6)
    for number in range(1, length + 1):
        if number > 1 and chance.random() < 0.8:
            program = maker.change(program)
        name = f"step{number}.py"
        made.programs[name] = program.text()
        op = "up" if number == 1 and chance.random() < 0.8 else _operation(chance, number, length)
        step: dict[str, Any] = {"op": op, "program": name, "flags": _flags(chance, op, program), "before": []}
        if number > 1 or maker.rough:
            step["before"] = _happenings(chance, program, failing, rough=maker.rough)
        if chance.random() < 0.2:
            step["parallel"] = 4
        made.steps.append(step)
    return made


def _operation(chance: random.Random, number: int, length: int) -> str:
    roll = chance.random()
    if (number == length and roll < 0.2) or roll < 0.05:
        return "destroy"
    return "preview" if roll < 0.2 else "refresh" if roll < 0.32 else "up"


def _target(chance: random.Random, program: Program) -> str:
    node = chance.choice(program.nodes)
    return f"**{node.name}" if chance.random() < 0.4 else program.urn(node)


def _flags(chance: random.Random, op: str, program: Program) -> list[str]:
    flags: list[str] = []
    if program.nodes and chance.random() < 0.25:
        kind = chance.choice(("target", "exclude"))
        for _ in range(chance.randint(1, 2)):
            flags += [f"--{kind}", _target(chance, program)]
        if chance.random() < 0.5:
            flags.append(f"--{kind}-dependents")
    if op in ("up", "preview"):
        if program.nodes and chance.random() < 0.1:
            flags += [chance.choice(("--replace", "--target-replace")), _target(chance, program)]
            if "--target-replace" in flags and "--exclude" in flags:
                flags = flags[-2:]
        if chance.random() < 0.12:
            flags.append("--refresh")
    if op in ("up", "destroy") and chance.random() < 0.25:
        flags.append("--continue-on-error")
    if op == "refresh" and chance.random() < 0.2:
        flags.append("--clear-pending-creates")
    return flags


def _happenings(chance: random.Random, program: Program, failing: set[str], *, rough: bool) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    things = [node.uid for node in program.nodes if node.thing]
    for order in sorted(failing):
        if chance.random() < 0.7:
            out.append({"heal": order})
            failing.discard(order)
    if rough and things and chance.random() < 0.35:
        order = f"{chance.choice(('create', 'create', 'update', 'delete', 'read'))}/{chance.choice(things)}"
        out.append({"write": {order: ""}})
        failing.add(order)
    if things and chance.random() < 0.15:
        out.append({"lose": chance.choice(things)})
    if things and chance.random() < 0.15:
        out.append({"drift": chance.choice(things)})
    return out
