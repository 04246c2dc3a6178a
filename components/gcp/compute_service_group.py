"""The instances of a ComputeService: who they are, how they start, who may speak to them, and how many there are."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pulumi
from pulumi_gcp.artifactregistry.repository_iam_member import RepositoryIamMember
from pulumi_gcp.compute.firewall import Firewall
from pulumi_gcp.compute.health_check import HealthCheck
from pulumi_gcp.compute.region_autoscaler import RegionAutoscaler
from pulumi_gcp.compute.region_instance_group_manager import RegionInstanceGroupManager
from pulumi_gcp.compute.region_instance_template import RegionInstanceTemplate
from pulumi_gcp.projects.iam_member import IAMMember
from pulumi_gcp.serviceaccount.account import Account

from components import outputs
from components.gcp import compute_service_boot as boot
from components.gcp import firewall
from components.gcp.backends import FRONT_ENDS, MOST_RATE
from components.gcp.cluster_nodes import SCOPES
from components.gcp.compute_service_asked import Asked, ComputeSpread
from components.gcp.labels import Labels
from components.gcp.registry import PULL
from components.kubernetes import names, sizing

WRITES: Final = {"logs": "roles/logging.logWriter", "metrics": "roles/monitoring.metricWriter"}
"""What an instance may do in the project (Container-Optimized OS, "Use Cloud Logging", and "Node Problem Detector",
2026-11-22)."""
METADATA: Final = {
    "block-project-ssh-keys": "TRUE",
    "enable-oslogin": "TRUE",
    "serial-port-enable": "FALSE",
    "disable-legacy-endpoints": "TRUE",
    # Logs of the container and the machine, and what the kernel complains of.
    "google-logging-enabled": "true",
    "google-monitoring-enabled": "true",
    # A machine is replaced by one of a newer image, and is the same as long as it lives.
    "cos-update-strategy": "update_disabled",
}
"""What a machine is told beside cloud-init's part (Compute Engine, "Predefined metadata keys", and Container-Optimized
OS, "Instance metadata", 2026-11-22)."""
COOLING: Final = 600
"""Seconds of a look back, in which at most half of the instances go."""


def profile(parent: pulumi.Resource, name: str, asked: Asked) -> tuple[pulumi.Output[str], list[pulumi.Resource]]:
    """Who an instance is: it pulls from one repository, and writes logs and metrics."""
    child = pulumi.ResourceOptions(parent=parent)
    account = Account(name, project=asked.project, display_name=f"Instances of {name}", opts=child)
    member = pulumi.Output.concat("serviceAccount:", account.email)
    allowed: list[pulumi.Resource] = [
        IAMMember(f"{name}-{what}", project=asked.project, role=role, member=member, opts=child)
        for what, role in WRITES.items()
    ]
    part: Any = {
        key: outputs.known(_part, image=asked.image, at=at)
        for at, key in enumerate(("location", "project", "repository"))
    }
    allowed.append(RepositoryIamMember(name, role=PULL, member=member, opts=child, **part))
    return account.email, allowed


def _part(image: str, at: int) -> str:
    """Location, project or repository of an image in Artifact Registry."""
    place, project, repository = image.split("/")[:3]
    return (place.removesuffix("-docker.pkg.dev"), project, repository)[at]


def opened(parent: pulumi.Resource, name: str, asked: Asked, who: pulumi.Input[str]) -> list[pulumi.Resource]:
    """Who may speak to the instances, which are known by their account: nobody can put that on by a tag."""
    child = pulumi.ResourceOptions(parent=parent)
    both: dict[str, Any] = {
        "project": outputs.known(_owner, network=cast("Any", asked.network)),
        "network": asked.network,
        "direction": "INGRESS",
        "target_service_accounts": [who],
        "opts": child,
    }
    port: Any = [{"protocol": "tcp", "ports": [str(names.PORT)]}]
    rules: list[pulumi.Resource] = [
        Firewall(
            f"{name}-health",
            description=f"Google's front ends and health checks to instances of {name}",
            source_ranges=list(FRONT_ENDS),
            # Not logged: each request is, by the load balancer, and a health check comes every few seconds.
            allows=port,
            **both,
        )
    ]
    if asked.callers:
        rules.append(
            Firewall(
                f"{name}-callers",
                description=f"Who may call the model on instances of {name}",
                source_service_accounts=asked.callers,
                allows=port,
                log_config=firewall.LOGGED,
                **both,
            )
        )
    if asked.sessions:
        rules.append(
            Firewall(
                f"{name}-sessions",
                description=f"SSH to instances of {name} through Identity-Aware Proxy",
                source_ranges=[firewall.PROXY],
                allows=[{"protocol": "tcp", "ports": ["22"]}],
                log_config=firewall.LOGGED,
                **both,
            )
        )
    return rules


def _owner(network: str) -> str:
    """Whose a network is: that of a Shared VPC is another project's."""
    return network.split("/")[1]


