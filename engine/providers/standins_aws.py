"""What stands in for AWS in a plan: documented, the same on every machine, and plainly no account of anybody."""

import re
from fnmatch import fnmatch

from engine.providers.iam_policy import policy_document
from engine.providers.standins import Asked, Entry, filters, texts
from engine.values import Props, Secret, is_dict, items

ACCOUNT = "123456789012"
"""The account id that AWS's own documentation uses."""
REGION = "us-east-1"
AMI = "ami-00000000000000000"
VPC = "vpc-00000000000000000"

_LETTERS = {
    "us-east-1": "abcdef",
    "us-west-1": "ac",
    "us-west-2": "abcd",
    "ca-central-1": "abd",
    "ap-northeast-1": "acd",
    "ap-northeast-2": "abcd",
    "cn-north-1": "abd",
}
_DIRECTIONS = {"east": "e", "west": "w", "north": "n", "south": "s", "central": "c"}
_REGIONS = [
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
]
"""The regions that every account has without asking for them."""

_BALANCERS = {
    "us-east-1": "127311923021",
    "us-east-2": "033677994240",
    "us-west-1": "027434742980",
    "us-west-2": "797873946194",
    "ca-central-1": "985666609251",
    "eu-central-1": "054676820928",
    "eu-west-1": "156460612806",
    "eu-west-2": "652711504416",
    "eu-west-3": "009996457667",
    "eu-north-1": "897822967062",
    "ap-northeast-1": "582318560864",
    "ap-northeast-2": "600734575887",
    "ap-southeast-1": "114774131450",
    "ap-southeast-2": "783225319266",
    "ap-south-1": "718504428378",
    "sa-east-1": "507241528517",
}
"""The accounts of Elastic Load Balancing, as AWS documents them."""


def region_of(asked: Asked) -> str:
    return asked.setting("region", "AWS_REGION", "AWS_DEFAULT_REGION", default=REGION)


def partition_of(region: str) -> tuple[str, str]:
    """Partition and domain of a region."""
    if region.startswith("cn-"):
        return "aws-cn", "amazonaws.com.cn"
    return ("aws-us-gov" if region.startswith("us-gov-") else "aws"), "amazonaws.com"


def account_of(asked: Asked) -> str:
    """The account that the provider's own settings name, else the one of AWS's documentation."""
    roles = asked.listed("assumeRoles") or [asked.configured("assumeRole")]
    for role in roles:
        found = re.match(r"arn:[\w-]+:iam::(\d{12}):", str(role.get("roleArn"))) if is_dict(role) else None
        if found:
            return found[1]
    allowed = asked.listed("allowedAccountIds")
    return str(allowed[0]) if allowed else ACCOUNT


def _arn(asked: Asked, service: str, rest: str) -> str:
    region = region_of(asked)
    return f"arn:{partition_of(region)[0]}:{service}:{region}:{account_of(asked)}:{rest}"


def zone_id(region: str, letter: str) -> str:
    """us-east-1 and b give use1-az2: the order is the letters' here, in an account it is its own."""
    *words, number = region.split("-")
    place = words[-1]
    for word, short in _DIRECTIONS.items():
        place = place.replace(word, short)
    return f"{words[0]}{''.join(word[0] for word in words[1:-1])}{place}{number}-az{ord(letter) - ord('a') + 1}"


def _zones(asked: Asked) -> Props:
    region = region_of(asked)
    pairs = [(region + letter, zone_id(region, letter)) for letter in _LETTERS.get(region, "abc")]
    wanted, ids = filters(asked.args, "zone-name"), filters(asked.args, "zone-id")
    pairs = [
        (name, id_)
        for name, id_ in pairs
        if name not in texts(asked.args.get("excludeNames"))
        and id_ not in texts(asked.args.get("excludeZoneIds"))
        and (not wanted or any(fnmatch(name, each) for each in wanted))
        and (not ids or any(fnmatch(id_, each) for each in ids))
    ]
    kinds = filters(asked.args, "zone-type")
    if kinds and "availability-zone" not in kinds:
        pairs = []
    return {
        **asked.args,
        "id": region,
        "region": region,
        "names": [name for name, _ in pairs],
        "zoneIds": [id_ for _, id_ in pairs],
        "groupNames": [region] if pairs else [],
    }


