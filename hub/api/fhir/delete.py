"""delete (https://hl7.org/fhir/R4/http.html#delete): ``DELETE [base]/[type]/[id]``, conditional
``DELETE [base]/[type]?…``."""

from hub.contracts.errors import Incorrect
from hub.contracts.submission import Entry, Method

from .exchange import Request, Response
from .rooms import Rooms
from .writing import check_not_virtual, write_one


async def delete(rooms: Rooms, request: Request, resource_type: str, resource_id: str) -> Response:
    """204, also where it was deleted before. The versions stay in the history."""
    check_not_virtual(rooms, resource_type, resource_id)
    request.no_parameters()
    return await write_one(
        rooms,
        request,
        Entry(Method.DELETE, resource_type, id=resource_id, if_match=request.header(b"if-match")),
    )


async def conditional_delete(rooms: Rooms, request: Request, resource_type: str) -> Response:
    """One match is deleted, none is no error; several are refused with 412, nothing is deleted then."""
    if not request.pairs:
        raise Incorrect(
            "A conditional delete needs search parameters.",
            remedy=f"DELETE {resource_type}/ID, or DELETE {resource_type}?identifier=SYSTEM|VALUE.",
            http_status=400,
        )
    return await write_one(rooms, request, Entry(Method.DELETE, resource_type, condition=request.query))
