"""An archive asked by C-FIND, C-GET and C-MOVE of the Study Root model (PS3.4 C.4.1 to C.4.3), we as SCU."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from hub.contracts.archives import DistantArchive
from hub.contracts.errors import Busy, Gone

from ..data_set_bytes import data_set_bytes
from ..dimse.exchange import Ended
from ..dimse.message import Element, Field, Message, Value, encode_command
from ..file_meta import part10_head
from ..query.identifier import read_identifier
from ..scp.command_set import CommandSet, c_store_response
from ..scu.association import MOST_CONTEXTS, Outgoing, Proposed, association
from ..settings import DicomSettings
from ..sop_classes import STUDY_ROOT_FIND, STUDY_ROOT_GET, STUDY_ROOT_MOVE
from ..status import PENDING, SUCCESS
from ..study_index.instance_row import InstanceRow
from ..study_index.level_json import of_values
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from .arrivals import Arrivals
from .attributes import INSTANCE_KEYS, SERIES, SERIES_KEYS, SOP_INSTANCE, STUDY, STUDY_KEYS, SYNTAX, Attributes, text
from .incoming import next_message
from .likely import COMMON
from .line import OBJECT_SECONDS, Unreachable, unreachable

_UNCOMPRESSED = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
_PENDING_WITHOUT_OPTIONAL_KEYS = 0xFF01
_LEVEL = "00080052"
_LOW = 2
MOST_MATCHES = 100_000
_FREQUENT = (EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90")
_REPRESENTATIONS = {
    "00080020": "DA", "00080021": "DA", "00100030": "DA", "00400244": "DA", "00080030": "TM", "00080031": "TM",
    "00400245": "TM", "00100010": "PN", "00080090": "PN", "00080060": "CS", "00100040": "CS", "00180015": "CS",
    "00200060": "CS", "0020000D": "UI", "0020000E": "UI", "00080016": "UI", "00080018": "UI", "00200011": "IS",
    "00200013": "IS", "00280008": "IS", "00201208": "IS", "00280010": "US", "00280011": "US", "00280100": "US",
    "00080062": "UI", "00080050": "SH", "00200010": "SH", "00080201": "SH",
}  # fmt: skip


class QueryRetrieve:
    """``Queries`` and ``Retrieval``; an association of its own for each question."""

    def __init__(self, archive: DistantArchive, settings: DicomSettings, arrivals: Arrivals) -> None:
        self._archive = archive
        self._settings = settings
        self._arrivals = arrivals

    def close(self) -> None:
        """Nothing stays open between two questions."""

    def ping(self) -> None:
        with self._association([Proposed(STUDY_ROOT_FIND, _UNCOMPRESSED)]):
            pass

    def studies(self, first_day: str, last_day: str) -> Iterator[Attributes]:
        with self._association([Proposed(STUDY_ROOT_FIND, _UNCOMPRESSED)]) as outgoing:
            yield from _find(outgoing, "STUDY", {"00080020": f"{first_day}-{last_day}"}, (STUDY, "00201208"))

    def objects(self, study_uid: str) -> Iterator[tuple[Attributes, Attributes, Attributes]]:
        with self._association([Proposed(STUDY_ROOT_FIND, _UNCOMPRESSED)]) as outgoing:
            for study in _find(outgoing, "STUDY", {STUDY: study_uid}, STUDY_KEYS):
                for series in list(_find(outgoing, "SERIES", {STUDY: study_uid}, SERIES_KEYS)):
                    above = {STUDY: study_uid, SERIES: text(series, SERIES)}
                    for instance in _find(outgoing, "IMAGE", above, _IMAGE_KEYS):
                        yield study, {**above_of(above), **series}, instance
                return

    def metadata(self, study_uid: str, series_uid: str) -> list[dict[str, Any]]:
        """A query tells too little of an object."""
        return []

    def fetch(self, row: InstanceRow, study_uid: str, path: Path) -> None:
        if self._archive.retrieve == "c-move":
            self._move(row, study_uid, path)
        else:
            self._get(row, study_uid, path)

    def _get(self, row: InstanceRow, study_uid: str, path: Path) -> None:
        syntaxes = dict.fromkeys([row.transfer_syntax] if row.transfer_syntax else TRANSFER_SYNTAXES)
        storage = [Proposed(row.sop_class, (uid,), as_scp=True) for uid in (*syntaxes, *_UNCOMPRESSED)]
        if row.unseen:  # what it is was perhaps a guess
            storage += [Proposed(one, (uid,), as_scp=True) for uid in _FREQUENT for one in COMMON]
        with self._association(
            [Proposed(STUDY_ROOT_GET, _UNCOMPRESSED), *dict.fromkeys(storage)][:MOST_CONTEXTS]
        ) as outgoing:
            received = _Received(outgoing, path)
            command = _command(STUDY_ROOT_GET, Field.C_GET_RQ)
            most_bytes = self._settings.maximum_data_set_bytes
            status = _ask(outgoing, STUDY_ROOT_GET, command, _image(row, study_uid), received, most_bytes)
        _judge(row, status, arrived=path.exists())

    def _move(self, row: InstanceRow, study_uid: str, path: Path) -> None:
        command = _command(STUDY_ROOT_MOVE, Field.C_MOVE_RQ) | {Element.MOVE_DESTINATION: self._settings.ae_title}
        with (
            self._arrivals.awaiting(self._archive.name, row.uid) as arrival,
            self._association([Proposed(STUDY_ROOT_MOVE, _UNCOMPRESSED)]) as outgoing,
        ):
            status = _ask(outgoing, STUDY_ROOT_MOVE, command, _image(row, study_uid), None)
            if arrival.exists():
                arrival.replace(path)
        _judge(row, status, arrived=path.exists())

    @contextmanager
    def _association(self, proposed: list[Proposed]) -> Iterator[Outgoing]:
        archive = self._archive
        try:
            with association(
                (archive.host, archive.port),
                calling=self._settings.ae_title,
                called=archive.ae_title,
                proposed=proposed,
                maximum_pdu_bytes=self._settings.maximum_pdu_bytes,
                connect_seconds=self._settings.distant_connect_seconds,
                network_seconds=self._settings.distant_silence_seconds,
                tls=self._settings.device(archive.ae_title).tls,
            ) as outgoing:
                late = threading.Timer(OBJECT_SECONDS, outgoing.exchange.break_off)
                late.daemon = True
                late.start()
                try:
                    yield outgoing
                finally:
                    late.cancel()
        except Unreachable:
            raise
        except Busy as failure:
            raise unreachable(failure.what) from None
        except Ended:
            raise unreachable("The archive broke off, or did not answer in time.", http_status=504) from None
        except ValueError:
            raise unreachable("The archive's answer cannot be read.", http_status=502) from None


_IMAGE_KEYS = tuple(key for key in INSTANCE_KEYS if key != SYNTAX)


def above_of(uids: Mapping[str, str]) -> dict[str, Any]:
    return {tag: of_values("UI", [uid]) for tag, uid in uids.items()}


class _Received:
    """Takes the one object of a C-GET; another one than the first is refused."""

    def __init__(self, outgoing: Outgoing, path: Path) -> None:
        self._syntaxes = {number: key for key, number in outgoing.contexts.items()}
        self._path = path
        self.file: BinaryIO | None = None

    def begin(self, context_id: int, command: CommandSet) -> BinaryIO:
        if self.file is not None or context_id not in self._syntaxes:
            raise ValueError("an object that was not asked for")
        sop_class, syntax = self._syntaxes[context_id]
        uid = command.get(Element.AFFECTED_SOP_INSTANCE, b"").rstrip(b"\0 ").decode("ascii", "replace")
        self.file = self._path.open("xb")
        self.file.write(part10_head(sop_class, uid, syntax))
        return self.file


def _ask(
    outgoing: Outgoing,
    sop_class: str,
    command: dict[int, Value],
    keys: Attributes,
    received: _Received | None,
    most_bytes: int = 0,
) -> int:
    """Send one retrieval and take what comes on the association; the final status."""
    context_id, implicit = _context(outgoing, sop_class)
    data = data_set_bytes(keys, implicit=implicit, encode_text=str.encode)
    outgoing.exchange.send(context_id, encode_command(command, data_set=True), data)
    until = time.monotonic() + OBJECT_SECONDS
    try:
        while True:
            message = next_message(outgoing.exchange, received.begin if received else None, most_bytes)
            if message.field == Field.C_STORE_RQ and received is not None:
                answer = c_store_response(message.command, message.context_id, SUCCESS)
                outgoing.exchange.send_pdu(answer)
            elif message.status != PENDING:
                return message.status
            if time.monotonic() > until:
                raise unreachable("The archive sends too slowly.", http_status=504)
    finally:
        if received is not None and received.file is not None:
            received.file.close()


def _judge(row: InstanceRow, status: int, *, arrived: bool) -> None:
    if arrived:
        return
    if status == SUCCESS:
        raise Gone("The archive does not hold this object any more.", where=row.uid)
    raise Busy(f"The archive did not send the object (status {status:04X}).", http_status=502, where=row.uid)


def _find(
    outgoing: Outgoing, level: str, matching: Mapping[str, str], returned: tuple[str, ...]
) -> Iterator[Attributes]:
    context_id, implicit = _context(outgoing, STUDY_ROOT_FIND)
    syntax = IMPLICIT_VR_LITTLE_ENDIAN if implicit else EXPLICIT_VR_LITTLE_ENDIAN
    keys: dict[str, Any] = {tag: {"vr": _REPRESENTATIONS.get(tag, "LO")} for tag in returned}
    keys |= {tag: of_values(_REPRESENTATIONS.get(tag, "LO"), [value]) for tag, value in matching.items()}
    keys[_LEVEL] = of_values("CS", [level])
    data = data_set_bytes(keys, implicit=implicit, encode_text=str.encode)
    outgoing.exchange.send(context_id, encode_command(_command(STUDY_ROOT_FIND, Field.C_FIND_RQ), data_set=True), data)
    until = time.monotonic() + OBJECT_SECONDS
    found: list[Attributes] = []
    while True:
        message: Message = outgoing.exchange.receive()
        if message.status in (PENDING, _PENDING_WITHOUT_OPTIONAL_KEYS):
            found.append(read_identifier(message.data, syntax).attributes)
            if len(found) > MOST_MATCHES:
                raise unreachable("The archive's answer has no end.", http_status=502)
        elif message.status == SUCCESS:
            break
        else:
            raise unreachable(f"The archive did not answer the query (status {message.status:04X}).", http_status=502)
        if time.monotonic() > until:
            raise unreachable("The archive answers too slowly.", http_status=504)
    yield from found


def _context(outgoing: Outgoing, sop_class: str) -> tuple[int, bool]:
    for (agreed, syntax), number in outgoing.contexts.items():
        if agreed == sop_class:
            return number, syntax == IMPLICIT_VR_LITTLE_ENDIAN
    raise unreachable("The archive does not offer this service.", http_status=502)


def _command(sop_class: str, field: Field) -> dict[int, Value]:
    return {
        Element.AFFECTED_SOP_CLASS: sop_class, Element.COMMAND_FIELD: field, Element.MESSAGE_ID: 1,
        Element.PRIORITY: _LOW if field == Field.C_FIND_RQ else 0,
    }  # fmt: skip


def _image(row: InstanceRow, study_uid: str) -> Attributes:
    uids = {STUDY: study_uid, SERIES: row.series_uid, SOP_INSTANCE: row.uid}
    return above_of(uids) | {_LEVEL: of_values("CS", ["IMAGE"])}
