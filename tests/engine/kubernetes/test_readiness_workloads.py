"""Deployments, StatefulSets, DaemonSets, Jobs and pods are waited for until they are of use, or said why not."""

import copy

import pytest

from engine.providers.kubernetes.readiness import NotReady
from tests.cluster.shared import Cluster
from tests.engine.kubernetes.waiting import ABSENT, IMAGE, LABELS, Waiting, keeper, pod

TIMED_OUT = "'web' timed out waiting to be Ready"


def test_a_deployment_is_ready_with_its_pods(waiting: Waiting) -> None:
    live = waiting.until_ready(waiting.make(keeper("Deployment", "web", replicas=2)))
    assert live["status"]["readyReplicas"] == 2
    assert ("info", "✅ Deployment initialization complete") in waiting.said
    waiting.check(live)


def test_a_deployment_whose_pods_cannot_start_says_so(waiting: Waiting) -> None:
    error = waiting.not_ready(waiting.make(keeper("Deployment", "web", image=ABSENT)))
    assert str(error) == TIMED_OUT
    assert error.reasons[0] == "[MinimumReplicasUnavailable] Deployment does not have minimum availability."
    assert error.reasons[1] == "Minimum number of live Pods was not attained"
    assert error.reasons[2].startswith(f"[Pod {waiting.space}/web-")
    assert "[ErrImageNeverPull]" in error.reasons[2]
    assert error.live["status"]["unavailableReplicas"] == 1
    with pytest.raises(NotReady, match="Resource 'web' was created but failed to initialize") as read:
        waiting.check(waiting.api.get("apps/v1", "Deployment", "web", waiting.space))
    assert read.value.reasons[1:] == error.reasons[1:]


def test_a_rollout_that_gets_stuck_is_not_ready_although_the_old_pods_are(waiting: Waiting, cluster: Cluster) -> None:
    before = waiting.until_ready(waiting.make(keeper("Deployment", "web", replicas=1)))
    cluster.kubectl("set", "image", "deploy/web", f"main={ABSENT}", "-n", waiting.space)
    live = waiting.api.get("apps/v1", "Deployment", "web", waiting.space)
    error = waiting.not_ready(live, previous=before)
    assert error.reasons[0] == "Minimum number of Pods to consider the application live was not attained"
    assert "[ErrImageNeverPull]" in error.reasons[1]
    cluster.kubectl("set", "image", "deploy/web", f"main={IMAGE}", "-n", waiting.space)
    live = waiting.api.get("apps/v1", "Deployment", "web", waiting.space)
    assert waiting.until_ready(live, previous=before)["status"]["readyReplicas"] == 1


def test_a_deployment_of_no_pods_is_ready_and_warns(waiting: Waiting) -> None:
    waiting.until_ready(waiting.make(keeper("Deployment", "web", replicas=0)))
    assert ("warning", 'Replicas scaled to 0 for Deployment "web"') in waiting.said


def test_a_deployment_names_the_claim_that_has_no_volume(waiting: Waiting) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "disk"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "nowhere",
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    waiting.make(claim)
    wanted = keeper("Deployment", "web")
    wanted["spec"]["template"]["spec"]["volumes"] = [{"name": "disk", "persistentVolumeClaim": {"claimName": "disk"}}]
    error = waiting.not_ready(waiting.make(wanted))
    assert 'Failed to bind PersistentVolumeClaim(s): "disk"' in error.reasons


def test_a_stateful_set_is_ready_when_all_pods_are_of_the_newest_revision(waiting: Waiting, cluster: Cluster) -> None:
    before = waiting.until_ready(waiting.make(keeper("StatefulSet", "web", serviceName="web", replicas=2)))
    assert before["status"]["readyReplicas"] == 2
    cluster.kubectl("set", "env", "statefulset/web", "A=B", "-n", waiting.space)
    live = waiting.until_ready(waiting.api.get("apps/v1", "StatefulSet", "web", waiting.space), previous=before)
    assert live["status"]["currentRevision"] == live["status"]["updateRevision"] != before["status"]["updateRevision"]


def test_a_stateful_set_says_how_many_of_its_pods_are_ready(waiting: Waiting) -> None:
    error = waiting.not_ready(waiting.make(keeper("StatefulSet", "web", image=ABSENT, serviceName="web", replicas=2)))
    assert str(error) == TIMED_OUT
    assert error.reasons[0] == "0 out of 2 replicas succeeded readiness checks"
    assert "[ErrImageNeverPull]" in error.reasons[-1]
    with pytest.raises(NotReady, match="was created but failed to initialize"):
        waiting.check(error.live)


