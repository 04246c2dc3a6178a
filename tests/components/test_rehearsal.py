"""A rehearsal: components are asked, and none of them is made."""

from typing import Any, cast

import pulumi
import pytest
from pulumi_aws.sns.topic import Topic

from components.aws.registry import EcrRegistry, EcrRegistryArgs
from components.checks import ArgsError
from components.rehearsal import made, rehearsal
from tests.components.planned import plan

ARGS: Any = {"account_id": "123456789012", "region": "eu-central-1", "repository": "models/digits"}


def test_what_is_right_is_asked_and_not_made() -> None:
    told: list[str] = []

    def program() -> None:
        with rehearsal():
            stands = made(EcrRegistry, "models", cast("EcrRegistryArgs", ARGS))
            topic = made(Topic, "models", display_name=stands.url)
            pulumi.Output.all(stands.url, topic.arn).apply(lambda known: told.append(str(known)))

    assert plan(program, preview=False).resources == []
    assert told == []


def test_what_is_wrong_is_said() -> None:
    def program() -> None:
        with rehearsal():
            made(EcrRegistry, "models", cast("EcrRegistryArgs", {**ARGS, "repository": "Models"}))

    with pytest.raises(ArgsError, match=r"EcrRegistry\.repository is 'Models', expected 2 to 256 of a-z and 0-9"):
        plan(program)


def test_after_it_all_of_it_is_made() -> None:
    def program() -> None:
        with rehearsal():
            made(EcrRegistry, "models", cast("EcrRegistryArgs", ARGS))
        found = made(EcrRegistry, "models", cast("EcrRegistryArgs", ARGS), pulumi.ResourceOptions(protect=True))
        assert isinstance(found, EcrRegistry)

    found = plan(program)
    assert found.one("modelport:index:EcrRegistry").request["protect"] is True
    assert found.one("aws:ecr/repository:Repository").inputs["name"] == "models/digits"


def test_one_that_ends_by_a_mistake_is_over() -> None:
    def program() -> None:
        with pytest.raises(ArgsError), rehearsal():
            made(EcrRegistry, "models", cast("EcrRegistryArgs", {**ARGS, "region": "moon"}))
        made(EcrRegistry, "models", cast("EcrRegistryArgs", ARGS))

    assert plan(program).all("modelport:index:EcrRegistry")
