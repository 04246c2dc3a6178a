"""The clouds' price lists, in the form in which they are published, read from a server on this machine."""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from automation.costs import update as updating
from automation.costs import update_aws
from automation.costs.book import Book, read
from automation.costs.update import ListError, Server

COLUMNS: Final = (
    *("SKU", "OfferTermCode", "RateCode", "TermType", "PriceDescription", "EffectiveDate", "StartingRange"),
    *("EndingRange", "Unit", "PricePerUnit", "Currency", "Product Family", "serviceCode", "Instance Type", "Tenancy"),
    *("Operating System", "usageType", "CapacityStatus", "Pre Installed S/W", "Component"),
)
HEAD: Final = '"FormatVersion","v1.0"\n"Disclaimer","for information"\n"Publication Date","2026-11-01T10:00:00Z"\n'
HEAD2: Final = '"Version","20261101100000"\n"OfferCode","x"\n'
Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


def line(**values: str) -> str:
    row = {"TermType": "OnDemand", "Currency": "USD", "StartingRange": "0", "Unit": "Hrs", **values}
    return ",".join(
        f'"{row.get(column.replace(" ", "_").replace("/", ""), row.get(column, ""))}"' for column in COLUMNS
    )


def offer(*lines: str) -> str:
    return HEAD + HEAD2 + ",".join(f'"{column}"' for column in COLUMNS) + "\n" + "".join(f"{each}\n" for each in lines)


def machine(name: str, price: str, **values: str) -> str:
    plain = {
        "Product_Family": "Compute Instance",
        "Instance_Type": name,
        "Tenancy": "Shared",
        "Operating_System": "Linux",
        "CapacityStatus": "Used",
        "Pre_Installed_SW": "NA",
        "usageType": f"EUC1-BoxUsage:{name}",
    }
    return line(PricePerUnit=price, **{**plain, **values})


OFFERS: Final = {
    "AmazonEC2": offer(
        machine("m6i.large", "0.1150000000"),
        machine("m6i.large", "0.2", Operating_System="Windows"),
        machine("m6i.large", "0.3", Tenancy="Dedicated"),
        machine("m6i.large", "0.4", CapacityStatus="UnusedCapacityReservation"),
        machine("m6i.large", "0.5", Pre_Installed_SW="SQL Web"),
        machine("m6i.large", "0.6", TermType="Reserved"),
        machine("m6i.xlarge", "not a price"),
        line(Product_Family="NAT Gateway", usageType="EUC1-NatGateway-Hours", PricePerUnit="0.0520000000"),
        line(Product_Family="Storage", usageType="EUC1-EBS:VolumeUsage.gp3", PricePerUnit="0.0952", Unit="GB-Mo"),
    ),
    "AmazonCloudWatch": offer(
        line(Product_Family="Dashboard", usageType="DashboardsUsageHour", PricePerUnit="3", Unit="Dashboards"),
    ),
    "AmazonECS": offer(
        line(Product_Family="Compute", usageType="EUC1-Fargate-vCPU-Hours:perCPU", PricePerUnit="0.04656"),
        line(Product_Family="Compute", usageType="EUC1-Fargate-ARM-vCPU-Hours:perCPU", PricePerUnit="0.037"),
    ),
    "AWSLambda": offer(
        line(Product_Family="Serverless", usageType="EUC1-Lambda-GB-Second", PricePerUnit="0.0000166667"),
        line(Product_Family="Serverless", usageType="EUC1-Lambda-GB-Second-ARM", PricePerUnit="0.0000133334"),
        line(Product_Family="Serverless", usageType="EUC1-Request", PricePerUnit="0.0000002"),
    ),
}  # fmt: skip
SPOT: Final[dict[str, Any]] = {
    "config": {
        "regions": [
            {"region": "eu-central-1", "instanceTypes": [{"type": "general", "sizes": [
                {"size": "m6i.large", "valueColumns": [{"name": "linux", "prices": {"USD": "0.0412"}},
                                                       {"name": "mswin", "prices": {"USD": "0.1"}}]},
                {"size": "m6i.xlarge", "valueColumns": [{"name": "linux", "prices": {"USD": "N/A*"}}]},
            ]}]},
            {"region": "eu-ireland", "instanceTypes": []},
        ]
    }
}  # fmt: skip


