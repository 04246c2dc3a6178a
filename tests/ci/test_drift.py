"""Drift, each night: the run that fails, its summary, and the issue that comes and goes."""

from tests.ci.conftest import Repository
from tests.ci.origins import PASSPHRASE
from tests.ci.projects import below, things

GIVEN = {"PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
# Its resource is in a file, which anybody may change.
PROVIDER = """
from pathlib import Path

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider


class Provider(ResourceProvider):
    def create(self, props):
        Path(props["color"]).write_text(props["fail"])
        return CreateResult(props["color"], dict(props))

    def diff(self, id, old, new):
        return DiffResult(changes=old["fail"] != new["fail"])

    def read(self, id, props):
        return ReadResult(id, {**props, "fail": Path(id).read_text()})
"""


def test_drift_fails_the_run_and_opens_one_issue_which_is_closed_when_it_has_gone(repository: Repository) -> None:
    real = repository.folder / "real"
    repository.commit("main", {**things(color=str(real)), "provider.py": PROVIDER})
    up = repository.run("modelport-up", "push", {}, jobs="dev", secrets=GIVEN, variables=repository.state())
    assert up.code == 0, up.told

    def night() -> int:
        if repository.artifacts.exists():
            repository.artifacts.rename(repository.folder / f"before-{len(repository.api.requests)}")
        # prod is not there yet: an error, and no drift.
        ran = repository.run("modelport-drift", "schedule", {}, secrets=GIVEN, variables=repository.state())
        # GitHub goes on with `issue` whatever became of the matrix; act ends at a job that fails.
        after = repository.run("issue", "schedule", {})
        assert after.code == 0, after.told
        told.append(ran.told)
        return ran.code

    told: list[str] = []
    folder = repository.origin / ".github" / "workflows"
    only = folder / "modelport-drift.yml"
    (folder / "issue.yml").write_text(
        only.read_text().replace("    needs: drift\n", "").replace("stack: [dev, prod]", "stack: []")
    )
    text = (folder / "issue.yml").read_text()
    begin, end = text.index("  drift:\n    name"), text.index("  issue:\n    name")
    (folder / "issue.yml").write_text(text[:begin] + text[end:])
    only.write_text(only.read_text().replace("stack: [dev, prod]", "stack: [dev]"))

    assert night() == 0, told[-1]
    assert below(repository.artifacts) == {"modelport-drift-dev/dev.json", "modelport-drift-dev/dev.md"}
    assert repository.api.issues == []

    real.write_text("hunter2")
    for _ in range(2):
        assert night() != 0
        assert "dev has drifted" in told[-1]
    (issue,) = repository.api.issues
    assert issue["title"] == "Drift of dev" and issue["state"] == "open"
    assert issue["body"].startswith("<!-- modelport drift dev -->\n### Drift of dev: drifted\n")
    assert "- `thing` (`pulumi-python:dynamic:Resource`" in issue["body"] or "- `thing` (" in issue["body"]
    assert "`fail`" in issue["body"] and "hunter2" not in issue["body"]

    real.write_text("")
    assert night() == 0, told[-1]
    assert issue["state"] == "closed"
