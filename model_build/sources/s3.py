"""`s3://BUCKET/KEY`: Amazon S3, and what speaks its protocol."""

import base64
import binascii
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from model_build.sources.buckets import Bucket, Object, variable
from model_build.sources.remote import File


class S3(Bucket):
    """Credentials, and another endpoint: as the AWS CLI has them (AWS_* variables, profiles, single sign-on, roles)."""

    package, extra, cls = "s3fs", "s3", ("s3fs", "S3FileSystem")
    variables = (
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or write ?anonymous=true for a public bucket"
    )
    # No endpoint: where credentials are sent is for whoever has them to say, and not for a recipe.
    settings = frozenset({"region", "profile", "anonymous"})

    def options(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "connect_timeout": 10,
            "read_timeout": 60,
            "retries": {"max_attempts": 3, "mode": "standard"},
            "response_checksum_validation": "when_required",  # of a part there is none
        }
        # AWS_REGION is what other SDKs read; Python's reads AWS_DEFAULT_REGION alone.
        region = self.given.get("region") or variable("AWS_REGION", "AWS_DEFAULT_REGION")
        options: dict[str, Any] = {"config_kwargs": config, "anon": self.anonymous}
        options["client_kwargs"] = {"region_name": region} if region else {}
        if profile := self.given.get("profile") or variable("AWS_PROFILE"):
            options["profile"] = profile
        return options

    @cached_property
    def system(self) -> Any:
        found = super().system
        found.retries = 2  # above those of the library below, which are three each
        return found

    @staticmethod
    def of(told: Mapping[str, Any]) -> Object:
        size, tag = int(told["ContentLength"] if "ContentLength" in told else told["size"]), str(told.get("ETag") or "")
        number = told.get("VersionId")
        version = f"{tag} of {size} bytes" + (f", version {number}" if number and number != "null" else "")
        return Object(size, tag, version, _sha256(told))

    def head(self) -> Object | None:
        try:
            told = self.system.call_s3("head_object", Bucket=self.bucket, Key=self.path, ChecksumMode="ENABLED")
        except FileNotFoundError:
            return None
        return self.of(told)

    def part(self, key: str, file: File, start: int, end: int) -> bytes:
        async def read() -> bytes:
            told = await self.system._call_s3(
                "get_object", Bucket=self.bucket, Key=key, IfMatch=file.mark, Range=f"bytes={start}-{end - 1}"
            )
            async with told["Body"] as body:
                return bytes(await body.read())

        return self.waited_for(read)


def _sha256(told: Mapping[str, Any]) -> str:
    """That of the whole object, which a store has where whoever uploaded it asked for it."""
    if told.get("ChecksumType", "FULL_OBJECT") != "FULL_OBJECT":
        return ""
    try:
        found = base64.b64decode(str(told.get("ChecksumSHA256") or ""), validate=True)
    except binascii.Error:
        return ""  # of parts, which has a number behind it
    return found.hex() if len(found) == 32 else ""
