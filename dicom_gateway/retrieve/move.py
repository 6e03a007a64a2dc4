"""The C-MOVE SCP (PS3.4 C.4.2): the images go to where the destination's AE title is registered."""

from collections.abc import Sequence

from hub.contracts.caller import Caller
from hub.contracts.errors import Busy, ExchangeError, NotFound
from hub.contracts.far_end import LOOPBACK
from hub.contracts.hub_client import HubClient

from ..dimse.exchange import Ended, Exchange
from ..scp.serving import Request
from ..scu.association import MOST_CONTEXTS, Outgoing, Proposed, to_device
from ..status import query_status
from ..study_index.instance_row import InstanceRow
from .retrieval import Retrieval
from .storing import FALLBACKS, Storing
from .suboperations import SubOperations

MOVE_DESTINATION_UNKNOWN = 0xA801
LIKELY = tuple(f"1.2.840.10008.1.2.{tail}" for tail in ("4.70", "4.90", "4.80", "4.50", "5"))
"""What an object of a distant archive may turn out to be in, beside uncompressed."""


class MoveService:
    def __init__(self, retrieval: Retrieval, hub: HubClient) -> None:
        self._retrieval = retrieval
        self._hub = hub

    def failure(self, error: ExchangeError) -> int:
        return MOVE_DESTINATION_UNKNOWN if isinstance(error, NotFound) else query_status(error)

    def serve(self, request: Request, exchange: Exchange) -> None:
        rows = self._retrieval.rows(request, "c-move")
        place, receiver = self._destination(request.move_destination)
        scope = self._retrieval.scope(receiver)
        operations = SubOperations(len(rows))
        may_receive = self._retrieval.archive.index.visible_to(scope, [row.id for row in rows])
        for row in rows:
            if row.id not in may_receive:
                operations.failed.append(row.uid)
        going = [row for row in rows if row.id in may_receive]
        if not going:
            operations.tell_final(request, exchange)
            return
        self._retrieval.archive.distant.prefetch(going)
        settings = self._retrieval.archive.settings
        try:
            with to_device(settings, request.move_destination, place, proposed_for(going)) as outgoing:
                cancelled = self._send(request, exchange, outgoing, going, operations)
        except Busy as failure:
            left = operations.remaining
            operations.failed += [row.uid for row in going[len(going) - left :]]
            operations.tell_final(request, exchange, comment=failure.what)
            return
        operations.tell_final(request, exchange, cancelled=cancelled)

    def _destination(self, ae_title: str) -> tuple[tuple[str, int], Caller]:
        place = self._hub.destination_of_ae_title(ae_title)
        receiver = self._hub.caller_by_ae_title(ae_title, LOOPBACK)
        if place is None or receiver is None:
            raise NotFound(
                "The move destination is not known.",
                where="(0000,0600)",
                remedy="Register it with its address: hub client add … --ae-title TITLE@HOST:PORT.",
            )
        return place, receiver

    def _send(
        self,
        request: Request,
        exchange: Exchange,
        outgoing: Outgoing,
        rows: Sequence[InstanceRow],
        operations: SubOperations,
    ) -> bool:
        """Was it taken back? Raises Busy where the destination breaks off."""
        originator = (request.peer.ae_title, request.message_id)
        storing = Storing(outgoing.exchange, outgoing.contexts, self._retrieval.archive, originator)
        for row in rows:
            if exchange.cancelled(request.message_id):
                return True
            try:
                status = storing.store(row, request.priority)
            except (Ended, ValueError, OSError):
                raise Busy("The destination broke off.") from None
            operations.count(row.uid, status)
            if operations.remaining:
                exchange.send(request.context_id, operations.pending(request))
        return False


def proposed_for(rows: Sequence[InstanceRow]) -> list[Proposed]:
    """Each SOP class as stored first, then uncompressed, each in a context of its own so that the choice stays ours."""
    as_stored = dict.fromkeys(
        (row.sop_class, syntax)
        for row in rows
        for syntax in ((row.transfer_syntax,) if row.transfer_syntax else LIKELY)
    )
    fallbacks = dict.fromkeys((row.sop_class, syntax) for row in rows for syntax in FALLBACKS)
    return [Proposed(sop_class, (syntax,)) for sop_class, syntax in as_stored | fallbacks][:MOST_CONTEXTS]
