"""batch (https://hl7.org/fhir/R4/http.html#transaction): each entry is a request of its own, and fails alone."""

import asyncio
from collections.abc import Sequence

from hub.contracts.errors import ExchangeError
from hub.contracts.submission import Submission
from hub.fhir.bundle import RawEntry, ResponseEntry, response_bundle

from .bundle_entry import Dispatch, inner_request, placed, response_entry
from .exchange import Request, Response
from .refusal import fault, refusal
from .rooms import Rooms
from .writing import mark_replay, origin_of

AT_ONCE = 50
"""Entries under way together, so that their commits share a sync of the disk."""


async def batch(
    rooms: Rooms, request: Request, body: bytes, entries: Sequence[RawEntry], dispatch: Dispatch
) -> Response:
    """200 with one answer for each entry, in their order.

    With an Idempotency-Key the batch itself is bound to the key first, then each write to the key and its place: sent
    again, what was done is told again and what failed is tried again."""
    turn = asyncio.Semaphore(AT_ONCE)
    key = request.header(b"idempotency-key")

    async def answer(number: int, entry: RawEntry) -> ResponseEntry:
        async with turn:
            await asyncio.sleep(0)  # others' requests get their turn between two entries
            try:
                inner = inner_request(request, entry)
                if key is not None and entry.method in ("POST", "PUT"):
                    inner.headers[b"idempotency-key"] = f"{key}#{number}".encode("latin-1")
                response = await dispatch(rooms, inner)
            except ExchangeError as error:
                response = refusal(placed(error, number))
            except Exception as error:  # one entry's fault is that entry's answer
                response = refusal(fault(error, entry.method))
        return response_entry(response, request.base, with_resource=True)

    whole = Response(200)
    if key is not None:
        receipt = await rooms.accept(Submission((), origin_of(rooms, request, body)), 0)
        mark_replay(whole, receipt)
    answers = await asyncio.gather(*(answer(number, entry) for number, entry in enumerate(entries)))
    whole.body = response_bundle("batch-response", answers)
    return whole
