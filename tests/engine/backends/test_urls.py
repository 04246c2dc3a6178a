"""What the URL of a bucket and the environment say, and what is refused."""

import pytest

from engine.errors import BadInput
from engine.storage.blobs import Blobs
from engine.storage.urls import bucket


def test_the_older_words_of_s3_become_the_newer_ones() -> None:
    old = bucket("s3://b/p/q?region=r&endpoint=minio:9000&disableSSL=true&s3ForcePathStyle=true", {})
    assert (old.name, old.prefix, old.shown) == ("b", "p/q", "s3://b/p/q")
    assert old.options["endpoint_url"] == "http://minio:9000"
    assert old.options["config_kwargs"]["s3"] == {"addressing_style": "path"}
    assert old.options["config_kwargs"]["request_checksum_calculation"] == "when_required"
    assert old.options["client_kwargs"] == {"region_name": "r"}
    assert "disable_https=true" in old.query and "disableSSL" not in old.query
    secure = bucket("s3://b?endpoint=minio:9000", {})
    assert secure.options["endpoint_url"] == "https://minio:9000"


@pytest.mark.parametrize(
    ("env", "expected"),
    [({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}, "a"), ({"AWS_DEFAULT_REGION": "b"}, "b")],
)
def test_the_region_comes_from_the_environment_too(env: dict[str, str], expected: str) -> None:
    assert bucket("s3://b", env).options["client_kwargs"] == {"region_name": expected}
    assert bucket("s3://b?region=c", env).options["client_kwargs"] == {"region_name": "c"}


def test_encryption_and_profile_reach_the_client() -> None:
    options = bucket("s3://b?ssetype=aws:kms&kmskeyid=k&profile=work", {"AWS_PROFILE": "other"}).options
    assert options["s3_additional_kwargs"] == {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k"}
    assert options["profile"] == "work"
    assert "endpoint_url" not in options
    assert "request_checksum_calculation" not in options["config_kwargs"]


def test_google_takes_the_credentials_that_the_official_engine_takes() -> None:
    assert bucket("gs://b", {"GOOGLE_CREDENTIALS": '{"type": "t"}'}).options == {"token": {"type": "t"}}
    assert bucket("gs://b", {"GOOGLE_OAUTH_ACCESS_TOKEN": "t"}).options == {"token": {"access_token": "t"}}
    assert bucket("gs://b", {"GOOGLE_APPLICATION_CREDENTIALS": "/f"}).options == {"token": "/f"}
    assert bucket("gs://b", {}).options == {"token": "google_default"}
    assert bucket("gs://b?anonymous=true", {}).options == {"token": "anon"}
    with pytest.raises(BadInput, match="GOOGLE_CREDENTIALS is no JSON") as caught:
        bucket("gs://b", {"GOOGLE_CREDENTIALS": "hush"})
    assert "hush" not in str(caught.value)


def test_azure_takes_key_token_string_or_login() -> None:
    text = bucket("azblob://c/p?storage_account=acc", {"AZURE_STORAGE_KEY": "key"}).options["connection_string"]
    assert text == "AccountName=acc;AccountKey=key;BlobEndpoint=https://acc.blob.core.windows.net"
    env = {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_SAS_TOKEN": "?sv=1"}
    text = bucket("azblob://c", env).options["connection_string"]
    assert text == "AccountName=acc;SharedAccessSignature=sv=1;BlobEndpoint=https://acc.blob.core.windows.net"
    whole = "DefaultEndpointsProtocol=http;AccountName=dev;AccountKey=k==;BlobEndpoint=http://127.0.0.1:10000/dev;"
    text = bucket("azblob://c", {"AZURE_STORAGE_CONNECTION_STRING": whole}).options["connection_string"]
    assert text == "AccountName=dev;AccountKey=k==;BlobEndpoint=http://127.0.0.1:10000/dev"
    options = bucket("azblob://c?storage_account=acc&domain=blob.example.org", {}).options
    assert options == {"account_name": "acc", "account_host": "acc.blob.example.org", "anon": False}
    local = bucket("azblob://c?localemu=true&domain=host:1&protocol=http", {**env, "AZURE_STORAGE_KEY": "k"})
    assert local.options["connection_string"].endswith("BlobEndpoint=http://host:1/acc")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://", "names no bucket"),
        ("s3://b?colour=red", 'unknown query parameter "colour", expected one of'),
        ("s3://b?disableSSL=maybe", "disableSSL=maybe, expected true or false"),
        ("s3://b?role=arn:aws:iam::1:role/r", "profile=NAME"),
        ("s3://key:hush@b", "credentials in its URL"),
        ("azblob://c", "names no storage account; add"),
        ("azblob://c?storage_account=a&protocol=ftp", "protocol=ftp, expected http or https"),
        ("gs://b?region=r", 'unknown query parameter "region"'),
    ],
)
def test_what_makes_no_sense_is_refused(url: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        bucket(url, {})
    assert said in str(caught.value)
    assert "hush" not in str(caught.value)


def test_secrets_are_in_no_representation() -> None:
    where = bucket("azblob://c?storage_account=a", {"AZURE_STORAGE_KEY": "hush"})
    storage = Blobs(where)
    shown = [repr(where), storage.url, storage.place("k"), storage.lock_place("k")]
    assert not [text for text in shown if "hush" in text]