FARGATE_SPOT: Final[dict[str, Any]] = {
    "metadata": {"format:version": "1.0"},
    "prices": [
        {"unit": unit, "price": {"USD": usd}, "attributes": {"aws:region": region, "aws:label": "per hour"}}
        for region, unit, usd in (
            ("eu-central-1", "vCPU-Hours", "0.01441236"), ("eu-central-1", "GB-Hours", "0.00158177"),
            ("eu-central-1", "ARM-vCPU-Hours", "0.01"), ("eu-central-1", "ARM-GB-Hours", "0.001"),
            ("us-east-1", "vCPU-Hours", "0.01288561"),
        )
    ],
}  # fmt: skip


def sku(
    description: str, nanos: int, usage: str = "OnDemand", unit: str = "h", units: int = 0, where: str = "europe-west4"
) -> dict[str, Any]:
    money = {"currencyCode": "USD", "units": str(units), "nanos": nanos}
    rates = [{"startUsageAmount": 0, "unitPrice": money}]
    info = {"effectiveTime": "2026-11-02T00:00:00Z", "pricingExpression": {"usageUnit": unit, "tieredRates": rates}}
    return {"description": description, "category": {"usageType": usage}, "serviceRegions": where.split(),
            "pricingInfo": [info]}  # fmt: skip


def free_first(entry: dict[str, Any], amount: int) -> dict[str, Any]:
    """So much of it a month is free."""
    rates = entry["pricingInfo"][0]["pricingExpression"]["tieredRates"]
    free = {"startUsageAmount": 0, "unitPrice": {"currencyCode": "USD", "units": "0", "nanos": 0}}
    rates[:] = [free, {**rates[0], "startUsageAmount": amount}]
    return entry


TWO: Final = "europe-west4 africa-south1"
ONLINE: Final = "Vertex AI: Online/Batch Prediction"
PAGES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "6F81-5844-456A": {
        "": {"skus": [sku("E2 Instance Core running in Netherlands", 24_000_000),
                      sku("E2 Instance Ram running in Netherlands", 3_000_000, unit="GiBy.h"),
                      sku("Spot Preemptible E2 Instance Core running in Netherlands", 9_000_000, "Preemptible")],
             "nextPageToken": "two"},
        "two": {"skus": [sku("Nvidia L4 GPU running in Netherlands", 600_000_000), sku("", 1), {},
                         sku("Balanced PD Capacity in Netherlands", 110_000_000, unit="GiBy.mo")]},
    },
    "E505-1604-58F8": {"": {"skus": [
        sku("Networking Cloud Nat Gateway Uptime", 1_400_000, where="global"),
        sku("Networking Cloud Nat Data Processing", 45_000_000, unit="GiBy", where="global"),
        sku("Networking Private Nat Gateway Uptime", 45_000_000, where="global"),
        sku("Networking Cloud Armor Policy", 0, unit="mo", units=5, where="global"),
        sku("Networking Cloud Armor Rule", 0, unit="mo", units=1, where="global"),
        sku("Networking Cloud Armor Requests", 750, unit="count", where="global"),
        sku("Networking Cloud Armor Requests Regional", 600, unit="count", where="global"),
        sku("Cloud Load Balancer Forwarding Rule Minimum Global", 25_000_000, where="global"),
        sku("Cloud Load Balancer Forwarding Rule Additional Global", 10_000_000, where="global"),
    ]}},
    "152E-C115-5142": {"": {"skus": [
        sku("Services CPU (Request-based billing)", 24_000, unit="s", where=TWO),
        sku("Services CPU Tier 2  (Request-based billing)", 33_600, unit="s", where="africa-south1 europe-west3"),
        sku("Services Memory (Request-based billing)", 2_500, unit="GiBy.s", where=TWO),
        sku("Services Min Instance CPU (Request-based billing)", 2_500, unit="s", where=TWO),
        sku("Services Min Instance Memory (Request-based billing)", 2_500, unit="GiBy.s", where=TWO),
        sku("Services CPU (Instance-based billing) in europe-west4", 18_000, unit="s"),
        sku("Services CPU (Instance-based billing) in in asia-northeast1", 18_000, unit="s", where="asia-northeast1"),
        sku("Services Memory (Instance-based billing) in europe-west4", 2_000, unit="GiBy.s"),
        sku("Jobs CPU in europe-west4", 18_000, unit="s"),
        free_first(sku("Requests", 400, unit="count", where="global"), 2_000_000),
    ]}},
    "C7E2-9256-1C43": {"": {"skus": [
        sku(f"{ONLINE} N1 Predefined Instance Core running in Netherlands", 40_000_000),
        sku(f"{ONLINE} N1 Predefined Instance Ram running in Netherlands", 5_000_000, unit="GiBy.h"),
        sku(f"{ONLINE} Nvidia Tesla T4 GPU running in Netherlands", 400_000_000),
        sku("Vertex AI: Training/Pipelines on N1 Predefined Instance Core running in Netherlands", 50_000_000),
        sku(f"{ONLINE} management fee on N1 Instance Core in Netherlands", 5_000_000),
    ]}},
}  # fmt: skip


