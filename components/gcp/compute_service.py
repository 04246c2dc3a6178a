"""A model that answers on instances of Compute Engine, each of which runs its image and nothing else."""

from typing import Any, Optional, cast

import pulumi

from components import outputs
from components.gcp import compute_service_group
from components.gcp.compute_service_asked import (
    Asked,
    ComputeMetric,
    ComputeMetricKind,
    ComputeServiceArgs,
    ComputeSpread,
)
from components.gcp.compute_service_release import ComputeRelease, ComputeStep, ComputeStrategy
from components.gcp.compute_service_rollout import ComputeRollout
from components.gcp.labels import Labels
from components.kubernetes import names

__all__ = [
    "ComputeMetric",
    "ComputeMetricKind",
    "ComputeRelease",
    "ComputeService",
    "ComputeServiceArgs",
    "ComputeSpread",
    "ComputeStep",
    "ComputeStrategy",
]


class ComputeService(pulumi.ComponentResource):
    """Instances that answer for one model, in a group of a region's zones that is called as the component is.

    Nobody speaks to them but Google's front ends and who is named, and nobody logs in; they may pull their image and
    write logs and metrics. A new version is another instance template, which comes to all of them or to none; whoever
    runs it may change groups and read metrics (`compute.instanceAdmin.v1`, `monitoring.viewer`). What an autoscaler
    leaves is drained by the load balancer first. Outputs: `group_name`, `group_id`, `instance_group`, `named_port`,
    `template_id`, `service_account`, `serving`.
    """

    group_name: pulumi.Output[str]
    """Name of the group of instances."""
    group_id: pulumi.Output[str]
    """Id of what manages it."""
    instance_group: pulumi.Output[str]
    """Address of the group, for a load balancer."""
    named_port: pulumi.Output[str]
    """Name of the port at which instances answer, for a load balancer."""
    template_id: pulumi.Output[str]
    """Id of the instance template."""
    service_account: pulumi.Output[str]
    """Address of what the instances are to Google Cloud."""
    serving: pulumi.Output[str]
    """Address of the template that all instances have: known once a release is over, so what waits for it comes after
    that."""

    def __init__(self, name: str, args: ComputeServiceArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        labels = Labels("ComputeService.labels", name, args.get("labels"))
        super().__init__("modelport:index:ComputeService", name, {}, opts)
        who, allowed = compute_service_group.profile(self, name, asked)
        rules = compute_service_group.opened(self, name, asked, who)
        template = compute_service_group.template(self, name, asked, who, labels)
        check = compute_service_group.check(self, name, asked)
        policy = compute_service_group.policy(asked, check.self_link)
        rollout = self._rollout(name, asked, template.self_link, policy, [*allowed, *rules])
        group = compute_service_group.group(self, name, asked, rollout.template, policy, [*allowed, *rules])
        if asked.counts.scaled:
            compute_service_group.scaled(self, name, asked, group)
        self.group_name, self.group_id = group.name, group.id
        self.instance_group = group.instance_group
        self.named_port = outputs.once(names.PORT_NAME, [group])
        self.template_id, self.service_account = template.id, who
        self.serving = outputs.once(rollout.template, [group])
        self.register_outputs(
            {
                "group_name": self.group_name,
                "group_id": self.group_id,
                "instance_group": self.instance_group,
                "named_port": self.named_port,
                "template_id": self.template_id,
                "service_account": self.service_account,
                "serving": self.serving,
            }
        )

    def _rollout(
        self,
        name: str,
        asked: Asked,
        template: pulumi.Output[str],
        policy: dict[str, Any],
        after: list[pulumi.Resource],
    ) -> ComputeRollout:
        bounds = {
            "error_percent": asked.bounds.error_percent,
            "latency": asked.bounds.latency,
            "policies": asked.policies,
        }
        return ComputeRollout(
            name,
            {
                "project": asked.project,
                "region": asked.region,
                "group": name,
                "template": template,
                # As text: a number in a dynamic resource's input comes back as a float.
                "policy": outputs.text(policy),
                "stages": asked.release.plan.text(),
                "bounds": outputs.text(cast("Any", bounds)),
                "balanced": asked.balanced,
                "starts": asked.starts,
            },
            pulumi.ResourceOptions(parent=self, depends_on=after),
        )
