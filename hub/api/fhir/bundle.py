"""``POST [base]`` with a Bundle: a batch or a transaction, by its type (https://hl7.org/fhir/R4/http.html#transaction)."""

from collections.abc import Awaitable, Callable

from hub.contracts.errors import Incorrect
from hub.fhir.bundle import split

from .batch import batch
from .exchange import Request, Response
from .refused import keeping_refused
from .rooms import Rooms
from .transaction import transaction

Dispatch = Callable[[Rooms, Request], Awaitable[Response]]


async def bundle(rooms: Rooms, request: Request, dispatch: Dispatch) -> Response:
    """A Bundle of any other type is refused here: it is stored by ``POST [base]/Bundle``. What makes a transaction
    refused is kept in quarantine."""
    rooms.caller(request)
    request.no_parameters()
    body = await request.json_body()
    async with keeping_refused(rooms, request, body, always=True):
        try:
            asked = split(body)
        except Incorrect as wrong:
            if wrong.where == "Bundle.type":
                wrong.remedy = "Documents, messages and collections are stored by POST [base]/Bundle."
            raise
        if asked.type == "transaction":
            return await transaction(rooms, request, body, asked.entries, dispatch)
    return await batch(rooms, request, body, asked.entries, dispatch)
