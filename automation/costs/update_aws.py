"""AWS's price list, one CSV for each service and region, and the list of spot prices.

A CSV begins with lines about itself, one of which has its date, then a line of column names, then a line for each term
of each product: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
"""

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final, cast

import httpx

from automation.costs.book import Key, Price, Source
from automation.costs.metering import HOURS
from automation.costs.update import ListError, Prices, Reader, Server, lines, today, whole

_HEAD: Final = 20
"""So many lines at most come before the names of the columns."""
_COLUMNS: Final = ("TermType", "Unit", "PricePerUnit", "Currency", "Product Family", "usageType")
_BY_USE: Final[dict[str, tuple[tuple[str, str, str, str], ...]]] = {
    # product family, how the usage type ends, item, unit
    "AmazonEC2": (
        ("NAT Gateway", "NatGateway-Hours", "nat/gateway", "hour"),
        ("NAT Gateway", "NatGateway-Bytes", "nat/data", "GB"),
        ("Storage", "EBS:VolumeUsage.gp3", "disk/gp3", "GB-month"),
        ("Storage", "EBS:VolumeUsage.gp2", "disk/gp2", "GB-month"),
    ),
    "AWSELB": (
        ("Load Balancer-Application", "LoadBalancerUsage", "lb/application", "hour"),
        ("Load Balancer-Application", "LCUUsage", "lb/application-capacity", "hour"),
        ("Load Balancer-Network", "LoadBalancerUsage", "lb/network", "hour"),
        ("Load Balancer-Network", "LCUUsage", "lb/network-capacity", "hour"),
    ),
    "AmazonVPC": (("VpcEndpoint", "VpcEndpoint-Hours", "vpc/endpoint-interface", "hour"),),
    "AmazonECS": (
        ("Compute", "Fargate-vCPU-Hours:perCPU", "fargate/cpu", "hour"),
        ("Compute", "Fargate-GB-Hours", "fargate/memory", "GB-hour"),
    ),
    "awskms": (("Encryption Key", "KMS-Keys", "kms/key", "month"),),
    "AmazonCloudWatch": (
        ("Alarm", "CW:AlarmMonitorUsage", "cloudwatch/alarm", "month"),
        ("Alarm", "CW:HighResAlarmMonitorUsage", "cloudwatch/alarm-high-resolution", "month"),
        ("Alarm", "CW:CompositeAlarmMonitorUsage", "cloudwatch/composite-alarm", "month"),
        ("Dashboard", "DashboardsUsageHour", "cloudwatch/dashboard", "month"),
        ("Data Payload", "DataProcessing-Bytes", "logs/ingested", "GB"),
        ("Storage Snapshot", "TimedStorage-ByteHrs", "logs/stored", "GB-month"),
    ),
    "AWSSecretsManager": (("Secret", "AWSSecretsManager-Secrets", "secretsmanager/secret", "month"),),
    "AmazonECR": (("EC2 Container Registry", "TimedStorage-ByteHrs", "ecr/stored", "GB-month"),),
    "AmazonSageMaker": (),
    "AWSLambda": (
        ("Serverless", "Lambda-GB-Second", "lambda/compute", "GB-hour"),
        ("Serverless", "Request", "lambda/requests", "million"),
    ),
}
_SMALL: Final = {"lambda/compute": 3600, "lambda/requests": 1_000_000}
"""What is listed by the second or the request: so many of these are one of the book's units."""
_REGIONS: Final = {
    "us-east": "us-east-1",
    "us-west": "us-west-1",
    "us-west-2": "us-west-2",
    "eu-ireland": "eu-west-1",
    "apac-sin": "ap-southeast-1",
    "apac-syd": "ap-southeast-2",
    "apac-tokyo": "ap-northeast-1",
}
"""What the list of spot prices calls the oldest regions."""


_FARGATE_FILE: Final = "fargate-spot-prices.json"
_FARGATE: Final = {"vCPU-Hours": ("fargate/cpu", "hour"), "GB-Hours": ("fargate/memory", "GB-hour")}
"""Units of the list of Fargate's spot prices on x86; those on Arm begin with `ARM-`."""


def readers(regions: Sequence[str], server: Server) -> list[Reader]:
    """What reads each list: one for each service and region, and two of spot prices for all of them."""
    found: list[Reader] = [
        (f"{offer} in {region}", partial(_offer, offer=offer, region=region, server=server))
        for region in regions
        for offer in _BY_USE
    ]
    if not regions:
        return []
    return [
        *found,
        ("EC2 spot", partial(_spot, regions=regions, server=server)),
        ("Fargate spot", partial(_fargate_spot, regions=regions, server=server)),
    ]


def _offer(client: httpx.Client, *, offer: str, region: str, server: Server) -> Prices:
    url = f"{server.aws}/offers/v1.0/aws/{offer}/current/{region}/index.csv"
    with lines(client, url) as found:
        rows = csv.reader(found)
        day, columns = _head(rows)
        public = f"https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/{offer}/current/{region}/index.csv"
        source = Source(f"{offer} {region}", f"AWS price list of {offer} in {region}", public, day)
        number = 0
        for row in rows:
            if len(row) != len(columns):
                raise ListError("has a line with other columns than its head, expected a whole list")
            if known := _known(dict(zip(columns, row, strict=True)), offer):
                item, unit, amount = known
                number += 1
                yield Key("aws", region, item), Price(amount, unit, source)
        if not number:
            raise ListError("holds no price that Modelport knows")


