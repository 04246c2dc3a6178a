"""One model from two clouds: baked once, in a registry of each by one digest, and led to by one name."""

import json
from typing import Any

import pulumi
from pulumi_aws.provider import Provider as Aws
from pulumi_gcp.provider import Provider as Google

from components.aws import AwsLoadBalancer, AwsNetwork, EcrRegistry, EcsService, WeightedDns
from components.aws.weighted_dns import HEALTH_CHECKERS
from components.gcp import ArtifactRegistry, CloudRunIngress, CloudRunService, CloudRunStrategy, GcpLoadBalancer
from model_build.image_copy import ImageCopy
from model_build.resource import ModelImage

config = pulumi.Config()
model: dict[str, Any] = config.require_object("model")
name: str = model["name"]
hostname = config.require("hostname")
zone: dict[str, str] = config.require_object("zone")
clients: list[str] = config.require_object("clients")
weights: dict[str, int] = config.require_object("weights")
aws: dict[str, str] = config.require_object("aws")
google: dict[str, str] = config.require_object("google")
account_id, region = aws["account_id"], aws["region"]
project, project_number, place = google["project"], google["project_number"], google["region"]

# Whatever else this machine is set to, nothing is made in another account or project.
on_aws = pulumi.ResourceOptions(provider=Aws("aws", region=region, allowed_account_ids=[account_id]))
on_google = pulumi.ResourceOptions(provider=Google("google", project=project, region=place))

# The model: one image, built and verified once, in the registries of both clouds by the same digest.
ecr = EcrRegistry(name, {"account_id": account_id, "region": region, "repository": f"models/{name}"}, on_aws)
artifacts = ArtifactRegistry(
    name,
    {"project": project, "project_number": project_number, "region": place, "repository": "models", "image": name},
    on_google,
)
image = ModelImage(name, {"recipe": json.dumps(model), "destination": ecr.url})
copy = ImageCopy(name, {"source": image.reference, "destination": artifacts.url})

# Google Cloud: Cloud Run behind one address. The load balancer says who may come, and there is no other way.
run = CloudRunService(
    name,
    {
        "project": project,
        "project_number": project_number,
        "region": place,
        "image": copy.reference,
        "min": 1,
        "ingress": CloudRunIngress.LOAD_BALANCER,
        "anonymous": True,
        "release": {"strategy": CloudRunStrategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
    },
    on_google,
)
edge = GcpLoadBalancer(
    name,
    {
        "project": project,
        "hostname": hostname,
        "zone_name": zone["name"],
        # Route 53 asks whether it answers, and speaks no TLS 1.3.
        "client_cidrs": [*clients, *HEALTH_CHECKERS],
        "allow_tls_1_2": True,
        "cloud_run": {"service": run.name, "region": place},
    },
    on_google,
)

# AWS: tasks of ECS behind a load balancer with one target group, by which Route 53 knows whether it answers.
network = AwsNetwork(name, {"account_id": account_id, "region": region}, on_aws)
balancer = AwsLoadBalancer(
    name,
    {
        "account_id": account_id,
        "region": region,
        "vpc_id": network.vpc_id,
        "subnet_ids": network.public_subnet_ids,
        "internet_facing": True,
        "hostname": hostname,
        "shared_hostname": True,
        "zone_name": zone["name"],
        "hosted_zone_id": zone["id"],
        "client_cidrs": clients,
        # As on the other side: who may call is not to depend on where a name leads.
        "allow_tls_1_2": True,
    },
    on_aws,
)
tasks = EcsService(
    name,
    {
        "account_id": account_id,
        "region": region,
        # What went back on Google Cloud never comes to AWS: the release here waits for the one there.
        "image": pulumi.Output.all(image.reference, run.revision).apply(lambda known: str(known[0])),
        "metrics": image.metrics,
        "vpc_id": network.vpc_id,
        "subnet_ids": network.private_subnet_ids,
        "load_balancer": {
            "target_group_arn": balancer.target_group_arn,
            "security_group_id": balancer.security_group_id,
            "arn_suffix": balancer.arn_suffix,
            "target_group_arn_suffix": balancer.target_group_arn_suffix,
        },
        "max": 4,
        "wait": True,
    },
    on_aws,
)

# One name for both, as often to each as its weight says.
dns = WeightedDns(
    name,
    {
        "hostname": hostname,
        "zone_name": zone["name"],
        "hosted_zone_id": zone["id"],
        "sides": {
            "aws": {
                "weight": weights["aws"],
                "load_balancer": {"dns_name": balancer.dns_name, "zone_id": balancer.zone_id},
            },
            "google": {
                "weight": weights["google"],
                "address": edge.address,
                "validation": edge.validation_records[0],
            },
        },
    },
    on_aws,
)

pulumi.export("endpoint", dns.url)
pulumi.export("digest", image.digest)
pulumi.export("images", {"aws": image.reference, "google": copy.reference})
pulumi.export("aws", {"load_balancer": balancer.dns_name, "service": tasks.service_name})
pulumi.export("google", {"address": edge.address, "revision": run.revision})
pulumi.export("health_checks", dns.health_check_ids)
