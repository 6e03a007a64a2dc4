"""The C-ECHO SCP (PS3.4 annex A, PS3.7 9.1.5)."""

from hub.contracts.errors import ExchangeError

from ..dimse.exchange import Exchange
from ..dimse.message import Field
from ..status import PROCESSING_FAILURE, SUCCESS, UNRECOGNIZED_OPERATION
from .serving import Request


class EchoService:
    def failure(self, error: ExchangeError) -> int:
        return PROCESSING_FAILURE

    def serve(self, request: Request, exchange: Exchange) -> None:
        status = SUCCESS if request.field is Field.C_ECHO_RQ else UNRECOGNIZED_OPERATION
        exchange.send(request.context_id, request.response(status))
