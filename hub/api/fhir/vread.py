"""vread (https://hl7.org/fhir/R4/http.html#vread): ``GET [base]/[type]/[id]/_history/[vid]``."""

from hub.contracts.errors import NotFound

from .conditions import not_modified
from .exchange import Request, Response, stored_response
from .rooms import Rooms
from .virtual import computed_response


async def vread(rooms: Rooms, request: Request, resource_type: str, resource_id: str, version: str) -> Response:
    scope = rooms.scope(request, resource_type)
    request.no_parameters()
    if not (version.isascii() and version.isdigit() and len(version) < 19):
        raise NotFound("There is no such version.", remedy="Versions are numbers; list them with _history.")
    virtual = rooms.virtual.get(resource_type)
    if virtual is not None and virtual.owns(resource_id):
        computed = virtual.read(resource_id, rooms.caller(request))
        response = computed_response(computed) if computed is not None else None
        if response is None or response.version != int(version):
            raise NotFound("There is no such version.", remedy="Of what the hub computes only the current one exists.")
        return not_modified(request, response)
    stored = rooms.store.read_version(resource_type, resource_id, int(version), scope)
    if stored.patient:
        rooms.audit.note(rooms.caller(request), "vread", resource_type, (stored.patient,))
    return not_modified(request, stored_response(stored))
