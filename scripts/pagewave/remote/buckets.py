"""Books from a bucket: one listing of what lies under a prefix, and the lists of books in it.

Objects are named like scans in a folder: `{state}/{school}/{year}/{page}.jpg`, a PDF or TIFF of
several pages by its pages, such as `7-16.pdf`. Addresses and keys of the cloud are those that its
own programs find, as Snakemake's storage plugins do.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pagewave.atomic import partial_of
from pagewave.config.types import unfit_for_snakemake
from pagewave.errors import DataError, PagewaveError, ServiceError, UnknownName
from pagewave.levels import YEAR, Levels
from pagewave.pages.remote_scans import BUCKETS, RemoteBook, RemoteScan
from pagewave.pages.scan_names import OF_MANY_PAGES, ScanFolder, is_number
from pagewave.remote.fetch import require_plugins

OF_PLUGIN = "SNAKEMAKE_STORAGE_S3_"
"""Begins the names of variables that Snakemake's plugin for S3 reads."""
_HINT = ": name it by them, such as 1-40.pdf"


class Object(NamedTuple):
    """An object in a bucket: its name behind the prefix, its address, and which version it is."""

    name: str
    url: str
    version: str


def list_objects(address: str) -> list[Object]:
    """All objects under an address such as `s3://bucket/prefix`.

    Raises:
        UnknownName: it is no such address.
        ConfigError: the storage plugin, or the program under it, is not installed.
        ServiceError: the bucket can't be listed.
    """
    parts = urlsplit(address)
    if parts.scheme not in BUCKETS or not parts.netloc:
        raise UnknownName(
            f"{address}: expected a bucket such as s3://bucket/prefix or gs://bucket."
        )
    require_plugins([address])
    prefix = f"{path}/" if (path := parts.path.strip("/")) else ""
    ask = _of_s3 if parts.scheme == "s3" else _of_gcs
    return sorted(
        Object(name.removeprefix(prefix), f"{parts.scheme}://{parts.netloc}/{name}", version)
        for name, version in ask(parts.netloc, prefix)
    )


def copy_for_bucket(file: str, copy: str) -> None:
    """Copy a file to where a storage plugin takes it from once the job has ended.

    Raises:
        PagewaveError: the disk is full, or something else is in the way.
    """
    # Buckets tell times in whole seconds: within the one in which it was written, the copy would be
    # older, and be made again.
    time.sleep(max(0.0, math.floor(Path(file).stat().st_mtime) + 1 - time.time()))
    partial = partial_of(Path(copy))
    try:
        shutil.copyfile(file, partial)
        partial.replace(copy)
    except OSError as error:
        raise PagewaveError(
            f"{file} can't be copied to {copy}: {error.strerror}. What is in the bucket stays; "
            "check the disk's space, then run the same command again."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def books_in(
    address: str, objects: list[Object], levels: Levels
) -> tuple[dict[str, RemoteBook], list[str]]:
    """The lists of the books that objects make, by their places, and what is no scan, in words.

    Raises:
        DataError: it is not clear which object holds a page; names all such.
    """
    folders: dict[str, dict[str, Object]] = defaultdict(dict)
    ignored = []
    for each in objects:
        *place, file = each.name.split("/")
        if all(map(_is_fit, [*place, file])) and _is_place(place, levels):
            folders["/".join(place)][file] = each
        elif file:
            ignored.append(f"{each.url} is no {levels.pattern}/{{page}}")
    books, problems = {}, []
    for place_id, files in sorted(folders.items()):
        scans = ScanFolder(Path(f"{address.rstrip('/')}/{place_id}"), files.keys())
        pages = {}
        for stem, source in scans.by_names().items():
            found = files[source.path.name]
            file, version = source.path.name, found.version
            pages[stem] = RemoteScan(file=file, url=found.url, leaf=source.leaf, version=version)
        problems += scans.problems
        used = {page.file for page in pages.values()}
        ignored += [
            f"{found.url} does not say which pages it is" + (_HINT if _can_be_one(name) else "")
            for name, found in files.items()
            if name not in used
        ]
        if pages:
            books[place_id] = RemoteBook(source=address, pages=pages)
    if problems:
        raise DataError("\n".join([f"{address} can't be used:", *(f"  {p}" for p in problems)]))
    return books, ignored


def _is_place(place: list[str], levels: Levels) -> bool:
    if len(place) != len(levels):
        return False
    named = zip(levels.names, place, strict=True)
    return all(is_number(folder) for level, folder in named if level == YEAR)


def _can_be_one(name: str) -> bool:
    return name.lower().endswith(OF_MANY_PAGES)


def _is_fit(name: str) -> bool:
    return bool(name) and name[0] != "." and unfit_for_snakemake(name) is None


def _of_s3(bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    names = ("endpoint_url", "region", "access_key", "secret_key", "token")
    given = {name: os.environ.get(f"{OF_PLUGIN}{name.upper()}") for name in names}
    try:
        client: Any = boto3.client(
            "s3",
            endpoint_url=given["endpoint_url"],
            region_name=given["region"],
            aws_access_key_id=given["access_key"],
            aws_secret_access_key=given["secret_key"],
            aws_session_token=given["token"],
        )
        for part in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in part.get("Contents", []):
                yield found["Key"], found["ETag"].strip('"')
    except (BotoCoreError, ClientError, ValueError) as error:
        raise ServiceError(
            f"s3://{bucket} can't be listed: {error}. Keys and address are those that boto3 finds "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3, ~/.aws)."
        ) from None


def _of_gcs(bucket: str, prefix: str) -> Iterator[tuple[str, str]]:
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import storage

    try:
        for found in storage.Client().list_blobs(bucket, prefix=prefix):
            yield found.name, str(found.generation)
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        raise ServiceError(
            f"gs://{bucket} can't be listed: {error}. Who you are is what Google's programs find "
            "(gcloud auth application-default login, GOOGLE_APPLICATION_CREDENTIALS)."
        ) from None