@dataclass
class Lists:
    """A server that has the clouds' lists."""

    url: str = ""
    asked: list[str] = field(default_factory=list[str])
    instead: dict[str, Answer] = field(default_factory=dict[str, Answer])


@pytest.fixture
def lists() -> Iterator[Lists]:
    with served() as told:
        yield told


@contextmanager
def served() -> Generator[Lists]:
    told = Lists()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(self.path)
            parts = urlsplit(self.path)
            for place, answer in told.instead.items():
                if place in parts.path:
                    return answer(self)
            if parts.path == "/spot.js":
                return reply(self, f"callback({json.dumps(SPOT)});")
            if parts.path == "/fargate-spot-prices.json":
                return reply(self, json.dumps(FARGATE_SPOT))
            if parts.path.endswith("/skus"):
                query = parse_qs(parts.query)
                if query.get("key") != ["key-of-test"]:
                    return reply(self, "forbidden", 403)
                return reply(self, json.dumps(PAGES[parts.path.split("/")[3]][query.get("pageToken", [""])[0]]))
            return reply(self, OFFERS.get(parts.path.split("/")[4], offer()))

        def log_message(self, format: str, *args: object) -> None:
            """Nothing into the tests' output."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def reply(handler: http.server.BaseHTTPRequestHandler, text: str, status: int = 200, length: int = 0) -> None:
    body = text.encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(length or len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def command(*arguments: str, key: str = "key-of-test") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GOOGLE_API_KEY": key}
    words = [sys.executable, "-m", "automation", "prices", *arguments]
    return subprocess.run(words, capture_output=True, text=True, env=environment, check=False)


def refresh(lists: Lists, path: Path, *regions: str, key: str = "key-of-test") -> subprocess.CompletedProcess[str]:
    wanted = [word for region in regions for word in ("--region", region)]
    return command("--update", "--mirror", lists.url, "--book", str(path), *wanted, key=key)


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """All that is read of Google's for two regions."""
    path = tmp_path_factory.mktemp("google") / "book.json"
    with served() as lists:
        done = refresh(lists, path, "europe-west4", "africa-south1")
    assert (done.returncode, done.stderr) == (0, "")
    return read(path)


def amount(book: Book, cloud: str, region: str, item: str, basis: Any = "on-demand") -> Decimal | None:
    found = book.price(cloud, region, item, basis)
    return found.amount if found else None


def test_prices_of_aws_are_those_of_what_this_library_starts(lists: Lists, tmp_path: Path) -> None:
    done = refresh(lists, tmp_path / "book.json", "eu-central-1")
    book = read(tmp_path / "book.json")
    wanted = {
        "machine/m6i.large": Decimal("0.115"),
        "machine/m6i.xlarge": None,
        "nat/gateway": Decimal("0.052"),
        "disk/gp3": Decimal("0.0952"),
        "fargate/cpu": Decimal("0.04656"),
        "cloudwatch/dashboard": Decimal(3),
        "lambda/compute": Decimal("0.06000012"),  # of a GB for an hour
        "lambda/requests": Decimal("0.2"),  # a million
    }
    assert {item: amount(book, "aws", "eu-central-1", item) for item in wanted} == wanted
    assert amount(book, "aws", "eu-central-1", "machine/m6i.large", "spot") == Decimal("0.0412")
    assert "AmazonEC2 in eu-central-1: 3 prices" in done.stdout
    source = book.price("aws", "eu-central-1", "nat/gateway")
    assert source is not None
    assert str(source.source) == "AWS price list of AmazonEC2 in eu-central-1, 2026-11-01"


def test_a_machine_of_google_s_is_made_up_of_its_parts(google: Book) -> None:
    assert amount(google, "gcp", "europe-west4", "machine/e2-standard-4") == Decimal("0.144")
    assert amount(google, "gcp", "europe-west4", "machine/e2-standard-4", "spot") is None
    assert amount(google, "gcp", "europe-west4", "machine/g2-standard-8") is None
    assert amount(google, "gcp", "europe-west4", "gpu/nvidia-l4") == Decimal("0.6")
    assert amount(google, "gcp", "europe-west4", "disk/pd-balanced") == Decimal("0.11")


