"""After a crash: index rows whose spool files never reached the disk whole, and files that no row names.

Bytes and row of an object are written to the disk at the same time and acknowledged after both. Where the machine
stopped between the two, a row may name a torn file; its sender was never told that it is kept, and will send it again.
"""

import hashlib
from functools import partial

from hub.contracts.errors import Busy

from .archive import Archive
from .events import SWEPT, TORN
from .study_index.instance_row import InstanceRow
from .study_index.placing import remove

_STEP_BYTES = 1 << 20


def recover(archive: Archive) -> None:
    """To be called before the first object is taken. Reads the files that the blob store has not adopted yet: those of
    the last seconds, or of a backlog that ``aftercare`` bounds."""
    torn = 0
    for row in archive.index.deferred.spooled(1 << 30):
        if not _whole(archive, row):
            torn += 1
            _remove(archive, row)
    if torn:
        TORN.log(instances=torn)
    swept = archive.spool.sweep(archive.index.spool_names())
    if swept:
        SWEPT.log(files=swept)


def _whole(archive: Archive, row: InstanceRow) -> bool:
    """Are the bytes those that were received? Where the blob store has adopted them already, they are."""
    path = archive.spool.path(row.spool or "")
    try:
        if path.stat().st_size != row.size_bytes:
            return False
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_STEP_BYTES):
                digest.update(piece)
        return digest.digest() == row.sha256
    except FileNotFoundError:
        try:
            return archive.blobs.has(row.sha256.hex())
        except Busy:  # only an adopted file leaves the spool
            return True


def _remove(archive: Archive, row: InstanceRow) -> None:
    rows = archive.index.rows(
        "SELECT o.name FROM instance i JOIN organization o ON o.id = i.owner WHERE i.id = ?", (row.id,)
    )
    for (owner,) in rows:
        key = (owner, row.uid, row.spool or "")
        archive.index.writer.submit(partial(remove, owner=key[0], sop_instance_uid=key[1], spool=key[2])).result()
    archive.spool.path(row.spool or "").unlink(missing_ok=True)
