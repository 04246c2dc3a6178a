"""What one stack serves on this machine goes to a real cluster by its digest; a stack like that one lives beside it."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.exits import Exit
from tests.automation.conftest import made_in
from tests.automation.staging import Stages, whole
from tests.cluster.shared import Cluster


@pytest.fixture
def stages(cluster: Cluster, tmp_path: Path) -> Iterator[Stages]:
    """`dev`, which serves the digits on this machine, and `prod` in a namespace of the cluster."""
    space = f"shop-{secrets.token_hex(4)}"
    made = Stages(whole(made_in(tmp_path)), second=f"{cluster.registry}/{space}/digits")
    made.project.environment["KUBECONFIG"] = str(cluster.kubeconfig)
    made.write("dev")
    file = made.project.root / "Pulumi.prod.yaml"
    data = yaml.safe_load((made.project.root / "Pulumi.dev.yaml").read_text())["config"]
    config: dict[str, Any] = {
        "modelport:target": "kubernetes",
        "modelport:model": data["modelport:model"],
        "modelport:image": {"push": made.second},
        "modelport:kubernetes": {"namespace": space},
        "modelport:service": {"replicas": 1, "ready_timeout": 120},
    }
    file.write_text(yaml.safe_dump({"config": config}))
    yield made
    if "pr-1" in made.project.run("stack", "ls").stdout:
        made.project.run("ephemeral", "down", "pr-1", "--yes")
    for stack in ("prod", "dev"):
        made.project.run("destroy", "--yes", "-s", stack)


def pods(cluster: Cluster, space: str) -> list[tuple[str, str]]:
    """Names of the digits' pods, and the digests that they run."""
    told = json.loads(cluster.kubectl("get", "pods", "-n", space, "-o", "json"))["items"]
    return sorted((each["metadata"]["name"], each["spec"]["containers"][0]["image"].partition("@")[2]) for each in told)


def test_a_cluster_runs_what_this_machine_served_and_a_stack_for_a_time_leaves_it_alone(
    stages: Stages, cluster: Cluster
) -> None:
    stages.up("dev")
    digest = stages.output("dev")["digest"]
    done = stages.promote()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    told = stages.output("prod")
    assert (told["digest"], told["history"][-1]["digest"]) == (digest, digest)
    before = pods(cluster, told["namespace"])
    assert [each for _, each in before] == [digest]

    made = stages.project.run("ephemeral", "up", "pr-1", "--like", "prod", "--ttl", "1h", "--yes")
    assert made.returncode == Exit.DONE, made.stdout + made.stderr
    beside = stages.output("pr-1")
    assert beside["namespace"] == "modelport-pr-1"
    assert [each for _, each in pods(cluster, "modelport-pr-1")] == [beside["digest"]]
    gone = stages.project.run("ephemeral", "down", "pr-1", "--yes")
    assert gone.returncode == Exit.DONE, gone.stdout + gone.stderr
    assert "modelport-pr-1" not in cluster.kubectl("get", "namespaces", "-o", "name")
    assert pods(cluster, told["namespace"]) == before

    kept = stages.project.run("up", "--yes", "--json", "-s", "prod")
    assert set(json.loads(kept.stdout.splitlines()[-1])["modelportEvent"]["changes"]) == {"same"}