def _head(rows: Iterator[list[str]]) -> tuple[date, list[str]]:
    """The list's own date and its columns. Raises ListError."""
    day = ""
    for _ in range(_HEAD):
        row = next(rows, None)
        if row is None:
            break
        if row[:1] == ["Publication Date"] and len(row) > 1:
            day = row[1][:10]
        if "SKU" in row:
            missing = [column for column in _COLUMNS if column not in row]
            if missing:
                raise ListError(f"has no column {missing[0]}, expected AWS's price list as CSV")
            try:
                return date.fromisoformat(day), row
            except ValueError:
                raise ListError("has no date of its own, expected a line Publication Date") from None
    raise ListError("has no line of column names, expected AWS's price list as CSV")


def _known(row: Mapping[str, str], offer: str) -> tuple[str, str, Decimal] | None:
    """What a line is the price of, by its unit; None for what nothing here asks for."""
    if row["TermType"] != "OnDemand" or row["Currency"] != "USD" or row.get("StartingRange", "0") not in ("0", ""):
        return None
    amount = _number(row["PricePerUnit"])
    if amount is None:
        return None
    if offer == "AmazonEC2" and (machine := _machine(row)):
        return f"machine/{machine}", "hour", amount
    if offer == "AmazonSageMaker":
        name = row.get("Instance Name") or row.get("Instance Type", "")
        hosted = row.get("Component") == "Hosting" or "Host:" in row["usageType"]
        plain = re.fullmatch(r"(ml\.[a-z0-9-]+\.[a-z0-9-]+)(-Hosting)?", name)
        return (f"machine/{plain[1]}", "hour", amount) if hosted and plain else None
    for family, ending, item, unit in _BY_USE[offer]:
        if row["Product Family"] == family and _ends(row["usageType"], ending):
            return item, unit, amount * (HOURS if _hourly(row["Unit"]) and unit == "month" else _SMALL.get(item, 1))
    return None


def _ends(usage: str, ending: str) -> bool:
    """Whether it is that usage, which has the region's short name before it in all regions but the first."""
    return usage.endswith(ending) and re.fullmatch("([A-Z0-9]+-)*", usage.removesuffix(ending)) is not None


def _hourly(unit: str) -> bool:
    return unit.lower() in ("hour", "hours", "hrs")


def _machine(row: Mapping[str, str]) -> str | None:
    """A machine as this library starts it: Linux, shared, nothing installed, no reservation."""
    plain = {
        "Tenancy": ("Shared",),
        "Operating System": ("Linux",),
        "Pre Installed S/W": ("NA", ""),
        "CapacityStatus": ("Used",),
        "Product Family": ("Compute Instance",),
        "Unit": ("Hrs",),
    }
    if all(row.get(column, "") in values for column, values in plain.items()):
        return row.get("Instance Type") or None
    return None


def _spot(client: httpx.Client, *, regions: Sequence[str], server: Server) -> Prices:
    """The list of spot prices is JSON in a call of JavaScript, and has no date: that of the day it is read."""
    text = whole(client, f"{server.spot}/spot.js").decode("utf-8", "replace").strip()
    call = re.fullmatch(r"callback\((.*)\)\s*;?", text, re.DOTALL)
    try:
        document = json.loads(call[1] if call else text)
        listed = cast("list[dict[str, Any]]", document["config"]["regions"])
    except (ValueError, KeyError, TypeError):
        raise ListError("is not the list of spot prices, expected callback({...}) with config.regions") from None
    source = Source(
        "EC2 spot",
        "AWS list of spot prices",
        "https://spot-price.s3.amazonaws.com/spot.js",
        date.fromisoformat(today()),
    )
    for each in listed:
        region = _REGIONS.get(str(each.get("region")), str(each.get("region")))
        if region in regions:
            for machine, amount in _sizes(each):
                yield Key("aws", region, f"machine/{machine}", "spot"), Price(amount, "hour", source)


def _fargate_spot(client: httpx.Client, *, regions: Sequence[str], server: Server) -> Prices:
    """The list behind AWS's page of Fargate's prices is JSON without a date: that of the day it is read.

    AWS's price list has no spot prices of Fargate. The form is that of the page and of plugin-prov-aws's copy of the
    list (https://github.com/ligoj/plugin-prov-aws/blob/master/src/test/resources/mock-server/aws/v2/spot-fargate.json).
    """
    try:
        listed = cast("list[dict[str, Any]]", json.loads(whole(client, f"{server.fargate}/{_FARGATE_FILE}"))["prices"])
        found = [
            (str(each["attributes"]["aws:region"]), str(each["unit"]), str(each["price"]["USD"])) for each in listed
        ]
    except (ValueError, KeyError, TypeError):
        raise ListError("is not the list of Fargate's spot prices, expected JSON with prices") from None
    source = Source(
        "Fargate spot",
        "AWS list of Fargate's spot prices",
        f"{Server.fargate}/{_FARGATE_FILE}",
        date.fromisoformat(today()),
    )
    if not any(unit in _FARGATE for _, unit, _ in found):
        raise ListError("holds no price that Modelport knows")
    for named, kind, text in found:
        region = _REGIONS.get(named, named)
        amount = _number(text)
        if region in regions and kind in _FARGATE and amount is not None:
            item, unit = _FARGATE[kind]
            yield Key("aws", region, item, "spot"), Price(amount, unit, source)


def _number(text: str) -> Decimal | None:
    """A price above nothing."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 else None


def _sizes(region: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    for kind in region.get("instanceTypes", ()):
        for size in kind.get("sizes", ()):
            for column in size.get("valueColumns", ()):
                if column.get("name") != "linux":
                    continue
                try:
                    amount = _number(str(column["prices"]["USD"]))  # N/A where there is none
                except (KeyError, TypeError):
                    continue
                if amount is not None:
                    yield str(size.get("size")), amount