def test_a_daemon_set_is_ready_on_every_node(waiting: Waiting, cluster: Cluster) -> None:
    nodes = len(cluster.node_addresses)
    live = waiting.until_ready(waiting.make(keeper("DaemonSet", "web")))
    assert live["status"]["numberReady"] == nodes
    assert ("info", f"✅ All replicas scheduled as expected. Replicas: {nodes}") in waiting.said


def test_a_daemon_set_that_does_not_start_runs_out_of_time(waiting: Waiting, cluster: Cluster) -> None:
    error = waiting.not_ready(waiting.make(keeper("DaemonSet", "web", image=ABSENT)))
    assert str(error) == "timed out waiting for the condition"
    assert ("info", f"Available: 0/{len(cluster.node_addresses)}") in waiting.said


def test_a_replication_controller_is_ready_with_its_pods(waiting: Waiting) -> None:
    template = {"metadata": {"labels": dict(LABELS)}, "spec": pod("web")["spec"]}
    spec = {"replicas": 1, "selector": dict(LABELS), "template": template}
    made = {"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "web"}, "spec": spec}
    assert waiting.until_ready(waiting.make(made))["status"]["availableReplicas"] == 1


def job(*arguments: str) -> dict[str, object]:
    spec = {**pod("web", *arguments)["spec"], "restartPolicy": "Never"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "web"},
        "spec": {"backoffLimit": 0, "template": {"spec": spec}},
    }


def test_a_job_is_ready_when_it_has_completed(waiting: Waiting) -> None:
    assert waiting.until_ready(waiting.make(job("exit", "0", "1s")))["status"]["succeeded"] == 1


def test_a_job_that_has_failed_is_not_waited_for_any_longer(waiting: Waiting) -> None:
    error = waiting.not_ready(waiting.make(job("exit", "3")), seconds=600)
    assert str(error) == "Resource 'web' was created but failed to initialize"
    assert any(reason.startswith("[BackoffLimitExceeded] ") for reason in error.reasons)


def test_a_job_that_takes_too_long_runs_out_of_time(waiting: Waiting) -> None:
    assert str(waiting.not_ready(waiting.make(job()))) == TIMED_OUT


def test_a_pod_is_ready_when_its_containers_are(waiting: Waiting) -> None:
    made = pod("web", "serve", "8080", "2s")
    made["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8080}, "periodSeconds": 1}
    live = waiting.until_ready(waiting.make(made))
    assert live["status"]["containerStatuses"][0]["ready"]
    assert ("info", f'Waiting for Pod "{waiting.space}/web" to be ready') in waiting.said


def test_a_pod_that_has_done_its_work_is_ready(waiting: Waiting) -> None:
    live = waiting.until_ready(waiting.make(pod("web", "exit", "0", restartPolicy="Never")))
    assert live["status"]["phase"] in ("Running", "Succeeded")


def test_a_pod_that_crashes_says_with_what_code(waiting: Waiting, cluster: Cluster) -> None:
    made = pod("web", "exit", "3", restartPolicy="Never")
    made["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8080}}  # else it is ready for a moment
    live = waiting.make(made)
    # On a busy machine it takes longer to start than is waited for below.
    cluster.kubectl("wait", "pod/web", "-n", waiting.space, "--for=jsonpath={.status.phase}=Failed", "--timeout=120s")
    error = waiting.not_ready(live)
    (reason,) = error.reasons
    assert reason == f'[Pod {waiting.space}/web]: container "main" completed with exit code 3'


def test_waiting_ends_when_the_operation_is_cancelled(waiting: Waiting) -> None:
    live = waiting.make(pod("web", image=ABSENT))
    with waiting.in_a_moment(waiting.cancel.set):
        error = waiting.not_ready(live, seconds=600)
    assert str(error) == 'Resource operation was cancelled for "web"'


def test_what_is_not_to_be_awaited_is_not(waiting: Waiting) -> None:
    made = copy.deepcopy(keeper("Deployment", "web", image=ABSENT))
    made["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    live = waiting.make(made)
    assert waiting.until_ready(live) is live
