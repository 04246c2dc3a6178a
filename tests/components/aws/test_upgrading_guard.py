"""Budget, secrets, roles of workflows and alarms that an earlier release has made are left alone, and tell nothing."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from components.aws.budget import AwsBudget
from components.aws.ecs_monitoring import EcsMonitoring
from components.aws.github import GithubOidcRole
from components.aws.secrets import AwsSecrets
from tests.components.aws import test_budget, test_ecs_monitoring, test_github, test_secrets
from tests.components.planned import SECRET
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: the value of a secret, and of a budget whatever else."""
    value, spent = changed.get("value", test_secrets.VALUE), {key: changed[key] for key in changed if key != "value"}
    budget: Any = {**test_budget.ARGS, **test_budget.FULL, **spent}
    AwsBudget("spend", budget)
    secrets: Any = {**test_secrets.ARGS, **test_secrets.full()}
    for each in secrets["secrets"].values():
        each["value"] = pulumi.Output.secret(value)
    AwsSecrets("shop", secrets)
    watched: Any = {**test_ecs_monitoring.ARGS, **test_ecs_monitoring.FULL}
    EcsMonitoring("watch", watched)
    github: Any = {**test_github.ARGS, **test_github.FULL}
    GithubOidcRole("ci", github)


EARLIER = Earlier("guard", shop)


def _state() -> list[dict[str, Any]]:
    """The stack with secrets as a deployment has them that is not encrypted."""
    whole: list[dict[str, Any]] = json.loads(json.dumps(EARLIER.state), object_hook=_kept)
    return whole


def _kept(value: dict[str, Any]) -> dict[str, Any]:
    if SECRET not in value:
        return value
    signature, secret = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
    return {signature: secret, "plaintext": json.dumps(value[SECRET])}


def _found(folder: Path) -> list[str]:
    """Files that the engine has left behind in which the value stands."""
    texts = [file for file in (folder / "backend").rglob("*") if file.is_file()]
    assert texts
    return [file.name for file in texts if test_secrets.VALUE.encode() in file.read_bytes()]


def test_what_an_earlier_release_has_made_is_left_alone_and_no_value_is_left_in_plain_text(folder: Path) -> None:
    assert EARLIER.changes(folder, state=_state()) == {}
    assert _found(folder) == []


def test_another_value_is_put_but_not_where_a_function_makes_them(folder: Path) -> None:
    changed = {"value": "another one", "monthly_usd": 600}
    # What acts asks for the budget's name, which nobody tells of what is updated where there is no provider.
    assert EARLIER.changes(folder, changed, state=_state()) == {"update": {"spend", "spend-action", "shop-api"}}
