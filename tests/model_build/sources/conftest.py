"""Servers that sources are fetched from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import botocore.session
import pytest

from model_build.sources import downloads
from tests.ports import free_port
from tests.tools.certificates import Certificate
from tests.tools.stores import PASSWORD, USER, Minio
from tests.tools.web import Web


@pytest.fixture(scope="session")
def web_server(signer: Certificate) -> Iterator[Web]:
    made = Web(signer)
    yield made
    made.stop()


@pytest.fixture
def web(web_server: Web, signer: Certificate, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    """A server without pages whose certificate is trusted; the cache is empty, and nobody waits between tries."""
    web_server.pages.clear()
    web_server.asked.clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(signer.certificate_file))
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0)
    return web_server


class Bucket:
    """A bucket of an S3 server on loopback, filled by Amazon's own client."""

    def __init__(self, minio: Minio, client: Any) -> None:
        self.minio, self.client = minio, client
        self.name = f"models-{uuid4().hex[:8]}"
        client.create_bucket(Bucket=self.name)

    def put(self, key: str, body: bytes, **more: str) -> str:
        self.client.put_object(Bucket=self.name, Key=key, Body=body, **more)
        return f"s3://{self.name}/{key}"

    def put_in_parts(self, key: str, body: bytes) -> None:
        """The same bytes get another entity tag."""
        place = {"Bucket": self.name, "Key": key}
        upload = self.client.create_multipart_upload(**place)["UploadId"]
        part = self.client.upload_part(**place, UploadId=upload, PartNumber=1, Body=body)
        done = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        self.client.complete_multipart_upload(**place, UploadId=upload, MultipartUpload=done)


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minio]:
    made = Minio(tmp_path_factory.mktemp("minio"), free_port())
    made.start()
    yield made
    made.stop()


@pytest.fixture
def bucket(minio_server: Minio, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket, which the environment has credentials for; the cache is empty, too."""
    for variable in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    address = f"http://{minio_server.address}"
    given = {"AWS_ACCESS_KEY_ID": USER, "AWS_SECRET_ACCESS_KEY": PASSWORD, "AWS_DEFAULT_REGION": "us-east-1"}
    for variable, value in (given | {"AWS_ENDPOINT_URL_S3": address, "AWS_EC2_METADATA_DISABLED": "true"}).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(downloads, "FIRST_WAIT", 0)
    client = botocore.session.get_session().create_client("s3")
    yield Bucket(minio_server, client)
    client.close()
