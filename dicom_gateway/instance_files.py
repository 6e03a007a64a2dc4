"""Where the bytes of an instance lie: in the spool at first, later in the blob store, whichever moment one asks."""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from hub.contracts.blob_store import BlobStore
from hub.contracts.errors import Fault, NotFound

from .inflate import inflated
from .scan import Buffer
from .spool import Spool
from .study_index.instance_row import InstanceRow
from .transfer_syntaxes import TRANSFER_SYNTAXES


class Elsewhere(Protocol):
    """Objects whose bytes live at an archive of their hospital (``distant.fetching.DistantFiles``)."""

    def bring(self, row: InstanceRow) -> InstanceRow: ...

    def open(self, row: InstanceRow) -> int: ...


class InstanceFiles:
    """Reads of stored files. An index row that names a spool file may be older than the blob store's adopting it: the
    hash, known from the start, leads to the file then."""

    def __init__(
        self, spool: Spool, blobs: BlobStore, maximum_inflated_bytes: int, elsewhere: Elsewhere | None = None
    ) -> None:
        self._elsewhere = elsewhere
        self._spool = spool
        self._blobs = blobs
        self._maximum_inflated_bytes = maximum_inflated_bytes

    def open(self, row: InstanceRow) -> int:
        """A file descriptor for reading; the caller closes it. Raises Fault where the bytes are gone, Busy where they
        lie far away and cannot be had now. May wait for a network: not for an event loop."""
        if row.archive is not None and self._elsewhere is not None:
            return self._elsewhere.open(row)
        if (found := self.near(row)) is not None:
            return found
        try:
            return self._blobs.descriptor(row.sha256.hex())
        except NotFound:
            raise Fault(
                "The bytes of this instance are missing.", remedy="Run hub verify; restore the file from a backup."
            ) from None

    def at_hand(self, row: InstanceRow) -> InstanceRow:
        """The row as it is once its bytes are here: itself, but for an object that lives elsewhere and had not been
        fetched. May wait for an archive. Raises Busy, Gone."""
        if row.archive is None or self._elsewhere is None:
            return row
        return self._elsewhere.bring(row)

    def near(self, row: InstanceRow) -> int | None:
        """The same as ``open`` without ever waiting; None where the bytes are not on this machine's disks."""
        if row.archive is not None:
            return None
        if row.spool is not None:
            try:
                return os.open(self._spool.path(row.spool), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                pass
        return self._blobs.near(row.sha256.hex())

    @contextmanager
    def file(self, row: InstanceRow) -> Iterator[mmap.mmap]:
        """The whole Part 10 file as it is stored."""
        descriptor = self.open(row)
        try:
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as view:
                yield view
        finally:
            os.close(descriptor)

    @contextmanager
    def data_set(self, row: InstanceRow) -> Iterator[tuple[Buffer, int, int]]:
        """(buffer, begin, end) of the data set, inflated where its transfer syntax is deflated. Positions in a frame
        table are positions in this buffer."""
        with self.file(row) as view:
            if TRANSFER_SYNTAXES[row.transfer_syntax].deflated:
                folder = self._spool.folder
                with inflated(view, row.data_set_at, self._maximum_inflated_bytes, folder) as plain:
                    yield plain, 0, len(plain)
            else:
                yield view, row.data_set_at, len(view)

    def adopt(self, row: InstanceRow) -> None:
        """Hand a spool file to the blob store. Doing it again, after a crash between this and the index row, is no
        error."""
        if row.spool is None:
            return
        path = self._spool.path(row.spool)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            os.fsync(descriptor)  # whoever stores it may still be about to
        finally:
            os.close(descriptor)
        self._blobs.adopt(path, row.sha256.hex())

    def adopt_file(self, path: Path, sha256: bytes) -> None:
        """Hand a file of our own making, complete and synced, to the blob store."""
        self._blobs.adopt(path, sha256.hex())
