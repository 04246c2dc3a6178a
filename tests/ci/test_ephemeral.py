"""A stack for a pull request: it comes by a label, and goes with the pull request, the label or its time."""

import json
from typing import Any

import pytest

from tests.ci.conftest import Repository, completed, pull
from tests.ci.origins import PASSPHRASE, over
from tests.ci.projects import like_ours, things

GIVEN = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}


class Place:
    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.variables = repository.state()
        self.state = repository.folder / "shared-state"
        repository.commit("main", like_ours())

    def ended(self, request: dict[str, Any], conclusion: str = "success") -> str:
        """The preview has come to its end; what is said."""
        self.repository.api.pulls[:] = [request]
        payload = completed(request, conclusion)
        ran = self.repository.run(
            "modelport-ephemeral", "workflow_run", payload, secrets=GIVEN, variables=self.variables
        )
        assert ran.code == 0, ran.told
        return ran.told

    def stacks(self) -> set[str]:
        folder = self.state / ".pulumi" / "stacks" / "demo"
        return {each.stem for each in folder.glob("*.json")}

    def color(self, stack: str) -> Any:
        state = json.loads((self.state / ".pulumi" / "stacks" / "demo" / f"{stack}.json").read_text())
        resources = state["checkpoint"]["latest"]["resources"]
        return next(each["outputs"]["color"] for each in resources if each["type"].endswith(":Resource"))

    def sweep(self) -> int:
        ran = self.repository.run("modelport-sweep", "schedule", {}, secrets=GIVEN, variables=self.variables)
        return ran.code


@pytest.fixture
def place(repository: Repository) -> Place:
    return Place(repository)


def test_a_label_brings_a_stack_of_the_pull_request_s_own_commit_and_its_end_takes_it_away(place: Place) -> None:
    changed = {"__main__.py": str(things()["__main__.py"]).replace('"red"', '"green"')}
    sha = place.repository.commit("mine", changed)
    place.ended(pull(7, "mine", sha))
    assert place.stacks() == set()
    place.ended(pull(7, "mine", sha, labels="ephemeral"), conclusion="failure")
    assert place.stacks() == set(), "nothing of which the preview failed"
    place.ended(pull(7, "mine", sha, labels="bug ephemeral"))
    assert place.stacks() == {"pr-7"} and place.color("pr-7") == "green"
    place.ended(pull(7, "mine", sha, labels="ephemeral", state="closed"))
    assert place.stacks() == set()


def test_a_fork_gets_none_whatever_its_labels(place: Place) -> None:
    sha = place.repository.commit("evil", {})
    request = pull(8, "evil", sha, fork="mallory", labels="ephemeral")
    place.ended(request)
    # Nor where a branch of the repository has the same name.
    place.repository.api.pulls[:] = [request, pull(9, "evil", "a" * 40, labels="ephemeral")]
    assert place.stacks() == set() and place.repository.api.requests == []


def test_a_night_takes_those_of_closed_pull_requests_and_those_whose_time_is_over(place: Place) -> None:
    for number in (7, 8, 9):
        words = ("ephemeral", "up", f"pr-{number}", "--like", "dev", "--ttl", "48h", "--yes")
        made = place.repository.modelport(*words, env={**place.variables, **GIVEN})
        assert made.returncode == 0, made.stdout + made.stderr
    assert place.stacks() == {"pr-7", "pr-8", "pr-9"}
    over(place.state, "pr-8")
    place.repository.api.pulls[:] = [pull(number, f"mine-{number}", "a" * 40) for number in (7, 8)]
    assert place.sweep() == 0
    assert place.stacks() == {"pr-7"}
    assert place.sweep() == 0
