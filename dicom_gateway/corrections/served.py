"""Bringing the file that an instance's row names in line with the correction in force of its study."""

import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain

from hub.contracts.site import ZONE

from ..character_set import default_in
from ..header import WANTED, Header, read_header
from ..instance_files import InstanceFiles
from ..scan import Buffer, scan
from ..spool import Spool, disk_failure
from ..study_index.index import StudyIndex
from ..study_index.instance_row import InstanceRow
from ..study_index.served_files import CopiedFile
from ..transfer_syntaxes import TRANSFER_SYNTAXES
from .coercion import Coercion, coerced

_WANTED = dict.fromkeys(WANTED)
_STEP_BYTES = 4 << 20
"""Of the pixels, copied at a time."""


class Served:
    """``system`` is what the copies call us (Modifying System)."""

    def __init__(self, index: StudyIndex, files: InstanceFiles, spool: Spool, system: str) -> None:
        self._index = index
        self._files = files
        self._spool = spool
        self._system = system

    def current(self, rows: Sequence[InstanceRow]) -> list[InstanceRow]:
        """The same instances, each row naming the file that is to be given now. Reads and writes files where a
        correction is new: call it off the event loop. Raises Busy where the disk is full."""
        if all(row.is_current for row in rows):
            return list(rows)
        for row in rows:
            if not row.is_current:
                self.renew(row)
        fresh = {row.id: row for row in self._index.by_ids([row.id for row in rows])}
        return [fresh[row.id] for row in rows if row.id in fresh]

    def renew(self, row: InstanceRow) -> None:
        """Make one row name the file that is to be given. Doing it twice, also at the same time, is once."""
        if row.correction is None:
            self._index.served_files.serve_received(row).result()
            return
        received = self._index.served_files.received(row)
        self._files.adopt(received)  # its row in the spool ends with the change
        copy = self._copy(received, row.correction)
        self._index.served_files.serve(row, copy, row.correction).result()

    def _copy(self, row: InstanceRow, correction: int) -> CopiedFile:
        syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
        file = self._spool.create()
        try:
            with self._files.file(row) as whole:
                file.write(whole[: row.data_set_at])
            with self._files.data_set(row) as (buffer, begin, end):
                found = scan(buffer, begin, end, syntax, _WANTED)
                header = read_header(found, big_endian=syntax.big_endian, default=default_in(row.characters))
                new, rest = coerced(
                    buffer, begin, end, syntax, header.characters, self._coercion(row, correction, header)
                )
                pack = zlib.compressobj(wbits=-zlib.MAX_WBITS) if syntax.deflated else None
                for piece in chain((new,), _pieces(buffer, rest, end)):
                    file.write(pack.compress(piece) if pack else piece)
                if pack:
                    tail = pack.flush()
                    file.write(tail + b"\0" * ((file.size_bytes + len(tail) - row.data_set_at) & 1))
            file.sync()
        except OSError as failure:
            file.discard()
            raise disk_failure(failure) from failure
        except BaseException:
            file.discard()
            raise
        made = CopiedFile(file.digest, file.size_bytes, row.data_set_at, row.transfer_syntax, row.characters)
        self._files.adopt_file(self._spool.path(file.name), file.digest)
        file.close()
        return made

    def _coercion(self, row: InstanceRow, correction: int, header: Header) -> Coercion:
        corrected, at_us = self._index.corrections.in_force(correction)
        series = row.series_uid if row.series_uid != header.series_uid else None
        at = datetime.fromtimestamp(at_us / 1_000_000, ZONE)
        return Coercion(corrected, series, self._system, at)


def _pieces(buffer: Buffer, at: int, end: int) -> Iterator[bytes]:
    for begin in range(at, end, _STEP_BYTES):
        yield bytes(buffer[begin : min(begin + _STEP_BYTES, end)])
