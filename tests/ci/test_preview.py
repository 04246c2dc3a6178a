"""What a pull request would change: the workflows of a preview and its comment, run step by step."""

import json

from tests.ci.api import BOT
from tests.ci.conftest import Repository, completed, pull
from tests.ci.origins import PASSPHRASE
from tests.ci.projects import below, digits, local, stack_file, things

MARKERS = ["<!-- modelport plan demo/dev -->", "<!-- modelport plan demo/prod -->"]


def _comments(repository: Repository, number: int) -> list[str]:
    return [each["body"] for each in repository.api.comments.get(number, [])]


def test_a_pull_request_gets_a_comment_for_each_stack_and_the_same_ones_next_time(repository: Repository) -> None:
    repository.commit("main", things())
    sha = repository.commit("colour", {"Pulumi.dev.yaml": stack_file(color="green")})
    request = pull(7, "colour", sha)
    repository.api.pulls.append(request)
    done = repository.run("modelport-preview", "pull_request", {"action": "opened", "pull_request": request}, ref=sha)
    assert done.code == 0, done.told
    names = {f"modelport-plan-{stack}/{stack}.{kind}" for stack in ("dev", "prod") for kind in ("html", "md", "json")}
    assert below(repository.artifacts) == names

    done = repository.run("modelport-comment", "workflow_run", completed(request))
    assert done.code == 0, done.told
    told = _comments(repository, 7)
    assert [each.split("\n")[0] for each in told] == MARKERS
    assert "<code>thing</code>" in told[0] or "thing" in told[0]

    # A new commit: the same comments, with what it says, and those of others as they were.
    others = {"id": 5, "user": {"login": "mallory"}, "body": f"{MARKERS[0]}\nmine"}
    repository.api.comments[7].insert(0, others)
    sha = repository.commit("colour", {"Pulumi.dev.yaml": stack_file(things="thing,other")})
    request = pull(7, "colour", sha)
    repository.api.pulls[:] = [request]
    for name in ("modelport-plan-dev", "modelport-plan-prod"):
        (repository.artifacts / name).rename(repository.folder / f"old-{name}")
    done = repository.run(
        "modelport-preview", "pull_request", {"action": "synchronize", "pull_request": request}, ref=sha
    )
    assert done.code == 0, done.told
    done = repository.run("modelport-comment", "workflow_run", completed(request))
    assert done.code == 0, done.told
    told = _comments(repository, 7)
    assert len(told) == 3 and told[0].endswith("mine") and "other" in told[1]
    assert [each.split("\n")[0] for each in told[1:]] == MARKERS
    assert {each["user"]["login"] for each in repository.api.comments[7]} == {BOT, "mallory"}


def test_a_preview_of_a_fork_has_no_secret_and_no_role_and_runs_no_model_code(repository: Repository) -> None:
    ran = repository.folder / "model-code-has-run"
    code = f"from pathlib import Path\nPath({str(ran)!r}).touch()\n\n\ndef train(): ...\n\n\ndef holdout(): ...\n"
    model = {"name": "churn", "source": "mine.model:train", "evaluate": {"data": "mine.model:holdout", "min": 0.9}}
    files = {f"Pulumi.{stack}.yaml": local({"modelport:model": model}) for stack in ("dev", "prod")}
    sha = repository.commit("evil", {**digits(), **files, "mine/__init__.py": "", "mine/model.py": code})
    request = pull(8, "evil", sha, fork="mallory")
    variables = {"AWS_PREVIEW_ROLE": "arn:aws:iam::123456789012:role/ci-preview", "AWS_REGION": "eu-central-1"}
    variables |= {"MODELPORT_PREVIEW_BUILD": "true", "GCP_PREVIEW_SERVICE_ACCOUNT": "ci@shop.iam.gserviceaccount.com"}
    done = repository.run(
        "modelport-preview",
        "pull_request",
        {"action": "opened", "pull_request": request},
        ref=sha,
        variables=variables,
        # What is in the repository's settings; GitHub gives none of them to a fork, and nothing here asks for one.
        secrets={"PULUMI_CONFIG_PASSPHRASE": "never seen"},
    )
    assert done.code == 0, done.told
    assert not ran.exists()
    assert repository.logins == []
    told = json.loads((repository.artifacts / "modelport-plan-dev" / "dev.json").read_text())
    assert "measured in up" in json.dumps(told)


def test_the_same_pull_request_of_the_repository_itself_has_a_role_and_is_built_where_that_is_wanted(
    repository: Repository,
) -> None:
    repository.commit("main", things())
    sha = repository.commit("mine", {})
    variables = {
        "AWS_PREVIEW_ROLE": "arn:aws:iam::123456789012:role/ci-preview",
        "AWS_REGION": "eu-central-1",
        "GCP_PROVIDER": "projects/1/locations/global/workloadIdentityPools/ci/providers/github",
        "GCP_PREVIEW_SERVICE_ACCOUNT": "ci-preview@shop.iam.gserviceaccount.com",
        "MODELPORT_PREVIEW_BUILD": "true",
    }
    payload = {"action": "opened", "pull_request": pull(7, "mine", sha)}
    done = repository.run("modelport-preview", "pull_request", payload, ref=sha, variables=variables)
    assert done.code == 0, done.told
    assert repository.logins == [
        "preview aws arn:aws:iam::123456789012:role/ci-preview eu-central-1",
        "preview aws arn:aws:iam::123456789012:role/ci-preview eu-central-1",
        f"preview gcp {variables['GCP_PROVIDER']} {variables['GCP_PREVIEW_SERVICE_ACCOUNT']}",
        f"preview gcp {variables['GCP_PROVIDER']} {variables['GCP_PREVIEW_SERVICE_ACCOUNT']}",
    ]