def _zone(asked: Asked) -> Props | None:
    region = region_of(asked)
    name = str(asked.args.get("name") or region + "a")
    if not re.fullmatch(r"[a-z-]+-\d[a-z]", name):
        return None
    return {
        **asked.args,
        "id": name,
        "name": name,
        "nameSuffix": name[-1],
        "region": name[:-1],
        "groupName": name[:-1],
        "networkBorderGroup": name[:-1],
        "optInStatus": "opt-in-not-required",
        "state": "available",
        "zoneId": zone_id(name[:-1], name[-1]),
        "zoneType": "availability-zone",
    }


def _identity(asked: Asked) -> Props:
    account = account_of(asked)
    partition = partition_of(region_of(asked))[0]
    return {
        "id": account,
        "accountId": account,
        "arn": f"arn:{partition}:iam::{account}:user/stand-in",
        "userId": "AIDASTANDIN0000000000",
    }


def _region(asked: Asked) -> Props:
    region = str(asked.args.get("name") or region_of(asked))
    endpoint = f"ec2.{region}.{partition_of(region)[1]}"
    return {"id": region, "name": region, "region": region, "endpoint": endpoint, "description": region}


def _regions(asked: Asked) -> Props:
    wanted = filters(asked.args, "region-name")
    names = [name for name in _REGIONS if not wanted or name in wanted]
    return {**asked.args, "id": partition_of(region_of(asked))[0], "names": names}


def _partition(asked: Asked) -> Props:
    partition, suffix = partition_of(region_of(asked))
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": partition, "partition": partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _ami(asked: Asked) -> Props:
    name = (filters(asked.args, "name") or ["stand-in"])[0].replace("*", "stand-in").replace("?", "0")
    architecture = (filters(asked.args, "architecture") or ["arm64" if "arm64" in name else "x86_64"])[0]
    owners = texts(asked.args.get("owners"))
    owner = owners[0] if owners and owners[0].isdigit() else account_of(asked)
    region = region_of(asked)
    return {
        **asked.args,
        "id": AMI,
        "imageId": AMI,
        "arn": f"arn:{partition_of(region)[0]}:ec2:{region}::image/{AMI}",
        "architecture": architecture,
        "name": name,
        "ownerId": owner,
        "region": region,
        "rootDeviceName": (filters(asked.args, "root-device-name") or ["/dev/xvda"])[0],
        "rootDeviceType": (filters(asked.args, "root-device-type") or ["ebs"])[0],
        "virtualizationType": (filters(asked.args, "virtualization-type") or ["hvm"])[0],
        "state": "available",
    }


def _ami_ids(asked: Asked) -> Props:
    return {**asked.args, "id": "stand-in", "ids": [AMI], "region": region_of(asked)}


def _vpc(asked: Asked) -> Props | None:
    if asked.args.get("default") is not True:
        return None
    return {
        **asked.args,
        "id": VPC,
        "arn": _arn(asked, "ec2", f"vpc/{VPC}"),
        "cidrBlock": "172.31.0.0/16",
        "instanceTenancy": "default",
        "enableDnsHostnames": True,
        "enableDnsSupport": True,
        "ownerId": account_of(asked),
        "region": region_of(asked),
        "state": "available",
    }


def _subnets(asked: Asked) -> Props | None:
    if VPC not in filters(asked.args, "vpc-id"):
        return None
    zones = _LETTERS.get(region_of(asked), "abc")
    ids = [f"subnet-{place:017d}" for place in range(len(zones))]
    return {**asked.args, "id": region_of(asked), "ids": ids, "region": region_of(asked)}


def _parameter(asked: Asked) -> Props | None:
    name = str(asked.args.get("name"))
    if not name.startswith("/aws/service/"):
        return None
    version = re.search(r"/(1\.\d+)/", name)
    release = f"{version[1]}.0-20250101" if version else "20250101"
    if name.endswith("/recommended"):
        value = f'{{"image_id":"{AMI}","image_name":"stand-in","release_version":"{release}"}}'
    elif name.endswith(("/release_version", "/image_version")):
        value = release
    elif name.endswith("/image_id") or re.search(r"/ami-|/ami_id|canonical/ubuntu|ecs/optimized-ami", name):
        value = AMI
    else:
        return None
    return {
        **asked.args,
        "id": name,
        "name": name,
        "arn": f"arn:{partition_of(region_of(asked))[0]}:ssm:{region_of(asked)}::parameter{name}",
        "type": "String",
        "value": Secret(value),
        "insecureValue": value,
        "version": 1,
        "region": region_of(asked),
    }


