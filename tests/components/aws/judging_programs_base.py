"""What other programs stand on, as the judges judge it: the network, the cluster, and what things there are called."""

from typing import Final

from components.aws.cluster import EksCluster
from components.aws.network import AwsNat, AwsNetwork
from tests.components.aws.judging import ACCOUNT, REGION

VPC: Final = "vpc-0123456789abcdef0"
SUBNETS: Final = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
GROUP: Final = "sg-0123456789abcdef0"
KEY: Final = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NODES: Final = f"arn:aws:iam::{ACCOUNT}:role/nodes"
DIGEST: Final = "sha256:" + "a" * 64


def network() -> None:
    AwsNetwork("net", {"account_id": ACCOUNT, "region": REGION, "cluster_names": ["shop"]})


def network_without_a_way_out() -> None:
    AwsNetwork("net", {"account_id": ACCOUNT, "region": REGION, "nat": AwsNat.NONE})


def network_that_was_there() -> None:
    AwsNetwork(
        "net",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "flow_logs": True,
            "cluster_names": ["shop"],
            "existing": {
                "vpc_id": VPC,
                "cidr": "10.1.0.0/16",
                "zones": ["eu-central-1a", "eu-central-1b"],
                "private_subnet_ids": SUBNETS,
            },
        },
    )


def cluster() -> None:
    EksCluster(
        "shop",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "version": "1.35",
            "subnet_ids": SUBNETS,
            "admins": {"ops": f"arn:aws:iam::{ACCOUNT}:role/ops"},
        },
    )


def cluster_that_some_may_reach() -> None:
    EksCluster(
        "open",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "version": "1.36",
            "subnet_ids": SUBNETS,
            "admins": {"ops": f"arn:aws:iam::{ACCOUNT}:role/ops"},
            "public_access_cidrs": ["192.0.2.0/24"],
            "private_access_cidrs": ["10.1.0.0/16"],
            "key_arn": KEY,
            "disk_key_arn": KEY,
            "allow_deletion": True,
        },
    )
