"""Of two copies of one object with the same pixels and other headers, somebody says which is right."""

import mmap

from hub.contracts.caller import Caller
from hub.contracts.errors import Conflict, NotFound

from ..archive import Archive
from ..file_meta import read_file_meta
from ..header import WANTED, Header, read_header
from ..inflate import inflated
from ..same_instance import DataSet, Sameness, sameness
from ..scan import scan
from ..spool import SpoolFile, disk_failure
from ..study_index.instance_row import InstanceRow
from ..study_index.replacing import Replacement, replace
from ..transfer_syntaxes import TRANSFER_SYNTAXES, TransferSyntax
from .desk import by_of

_WANTED = dict.fromkeys(WANTED)


class Reconciliation:
    """Any thread."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def take_new(self, content: bytes, sender: Caller, decider: Caller, reason: str) -> None:
        """``content`` is the later copy, a Part 10 file that ``sender`` sent: from now on it is the one that is found
        and given. Taking it twice is once. Raises Incorrect without a reason; NotFound where the first copy is gone;
        Conflict where the two are not of one image any more."""
        by = by_of(decider, reason)
        transfer_syntax, data_set_at = read_file_meta(content)
        syntax = TRANSFER_SYNTAXES[transfer_syntax]
        archive = self._archive
        file = archive.spool.create()
        try:
            file.write(content)
            header, row, found = self._compared(file, data_set_at, syntax, sender)
            if found is Sameness.SAME:
                return
            if found is not Sameness.SAME_PIXELS or (row.study_uid, row.series_uid) != (
                header.study_uid,
                header.series_uid,
            ):
                raise Conflict(
                    "The two copies are not of one image.",
                    where="(0008,0018)",
                    remedy="Send the changed object under a new SOP Instance UID.",
                )
            file.sync()
            archive.files.adopt(archive.index.served_files.received(row))
            archive.files.adopt_file(archive.spool.path(file.name), file.digest)
            new = Replacement(row, header, file.digest, file.size_bytes, data_set_at, transfer_syntax)
            archive.index.writer.submit(lambda connection: replace(connection, new, by)).result()
        except OSError as failure:
            raise disk_failure(failure) from failure
        finally:
            file.discard()

    def _compared(
        self, file: SpoolFile, data_set_at: int, syntax: TransferSyntax, sender: Caller
    ) -> tuple[Header, InstanceRow, Sameness]:
        archive = self._archive
        with mmap.mmap(file.descriptor, file.size_bytes, access=mmap.ACCESS_READ) as view:
            if syntax.deflated:
                with inflated(
                    view, data_set_at, archive.settings.maximum_inflated_bytes, archive.spool.folder
                ) as plain:
                    return self._with((plain, 0, len(plain), syntax), sender)
            return self._with((view, data_set_at, len(view), syntax), sender)

    def _with(self, new: DataSet, sender: Caller) -> tuple[Header, InstanceRow, Sameness]:
        archive, syntax = self._archive, new[3]
        header = read_header(scan(*new, _WANTED), big_endian=syntax.big_endian)
        row = archive.index.of_owner(sender.organization, header.sop_instance_uid)
        if row is None:
            raise NotFound("The first copy is not here any more.", remedy="Send or replay the later one.")
        received = archive.index.served_files.received(row)
        with archive.files.data_set(received) as (buffer, begin, end):
            first = (buffer, begin, end, TRANSFER_SYNTAXES[received.transfer_syntax])
            return header, row, sameness(first, new, archive.codecs)
