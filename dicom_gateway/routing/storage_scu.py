"""A destination that takes C-STORE (PS3.4 annex B), and commits to what it took (PS3.4 J.3.2), we as SCU."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hub.contracts.errors import Busy
from hub.contracts.hub_client import HubClient

from ..archive import Archive
from ..commitment.words import OBJECTS, REQUEST_ACTION, SOP_CLASS, SOP_INSTANCE, TRANSACTION, WELL_KNOWN_INSTANCE
from ..data_set_bytes import data_set_bytes
from ..dimse.exchange import Ended
from ..dimse.message import Element, Field, encode_command
from ..retrieve.move import proposed_for
from ..retrieve.storing import Storing
from ..scu.association import Proposed, to_device
from ..sop_classes import STORAGE_COMMITMENT
from ..study_index.instance_row import InstanceRow
from ..study_index.level_json import of_values
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from .destination import Refused, Send
from .rule import DIMSE_PRIORITY

CONNECT_SECONDS = 5.0


class StorageScu:
    """``Line``, to an AE title that is registered with its address."""

    def __init__(self, archive: Archive, hub: HubClient, ae_title: str) -> None:
        self._archive = archive
        self._hub = hub
        self._ae_title = ae_title

    @contextmanager
    def open(self, rows: Sequence[InstanceRow]) -> Iterator[Send]:
        settings, place = self._archive.settings, self._place()
        proposed = proposed_for(rows)
        with to_device(settings, self._ae_title, place, proposed, connect_seconds=CONNECT_SECONDS) as outgoing:
            storing = Storing(outgoing.exchange, outgoing.contexts, self._archive)

            def send(row: InstanceRow, rank: int) -> None:
                try:
                    status = storing.store(row, DIMSE_PRIORITY[rank])
                except (Ended, ValueError, OSError):
                    raise Busy("The destination broke off.", where=self._ae_title) from None
                if status and status >> 12 != 0xB:
                    raise Refused(f"The destination answered with status {status:04X}.", where=self._ae_title)

            yield send

    def ask_commitment(self, transaction_uid: str, rows: Sequence[InstanceRow]) -> None:
        syntaxes = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
        proposed = [Proposed(STORAGE_COMMITMENT, syntaxes)]
        with to_device(
            self._archive.settings, self._ae_title, self._place(), proposed, connect_seconds=CONNECT_SECONDS
        ) as outgoing:
            if not outgoing.contexts:
                raise Refused("The destination offers no storage commitment.", where=self._ae_title)
            ((_sop_class, syntax), context_id) = next(iter(outgoing.contexts.items()))
            items = [
                {SOP_CLASS: of_values("UI", [row.sop_class]), SOP_INSTANCE: of_values("UI", [row.uid])} for row in rows
            ]
            asked = {TRANSACTION: of_values("UI", [transaction_uid]), OBJECTS: of_values("SQ", items)}
            command = encode_command(
                {
                    Element.REQUESTED_SOP_CLASS: STORAGE_COMMITMENT, Element.COMMAND_FIELD: Field.N_ACTION_RQ,
                    Element.MESSAGE_ID: 1, Element.REQUESTED_SOP_INSTANCE: WELL_KNOWN_INSTANCE,
                    Element.ACTION_TYPE: REQUEST_ACTION,
                },
                data_set=True,
            )  # fmt: skip
            data = data_set_bytes(asked, implicit=syntax == IMPLICIT_VR_LITTLE_ENDIAN, encode_text=str.encode)
            try:
                outgoing.exchange.send(context_id, command, data)
                status = outgoing.exchange.receive().status
            except (Ended, ValueError):
                raise Busy("The destination broke off.", where=self._ae_title) from None
            if status:
                raise Refused(f"The destination refuses to commit (status {status:04X}).", where=self._ae_title)

    def _place(self) -> tuple[str, int]:
        place = self._hub.destination_of_ae_title(self._ae_title)
        if place is None:
            raise Busy(
                "The destination is not registered with an address.",
                where=self._ae_title,
                remedy="Register it: hub client add … --ae-title TITLE@HOST:PORT.",
            )
        return place
