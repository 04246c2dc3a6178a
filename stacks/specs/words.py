"""Values that several sections know: each is told in one line before anything is touched, not by a cluster later."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

_SMALL: Final = {"m": 1e-3, "": 1.0}
_UNITS: Final = _SMALL | {
    f"{letter}{two}": base**power
    for two, base in (("", 1e3), ("i", 2.0**10))
    for power, letter in enumerate("kMGT" if not two else "KMGT", 1)
}
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        network = None
    if network is None or "/" not in value:
        raise ValueError(f"is {value!r}, expected a network; for example 10.0.0.0/8")
    if str(network) != value:
        raise ValueError(f"is {value!r}, expected the network's own address; write {network}")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError(f"is {value!r}, expected one line of characters that can be printed")
    return value


def address(value: str) -> str:
    """Raises ValueError for an address of the web that leads nowhere, or that has a path's end of its own."""
    try:
        parts = urlsplit(value)
        fits = bool(parts.hostname) and (parts.port is None or parts.port > 0) and not re.search(r"\s", value)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"is {value!r}, expected http://HOST:PORT, the port at most 65535")
    return value


def _base(value: str) -> str:
    if "?" in address(value) or "#" in value:
        raise ValueError(
            f"is {value!r}, expected an address that paths are put behind; write {re.split('[?#]', value)[0]}"
        )
    return value


def _labels(value: dict[str, str]) -> dict[str, str]:
    for key, text in value.items():
        if not _LABEL_KEY.fullmatch(key):
            raise ValueError(
                f"has the key {key!r}, expected letters, digits, dots, hyphens and underscores, at most 63, "
                "perhaps behind a DNS name and a slash"
            )
        if not _LABEL_VALUE.fullmatch(text):
            raise ValueError(
                f"has {text!r} under {key}, expected letters, digits, dots, hyphens and underscores, at most 63"
            )
    return value


def once(names: Sequence[str], what: str) -> None:
    """Raises ValueError for a name that is there twice."""
    if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
        raise ValueError(f"{what} has the name {twice} twice, expected each once; leave one out")


def wide(networks: Sequence[str]) -> str | None:
    """The first of some networks of IPv4 that is so large that it is the internet, or a part that is nobody's own."""
    return next((each for each in networks if ":" not in each and int(each.partition("/")[2]) < 8), None)


def amount(quantity: str) -> float:
    """A quantity of Kubernetes as a number: "500m" is 0.5."""
    number = quantity.rstrip("mkKMGTi")
    return float(number) * _UNITS[quantity[len(number) :]]


def in_order(given: Mapping[str, float | None], low: str = "min", high: str = "max") -> None:
    """Raises ValueError for bounds between which there is nothing."""
    least, most = given.get(low), given.get(high)
    if least is not None and most is not None and least > most:
        raise ValueError(f"{low} is {least:g}, expected at most {high}, which is {most:g}")


Network = Annotated[str, AfterValidator(_network)]
Line = Annotated[str, Field(min_length=1), AfterValidator(_printable)]
Web = Annotated[str, Field(pattern="^https?://."), AfterValidator(address)]
Base = Annotated[str, Field(pattern="^https?://."), AfterValidator(_base)]
Labels = Annotated[dict[str, str], AfterValidator(_labels)]
Namespace = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        json_schema_extra={"x-expected": "lower-case letters, digits and hyphens, at most 63"},
    ),
]
Named = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$",
        json_schema_extra={"x-expected": "lower-case letters, digits, hyphens and dots"},
    ),
]
Short = Annotated[
    str,
    Field(
        pattern=r"^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$",
        json_schema_extra={"x-expected": "at most 22 lower-case letters, digits and hyphens, a letter first"},
    ),
]
