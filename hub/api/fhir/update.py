"""update (https://hl7.org/fhir/R4/http.html#update): ``PUT [base]/[type]/[id]``, conditional
``PUT [base]/[type]?…``."""

from hub.contracts.errors import Incorrect, Unsupported
from hub.contracts.submission import Entry, Method

from .exchange import Request, Response
from .refused import keeping_refused
from .rooms import Rooms
from .writing import body_id, check_not_virtual, write_one


async def update(rooms: Rooms, request: Request, resource_type: str, resource_id: str) -> Response:
    """200, or 201 where the id was not there yet; 400 where the body has another id or none; 412 where If-Match names
    another version."""
    check_not_virtual(rooms, resource_type, resource_id)
    request.no_parameters()
    refuse_if_none_match(request)
    body = await request.json_body()
    async with keeping_refused(rooms, request, body):
        entry = Entry(Method.UPDATE, resource_type, body, id=resource_id, if_match=request.header(b"if-match"))
        return await write_one(rooms, request, entry)


async def conditional_update(rooms: Rooms, request: Request, resource_type: str) -> Response:
    """No match: 201 (with the id of the body if it states one). One match: 200. Several: 412."""
    condition = request.query
    if not request.pairs:
        raise Incorrect(
            "A conditional update needs search parameters.",
            remedy=f"PUT {resource_type}/ID, or PUT {resource_type}?identifier=SYSTEM|VALUE.",
            http_status=400,
        )
    refuse_if_none_match(request)
    body = await request.json_body()
    async with keeping_refused(rooms, request, body):
        stated = body_id(body, resource_type)
        check_not_virtual(rooms, resource_type, stated)
        entry = Entry(
            Method.UPDATE, resource_type, body, id=stated, condition=condition, if_match=request.header(b"if-match")
        )
        return await write_one(rooms, request, entry)


def refuse_if_none_match(request: Request) -> None:
    if request.header(b"if-none-match") is not None:
        raise Unsupported(
            "If-None-Match is not supported on an update.",
            remedy="Use If-Match with the version you know, or a conditional create (If-None-Exist).",
            http_status=400,
        )
