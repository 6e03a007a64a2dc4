"""read (https://hl7.org/fhir/R4/http.html#read): ``GET [base]/[type]/[id]``."""

from .binary import content_of
from .conditions import not_modified
from .exchange import Request, Response, stored_response
from .rooms import Rooms
from .virtual import computed_response


async def read(rooms: Rooms, request: Request, resource_type: str, resource_id: str) -> Response:
    """The current version; 410 where it was deleted, 404 where it is not there or not the caller's."""
    scope = rooms.scope(request, resource_type)
    request.no_parameters()
    caller = rooms.caller(request)
    virtual = rooms.virtual.get(resource_type)
    if virtual is not None:
        computed = virtual.read(resource_id, caller)
        if computed is not None:
            return not_modified(request, computed_response(computed))
    stored = rooms.store.read(resource_type, resource_id, scope)
    if stored.patient:
        rooms.audit.note(caller, "read", resource_type, (stored.patient,))
    response = content_of(stored, request) if request.wants_content else stored_response(stored)
    return not_modified(request, response)
