"""`az://CONTAINER/BLOB`: Azure Blob Storage."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from model_build.sources.buckets import Bucket, Object, variable
from model_build.sources.remote import File


class Az(Bucket):
    """Credentials: AZURE_STORAGE_* variables, else what azure-identity finds (the Azure CLI, managed identities)."""

    package, extra, cls = "adlfs", "azblob", ("adlfs", "AzureBlobFileSystem")
    variables = (
        "AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or run az login, or write ?anonymous=true for a public one"
    )
    # No domain: where credentials are sent is for whoever has them to say, and not for a recipe.
    settings = frozenset({"storage_account", "anonymous"})
    anew: ClassVar[Mapping[str, bool]] = {"refresh": True}

    def options(self) -> dict[str, Any]:
        text = variable("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING")
        parts = dict(piece.split("=", 1) for piece in text.split(";") if "=" in piece)
        account = self.given.get("storage_account") or variable("AZURE_STORAGE_ACCOUNT") or parts.get("AccountName")
        if not account:
            raise self.wrong("which names no storage account; add ?storage_account=NAME or set AZURE_STORAGE_ACCOUNT")
        domain = variable("AZURE_STORAGE_DOMAIN") or "blob.core.windows.net"
        protocol = variable("AZURE_STORAGE_PROTOCOL") or "https"
        local = re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", domain)
        if protocol != "https" and not (local and protocol == "http"):
            raise self.wrong(f"by {protocol} from {domain}, expected https; unset AZURE_STORAGE_PROTOCOL")
        own = f"{protocol}://{domain}/{account}" if local else f"{protocol}://{account}.{domain}"
        address = parts.get("BlobEndpoint", own)
        options: dict[str, Any] = {"account_name": account, "connection_timeout": 10, "read_timeout": 60}
        key = variable("AZURE_STORAGE_KEY") or parts.get("AccountKey")
        token = variable("AZURE_STORAGE_SAS_TOKEN") or parts.get("SharedAccessSignature")
        if self.anonymous or not (key or token):
            return {**options, "account_host": address.split("://", 1)[1], "anon": self.anonymous}
        # A connection string is the one way to name every part.
        secret = f"AccountKey={key}" if key else f"SharedAccessSignature={str(token).removeprefix('?')}"
        return {**options, "connection_string": f"AccountName={account};{secret};BlobEndpoint={address}"}

    @staticmethod
    def of(told: Mapping[str, Any]) -> Object:
        size, tag = int(told["size"]), str(told.get("etag") or "")
        return Object(size, tag, f"{tag} of {size} bytes")

    def part(self, key: str, file: File, start: int, end: int) -> bytes:
        from azure.core import MatchConditions

        async def read() -> bytes:
            async with self.system.service_client.get_blob_client(container=self.bucket, blob=key) as client:
                coming = await client.download_blob(
                    offset=start, length=end - start, etag=file.mark, match_condition=MatchConditions.IfNotModified
                )
                return bytes(await coming.readall())

        return self.waited_for(read)
