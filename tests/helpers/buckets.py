"""Buckets on 127.0.0.1: S3 by moto's server, Google's by gcp-storage-emulator."""

import contextlib
import io
from collections.abc import Mapping
from typing import Any

from helpers.lasting import Lasting


class S3(Lasting):
    """An S3 service with the bucket `archive`; `environment` is what its clients go by."""

    address = "s3://archive"

    def open(self) -> None:
        """Starts it and makes the bucket."""
        import boto3
        from moto.server import ThreadedMotoServer

        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.environment: Mapping[str, str] = {
            "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=self.environment["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )
        self._client.create_bucket(Bucket="archive")

    def close(self) -> None:
        """Stops it; what it held is gone."""
        self._server.stop()

    def put(self, key: str, content: bytes) -> None:
        """Puts an object into the bucket."""
        self._client.put_object(Bucket="archive", Key=key, Body=content)

    def get(self, key: str) -> bytes:
        """An object's content."""
        content: bytes = self._client.get_object(Bucket="archive", Key=key)["Body"].read()
        return content

    def delete(self, key: str) -> None:
        """Takes an object out of the bucket."""
        self._client.delete_object(Bucket="archive", Key=key)

    def keys(self) -> set[str]:
        """The names of all objects."""
        found = self._client.list_objects_v2(Bucket="archive").get("Contents", [])
        return {each["Key"] for each in found}


class GoogleStorage(Lasting):
    """Google's service with the bucket `archive`; else as `S3`."""

    address = "gs://archive"

    def open(self) -> None:
        """Starts it and makes the bucket."""
        from gcp_storage_emulator.server import create_server
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

        self._server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="archive")
        with contextlib.redirect_stdout(io.StringIO()):
            self._server.start()
        url = f"http://127.0.0.1:{self._server._api._httpd.server_address[1]}"
        self.environment: Mapping[str, str] = {
            "STORAGE_EMULATOR_HOST": url,
            "GOOGLE_CLOUD_PROJECT": "test",
            "SNAKEMAKE_STORAGE_GCS_PROJECT": "test",
        }
        client = storage.Client(
            "test", AnonymousCredentials(), client_options={"api_endpoint": url}
        )
        self._bucket = client.bucket("archive")

    def close(self) -> None:
        """Stops it; what it held is gone."""
        self._server.stop()

    def put(self, key: str, content: bytes) -> None:
        """Puts an object into the bucket."""
        self._bucket.blob(key).upload_from_string(content)

    def get(self, key: str) -> bytes:
        """An object's content."""
        content: bytes = self._bucket.blob(key).download_as_bytes()
        return content

    def delete(self, key: str) -> None:
        """Takes an object out of the bucket."""
        self._bucket.blob(key).delete()

    def keys(self) -> set[str]:
        """The names of all objects."""
        return {blob.name for blob in self._bucket.list_blobs()}