def _balancers(asked: Asked) -> Props | None:
    account = _BALANCERS.get(region_of(asked))
    if account is None:
        return None
    return {"id": account, "arn": f"arn:aws:iam::{account}:root", "region": region_of(asked)}


def _default_tags(asked: Asked) -> Props:
    found = asked.configured("defaultTags")
    tags = found.get("tags") if is_dict(found) else None
    return {"id": partition_of(region_of(asked))[0], "tags": tags if is_dict(tags) else {}}


def _principal(asked: Asked) -> Props:
    """Nearly every service has one suffix in all partitions; the exceptions are left to the provider."""
    service, region = str(asked.args.get("serviceName")), region_of(asked)
    return {
        **asked.args,
        "id": f"{service}.{region}.amazonaws.com",
        "name": f"{service}.amazonaws.com",
        "suffix": "amazonaws.com",
        "region": region,
    }


def _split_arn(asked: Asked) -> Props | None:
    parts = str(asked.args.get("arn")).split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return None
    names = ("partition", "service", "region", "account", "resource")
    return {"arn": asked.args["arn"], "id": asked.args["arn"], **dict(zip(names, parts[1:], strict=True))}


def _session(asked: Asked) -> Props | None:
    arn = str(asked.args.get("arn"))
    if ":assumed-role/" in arn or not arn.startswith("arn:"):
        return None
    return {"arn": arn, "id": arn, "issuerArn": arn, "issuerId": "", "issuerName": "", "sessionName": ""}


def _policy(asked: Asked) -> Props:
    statements = [each for each in items(asked.args, "statements") if is_dict(each)]
    return policy_document({**asked.args, "statements": statements} if statements else asked.args)


_REGION_RULE = (
    f"the region of the call, else of the provider, else of AWS_REGION or AWS_DEFAULT_REGION, else `{REGION}`"
)

ENTRIES = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": Entry(
        _zones,
        "the region's zones by their usual letters (`a`, `b`, `c` where none are known), without those excluded; "
        "ids in the order of the letters",
    ),
    "aws:index/getAvailabilityZone:getAvailabilityZone": Entry(_zone, "the zone that is named, else the region's `a`"),
    "aws:index/getCallerIdentity:getCallerIdentity": Entry(
        _identity,
        "the account of the provider's `assumeRoles` or `allowedAccountIds`, else `123456789012`; the user `stand-in`",
    ),
    "aws:index/getRegion:getRegion": Entry(_region, _REGION_RULE),
    "aws:index/getRegions:getRegions": Entry(_regions, "the regions that every account has"),
    "aws:index/getPartition:getPartition": Entry(_partition, "by the region: `aws`, `aws-cn` or `aws-us-gov`"),
    "aws:index/getDefaultTags:getDefaultTags": Entry(_default_tags, "the provider's `defaultTags`", "computed"),
    "aws:index/getServicePrincipal:getServicePrincipal": Entry(_principal, "`SERVICE.amazonaws.com`"),
    "aws:index/getArn:getArn": Entry(_split_arn, "the parts of the ARN", "computed"),
    "aws:iam/getSessionContext:getSessionContext": Entry(
        _session, "an ARN that is no assumed role is its own issuer; any other stays unknown", "computed"
    ),
    "aws:iam/getPolicyDocument:getPolicyDocument": Entry(
        _policy, "the policy document, letter for letter as the provider writes it", "computed"
    ),
    "aws:ec2/getAmi:getAmi": Entry(
        _ami, f"`{AMI}`, with the name, architecture and owner that were asked for where they say one"
    ),
    "aws:ec2/getAmiIds:getAmiIds": Entry(_ami_ids, f"`{AMI}` alone"),
    "aws:ec2/getVpc:getVpc": Entry(_vpc, f"the default one alone (`default=True`): `{VPC}`, 172.31.0.0/16"),
    "aws:ec2/getSubnets:getSubnets": Entry(_subnets, "those of the default VPC alone: one for each zone"),
    "aws:ssm/getParameter:getParameter": Entry(
        _parameter, f"public parameters under `/aws/service/` that hold an image (`{AMI}`) or its release"
    ),
    "aws:elb/getServiceAccount:getServiceAccount": Entry(
        _balancers, "the account that AWS documents for the region; unknown for a region without one"
    ),
}
