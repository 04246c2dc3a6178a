"""A model in SageMaker as it would be registered: what runs it, who may do what, and what it keeps."""

import json
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi_aws.ec2.vpc import Vpc

from components.aws import sagemaker_types
from components.aws.sagemaker import SageMakerEndpoint, SageMakerEndpointArgs
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/models/digits"
IMAGE = f"{REPOSITORY}@sha256:{'0123456789ab' + '0' * 52}"
OTHER = f"{REPOSITORY}@sha256:{'ba9876543210' + '0' * 52}"
HERE: SageMakerEndpointArgs = {
    "account_id": ACCOUNT,
    "region": "eu-central-1",
    "image": IMAGE,
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
FULL: SageMakerEndpointArgs = {
    **HERE,
    "max": 8,
    "cpu_target": 50,
    "requests_target": 600,
    "in_flight_target": 4,
    "latency_seconds": 0.25,
    "capture": {"percent": 20},
    "shadow": {"image": OTHER, "percent": 50},
}


def made_of(args: SageMakerEndpointArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(lambda: SageMakerEndpoint(name, args), preview=preview)


def configuration(found: Plan) -> dict[str, Any]:
    return found.one("aws:sagemaker/endpointConfiguration:EndpointConfiguration").inputs


def allowed(found: Plan) -> list[dict[str, Any]]:
    policy = found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    return cast("list[Any]", json.loads(policy)["Statement"])


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("sagemaker", FULL),
        (
            "sagemaker-variants",
            {
                **HERE,
                "variants": {"next": {"image": OTHER, "weight": 0.1}},
                "release": {"strategy": "blue-green"},
                "max": 3,
            },
        ),
    ],
    ids=["shadow", "variants"],
)
def test_names_and_parents_stay(name: str, args: SageMakerEndpointArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Vpc("net", cidr_block="10.0.0.0/16").id
        args = {**FULL, "image": later, "vpc_id": later, "subnet_ids": later, "shadow": {"image": later}}
        SageMakerEndpoint("digits", cast("SageMakerEndpointArgs", args))

    found = plan(program)
    model = found.one("aws:sagemaker/model:Model", "digits").inputs
    assert model["primaryContainer"]["image"] == UNKNOWN
    assert model["vpcConfig"]["subnets"] == UNKNOWN
    assert found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"] == UNKNOWN
    assert configuration(found)["productionVariants"][0]["modelName"] == UNKNOWN
    assert found.one("aws:sagemaker/endpoint:Endpoint").inputs["name"] == "digits"


def test_a_container_speaks_to_nobody_and_stands_in_private_subnets() -> None:
    found = made_of(HERE).one("aws:sagemaker/model:Model").inputs
    assert found["enableNetworkIsolation"] is True
    assert found["vpcConfig"] == {"subnets": HERE["subnet_ids"], "securityGroupIds": ["digits-id"]}
    assert found["primaryContainer"] == {"image": IMAGE, "mode": "SingleModel", "environment": {}}
    assert found["executionRoleArn"].endswith(":digits-execution")
    # Never one name for two models: the old one serves while the new one comes.
    assert "name" not in found


def test_a_container_that_is_let_out_is_let_out_in_so_many_words() -> None:
    assert (
        made_of({**HERE, "allow_network": True}).one("aws:sagemaker/model:Model").inputs["enableNetworkIsolation"]
        is False
    )


def test_a_server_is_told_its_workers_and_environment() -> None:
    found = made_of({**HERE, "workers": 2, "env": {"MODELPORT_QUEUE": "64"}})
    told = found.one("aws:sagemaker/model:Model").inputs["primaryContainer"]["environment"]
    assert told == {"MODELPORT_WORKERS": "2", "MODELPORT_QUEUE": "64"}


def test_nobody_reaches_the_interfaces() -> None:
    found = made_of(HERE)
    assert found.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") == []
    rule = found.one("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").inputs
    assert (rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == (443, 443, "tcp")


def test_a_variant_is_spread_over_zones_and_takes_the_quietest_instance() -> None:
    (variant,) = configuration(made_of(HERE))["productionVariants"]
    assert variant == {
        "variantName": "main",
        "modelName": "digits",
        "instanceType": "ml.m7i.large",
        "initialInstanceCount": 2,
        "initialVariantWeight": 1,
        "containerStartupHealthCheckTimeoutInSeconds": 300,
        "routingConfigs": [{"routingStrategy": "LEAST_OUTSTANDING_REQUESTS"}],
        "enableSsmAccess": False,
    }


def test_variants_have_their_weights_and_models() -> None:
    args: Any = {
        **HERE,
        "weight": 9,
        "variants": {"next": {"image": OTHER, "weight": 1, "instance_type": "ml.c7i.large"}},
        "release": {"strategy": "blue-green"},
    }
    found = made_of(args)
    told = [
        (each["variantName"], each["modelName"], each["initialVariantWeight"], each["instanceType"])
        for each in configuration(found)["productionVariants"]
    ]
    assert told == [("main", "digits", 9, "ml.m7i.large"), ("next", "digits-next", 1, "ml.c7i.large")]
    assert found.one("aws:sagemaker/model:Model", "digits-next").inputs["primaryContainer"]["image"] == OTHER


def test_a_shadow_gets_its_share_of_the_requests_in_copies() -> None:
    args: Any = {**HERE, "weight": 4, "shadow": {"image": OTHER, "percent": 25, "instances": 1}}
    found = configuration(made_of(args))
    (shadow,) = found["shadowProductionVariants"]
    assert (shadow["variantName"], shadow["modelName"]) == ("shadow", "digits-shadow")
    assert (shadow["initialVariantWeight"], shadow["initialInstanceCount"]) == (1.0, 1)
    assert found["productionVariants"][0]["initialVariantWeight"] == 4


def test_disks_logs_and_what_is_kept_have_one_key_that_rotates() -> None:
    found = made_of(FULL)
    key = found.one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"] is True
    arn = "arn:aws:test:eu-central-1:123456789012:digits"
    about = configuration(found)
    assert about["kmsKeyArn"] == about["dataCaptureConfig"]["kmsKeyId"] == arn
    logs = found.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (logs["name"], logs["kmsKeyId"], logs["retentionInDays"]) == ("/aws/sagemaker/Endpoints/digits", arn, 365)


def test_a_key_of_ones_own_is_used_everywhere() -> None:
    arn = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    found = made_of({**FULL, "key_arn": arn})
    assert found.all("aws:kms/key:Key") == []
    assert configuration(found)["kmsKeyArn"] == arn


def test_a_key_is_used_by_nobody_but_through_these_services() -> None:
    policy = json.loads(made_of(HERE).one("aws:kms/key:Key").inputs["policy"])
    disks, kept = policy["Statement"][2:]
    assert disks["Condition"]["StringEquals"] == {
        "kms:CallerAccount": ACCOUNT,
        "kms:ViaService": "sagemaker.eu-central-1.amazonaws.com",
    }
    assert kept["Condition"]["StringEquals"]["kms:ViaService"] == "s3.eu-central-1.amazonaws.com"
    assert "kms:*" not in json.dumps(policy)


@pytest.mark.parametrize("kind", ["ml.g5.xlarge", "ml.m5d.large", "ml.g4dn.xlarge"])
def test_instances_with_disks_of_their_own_are_given_no_key(kind: str) -> None:
    """SageMaker refuses one: their hardware encrypts them."""
    assert "kmsKeyArn" not in configuration(made_of({**HERE, "instance_type": kind}))


def test_what_is_kept_lies_in_a_closed_encrypted_bucket_and_outlives_the_stack() -> None:
    found = made_of(FULL)
    about = configuration(found)["dataCaptureConfig"]
    assert about["initialSamplingPercentage"] == 20
    assert about["captureOptions"] == [{"captureMode": "Input"}, {"captureMode": "Output"}]
    assert about["captureContentTypeHeader"] == {"jsonContentTypes": ["application/json"]}
    bucket = found.one("aws:s3/bucket:Bucket")
    assert bucket.inputs["forceDestroy"] is False
    assert bucket.request["retainOnDelete"] is True
    # The key too: without it all of that is lost.
    assert found.one("aws:kms/key:Key").request["retainOnDelete"] is True
    block = found.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert [block[word] for word in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls")] == [True] * 3
    (rule,) = found.one(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    ).inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    (kept,) = found.one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    assert kept["expiration"] == {"days": 90}
    (policy,) = json.loads(found.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"])["Statement"]
    assert (policy["Effect"], policy["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_requests_alone_are_kept_where_that_is_asked_for_and_go_where_that_is_said() -> None:
    found = made_of({**HERE, "capture": {"percent": 1, "answers": False, "delete_data": True, "days": 7}})
    assert configuration(found)["dataCaptureConfig"]["captureOptions"] == [{"captureMode": "Input"}]
    bucket = found.one("aws:s3/bucket:Bucket")
    assert (bucket.inputs["forceDestroy"], "retainOnDelete" in bucket.request) == (True, False)


def test_nothing_is_kept_unasked() -> None:
    found = made_of(HERE)
    assert found.all("aws:s3/bucket:Bucket") == []
    assert "dataCaptureConfig" not in configuration(found)
    assert not any(action.startswith(("s3:", "kms:")) for each in allowed(found) for action in each["Action"])


def test_the_role_may_do_what_the_models_need_and_nothing_else() -> None:
    found = made_of(FULL)
    here = f"arn:aws:ec2:eu-central-1:{ACCOUNT}"
    told = {tuple(each["Action"]): (each["Resource"], each.get("Condition")) for each in allowed(found)}
    subnets = [f"{here}:subnet/{each}" for each in cast("list[str]", HERE["subnet_ids"])]
    inside = {"ArnEquals": {"ec2:Subnet": subnets}}
    assert told == {
        ("ecr:GetAuthorizationToken",): ("*", None),
        ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"): (
            [f"arn:aws:ecr:eu-central-1:{ACCOUNT}:repository/models/digits"],
            None,
        ),
        ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"): (
            "arn:aws:test:eu-central-1:123456789012:digits:*",
            None,
        ),
        ("cloudwatch:PutMetricData",): (
            "*",
            {"StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]}},
        ),
        ("cloudwatch:DescribeAlarms",): (f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:*", None),
        ("ec2:CreateNetworkInterface",): (
            [f"{here}:network-interface/*", f"{here}:security-group/digits-id", *subnets],
            None,
        ),
        ("ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"): (
            f"{here}:network-interface/*",
            inside,
        ),
        (
            "ec2:DeleteNetworkInterfacePermission",
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ): ("*", {"StringEquals": {"ec2:Region": "eu-central-1"}}),
        ("s3:PutObject",): ("arn:aws:test:eu-central-1:123456789012:digits-capture/captured/*", None),
        ("kms:Decrypt", "kms:GenerateDataKey"): ("arn:aws:test:eu-central-1:123456789012:digits", None),
    }
    trust = json.loads(found.one("aws:iam/role:Role").inputs["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:eu-central-1:{ACCOUNT}:*"},
    }


def test_instances_come_and_go_by_what_they_have_to_do() -> None:
    found = made_of(FULL)
    target = found.one("aws:appautoscaling/target:Target").inputs
    assert (target["resourceId"], target["scalableDimension"]) == (
        "endpoint/digits/variant/main",
        "sagemaker:variant:DesiredInstanceCount",
    )
    assert (target["minCapacity"], target["maxCapacity"]) == (2, 8)
    about = {
        each.name: each.inputs["targetTrackingScalingPolicyConfiguration"]
        for each in found.all("aws:appautoscaling/policy:Policy")
    }
    cpu = about["digits-main-cpu"]
    # ml.m7i.large has two processors, and the metric is the sum over both.
    assert cpu["targetValue"] == 100
    assert cpu["customizedMetricSpecification"]["dimensions"] == [
        {"name": "EndpointName", "value": "digits"},
        {"name": "VariantName", "value": "main"},
    ]
    assert about["digits-main-requests"] == {
        "predefinedMetricSpecification": {"predefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        "targetValue": 600,
        "scaleOutCooldown": 60,
        "scaleInCooldown": 300,
    }
    assert about["digits-main-in-flight"]["predefinedMetricSpecification"] == {
        "predefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    }
    # A shadow is not scaled by requests that it gets in copies.
    assert "digits" in found.one("aws:appautoscaling/target:Target").depends_on


def test_nothing_is_scaled_unasked() -> None:
    assert made_of(HERE).all("aws:appautoscaling/target:Target") == []


def test_cpu_is_looked_at_where_nothing_else_is() -> None:
    found = made_of({**HERE, "max": 4})
    assert [each.name for each in found.all("aws:appautoscaling/policy:Policy")] == ["digits-main-cpu"]
    found = made_of({**HERE, "max": 4, "requests_target": 600})
    assert [each.name for each in found.all("aws:appautoscaling/policy:Policy")] == ["digits-main-requests"]


def test_everything_is_tagged() -> None:
    untagged = {each.type for each in made_of({**FULL, "tags": {"team": "ml"}}).resources if "tags" not in each.inputs}
    assert {each.partition(":")[2] for each in untagged if each.startswith("aws:")} == {
        "appautoscaling/policy:Policy",
        "iam/rolePolicy:RolePolicy",
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "s3/bucketOwnershipControls:BucketOwnershipControls",
        "s3/bucketPolicy:BucketPolicy",
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "s3/bucketVersioning:BucketVersioning",
    }
    tags = made_of({**HERE, "tags": {"team": "ml"}}).one("aws:sagemaker/endpoint:Endpoint").inputs["tags"]
    assert tags == {"modelport:component": "digits", "Name": "digits", "team": "ml"}


def test_it_is_made_and_removed_in_order() -> None:
    found = made_of(FULL)
    endpoint = found.one("aws:sagemaker/endpoint:Endpoint").depends_on
    # Alarms are there before a release looks at them, and the log group before SageMaker makes one itself.
    assert {"digits", "digits-main-errors", "digits-main-slow", "digits-execution", "digits-capture"} <= endpoint
    model = found.one("aws:sagemaker/model:Model", "digits").depends_on
    assert {"digits", "digits-execution", "digits-out"} <= model


def _rolled_back(made: Planned) -> dict[str, Any]:
    return {"endpointConfigName": "digits-before"}


def test_an_up_fails_when_sagemaker_went_back_to_the_version_before() -> None:
    """What the release was to replace would be removed next, while it serves."""
    with pytest.raises(pulumi.RunError) as told:
        plan(
            lambda: SageMakerEndpoint("digits", HERE),
            preview=False,
            outputs={"aws:sagemaker/endpoint:Endpoint": _rolled_back},
        )
    assert str(told.value) == (
        "the endpoint digits has the configuration digits-before, expected digits: SageMaker rolled the release back, "
        "and the version before answers on; see why with `aws sagemaker describe-endpoint --endpoint-name digits`, in "
        "its alarms and logs, and mend the model; another up tries again"
    )


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ml.t2.medium", 2), ("ml.c4.8xlarge", 36), ("ml.m7i.large", 2), ("ml.g5.xlarge", 4), ("ml.p5.48xlarge", 192)],
)
def test_processors_are_those_of_the_size(kind: str, expected: int) -> None:
    assert sagemaker_types.processors(kind) == expected
