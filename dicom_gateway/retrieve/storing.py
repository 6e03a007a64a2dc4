"""C-STORE as SCU (PS3.7 9.1.1): one stored object to a peer, as it is stored where the peer takes that."""

import os
from collections.abc import Mapping

from hub.contracts.errors import ExchangeError

from ..archive import Archive
from ..dimse.exchange import Exchange
from ..dimse.message import Element, Field, Value, encode_command
from ..status import SOP_CLASS_NOT_SUPPORTED
from ..study_index.instance_row import InstanceRow
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

FALLBACKS = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
OBJECT_NOT_SENT = 0xA702


class Storing:
    """``contexts``: id by (SOP class, transfer syntax). ``originator``: AE title and Message ID of the C-MOVE."""

    def __init__(
        self,
        exchange: Exchange,
        contexts: Mapping[tuple[str, str], int],
        archive: Archive,
        originator: tuple[str, int] | None = None,
    ) -> None:
        self._exchange = exchange
        self._contexts = contexts
        self._archive = archive
        self._originator = originator
        self._message_id = 0

    def store(self, row: InstanceRow, priority: int) -> int:
        """The peer's status, or ours where nothing was sent. Raises Ended, ValueError where the association is of no
        more use."""
        try:
            row = self._archive.files.at_hand(row)
        except ExchangeError:
            return OBJECT_NOT_SENT
        as_stored = self._contexts.get((row.sop_class, row.transfer_syntax))
        if as_stored is not None:
            try:
                descriptor = self._archive.files.open(row)
            except ExchangeError:
                return OBJECT_NOT_SENT
            try:
                command = self._command(row, priority)
                self._exchange.send_file(as_stored, command, descriptor, row.data_set_at, row.size_bytes)
            finally:
                os.close(descriptor)
            return self._answer()
        for syntax in FALLBACKS:
            context_id = self._contexts.get((row.sop_class, syntax))
            if context_id is not None:
                try:
                    with self._archive.transcoded(row, syntax) as made:
                        descriptor, begin, end = made.file.fileno(), made.data_set_at, made.size_bytes
                        self._exchange.send_file(context_id, self._command(row, priority), descriptor, begin, end)
                except ExchangeError:
                    return OBJECT_NOT_SENT
                return self._answer()
        return SOP_CLASS_NOT_SUPPORTED

    def _command(self, row: InstanceRow, priority: int) -> bytes:
        self._message_id = self._message_id % 0xFFFF + 1
        elements: dict[int, Value] = {
            Element.AFFECTED_SOP_CLASS: row.sop_class,
            Element.COMMAND_FIELD: Field.C_STORE_RQ,
            Element.MESSAGE_ID: self._message_id,
            Element.PRIORITY: priority,
            Element.AFFECTED_SOP_INSTANCE: row.uid,
        }
        if self._originator is not None:
            elements[Element.MOVE_ORIGINATOR], elements[Element.MOVE_ORIGINATOR_MESSAGE_ID] = self._originator
        return encode_command(elements, data_set=True)

    def _answer(self) -> int:
        message = self._exchange.receive()
        if message.field != Field.C_STORE_RQ.response:
            raise ValueError("another message where a C-STORE-RSP was due")
        return message.status
