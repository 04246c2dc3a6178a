"""Which calls make what a cluster or service stands on: networks, roles and keys, load balancers, names, buckets."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.components.aws import judging
from tests.components.aws.judging_call import ABOVE, Call, Made, Row

_RECORD: Final = "ChangeBatch.Changes.ResourceRecordSet"


def _ec2(operation: str, tagged: str, id_: str, gone: str, gone_by: str, *more: Call, **takes: str) -> Made:
    return Made(
        (Call("ec2", operation, takes=takes, gives={"id": id_}), *more),
        gone=(Call("ec2", gone, fixed={gone_by: "{id}"}),),
        tagged=tagged,
    )


def _vpc_attribute(word: str, name: str) -> Call:
    return Call("ec2", "ModifyVpcAttribute", takes={word: f"{name}.Value"}, fixed={"VpcId": "{id}"}, when=word)


def _rule(operation: str, gone: str) -> Callable[[Mapping[str, Any]], Made]:
    def row(inputs: Mapping[str, Any]) -> Made:
        source = "UserIdGroupPairs" if "referencedSecurityGroupId" in inputs else "IpRanges"
        if "prefixListId" in inputs:
            source = "PrefixListIds"
        takes = {
            "securityGroupId": "GroupId",
            "ipProtocol": "IpPermissions.IpProtocol",
            "fromPort": "IpPermissions.FromPort",
            "toPort": "IpPermissions.ToPort",
            "cidrIpv4": "IpPermissions.IpRanges.CidrIp",
            "prefixListId": "IpPermissions.PrefixListIds.PrefixListId",
            "referencedSecurityGroupId": "IpPermissions.UserIdGroupPairs.GroupId",
            "description": f"IpPermissions.{source}.Description",
        }
        id_ = "SecurityGroupRules[0].SecurityGroupRuleId"
        return Made(
            (Call("ec2", operation, takes=takes, gives={"id": id_}),),
            gone=(
                Call(
                    "ec2",
                    gone,
                    fixed={"GroupId": inputs["securityGroupId"], "SecurityGroupRuleIds": ["{id}"]},
                ),
            ),
            tagged="security-group-rule",
        )

    return row


def _certificate(inputs: Mapping[str, Any]) -> Made:
    words = {"resourceRecordName": "Name", "resourceRecordType": "Type", "resourceRecordValue": "Value"}
    there = "Certificate.DomainValidationOptions"
    asked = {
        f"domainValidationOptions.{at}.{word}": f"{there}[{at}].ResourceRecord.{name}"
        for at in range(1 + len(inputs.get("subjectAlternativeNames") or []))
        for word, name in words.items()
    }
    takes = {"options.certificateTransparencyLoggingPreference": "CertificateTransparencyLoggingPreference"}
    gives = {"arn": "CertificateArn", "id": "CertificateArn"}
    return Made(
        (
            Call("acm", "RequestCertificate", takes=takes, gives=gives),
            Call("acm", "DescribeCertificate", fixed={"CertificateArn": "{arn}"}, gives=asked),
        ),
        gone=(Call("acm", "DeleteCertificate", fixed={"CertificateArn": "{arn}"}),),
    )


def _of_bucket(operation: str, gone: str = "", below: str = "", **takes: str) -> Made:
    return Made(
        (Call("s3", operation, takes={"bucket": "Bucket", **takes}, below=below),),
        gone=(Call("s3", gone, fixed={"Bucket": "{bucket}"}),) if gone else (),
    )


EC2: Final[dict[str, Row]] = {
    "aws:ec2/vpc:Vpc": _ec2(
        "CreateVpc",
        "vpc",
        "Vpc.VpcId",
        "DeleteVpc",
        "VpcId",
        _vpc_attribute("enableDnsSupport", "EnableDnsSupport"),
        _vpc_attribute("enableDnsHostnames", "EnableDnsHostnames"),
    ),
    "aws:ec2/subnet:Subnet": _ec2(
        "CreateSubnet",
        "subnet",
        "Subnet.SubnetId",
        "DeleteSubnet",
        "SubnetId",
        Call(
            "ec2",
            "ModifySubnetAttribute",
            takes={"mapPublicIpOnLaunch": "MapPublicIpOnLaunch.Value"},
            fixed={"SubnetId": "{id}"},
            when="mapPublicIpOnLaunch",
        ),
    ),
    "aws:ec2/internetGateway:InternetGateway": Made(
        (
            Call("ec2", "CreateInternetGateway", gives={"id": "InternetGateway.InternetGatewayId"}),
            Call("ec2", "AttachInternetGateway", takes={"vpcId": "VpcId"}, fixed={"InternetGatewayId": "{id}"}),
        ),
        gone=(
            Call("ec2", "DetachInternetGateway", fixed={"InternetGatewayId": "{id}", "VpcId": "{vpcId}"}),
            Call("ec2", "DeleteInternetGateway", fixed={"InternetGatewayId": "{id}"}),
        ),
        tagged="internet-gateway",
    ),
    "aws:ec2/routeTable:RouteTable": _ec2(
        "CreateRouteTable", "route-table", "RouteTable.RouteTableId", "DeleteRouteTable", "RouteTableId"
    ),
    "aws:ec2/route:Route": Made(
        (Call("ec2", "CreateRoute"),),
        gone=(
            Call(
                "ec2",
                "DeleteRoute",
                fixed={"RouteTableId": "{routeTableId}", "DestinationCidrBlock": "{destinationCidrBlock}"},
            ),
        ),
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Made(
        (Call("ec2", "AssociateRouteTable", gives={"id": "AssociationId"}),),
        gone=(Call("ec2", "DisassociateRouteTable", fixed={"AssociationId": "{id}"}),),
    ),
    "aws:ec2/eip:Eip": _ec2("AllocateAddress", "elastic-ip", "AllocationId", "ReleaseAddress", "AllocationId"),
    "aws:ec2/natGateway:NatGateway": _ec2(
        "CreateNatGateway", "natgateway", "NatGateway.NatGatewayId", "DeleteNatGateway", "NatGatewayId"
    ),
    "aws:ec2/securityGroup:SecurityGroup": Made(
        (Call("ec2", "CreateSecurityGroup", takes={"name": "GroupName"}, gives={"id": "GroupId"}),),
        gone=(Call("ec2", "DeleteSecurityGroup", fixed={"GroupId": "{id}"}),),
        apart=frozenset({"revokeRulesOnDelete", "ingress", "egress"}),
        tagged="security-group",
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule(
        "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule(
        "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupEgress"
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Made(
        (
            Call(
                "ec2",
                "CreateVpcEndpoint",
                takes={"policy": "PolicyDocument"},
                gives={"id": "VpcEndpoint.VpcEndpointId"},
            ),
        ),
        gone=(Call("ec2", "DeleteVpcEndpoints", fixed={"VpcEndpointIds": ["{id}"]}),),
        tagged="vpc-endpoint",
    ),
    "aws:ec2/flowLog:FlowLog": Made(
        (
            Call(
                "ec2",
                "CreateFlowLogs",
                takes={"vpcId": "ResourceIds", "iamRoleArn": "DeliverLogsPermissionArn"},
                fixed={"ResourceType": "VPC"},
                gives={"id": "FlowLogIds[0]"},
            ),
        ),
        gone=(Call("ec2", "DeleteFlowLogs", fixed={"FlowLogIds": ["{id}"]}),),
        tagged="vpc-flow-log",
    ),
    "aws:ec2/tag:Tag": Made(
        (Call("ec2", "CreateTags", takes={"resourceId": "Resources", "key": "Tags.Key", "value": "Tags.Value"}),),
        gone=(Call("ec2", "DeleteTags", fixed={"Resources": ["{resourceId}"], "Tags.Key": "{key}"}),),
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Made(
        (
            Call(
                "ec2",
                "CreateLaunchTemplate",
                takes={
                    "name": "LaunchTemplateName",
                    "description": "VersionDescription",
                    "vpcSecurityGroupIds": "LaunchTemplateData.SecurityGroupIds",
                    "tagSpecifications.tags": "Tags",
                    "networkInterfaces.securityGroups": "Groups",
                },
                below="LaunchTemplateData",
                gives={"id": "LaunchTemplate.LaunchTemplateId"},
            ),
        ),
        gone=(Call("ec2", "DeleteLaunchTemplate", fixed={"LaunchTemplateId": "{id}"}),),
        apart=frozenset({"updateDefaultVersion"}),
        tagged="launch-template",
    ),
}

IAM: Final[dict[str, Row]] = {
    "aws:iam/role:Role": Made(
        (
            Call(
                "iam",
                "CreateRole",
                takes={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
                gives={"arn": "Role.Arn", "id": "Role.RoleName"},
            ),
        ),
        gone=(Call("iam", "DeleteRole", fixed={"RoleName": "{name}"}),),
        apart=frozenset({"forceDetachPolicies"}),
    ),
    "aws:iam/rolePolicy:RolePolicy": Made(
        (
            Call(
                "iam",
                "PutRolePolicy",
                takes={"name": "PolicyName", "role": "RoleName", "policy": "PolicyDocument"},
            ),
        ),
        gone=(Call("iam", "DeleteRolePolicy", fixed={"RoleName": "{role}", "PolicyName": "{name}"}),),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Made(
        (Call("iam", "AttachRolePolicy", takes={"role": "RoleName"}),),
        gone=(Call("iam", "DetachRolePolicy", fixed={"RoleName": "{role}", "PolicyArn": "{policyArn}"}),),
    ),
    "aws:iam/policy:Policy": Made(
        (
            Call(
                "iam",
                "CreatePolicy",
                takes={"name": "PolicyName", "policy": "PolicyDocument"},
                gives={"arn": "Policy.Arn", "id": "Policy.Arn"},
            ),
        ),
        gone=(Call("iam", "DeletePolicy", fixed={"PolicyArn": "{arn}"}),),
    ),
    "aws:iam/instanceProfile:InstanceProfile": Made(
        (
            Call(
                "iam",
                "CreateInstanceProfile",
                takes={"name": "InstanceProfileName"},
                gives={"arn": "InstanceProfile.Arn"},
            ),
            Call(
                "iam",
                "AddRoleToInstanceProfile",
                takes={"role": "RoleName"},
                fixed={"InstanceProfileName": "{name}"},
                when="role",
            ),
        ),
        gone=(
            Call(
                "iam",
                "RemoveRoleFromInstanceProfile",
                fixed={"InstanceProfileName": "{name}", "RoleName": "{role}"},
            ),
            Call("iam", "DeleteInstanceProfile", fixed={"InstanceProfileName": "{name}"}),
        ),
    ),
    "aws:kms/key:Key": Made(
        (
            Call("kms", "CreateKey", gives={"id": "KeyMetadata.KeyId", "arn": "KeyMetadata.Arn"}),
            Call(
                "kms",
                "EnableKeyRotation",
                takes={"rotationPeriodInDays": "RotationPeriodInDays", "enableKeyRotation": ""},
                fixed={"KeyId": "{id}"},
                when="enableKeyRotation",
            ),
        ),
        gone=(Call("kms", "ScheduleKeyDeletion", fixed={"KeyId": "{id}", "PendingWindowInDays": 7}),),
        apart=frozenset({"deletionWindowInDays"}),
    ),
    "aws:kms/alias:Alias": Made(
        (Call("kms", "CreateAlias", takes={"name": "AliasName"}),),
        gone=(Call("kms", "DeleteAlias", fixed={"AliasName": "{name}"}),),
        apart=frozenset({"namePrefix"}),
    ),
    "aws:acm/certificate:Certificate": _certificate,
}

EDGE: Final[dict[str, Row]] = {
    "aws:lb/loadBalancer:LoadBalancer": Made(
        (
            Call(
                "elbv2",
                "CreateLoadBalancer",
                takes={"loadBalancerType": "Type"},
                gives={
                    "arn": "LoadBalancers[0].LoadBalancerArn",
                    "id": "LoadBalancers[0].LoadBalancerArn",
                    "dnsName": "LoadBalancers[0].DNSName",
                    "zoneId": "LoadBalancers[0].CanonicalHostedZoneId",
                },
            ),
            Call(
                "elbv2",
                "ModifyLoadBalancerAttributes",
                takes={
                    "enableDeletionProtection": "Attributes:deletion_protection.enabled",
                    "dropInvalidHeaderFields": "Attributes:routing.http.drop_invalid_header_fields.enabled",
                    "enableCrossZoneLoadBalancing": "Attributes:load_balancing.cross_zone.enabled",
                    "idleTimeout": "Attributes:idle_timeout.timeout_seconds",
                    "clientKeepAlive": "Attributes:client_keep_alive.seconds",
                    "desyncMitigationMode": "Attributes:routing.http.desync_mitigation_mode",
                    "preserveHostHeader": "Attributes:routing.http.preserve_host_header.enabled",
                    "xffHeaderProcessingMode": "Attributes:routing.http.xff_header_processing.mode",
                    "enableHttp2": "Attributes:routing.http2.enabled",
                    "enableWafFailOpen": "Attributes:waf.fail_open.enabled",
                    "enableZonalShift": "Attributes:zonal_shift.config.enabled",
                },
                fixed={"LoadBalancerArn": "{arn}"},
            ),
        ),
        gone=(Call("elbv2", "DeleteLoadBalancer", fixed={"LoadBalancerArn": "{arn}"}),),
        apart=frozenset({"accessLogs", "connectionLogs", "internal"}),
    ),
    "aws:lb/targetGroup:TargetGroup": Made(
        (
            Call(
                "elbv2",
                "CreateTargetGroup",
                takes={
                    "healthCheck": ABOVE,
                    "healthCheck.healthyThreshold": "HealthyThresholdCount",
                    "healthCheck.unhealthyThreshold": "UnhealthyThresholdCount",
                    "healthCheck.interval": "HealthCheckIntervalSeconds",
                    "healthCheck.timeout": "HealthCheckTimeoutSeconds",
                    "healthCheck.path": "HealthCheckPath",
                    "healthCheck.port": "HealthCheckPort",
                    "healthCheck.protocol": "HealthCheckProtocol",
                    "healthCheck.matcher": "Matcher.HttpCode",
                    "healthCheck.enabled": "HealthCheckEnabled",
                },
                gives={"arn": "TargetGroups[0].TargetGroupArn", "id": "TargetGroups[0].TargetGroupArn"},
            ),
            Call(
                "elbv2",
                "ModifyTargetGroupAttributes",
                takes={
                    "deregistrationDelay": "Attributes:deregistration_delay.timeout_seconds",
                    "loadBalancingAlgorithmType": "Attributes:load_balancing.algorithm.type",
                    "slowStart": "Attributes:slow_start.duration_seconds",
                    "preserveClientIp": "Attributes:preserve_client_ip.enabled",
                    "connectionTermination": "Attributes:deregistration_delay.connection_termination.enabled",
                    "proxyProtocolV2": "Attributes:proxy_protocol_v2.enabled",
                    "loadBalancingCrossZoneEnabled": "Attributes:load_balancing.cross_zone.enabled",
                },
                fixed={"TargetGroupArn": "{arn}"},
                when="deregistrationDelay",
            ),
        ),
        gone=(Call("elbv2", "DeleteTargetGroup", fixed={"TargetGroupArn": "{arn}"}),),
    ),
    "aws:lb/listener:Listener": Made(
        (
            Call(
                "elbv2",
                "CreateListener",
                takes={
                    "certificateArn": "Certificates.CertificateArn",
                    "defaultActions.forward.targetGroups.arn": "TargetGroupArn",
                },
                gives={"arn": "Listeners[0].ListenerArn", "id": "Listeners[0].ListenerArn"},
            ),
        ),
        gone=(Call("elbv2", "DeleteListener", fixed={"ListenerArn": "{arn}"}),),
    ),
    "aws:lb/listenerRule:ListenerRule": Made(
        (
            Call(
                "elbv2",
                "CreateRule",
                takes={
                    "actions.forward.targetGroups.arn": "TargetGroupArn",
                    "conditions.pathPattern": "PathPatternConfig",
                    "conditions.hostHeader": "HostHeaderConfig",
                    "conditions.httpRequestMethod": "HttpRequestMethodConfig",
                    "conditions.sourceIp": "SourceIpConfig",
                },
                gives={"arn": "Rules[0].RuleArn", "id": "Rules[0].RuleArn"},
            ),
        ),
        gone=(Call("elbv2", "DeleteRule", fixed={"RuleArn": "{arn}"}),),
    ),
    "aws:autoscaling/attachment:Attachment": Made(
        (
            Call(
                "autoscaling",
                "AttachLoadBalancerTargetGroups",
                takes={"lbTargetGroupArn": "TargetGroupARNs"},
            ),
        ),
    ),
    "aws:wafv2/webAclAssociation:WebAclAssociation": Made(
        (Call("wafv2", "AssociateWebACL"),),
        gone=(Call("wafv2", "DisassociateWebACL", fixed={"ResourceArn": "{resourceArn}"}),),
    ),
    "aws:route53/zone:Zone": Made(
        (
            Call(
                "route53",
                "CreateHostedZone",
                takes={"comment": "HostedZoneConfig.Comment"},
                fixed={"CallerReference": "{name}"},
                gives={"id": "HostedZone.Id", "zoneId": "HostedZone.Id"},
            ),
        ),
        gone=(Call("route53", "DeleteHostedZone", fixed={"Id": "{id}"}),),
        apart=frozenset({"forceDestroy"}),
    ),
    "aws:route53/record:Record": Made(
        (
            Call(
                "route53",
                "ChangeResourceRecordSets",
                takes={
                    "zoneId": "HostedZoneId",
                    "records": f"{_RECORD}.ResourceRecords.Value",
                    "aliases": f"{_RECORD}.AliasTarget",
                    "aliases.name": "DNSName",
                    "aliases.zoneId": "HostedZoneId",
                    "weightedRoutingPolicies": f"{_RECORD}.Weight",
                },
                told={"weightedRoutingPolicies": lambda given: given[0]["weight"]},
                fixed={"ChangeBatch.Changes.Action": "UPSERT"},
                below=_RECORD,
            ),
        ),
        gone=(Call("route53", "ChangeResourceRecordSets", fixed={"ChangeBatch.Changes.Action": "DELETE"}, again=True),),
        apart=frozenset({"allowOverwrite"}),
    ),
    "aws:route53/healthCheck:HealthCheck": Made(
        (
            Call(
                "route53",
                "CreateHealthCheck",
                takes={"fqdn": "HealthCheckConfig.FullyQualifiedDomainName"},
                fixed={"CallerReference": "{name}"},
                below="HealthCheckConfig",
                gives={"id": "HealthCheck.Id"},
            ),
            Call(
                "route53",
                "ChangeTagsForResource",
                takes={"tags": "AddTags"},
                fixed={"ResourceType": "healthcheck", "ResourceId": "{id}"},
                when="tags",
            ),
        ),
        gone=(Call("route53", "DeleteHealthCheck", fixed={"HealthCheckId": "{id}"}),),
    ),
}

S3: Final[dict[str, Row]] = {
    "aws:s3/bucket:Bucket": Made(
        (
            Call(
                "s3",
                "CreateBucket",
                takes={"bucket": "Bucket"},
                fixed={"CreateBucketConfiguration.LocationConstraint": judging.REGION},
            ),
            Call("s3", "PutBucketTagging", takes={"tags": "Tagging.TagSet"}, fixed={"Bucket": "{name}"}, when="tags"),
        ),
        gone=(Call("s3", "DeleteBucket", fixed={"Bucket": "{name}"}),),
        apart=frozenset({"forceDestroy"}),
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of_bucket(
        "PutPublicAccessBlock", "DeletePublicAccessBlock", "PublicAccessBlockConfiguration"
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _of_bucket(
        "PutBucketOwnershipControls", "DeleteBucketOwnershipControls", rule="OwnershipControls.Rules"
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _of_bucket("PutBucketVersioning"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _of_bucket(
        "PutBucketEncryption", "DeleteBucketEncryption", rules="ServerSideEncryptionConfiguration.Rules"
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of_bucket(
        "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle", rules="LifecycleConfiguration.Rules"
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _of_bucket("PutBucketPolicy", "DeleteBucketPolicy"),
}
