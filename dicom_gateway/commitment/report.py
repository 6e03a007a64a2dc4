"""The report on a storage commitment request (PS3.4 J.3.3): every object's bytes against their hash, then
N-EVENT-REPORT on an association of our own, until the device has taken it."""

import hashlib
import time
from collections.abc import Iterator

from hub.contracts.errors import Busy, ExchangeError
from hub.contracts.hub_client import HubClient
from hub.telemetry.metrics import count

from ..archive import Archive
from ..data_set_bytes import data_set_bytes
from ..dimse.exchange import Ended
from ..dimse.message import Element, Field, encode_command
from ..events import COMMITMENT_NOT_REPORTED, COMMITMENTS
from ..recurring import next_try_us
from ..scu.association import Outgoing, Proposed, to_device
from ..sop_classes import STORAGE_COMMITMENT
from ..status import PROCESSING_FAILURE
from ..study_index.commitments import Commitment
from ..study_index.level_json import of_values
from ..transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from .words import (
    FAILED_OBJECTS,
    FAILURE_REASON,
    OBJECTS,
    RETRIEVE_AE_TITLE,
    SOP_CLASS,
    SOP_INSTANCE,
    TRANSACTION,
    WELL_KNOWN_INSTANCE,
)

ALL_COMMITTED, FAILURES_EXIST = 1, 2
"""Event Type ID (PS3.4 table J.3-2)."""
NO_SUCH_OBJECT, CLASS_CONFLICT = 0x0112, 0x0119
GIVEN_UP_SECONDS = 7 * 86400.0
AT_A_TIME = 8
CONNECT_SECONDS = 5.0
_STEP_BYTES = 1 << 20


class CommitmentReports:
    def __init__(self, archive: Archive, hub: HubClient) -> None:
        self._archive = archive
        self._hub = hub

    def report_due(self, now_us: int) -> int:
        """How many were tried."""
        due = self._archive.index.commitments.due(now_us, AT_A_TIME)
        unheard: dict[str, ExchangeError] = {}
        for commitment in due:
            try:
                if commitment.ae_title in unheard:  # a device that is away holds up the others once, not each time
                    raise unheard[commitment.ae_title]
                self._report(commitment)
            except ExchangeError as failure:
                unheard[commitment.ae_title] = failure
                self._put_off(commitment, failure)
            else:
                count(COMMITMENTS)
                self._archive.index.commitments.done(commitment).result()
        return len(due)

    def _put_off(self, commitment: Commitment, failure: ExchangeError) -> None:
        now_us, settings = time.time_ns() // 1000, self._archive.settings
        COMMITMENT_NOT_REPORTED.log(ae_title=commitment.ae_title, what=failure.what, tries=commitment.tries + 1)
        if now_us - commitment.asked_us > GIVEN_UP_SECONDS * 1e6:
            self._archive.index.commitments.done(commitment).result()
            return
        again = next_try_us(now_us, commitment.tries, settings.retry_seconds, settings.retry_longest_seconds)
        self._archive.index.commitments.later(commitment, again).result()

    def _report(self, commitment: Commitment) -> None:
        place = self._hub.destination_of_ae_title(commitment.ae_title)
        if place is None:
            raise Busy("The device is not registered with an address.")
        settings = self._archive.settings
        syntaxes = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
        verdicts = list(self._verdicts(commitment))
        proposed = [Proposed(STORAGE_COMMITMENT, syntaxes, as_scp=True)]
        with to_device(settings, commitment.ae_title, place, proposed, connect_seconds=CONNECT_SECONDS) as outgoing:
            try:
                self._send(outgoing, commitment, verdicts)
            except (Ended, ValueError):
                raise Busy("The device broke off the report.") from None

    def _send(self, outgoing: Outgoing, commitment: Commitment, verdicts: list[tuple[str, str, int]]) -> None:
        if not outgoing.contexts:
            raise Busy("The device does not take storage commitment reports.")
        ((_sop_class, syntax), context_id) = next(iter(outgoing.contexts.items()))
        kept, lost = [], []
        for sop_class, sop_instance, reason in verdicts:
            item = {SOP_CLASS: of_values("UI", [sop_class]), SOP_INSTANCE: of_values("UI", [sop_instance])}
            if reason:
                lost.append(item | {FAILURE_REASON: of_values("US", [reason])})
            else:
                kept.append(item)
        attributes = {
            RETRIEVE_AE_TITLE: of_values("AE", [self._archive.settings.ae_title]),
            TRANSACTION: of_values("UI", [commitment.transaction_uid]),
        }
        attributes |= {OBJECTS: of_values("SQ", kept)} if kept else {}
        attributes |= {FAILED_OBJECTS: of_values("SQ", lost)} if lost else {}
        command = encode_command(
            {
                Element.AFFECTED_SOP_CLASS: STORAGE_COMMITMENT, Element.COMMAND_FIELD: Field.N_EVENT_REPORT_RQ,
                Element.MESSAGE_ID: 1, Element.AFFECTED_SOP_INSTANCE: WELL_KNOWN_INSTANCE,
                Element.EVENT_TYPE: FAILURES_EXIST if lost else ALL_COMMITTED,
            },
            data_set=True,
        )  # fmt: skip
        data = data_set_bytes(attributes, implicit=syntax == IMPLICIT_VR_LITTLE_ENDIAN, encode_text=str.encode)
        outgoing.exchange.send(context_id, command, data)
        answer = outgoing.exchange.receive()
        if answer.field != Field.N_EVENT_REPORT_RQ.response or answer.status:
            raise Busy("The device did not accept the report.")

    def _verdicts(self, commitment: Commitment) -> Iterator[tuple[str, str, int]]:
        """(SOP class, SOP instance, failure reason or 0) of each object, its bytes read and hashed. Raises Busy where
        our own bytes cannot be had now."""
        for sop_class, sop_instance in commitment.objects:
            row = self._archive.index.of_owner(commitment.owner, sop_instance)
            if row is None:
                reason = NO_SUCH_OBJECT
            elif row.sop_class != sop_class:
                reason = CLASS_CONFLICT
            else:
                try:
                    with self._archive.files.file(row) as view:
                        digest = hashlib.sha256()
                        for at in range(0, len(view), _STEP_BYTES):
                            digest.update(view[at : at + _STEP_BYTES])
                    reason = 0 if digest.digest() == row.sha256 else PROCESSING_FAILURE
                except Busy:
                    if row.archive is None:
                        raise
                    reason = PROCESSING_FAILURE
                except (ExchangeError, OSError, ValueError):
                    reason = PROCESSING_FAILURE
            yield sop_class, sop_instance, reason
