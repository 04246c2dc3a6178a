"""Backend URLs of buckets, read as the official CLI reads them, and what fsspec's file systems want to be told.

    s3://BUCKET/PREFIX?region=…&endpoint=…&use_path_style=true      (and the older disableSSL, s3ForcePathStyle)
    gs://BUCKET/PREFIX
    azblob://CONTAINER/PREFIX?storage_account=…

Credentials are in nobody's URL: they come from AWS_*, GOOGLE_* and AZURE_STORAGE_* or the clouds' own files.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from engine.errors import BadInput
from engine.values import Props

BUCKETS: Final = {"s3": "s3", "gs": "gcs", "azblob": "azblob"}
"""The schemes of buckets, and the extra of the wheel that serves each."""

_S3: Final = {
    "region", "endpoint", "profile", "awssdk", "anonymous", "disableSSL", "disable_https", "s3ForcePathStyle",
    "use_path_style", "hostname_immutable", "request_checksum_calculation", "response_checksum_validation", "dualstack",
    "fips", "accelerate", "ssetype", "kmskeyid", "rate_limiter_capacity",
}  # fmt: skip
_GS: Final = {"anonymous", "access_id", "private_key_path", "universe_domain"}
_AZURE: Final = {"storage_account", "domain", "protocol", "cdn", "localemu"}
_FLAGS: Final = {
    "anonymous", "disableSSL", "disable_https", "s3ForcePathStyle", "use_path_style", "hostname_immutable",
    "dualstack", "fips", "accelerate", "cdn", "localemu",
}  # fmt: skip


@dataclass(frozen=True)
class Bucket:
    """A bucket and the folder in it; `options` are for fsspec's file system and may hold secrets."""

    scheme: str
    name: str
    prefix: str
    shown: str
    query: str = ""
    options: Props = field(default_factory=dict[str, Any], repr=False)


def bucket(url: str, env: Mapping[str, str] | None = None) -> Bucket:
    """Read a URL; raises BadInput for what the official CLI would refuse as well, and for what is not served here."""
    env = os.environ if env is None else env
    split = urlsplit(url)
    name = split.netloc.rpartition("@")[2]
    prefix = unquote(split.path).strip("/")
    shown = f"{split.scheme}://{name}" + (f"/{prefix}" if prefix else "")
    if not name:
        raise BadInput(f"the backend {split.scheme}:// names no bucket, expected {split.scheme}://BUCKET/FOLDER")
    if "@" in split.netloc:
        raise BadInput(f"the backend {shown} holds credentials in its URL; put them into the environment instead")
    given = _query(split.query, shown, {"s3": _S3, "gs": _GS, "azblob": _AZURE}[split.scheme])
    if split.scheme == "s3":
        given, options = _s3(given, env)
    elif split.scheme == "gs":
        options = _gs(given, env)
    else:
        options = _azure(given, env, shown)
    return Bucket(split.scheme, name, prefix, shown, urlencode(sorted(given.items()), quote_via=quote), options)


