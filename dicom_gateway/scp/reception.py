"""One C-STORE, from its command to its status (PS3.7 9.1.1, PS3.4 annex B), whoever feeds it the bytes."""

from typing import Protocol

from hub.contracts.errors import ExchangeError, Fault, TooLarge, Unsupported
from hub.telemetry.metrics import count

from .. import uids
from ..archive import Archive, Expected, Outcome, Sender
from ..events import BYTES, INSTANCES, STORE_REFUSED, log_fault
from ..file_meta import part10_head
from ..scan import Buffer
from ..sop_classes import storage_sop_classes
from ..spool import SpoolFile, disk_failure
from ..status import COERCION_OF_DATA_ELEMENTS, SUCCESS, dimse_status, error_comment
from .peers import Peer, Peers

Answer = tuple[int, str]
"""DIMSE status and error comment."""


class Reception(Protocol):
    def write(self, piece: Buffer) -> None:
        """One piece of the data set. Never raises: what is wrong shows in the answer."""
        ...

    def finish(self) -> Answer:
        """The data set is complete; the answer to send, once it is durable."""
        ...

    def abandon(self) -> None:
        """The sender went away; nothing is kept."""
        ...


class Receiver(Protocol):
    def begin(self, peer: Peer, sop_class: bytes, sop_instance: bytes, transfer_syntax: str) -> Reception: ...


class ArchiveReceiver:
    """Receives into the archive. SOP class and instance come raw from the command set, and are checked before use."""

    def __init__(self, archive: Archive, peers: Peers) -> None:
        self._archive = archive
        self._peers = peers
        self._classes = frozenset(storage_sop_classes())

    def begin(self, peer: Peer, sop_class: bytes, sop_instance: bytes, transfer_syntax: str) -> "ArchiveReception":
        return ArchiveReception(
            self._archive, self._peers, self._classes, peer, sop_class, sop_instance, transfer_syntax
        )


class ArchiveReception:
    """After the first thing that goes wrong the rest of the data set is swallowed, so that the association lives on."""

    def __init__(
        self,
        archive: Archive,
        peers: Peers,
        classes: frozenset[str],
        peer: Peer,
        sop_class: bytes,
        sop_instance: bytes,
        transfer_syntax: str,
    ) -> None:
        self._archive = archive
        self._peer = peer
        self._transfer_syntax = transfer_syntax
        self._limit_bytes = archive.settings.maximum_data_set_bytes
        self._file: SpoolFile | None = None
        self._failure: BaseException | None = None
        try:
            self._caller = peers.may_store(peer)
            class_uid = uids.parse(sop_class, "(0000,0002)")
            instance_uid = uids.parse(sop_instance, "(0000,1000)")
            if class_uid not in classes:
                raise Unsupported("This SOP class is not stored here.", where="(0000,0002)")
            self._expected = Expected(class_uid, instance_uid)
            head = part10_head(class_uid, instance_uid, transfer_syntax)
            self._data_set_at = len(head)
            self._file = archive.spool.create()
            self.write(head)
        except Exception as failure:
            self._fail(failure)

    def write(self, piece: Buffer) -> None:
        file = self._file
        if file is None:
            return
        try:
            file.write(piece)
        except OSError as failure:
            self._fail(disk_failure(failure))
            return
        if file.size_bytes > self._limit_bytes:
            self._fail(TooLarge("The object is larger than this gateway takes."))

    def finish(self) -> Answer:
        file, self._file = self._file, None
        if file is not None:
            try:
                kept = self._archive.keep(
                    file,
                    self._data_set_at,
                    self._transfer_syntax,
                    Sender(self._caller, self._peer.ae_title),
                    self._expected,
                )
            except Exception as failure:
                self._failure = failure
            else:
                count(INSTANCES, outcome=kept.outcome.value)
                count(BYTES, file.size_bytes)
                if kept.outcome is Outcome.RECONCILE:
                    return COERCION_OF_DATA_ELEMENTS, "Known UID, other header values: kept for review."
                return SUCCESS, ""
        return self._refuse(self._failure or Fault("The object was abandoned."))

    def abandon(self) -> None:
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _fail(self, failure: BaseException) -> None:
        self.abandon()
        self._failure = self._failure or failure

    def _refuse(self, failure: BaseException) -> Answer:
        status = dimse_status(failure)
        count(INSTANCES, outcome="refused")
        if isinstance(failure, ExchangeError):
            STORE_REFUSED.log(
                client=self._peer.caller.client,
                ae_title=self._peer.ae_title,
                status=f"{status:04X}",
                what=failure.what,
                where=failure.where,
            )
        else:
            log_fault("receive", failure)
        return status, error_comment(failure)
