"""What a reader needs of an instance beyond its index row: its DICOM JSON and where its frames lie.

Made after the acknowledgement, or by the first reader that asks.
"""

from collections.abc import Sequence

from .character_set import default_in
from .dicom_json import dicom_json, encode
from .frames import frame_table, pack
from .header import WANTED, read_header
from .instance_files import InstanceFiles
from .scan import scan
from .study_index.deferred import Deferred, Description
from .study_index.instance_row import InstanceRow
from .transfer_syntaxes import TRANSFER_SYNTAXES

_WANTED = dict.fromkeys(WANTED)


def describe(row: InstanceRow, files: InstanceFiles) -> Description:
    """From the stored file; one that lives elsewhere is fetched."""
    row = files.at_hand(row)
    syntax = TRANSFER_SYNTAXES[row.transfer_syntax]
    with files.data_set(row) as (buffer, begin, end):
        found = scan(buffer, begin, end, syntax, _WANTED)
        header = read_header(found, big_endian=syntax.big_endian, default=default_in(row.characters))
        json = encode(dicom_json(buffer, begin, end, syntax, header.characters))
        return json, pack(frame_table(buffer, found, header, syntax))


class Descriptions:
    """Descriptions of instances: those in the index, the others made now and kept."""

    def __init__(self, deferred: Deferred, files: InstanceFiles) -> None:
        self._deferred = deferred
        self._files = files

    def known(self, rows: Sequence[InstanceRow]) -> dict[int, Description]:
        """Those that need no file to be read."""
        return self._deferred.descriptions([row.id for row in rows])

    def at_hand(self, rows: Sequence[InstanceRow]) -> dict[int, Description]:
        """Those of ``rows`` that can be had without asking a distant archive."""
        here = [row for row in rows if row.archive is None]
        return self.known([row for row in rows if row.archive is not None]) | self.of(here)

    def of(self, rows: Sequence[InstanceRow]) -> dict[int, Description]:
        """All of ``rows`` by id. May read files: call it off the event loop."""
        found = self.known(rows)
        made = [(row, describe(row, self._files)) for row in rows if row.id not in found]
        if made:
            self._deferred.keep(made)
        return found | {row.id: description for row, description in made}
