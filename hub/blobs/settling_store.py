"""A blob store in two steps: what arrives is durable in a folder at once, and comes to rest on a shelf afterwards.

```
put, adopt ─► arriving (folder, fsync) ──settle──► shelf (folder or bucket; packed or not)
                  │                       └──────► cache (the original, for reading)
open ◄── arriving, else a plain file on the shelf, else the cache ◄── fetched once from the shelf, unpacked, checked
```

So no sender ever waits for a bucket, and one that is away is felt only by those who read what is neither still arriving
nor cached. A file moves in the direction in which readers look for it. What is deleted is gone for readers at once: a
mark that outlives a crash says so until the shelf has let go of it.
"""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from hub.contracts.errors import Busy, ExchangeError, Fault, NotFound

from .cache import FileCache
from .folder import FolderBlobStore, absent, disk_full_is_busy, sync_folder
from .packing import MAGIC, Packing
from .shelf import Shelf


class SettlingBlobStore:
    """``hub.contracts.blob_store.BlobStore``. Arriving, cache and a shelf in a folder are on one file system. Any
    thread, any process; ``settle`` in one of them, and of one blob not twice at a time."""

    def __init__(
        self, arriving: FolderBlobStore, shelf: Shelf, cache: FileCache, packing: Packing, *, pack: bool
    ) -> None:
        self.arriving = arriving
        self.shelf = shelf
        self.cache = cache
        self._packing = packing
        self._pack = pack
        self._deleted = arriving.root / "deleted"
        self._deleted.mkdir(exist_ok=True)

    def put(self, content: bytes) -> str:
        sha256 = self.arriving.put(content)
        self._mark(sha256).unlink(missing_ok=True)
        return sha256

    def adopt(self, path: Path, sha256: str) -> None:
        self.arriving.adopt(path, sha256)
        self._mark(sha256).unlink(missing_ok=True)

    def open(self, sha256: str) -> BinaryIO:
        return os.fdopen(self.descriptor(sha256), "rb")

    def descriptor(self, sha256: str) -> int:
        if (found := self.near(sha256)) is not None:
            return found
        if self._mark(sha256).exists():
            raise absent()
        return self.cache.open(sha256, lambda path: self._fetch(sha256, path), sha256=sha256)

    def near(self, sha256: str) -> int | None:
        if (found := self.arriving.near(sha256)) is not None:
            return found
        if self._mark(sha256).exists():
            return None
        if (found := self._plain(sha256)) is not None:
            return found
        return self.cache.find(sha256, sha256=sha256)

    def has(self, sha256: str) -> bool:
        return self.arriving.has(sha256) or (not self._mark(sha256).exists() and self.shelf.has(sha256))

    def size_bytes(self, sha256: str) -> int:
        """Where only a packed form is at hand, this unpacks it."""
        descriptor = self.descriptor(sha256)
        try:
            return os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)

    def delete(self, sha256: str) -> None:
        mark = self._mark(sha256)
        with disk_full_is_busy():
            mark.touch()
            sync_folder(self._deleted)
        self.arriving.delete(sha256)
        self.cache.discard(sha256)

    def clear_unfinished(self) -> None:
        """Remove what a crash left half-done. Only before any writer or reader runs."""
        self.arriving.clear_unfinished()
        self.shelf.clear_unfinished()
        self.cache.clear_unfinished()

    def waiting(self) -> Iterator[str]:
        """What has not come to rest."""
        return self.arriving.keys()

    def deleted(self) -> list[str]:
        """What the shelf has not let go of yet."""
        return [mark.name for mark in self._deleted.iterdir()]

    def settle(self, sha256: str) -> None:
        """Bring one blob to rest, or remove it from the shelf where it was deleted. May be done again after a crash at
        any point. Raises Busy where the shelf is out of reach; the blob stays where it is then."""
        mark = self._mark(sha256)
        if mark.exists():
            self.shelf.delete(sha256)
            mark.unlink(missing_ok=True)
        original = self.arriving.path(sha256)
        if not original.exists():
            return
        try:
            self._bring(sha256, original)
        except FileNotFoundError:  # it was deleted meanwhile
            if original.exists():
                raise
            return
        with suppress(FileNotFoundError):  # the shelf took the file itself, or it was deleted meanwhile
            self.cache.adopt(sha256, original)
            sync_folder(original.parent)

    def bring_back(self, sha256: str) -> None:
        """The reverse of ``settle``: the original lies in the folder again, and the shelf has let go of it. May be done
        again after a crash at any point. Raises Busy, and Fault for a form that is damaged: it stays where it is."""
        mark, new = self._mark(sha256), self.arriving.unfinished / uuid.uuid4().hex
        try:
            if not mark.exists() and not self.arriving.has(sha256):
                self._fetch(sha256, new)
                with new.open("rb") as file:
                    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                        raise Fault("A stored blob is damaged.", remedy="Run hub verify; restore it from a backup.")
                    os.fsync(file.fileno())
                self.arriving.adopt(new, sha256)
        finally:
            new.unlink(missing_ok=True)
        self.shelf.delete(sha256)
        mark.unlink(missing_ok=True)
        self.cache.discard(sha256)

    def _bring(self, sha256: str, original: Path) -> None:
        packed = self.arriving.unfinished / uuid.uuid4().hex
        try:
            if self._pack and self._packing.pack(original, sha256, packed):
                with packed.open("rb") as file:
                    os.fsync(file.fileno())
                self.shelf.put(sha256, packed)
            else:
                self.shelf.put(sha256, original)
        finally:
            packed.unlink(missing_ok=True)

    def verify(self) -> Iterator[str]:
        """One sentence for each blob whose bytes are not those of its name, wherever it is. A bucket is read whole."""
        yield from self.arriving.verify()
        try:
            for key in self.shelf.stored():
                if (fault := self._fault(key)) is not None:
                    yield fault
        except Busy as away:
            yield f"blobs: {away.what} What is there could not be checked."

    def _fault(self, key: str) -> str | None:
        form = self.arriving.unfinished / uuid.uuid4().hex
        try:
            self._fetch(key, form)
            with form.open("rb") as file:
                sound = hashlib.file_digest(file, "sha256").hexdigest() == key
        except NotFound:
            return None  # deleted meanwhile
        except Busy:
            raise
        except ExchangeError:
            sound = False
        finally:
            form.unlink(missing_ok=True)
        if sound or self._mark(key).exists():
            return None
        return f"blobs: the stored form of {key} does not give back what was stored; restore it from a backup."

    def _fetch(self, sha256: str, to: Path) -> None:
        self.shelf.fetch(sha256, to)
        self._packing.unpack(to, sha256)

    def _plain(self, sha256: str) -> int | None:
        """An unpacked file on a shelf that has files."""
        if (place := self.shelf.near(sha256)) is None:
            return None
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        if os.pread(descriptor, len(MAGIC), 0) != MAGIC:
            return descriptor
        os.close(descriptor)
        return None

    def _mark(self, sha256: str) -> Path:
        self.arriving.path(sha256)  # refuses what is no key
        return self._deleted / sha256