def template(
    parent: pulumi.Resource, name: str, asked: Asked, who: pulumi.Input[str], labels: Labels
) -> RegionInstanceTemplate:
    """How an instance starts: a new image of the model is another one of these."""
    disk: dict[str, Any] = {
        "boot": True,
        "auto_delete": True,
        "source_image": asked.machine_image,
        "disk_type": asked.machine.disk_type,
        "disk_size_gb": asked.disk_gib,
        "labels": labels.all(),
    }
    if asked.disk_key is not None:
        disk["disk_encryption_key"] = {"kms_key_self_link": asked.disk_key}
    rest: dict[str, Any] = {}
    if asked.machine.gpus is not None and asked.machine.attached:
        rest["guest_accelerators"] = [{"type": asked.machine.gpus.accelerator, "count": asked.machine.gpus.count}]
    return RegionInstanceTemplate(
        name,
        project=asked.project,
        region=asked.region,
        description=f"Instances of {name}",
        instance_description=f"Answers for the model of {name}",
        machine_type=asked.machine.type,
        disks=cast("Any", [disk]),
        # Without an access configuration there is no address outside.
        network_interfaces=[{"subnetwork": asked.subnetwork, "nic_type": "GVNIC", "stack_type": "IPV4_ONLY"}],
        can_ip_forward=False,
        service_account={"email": who, "scopes": SCOPES},
        shielded_instance_config={
            "enable_secure_boot": True,
            "enable_vtpm": True,
            "enable_integrity_monitoring": True,
        },
        scheduling=_scheduling(asked),
        metadata={**METADATA, "user-data": _told(name, asked)},
        labels=labels.all(),
        **rest,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _scheduling(asked: Asked) -> Any:
    """When Google ends an instance: machines with GPUs cannot be moved while they run, and Spot VMs are not."""
    if asked.spot:
        return {
            "provisioning_model": "SPOT",
            "preemptible": True,
            "automatic_restart": False,
            "on_host_maintenance": "TERMINATE",
        }
    moved = "MIGRATE" if asked.machine.gpus is None else "TERMINATE"
    return {"provisioning_model": "STANDARD", "automatic_restart": True, "on_host_maintenance": moved}


def _told(name: str, asked: Asked) -> pulumi.Input[str]:
    """What cloud-init reads."""

    def whole(image: str, env: Mapping[str, Any]) -> str:
        gpus = asked.machine.gpus is not None
        settings = {
            "NAME": name,
            "IMAGE": image,
            "REGISTRY": image.partition("/")[0],
            "PORT": str(names.PORT),
            "GPUS": "yes" if gpus else "no",
            "CLOSED": "" if asked.sessions else "sshd.service sshd.socket",
        }
        given = {key: str(value) for key, value in env.items()}
        boot.held(given)
        own = {
            "MODELPORT_HOST": "0.0.0.0",
            "MODELPORT_PORT": str(names.PORT),
            "MODELPORT_REVISION": names.revision(image),
            "MODELPORT_MAX_HELD_BYTES": str(sizing.HELD),
            "MODELPORT_DRAIN_TIMEOUT": str(boot.DRAIN),
            **({"LD_LIBRARY_PATH": "/usr/local/nvidia/lib64"} if gpus else {}),
            **({} if asked.workers is None else {"MODELPORT_WORKERS": str(asked.workers)}),
        }
        return boot.user_data(settings, {**own, **given})

    return outputs.known(whole, image=cast("Any", asked.image), env=cast("Any", dict(asked.env)))


def check(parent: pulumi.Resource, name: str, asked: Asked) -> HealthCheck:
    """Whether an instance is to be made anew: slower to say so than a load balancer, which only sends nothing there."""
    return HealthCheck(
        name,
        project=asked.project,
        description=f"Whether the model answers on an instance of {name}",
        check_interval_sec=10,
        timeout_sec=5,
        healthy_threshold=2,
        unhealthy_threshold=6,
        http_health_check={
            "request_path": names.READY,
            "port": names.PORT,
            "port_specification": "USE_FIXED_PORT",
        },
        log_config={"enable": True},
        opts=pulumi.ResourceOptions(parent=parent),
    )


def policy(asked: Asked, checked: pulumi.Input[str]) -> dict[str, Any]:
    """How a group comes to another version, and what it makes anew, in the words of its API."""
    even = asked.spread is ComputeSpread.EVEN
    return {
        "updatePolicy": {
            "type": "PROACTIVE",
            "minimalAction": "REPLACE",
            "mostDisruptiveAllowedAction": "REPLACE",
            "replacementMethod": "SUBSTITUTE",
            "instanceRedistributionType": "PROACTIVE" if even else "NONE",
            "maxSurge": {"fixed": asked.release.surge},
            "maxUnavailable": {"fixed": asked.release.unavailable},
        },
        "autoHealingPolicies": [{"healthCheck": checked, "initialDelaySec": asked.starts}],
    }


def group(
    parent: pulumi.Resource,
    name: str,
    asked: Asked,
    version: pulumi.Input[str],
    policy_: Mapping[str, Any],
    after: Sequence[pulumi.Resource],
) -> RegionInstanceGroupManager:
    """The group, whose instances all have one version."""
    update, healing = policy_["updatePolicy"], policy_["autoHealingPolicies"][0]
    most = f"{asked.starts // 60 + 30}m"
    return RegionInstanceGroupManager(
        name,
        # A release finds it by its name, and a load balancer counts by it. No other one ever takes its place.
        name=name,
        project=asked.project,
        region=asked.region,
        description=f"Answers for the model of {name}",
        base_instance_name=name,
        versions=[{"instance_template": version}],
        target_size=asked.counts.desired,
        named_ports=[{"name": names.PORT_NAME, "port": names.PORT}],
        distribution_policy_zones=asked.machine.zones,
        distribution_policy_target_shape=asked.spread.value.upper(),
        update_policy={
            "type": update["type"],
            "minimal_action": update["minimalAction"],
            "most_disruptive_allowed_action": update["mostDisruptiveAllowedAction"],
            "replacement_method": update["replacementMethod"],
            "instance_redistribution_type": update["instanceRedistributionType"],
            "max_surge_fixed": asked.release.surge,
            "max_unavailable_fixed": asked.release.unavailable,
        },
        auto_healing_policies={
            "health_check": healing["healthCheck"],
            "initial_delay_sec": healing["initialDelaySec"],
        },
        instance_lifecycle_policy={"default_action_on_failure": "REPAIR", "force_update_on_repair": "NO"},
        # An instance counts once the model on it has answered.
        wait_for_instances=True,
        wait_for_instances_status="STABLE",
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=list(after),
            ignore_changes=["targetSize"] if asked.counts.scaled else [],
            custom_timeouts=pulumi.CustomTimeouts(create=most, update=most, delete="30m"),
        ),
    )


def scaled(parent: pulumi.Resource, name: str, asked: Asked, made: RegionInstanceGroupManager) -> None:
    """Instances come and go by their CPU, by the requests that each of them gets, and by metrics; whatever asks for
    more wins."""
    counts = asked.counts
    about: dict[str, Any] = {
        "mode": "ON",
        "min_replicas": counts.least,
        "max_replicas": counts.most,
        # Its measures say nothing before that.
        "cooldown_period": asked.starts,
        "cpu_utilization": {
            "target": counts.cpu / 100,
            "predictive_method": "OPTIMIZE_AVAILABILITY" if asked.predictive else "NONE",
        },
        "scale_in_control": {"max_scaled_in_replicas": {"percent": 50}, "time_window_sec": COOLING},
    }
    if counts.requests is not None:
        about["load_balancing_utilization"] = {"target": counts.requests / 60 / MOST_RATE}
    if asked.metrics:
        about["metrics"] = asked.metrics
    RegionAutoscaler(
        name,
        name=name,
        project=asked.project,
        region=asked.region,
        description=f"How many instances {name} has",
        target=made.id,
        autoscaling_policy=cast("Any", about),
        opts=pulumi.ResourceOptions(parent=parent),
    )
