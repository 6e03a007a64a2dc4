"""Deleting studies, series and instances for good. The acts stay, and so does the audit trail. What a deleted rejection
note had rejected comes back."""

import sqlite3
from collections.abc import Callable

from hub.contracts.blob_store import BlobStore
from hub.contracts.caller import Caller, Role
from hub.contracts.errors import NotFound

from ..corrections.desk import by_of
from ..spool import Spool
from ..study_index import acts
from ..study_index.acts import By, Kind
from ..study_index.corrections import Subject
from ..study_index.index import StudyIndex
from ..study_index.withdrawing import Freed, delete, is_referred_to, revoke

KeptElsewhere = Callable[[str], bool]
"""Whether somebody beyond the gateway needs the bytes of this SHA-256 (hex)."""


class Deletion:
    """Any thread."""

    def __init__(self, index: StudyIndex, spool: Spool, blobs: BlobStore, kept_elsewhere: KeptElsewhere) -> None:
        self._index = index
        self._spool = spool
        self._blobs = blobs
        self._kept_elsewhere = kept_elsewhere

    def delete(self, caller: Caller, subject: Subject, reason: str) -> int:
        """How many instances were there and are gone. An organization deletes its own, an admin everybody's. Raises
        Incorrect without a reason, NotFound, Conflict."""
        by = by_of(caller, reason)
        owner = subject.owner if caller.role is Role.ADMIN else caller.organization
        whose = Subject(owner, subject.study_uid, subject.series_uid, subject.sop_instance_uid)
        return self.delete_for(by, whose)

    def delete_for(self, by: By, subject: Subject) -> int:
        freed, deleted = self._index.writer.submit(lambda connection: _delete(connection, subject, by)).result()
        for file in freed:
            self._free(file)
        return deleted

    def _free(self, file: Freed) -> None:
        """Bytes go when their rows are gone, unless other rows name them. A crash between leaves bytes, never a row
        without them."""
        if file.spool is not None:
            self._spool.path(file.spool).unlink(missing_ok=True)
        sha256 = file.sha256.hex()
        if not is_referred_to(self._index.connections.get(), file) and not self._kept_elsewhere(sha256):
            self._blobs.delete(sha256)


def _delete(connection: sqlite3.Connection, subject: Subject, by: By) -> tuple[list[Freed], int]:
    study = acts.study_row(connection, subject.owner, subject.study_uid)
    counted = "SELECT instance_count FROM study WHERE id = ?"
    before = connection.execute(counted, (study,)).fetchone()[0]
    freed = delete(connection, study, subject.series_uid, subject.sop_instance_uid)
    if not freed:
        raise NotFound("There is no such study, series or instance here.", remedy="Check the UIDs.")
    acts.note(connection, study, Kind.DELETE, subject.part, by)
    owner = connection.execute("SELECT owner FROM study WHERE id = ?", (study,)).fetchone()[0]
    for uid in {file.uid for file in freed}:
        revoke(connection, owner, uid, by)  # where it was a rejection note
    return freed, before - connection.execute(counted, (study,)).fetchone()[0]
