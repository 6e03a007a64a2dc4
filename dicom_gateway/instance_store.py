"""``hub.contracts.instance_store.InstanceStore``: the archive for adapters that make DICOM objects of their own."""

from hub.contracts.caller import Caller

from .archive import Archive, Sender
from .file_meta import read_file_meta
from .spool import disk_failure


class ArchiveInstanceStore:
    """Usable in any process that has the gateway's folder; nothing is opened before the first use."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def store(self, part10: bytes, caller: Caller, *, announced: bool = False) -> None:
        transfer_syntax, data_set_at = read_file_meta(part10)
        file = self._archive.spool.create()
        try:
            file.write(part10)
        except OSError as failure:
            file.discard()
            raise disk_failure(failure) from failure
        self._archive.keep(file, data_set_at, transfer_syntax, Sender(caller), announced=announced, quarantine=False)
