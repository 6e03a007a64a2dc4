"""Taking one received object into the archive: whole, named, durable, indexed; or refused with the reason.

C-STORE, STOW-RS and the objects that adapters make all end here.
"""

import mmap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hub.contracts.archives import DistantArchive
from hub.contracts.blob_store import BlobStore
from hub.contracts.caller import Caller
from hub.contracts.errors import Busy, Conflict, Incorrect, Unsupported
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Channel, Original

from .character_set import DEVICE_CODECS
from .corrections.served import Served
from .describe import Descriptions
from .dicom_json import dicom_json
from .distant.fetching import DistantFiles
from .header import WANTED, Header, read_header
from .inflate import inflated
from .instance_files import InstanceFiles
from .pixels.transcode import Transcoded, transcoded
from .pixels.workers import CodecWorkers
from .same_instance import Sameness, sameness
from .scan import Buffer, scan
from .settings import DicomSettings
from .spool import Spool, SpoolFile, disk_failure
from .study_index.acts import By
from .study_index.deferred import Description
from .study_index.index import StudyIndex
from .study_index.instance_row import InstanceRow
from .study_index.placing import Arrival, Placing
from .study_index.withdrawing import reject
from .transfer_syntaxes import TRANSFER_SYNTAXES, TransferSyntax
from .withdrawal.rejection_note import KEY_OBJECT_SELECTION, RejectionNote, rejection_note
from .withdrawal.titles import RETENTION_EXPIRED

_WANTED = dict.fromkeys(WANTED)

MOST_ASIDE_BYTES = 256 << 20
"""A damaged object larger than this is refused without being kept."""

_OTHER_HEADER = (
    "The SOP Instance UID is known with other header values and the same pixels.",
    "(0008,0018)",
    "Decide which header is right.",
)
_OTHER_BYTES = (
    "The SOP Instance UID is known with other bytes.",
    "(0008,0018)",
    "Send the changed object under a new SOP Instance UID.",
)

Quarantine = Callable[[Refusal, Caller], str]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, and by which AE title ("" over HTTP). What is stored belongs to the caller's organization."""

    caller: Caller
    ae_title: str = ""


@dataclass(frozen=True, slots=True)
class Expected:
    """What the sender said of the object beside the object itself; None where it said nothing."""

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    study_uid: str | None = None


class Outcome(Enum):
    STORED = "stored"
    SAME = "same"
    RECONCILE = "reconcile"
    """Other headers around the same pixels: the first copy stays, this one is in quarantine."""


@dataclass(frozen=True, slots=True)
class Kept:
    outcome: Outcome
    header: Header


