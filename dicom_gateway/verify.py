"""Every index row against its bytes, and the index against itself."""

import hashlib
import os
from collections.abc import Iterator
from itertools import chain

from hub.contracts.errors import Busy

from .archive import Archive

_STEP_BYTES = 1 << 20


def verify(archive: Archive) -> Iterator[str]:
    """One sentence a fault. May run beside a gateway that receives."""
    for (said,) in archive.index.rows("PRAGMA integrity_check(10)"):
        if said != "ok":
            yield f"dicom: index.sqlite is damaged ({said}); restore it from a backup."
    for row in chain(archive.index.every_instance(), archive.index.served_files.every_received()):
        if row.archive is not None:
            continue  # its archive answers for it
        if (descriptor := archive.files.near(row)) is None:
            try:
                there = archive.blobs.has(row.sha256.hex())  # the blob store has checked its bytes
            except Busy as away:
                yield f"dicom: {away.what} Which instances are complete could not be checked."
                break
            if not there:
                yield f"dicom: the bytes of instance row {row.id} are missing; restore blob {row.sha256.hex()}."
            continue
        try:
            digest = hashlib.sha256()
            at = 0
            while piece := os.pread(descriptor, _STEP_BYTES, at):
                digest.update(piece)
                at += len(piece)
        finally:
            os.close(descriptor)
        if digest.digest() != row.sha256:
            yield f"dicom: the bytes of instance row {row.id} are not what was stored; restore blob {row.sha256.hex()}."
    for organization in archive.index.usage.miscounted():
        yield f"dicom: what {organization} keeps is counted wrongly; rebuild the index."
    for table, counted in (("study", "study"), ("series", "series")):
        wrong = archive.index.rows(
            f"SELECT count(*) FROM {table} t WHERE t.instance_count <> "  # noqa: S608 - constants
            f"(SELECT count(*) FROM instance i WHERE i.{counted} = t.id)"
        )
        if wrong[0][0]:
            yield f"dicom: {wrong[0][0]} rows of {table} count their instances wrongly; rebuild the index."
