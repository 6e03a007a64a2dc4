"""vread (https://hl7.org/fhir/R4/http.html#vread): ``GET [base]/[type]/[id]/_history/[vid]``."""

from hub.contracts.errors import NotFound

from .conditions import not_modified
from .exchange import Request, Response, stored_response
from .rooms import Rooms


async def vread(rooms: Rooms, request: Request, resource_type: str, resource_id: str, version: str) -> Response:
    scope = rooms.scope(request, resource_type)
    request.no_parameters()
    if not (version.isascii() and version.isdigit() and len(version) < 19):
        raise NotFound("There is no such version.", remedy="Versions are numbers; list them with _history.")
    stored = rooms.store.read_version(resource_type, resource_id, int(version), scope)
    if stored.patient:
        rooms.audit.note(rooms.caller(request), "vread", resource_type, (stored.patient,))
    return not_modified(request, stored_response(stored))
