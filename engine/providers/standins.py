"""Answers to look-ups of packages that have no provider here: documented stand-ins, for a plan and nothing else.

An answer is of one of two kinds. A *computed* one is what the provider itself would say, since it reads nothing but its
arguments. A *stand-in* has the shape of the true answer and made-up content; each use of one is marked in the plan.
What has no answer here stays unknown.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from engine.values import Props, Value, bare, has_unknown, is_dict, is_list, items

Kind = Literal["stand-in", "computed"]


@dataclass(frozen=True)
class Asked:
    """A look-up: its arguments and its provider's configuration, both without secrecy."""

    token: str
    args: Props
    config: Props

    def setting(self, name: str, *variables: str, default: str = "") -> str:
        """An argument, else the provider's setting, else a variable of the environment that the provider reads.

        Raises NotYetKnown for a setting that a preview does not know.
        """
        found = self.args.get(name) or _known(self.config.get(name))
        if isinstance(found, str) and found:
            return found
        for variable in variables:
            if os.environ.get(variable):
                return os.environ[variable]
        return default

    def configured(self, name: str) -> Value:
        """A setting of the provider that is a list or an object; from the stack's configuration it comes as JSON.

        Raises NotYetKnown as `setting` does.
        """
        found = _known(self.config.get(name))
        if isinstance(found, str):
            try:
                return json.loads(found)
            except ValueError:
                return None
        return found

    def listed(self, name: str) -> list[Any]:
        found = self.configured(name)
        return found if is_list(found) else []


class NotYetKnown(Exception):
    """What the answer depends on is an output that nobody has made yet."""


def _known(value: Value) -> Value:
    if has_unknown(value):
        raise NotYetKnown
    return value


Answering = Callable[[Asked], Props | None]
"""The answer, or None where nothing can be said."""


@dataclass(frozen=True)
class Entry:
    """What is answered to one look-up. `says` is a line of the documentation."""

    answer: Answering
    says: str
    kind: Kind = "stand-in"


@dataclass(frozen=True)
class StandIn:
    """One use of a stand-in: the look-up, what was asked, and the values that went into the plan."""

    token: str
    args: Props
    values: Props


def entries() -> dict[str, Entry]:
    """All look-ups with an answer, by token."""
    from engine.providers import standins_aws, standins_azure, standins_gcp

    return {**standins_aws.ENTRIES, **standins_gcp.ENTRIES, **standins_azure.ENTRIES}


def ask(token: str, args: Props, config: Props) -> tuple[Props, Kind] | None:
    """The answer to a look-up, and its kind; None where it stays unknown."""
    entry = entries().get(token)
    if entry is None:
        return None
    try:
        found = entry.answer(Asked(token, _plain(args), _plain(config)))
    except NotYetKnown:
        return None
    return None if found is None else (found, entry.kind)


def _plain(props: Props) -> Props:
    return {key: bare(value) for key, value in props.items() if value is not None}


def shortened(value: Value, room: int = 60) -> str:
    """A value as JSON in not many more letters than there is room."""
    text = json.dumps(value, ensure_ascii=False, default=lambda _: "[secret]")
    return text if len(text) <= room else text[: room - 1] + "…"


def told(used: StandIn) -> str:
    """The line that marks a use in the plan: what was asked, and the values that nobody has looked up."""
    asked = {k: v for k, v in used.args.items() if v is not None}
    values = {k: v for k, v in used.values.items() if v not in (None, "", [], {}) and k not in asked}
    shown = ", ".join(f"{key} = {shortened(value)}" for key, value in values.items())
    return f"stand-in: {used.token.rpartition(':')[2]}({shortened(asked) if asked else ''}): {shown}"


_HEAD = """\
# Stand-ins

<!-- written by `python -m engine.providers.standins` -->

A package without a provider on this machine (`aws` without its plugin, say) can be planned, not deployed: the inputs of
its resources are the plan, their outputs are unknown. So that a program comes to its end, common look-ups are answered
without asking anybody:

- **computed**: the true answer, since the look-up reads nothing but its arguments;
- **stand-in**: the shape of an answer with made-up content. Each one used is a line `stand-in: …` in the plan, a
  `standIn` object (`token`, `args`, `values`) in the diagnostic of the event log, and one of `Outcome.stand_ins`.

Every other look-up stays unknown, and so does one of these whose provider has settings that the plan does not know
yet (a region that is another resource's output, say): `get_x_output(…)` gives an unknown output, and the plain form
`get_x(…)`, which needs its answer at once, ends the plan with a message that names the look-up. A secret that a
look-up is asked with is shown as `[secret]`.

`up`, `refresh` and `destroy` refuse a package without a provider before they do anything, so a stand-in never reaches
the world. For that they look at the state and at the SDKs that the program imports, at the top of a module or in a
function, and where one of those has no provider they run the program once as a preview that nobody sees. What the
program does only with an output that no preview knows cannot be foreseen: there `up` stops at that resource, and says
so.

| look-up | kind | answer |
|---|---|---|
"""


def page() -> str:
    """The documentation of the table, docs/stand-ins.md."""
    return _HEAD + "".join(f"| `{token}` | {each.kind} | {each.says} |\n" for token, each in sorted(entries().items()))


def texts(value: Value) -> list[str]:
    return [str(each) for each in value] if is_list(value) else []


def filters(args: Props, name: str) -> list[str]:
    """The values of the filter of that name in a look-up's `filters`."""
    found: list[str] = []
    for each in items(args, "filters"):
        if is_dict(each) and each.get("name") == name:
            found += texts(each.get("values"))
    return found


if __name__ == "__main__":
    print(page(), end="")
