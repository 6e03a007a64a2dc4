"""What create, update and delete have in common: the body's own words, the key of the request, the answer."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from hub.contracts.caller import EVERYTHING
from hub.contracts.errors import ExchangeError, Forbidden, Incorrect
from hub.contracts.submission import Channel, Entry, Origin, Outcome, Receipt, Submission
from hub.fhir.model import not_json, too_deep
from hub.fhir.outcome import success_outcome

from .exchange import Request, Response, outcome_response
from .rooms import Rooms

LONGEST_KEY = 255


class _Named(msgspec.Struct):
    resourceType: Any = None
    id: Any = None


_named = msgspec.json.Decoder(_Named)


def body_id(body: bytes, resource_type: str) -> str | None:
    """The id that the resource states. Raises Incorrect (400) where it is no JSON object of this type."""
    try:
        named = _named.decode(body)
    except msgspec.ValidationError:
        named = _Named()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(error, body) from None
    except RecursionError:
        raise too_deep() from None
    if named.resourceType != resource_type:
        raise Incorrect(
            f"The resourceType of the body is not the type in the URL, {resource_type}.",
            where=f"{resource_type}.resourceType",
            remedy="Send the resource to the URL of its own type.",
            issue_code="invalid",
            http_status=400,
        )
    return named.id if isinstance(named.id, str) else None


def check_not_virtual(rooms: Rooms, resource_type: str, resource_id: str | None) -> None:
    """Raises Forbidden for a resource that the hub computes itself."""
    virtual = rooms.virtual.get(resource_type)
    if virtual is not None and resource_id is not None and virtual.owns(resource_id):
        raise Forbidden(
            f"This {resource_type} is kept by the hub itself and cannot be written.",
            remedy="Write the source records; what follows from them changes by itself.",
        )


def origin_of(rooms: Rooms, request: Request, body: bytes) -> Origin:
    """Who sends it, and under which Idempotency-Key. Raises Incorrect (400) for a key that is none."""
    key = request.header(b"idempotency-key")
    key_hash = b""
    if key is not None:
        if not 0 < len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
            raise Incorrect(
                "The Idempotency-Key is not usable.",
                where="Idempotency-Key",
                remedy=f"Send 1 to {LONGEST_KEY} printable ASCII characters.",
                http_status=400,
            )
        # The same body at another place is another request.
        place = f"{request.method} /{'/'.join(request.path)}?{request.query}\n"
        key_hash = hashlib.sha256(place.encode() + body).digest()
    return Origin(rooms.caller(request), Channel.FHIR, datetime.now(UTC), key, key_hash)


async def write_one(rooms: Rooms, request: Request, entry: Entry) -> Response:
    """One entry as a submission of its own, and the answer that the client prefers."""
    submission = Submission((entry,), origin_of(rooms, request, entry.body))
    receipt = await rooms.accept(submission, len(entry.body))
    outcome = receipt.outcomes[0]
    response = outcome_response(outcome, request.base)
    response.receipt = receipt
    mark_replay(response, receipt)
    if outcome.status == 204:
        return response
    match request.preferences.returned:
        case "minimal":
            pass
        case "OperationOutcome":
            response.body = success_outcome("The resource was stored.")
        case _:
            response.body = body_of(rooms, outcome)
    return response


def mark_replay(response: Response, receipt: Receipt) -> None:
    if receipt.replayed:
        response.headers.append((b"idempotency-replayed", b"true"))


def body_of(rooms: Rooms, outcome: Outcome) -> bytes:
    """The version that was written. A replayed receipt has no bodies: its writer sees again what it wrote."""
    if outcome.body or outcome.status == 204:
        return outcome.body
    try:
        return rooms.store.read_version(outcome.type, outcome.id, outcome.version, EVERYTHING).body
    except ExchangeError:
        return b""
