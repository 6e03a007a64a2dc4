"""create (https://hl7.org/fhir/R4/http.html#create): ``POST [base]/[type]``, conditional with If-None-Exist."""

from hub.contracts.submission import Entry, Method

from .exchange import Request, Response
from .refused import keeping_refused
from .rooms import Rooms
from .writing import write_one


async def create(rooms: Rooms, request: Request, resource_type: str) -> Response:
    """201 with the id the hub gave; an id in the body is ignored, as the standard says. With If-None-Exist: 200 and
    the one match where there is one, 412 where there are several."""
    rooms.gate.check_write(rooms.caller(request), resource_type, "POST", None)
    request.no_parameters()
    body = await request.json_body()
    condition = request.header(b"if-none-exist")
    if condition is not None:
        condition = condition.lstrip("?")
    async with keeping_refused(rooms, request, body):
        return await write_one(rooms, request, Entry(Method.CREATE, resource_type, body, condition=condition))
