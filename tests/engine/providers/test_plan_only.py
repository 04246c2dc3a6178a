"""Packages without a provider here: the whole program becomes a plan, and what is made up is marked."""

import json

import pytest

from engine.api import Options
from engine.values import UNKNOWN_TEXT
from tests.engine.conftest import Place, Told

pytest.importorskip("pulumi_aws", reason="the SDK of AWS is an extra (clouds)")
pytest.importorskip("pulumi_gcp", reason="the SDK of Google Cloud is an extra (clouds)")

EKS = """
import pulumi, pulumi_aws as aws

zones = aws.get_availability_zones(state="available")
me = aws.get_caller_identity()
network = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16")
gateway = aws.ec2.InternetGateway("gateway", vpc_id=network.id)
routes = aws.ec2.RouteTable("routes", vpc_id=network.id, routes=[{"cidr_block": "0.0.0.0/0", "gateway_id": gateway.id}])
subnets = []
for place, zone in enumerate(zones.names):
    block = f"10.0.{place}.0/24"
    subnet = aws.ec2.Subnet(f"private-{zone}", vpc_id=network.id, cidr_block=block, availability_zone=zone)
    aws.ec2.RouteTableAssociation(f"routes-{zone}", subnet_id=subnet.id, route_table_id=routes.id)
    subnets.append(subnet)
trust = aws.iam.get_policy_document(statements=[{
    "actions": ["sts:AssumeRole", "sts:TagSession"],
    "principals": [{"type": "Service", "identifiers": ["eks.amazonaws.com"]}],
}])
role = aws.iam.Role("role", assume_role_policy=trust.json)
aws.iam.RolePolicyAttachment("policy", role=role.name, policy_arn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
cluster = aws.eks.Cluster("cluster", role_arn=role.arn, vpc_config={"subnet_ids": [s.id for s in subnets]})
release = aws.ssm.get_parameter_output(
    name="/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/release_version")
nodes = aws.eks.NodeGroup("nodes", cluster_name=cluster.name, node_role_arn=role.arn, release_version=release.value,
    subnet_ids=[s.id for s in subnets], scaling_config={"desired_size": 1, "max_size": 3, "min_size": 1})
bucket = aws.s3.Bucket("logs")
access = aws.iam.get_policy_document_output(statements=[{"actions": ["s3:GetObject"], "resources": [bucket.arn]}])
aws.iam.Policy("access", policy=access.json)
pulumi.export("zones", zones.names)
pulumi.export("account", me.account_id)
pulumi.export("endpoint", cluster.endpoint)
pulumi.export("trust", trust.json)
pulumi.export("auth", aws.eks.get_cluster_auth_output(name=cluster.name).token)
pulumi.export("key", aws.kms.get_key_output(key_id="alias/mine").arn)
"""

GKE = """
import pulumi, pulumi_gcp as gcp

client = gcp.organizations.get_client_config()
zones = gcp.compute.get_zones()
versions = gcp.container.get_engine_versions(version_prefix="1.32.")
image = gcp.compute.get_image(family="debian-12", project="debian-cloud")
network = gcp.compute.Network("network", auto_create_subnetworks=False)
subnet = gcp.compute.Subnetwork("subnet", network=network.id, ip_cidr_range="10.0.0.0/16", region=client.region)
cluster = gcp.container.Cluster("cluster", location=client.region, network=network.id, subnetwork=subnet.id,
    initial_node_count=1, remove_default_node_pool=True, min_master_version=versions.latest_master_version)
gcp.container.NodePool("pool", cluster=cluster.name, location=client.region, node_locations=zones.names,
    autoscaling={"min_node_count": 1, "max_node_count": 3})
gcp.compute.Instance("bastion", machine_type="e2-small", zone=zones.names[0],
    boot_disk={"initialize_params": {"image": image.self_link}}, network_interfaces=[{"subnetwork": subnet.id}])
pulumi.export("zones", zones.names)
pulumi.export("project", gcp.organizations.get_project_output().number)
pulumi.export("version", versions.latest_master_version)
pulumi.export("endpoint", cluster.endpoint)
"""