def test_what_google_has_no_regions_for_holds_in_each_or_everywhere(google: Book) -> None:
    wanted = {
        "nat/vm": ("0.0014", "hour"),
        "nat/data": ("0.045", "GB"),
        "armor/policy": ("5", "month"),
        "armor/rule": ("1", "month"),
        "armor/requests": ("0.75", "million"),
        "lb/global-first-five": ("0.025", "hour"),
        "lb/global-additional": ("0.01", "hour"),
    }
    found = {item: google.price("gcp", "europe-west4", item) for item in wanted}
    assert {item: (price.amount, price.unit) for item, price in found.items() if price} == {
        item: (Decimal(amount), unit) for item, (amount, unit) in wanted.items()
    }
    assert amount(google, "gcp", "us-central1", "nat/vm") is None
    assert amount(google, "gcp", "us-central1", "armor/policy") == 5


def test_cloud_run_is_priced_by_how_it_is_billed(google: Book) -> None:
    """By the hour, where the catalog has the second."""
    wanted = {
        "run/cpu": "0.0864",
        "run/memory": "0.009",
        "run/cpu-idle": "0.009",
        "run/memory-idle": "0.009",
        "run/cpu-always": "0.0648",
        "run/memory-always": "0.0072",
        "run/requests": "0.4",
    }
    assert {item: amount(google, "gcp", "europe-west4", item) for item in wanted} == {
        item: Decimal(told) for item, told in wanted.items()
    }
    source = google.price("gcp", "europe-west4", "run/cpu")
    assert source is not None and source.unit == "hour"
    assert str(source.source) == "Google's Cloud Billing Catalog, Cloud Run in europe-west4, 2026-11-02"


def test_of_two_prices_for_one_thing_neither_is_taken(google: Book) -> None:
    """As the catalog has africa-south1 in both tiers of Cloud Run."""
    assert amount(google, "gcp", "africa-south1", "run/cpu") is None
    assert amount(google, "gcp", "africa-south1", "run/memory") == Decimal("0.009")


def test_a_replica_of_vertex_ai_is_made_up_of_parts_of_its_own(google: Book) -> None:
    assert amount(google, "gcp", "europe-west4", "vertex/n1-standard-4") == Decimal("0.235")
    assert amount(google, "gcp", "europe-west4", "vertex-gpu/nvidia-tesla-t4") == Decimal("0.4")
    assert amount(google, "gcp", "europe-west4", "machine/n1-standard-4") is None


def test_a_service_that_is_not_in_a_region_is_no_failure(lists: Lists, tmp_path: Path) -> None:
    said: list[str] = []
    server = Server.mirror(lists.url)
    _, failed = updating.update(["africa-south1"], tmp_path / "book.json", server, "key-of-test", said.append)
    assert failed == []
    assert "Google Vertex AI: no prices, as it is in none of these regions" in said


def test_fargate_on_spot_has_a_list_of_its_own(lists: Lists) -> None:
    (_, reader) = update_aws.readers(["eu-central-1"], Server.mirror(lists.url))[-1]
    with httpx.Client() as client:
        found = {(key.region, key.item, key.basis): (price.amount, price.unit) for key, price in reader(client)}
    assert found == {
        ("eu-central-1", "fargate/cpu", "spot"): (Decimal("0.01441236"), "hour"),
        ("eu-central-1", "fargate/memory", "spot"): (Decimal("0.00158177"), "GB-hour"),
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html>", "is not the list of Fargate's spot prices"),
        ('{"prices": [{"unit": "vCPU-Hours"}]}', "is not the list of Fargate's spot prices"),
        ('{"prices": []}', "holds no price that Modelport knows"),
    ],
)
def test_what_is_no_list_of_fargate_s_is_told(lists: Lists, text: str, told: str) -> None:
    lists.instead["fargate"] = lambda handler: reply(handler, text)
    (_, reader) = update_aws.readers(["eu-central-1"], Server.mirror(lists.url))[-1]
    with httpx.Client() as client, pytest.raises(ListError, match=told):
        list(reader(client))


def test_google_without_a_key_is_refused_before_anything_is_asked(lists: Lists, tmp_path: Path) -> None:
    done = refresh(lists, tmp_path / "book.json", "eu-central-1", "europe-west4", key="")
    assert done.returncode == 2
    assert done.stderr.startswith("error: GOOGLE_API_KEY is not set, expected a key")
    assert (lists.asked, list(tmp_path.iterdir())) == ([], [])


