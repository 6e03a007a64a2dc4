"""Where blobs come to rest: another folder, or a bucket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Shelf(Protocol):
    """Stored forms by the SHA-256 of the original; the form may be another one (``hub.blobs.packing``).

    Every call may raise Busy where the shelf is out of reach; nothing has happened then, or it may be done again."""

    def put(self, key: str, form: Path) -> None:
        """Returns when ``form`` is stored durably, replacing what was there. The file is gone afterwards, or is left to
        the caller."""
        ...

    def fetch(self, key: str, to: Path) -> None:
        """Write the stored form to a new file, which may be left in part after a failure. Raises NotFound."""
        ...

    def near(self, key: str) -> Path | None:
        """Where the stored form would be as a file; None where a shelf has no files."""
        ...

    def has(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        ...

    def stored(self) -> Iterator[str]: ...

    def clear_unfinished(self) -> None:
        """Remove what a crash left half-done. Only while nobody else uses this shelf."""
        ...
