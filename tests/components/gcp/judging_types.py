"""What a type of Pulumi's is called by the Terraform provider, and where its class is."""

import functools
from pathlib import Path
from typing import Any, Final

from tests.components.gcp.judging_schema import BINDINGS
from tests.components.judging import module

_NAMED: Final = {
    "gcp:cloudfunctionsv2/function:Function": "google_cloudfunctions2_function",
    "gcp:monitoring/genericService:GenericService": "google_monitoring_service",
    "gcp:projects/apiKey:ApiKey": "google_apikeys_key",
    "gcp:serviceaccount/account:Account": "google_service_account",
}
"""Terraform's type, where it is not Pulumi's module and name, in other words or fewer."""


@functools.cache
def kind(token: str) -> str:
    """Terraform's type for a token of Pulumi's. Raises LookupError where the provider has none."""
    if token in _NAMED:
        return _NAMED[token]
    place, _, rest = token.removeprefix("gcp:").partition("/")
    name = rest.partition(":")[0]
    known = {each.replace("_", ""): each for each in BINDINGS.types}
    for each in (f"google{place}{name}", f"google{place.removesuffix('s')}{name}", f"google{name}"):
        if found := known.get(each.lower()):
            return found
    raise LookupError(f"the Terraform provider has no type for {token}, name it in _NAMED")


@functools.cache
def loaded(token: str) -> Any:
    """The module of pulumi_gcp that has the class of a token."""
    place, _, name = token.removeprefix("gcp:").partition(":")
    package = place.partition("/")[0]
    root = Path(module("pulumi_gcp", package).__file__).parent
    # Where capitals stand together, as in URLMap, the token does not say how the file is called.
    (found,) = (each.stem for each in root.glob("*.py") if each.stem.replace("_", "") == name.lower())
    return module("pulumi_gcp", f"{package}/{found}")
