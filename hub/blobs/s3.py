"""A shelf in a bucket of any object store that speaks S3: ``PREFIX/ab/cdef…``, by the obstore client.

Each upload carries its SHA-256, which the server checks. A small object is created with ``If-None-Match: *``, so that
what is there is never overwritten unseen; one that is there already is read back, and only one that is sound counts.
Larger objects go up in parts, each with its checksum, and are seen whole or not at all. Parts that a crash left behind
are best removed by a lifecycle rule of the bucket (AbortIncompleteMultipartUpload).

A client has threads of its own and does not outlive a fork: it is made at the first use in each process.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotSupportedError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from hub.contracts.errors import Busy, NotFound

from .folder import absent, disk_full_is_busy

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

PART_BYTES = 8 << 20
"""Of an upload in parts; smaller objects go up in one."""
RETRY_AFTER_SECONDS = 10
PAUSE_SECONDS = 2.0
_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bucket cannot be used, as one sentence with the remedy."""

    sentence: str
    away: bool = False
    """It may be there and sound: it was not reached."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where the bucket is and who we are there. Without a key, the environment (``AWS_…``) and then the machine's own
    credentials count."""

    name: str
    endpoint: str | None = None
    region: str = "us-east-1"
    prefix: str = ""
    key: str | None = None
    secret: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    path_style: bool = True
    timeout_seconds: float = 10.0
    """Longest silence of the server."""

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


class S3Shelf:
    """``hub.blobs.shelf.Shelf``. Any thread, any process."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._made: tuple[int, S3Store] | None = None
        self._not_before = 0.0

    def put(self, key: str, form: Path) -> None:
        size = form.stat().st_size
        content = form.read_bytes() if size <= PART_BYTES else b""
        with self._reachable():
            if size <= PART_BYTES:
                try:
                    obstore.put(self._store, _name(key), content, mode="create", use_multipart=False)
                    return
                except AlreadyExistsError:
                    pass
                except NotSupportedError:  # a server that knows no conditional put
                    obstore.put(self._store, _name(key), content, use_multipart=False)
                    return
            if not self._is_there(key, form, size):
                obstore.put(self._store, _name(key), form, chunk_size=PART_BYTES, max_concurrency=4)

    def fetch(self, key: str, to: Path) -> None:
        with self._reachable():
            found = obstore.get(self._store, _name(key))
            with disk_full_is_busy(), to.open("xb") as file:
                for piece in found.stream(_STEP_BYTES):
                    file.write(piece)

    def near(self, key: str) -> Path | None:
        return None

    def has(self, key: str) -> bool:
        try:
            with self._reachable():
                obstore.head(self._store, _name(key))
        except NotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        try:
            with self._reachable():
                obstore.delete(self._store, _name(key))
        except NotFound:
            return

    def stored(self) -> Iterator[str]:
        with self._reachable():
            for page in obstore.list(self._store):
                for one in page:
                    shelf, _, rest = one["path"].partition("/")
                    if len(shelf) == 2:
                        yield shelf + rest

    def clear_unfinished(self) -> None:
        """Parts without an end are the bucket's to remove."""

    def refusal(self) -> Refusal | None:
        """None where the bucket can be used. Writes, reads and removes a small object."""
        try:
            probe = os.urandom(32)
            obstore.put(self._store, "probe", probe, use_multipart=False)
            if bytes(obstore.get(self._store, "probe").bytes()) != probe:
                return Refusal(f"{self._bucket} gives back other bytes than were put. Give a bucket of the hub's own.")
            obstore.delete(self._store, "probe")
        except Exception as failure:
            return _refusal(failure, self._bucket)
        return None

    def _is_there(self, key: str, form: Path, size: int) -> bool:
        """Whether the stored object is byte for byte this one."""
        try:
            found = obstore.get(self._store, _name(key))
        except FileNotFoundError:
            return False
        if found.meta["size"] != size:
            return False
        stored, ours = hashlib.sha256(), hashlib.sha256()
        for piece in found.stream(_STEP_BYTES):
            stored.update(piece)
        with form.open("rb") as file:
            while piece := file.read(_STEP_BYTES):
                ours.update(piece)
        return stored.digest() == ours.digest()

    @property
    def _store(self) -> S3Store:
        made, process = self._made, os.getpid()
        if made is None or made[0] != process:
            made = self._made = (process, _client(self._bucket))
        return made[1]

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        """A server that did not answer is not asked again for a moment, so that those who wait for it are few."""
        if time.monotonic() < self._not_before:
            raise _away("The object store cannot be reached.")
        try:
            yield
        except FileNotFoundError as missing:
            if "NoSuchBucket" in str(missing):
                raise _away(f"The bucket {self._bucket.name} is gone.") from missing
            raise absent() from None
        except (PermissionDeniedError, UnauthenticatedError) as refused:
            raise _away("The object store refuses the hub's key.") from refused
        except BaseError as failure:
            self._not_before = time.monotonic() + PAUSE_SECONDS
            raise _away("The object store cannot be reached.") from failure


def _client(bucket: Bucket) -> S3Store:
    config: S3Config = {
        "region": bucket.region,
        "checksum_algorithm": "sha256",
        "conditional_put": "etag",
        "disable_bulk_delete": True,
        "virtual_hosted_style_request": not bucket.path_style,
    }
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint
    if bucket.key and bucket.secret:
        config["access_key_id"], config["secret_access_key"] = bucket.key, bucket.secret
    options: ClientConfig = {
        "allow_http": bool(bucket.endpoint and bucket.endpoint.startswith("http://")),
        "connect_timeout": timedelta(seconds=min(bucket.timeout_seconds, 5.0)),
        "read_timeout": timedelta(seconds=bucket.timeout_seconds),
        "timeout": timedelta(hours=1),
    }
    if bucket.ca_file is not None:
        options["root_certificate"] = bucket.ca_file.read_bytes()
    return S3Store(
        bucket.name,
        prefix=bucket.prefix or None,
        config=config,
        client_options=options,
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=bucket.timeout_seconds)},
    )


def _name(key: str) -> str:
    return f"{key[:2]}/{key[2:]}"


def _away(what: str) -> Busy:
    return Busy(what, retry_after_seconds=RETRY_AFTER_SECONDS, remedy="Ask again later.")


def _refusal(failure: Exception, bucket: Bucket) -> Refusal:
    text, at = str(failure), f" at {bucket.endpoint}" if bucket.endpoint else ""
    if "SignatureDoesNotMatch" in text or "InvalidAccessKeyId" in text:
        return Refusal(
            f"The object store{at} does not know this key and secret. "
            "Correct HUB_BLOBS__S3__KEY and HUB_BLOBS__S3__SECRET."
        )
    if "NoSuchBucket" in text:
        return Refusal(f"There is no bucket {bucket.name}{at}. Make it, or correct HUB_BLOBS__S3__BUCKET.")
    if isinstance(failure, (PermissionDeniedError, UnauthenticatedError)):
        return Refusal(f"The key may not use {bucket}. Allow it to get, put, list and delete objects there.")
    return Refusal(
        f"The object store{at or ' of AWS in ' + bucket.region} cannot be reached. Start it, or correct "
        "HUB_BLOBS__S3__ENDPOINT (and HUB_BLOBS__S3__CA_FILE, where its certificate is of your own authority).",
        away=True,
    )
