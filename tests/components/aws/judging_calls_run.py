"""Which calls make what runs and is watched: clusters, images, queues, logs, alarms."""

from collections.abc import Mapping
from typing import Any, Final

from tests.components.aws.judging_call import Call, Made, Row


def _event_target(inputs: Mapping[str, Any]) -> Made:
    takes = {
        "rule": "Rule",
        "eventBusName": "EventBusName",
        **{word: f"Targets.{word}" for word in ("arn", "roleArn", "deadLetterConfig", "retryPolicy", "input")},
        "targetId": "Targets.Id",
    }
    # The provider thinks of an id where there is none.
    id_ = {} if "targetId" in inputs else {"Targets.Id": "terraform-1"}
    return Made(
        (Call("events", "PutTargets", takes=takes, fixed=id_),),
        gone=(
            Call("events", "RemoveTargets", fixed={"Rule": "{rule}", "Ids": [inputs.get("targetId", "terraform-1")]}),
        ),
    )


def _attribute(word: str) -> str:
    return f"Attributes.{word[0].upper()}{word[1:]}"


RUN: Final[dict[str, Row]] = {
    "aws:eks/cluster:Cluster": Made(
        (
            Call(
                "eks",
                "CreateCluster",
                takes={
                    "vpcConfig": "resourcesVpcConfig",
                    "enabledClusterLogTypes": "logging.clusterLogging.types",
                    "defaultAddonsToRemoves": "",
                },
                gives={
                    "arn": "cluster.arn",
                    "id": "cluster.name",
                    "endpoint": "cluster.endpoint",
                    "vpcConfig.clusterSecurityGroupId": "cluster.resourcesVpcConfig.clusterSecurityGroupId",
                },
            ),
        ),
        gone=(Call("eks", "DeleteCluster", fixed={"name": "{name}"}),),
        apart=frozenset({"forceUpdateVersion"}),
    ),
    "aws:eks/nodeGroup:NodeGroup": Made(
        (
            Call(
                "eks",
                "CreateNodegroup",
                takes={"nodeGroupName": "nodegroupName", "nodeRoleArn": "nodeRole", "subnetIds": "subnets"},
                gives={
                    "arn": "nodegroup.nodegroupArn",
                    "resources.0.autoscalingGroups.0.name": "nodegroup.resources.autoScalingGroups[0].name",
                },
            ),
        ),
        gone=(Call("eks", "DeleteNodegroup", fixed={"clusterName": "{clusterName}", "nodegroupName": "{name}"}),),
        apart=frozenset({"forceUpdateVersion"}),
    ),
    "aws:eks/addon:Addon": Made(
        (
            Call(
                "eks",
                "CreateAddon",
                takes={"resolveConflictsOnCreate": "resolveConflicts"},
                gives={"arn": "addon.addonArn"},
            ),
            Call(
                "eks",
                "UpdateAddon",
                takes={"resolveConflictsOnUpdate": "resolveConflicts"},
                fixed={"clusterName": "{clusterName}", "addonName": "{addonName}"},
                when="resolveConflictsOnUpdate",
            ),
        ),
        gone=(Call("eks", "DeleteAddon", fixed={"clusterName": "{clusterName}", "addonName": "{addonName}"}),),
        apart=frozenset({"preserve"}),
    ),
    "aws:eks/accessEntry:AccessEntry": Made(
        (
            Call(
                "eks", "CreateAccessEntry", takes={"userName": "username"}, gives={"arn": "accessEntry.accessEntryArn"}
            ),
        ),
        gone=(
            Call(
                "eks",
                "DeleteAccessEntry",
                fixed={"clusterName": "{clusterName}", "principalArn": "{principalArn}"},
            ),
        ),
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Made(
        (Call("eks", "AssociateAccessPolicy"),),
        gone=(
            Call(
                "eks",
                "DisassociateAccessPolicy",
                fixed={
                    "clusterName": "{clusterName}",
                    "principalArn": "{principalArn}",
                    "policyArn": "{policyArn}",
                },
            ),
        ),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Made(
        (
            Call(
                "eks",
                "CreatePodIdentityAssociation",
                gives={"id": "association.associationId", "arn": "association.associationArn"},
            ),
        ),
        gone=(
            Call(
                "eks",
                "DeletePodIdentityAssociation",
                fixed={"clusterName": "{clusterName}", "associationId": "{id}"},
            ),
        ),
    ),
    "aws:ecr/repository:Repository": Made(
        (
            Call(
                "ecr",
                "CreateRepository",
                takes={"name": "repositoryName"},
                gives={
                    "arn": "repository.repositoryArn",
                    "id": "repository.repositoryName",
                    "repositoryUrl": "repository.repositoryUri",
                },
            ),
        ),
        gone=(Call("ecr", "DeleteRepository", fixed={"repositoryName": "{name}", "force": True}),),
        apart=frozenset({"forceDelete"}),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Made(
        (Call("ecr", "PutLifecyclePolicy", takes={"repository": "repositoryName", "policy": "lifecyclePolicyText"}),),
        gone=(Call("ecr", "DeleteLifecyclePolicy", fixed={"repositoryName": "{repository}"}),),
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Made(
        (Call("ecr", "SetRepositoryPolicy", takes={"repository": "repositoryName", "policy": "policyText"}),),
        gone=(Call("ecr", "DeleteRepositoryPolicy", fixed={"repositoryName": "{repository}"}),),
    ),
}

WATCH: Final[dict[str, Row]] = {
    "aws:cloudwatch/logGroup:LogGroup": Made(
        (
            Call("logs", "CreateLogGroup", takes={"name": "logGroupName"}),
            Call(
                "logs",
                "PutRetentionPolicy",
                takes={"retentionInDays": "retentionInDays"},
                fixed={"logGroupName": "{name}"},
                when="retentionInDays",
            ),
        ),
        gone=(Call("logs", "DeleteLogGroup", fixed={"logGroupName": "{name}"}),),
        apart=frozenset({"skipDestroy"}),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Made(
        (
            Call(
                "cloudwatch",
                "PutMetricAlarm",
                takes={
                    "name": "AlarmName",
                    "metricQueries": "Metrics",
                    "metricQueries.metric": "MetricStat",
                    "metricQueries.metric.metricName": "Metric.MetricName",
                    "metricQueries.metric.namespace": "Metric.Namespace",
                    "metricQueries.metric.dimensions": "Metric.Dimensions",
                    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
                },
            ),
        ),
        gone=(Call("cloudwatch", "DeleteAlarms", fixed={"AlarmNames": ["{name}"]}),),
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": Made(
        (
            Call(
                "cloudwatch",
                "PutCompositeAlarm",
                takes={
                    "actionsSuppressor.alarm": "ActionsSuppressor",
                },
            ),
        ),
        gone=(Call("cloudwatch", "DeleteAlarms", fixed={"AlarmNames": ["{name}"]}),),
    ),
    "aws:cloudwatch/dashboard:Dashboard": Made(
        (Call("cloudwatch", "PutDashboard"),),
        gone=(Call("cloudwatch", "DeleteDashboards", fixed={"DashboardNames": ["{dashboardName}"]}),),
    ),
    "aws:cloudwatch/eventRule:EventRule": Made(
        (Call("events", "PutRule", gives={"arn": "RuleArn"}),),
        gone=(Call("events", "DeleteRule", fixed={"Name": "{name}"}),),
        apart=frozenset({"forceDestroy"}),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": _event_target,
    "aws:sns/topic:Topic": Made(
        (
            Call(
                "sns",
                "CreateTopic",
                takes={
                    word: _attribute(word)
                    for word in ("kmsMasterKeyId", "displayName", "policy", "deliveryPolicy", "signatureVersion")
                },
                gives={"arn": "TopicArn", "id": "TopicArn"},
            ),
        ),
        gone=(Call("sns", "DeleteTopic", fixed={"TopicArn": "{arn}"}),),
    ),
    "aws:sns/topicPolicy:TopicPolicy": Made(
        (
            Call(
                "sns",
                "SetTopicAttributes",
                takes={"arn": "TopicArn", "policy": "AttributeValue"},
                fixed={"AttributeName": "Policy"},
            ),
        ),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Made(
        (Call("sns", "Subscribe", takes={"topic": "TopicArn"}, gives={"arn": "SubscriptionArn"}),),
        gone=(Call("sns", "Unsubscribe", fixed={"SubscriptionArn": "{arn}"}),),
        apart=frozenset({"confirmationTimeoutInMinutes", "endpointAutoConfirms"}),
    ),
    "aws:sqs/queue:Queue": Made(
        (
            Call(
                "sqs",
                "CreateQueue",
                takes={
                    "name": "QueueName",
                    "messageRetentionSeconds": "Attributes.MessageRetentionPeriod",
                    "visibilityTimeoutSeconds": "Attributes.VisibilityTimeout",
                    "receiveWaitTimeSeconds": "Attributes.ReceiveMessageWaitTimeSeconds",
                    "maxMessageSize": "Attributes.MaximumMessageSize",
                    "sqsManagedSseEnabled": "Attributes.SqsManagedSseEnabled",
                    **{
                        word: _attribute(word)
                        for word in (
                            *("delaySeconds", "kmsMasterKeyId", "kmsDataKeyReusePeriodSeconds", "redrivePolicy"),
                            *("policy", "fifoQueue"),
                        )
                    },
                },
                gives={"id": "QueueUrl", "url": "QueueUrl"},
            ),
        ),
        gone=(Call("sqs", "DeleteQueue", fixed={"QueueUrl": "{id}"}),),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Made(
        (Call("sqs", "SetQueueAttributes", takes={"policy": "Attributes.Policy"}),),
    ),
    "aws:autoscaling/tag:Tag": Made(
        (
            Call(
                "autoscaling",
                "CreateOrUpdateTags",
                takes={
                    "autoscalingGroupName": "Tags.ResourceId",
                    "tag": "Tags",
                },
                fixed={"Tags.ResourceType": "auto-scaling-group"},  # the only kind there is
            ),
        ),
    ),
}
