"""What a task of ECS runs, as whom, and what it may do."""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import pulumi
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.ecs.task_definition import TaskDefinition
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy

from components import checks, outputs
from components.aws import checks as aws
from components.aws import ecs_sizes, policies
from components.aws.tags import Tags
from components.kubernetes import names, sizing

CONTAINER: Final = names.CONTAINER
USER = 65532
"""The image's own user, who is not root."""
DRAIN = 30
"""Seconds that a server takes at most to finish what it has in hand."""
STOP = 60
"""Seconds until a task that was asked to end is ended: its server goes on answering for a moment, then drains."""
START = 300
"""Seconds that a model may take to load."""
PYTHON = "/usr/bin/python3.11"
"""Of images on this library's own base."""
ASKS = (
    "import http.client as c; a = c.HTTPConnection('127.0.0.1', {port}, timeout=4); a.request('GET', '{path}'); "
    "raise SystemExit(a.getresponse().status != 200)"
)
"""Whether the server lives: the image has no shell and no curl, but it has a Python."""
_IMAGE = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z0-9-]+)\.(amazonaws\.com(\.cn)?|on\.aws)"
    r"/(?P<repository>[a-z0-9][a-z0-9._/-]*)(:[\w.-]+)?@sha256:[0-9a-f]{64}"
)


class Task(NamedTuple):
    """All that decides a task beside its image and size."""

    region: str
    account: str
    gpus: int
    workers: int
    env: Mapping[str, pulumi.Input[str]]
    python: str


class Roles(NamedTuple):
    """Who a task is."""

    execution: pulumi.Input[str]
    """ARN of what pulls its image and writes its logs."""
    task: pulumi.Input[str]
    """ARN of what it is itself."""


def image(value: object, what: str = "EcsService.image") -> None:
    """Hold an image to one in ECR, by digest. Raises ArgsError. what: the argument."""
    if not isinstance(value, str) or not _IMAGE.fullmatch(value):
        raise checks.wrong(
            what,
            value,
            "an image in Amazon ECR by digest, ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:...",
            "pass the reference of a ModelImage whose destination is an EcrRegistry's url",
        )


def repository(reference: str, home: str) -> str:
    """ARN of the repository of an image in ECR. home: the region that the program is about."""
    found = _IMAGE.fullmatch(reference)
    if found is None:
        image(reference)
        raise AssertionError(reference)
    told = found.groupdict()
    return f"arn:{aws.partition(home)}:ecr:{told['region']}:{told['account']}:repository/{told['repository']}"


def roles(
    parent: pulumi.Resource,
    name: str,
    task: Task,
    reference: pulumi.Input[str],
    logs: LogGroup,
    tags: Tags,
    given: pulumi.Input[str] | None,
) -> tuple[Roles, RolePolicy]:
    """The two roles, and what lets the first pull. given: ARN of the task's own; default: one that may do nothing."""
    child = pulumi.ResourceOptions(parent=parent)
    source = f"arn:{aws.partition(task.region)}:ecs:{task.region}:{task.account}:*"
    trust = policies.trust("ecs-tasks.amazonaws.com", task.account, source)
    called = f"{name}-execution"
    execution = Role(
        called,
        description=f"Pulls the image of {name} and writes its logs",
        assume_role_policy=trust,
        tags=tags.of(called),
        opts=child,
    )
    pulled: Any = outputs.known(repository, reference=reference, home=task.region)
    allowed = policies.content(
        # A token is for no repository: what it opens is what the next statement allows.
        policies.allow(["ecr:GetAuthorizationToken"], "*"),
        policies.allow(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], pulled),
        policies.allow(["logs:CreateLogStream", "logs:PutLogEvents"], policies.joined("{0}:*", logs.arn)),
    )
    policy = RolePolicy(called, role=execution.name, policy=policies.text(allowed), opts=child)
    if given is not None:
        return Roles(execution.arn, given), policy
    called = f"{name}-task"
    own = Role(
        called,
        description=f"The tasks of {name}, which may do nothing in AWS",
        assume_role_policy=trust,
        tags=tags.of(called),
        opts=child,
    )
    return Roles(execution.arn, own.arn), policy


