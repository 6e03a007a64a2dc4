"""capabilities (https://hl7.org/fhir/R4/http.html#capabilities): ``GET [base]/metadata``, open to everyone."""

from datetime import UTC, datetime

from hub.fhir.capability import capability_bytes

from .exchange import Request, Response
from .rooms import Rooms

_STARTED = datetime.now(UTC)


async def capabilities(rooms: Rooms, request: Request) -> Response:
    mode = request.parameter("mode")
    if mode not in (None, "full", "normative"):
        request.no_parameters()
    return Response(200, capability_bytes(request.base, rooms.version, _STARTED, rooms.operations.described()))
