"""Blobs in a folder: ``ROOT/ab/cdef…``, each file named by the SHA-256 of what it holds (FIPS 180-4)."""

import errno
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hub.contracts.errors import Busy, NotFound

_KEY = re.compile(r"[0-9a-f]{64}\Z")
_CHUNK_BYTES = 1 << 20


class FolderBlobStore:
    """``hub.contracts.blob_store.BlobStore`` on a local file system. Safe for any number of threads and processes.

    ``unfinished`` is a folder on the same file system where files may be written before ``adopt``; what a crash left
    there is removed by ``clear_unfinished``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unfinished = root / "unfinished"
        self.unfinished.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        target = self.path(sha256)
        try:
            known = target.stat().st_size == len(content)
        except FileNotFoundError:
            known = False
        if known:
            # Another process may have renamed it a moment ago and not yet synced the folder; its promise is ours now.
            sync_folder(target.parent)
            return sha256
        new = self.unfinished / uuid.uuid4().hex
        with disk_full_is_busy():
            try:
                with new.open("xb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                self.adopt(new, sha256)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
        return sha256

    def adopt(self, path: Path, sha256: str) -> None:
        target = self.path(sha256)
        with disk_full_is_busy():
            if not target.parent.is_dir():
                target.parent.mkdir(exist_ok=True)
                sync_folder(self.root)
            path.replace(target)
            sync_folder(target.parent)

    def open(self, sha256: str) -> BinaryIO:
        return os.fdopen(self.descriptor(sha256), "rb")

    def descriptor(self, sha256: str) -> int:
        if (found := self.near(sha256)) is None:
            raise absent()
        return found

    def near(self, sha256: str) -> int | None:
        try:
            return os.open(self.path(sha256), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def path(self, sha256: str) -> Path:
        """Where the file is or would be; raises NotFound for what is no SHA-256."""
        if not _KEY.match(sha256):
            raise absent()
        return self.root / sha256[:2] / sha256[2:]

    def size_bytes(self, sha256: str) -> int:
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            raise absent() from None

    def delete(self, sha256: str) -> None:
        """Deleting what is not there is no error."""
        target = self.path(sha256)
        target.unlink(missing_ok=True)
        if target.parent.is_dir():
            sync_folder(target.parent)

    def keys(self) -> Iterator[str]:
        """Every blob there is, in no promised order."""
        for shelf in sorted(self.root.iterdir()):
            if len(shelf.name) == 2 and shelf.is_dir():
                for file in sorted(shelf.iterdir()):
                    yield shelf.name + file.name

    def verify(self) -> Iterator[str]:
        """One sentence for each blob whose bytes are not those of its name."""
        for key in self.keys():
            if not _KEY.match(key):
                yield f"blobs: {key} is no blob; remove it."
                continue
            digest = hashlib.sha256()
            try:
                with self.open(key) as file:
                    while chunk := file.read(_CHUNK_BYTES):
                        digest.update(chunk)
            except NotFound:
                continue  # deleted meanwhile
            if digest.hexdigest() != key:
                yield f"blobs: the bytes of {key} are not what was stored; restore this file from a backup."

    def clear_unfinished(self) -> None:
        """Remove half-written files. Only before any writer runs on this folder."""
        for file in self.unfinished.iterdir():
            file.unlink(missing_ok=True)


def absent() -> NotFound:
    return NotFound("There are no such bytes here.")


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_full_is_busy() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            full = Busy("The disk of the hub is full; nothing was kept.", remedy="Send it again later.")
            full.http_status = 507  # type: ignore[misc]
            raise full from failure
        raise
