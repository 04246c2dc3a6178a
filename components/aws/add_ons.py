"""What EKS itself installs in a cluster and keeps there: which add-ons, at which versions, and as whom they run."""

import json
from typing import Any, Final, NamedTuple

import pulumi
from pulumi_aws.eks.addon import Addon
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy_attachment import RolePolicyAttachment

from components.aws import catalog, policies
from components.aws.checks import partition
from components.aws.tags import Tags


class _AddOn(NamedTuple):
    called: str
    """As EKS calls it."""
    account: str = ""
    """The service account that calls AWS. Default: it calls nothing."""
    policy: str = ""
    """What that account may do: a policy that AWS keeps, by the end of its ARN."""
    settings: dict[str, Any] | None = None


# Network policies are enforced: without this the cluster takes them, and lets all through.
_CNI = _AddOn("vpc-cni", "aws-node", "AmazonEKS_CNI_Policy", {"enableNetworkPolicy": "true"})
_VOLUMES = _AddOn("aws-ebs-csi-driver", "ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy")

BEFORE_NODES: Final = (_AddOn("eks-pod-identity-agent"), _AddOn("kube-proxy"), _CNI)
"""A node is ready once it has a network, and that asks the agent who it is. They run on every node: with none yet,
they are installed at once."""
AFTER_NODES: Final = (_AddOn("coredns"), _VOLUMES, _AddOn("metrics-server"))
"""Their pods need a node; without one EKS waits for them, and gives up."""
ALL: Final = tuple(each.called for each in (*BEFORE_NODES, *AFTER_NODES))


class Installer:
    """Installs the add-ons of one cluster."""

    def __init__(
        self,
        parent: pulumi.Resource,
        name: str,
        cluster: pulumi.Output[str],
        tags: Tags,
        *,
        region: str,
        account: str,
        versions: dict[str, pulumi.Input[str]],
    ) -> None:
        """name: of the component, which is the cluster's."""
        self._parent, self._name, self._cluster, self._tags, self._versions = parent, name, cluster, tags, versions
        self._partition = partition(region)
        self._account = account
        self._arn = f"arn:{self._partition}:eks:{region}:{account}:cluster/{name}"

    def install(self, add_ons: tuple[_AddOn, ...], behind: list[pulumi.Resource]) -> list[pulumi.Resource]:
        """All at once, after `behind`."""
        return [self._one(each, behind) for each in add_ons]

    def _one(self, add_on: _AddOn, behind: list[pulumi.Resource]) -> Addon:
        called = f"{self._name}-{add_on.called}"
        identities: list[Any] = []
        if add_on.policy:
            role, allowed = self._role(called, add_on)
            behind = [*behind, allowed]
            identities = [{"role_arn": role.arn, "service_account": add_on.account}]
        return Addon(
            called,
            cluster_name=self._cluster,
            addon_name=add_on.called,
            addon_version=self._versions[add_on.called],
            configuration_values=json.dumps(add_on.settings) if add_on.settings else None,
            pod_identity_associations=identities or None,
            # What a cluster was made with is taken over; what somebody has changed since then, to get through a bad
            # night perhaps, outlives an update.
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="PRESERVE",
            tags=self._tags.of(called),
            opts=pulumi.ResourceOptions(parent=self._parent, depends_on=behind),
        )

    def _role(self, called: str, add_on: _AddOn) -> tuple[Role, RolePolicyAttachment]:
        child = pulumi.ResourceOptions(parent=self._parent)
        trust = policies.pod_trust(self._account, self._arn, "kube-system", add_on.account)
        role = Role(called, assume_role_policy=trust, tags=self._tags.of(called), opts=child)
        arn = f"arn:{self._partition}:iam::aws:policy/{add_on.policy}"
        return role, RolePolicyAttachment(called, role=role.name, policy_arn=arn, opts=child)


def versions(version: str, given: dict[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
    """Of each add-on, for a version of Kubernetes; `given` says otherwise for some."""
    return {**catalog.ADD_ONS[version], **given}
