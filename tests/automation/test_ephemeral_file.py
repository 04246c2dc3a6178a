"""The stack file of a stack for a time, for every target that there is."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.ephemeral_file import drafted, hide_push, plain_push, write
from automation.exits import Failure
from stacks.spec import StackSpec
from stacks.specs.targets import ACCOUNTS
from tests.automation.conftest import ROOT

FILES = sorted(ROOT.glob("Pulumi.*.yaml"))


def made(like: dict[str, Any], *given: str, name: str = "pr-12") -> dict[str, Any]:
    whole, _ = drafted(like, name, like_stack="dev", project="modelport", port=lambda: 9999, given=given)
    return dict(whole["config"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_is_a_stack_file_with_names_of_its_own(file: Path, tmp_path: Path) -> None:
    like = yaml.safe_load(file.read_text())
    before = yaml.safe_dump(like)
    config = made(like)
    assert yaml.safe_dump(like) == before, "what it is made from stays"
    write(tmp_path / "Pulumi.pr-12.yaml", {"config": config}, like="dev", name="pr-12")
    mine, theirs = StackSpec.from_file(tmp_path / "Pulumi.pr-12.yaml"), StackSpec.from_file(file)
    section = ACCOUNTS.get(mine.target)
    if section is None:
        assert mine.image.keep is True
        return
    ours, others = getattr(mine, section), getattr(theirs, section)
    assert ours.name != others.name
    assert ours.registry.repository not in (None, others.registry.repository)
    for front in ("load_balancer", "api"):
        if (held := getattr(ours, front, None)) is not None and getattr(held, "hostname", None):
            assert held.hostname == f"pr-12-{getattr(others, front).hostname}"


@pytest.mark.parametrize(
    ("section", "theirs", "ours"),
    [
        ("image", {"push": "r.example.com:5000/team/digits:prod"}, {"push": "r.example.com:5000/team/digits:pr-12"}),
        ("image", {"push": "r.example.com/digits", "keep": False}, {"push": "r.example.com/digits:pr-12"}),
        ("image", {"signed_by": "keys/release.pub"}, {}),
        ("kubernetes", {"namespace": "shop"}, {}),
        ("gateway", {"hostname": "digits.example.com"}, {"hostname": "pr-12-digits.example.com"}),
        ("tenants", {"acme": {}}, None),
        ("release", {"pin": "abc", "strategy": "canary"}, {"strategy": "canary"}),
    ],
)
def test_what_two_stacks_cannot_share_is_its_own(section: str, theirs: dict[str, Any], ours: Any) -> None:
    like: dict[str, Any] = {"config": {"modelport:target": "kubernetes", "modelport:model": {"name": "digits"}}}
    like["config"][f"modelport:{section}"] = theirs
    found = made(like).get(f"modelport:{section}")
    assert found == ({**ours, "keep": True} if section == "image" else ours)


def test_in_a_namespace_that_it_does_not_make_the_service_has_another_name() -> None:
    kubernetes = {"namespace": "shared", "create_namespace": False}
    like = {
        "config": {
            "modelport:target": "kubernetes",
            "modelport:model": {"name": "digits"},
            "modelport:kubernetes": kubernetes,
        }
    }
    config = made(like)
    assert config["modelport:kubernetes"] == kubernetes
    assert config["modelport:service"] == {"name": "digits-pr-12"}


def test_what_is_given_goes_over_everything() -> None:
    like = {"config": {"modelport:target": "local"}}
    config = made(like, "endpoint.port=7000", "modelport:endpoint.workers=1", "cost={budget: 5}")
    assert config["modelport:endpoint"] == {"port": 7000, "workers": 1}
    assert config["modelport:cost"] == {"budget": 5}


@pytest.mark.parametrize("given", ["x", "=1", "a={"])
def test_a_setting_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(Failure, match="--set "):
        made({"config": {"modelport:target": "local"}}, given)


def test_an_address_that_is_a_secret_gets_its_own_tag_and_stays_one() -> None:
    like = {"config": {"modelport:target": "kubernetes", "modelport:image": {"push": {"secure": "b/a"}}}}
    source, secret = plain_push(like, lambda text: text[::-1])
    assert secret
    config = made(source)
    hide_push({"config": config}, lambda text: text[::-1])
    assert config["modelport:image"] == {"push": {"secure": "21-rp:b/a"}, "keep": True}
