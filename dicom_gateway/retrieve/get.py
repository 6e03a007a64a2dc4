"""The C-GET SCP (PS3.4 C.4.3): the images come back on the association that asked for them."""

from hub.contracts.errors import ExchangeError

from ..dimse.exchange import Exchange
from ..scp.serving import Request
from ..status import query_status
from .retrieval import Retrieval
from .storing import Storing
from .suboperations import SubOperations


class GetService:
    def __init__(self, retrieval: Retrieval) -> None:
        self._retrieval = retrieval

    def failure(self, error: ExchangeError) -> int:
        return query_status(error)

    def serve(self, request: Request, exchange: Exchange) -> None:
        rows = self._retrieval.rows(request, "c-get")
        contexts = {
            (sop_class, syntax): number
            for number, (sop_class, syntax, we_are_scu) in (request.contexts or {}).items()
            if we_are_scu
        }
        storing = Storing(exchange, contexts, self._retrieval.archive)
        self._retrieval.archive.distant.prefetch(rows)
        operations = SubOperations(len(rows))
        for row in rows:
            if exchange.cancelled(request.message_id):
                operations.tell_final(request, exchange, cancelled=True)
                return
            operations.count(row.uid, storing.store(row, request.priority))
            if operations.remaining:
                exchange.send_later(request.context_id, operations.pending(request))
        operations.tell_final(request, exchange)
