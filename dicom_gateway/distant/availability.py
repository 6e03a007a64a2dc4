"""The Instance Availability Notification SCP (PS3.4 annex R): an archive says which objects it has now, or has no
more. What they are is asked of the archive itself; the notification names nobody."""

import time
import uuid

from hub.contracts.archives import DistantArchive
from hub.contracts.errors import Conflict, ExchangeError, Forbidden, Incorrect, Unauthenticated, Unsupported

from .. import uids
from ..archive import Archive
from ..dimse.exchange import Exchange
from ..dimse.message import Element, Field, Value
from ..query.identifier import Identifier, read_identifier, where
from ..scp.peers import Peers
from ..scp.serving import Request
from ..status import (
    NOT_AUTHORIZED,
    PROCESSING_FAILURE,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
    object_status,
)

STUDY, SERIES_SEQUENCE, SOP_SEQUENCE, RETRIEVE_AE_TITLE = "0020000D", "00081115", "00081199", "00080054"
_SECONDS = 30.0


class AvailabilityService:
    def __init__(self, archive: Archive, peers: Peers) -> None:
        self._archive = archive
        self._peers = peers

    def failure(self, error: ExchangeError) -> int:
        if isinstance(error, Incorrect):
            return object_status(error)
        if isinstance(error, (Forbidden, Unauthenticated, Conflict)):
            return NOT_AUTHORIZED
        return UNRECOGNIZED_OPERATION if isinstance(error, Unsupported) else PROCESSING_FAILURE

    def serve(self, request: Request, exchange: Exchange) -> None:
        caller = self._peers.may(request.peer, "dicom-store")
        if request.field is not Field.N_CREATE_RQ:
            raise Unsupported("This operation is not part of the service.")
        instance = request.sop_instance or f"2.25.{uuid.uuid4().int}"
        if not uids.is_uid(instance):
            raise Incorrect("This is not a DICOM UID.", where="(0000,1000)", issue_code="value")
        identifier = read_identifier(request.data, request.transfer_syntax)
        study = identifier.text(STUDY)
        if not study:
            raise Incorrect("The notification names no study.", where=where(STUDY), issue_code="required")
        if not uids.is_uid(study):
            raise Incorrect("This is not a DICOM UID.", where=where(STUDY), issue_code="value")
        held_by = {
            archive.name
            for title in (*retrieve_ae_titles(identifier), request.peer.ae_title)
            if (archive := self._of(title, caller.organization)) is not None
        }
        if not held_by:
            raise Forbidden(
                "Neither caller nor Retrieve AE Title is an archive known here.", where=where(RETRIEVE_AE_TITLE)
            )
        now_us = time.time_ns() // 1000
        for name in sorted(held_by):
            self._archive.index.distant_studies.hear_of(name, [study], now_us).result(_SECONDS)
        more: dict[int, Value] = {Element.AFFECTED_SOP_INSTANCE: instance}
        exchange.send(request.context_id, request.response(SUCCESS, more=more))

    def _of(self, title: str, organization: str) -> DistantArchive | None:
        return self._archive.distant.directory.of_ae_title(title, organization)


def retrieve_ae_titles(identifier: Identifier) -> list[str]:
    """Those of every object that the notification names."""
    found: dict[str, None] = {}
    for series in identifier.attributes.get(SERIES_SEQUENCE, {}).get("Value") or ():
        for item in (series or {}).get(SOP_SEQUENCE, {}).get("Value") or ():
            for title in (item or {}).get(RETRIEVE_AE_TITLE, {}).get("Value") or ():
                found[str(title).strip()] = None
    return list(found)
