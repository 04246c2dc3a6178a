"""Differences and refusals, as the steps need them and the user is told of them."""

from typing import Final

from engine.diff import Diff, compare
from engine.paths import ignore_changes
from engine.providers.base import Failure, Provider
from engine.run import Run
from engine.state import Resource, urn_name
from engine.values import Props, Secret, Unknown, Value, bare, dump

UNAVAILABLE: Final = (
    "The provider for this resource has inputs that are not known during preview.\n"
    "This preview may not correctly represent the changes that will be applied during an update."
)


async def resource_diff(
    run: Run,
    provider: Provider,
    urn: str,
    id_: str,
    old_inputs: Props,
    old_outputs: Props,
    new_inputs: Props,
    ignored: list[str],
    *,
    preview: bool,
) -> Diff:
    """The provider's diff; where it has no opinion, the engine's own of the inputs."""
    diff = await provider.diff(urn, id_, old_inputs, old_outputs, new_inputs, preview=preview, ignored=ignored)
    if diff.unavailable:
        run.events.say("warning", UNAVAILABLE, urn)
    if diff.changes is not None:
        return diff
    news, _ = ignored_changes(run, urn, new_inputs, old_inputs, ignored)
    own = compare(old_inputs, news)
    return Diff(
        changes=own.changes,
        replaces=diff.replaces,
        stables=diff.stables,
        changed=own.changed if own.changes else diff.changed,
        detailed=own.detailed if own.changes else diff.detailed,
        delete_first=diff.delete_first,
    )


def ignored_changes(run: Run, urn: str, news: Props, olds: Props, ignored: list[str]) -> tuple[Props, list[str]]:
    """Put ignored inputs back, and tell where that cannot be done."""
    out, failed = ignore_changes(news, olds, ignored)
    if failed:
        text = "cannot ignore changes in added or removed elements of the path: "
        run.events.say("info", text + '"' + ", ".join(failed) + '"', urn)
    return out, failed


def tell_failures(run: Run, new: Resource, failures: list[Failure]) -> bool:
    """Tell each refused input; whether there were any."""
    for failure in failures:
        name = urn_name(new.urn)
        if failure.property:
            value = shown(new.inputs.get(failure.property))
            what = f"property {failure.property} value {value}"
            text = f"{new.type} resource '{name}': {what} has a problem: {failure.reason}"
        else:
            text = f"{new.type} resource '{name}' has a problem: {failure.reason}"
        run.events.say("error", text, new.urn)
    return bool(failures)


def shown(value: Value) -> str:
    """A value in a message, as the official engine words it."""
    if isinstance(value, Unknown):
        return "output<string>{}"
    if value is None:
        return "{<nil>}"
    if isinstance(value, Secret):
        return "[secret]"
    plain = bare(value)
    if isinstance(plain, bool):
        return "{true}" if plain else "{false}"
    return "{" + (plain if isinstance(plain, str) else dump(plain)) + "}"
