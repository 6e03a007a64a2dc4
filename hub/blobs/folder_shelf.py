"""A shelf in a folder of the same file system: one file a blob, in its stored form."""

from collections.abc import Iterator
from pathlib import Path

from .folder import FolderBlobStore, absent


class FolderShelf:
    """``hub.blobs.shelf.Shelf``. Any thread, any process."""

    def __init__(self, root: Path) -> None:
        self._files = FolderBlobStore(root)

    def put(self, key: str, form: Path) -> None:
        """Takes the file over; it must be synced and on the same file system."""
        self._files.adopt(form, key)

    def fetch(self, key: str, to: Path) -> None:
        try:
            to.hardlink_to(self._files.path(key))
        except FileNotFoundError:
            raise absent() from None

    def near(self, key: str) -> Path | None:
        return self._files.path(key)

    def has(self, key: str) -> bool:
        return self._files.has(key)

    def delete(self, key: str) -> None:
        self._files.delete(key)

    def stored(self) -> Iterator[str]:
        return self._files.keys()

    def clear_unfinished(self) -> None:
        self._files.clear_unfinished()
