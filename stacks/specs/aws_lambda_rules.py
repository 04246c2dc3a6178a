"""What AWS would refuse of the target `aws-lambda`, told before anything is planned, each in one line.

The rules are the components' own: their arguments are made of the stack file, and asked.
"""

import re
from typing import TYPE_CHECKING, Any, Final, cast

from stacks.specs.aws_common_rules import account
from stacks.specs.rules import pinned, pushed, told, unlike, worded

if TYPE_CHECKING:
    from components.aws.api_gateway import AwsApiGatewayArgs
    from components.aws.lambda_service import LambdaServiceArgs
    from stacks.spec import StackSpec
    from stacks.specs.aws_lambda import FunctionApiSpec, FunctionSpec

KEYS: Final = {
    **{word: f"function.url.{word}" for word in ("anonymous", "caller_arns")},
    "error_percent": "function.alarms.error_percent",
    "latency_seconds": "function.alarms.latency",
    "alarm_names": "function.alarms.names",
    "alarm_topic_arns": "function.alarms.topic_arns",
    "release": "release",
}
"""Keys of the stack file by the function's arguments; others are called as they are, under `function`."""
UNLIKE: Final = ("match", "analysis", "baseline", "replicas", "ready_timeout", "pause")
"""Keys of a release that AWS Lambda has no counterpart of."""


def arguments(spec: "StackSpec") -> dict[str, Any]:
    """What the stack file says of the function, as a LambdaService takes it."""
    from components.aws.lambda_service import LambdaStrategy

    wanted = spec.function
    assert wanted is not None
    args: dict[str, Any] = {
        "account_id": wanted.account_id,
        "region": wanted.region,
        "memory": wanted.memory,
        "timeout": wanted.timeout,
        "disk_mb": wanted.disk_mb,
        "env": wanted.env,
        "url": wanted.has_url,
        "error_percent": wanted.alarms.error_percent,
        "log_days": wanted.log_days,
    }
    optional = {
        "reserved_concurrency": wanted.reserved_concurrency,
        "provisioned_concurrency": wanted.provisioned_concurrency,
        "latency_seconds": wanted.alarms.latency,
        "alarm_names": list(wanted.alarms.names) or None,
        "alarm_topic_arns": list(wanted.alarms.topic_arns) or None,
        "tags": wanted.tags or None,
    }
    if wanted.url is not None:
        optional |= {"anonymous": wanted.url.anonymous or None, "caller_arns": list(wanted.url.caller_arns) or None}
    args |= {key: value for key, value in optional.items() if value is not None}
    if spec.release is not None:
        release: dict[str, Any] = {"strategy": LambdaStrategy(spec.release.strategy)}
        if spec.release.strategy == "canary":
            release["steps"] = [{"weight": each.weight, "pause": each.pause} for each in spec.release.steps]
        args["release"] = release
    return args


def of_api(wanted: "FunctionSpec", api: "FunctionApiSpec") -> dict[str, Any]:
    """What the stack file says of the API, as an AwsApiGateway takes it."""
    args: dict[str, Any] = {
        "account_id": wanted.account_id,
        "region": wanted.region,
        "plans": [
            {"name": name, **each.model_dump(exclude_none=True), "keys": list(each.keys)}
            for name, each in api.plans.items()
        ],
        "iam": api.iam,
        "anonymous": api.anonymous,
        "rate": api.rate,
        "burst": api.burst,
        "timeout": wanted.timeout,
        "log_days": wanted.log_days,
        "account_may_log": api.account_may_log,
    }
    if api.client_cidrs:
        args["client_cidrs"] = list(api.client_cidrs)
    if api.domain is not None:
        domain = api.domain.model_dump(exclude_none=True)
        if api.domain.certificate is not None:
            names = list(api.domain.certificate.names)
            domain["certificate"] = {"arn": api.domain.certificate.arn, "names": names}
        args["domain"] = domain
    if api.web_acl_arn is not None:
        args["web_acl_arn"] = api.web_acl_arn
    return {**args, "tags": dict(wanted.tags)} if wanted.tags else args


def beside(spec: "StackSpec", secrets: frozenset[str]) -> list[str]:
    """A line for each thing that AWS would refuse, or that AWS Lambda has no counterpart of.

    secrets: places whose values are encrypted.
    """
    wanted = spec.function
    if wanted is None:
        return ["function is missing, expected the account and what is made in it; write account_id and region"]
    why = "versions of a function stand beside each other anyway; write canary"
    lines = [
        *pushed(spec, "function", secrets),
        *unlike(spec, "function", "AWS Lambda", ("rolling", "canary"), why, UNLIKE),
        *pinned(spec),
    ]
    return lines or _asked(spec, wanted)


def _asked(spec: "StackSpec", wanted: "FunctionSpec") -> list[str]:
    """What the components would say of the same arguments, in the words of the stack file."""
    from components.aws import api_gateway_asked, lambda_service_asked

    lines, _ = account("function", wanted)
    if lines:
        return lines
    # What is made later is right: it is asked for what stands in the file.
    image = f"123456789012.dkr.ecr.{wanted.region}.amazonaws.com/a@sha256:{'0' * 64}"
    made = cast("LambdaServiceArgs", {**arguments(spec), "image": image})
    lines = told(lambda: lambda_service_asked.Asked(wanted.name, made))
    lines = worded(lines, "LambdaService", "function", KEYS)
    if wanted.api is None:
        return lines
    function = {"arn": "made later", "invoke_arn": "made later"}
    before = cast("AwsApiGatewayArgs", {**of_api(wanted, wanted.api), "function": function})
    of_gateway = told(lambda: api_gateway_asked.Asked(wanted.name, before))
    plans = list(wanted.api.plans)
    lines += [
        re.sub(r"\.plans\[(\d+)\]", lambda at: f".plans.{plans[int(at[1])]}", line)
        for line in worded(of_gateway, "AwsApiGateway", "function.api", {})
    ]
    # Both say the same of what both are called.
    return list(dict.fromkeys(lines))
