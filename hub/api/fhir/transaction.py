"""transaction (https://hl7.org/fhir/R4/http.html#transaction): all writes in one commit, or none of them."""

import re
from collections.abc import Sequence

from hub.contracts.errors import ExchangeError, Incorrect, Unsupported
from hub.contracts.submission import Entry, Method, Outcome, Submission
from hub.fhir.bundle import RawEntry, ResponseEntry, response_bundle
from hub.fhir.model import RESOURCE_TYPES

from .bundle_entry import Dispatch, inner_request, placed, response_entry
from .bundle_url import target
from .exchange import Request, Response, outcome_response
from .refusal import fault, refusal
from .rooms import Rooms
from .writing import body_id, body_of, check_not_virtual, mark_replay, origin_of

_ENTRY = re.compile(r"Bundle\.entry\[([0-9]+)\]")


async def transaction(
    rooms: Rooms, request: Request, body: bytes, entries: Sequence[RawEntry], dispatch: Dispatch
) -> Response:
    """200 with one answer for each entry, in their order. One refused entry refuses all: the OperationOutcome then
    names ``Bundle.entry[i]``. In what order entries take effect is the store's to see to (3.1.0.11.2). Reads are
    answered after the commit, and one that fails then carries its own outcome."""
    writes: list[tuple[int, Entry]] = []
    reads: list[tuple[int, Request]] = []
    for number, raw in enumerate(entries):
        try:
            if raw.method in ("GET", "HEAD"):
                reads.append((number, inner_request(request, raw)))
            else:
                writes.append((number, _write(rooms, request, raw)))
        except ExchangeError as error:
            raise placed(error, number) from None
    answers: dict[int, ResponseEntry] = {}
    response = Response(200)
    if writes:
        submission = Submission(tuple(entry for _, entry in writes), origin_of(rooms, request, body))
        try:
            receipt = await rooms.accept(submission, len(body))
        except ExchangeError as error:
            raise _in_bundle(error, [number for number, _ in writes]) from None
        response.receipt = receipt
        mark_replay(response, receipt)
        whole = request.preferences.returned == "representation"
        for (number, _), outcome in zip(writes, receipt.outcomes, strict=False):
            answers[number] = _answer(rooms, request, outcome, whole=whole)
    for number, inner in reads:
        try:
            read = await dispatch(rooms, inner)
        except ExchangeError as error:
            read = refusal(placed(error, number))
        except Exception as error:  # the writes are done: their answer must not be lost
            read = refusal(fault(error, inner.method))
        answers[number] = response_entry(read, request.base, with_resource=True)
    response.body = response_bundle("transaction-response", [answers[number] for number in range(len(entries))])
    return response


def _answer(rooms: Rooms, request: Request, outcome: Outcome, *, whole: bool) -> ResponseEntry:
    response = outcome_response(outcome, request.base)
    if whole:
        response.body = body_of(rooms, outcome)
    return response_entry(response, request.base, with_resource=whole)


def _write(rooms: Rooms, request: Request, raw: RawEntry) -> Entry:
    resource_type, resource_id, condition = target(raw.url, request.base)
    if raw.method == "PATCH" or resource_type.startswith("$") or (resource_id or "").startswith(("$", "_")):
        raise Unsupported(
            "A transaction here holds creates, updates, deletes and reads alone.",
            remedy="Send patches, operations and _search as requests of their own.",
            http_status=400,
        )
    if resource_type not in RESOURCE_TYPES:
        raise _wrong("This is no FHIR R4 resource type.", "GET [base]/metadata lists what there is.")
    check_not_virtual(rooms, resource_type, resource_id)
    match raw.method:
        case "POST":
            if resource_id is not None or condition is not None:
                raise _wrong("A create names its type alone.", "Use [type], and ifNoneExist for a condition.")
            if_none_exist = raw.if_none_exist.lstrip("?") if raw.if_none_exist is not None else None
            return Entry(Method.CREATE, resource_type, raw.resource, condition=if_none_exist, full_url=raw.full_url)
        case "PUT":
            if raw.if_none_match is not None:
                raise _wrong("ifNoneMatch is not supported on an update.", "Use ifMatch, or POST with ifNoneExist.")
            if resource_id is None:
                if condition is None:
                    raise _wrong("An update names an id or a condition.", "Use [type]/[id] or [type]?[parameters].")
                resource_id = body_id(raw.resource, resource_type)
                check_not_virtual(rooms, resource_type, resource_id)
            return Entry(
                Method.UPDATE,
                resource_type,
                raw.resource,
                id=resource_id,
                condition=condition,
                full_url=raw.full_url,
                if_match=raw.if_match,
            )
        case _:
            if resource_id is None and condition is None:
                raise _wrong("A delete names an id or a condition.", "Use [type]/[id] or [type]?[parameters].")
            return Entry(Method.DELETE, resource_type, id=resource_id, condition=condition, if_match=raw.if_match)


def _wrong(what: str, remedy: str) -> Incorrect:
    return Incorrect(what, where="request", remedy=remedy, http_status=400)


def _in_bundle(error: ExchangeError, numbers: Sequence[int]) -> ExchangeError:
    """The store numbers entries in the order it was given them; the sender knows them by their place in the Bundle."""
    match = _ENTRY.match(error.where)
    if match is not None and int(match[1]) < len(numbers):
        error.where = f"Bundle.entry[{numbers[int(match[1])]}]{error.where[match.end() :]}"
        return error
    return placed(error, numbers[0]) if len(numbers) == 1 else error
