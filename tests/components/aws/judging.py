"""A component's plan with the ids, names and ARNs that AWS would give, for judges that we did not write.

    found = planned(lambda: AwsNetwork("net", {...}))
    found.one("aws:ec2/subnet:Subnet", "net-public-a").inputs["vpcId"]      # vpc-8f14e45fceea167a5

What a resource tells once it is made is like nothing else in the plan, so that who reads a value knows whose it is:
`references`.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from tests.components.judging import Told, digits, module, put, snake, takes
from tests.components.judging import opened as opened
from tests.components.planned import Plan, Planned, plan

REGION = "eu-central-1"
ACCOUNT = "123456789012"

_AUTONAMED: Mapping[str, str] = {
    "aws:s3/bucket:Bucket": "bucket",
    "aws:eks/nodeGroup:NodeGroup": "nodeGroupName",
}
"""What Pulumi names by itself where that is not called `name`."""
_CALLED: Mapping[str, str] = {"aws:cloudwatch/metricAlarm:MetricAlarm": "alarm_name"}
"""What Terraform calls such a name, where it is not the same word."""
_NAMED_BY_US = ("aws:route53/record:Record",)
"""What has a name that Pulumi never makes."""
_LONGEST = {
    "aws:lb/loadBalancer:LoadBalancer": 32,
    "aws:lb/targetGroup:TargetGroup": 32,
    "aws:iam/role:Role": 64,
    "aws:s3/bucket:Bucket": 63,
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": 63,
    "aws:sagemaker/model:Model": 63,
    "aws:sqs/queue:Queue": 80,
}
"""Characters that Pulumi itself holds a name to."""

_HERE = f"{REGION}:{ACCOUNT}"
_ARNS = {
    "aws:acm/certificate:Certificate": f"arn:aws:acm:{_HERE}:certificate/{{uuid}}",
    "aws:apigateway/stage:Stage": f"arn:aws:apigateway:{REGION}::/restapis/{{label}}/stages/live",
    "aws:autoscaling/group:Group": f"arn:aws:autoscaling:{_HERE}:autoScalingGroup:{{uuid}}:{{name}}",
    "aws:budgets/budget:Budget": f"arn:aws:budgets::{ACCOUNT}:budget/{{name}}",
    "aws:cloudwatch/eventRule:EventRule": f"arn:aws:events:{_HERE}:rule/{{name}}",
    "aws:cloudwatch/logGroup:LogGroup": f"arn:aws:logs:{_HERE}:log-group:{{name}}",
    "aws:cloudwatch/metricAlarm:MetricAlarm": f"arn:aws:cloudwatch:{_HERE}:alarm:{{name}}",
    "aws:ecr/repository:Repository": f"arn:aws:ecr:{_HERE}:repository/{{name}}",
    "aws:ecs/capacityProvider:CapacityProvider": f"arn:aws:ecs:{_HERE}:capacity-provider/{{name}}",
    "aws:ecs/cluster:Cluster": f"arn:aws:ecs:{_HERE}:cluster/{{name}}",
    "aws:ecs/service:Service": f"arn:aws:ecs:{_HERE}:service/{{name}}",
    "aws:ecs/taskDefinition:TaskDefinition": f"arn:aws:ecs:{_HERE}:task-definition/{{label}}:1",
    "aws:eks/accessEntry:AccessEntry": f"arn:aws:eks:{_HERE}:access-entry/{{hex}}",
    "aws:eks/addon:Addon": f"arn:aws:eks:{_HERE}:addon/{{hex}}/{{uuid}}",
    "aws:eks/cluster:Cluster": f"arn:aws:eks:{_HERE}:cluster/{{name}}",
    "aws:eks/nodeGroup:NodeGroup": f"arn:aws:eks:{_HERE}:nodegroup/{{name}}/{{uuid}}",
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": f"arn:aws:eks:{_HERE}:podidentityassociation/a-{{hex}}",
    "aws:iam/instanceProfile:InstanceProfile": f"arn:aws:iam::{ACCOUNT}:instance-profile/{{name}}",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{{host}}",
    "aws:iam/policy:Policy": f"arn:aws:iam::{ACCOUNT}:policy/{{name}}",
    "aws:iam/role:Role": f"arn:aws:iam::{ACCOUNT}:role/{{name}}",
    "aws:kms/alias:Alias": f"arn:aws:kms:{_HERE}:{{name}}",
    "aws:kms/key:Key": f"arn:aws:kms:{_HERE}:key/{{uuid}}",
    "aws:lambda/function:Function": f"arn:aws:lambda:{_HERE}:function:{{name}}",
    "aws:lb/listener:Listener": f"arn:aws:elasticloadbalancing:{_HERE}:listener/app/{{name}}/{{hex}}/{{hex}}",
    "aws:lb/loadBalancer:LoadBalancer": f"arn:aws:elasticloadbalancing:{_HERE}:loadbalancer/app/{{name}}/{{hex}}",
    "aws:lb/targetGroup:TargetGroup": f"arn:aws:elasticloadbalancing:{_HERE}:targetgroup/{{name}}/{{hex}}",
    "aws:s3/bucket:Bucket": "arn:aws:s3:::{name}",
    "aws:sagemaker/endpoint:Endpoint": f"arn:aws:sagemaker:{_HERE}:endpoint/{{name}}",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": f"arn:aws:sagemaker:{_HERE}:endpoint-config/{{name}}",
    "aws:sagemaker/model:Model": f"arn:aws:sagemaker:{_HERE}:model/{{name}}",
    "aws:secretsmanager/secret:Secret": f"arn:aws:secretsmanager:{_HERE}:secret:{{name}}-AbCdEf",
    "aws:servicediscovery/service:Service": f"arn:aws:servicediscovery:{_HERE}:service/srv-{{hex}}",
    "aws:sns/topic:Topic": f"arn:aws:sns:{_HERE}:{{name}}",
    "aws:sqs/queue:Queue": f"arn:aws:sqs:{_HERE}:{{name}}",
}
"""What an ARN looks like. Others are EC2's: `arn:aws:ec2:REGION:ACCOUNT:NAME/ID`."""
_IDS = {
    "aws:budgets/budget:Budget": f"{ACCOUNT}:{{name}}",
    "aws:budgets/budgetAction:BudgetAction": "{uuid}",
    "aws:cloudwatch/eventRule:EventRule": "{name}",
    "aws:cloudwatch/logGroup:LogGroup": "{name}",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "{name}",
    "aws:ec2/eip:Eip": "eipalloc-{hex}",
    "aws:ec2/internetGateway:InternetGateway": "igw-{hex}",
    "aws:ec2/launchTemplate:LaunchTemplate": "lt-{hex}",
    "aws:ec2/natGateway:NatGateway": "nat-{hex}",
    "aws:ec2/routeTable:RouteTable": "rtb-{hex}",
    "aws:ec2/securityGroup:SecurityGroup": "sg-{hex}",
    "aws:ec2/subnet:Subnet": "subnet-{hex}",
    "aws:ec2/vpc:Vpc": "vpc-{hex}",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "vpce-{hex}",
    "aws:ecr/repository:Repository": "{name}",
    "aws:eks/cluster:Cluster": "{name}",
    "aws:iam/instanceProfile:InstanceProfile": "{name}",
    "aws:iam/role:Role": "{name}",
    "aws:kms/alias:Alias": "{name}",
    "aws:kms/key:Key": "{uuid}",
    "aws:lambda/function:Function": "{name}",
    "aws:s3/bucket:Bucket": "{name}",
    "aws:sagemaker/endpoint:Endpoint": "{name}",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": "{name}",
    "aws:sagemaker/model:Model": "{name}",
    "aws:sqs/queue:Queue": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{name}}",
}
"""What an id looks like. Where the ARN is the id, it is in `_ARN_IS_ID`; others are `NAME-HEX`."""
_ARN_IS_ID = (
    "aws:acm/certificate:Certificate",
    "aws:ecs/capacityProvider:CapacityProvider",
    "aws:ecs/cluster:Cluster",
    "aws:ecs/service:Service",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:lb/listener:Listener",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:secretsmanager/secret:Secret",
    "aws:sns/topic:Topic",
)
_TELLS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "aws:apigateway/domainName:DomainName": {
        "regionalDomainName": (f"d-{{hex}}.execute-api.{REGION}.amazonaws.com", "{}.regional_domain_name"),
        "regionalZoneId": ("Z{HEX}", "{}.regional_zone_id"),
    },
    "aws:apigateway/restApi:RestApi": {
        "executionArn": (f"arn:aws:execute-api:{_HERE}:{{hex}}", "{}.execution_arn"),
        "rootResourceId": ("root-{hex}", "{}.root_resource_id"),
    },
    "aws:apigateway/stage:Stage": {
        "invokeUrl": (f"https://{{hex}}.execute-api.{REGION}.amazonaws.com/live", "{}.invoke_url")
    },
    "aws:cloudwatch/dashboard:Dashboard": {
        "dashboardArn": (f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/{{hex}}", "{}.dashboard_arn")
    },
    "aws:ec2/eip:Eip": {"allocationId": ("eipalloc-{hex}", "{}.allocation_id")},
    "aws:ec2/launchTemplate:LaunchTemplate": {"latestVersion": ("1", "")},
    "aws:ecr/repository:Repository": {
        "registryId": (ACCOUNT, ""),
        "repositoryUrl": (f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{{name}}", "{}.repository_url"),
    },
    "aws:eks/cluster:Cluster": {
        "endpoint": (f"https://{{HEX}}.gr7.{REGION}.eks.amazonaws.com", "{}.endpoint"),
        "certificateAuthority.data": ("{hex}ca==", "{}.certificate_authority[0].data"),
        "certificateAuthorities.0.data": ("{hex}ca==", "{}.certificate_authority[0].data"),
        "identities.0.oidcs.0.issuer": (
            f"https://oidc.eks.{REGION}.amazonaws.com/id/{{HEX}}",
            "{}.identity[0].oidc[0].issuer",
        ),
        "vpcConfig.clusterSecurityGroupId": ("sg-{hex}", "{}.vpc_config[0].cluster_security_group_id"),
    },
    "aws:eks/nodeGroup:NodeGroup": {
        "resources.0.autoscalingGroups.0.name": ("eks-{hex}", "{}.resources[0].autoscaling_groups[0].name")
    },
    "aws:iam/role:Role": {"uniqueId": ("AROA{HEX}", "{}.unique_id")},
    "aws:kms/key:Key": {"keyId": ("{uuid}", "{}.key_id")},
    "aws:lambda/function:Function": {"version": ("{HEX}", "{}.version")},
    "aws:lambda/functionUrl:FunctionUrl": {
        "functionUrl": (f"https://{{hex}}.lambda-url.{REGION}.on.aws/", "{}.function_url")
    },
    "aws:lb/loadBalancer:LoadBalancer": {
        "dnsName": (f"{{name}}.{REGION}.elb.amazonaws.com", "{}.dns_name"),
        "zoneId": ("Z{HEX}", "{}.zone_id"),
        "arnSuffix": ("app/{name}/{hex}", "{}.arn_suffix"),
    },
    "aws:lb/targetGroup:TargetGroup": {"arnSuffix": ("targetgroup/{name}/{hex}", "{}.arn_suffix")},
    "aws:route53/record:Record": {"fqdn": ("{hex}.records.example.org", "{}.fqdn")},
    "aws:route53/zone:Zone": {"zoneId": ("Z{HEX}", "{}.zone_id")},
    "aws:s3/bucket:Bucket": {
        "bucketRegionalDomainName": (f"{{name}}.s3.{REGION}.amazonaws.com", "{}.bucket_regional_domain_name")
    },
    "aws:sqs/queue:Queue": {"url": (f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{name}}", "{}.url")},
}
"""What a made resource tells beside id, ARN and name, by the path to it: the value, and how Terraform refers to it."""


_IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@sha256:{'a1' * 32}"
_OURS: Mapping[str, dict[str, Any]] = {
    "pulumi-python:dynamic/modelport:ApiKey": {"key": "only for tests", "sha256": "ab" * 32},
    "pulumi-python:dynamic/modelport:ModelImage": {
        "reference": _IMAGE,
        "digest": _IMAGE.partition("@")[2],
        "metrics": {"bytes": 58407.0, "p50_ms": 0.1},
    },
    "pulumi-python:dynamic/modelport:Release": {
        "stable": _IMAGE,
        "stable_digest": _IMAGE.partition("@")[2],
        "history": [],
        "owner": "shop/test",
    },
}
"""What resources of ours tell that a stack has beside those of AWS."""


def planned(program: Callable[[], object]) -> Plan:
    """What `program` registers in an `up` on AWS. Raises what the program raises."""
    return plan(program, preview=False, outputs=TOLD, ids=identity)


def named(each: Planned) -> dict[str, str]:
    """The name that Pulumi makes for a resource that has none, by what it is called. Raises ValueError if too long."""
    word = _AUTONAMED.get(each.type, "name")
    if word in each.inputs or each.type in _NAMED_BY_US or not _has(each.type, word):
        return {}
    name = f"{each.name}-{digits(each)[:7]}"
    if len(name) > (longest := _LONGEST.get(each.type, 255)):
        raise ValueError(f"{each.type} {each.name}: Pulumi makes no name of more than {longest} characters")
    return {word: f"alias/{name}" if each.type == "aws:kms/alias:Alias" else name}


def references(plan: Plan) -> dict[str, tuple[str, str]]:
    """Who tells a value, by the value: its urn and how Terraform refers to it, `{}` for the resource."""
    found: dict[str, tuple[str, str]] = {}
    for each in plan.resources:
        if not each.custom or not each.type.startswith("aws:"):
            continue
        for word, name in named(each).items():
            asked = _CALLED.get(each.type, snake(word))
            found[name] = (each.urn, f"{{}}.{asked}")
        found.setdefault(identity(each), (each.urn, "{}.id"))
        found.setdefault(_arn(each), (each.urn, "{}.arn"))
        for value, path in _tells(each).values():
            if path and not path.endswith("."):
                found.setdefault(_filled(value, each), (each.urn, path))
    return found


def filled(template: Any, each: Planned) -> Any:
    """`{id}`, `{arn}`, `{name}` and the words of a resource, wherever they stand in `template`."""
    if isinstance(template, list):
        return [filled(one, each) for one in cast("list[Any]", template)]
    if not isinstance(template, str):
        return template
    own = {"id": identity(each), "arn": _arn(each), "name": _filled("{name}", each)}
    known: dict[str, Any] = {**{key: opened(value) for key, value in each.inputs.items()}, **own}
    return re.sub(r"\{(\w+)\}", lambda found: str(known[found[1]]), template)


def tells(each: Planned, path: str) -> str:
    """What a resource tells in a plan: its `id`, `arn`, or what lies at a path of its outputs."""
    known = {"id": identity(each), "arn": _arn(each)}
    return known[path] if path in known else _filled(_tells(each)[path][0], each)


def outputs(each: Planned) -> dict[str, Any]:
    """What a made resource tells beside its id and its inputs."""
    if not each.type.startswith("aws:"):
        return dict(_OURS.get(each.type, {}))
    found: dict[str, Any] = {"arn": _arn(each), **named(each)}
    for path, (value, _) in _tells(each).items():
        first, *rest = path.split(".")
        if not rest:
            found[first] = _filled(value, each)
            continue
        found[first] = put(found.get(first, each.inputs.get(first)), rest, _filled(value, each))
    return found


def _tells(each: Planned) -> Mapping[str, tuple[str, str]]:
    if each.type != "aws:acm/certificate:Certificate":
        return _TELLS.get(each.type, {})
    names = [each.inputs["domainName"], *(each.inputs.get("subjectAlternativeNames") or [])]
    return {
        f"domainValidationOptions.{at}.{word}": (value, f"tolist({{}}.domain_validation_options)[{at}].{asked}")
        for at, name in enumerate(names)
        for word, asked, value in (
            ("domainName", "", name),
            ("resourceRecordName", "resource_record_name", f"_{at}{{hex}}.{name}."),
            ("resourceRecordType", "" if at else "resource_record_type", "CNAME"),
            ("resourceRecordValue", "resource_record_value", f"_{at}{{hex}}.acm-validations.aws."),
        )
    }


def identity(each: Planned) -> str:
    """The id that a made resource has."""
    if not each.type.startswith("aws:"):
        return f"{each.name}-id"
    return _arn(each) if each.type in _ARN_IS_ID else _filled(_IDS.get(each.type, "{label}-{hex}"), each)


def _arn(each: Planned) -> str:
    ec2 = f"arn:aws:ec2:{_HERE}:{snake(each.type.rpartition(':')[2]).replace('_', '-')}/"
    return _filled(_ARNS.get(each.type, ec2 + _IDS.get(each.type, "{hex}")), each)


def _filled(template: str, each: Planned) -> str:
    word, number = _AUTONAMED.get(each.type, "name"), digits(each)
    name = opened(each.inputs.get(word)) or named(each).get(word, each.name)
    uuid = f"{number[:8]}-{number[8:12]}-4{number[12:15]}-8{number[15:18]}-{number[18:30]}"
    host = str(opened(each.inputs.get("url"))).removeprefix("https://")
    return template.format(name=name, label=each.name, uuid=uuid, hex=number[:17], HEX=number[:16].upper(), host=host)


@functools.cache
def _has(token: str, word: str) -> bool:
    """Whether the resource of a token takes `word`."""
    place, _, name = token.removeprefix("aws:").partition(":")
    return takes(module("pulumi_aws", place), name, word)


TOLD: Final = Told(outputs)
"""What every made resource tells."""
