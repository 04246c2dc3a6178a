"""An account that an earlier release has made stays who it is, whatever it may do later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.gcp.identity import GcpIdentity
from tests.components.gcp.test_identity import FULL, TOLD
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**FULL, **changed}
    GcpIdentity("digits", args)


EARLIER = Earlier("identity", shop, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_what_is_allowed_besides_comes_beside_what_was(folder: Path) -> None:
    more = {"another": "projects/shop-prod/secrets/another", "upstream": "projects/shop-prod/secrets/upstream"}
    assert EARLIER.changes(folder, {"reads_secret_names": more}) == {"create": {"digits-reads-secret-names-another"}}


def test_what_is_no_longer_allowed_goes_alone(folder: Path) -> None:
    assert EARLIER.changes(folder, {"writes_objects": {}}) == {"delete": {"digits-writes-objects-answers"}}


def test_other_pods_take_the_same_account(folder: Path) -> None:
    found = EARLIER.changes(folder, {"kubernetes": {"namespace": "models", "service_account": "letters"}})
    assert found == {"update": {"digits-kubernetes"}}
