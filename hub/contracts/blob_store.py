"""Bytes by their SHA-256: originals, documents, pixels."""

from pathlib import Path
from typing import BinaryIO, Protocol


class BlobStore(Protocol):
    """Content-addressed. ``put`` returns after fsync of file and folder; putting the same bytes again is the same
    blob. Names never come from outside: the key is the lower-case hex SHA-256. Reading raises
    ``hub.contracts.errors.NotFound``, and Busy where the bytes lie far away and cannot be had now. Not promised:
    deletion in use order."""

    def put(self, content: bytes) -> str:
        """Store bytes durably and return their SHA-256 (hex)."""
        ...

    def adopt(self, path: Path, sha256: str) -> None:
        """Take over a complete, already fsynced file on the same file system under its hash (rename + folder fsync)."""
        ...

    def open(self, sha256: str) -> BinaryIO: ...

    def descriptor(self, sha256: str) -> int:
        """The same as a file descriptor of a plain file, for pread, mmap and sendfile; the caller closes it."""
        ...

    def near(self, sha256: str) -> int | None:
        """The same where no network is needed for it; None where the bytes are elsewhere, or nowhere."""
        ...

    def has(self, sha256: str) -> bool:
        """Raises Busy where that cannot be known now."""
        ...

    def size_bytes(self, sha256: str) -> int:
        """Of the bytes that were put, however they are stored."""
        ...

    def delete(self, sha256: str) -> None:
        """Deleting what is not there is no error."""
        ...
