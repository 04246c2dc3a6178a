"""Hooks of a program, where the official engine has rules of its own for them."""

from engine.api import Options
from tests.engine.conftest import Place, Told

AFTER = """
import pulumi
from pulumi import ResourceHook, ResourceHookBinding, ResourceHookOptions
from world import Thing

def told(args):
    pulumi.info(f"after {args.name} with id {args.id!r}")

hook = ResourceHook("told", told, ResourceHookOptions(on_dry_run=True))
Thing("one", opts=pulumi.ResourceOptions(hooks=ResourceHookBinding(after_create=[hook])), size=1)
"""

RETRYING = """
import pulumi
from pulumi import ErrorHook, ResourceHookBinding
from world import Thing

hook = ErrorHook("again", lambda args: False)
Thing("one", opts=pulumi.ResourceOptions(hooks=ResourceHookBinding(on_error=[hook])), size=1)
"""


def test_what_a_preview_creates_has_an_empty_id_for_its_hooks(place: Place) -> None:
    place.program(AFTER)
    place.engine().init()
    told = Told()
    assert place.engine().preview(Options(), told.events.append).exit_code == 0
    assert "after one with id ''" in told.said("info")
    assert "after one with id 'one-1'" in place.up().said("info")


def test_a_deletion_that_fails_is_told_in_the_providers_words_where_its_error_hook_is_gone(place: Place) -> None:
    place.program(RETRYING)
    assert place.up().outcome.exit_code == 0
    place.program("")
    place.tell("delete", "one", "the cellar is locked")
    outcome = place.up().outcome
    assert outcome.exit_code == 1
    assert "the cellar is locked" in outcome.error
    assert "was not registered" not in outcome.error