@pytest.fixture(autouse=True)
def _no_cloud(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No region or project of this machine's user, and no plugin of theirs."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GOOGLE_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path_factory.mktemp("home")))


def preview(place: Place) -> Told:
    told = Told()
    told.outcome = place.engine().preview(Options(), told.events.append)
    assert told.outcome.exit_code == 0, told.outcome.error
    return told


def planned(told: Told) -> dict[str, dict[str, object]]:
    """The new states of the plan by the resource's name."""
    found = [e["resOutputsEvent"]["metadata"] for e in told.events if "resOutputsEvent" in e]
    return {meta["urn"].rpartition("::")[2]: meta["new"] for meta in found}


def outputs(told: Told) -> dict[str, object]:
    found = planned(told)["place-dev"]["outputs"]
    assert isinstance(found, dict)
    return found


def test_an_eks_cluster_in_its_network_is_planned_whole(place: Place) -> None:
    place.engine().init()
    place.engine().set_config("aws:region", "eu-central-1")
    place.program(EKS)
    told = preview(place)
    found = planned(told)
    assert told.outcome.changes == {"create": 16}
    zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    assert outputs(told)["zones"] == zones
    assert {f"private-{zone}" for zone in zones} < set(found)
    subnet = found["private-eu-central-1b"]
    assert (subnet["id"], subnet["inputs"]) == (
        UNKNOWN_TEXT,
        {"vpcId": UNKNOWN_TEXT, "cidrBlock": "10.0.1.0/24", "availabilityZone": "eu-central-1b"},
    )
    assert outputs(told)["endpoint"] == outputs(told)["auth"] == outputs(told)["key"] == UNKNOWN_TEXT
    assert outputs(told)["account"] == "123456789012"
    actions = ["sts:TagSession", "sts:AssumeRole"]
    trust = {"Effect": "Allow", "Action": actions, "Principal": {"Service": "eks.amazonaws.com"}}
    assert json.loads(str(outputs(told)["trust"])) == {"Version": "2012-10-17", "Statement": [trust]}


def test_what_is_made_up_is_marked_and_what_is_computed_is_not(place: Place) -> None:
    place.program(EKS)
    told = preview(place)
    assert [each.token.rpartition(":")[2] for each in told.outcome.stand_ins] == [
        "getAvailabilityZones",
        "getCallerIdentity",
        "getParameter",
    ]
    assert told.outcome.plan_only == ("aws",)
    marks = [e["diagnosticEvent"]["standIn"] for e in told.events if "standIn" in e.get("diagnosticEvent", {})]
    assert [mark["token"] for mark in marks] == [each.token for each in told.outcome.stand_ins]
    assert marks[0]["args"] == {"state": "available"}
    assert marks[0]["values"]["names"][0] == "us-east-1a"
    (unknown,) = [text for text in told.said("warning") if "look-up" in text]
    assert unknown.startswith("aws:kms/getKey:getKey: ")
    assert "pulumi plugin install resource aws 7" in unknown


def test_a_gke_cluster_in_its_network_is_planned_whole(place: Place) -> None:
    place.engine().init()
    place.engine().set_config("gcp:project", "mine")
    place.engine().set_config("gcp:region", "europe-west1")
    place.program(GKE)
    told = preview(place)
    assert told.outcome.changes == {"create": 6}
    assert outputs(told)["zones"] == ["europe-west1-b", "europe-west1-c", "europe-west1-d"]
    assert outputs(told)["version"] == "1.32.0-gke.1"
    assert outputs(told)["endpoint"] == UNKNOWN_TEXT
    instance = planned(told)["bastion"]["inputs"]
    assert isinstance(instance, dict)
    image = "https://www.googleapis.com/compute/v1/projects/debian-cloud/global/images/debian-12-stand-in"
    assert instance["bootDisk"] == {"initializeParams": {"image": image}}


def test_the_region_is_that_of_the_explicit_provider_and_the_call(place: Place) -> None:
    place.program(
        "import pulumi, pulumi_aws as aws\n"
        "west = aws.Provider('west', region='us-west-1')\n"
        "asked = pulumi.InvokeOptions(provider=west)\n"
        "pulumi.export('west', aws.get_availability_zones(opts=asked).names)\n"
        "pulumi.export('call', aws.get_availability_zones(region='sa-east-1', opts=asked).names[0])\n"
        "pulumi.export('excluded', aws.get_availability_zones(exclude_names=['us-west-1a'], opts=asked).names)\n"
        "aws.s3.Bucket('b', opts=pulumi.ResourceOptions(provider=west))\n"
    )
    told = preview(place)
    assert outputs(told) == {"west": ["us-west-1a", "us-west-1c"], "call": "sa-east-1a", "excluded": ["us-west-1c"]}
    assert planned(told)["west"]["type"] == "pulumi:providers:aws"


def test_a_setting_that_is_not_known_yet_is_not_taken_for_the_usual_one(place: Place) -> None:
    place.program(
        "import pulumi, pulumi_aws as aws\n"
        "network = aws.ec2.Vpc('network', cidr_block='10.0.0.0/16')\n"
        "there = aws.Provider('there', region=network.id, default_tags={'tags': {'network': network.id}})\n"
        "asked = pulumi.InvokeOutputOptions(provider=there)\n"
        "pulumi.export('zones', aws.get_availability_zones_output(opts=asked).names)\n"
        "pulumi.export('tags', aws.get_default_tags_output(opts=asked).tags)\n"
    )
    told = preview(place)
    assert outputs(told) == {"zones": UNKNOWN_TEXT, "tags": UNKNOWN_TEXT}
    assert told.outcome.stand_ins == ()


def test_a_secret_that_a_look_up_is_asked_with_is_not_shown(place: Place) -> None:
    place.program(
        "import pulumi, pulumi_aws as aws\n"
        "zones = aws.get_availability_zones_output(exclude_names=[pulumi.Output.secret('us-east-1b')])\n"
        "pulumi.export('zones', zones.names)\n"
        "image = aws.ec2.get_ami_output(filters=[{'name': 'name', 'values': [pulumi.Output.secret('own-image')]}])\n"
        "pulumi.export('image', image.name)\n"
    )
    told = preview(place)
    zones, image = told.outcome.stand_ins
    assert zones.args == {"excludeNames": ["[secret]"]}
    assert zones.values["names"] == ["us-east-1a", "us-east-1c", "us-east-1d", "us-east-1e", "us-east-1f"]
    assert image.args["filters"][0]["values"] == [image.values["name"]] == ["[secret]"]
    assert "own-image" not in json.dumps(told.events)
    assert str(outputs(told)["image"]).find("own-image") == -1


def test_an_import_is_planned_as_the_program_describes_it(place: Place) -> None:
    place.program(
        "import pulumi, pulumi_aws as aws\n"
        "found = aws.s3.Bucket('b', bucket='mine', opts=pulumi.ResourceOptions(import_='mine'))\n"
        "pulumi.export('id', found.id)\npulumi.export('arn', found.arn)\n"
    )
    told = preview(place)
    assert told.outcome.changes == {"create": 1, "import": 1}
    assert planned(told)["b"]["inputs"] == {"bucket": "mine"}
    assert outputs(told) == {"id": "mine", "arn": UNKNOWN_TEXT}
    assert any("whether what exists under its id is like that" in text for text in told.said("info"))


def test_the_default_provider_has_the_version_of_the_sdk_in_its_name_and_inputs(place: Place) -> None:
    place.program("import pulumi_aws as aws\naws.s3.Bucket('b')\n")
    found = planned(preview(place))
    (name,) = [key for key in found if key.startswith("default_7_")]
    inputs = found[name]["inputs"]
    assert isinstance(inputs, dict)
    assert inputs["version"].replace(".", "_") == name.removeprefix("default_")


def test_a_plain_look_up_without_an_answer_ends_the_plan_with_its_name_and_the_way_out(place: Place) -> None:
    place.program("import pulumi_aws as aws\nprint(aws.kms.get_key(key_id='alias/mine').arn)\n")
    told = Told()
    told.outcome = place.engine().preview(Options(), told.events.append)
    assert told.outcome.exit_code == 1
    assert told.outcome.error.startswith("aws:kms/getKey:getKey: the answer to this look-up is not known here")
    assert "use get_key_output(...)" in told.outcome.error
    assert "None" not in told.said("info")