def _query(text: str, shown: str, known: set[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for key, value in parse_qsl(text, keep_blank_values=True):
        if key == "role":
            raise BadInput(
                f"the backend {shown} asks for a role in its URL; name a profile that assumes it instead: profile=NAME"
            )
        if key not in known:
            raise BadInput(
                f'the backend {shown} has the unknown query parameter "{key}", expected one of '
                + ", ".join(sorted(known))
            )
        if key in _FLAGS and value.lower() not in ("1", "t", "true", "0", "f", "false"):
            raise BadInput(f"the backend {shown} says {key}={value}, expected true or false")
        given[key] = value
    return given


def _on(given: Mapping[str, str], *keys: str) -> bool:
    return any(given.get(key, "").lower() in ("1", "t", "true") for key in keys)


def _s3(given: dict[str, str], env: Mapping[str, str]) -> tuple[dict[str, str], Props]:
    plain = _on(given, "disableSSL", "disable_https")
    if "disableSSL" in given:
        del given["disableSSL"]
        given["disable_https"] = "true" if plain else "false"
    endpoint = given.get("endpoint") or None
    if endpoint and "://" not in endpoint:
        endpoint = given["endpoint"] = f"{'http' if plain else 'https'}://{endpoint}"
    config: Props = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 3, "mode": "standard"}}
    checksum = given.get("request_checksum_calculation")
    if checksum is None and endpoint and not env.get("AWS_REQUEST_CHECKSUM_CALCULATION"):
        # many a store that is not Amazon's refuses the checksums that are sent otherwise
        checksum = given["request_checksum_calculation"] = "when_required"
    if checksum:
        config["request_checksum_calculation"] = checksum
    if validation := given.get("response_checksum_validation"):
        config["response_checksum_validation"] = validation
    s3: Props = {}
    if _on(given, "use_path_style", "s3ForcePathStyle", "hostname_immutable"):
        s3["addressing_style"] = "path"
    if _on(given, "accelerate"):
        s3["use_accelerate_endpoint"] = True
    if s3:
        config["s3"] = s3
    if _on(given, "dualstack"):
        config["use_dualstack_endpoint"] = True
    if _on(given, "fips"):
        config["use_fips_endpoint"] = True
    client: Props = {}
    # the official CLI's SDK reads AWS_REGION, Python's only AWS_DEFAULT_REGION
    if region := given.get("region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION"):
        client["region_name"] = region
    options: Props = {"config_kwargs": config, "client_kwargs": client, "anon": _on(given, "anonymous")}
    if endpoint:
        options["endpoint_url"] = endpoint
    options["use_ssl"] = not plain
    if profile := given.get("profile") or env.get("AWS_PROFILE"):
        options["profile"] = profile
    extra: Props = {}
    if kind := given.get("ssetype"):
        extra["ServerSideEncryption"] = "AES256" if kind.upper() == "AES256" else kind.lower()
    if key := given.get("kmskeyid"):
        extra["SSEKMSKeyId"] = key
    if extra:
        options["s3_additional_kwargs"] = extra
    return given, options


def _gs(given: Mapping[str, str], env: Mapping[str, str]) -> Props:
    if _on(given, "anonymous"):
        return {"token": "anon"}
    if text := env.get("GOOGLE_CREDENTIALS"):
        try:
            return {"token": json.loads(text)}
        except ValueError:
            raise BadInput("GOOGLE_CREDENTIALS is no JSON, expected what a service account's key file holds") from None
    if token := env.get("GOOGLE_OAUTH_ACCESS_TOKEN"):
        return {"token": {"access_token": token}}
    if file := env.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return {"token": file}
    return {"token": "anon"} if env.get("STORAGE_EMULATOR_HOST") else {"token": "google_default"}


def _azure(given: Mapping[str, str], env: Mapping[str, str], shown: str) -> Props:
    text = env.get("AZURE_STORAGE_CONNECTION_STRING") or env.get("AZURE_STORAGEBLOB_CONNECTIONSTRING") or ""
    parts = dict(piece.split("=", 1) for piece in text.split(";") if "=" in piece)
    account = given.get("storage_account") or env.get("AZURE_STORAGE_ACCOUNT") or parts.get("AccountName")
    if not account:
        raise BadInput(
            f"the backend {shown} names no storage account; add ?storage_account=NAME or set AZURE_STORAGE_ACCOUNT"
        )
    domain = given.get("domain") or env.get("AZURE_STORAGE_DOMAIN") or "blob.core.windows.net"
    scheme = given.get("protocol") or env.get("AZURE_STORAGE_PROTOCOL")
    scheme = scheme or parts.get("DefaultEndpointsProtocol") or "https"
    if scheme not in ("http", "https"):
        raise BadInput(f"the backend {shown} says protocol={scheme}, expected http or https")
    emulator = _on(given, "localemu") or env.get("AZURE_STORAGE_IS_LOCAL_EMULATOR", "").lower() in ("1", "true")
    key = env.get("AZURE_STORAGE_KEY") or parts.get("AccountKey")
    token = env.get("AZURE_STORAGE_SAS_TOKEN") or parts.get("SharedAccessSignature")
    if emulator or re.match(r"127\.0\.0\.1|localhost", domain):
        host = f"{scheme}://{domain}/{account}"
    elif _on(given, "cdn") or env.get("AZURE_STORAGE_IS_CDN", "").lower() in ("1", "true"):
        host = f"{scheme}://{domain}"
    else:
        host = f"{scheme}://{account}.{domain}"
    host = parts.get("BlobEndpoint", host) if not given.keys() & {"domain", "protocol", "localemu", "cdn"} else host
    options: Props = {"account_name": account}
    if key or token:
        # a connection string is the one way to name every part
        secret = f"AccountKey={key}" if key else f"SharedAccessSignature={str(token).removeprefix('?')}"
        options["connection_string"] = f"AccountName={account};{secret};BlobEndpoint={host}"
        return options
    return {**options, "account_host": host.split("://", 1)[1], "anon": False}
