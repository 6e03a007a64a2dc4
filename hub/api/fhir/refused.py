"""Keeps what was refused by content, so that it can be corrected and replayed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.api.negotiation import FHIR_JSON
from hub.contracts.errors import Conflict, ExchangeError, Incorrect, Unsupported
from hub.contracts.quarantine import Refusal
from hub.contracts.submission import Channel, Original

from .exchange import Request
from .rooms import Rooms

_BY_CONTENT = (Incorrect, Unsupported, Conflict)
_HEADERS = (b"idempotency-key", b"if-match", b"if-none-exist")


@asynccontextmanager
async def keeping_refused(rooms: Rooms, request: Request, body: bytes, *, always: bool = False) -> AsyncIterator[None]:
    """Around the work on one body: what is refused by content goes to quarantine, when it came with an Idempotency-Key
    or ``always``; the error then carries the quarantine id."""
    try:
        yield
    except _BY_CONTENT as error:
        key = request.header(b"idempotency-key")
        if rooms.quarantine is not None and body and (always or key is not None) and not request.is_inner:
            caller = rooms.caller(request)
            error.quarantine_id = await asyncio.to_thread(
                rooms.quarantine.keep, _refusal(error, request, body, key), caller
            )
        raise


def _refusal(error: ExchangeError, request: Request, body: bytes, key: str | None) -> Refusal:
    parameters = {"method": request.method, "path": "/".join(request.path), "query": request.query}
    for name in _HEADERS:
        value = request.header(name)
        if value is not None:
            parameters[name.decode("ascii")] = value
    return Refusal(
        Channel.FHIR,
        key or hashlib.sha256(body).hexdigest(),
        error.what,
        error.where,
        error.remedy,
        Original(body, request.header(b"content-type") or FHIR_JSON),
        parameters=parameters,
    )
