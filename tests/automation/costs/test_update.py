"""The clouds' price lists, in the form in which they are published, read from a server on this machine."""

import http.server
import json
import os
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from automation.costs import update_aws
from automation.costs.book import Book, read
from automation.costs.update import Server

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
}  # fmt: skip
SPOT: Final = {
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


def sku(description: str, nanos: int, usage: str = "OnDemand", unit: str = "h") -> dict[str, Any]:
    rates = [{"startUsageAmount": 0, "unitPrice": {"currencyCode": "USD", "units": "0", "nanos": nanos}}]
    info = {"effectiveTime": "2026-11-02T00:00:00Z", "pricingExpression": {"usageUnit": unit, "tieredRates": rates}}
    return {"description": description, "category": {"usageType": usage}, "serviceRegions": ["europe-west4"],
            "pricingInfo": [info]}  # fmt: skip


PAGES: Final = {
    "": {"skus": [sku("E2 Instance Core running in Netherlands", 24_000_000),
                  sku("E2 Instance Ram running in Netherlands", 3_000_000, unit="GiBy.h"),
                  sku("Spot Preemptible E2 Instance Core running in Netherlands", 9_000_000, "Preemptible")],
         "nextPageToken": "two"},
    "two": {"skus": [sku("Nvidia L4 GPU running in Netherlands", 600_000_000), sku("", 1), {},
                     sku("Balanced PD Capacity in Netherlands", 110_000_000, unit="GiBy.mo")]},
}  # fmt: skip


@dataclass
class Lists:
    """A server that has the clouds' lists."""

    url: str = ""
    asked: list[str] = field(default_factory=list[str])
    instead: dict[str, Answer] = field(default_factory=dict[str, Answer])


@pytest.fixture
def lists() -> Iterator[Lists]:
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
            if parts.path.endswith("/skus"):
                query = parse_qs(parts.query)
                if query.get("key") != ["key-of-test"]:
                    return reply(self, "forbidden", 403)
                return reply(self, json.dumps(PAGES[query.get("pageToken", [""])[0]]))
            return reply(self, OFFERS.get(parts.path.split("/")[4], offer()))

        def log_message(self, format: str, *args: object) -> None:
            """Nothing into the tests' output."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
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
    }
    assert {item: amount(book, "aws", "eu-central-1", item) for item in wanted} == wanted
    assert amount(book, "aws", "eu-central-1", "machine/m6i.large", "spot") == Decimal("0.0412")
    assert "AmazonEC2 in eu-central-1: 3 prices" in done.stdout
    source = book.price("aws", "eu-central-1", "nat/gateway")
    assert source is not None
    assert str(source.source) == "AWS price list of AmazonEC2 in eu-central-1, 2026-11-01"


def test_a_machine_of_google_s_is_made_up_of_its_parts(lists: Lists, tmp_path: Path) -> None:
    done = refresh(lists, tmp_path / "book.json", "europe-west4")
    assert (done.returncode, done.stderr) == (0, "")
    book = read(tmp_path / "book.json")
    assert amount(book, "gcp", "europe-west4", "machine/e2-standard-4") == Decimal("0.144")
    assert amount(book, "gcp", "europe-west4", "machine/e2-standard-4", "spot") is None
    assert amount(book, "gcp", "europe-west4", "machine/g2-standard-8") is None
    assert amount(book, "gcp", "europe-west4", "gpu/nvidia-l4") == Decimal("0.6")
    assert amount(book, "gcp", "europe-west4", "disk/pd-balanced") == Decimal("0.11")


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


def test_the_book_says_its_lists_and_days() -> None:
    done = command("--region", "us-east-1")
    assert done.returncode == 0
    assert "2026-07-20" in done.stdout
    assert "prices in USD, of 1 regions" in done.stdout
