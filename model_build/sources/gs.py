"""`gs://BUCKET/KEY`: Google Cloud Storage."""

import json
from collections.abc import Mapping
from typing import Any

from model_build.sources.buckets import Bucket, Object, variable
from model_build.sources.remote import File


class Gs(Bucket):
    """Credentials: application default ones, or those that Pulumi's provider takes from the environment."""

    # Not the class that asks for zonal buckets by gRPC first.
    package, extra, cls = "gcsfs", "gcs", ("gcsfs.core", "GCSFileSystem")
    variables = (
        "GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login, or write ?anonymous=true for a "
        "public bucket"
    )

    def options(self) -> dict[str, Any]:
        return {"token": self._token(), "requests_timeout": 120}

    def _token(self) -> object:
        if self.anonymous:
            return "anon"
        if text := variable("GOOGLE_CREDENTIALS"):
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                raise self.unreached(
                    "but GOOGLE_CREDENTIALS is no JSON, expected what a service account's key file holds"
                ) from None
        if token := variable("GOOGLE_OAUTH_ACCESS_TOKEN"):
            return {"access_token": token}
        if file := variable("GOOGLE_APPLICATION_CREDENTIALS"):
            return file
        return "anon" if variable("STORAGE_EMULATOR_HOST") else "google_default"

    @staticmethod
    def of(told: Mapping[str, Any]) -> Object:
        generation = str(told.get("generation") or "")
        return Object(int(told["size"]), generation, f"generation {generation}")

    def part(self, key: str, file: File, start: int, end: int) -> bytes:
        return bytes(self.system.cat_file(f"{self.bucket}/{key}", start=start, end=end, generation=file.mark))
