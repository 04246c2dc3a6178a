"""The pipeline for GitLab, run: plans and their notes, forks, drift and the end of a stack's time, stacks by label."""

import json

import pytest

from tests.ci.gitlab import CLOUDS, NIGHT, NOTE_TOKEN, PUSH, Notes, Pipeline, merge, tokens
from tests.ci.origins import PASSPHRASE, over
from tests.ci.projects import below, digits, like_ours, local, stack_file, things
from tests.ci.test_drift import PROVIDER

GIVEN = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
NOTED = {"MODELPORT_NOTE_TOKEN": NOTE_TOKEN}
EACH = ("dev", "prod")
PREVIEWS = {f"preview: [{stack}]": "on_success" for stack in EACH}
OF_A_FORK = {f"preview-of-a-fork: [{stack}]": "on_success" for stack in EACH}
BY_LABEL = {"ephemeral-up": "manual", "ephemeral-down": "manual"}


def test_each_kind_of_pipeline_has_its_jobs_and_no_other(pipeline: Pipeline) -> None:
    mine, fork = {**merge("mine"), **NOTED}, {**merge("mine", fork=True), **NOTED}
    assert pipeline.jobs(merge("mine")) == PREVIEWS
    assert pipeline.jobs(mine) == {**PREVIEWS, "note": "always"}
    assert pipeline.jobs({**mine, "CI_MERGE_REQUEST_LABELS": "bug,ephemeral"}) == {
        **PREVIEWS,
        "note": "always",
        **BY_LABEL,
    }
    assert "ephemeral-up" not in pipeline.jobs({**mine, "CI_MERGE_REQUEST_LABELS": "not-ephemeral"})
    # In this project or in the fork's own, whatever it is labelled.
    for project in ("5", "99"):
        assert pipeline.jobs({**fork, "CI_PROJECT_ID": project, "CI_MERGE_REQUEST_LABELS": "ephemeral"}) == OF_A_FORK
    assert pipeline.jobs(PUSH) == {"up": "on_success", "promote": "manual"}
    assert pipeline.jobs(NIGHT) == {**{f"drift: [{stack}]": "on_success" for stack in EACH}, "sweep": "on_success"}


def test_a_merge_request_gets_a_note_for_each_stack_and_the_same_ones_next_time(
    pipeline: Pipeline, notes: Notes
) -> None:
    markers = [f"<!-- modelport plan demo/{stack} -->" for stack in EACH]
    notes.notes.append({"id": 2, "author": {"id": 9}, "body": f"{markers[0]}\nof somebody else"})
    pipeline.commit("main", things())
    for color in ("red", "green"):
        pipeline.commit("mine", {"Pulumi.dev.yaml": stack_file(color=color)})
        ran = pipeline.run({**merge("mine"), **NOTED, **CLOUDS}, ref="mine")
        assert ran.code == 0, ran.told
        plans = pipeline.plans()
        assert set(plans) == {f"{stack}.{kind}" for stack in EACH for kind in ("html", "md", "json")}
        ours = {each["body"].partition("\n")[0]: each["body"] for each in notes.notes if each["author"]["id"] == 1}
        assert ours == dict(zip(markers, (plans["dev.md"], plans["prod.md"]), strict=True))
        assert len(notes.notes) == 3 and notes.notes[-1]["body"].endswith("of somebody else")
    # Four jobs have logged in, each with a token of its own; none of them had a state to read.
    assert "the plan is that of a new stack" in ran.told
    assert sorted(tokens(pipeline.folder)) == ["aws", "gcp", "gcp.json"]
    assert tokens(pipeline.folder)["aws"] == CLOUDS["AWS_TOKEN"]


def test_a_fork_s_plan_has_no_token_and_no_state_and_runs_no_model_code(pipeline: Pipeline, notes: Notes) -> None:
    ran = pipeline.folder / "model-code-has-run"
    code = f"from pathlib import Path\nPath({str(ran)!r}).touch()\n\n\ndef train(): ...\n\n\ndef holdout(): ...\n"
    model = {"name": "churn", "source": "mine.model:train", "evaluate": {"data": "mine.model:holdout", "min": 0.9}}
    files = {f"Pulumi.{stack}.yaml": local({"modelport:model": model}) for stack in EACH}
    pipeline.commit("evil", {**digits(), **files, "mine/__init__.py": "", "mine/model.py": code})
    # What is in this project's settings and for everybody's pipelines: it goes before what the file says.
    settings = {**CLOUDS, **pipeline.state(), "MODELPORT_PREVIEW_BUILD": "true"}
    done = pipeline.run({**merge("evil", fork=True), **settings}, "preview-of-a-fork: [dev]", ref="evil")
    assert done.code == 0, done.told
    assert not ran.exists() and tokens(pipeline.folder) == {} and notes.requests == []
    assert "measured in up" in pipeline.plans()["dev.json"]
    assert below(pipeline.folder / "shared-state") == set()


@pytest.fixture
def kept(pipeline: Pipeline) -> Pipeline:
    """A project whose resource is in a file, which anybody may change."""
    pipeline.commit("main", {**like_ours(color=str(pipeline.folder / "real")), "provider.py": PROVIDER})
    return pipeline


def _desk(pipeline: Pipeline, *words: str) -> None:
    ran = pipeline.modelport(*words, "--yes", env={**pipeline.state(), **GIVEN})
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_night_fails_where_a_stack_has_drifted_and_takes_stacks_whose_time_is_over(kept: Pipeline) -> None:
    settings = {**NIGHT, **kept.state(), **GIVEN}
    _desk(kept, "up", "--stack", "dev")
    _desk(kept, "ephemeral", "up", "pr-8", "--like", "dev", "--ttl", "48h")
    stacks = kept.folder / "shared-state" / ".pulumi" / "stacks" / "demo"
    over(kept.folder / "shared-state", "pr-8")
    ran = kept.run(settings, "drift: [dev]", "sweep")
    assert ran.code == 0, ran.told
    assert {each.stem for each in stacks.glob("*.json")} == {"dev"}
    (kept.folder / "real").write_text("hunter2")
    ran = kept.run(settings, "drift: [dev]")
    assert ran.code == 1 and "FAIL 7" in ran.told, ran.told
    assert "1 resource of stack dev drifted" in ran.told


def test_a_label_s_stack_is_of_the_merge_request_s_own_commit_and_goes_with_its_environment(kept: Pipeline) -> None:
    settings = {**merge("mine", labels="ephemeral"), **kept.state(), **GIVEN}
    kept.commit("mine", {"Pulumi.dev.yaml": local({"demo:color": str(kept.folder / "green")})})
    stack = kept.folder / "shared-state" / ".pulumi" / "stacks" / "demo" / "pr-7.json"
    ran = kept.run(settings, "ephemeral-up", ref="mine")
    assert ran.code == 0, ran.told
    resources = json.loads(stack.read_text())["checkpoint"]["latest"]["resources"]
    assert str(kept.folder / "green") in [each["outputs"].get("color") for each in resources if "outputs" in each]
    ran = kept.run(settings, "ephemeral-down", ref="mine")
    assert ran.code == 0, ran.told
    assert not stack.exists()
