"""A plan made on a simulated AWS, call by call in its own order, and taken away again in the reverse one.

    seen = lived(judging.planned(everything), url)
    assert seen.refused == [] and seen.left == []

moto looks at policies, references, what is in whose way when it goes, and limits that no model says.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import jmespath
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tests.components.aws import judging, judging_models
from tests.components.aws.judging_call import Call
from tests.components.aws.judging_calls import APART
from tests.components.planned import Plan, Planned

NOT_SIMULATED: Mapping[str, str] = {
    **{
        f"eks.{call}": "moto has clusters and node groups of EKS, and no more"
        for call in (
            *("CreateAccessEntry", "AssociateAccessPolicy", "CreateAddon", "UpdateAddon"),
            "CreatePodIdentityAssociation",
        )
    },
    "cloudformation.CreateStack": "what moto's stacks are made with is a hundred packages",
    **{
        f"codedeploy.{call}": "moto makes applications and groups, and removes none"
        for call in ("DeleteApplication", "DeleteDeploymentGroup")
    },
    "cloudwatch.PutCompositeAlarm": "moto has alarms of metrics, and no more",
    "autoscaling.CreateOrUpdateTags": "moto makes no scaling group for a node group",
}
"""Calls that moto does not have, and why."""

THERE = {
    "aws:ec2/vpc:Vpc": ("ec2", "DescribeVpcs", "Vpcs[].VpcId"),
    "aws:ec2/subnet:Subnet": ("ec2", "DescribeSubnets", "Subnets[].SubnetId"),
    "aws:ec2/internetGateway:InternetGateway": (
        "ec2",
        "DescribeInternetGateways",
        "InternetGateways[].InternetGatewayId",
    ),
    "aws:ec2/natGateway:NatGateway": (
        "ec2",
        "DescribeNatGateways",
        "NatGateways[?State!='deleted'].NatGatewayId",
    ),
    "aws:ec2/eip:Eip": ("ec2", "DescribeAddresses", "Addresses[].AllocationId"),
    "aws:ec2/flowLog:FlowLog": ("ec2", "DescribeFlowLogs", "FlowLogs[].FlowLogId"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": (
        "ec2",
        "DescribeVpcEndpoints",
        "VpcEndpoints[?State!='deleted'].VpcEndpointId",
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        "ec2",
        "DescribeLaunchTemplates",
        "LaunchTemplates[].LaunchTemplateId",
    ),
    "aws:iam/role:Role": ("iam", "ListRoles", "Roles[].RoleName"),
    "aws:iam/instanceProfile:InstanceProfile": (
        "iam",
        "ListInstanceProfiles",
        "InstanceProfiles[].InstanceProfileName",
    ),
    "aws:kms/alias:Alias": ("kms", "ListAliases", "Aliases[?TargetKeyId].AliasName"),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", "DescribeLogGroups", "logGroups[].logGroupName"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch", "DescribeAlarms", "MetricAlarms[].AlarmName"),
    "aws:cloudwatch/dashboard:Dashboard": ("cloudwatch", "ListDashboards", "DashboardEntries[].DashboardName"),
    "aws:cloudwatch/eventRule:EventRule": ("events", "ListRules", "Rules[].Name"),
    "aws:ecr/repository:Repository": ("ecr", "DescribeRepositories", "repositories[].repositoryName"),
    "aws:eks/cluster:Cluster": ("eks", "ListClusters", "clusters"),
    "aws:budgets/budget:Budget": ("budgets", "DescribeBudgets", "Budgets[].BudgetName"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": (
        "iam",
        "ListOpenIDConnectProviders",
        "OpenIDConnectProviderList[].Arn",
    ),
    "aws:secretsmanager/secret:Secret": ("secretsmanager", "ListSecrets", "SecretList[].ARN"),
    "aws:sns/topic:Topic": ("sns", "ListTopics", "Topics[].TopicArn"),
    "aws:sqs/queue:Queue": ("sqs", "ListQueues", "QueueUrls"),
    "aws:lambda/function:Function": ("lambda", "ListFunctions", "Functions[].FunctionName"),
    "aws:lb/loadBalancer:LoadBalancer": ("elbv2", "DescribeLoadBalancers", "LoadBalancers[].LoadBalancerArn"),
    "aws:lb/targetGroup:TargetGroup": ("elbv2", "DescribeTargetGroups", "TargetGroups[].TargetGroupArn"),
    "aws:acm/certificate:Certificate": ("acm", "ListCertificates", "CertificateSummaryList[].CertificateArn"),
    "aws:s3/bucket:Bucket": ("s3", "ListBuckets", "Buckets[].Name"),
    "aws:route53/healthCheck:HealthCheck": ("route53", "ListHealthChecks", "HealthChecks[].Id"),
    "aws:sagemaker/endpoint:Endpoint": ("sagemaker", "ListEndpoints", "Endpoints[].EndpointName"),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": (
        "sagemaker",
        "ListEndpointConfigs",
        "EndpointConfigs[].EndpointConfigName",
    ),
    "aws:sagemaker/model:Model": ("sagemaker", "ListModels", "Models[].ModelName"),
}
"""How the account is asked which there are of a type."""
_MORE = {
    "network interfaces": ("ec2", "DescribeNetworkInterfaces", "NetworkInterfaces[].NetworkInterfaceId"),
    "route tables": ("ec2", "DescribeRouteTables", "RouteTables[].RouteTableId"),
    "security groups": ("ec2", "DescribeSecurityGroups", "SecurityGroups[].GroupId"),
    "task definitions": ("ecs", "ListTaskDefinitions", "taskDefinitionArns"),
    "rules": ("ec2", "DescribeSecurityGroupRules", "SecurityGroupRules[].SecurityGroupRuleId"),
}
"""What comes along with others, and must be gone with them."""


@dataclass
class Lived:
    """What became of a plan."""

    made: Counter[str] = field(default_factory=Counter[str])
    """How many of a type came to be there."""
    refused: list[str] = field(default_factory=list[str])
    """`ec2.CreateVpc net: what AWS says`, making or removing."""
    missing: set[str] = field(default_factory=set[str])
    """Calls that moto does not have."""
    left: list[str] = field(default_factory=list[str])
    """What is there afterwards and was not before."""


def lived(plan: Plan, url: str, keeping: str = "") -> Lived:
    """Make all of `plan` in the account at `url`, and remove it in the reverse order.

    keeping: the name of what is not removed.
    """
    account = _Account(url)
    natives = [
        each for each in plan.resources if each.custom and each.type.startswith("aws:") and each.type not in APART
    ]
    before = account.all()
    for each in natives:
        account.make(each)
    there = account.all()
    for what in THERE:
        if new := there[what] - before[what]:
            account.seen.made[what] = len(new)
    for each in reversed(natives):
        if each.name != keeping:
            account.remove(each)
    after = account.all()
    account.seen.left = sorted(f"{what} {one}" for what in after for one in after[what] - before[what])
    return account.seen


class _Account:
    """An account, and what was given for what a plan names."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: dict[str, Any] = {}
        self._real: dict[str, str] = {}
        self._pattern = re.compile("(?!)")
        self._absent: set[str] = set()
        self._given: dict[str, dict[str, Any]] = {}
        self.seen = Lived()

    def make(self, each: Planned) -> None:
        asked, _ = judging_models.calls(each)
        for one in asked:
            answer = self._ask(one.call, one.given, each)
            if answer is None:
                self._absent.add(each.urn)
            for path, where in one.call.gives.items():
                value = jmespath.search(where, answer) if answer is not None else None
                if isinstance(value, str):
                    self._real[judging.tells(each, path)] = value
            if self._real:
                words = "|".join(re.escape(word) for word in sorted(self._real, key=len, reverse=True))
                self._pattern = re.compile(rf"(?<![\w-])({words})(?![\w-])")
        self._given[each.urn] = asked[0].given

    def remove(self, each: Planned) -> None:
        if each.urn in self._absent:
            return
        for call in judging_models.made_by(each).gone:
            self._ask(call, judging_models.removing(call, each, self._given[each.urn]), each)

    def all(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for what, (service, operation, path) in {**THERE, **_MORE}.items():
            asked = {"AccountId": judging.ACCOUNT} if service == "budgets" else {}
            answer = self._client(service)._make_api_call(operation, asked)
            found[what] = set(jmespath.search(path, answer) or [])
        found["policies"] = {each["Arn"] for each in self._client("iam").list_policies(Scope="Local")["Policies"]}
        gateways = self._client("ec2").describe_nat_gateways()
        # moto lets a gateway's interface be when the gateway goes.
        path = "NatGateways[].NatGatewayAddresses[].NetworkInterfaceId"
        found["network interfaces"] -= set(jmespath.search(path, gateways) or [])
        # And those of instances, whose launch template says that they go with them.
        machines = jmespath.search(
            "Reservations[].Instances[].[InstanceId, State.Name]", self._client("ec2").describe_instances()
        )
        ended = {one for one, state in machines if state == "terminated"}
        found["instances"] = {one for one, _ in machines} - ended
        path = "NetworkInterfaces[?Attachment].[NetworkInterfaceId, Attachment.InstanceId]"
        attached = jmespath.search(path, self._client("ec2").describe_network_interfaces())
        found["network interfaces"] -= {one for one, machine in attached if machine in ended}
        keys = self._client("kms").list_keys()["Keys"]
        states = {
            each["KeyId"]: self._client("kms").describe_key(KeyId=each["KeyId"])["KeyMetadata"]["KeyState"]
            for each in keys
        }
        # AWS's own keys are every account's.
        own = "Aliases[?starts_with(AliasName, 'alias/aws/')].TargetKeyId"
        known = set(jmespath.search(own, self._client("kms").list_aliases()) or [])
        found["keys"] = {key for key, state in states.items() if state != "PendingDeletion"} - known
        return found

    def _ask(self, call: Call, given: Any, each: Planned) -> dict[str, Any] | None:
        name = f"{call.service}.{call.operation}"
        try:
            answer = self._client(call.service)._make_api_call(call.operation, self._known(given))
        except ClientError as error:
            said = cast("dict[str, Any]", error.response)["Error"]
            if said.get("Code") in ("404", "500", "501"):  # a page of the server's, and no word of AWS's
                self.seen.missing.add(name)
            else:
                self.seen.refused.append(f"{name} {each.name}: {said.get('Code')}: {said.get('Message')}")
            return None
        except BotoCoreError as error:
            self.seen.refused.append(f"{name} {each.name}: {error}")
            return None
        except ResponseParserError:  # moto itself failed, and answers with a page
            self.seen.missing.add(name)
            return None
        return cast("dict[str, Any]", answer)

    def _known(self, value: Any) -> Any:
        """With what the account gave instead of what the plan said."""
        if isinstance(value, str):
            return self._pattern.sub(lambda found: self._real[found[1]], value)
        if isinstance(value, list):
            return [self._known(each) for each in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {key: self._known(each) for key, each in cast("dict[str, Any]", value).items()}
        return value

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = judging_models.session().create_client(
                service,
                region_name=judging.REGION,
                endpoint_url=self._url,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return self._clients[service]
