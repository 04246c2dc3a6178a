"""Which calls make a group of instances, and what scales and holds it."""

from typing import Final

from tests.components.aws.judging_call import Call, Made, Row

_GROUP: Final = {"AutoScalingGroupName": "{autoscalingGroupName}"}

SCALED: Final[dict[str, Row]] = {
    "aws:autoscaling/group:Group": Made(
        (
            Call(
                "autoscaling",
                "CreateAutoScalingGroup",
                takes={
                    "name": "AutoScalingGroupName",
                    "vpcZoneIdentifiers": "VPCZoneIdentifier",
                    "protectFromScaleIn": "NewInstancesProtectedFromScaleIn",
                    "initialLifecycleHooks": "LifecycleHookSpecificationList",
                    "initialLifecycleHooks.name": "LifecycleHookName",
                },
                told={"vpcZoneIdentifiers": ",".join},
            ),
            Call(
                "autoscaling",
                "EnableMetricsCollection",
                takes={"enabledMetrics": "Metrics"},
                fixed={"AutoScalingGroupName": "{name}", "Granularity": "1Minute"},
                when="enabledMetrics",
            ),
        ),
        gone=(
            Call(
                "autoscaling", "DeleteAutoScalingGroup", fixed={"AutoScalingGroupName": "{name}", "ForceDelete": True}
            ),
        ),
        apart=frozenset({"forceDelete", "forceDeleteWarmPool", "waitForCapacityTimeout"}),
    ),
    "aws:autoscaling/lifecycleHook:LifecycleHook": Made(
        (
            Call(
                "autoscaling",
                "PutLifecycleHook",
                takes={"name": "LifecycleHookName"},
            ),
        ),
        gone=(Call("autoscaling", "DeleteLifecycleHook", fixed={"LifecycleHookName": "{name}", **_GROUP}),),
    ),
    "aws:autoscaling/policy:Policy": Made(
        (Call("autoscaling", "PutScalingPolicy", takes={"name": "PolicyName"}),),
        gone=(Call("autoscaling", "DeletePolicy", fixed={"PolicyName": "{name}", **_GROUP}),),
    ),
}
