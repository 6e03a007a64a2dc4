"""Which interaction a request asks for (FHIR R4 http.html 3.1.0.1.2), decided on method and path segments alone."""

import re
from collections.abc import Sequence

from hub.contracts.errors import Incorrect, NotFound
from hub.fhir.model import RESOURCE_TYPES

from . import bundle, capabilities, create, delete, history, read, search, update, vread
from .exchange import Request, Response
from .refusal import MethodNotAllowed
from .rooms import Rooms

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z")


async def dispatch(rooms: Rooms, request: Request) -> Response:
    """The answer of the one interaction that the request names. Raises ExchangeError."""
    path = request.path
    method = "GET" if request.method == "HEAD" else request.method
    if len(path) == 2 and method == "GET" and path[0] in RESOURCE_TYPES and path[1][:1] not in ("_", "$"):
        return await read.read(rooms, request, path[0], _known_id(path[1]))
    if not path:
        return await _system(rooms, request, method)
    first = path[0]
    if first == "metadata" and len(path) == 1:
        _allow(method, "GET")
        return await capabilities.capabilities(rooms, request)
    if first.startswith("$") and len(path) == 1:
        return await _operation(rooms, request, method, first, None, None)
    if first not in RESOURCE_TYPES:
        if first == "_history":
            raise _no_wide_history()
        raise NotFound(
            "There is nothing at this address." if first.startswith("_") else "This is no FHIR R4 resource type.",
            remedy="GET [base]/metadata lists what there is.",
            issue_code="not-supported",
        )
    if len(path) == 1:
        return await _type(rooms, request, method, first)
    if path[1].startswith("$") and len(path) == 2:
        return await _operation(rooms, request, method, path[1], first, None)
    if path[1] == "_search" and len(path) == 2:
        _allow(method, "POST")
        return await search.search(rooms, request, first, form=True)
    if path[1] == "_history" and len(path) == 2:
        raise _no_wide_history()
    return await _instance(rooms, request, method, path)


async def _system(rooms: Rooms, request: Request, method: str) -> Response:
    _allow(method, "POST")
    return await bundle.bundle(rooms, request, dispatch)


async def _type(rooms: Rooms, request: Request, method: str, resource_type: str) -> Response:
    match method:
        case "GET":
            return await search.search(rooms, request, resource_type, form=False)
        case "POST":
            return await create.create(rooms, request, resource_type)
        case "PUT":
            return await update.conditional_update(rooms, request, resource_type)
        case "DELETE":
            return await delete.conditional_delete(rooms, request, resource_type)
    raise MethodNotAllowed(("GET", "HEAD", "POST", "PUT", "DELETE"))


async def _instance(rooms: Rooms, request: Request, method: str, path: Sequence[str]) -> Response:
    resource_type, resource_id = path[0], path[1]
    match path[2:]:
        case []:
            match method:
                case "PUT":
                    return await update.update(rooms, request, resource_type, _writable_id(resource_id))
                case "DELETE":
                    return await delete.delete(rooms, request, resource_type, _known_id(resource_id))
                case "GET":
                    _known_id(resource_id)
            raise MethodNotAllowed(("GET", "HEAD", "PUT", "DELETE"))
        case ["_history"]:
            _allow(method, "GET")
            return await history.history(rooms, request, resource_type, _known_id(resource_id))
        case ["_history", version]:
            _allow(method, "GET")
            return await vread.vread(rooms, request, resource_type, _known_id(resource_id), version)
        case [operation] if operation.startswith("$"):
            return await _operation(rooms, request, method, operation, resource_type, _known_id(resource_id))
    raise NotFound(
        "There is nothing at this address.",
        remedy="GET [base]/metadata lists what there is; search a compartment with patient=.",
        issue_code="not-supported",
    )


async def _operation(
    rooms: Rooms, request: Request, method: str, name: str, resource_type: str | None, resource_id: str | None
) -> Response:
    operation = rooms.operations.find(name[1:], resource_type, resource_id is not None)
    if operation is None:
        raise NotFound(
            "This operation is not known here.",
            remedy="GET [base]/metadata lists the operations of this hub.",
            issue_code="not-supported",
        )
    _allow(method, *sorted(operation.methods))
    return await operation.run(rooms, request, resource_id)


def _no_wide_history() -> NotFound:
    return NotFound(
        "The history of a type or of the whole system is not supported.",
        remedy="Use the history of one resource, [type]/[id]/_history, or search by _lastUpdated.",
        issue_code="not-supported",
    )


def _allow(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise MethodNotAllowed((*allowed, "HEAD") if "GET" in allowed else allowed)


def _known_id(resource_id: str) -> str:
    """An id that breaks the rule of the datatype (datatypes.html#id) was never given to anything."""
    if not _ID.match(resource_id):
        raise NotFound("There is no such resource.", remedy="Ids are 1 to 64 letters, digits, '-' and '.'.")
    return resource_id


def _writable_id(resource_id: str) -> str:
    if not _ID.match(resource_id):
        raise Incorrect(
            "This is not a usable id.", remedy="Ids are 1 to 64 letters, digits, '-' and '.'.", http_status=400
        )
    return resource_id