def test_words_of_a_fork_stay_words(repository: Repository) -> None:
    request = pull(9, "x'$(touch /tmp/never)\"", "f" * 40, fork="mallory")
    repository.api.pulls.append(pull(3, "other", "e" * 40))
    repository.api.pulls.append(request)
    marker = "<!-- modelport plan demo/dev -->"
    words = f"{marker}\n@everyone [free](https://evil.test)\r```\r# Big\n</details><img src=x>\n\x1b[31m\x00\xff"
    plans = {"dev": words.encode("latin-1"), "other": b"# no plan\n", "large": marker.encode() + b"\n" + b"x" * 200_000}
    plans["short"] = b"<!-- modelport plan demo/short -->"
    for name, content in plans.items():
        folder = repository.artifacts / f"modelport-plan-{name}"
        folder.mkdir(parents=True)
        (folder / f"{name}.md").write_bytes(content)
    # And a hint at another pull request, which nobody asks for.
    (repository.artifacts / "modelport-plan-dev" / "number").write_text("3")
    done = repository.run("modelport-comment", "workflow_run", completed(request))
    assert done.code == 0, done.told
    assert set(repository.api.comments) == {9}
    body, short = _comments(repository, 9)
    assert short.split("\n")[0] == plans["short"].decode(), "the line by which it is found again stands alone"
    lines = body.rstrip("\n").split("\n")
    assert lines[0] == marker
    at = lines.index("    @everyone [free](https://evil.test)```# Big")
    assert all(line.startswith("    ") for line in lines[at:])
    assert "\r" not in body and "\x1b" not in body and "\x00" not in body


def test_a_plan_of_a_commit_that_no_open_pull_request_is_at_is_written_nowhere(repository: Repository) -> None:
    request = pull(7, "mine", "a" * 40)
    repository.api.pulls += [pull(7, "mine", "b" * 40), pull(6, "mine", "a" * 40, state="closed")]
    folder = repository.artifacts / "modelport-plan-dev"
    folder.mkdir(parents=True)
    (folder / "dev.md").write_text("<!-- modelport plan demo/dev -->\nplan\n")
    done = repository.run("modelport-comment", "workflow_run", completed(request))
    assert done.code == 0 and "no open pull request is at" in done.told, done.told
    assert repository.api.comments == {}


def test_a_plan_with_a_comment_s_full_size_is_taken_and_found_again_on_the_second_page(repository: Repository) -> None:
    request = pull(7, "mine", "a" * 40)
    repository.api.pulls.append(request)
    repository.api.comments[7] = [{"id": at, "user": {"login": "somebody"}, "body": "hello"} for at in range(99)]
    marker = "<!-- modelport plan demo/dev -->\n"
    folder = repository.artifacts / "modelport-plan-dev"
    folder.mkdir(parents=True)
    (folder / "dev.md").write_text(marker + "é" * ((65_536 - len(marker)) // 2))
    for _ in range(2):
        repository.api.comments[7].insert(0, {"id": 0, "user": {"login": "somebody"}, "body": ""})
        done = repository.run("modelport-comment", "workflow_run", completed(request))
        assert done.code == 0, done.told
    assert sum(each["user"]["login"] == BOT for each in repository.api.comments[7]) == 1


def test_a_plan_is_against_the_state_where_its_passphrase_is_set_and_of_a_new_stack_where_it_is_not(
    repository: Repository,
) -> None:
    state = repository.folder / "shared-state"
    state.mkdir()
    given = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
    variables = {"PULUMI_BACKEND_URL": f"file://{state}"}
    repository.commit("main", things())
    up = repository.run("modelport-up", "push", {}, jobs="dev", secrets=given, variables=variables)
    assert up.code == 0, up.told
    sha = repository.commit("colour", {"Pulumi.dev.yaml": stack_file(color="green")})
    payload = {"action": "opened", "pull_request": pull(7, "colour", sha)}
    for secrets, expected in ((given, {"update": 1, "same": 1}), ({}, {"create": 2})):
        if repository.artifacts.exists():
            repository.artifacts.rename(repository.folder / "first")
        done = repository.run(
            "modelport-preview", "pull_request", payload, ref=sha, secrets=secrets, variables=variables
        )
        assert done.code == 0, done.told
        told = json.loads((repository.artifacts / "modelport-plan-dev" / "dev.json").read_text())
        assert told["changes"] == expected
    assert PASSPHRASE not in done.told