def definition(
    parent: pulumi.Resource,
    name: str,
    task: Task,
    reference: pulumi.Input[str],
    size: pulumi.Input[ecs_sizes.Size],
    logs: LogGroup,
    who: Roles,
    tags: Tags,
    after: Sequence[pulumi.Resource],
) -> TaskDefinition:
    """One container: the image's own user, who may write nothing but to /tmp and has no capabilities."""
    return TaskDefinition(
        name,
        family=name,
        requires_compatibilities=["EC2" if task.gpus else "FARGATE"],
        network_mode="awsvpc",
        cpu=outputs.known(_whole, size=size, at=0),
        memory=outputs.known(_whole, size=size, at=1),
        runtime_platform={"cpu_architecture": "X86_64", "operating_system_family": "LINUX"},
        execution_role_arn=who.execution,
        task_role_arn=who.task,
        container_definitions=outputs.text([_container(task, reference, logs)]),
        # A release that fails goes back to the revision before, which must still be there.
        skip_destroy=True,
        tags=tags.of(name),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after)),
    )


def _whole(size: Any, at: int) -> str:
    return str(int(size[at]))


def _container(task: Task, reference: pulumi.Input[str], logs: LogGroup) -> dict[str, Any]:
    env: dict[str, pulumi.Input[str]] = {
        "MODELPORT_HOST": "0.0.0.0",
        "MODELPORT_PORT": str(names.PORT),
        "MODELPORT_WORKERS": str(task.workers),
        "MODELPORT_REVISION": outputs.known(names.revision, reference=cast("Any", reference)),
        "MODELPORT_MAX_HELD_BYTES": str(sizing.HELD),
        "MODELPORT_DRAIN_TIMEOUT": str(DRAIN),
        **task.env,
    }
    made: dict[str, Any] = {
        "name": CONTAINER,
        "image": reference,
        "essential": True,
        "cpu": 0,
        "user": f"{USER}:{USER}",
        "privileged": False,
        "readonlyRootFilesystem": True,
        "linuxParameters": {
            "capabilities": {"drop": ["ALL"]},
            "initProcessEnabled": False,
            "tmpfs": [
                {
                    "containerPath": "/tmp",
                    "size": ecs_sizes.SCRATCH,
                    "mountOptions": ["rw", "noexec", "nosuid", "nodev"],
                }
            ],
        },
        "portMappings": [{"containerPort": names.PORT, "hostPort": names.PORT, "protocol": "tcp"}],
        "environment": [{"name": key, "value": env[key]} for key in sorted(env)],
        "healthCheck": {
            "command": ["CMD", task.python, "-c", ASKS.format(port=names.PORT, path=names.LIVE)],
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "startPeriod": START,
        },
        "stopTimeout": STOP,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": logs.name,
                "awslogs-region": task.region,
                "awslogs-stream-prefix": CONTAINER,
                # A server that cannot log goes on answering.
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
    }
    if task.gpus:
        made["resourceRequirements"] = [{"type": "GPU", "value": str(task.gpus)}]
        # Fargate does so by itself, and takes no such option.
        made["dockerSecurityOptions"] = ["no-new-privileges"]
    return made


def joining(cluster: pulumi.Input[str], *, spot: bool) -> pulumi.Output[str]:
    """What an instance is told as it starts, in base64: whose it is, and that no task gets at its credentials."""

    def told(name: str) -> str:
        lines = [
            "#!/bin/bash",
            "cat >> /etc/ecs/ecs.config <<'END'",
            f"ECS_CLUSTER={name}",
            "ECS_ENABLE_GPU_SUPPORT=true",
            "ECS_AWSVPC_BLOCK_IMDS=true",
            "ECS_DISABLE_PRIVILEGED=true",
            # A task is never the image of another one that happens to lie there under its name.
            "ECS_IMAGE_PULL_BEHAVIOR=always",
            f"ECS_ENABLE_SPOT_INSTANCE_DRAINING={'true' if spot else 'false'}",
            "END",
        ]
        return base64.b64encode("".join(f"{line}\n" for line in lines).encode()).decode()

    return pulumi.Output.from_input(cluster).apply(told)