def test_a_key_that_is_refused_is_never_told(lists: Lists, tmp_path: Path) -> None:
    done = refresh(lists, tmp_path / "book.json", "europe-west4", key="hush-hush")
    assert done.returncode == 1
    assert "the server answers 403" in done.stderr
    assert "hush-hush" not in done.stderr + done.stdout


def test_a_list_that_breaks_off_takes_nothing_away(lists: Lists, tmp_path: Path) -> None:
    path = tmp_path / "book.json"
    refresh(lists, path, "eu-central-1")
    before = read(path)
    half = OFFERS["AmazonEC2"].replace("0.1150000000", "9.9")
    lists.instead["AmazonEC2"] = lambda handler: reply(handler, half, length=len(half) * 2)
    done = refresh(lists, path, "eu-central-1")
    assert done.returncode == 1
    assert "AmazonEC2 in eu-central-1: could not be read to its end" in done.stderr
    assert "what the book had of it is kept" in done.stderr
    assert amount(read(path), "aws", "eu-central-1", "machine/m6i.large") == Decimal("0.115")
    assert read(path).prices.keys() == before.prices.keys()
    assert [each.name for each in tmp_path.iterdir()] == ["book.json"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html>not here</html>", "has no line of column names"),
        (HEAD + '"SKU","Unit"\n', "has no column TermType"),
        (offer(machine("m6i.large", "1")).replace("Publication Date", "Day"), "has no date of its own"),
        (offer("a,b"), "has a line with other columns than its head"),
        ("x" * (2**20 + 2**16), "has a line that does not end"),
    ],
)
def test_what_is_no_list_is_told_and_the_others_are_read(lists: Lists, tmp_path: Path, text: str, told: str) -> None:
    lists.instead["AmazonEC2"] = lambda handler: reply(handler, text)
    done = refresh(lists, tmp_path / "book.json", "eu-central-1")
    assert done.returncode == 1
    assert f"AmazonEC2 in eu-central-1: {told}" in done.stderr
    assert amount(read(tmp_path / "book.json"), "aws", "eu-central-1", "fargate/cpu") == Decimal("0.04656")


def test_a_large_list_is_never_in_memory_as_a_whole(lists: Lists) -> None:
    """40,000 lines, 6 MB, of which no more than a third is ever held."""
    block = "".join(f"{machine(f'm6i.{number % 50}xlarge', '0.1')}\n" for number in range(1000)).encode()

    def stream(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(offer().encode())
        for _ in range(40):
            handler.wfile.write(block)

    lists.instead["AmazonEC2"] = stream
    (_, reader) = update_aws.readers(["eu-central-1"], Server.mirror(lists.url))[0]
    with httpx.Client() as client:
        tracemalloc.start()
        found = {key for key, _ in reader(client)}
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(found) == 50
    assert most < 40 * len(block) / 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--update"], "--region is missing, expected the regions"),
        (["--update", "--region", "Frankfurt am Main"], "expected one of a cloud; for example eu-central-1"),
        (["--update", "--region", "../../etc"], "expected one of a cloud; for example eu-central-1"),
        (["--mirror", "http://x"], "--mirror is given without --update"),
        (["--update", "--region", "eu-central-1", "--mirror", "mirror"], "expected the address of a server"),
        (["--policy-config"], "--region is given 0 times"),
        (["--policy-config", "--region", "mars-north-1"], "of which the book has no machine"),
        (["--book", "nowhere.json"], "nowhere.json: no such file or directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], told: str) -> None:
    done = command(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_servers_that_are_not_reached_are_one_line_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else answers there meanwhile.
        taken.bind(("127.0.0.1", 0))
        mirror = f"http://127.0.0.1:{taken.getsockname()[1]}"
        book = tmp_path / "book.json"
        done = command("--update", "--region", "eu-central-1", "--mirror", mirror, "--book", str(book))
    assert (done.returncode, done.stdout, book.exists()) == (1, "", False)
    told = done.stderr.splitlines()
    assert len(told) == 1
    assert (
        "AmazonEC2 in eu-central-1, " in told[0] and "check the network, or name one with copies by --mirror" in told[0]
    )


def test_the_book_says_its_lists_and_days() -> None:
    done = command("--region", "us-east-1")
    assert done.returncode == 0
    assert "2026-07-20" in done.stdout
    assert "prices in USD, of 1 region," in done.stdout
