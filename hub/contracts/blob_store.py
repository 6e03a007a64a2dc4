"""Bytes by their SHA-256: originals, documents, pixels."""

from pathlib import Path
from typing import BinaryIO, Protocol


class BlobStore(Protocol):
    """Content-addressed. ``put`` returns after fsync of file and folder; putting the same bytes again is the same
    blob. Names never come from outside: the key is the lower-case hex SHA-256. Not promised: deletion in use order."""

    def put(self, content: bytes) -> str:
        """Store bytes durably and return their SHA-256 (hex)."""
        ...

    def adopt(self, path: Path, sha256: str) -> None:
        """Take over a complete, already fsynced file on the same file system under its hash (rename + folder fsync)."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Raises ``hub.contracts.errors.NotFound``."""
        ...

    def path(self, sha256: str) -> Path | None:
        """Where the bytes lie, for sendfile and preadv; None where the store has no files."""
        ...

    def size_bytes(self, sha256: str) -> int: ...

    def delete(self, sha256: str) -> None: ...