class Archive:
    """``folder`` is the gateway's own; ``blobs`` must lie on the same file system. Nothing is opened before the first
    use. Any thread, any process."""

    def __init__(
        self,
        folder: Path,
        settings: DicomSettings,
        blobs: BlobStore,
        quarantine: Quarantine | None = None,
        archives: Callable[[], Sequence[DistantArchive]] = tuple,
    ) -> None:
        self.settings = settings
        self.blobs = blobs
        self.spool = Spool(folder / "spool", settings.free_space_floor_bytes)
        self.index = StudyIndex(folder / "index.sqlite")
        self.distant = DistantFiles(folder / "distant", settings, self.index, archives)
        self.files = InstanceFiles(self.spool, blobs, settings.maximum_inflated_bytes, self.distant)
        self.descriptions = Descriptions(self.index.deferred, self.files)
        self.codecs = CodecWorkers(settings.pixel_workers, settings.pixel_seconds)
        self.served = Served(self.index, self.files, self.spool, settings.ae_title)
        self._quarantine = quarantine
        self._one_in_memory = threading.Lock()

    def described(self, rows: Sequence[InstanceRow]) -> dict[int, Description]:
        """Descriptions of what is to be given of these instances, corrected where a correction is in force; by id. May
        read and write files: call it off the event loop."""
        return self.descriptions.of(self.served.current(rows))

    def described_at_hand(self, rows: Sequence[InstanceRow]) -> dict[int, Description]:
        """The same of those that can be described without asking a distant archive."""
        here = [row for row in rows if row.archive is None]
        return self.descriptions.known([row for row in rows if row.archive is not None]) | self.described(here)

    def close(self) -> None:
        self.distant.close()
        self.index.close()
        self.spool.close()
        self.codecs.close()

    def transcoded(self, row: InstanceRow, transfer_syntax: str) -> AbstractContextManager[Transcoded]:
        """A stored object in another transfer syntax (``pixels.transcode``)."""
        return transcoded(row, self.files, transfer_syntax, self.codecs, self.spool.folder)

    def keep(
        self,
        file: SpoolFile,
        data_set_at: int,
        transfer_syntax: str,
        sender: Sender,
        expected: Expected = Expected(),
        *,
        announced: bool = False,
        quarantine: bool = True,
    ) -> Kept:
        """Take over a spool file that holds a Part 10 file, complete but not yet synced.

        On return it is durable and readable. Raises an ExchangeError otherwise, and then nothing of it is in the
        archive. With ``quarantine``, what is refused for its own sake is kept there: Incorrect for an object that is
        damaged or not the one that was named, Conflict where other bytes hold its SOP Instance UID."""
        try:
            return self._keep(file, data_set_at, transfer_syntax, sender, expected, announced, quarantine)
        except Incorrect as wrong:
            if quarantine and self._quarantine is not None and file.size_bytes <= MOST_ASIDE_BYTES:
                key = expected.sop_instance_uid or ""
                self._put_aside(file, key, sender, self._quarantine, (wrong.what, wrong.where, wrong.remedy))
            raise
        finally:
            file.discard()

    def _keep(
        self,
        file: SpoolFile,
        data_set_at: int,
        transfer_syntax: str,
        sender: Sender,
        expected: Expected,
        announced: bool,
        quarantine: bool,
    ) -> Kept:
        syntax = _known(transfer_syntax)
        with self._data_set(file, data_set_at, syntax) as (buffer, begin, end):
            default = DEVICE_CODECS.get(self.settings.device(sender.ae_title).written_in)
            found = scan(buffer, begin, end, syntax, _WANTED)
            header = read_header(found, big_endian=syntax.big_endian, default=default)
            note = None
            if header.sop_class_uid == KEY_OBJECT_SELECTION:
                note = rejection_note(dicom_json(buffer, begin, end, syntax, header.characters))
        _check(header, expected)
        if self._was_asked_for(header, sender, file):
            return Kept(Outcome.STORED, header)
        now_us = time.time_ns() // 1000
        arrival = Arrival(
            header=header,
            owner=sender.caller.organization,
            client=sender.caller.client,
            role=sender.caller.role,
            ae_title=sender.ae_title,
            transfer_syntax=transfer_syntax,
            size_bytes=file.size_bytes,
            data_set_at=data_set_at,
            sha256=file.digest,
            spool=file.name,
            received_us=now_us,
            due_us=now_us + int(self.settings.quiet_for(sender.ae_title) * 1e6),
            announced=announced,
            quota_bytes=self.settings.quota_of(sender.caller.organization),
        )
        placing = self._place(file, arrival)
        if placing is Placing.OVER_QUOTA:
            raise _over_quota(arrival)
        if note is not None and placing is not Placing.DIFFERENT:
            self._reject(header.sop_instance_uid, note, sender.caller, now_us)
        if placing in (Placing.STORED, Placing.REJECTED):
            file.close()
            return Kept(Outcome.STORED, header)
        if placing is Placing.DIFFERENT:
            outcome = self._compare(file, data_set_at, syntax, header, sender, quarantine=quarantine)
            return Kept(outcome, header)
        return Kept(Outcome.SAME, header)

    def _was_asked_for(self, header: Header, sender: Sender, file: SpoolFile) -> bool:
        """An object that we have had a distant archive send here goes to whoever waits for it, and not to stay."""
        organization = sender.caller.organization
        archive = self.distant.directory.of_ae_title(sender.ae_title, organization)
        if archive is None or not self.distant.arrivals.take(archive.name, header.sop_instance_uid, Path(file.path)):
            return False
        file.close()
        return True

    def _reject(self, note_uid: str, note: RejectionNote, caller: Caller, at_us: int) -> None:
        """A note that says that the retention has expired goes with what it names (IHE RAD TF-3 4.66.4.1.3)."""
        by = By(caller.client, caller.role.value, caller.organization, caller.actor, at_us, note.reason)
        uids = (*note.instances, note_uid) if note.title == RETENTION_EXPIRED else note.instances
        key = (caller.organization, note_uid, note.title, uids, by)
        self.index.writer.submit(lambda connection: reject(connection, *key)).result()

    def _place(self, file: SpoolFile, arrival: Arrival) -> Placing:
        """Row and bytes go to the disk at the same time. A crash between the two can leave a row with a torn file that
        nobody was told of: ``recovery`` finds it at the next start."""
        placed = self.index.place(arrival)
        try:
            file.sync()
        except OSError as failure:
            if placed.result() in (Placing.STORED, Placing.REJECTED):
                self.index.remove(arrival).result()
            raise disk_failure(failure) from failure
        return placed.result()

    @contextmanager
    def _data_set(self, file: SpoolFile, data_set_at: int, syntax: TransferSyntax) -> Iterator[tuple[Buffer, int, int]]:
        with mmap.mmap(file.descriptor, file.size_bytes, access=mmap.ACCESS_READ) as view:
            if syntax.deflated:
                limit = self.settings.maximum_inflated_bytes
                with inflated(view, data_set_at, limit, self.spool.folder) as plain:
                    yield plain, 0, len(plain)
            else:
                yield view, data_set_at, len(view)

    def _compare(
        self,
        file: SpoolFile,
        data_set_at: int,
        syntax: TransferSyntax,
        header: Header,
        sender: Sender,
        *,
        quarantine: bool,
    ) -> Outcome:
        known = self.index.of_owner(sender.caller.organization, header.sop_instance_uid)
        verdict = Sameness.OTHER
        if known is not None:
            known = self.index.served_files.received(known)
            with (
                self.files.data_set(known) as (buffer, begin, end),
                self._data_set(file, data_set_at, syntax) as (new_buffer, new_begin, new_end),
            ):
                first = (buffer, begin, end, TRANSFER_SYNTAXES[known.transfer_syntax])
                verdict = sameness(first, (new_buffer, new_begin, new_end, syntax), self.codecs)
        if verdict is Sameness.SAME:
            return Outcome.SAME
        if quarantine and self._quarantine is not None:
            same_pixels = verdict is Sameness.SAME_PIXELS
            told, state = (_OTHER_HEADER, "reconcile") if same_pixels else (_OTHER_BYTES, "refused")
            self._put_aside(file, header.sop_instance_uid, sender, self._quarantine, told, state)
            if same_pixels:
                return Outcome.RECONCILE
        raise Conflict(
            "Another object holds this SOP Instance UID.",
            where="(0008,0018)",
            remedy="Send a changed object under a new SOP Instance UID.",
        )

    def _put_aside(
        self,
        file: SpoolFile,
        key: str,
        sender: Sender,
        quarantine: Quarantine,
        told: tuple[str, str, str],
        state: str = "refused",
    ) -> None:
        """``told`` is reason, field and remedy."""
        with self._one_in_memory:  # the content passes through memory once, and one at a time
            original = Original(Path(file.path).read_bytes(), "application/dicom")
            quarantine(Refusal(Channel.DICOM, key, *told, original, state=state), sender.caller)


def _known(transfer_syntax: str) -> TransferSyntax:
    syntax = TRANSFER_SYNTAXES.get(transfer_syntax)
    if syntax is None:
        raise Unsupported(
            "The transfer syntax is not taken here.",
            where="(0002,0010)",
            remedy="See the conformance statement for the transfer syntaxes taken.",
        )
    return syntax


def _over_quota(arrival: Arrival) -> Busy:
    return Busy(
        "The storage quota of this organization is used up.",
        where=f"quota of {arrival.owner}: {arrival.quota_bytes} bytes",
        remedy="Delete studies, or have the operator of the hub raise the quota; then send again.",
        retry_after_seconds=3600,
        http_status=507,
    )


def _check(header: Header, expected: Expected) -> None:
    for said, found, where in (
        (expected.sop_instance_uid, header.sop_instance_uid, "(0008,0018)"),
        (expected.sop_class_uid, header.sop_class_uid, "(0008,0016)"),
        (expected.study_uid, header.study_uid, "(0020,000d)"),
    ):
        if said is not None and said != found:
            raise Incorrect(
                "The data set is not the object the request names.",
                where=where,
                remedy="Name the object as its data set does.",
                issue_code="value",
            )
