"""Rules of machines and containers on AWS: what EC2 starts, and what ECS runs."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any, Final

from pulumi_policy import EnforcementLevel, Severity

from policies.aws_eks import CIS
from policies.given import holds_secret, is_secret, items, number, yes
from policies.looking import Look
from policies.rules import Rule

_TEMPLATE: Final = "aws:ec2/launchTemplate:LaunchTemplate"
_INSTANCE: Final = "aws:ec2/instance:Instance"
_MACHINES: Final = (_TEMPLATE, _INSTANCE)
_TASK: Final = ("aws:ecs/taskDefinition:TaskDefinition",)
_CLUSTER: Final = ("aws:ecs/cluster:Cluster",)
_EC2: Final = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide"
_ECS: Final = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide"


def _tokens(each: Look) -> Iterator[str]:
    if each.at("metadataOptions.httpEndpoint") == "disabled":
        return
    if (tokens := each.at("metadataOptions.httpTokens")) != "required":
        yield f"metadataOptions.httpTokens is {tokens or 'not said, which is optional'}, expected required"


def _hops(each: Look) -> Iterator[str]:
    if each.at("metadataOptions.httpEndpoint") == "disabled":
        return
    if (hops := number(each.at("metadataOptions.httpPutResponseHopLimit"), 1)) > 1:
        yield f"metadataOptions.httpPutResponseHopLimit is {hops:g}, expected 1"


def _disks(each: Look) -> Iterator[Look]:
    if each.type == _TEMPLATE:
        # What is not mapped is as the image and the account's own setting have it, which no plan tells.
        yield from (one.part("ebs") for one in each.each("blockDeviceMappings") if one.told("ebs"))
    elif each.type == _INSTANCE:
        yield from each.each("rootBlockDevice")
        yield from each.each("ebsBlockDevices")
    else:
        yield each


def _encrypted(each: Look) -> Iterator[str]:
    if not yes(each.at("encrypted")):
        yield "encrypted is off, as where it is not said, expected true"


def _public(each: Look) -> Iterator[str]:
    if each.type == _INSTANCE and yes(each.at("associatePublicIpAddress")):
        yield "associatePublicIpAddress is true, expected false"
    for one in each.each("networkInterfaces"):
        if yes(one.at("associatePublicIpAddress")):
            yield f"{one.path}.associatePublicIpAddress is true, expected false"


def _user_data(each: Look) -> Iterator[str]:
    for path in ("userData", "userDataBase64"):
        if holds_secret(_decoded(each.at(path))):
            yield f"{path} has a key in it, expected none"


def _decoded(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    try:
        return f"{text}\n{base64.b64decode(text, validate=True).decode(errors='replace')}"
    except (binascii.Error, ValueError):
        return text


def _containers(each: Look) -> Iterator[Look]:
    """Those of a task, each by itself: their definitions are one text."""
    for at, found in enumerate(items(each.parsed("containerDefinitions"))):
        path = f"containerDefinitions[{at}]"
        yield Look(each.type, each.name, each.urn, found, path, each.config, each.tags, each.options)


def _privileged(each: Look) -> Iterator[str]:
    if yes(each.at("privileged")):
        yield f"{each.path}.privileged is true, expected false"


def _writable(each: Look) -> Iterator[str]:
    if not yes(each.at("readonlyRootFilesystem")):
        yield f"{each.path}.readonlyRootFilesystem is off, as where it is not said, expected true"


def _variables(each: Look) -> Iterator[str]:
    for one in each.each("environment"):
        if is_secret(str(one.at("name", "")), one.at("value")):
            yield f"{each.path}.environment has {one.at('name')} in plain text, expected it among secrets"


def _namespaces(each: Look) -> Iterator[str]:
    for path in ("pidMode", "ipcMode", "networkMode"):
        if each.at(path) == "host":
            yield f"{path} is host, expected {'awsvpc' if path == 'networkMode' else 'task'}"


def _roles(each: Look) -> Iterator[str]:
    if (task := each.at("taskRoleArn")) is not None and task == each.at("executionRoleArn"):
        yield "taskRoleArn is the executionRoleArn, expected a role for each"


def _sessions(each: Look) -> Iterator[str]:
    told = each.at("configuration.executeCommandConfiguration")
    if told is None:
        return
    session = each.part("configuration.executeCommandConfiguration")
    if session.at("logging", "DEFAULT") == "NONE":
        yield "configuration.executeCommandConfiguration.logging is NONE, expected OVERRIDE with logs of their own"
        return
    logs = ("logConfiguration.cloudWatchEncryptionEnabled", "logConfiguration.s3BucketEncryptionEnabled")
    if not session.told("kmsKeyId") or not any(yes(session.at(path)) for path in logs):
        yield "configuration.executeCommandConfiguration has no key, or logs that are not encrypted, expected both"


def _insights(each: Look) -> Iterator[str]:
    found = {str(one.at("name")): one.at("value") for one in each.each("settings")}
    if (value := found.get("containerInsights", "disabled")) not in ("enabled", "enhanced"):
        yield f"settings has containerInsights {value}, expected enabled or enhanced"


def _task_address(each: Look) -> Iterator[str]:
    if yes(each.at("networkConfiguration.assignPublicIp")):
        yield "networkConfiguration.assignPublicIp is true, expected false"


def _configuration(each: Look) -> Iterator[str]:
    if each.told("launchConfiguration"):
        yield "launchConfiguration is there, expected a launch template"


RULES: Final = (
    Rule(
        name="ec2-metadata-tokens",
        title="A machine's metadata is given for a token alone",
        why="One request that a server is tricked into sends the machine's credentials to whoever asked",
        fix="write httpTokens: required",
        severity=Severity.HIGH,
        ids=("CKV_AWS_79",),
        links=(f"{_EC2}/configuring-instance-metadata-service.html",),
        types=_MACHINES,
        look=_tokens,
    ),
    Rule(
        name="ec2-metadata-one-hop",
        title="A machine's metadata does not reach its containers",
        why="A pod takes the credentials of its node",
        fix="write httpPutResponseHopLimit: 1, and give pods roles of their own",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_341",),
        links=("https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html",),
        types=_MACHINES,
        look=_hops,
    ),
    Rule(
        name="ec2-disks-encrypted",
        title="Disks are encrypted",
        why="A snapshot of one that is not can be shared and read as it is",
        fix="write encrypted: true; what is there already is replaced",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_3", "CKV_AWS_8"),
        links=("https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption.html",),
        types=(*_MACHINES, "aws:ebs/volume:Volume"),
        over=_disks,
        look=_encrypted,
    ),
    Rule(
        name="ec2-no-public-address",
        title="Machines have no public addresses",
        why="What security groups let in by mistake comes from everywhere",
        fix="write false, and give what must be reached a load balancer",
        severity=Severity.HIGH,
        ids=("CKV_AWS_88", f"{CIS} 5.4.3"),
        links=(f"{_EC2}/using-instance-addressing.html",),
        types=_MACHINES,
        look=_public,
    ),
    Rule(
        name="ec2-no-keys-in-user-data",
        title="What a machine is told as it starts has no keys in it",
        why="Everybody who may describe the machine reads it, and so does each process on it",
        fix="give the machine a role, or let it read a secret",
        severity=Severity.CRITICAL,
        ids=("CKV_AWS_46",),
        links=(f"{_EC2}/user-data.html",),
        types=_MACHINES,
        look=_user_data,
    ),
    Rule(
        name="asg-launch-template",
        title="An Auto Scaling group starts from a launch template",
        why="A launch configuration knows no newer kind of machine, and AWS takes no new ones of new accounts",
        fix="write launchTemplate or mixedInstancesPolicy",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_315",),
        links=("https://docs.aws.amazon.com/autoscaling/ec2/userguide/launch-configurations.html",),
        types=("aws:autoscaling/group:Group",),
        look=_configuration,
    ),
    Rule(
        name="ecs-not-privileged",
        title="No container of ECS is privileged",
        why="It is root of the machine, and so is whoever gets into it",
        fix="leave privileged out",
        severity=Severity.HIGH,
        ids=("CKV_AWS_334",),
        links=(f"{_ECS}/task_definition_parameters.html",),
        types=_TASK,
        over=_containers,
        look=_privileged,
    ),
    Rule(
        name="ecs-read-only-root",
        title="A container of ECS cannot write over its own files",
        why="Whoever gets into it leaves something there that runs on",
        fix="write readonlyRootFilesystem: true, and mount what must be written",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_336",),
        links=(f"{_ECS}/task_definition_parameters.html",),
        types=_TASK,
        over=_containers,
        look=_writable,
    ),
    Rule(
        name="ecs-no-secrets-in-environment",
        title="A container of ECS gets secrets as such",
        why="Everybody who may describe the task reads what stands in its environment",
        fix="name it in `secrets`, by its ARN in Secrets Manager",
        severity=Severity.HIGH,
        ids=("AWS Config ecs-no-environment-secrets",),
        links=(f"{_ECS}/specifying-sensitive-data.html",),
        types=_TASK,
        over=_containers,
        look=_variables,
    ),
    Rule(
        name="ecs-no-host-namespaces",
        title="A task of ECS is in namespaces of its own",
        why="It sees, and may end, whatever else runs on the machine",
        fix="leave pidMode and ipcMode out, and write networkMode: awsvpc",
        severity=Severity.HIGH,
        ids=("CKV_AWS_335",),
        links=(f"{_ECS}/task_definition_parameters.html",),
        types=_TASK,
        look=_namespaces,
    ),
    Rule(
        name="ecs-roles-apart",
        title="A task of ECS has another role than what starts it",
        why="The model may pull every image and read every secret that its start needs",
        fix="make a role for taskRoleArn",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_249",),
        links=(f"{_ECS}/task-iam-roles.html",),
        types=_TASK,
        look=_roles,
    ),
    Rule(
        name="ecs-sessions-logged",
        title="Sessions in containers of ECS are logged and encrypted",
        why="What somebody did in a container is found nowhere else",
        fix="name a key, and logs that are encrypted",
        severity=Severity.MEDIUM,
        ids=("CKV_AWS_223", "CKV_AWS_224"),
        links=(f"{_ECS}/ecs-exec.html",),
        types=_CLUSTER,
        look=_sessions,
    ),
    Rule(
        name="ecs-insights",
        title="A cluster of ECS tells how its tasks are",
        why="Which task ran out of memory is seen by nobody",
        fix="turn containerInsights on",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        ids=("CKV_AWS_65",),
        links=("https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContainerInsights.html",),
        types=_CLUSTER,
        look=_insights,
    ),
    Rule(
        name="ecs-no-public-address",
        title="Tasks of ECS have no public addresses",
        why="What security groups let in by mistake comes from everywhere",
        fix="write false, and give what must be reached a load balancer",
        severity=Severity.HIGH,
        ids=("CKV_AWS_333",),
        links=(f"{_ECS}/fargate-task-networking.html",),
        types=("aws:ecs/service:Service",),
        look=_task_address,
    ),
)
