"""Keys of Cloud KMS that components make for what they encrypt, and who may use them."""

from collections.abc import Mapping
from typing import Any, Final

import pulumi
from pulumi_gcp.kms.crypto_key import CryptoKey
from pulumi_gcp.kms.crypto_key_iam_member import CryptoKeyIAMMember
from pulumi_gcp.kms.key_ring import KeyRing

from components import checks
from components.gcp import checks as gcp
from components.gcp.labels import Labels

ROTATION: Final = "7776000s"
"""Ninety days: what CIS asks (Google Cloud Foundations Benchmark, 1.10)."""
USE: Final = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


def given(what: str, value: "pulumi.Input[str] | None", *locations: str) -> "pulumi.Input[str] | None":
    """The key that is named, where one is, held to `locations`. Raises ArgsError."""
    return None if value is None else checks.asked(value, lambda known: gcp.key(what, known, *locations))


def made(
    name: str,
    *,
    project: str,
    location: str,
    agents: Mapping[str, pulumi.Input[str]],
    labels: Labels,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[str]:
    """A key that rotates, by its whole name, which is told once `agents` may use it.

    agents: who encrypts with it: IAM members by a short name of each, as `{"registry": "serviceAccount:..."}`.

    A ring cannot be deleted, and a name of one is given once: Pulumi's suffix makes another each time.
    """
    ring = KeyRing(name, location=location, project=project, opts=opts)
    key = CryptoKey(
        name, key_ring=ring.id, purpose="ENCRYPT_DECRYPT", rotation_period=ROTATION, labels=labels.all(), opts=opts
    )
    allowed: list[Any] = [
        CryptoKeyIAMMember(f"{name}-{who}", crypto_key_id=key.id, role=USE, member=member, opts=opts).id
        for who, member in agents.items()
    ]
    return pulumi.Output.all(key.id, *allowed).apply(lambda known: str(known[0]))
