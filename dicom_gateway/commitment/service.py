"""The Storage Commitment SCP's part that is asked (PS3.4 J.3.2): N-ACTION is answered when the request is on disk."""

import time

from hub.contracts.errors import ExchangeError, Forbidden, Incorrect, NotFound, Unauthenticated, Unsupported

from .. import uids
from ..dimse.exchange import Exchange
from ..dimse.message import Field
from ..query.identifier import Identifier, read_identifier, where
from ..routing.reports import take_report
from ..scp.peers import Peers
from ..scp.serving import Request
from ..status import (
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    NO_SUCH_ACTION,
    NO_SUCH_SOP_INSTANCE,
    NOT_AUTHORIZED,
    PROCESSING_FAILURE,
    SUCCESS,
)
from ..study_index.commitments import Commitment, Commitments
from ..study_index.route_items import RouteItems
from .words import OBJECTS, REQUEST_ACTION, SOP_CLASS, SOP_INSTANCE, TRANSACTION, WELL_KNOWN_INSTANCE

_SECONDS = 30.0


class CommitmentService:
    def __init__(self, commitments: Commitments, routed: RouteItems, peers: Peers) -> None:
        self._routed = routed
        self._commitments = commitments
        self._peers = peers

    def failure(self, error: ExchangeError) -> int:
        if isinstance(error, Incorrect):
            return MISSING_ATTRIBUTE if error.issue_code in ("required", "structure") else INVALID_ATTRIBUTE_VALUE
        if isinstance(error, Unsupported):
            return NO_SUCH_ACTION
        if isinstance(error, NotFound):
            return NO_SUCH_SOP_INSTANCE
        return NOT_AUTHORIZED if isinstance(error, (Forbidden, Unauthenticated)) else PROCESSING_FAILURE

    def serve(self, request: Request, exchange: Exchange) -> None:
        caller = self._peers.may(request.peer, "dicom-store")
        if request.field is Field.N_EVENT_REPORT_RQ:
            identifier = read_identifier(request.data, request.transfer_syntax)
            take_report(self._routed, request.peer.ae_title, identifier)
            exchange.send(request.context_id, request.response(SUCCESS))
            return
        if request.field is not Field.N_ACTION_RQ or request.action_type != REQUEST_ACTION:
            raise Unsupported("The action is not part of the service.", where="(0000,1008)")
        if request.sop_instance != WELL_KNOWN_INSTANCE:
            raise NotFound("This is not the well-known instance.", where="(0000,1001)")
        identifier = read_identifier(request.data, request.transfer_syntax)
        transaction = identifier.text(TRANSACTION)
        if not uids.is_uid(transaction):
            raise Incorrect(
                "The transaction has no UID.", where=where(TRANSACTION),
                issue_code="value" if transaction else "required",
            )  # fmt: skip
        wanted = Commitment(
            caller.organization, request.peer.ae_title, transaction, _objects(identifier), time.time_ns() // 1000
        )
        self._commitments.ask(wanted).result(_SECONDS)
        exchange.send(request.context_id, request.response(SUCCESS))


def _objects(identifier: Identifier) -> list[tuple[str, str]]:
    items = identifier.attributes.get(OBJECTS, {}).get("Value") or []
    found = []
    for item in items:
        pair = [str(next(iter((item or {}).get(name, {}).get("Value", ())), "")) for name in (SOP_CLASS, SOP_INSTANCE)]
        if not all(map(uids.is_uid, pair)):
            raise Incorrect("An object is not named by two UIDs.", where=where(OBJECTS), issue_code="value")
        found.append((pair[0], pair[1]))
    if not found:
        raise Incorrect("No objects are named.", where=where(OBJECTS), issue_code="required")
    return found
