"""``Patient/$merge`` (https://hl7.org/fhir/R5/patient-operation-merge.html) and ``Patient/$unmerge``, by merge id.

Both become a Linkage and go the one way in: what follows from it follows from every merge, through whatever door. The
merge id is the Linkage's id. Source and target are named by reference, or by identifiers that lead to one Patient. An
``Idempotency-Key`` is needed, since the operation is not idempotent of itself: the same request again is answered as
the first time.
"""

import asyncio
from typing import Any

import msgspec

from hub.contracts.audit import AUDITED_WITHIN_SECONDS
from hub.contracts.caller import EVERYTHING, Caller, Role, Scope
from hub.contracts.codes import EXTENSION
from hub.contracts.errors import Conflict, ExchangeError, Incorrect, NotFound
from hub.contracts.store import CommitView
from hub.contracts.submission import Entry, Method, Receipt, Submission
from hub.fhir.model import decode
from hub.fhir.outcome import success_outcome
from hub.fhir.search import parse
from hub.identity import actions, merges

from .exchange import Request, Response
from .operation import Operation
from .parameters import Parameters, missing, parameters_bytes
from .pix import escaped
from .refused import keeping_refused
from .rooms import Rooms
from .writing import body_id, mark_replay, origin_of

_MERGE = ("source-patient", "source-patient-identifier", "target-patient", "target-patient-identifier",
          "result-patient", "preview", "reason")  # fmt: skip
_UNMERGE = ("merge-id", "reason")
_REASON = f"{EXTENSION}/reason"


async def _merge(rooms: Rooms, request: Request, _: str | None) -> Response:
    caller = rooms.caller(request)
    rooms.gate.check_action(caller, "merge")
    request.no_parameters()
    body = await request.json_body()
    async with keeping_refused(rooms, request, body):
        asked = Parameters.read(body, _MERGE)
        preview = asked.flag("preview")
        if not preview:
            _need_key(request)
        source = _patient(rooms, asked, "source-patient", caller)
        target = _patient(rooms, asked, "target-patient", caller)
        if source == target:
            raise _wrong("Source and target are the same Patient.", "target-patient", "Name two different Patients.")
        reason = asked.text("reason") or "$merge"
        entries = [Entry(Method.CREATE, "Linkage", _linkage(caller, source, target, reason))]
        result = asked.resource("result-patient")
        if result is not None:
            entries.append(_result_entry(result, source, target))
        if preview:
            await _try(rooms, caller, source, target, reason)
            return _answer(rooms, caller, body, target, "These Patients can be merged. Nothing was changed.")
        receipt = await rooms.accept(Submission(tuple(entries), origin_of(rooms, request, body)), len(body))
    return _answered(_answer(rooms, caller, body, target, "The Patients were merged.", receipt.outcomes[0].id), receipt)


async def _unmerge(rooms: Rooms, request: Request, _: str | None) -> Response:
    caller = rooms.caller(request)
    rooms.gate.check_action(caller, "merge")
    request.no_parameters()
    body = await request.json_body()
    asked = Parameters.read(body, _UNMERGE)
    merge_id = asked.text("merge-id", needed=True) or ""
    merge_id = merge_id.removeprefix("Linkage/")
    stands = merges.merge_of(rooms.store.side_rows, merge_id)
    try:
        stored = rooms.store.read("Linkage", merge_id, rooms.gate.scope(caller))
    except ExchangeError:
        stands = None
    if stands is None:
        raise NotFound("There is no such merge.", where="merge-id", remedy="Give the merge-id that $merge answered.")
    linkage = msgspec.json.decode(stored.body)
    linkage["active"] = False
    if reason := asked.text("reason"):
        linkage["extension"] = [{"url": _REASON, "valueString": reason}]
    entry = Entry(Method.UPDATE, "Linkage", msgspec.json.encode(linkage), id=merge_id)
    await asyncio.sleep(AUDITED_WITHIN_SECONDS)  # who has just read is to be told too
    receipt: Receipt = await rooms.accept(Submission((entry,), origin_of(rooms, request, body)), len(body))
    if stands.undone_us is not None and not receipt.replayed:
        raise Conflict("This merge was taken back already.", where="merge-id", remedy="Nothing is left to do.")
    told = "The merge was taken back; who read these records meanwhile was told."
    return _answered(_answer(rooms, caller, b"", "", told, merge_id), receipt)


MERGE_OPERATION = Operation(
    "merge", "Patient", False, frozenset({"POST"}), _merge, "http://hl7.org/fhir/OperationDefinition/Patient-merge"
)
UNMERGE_OPERATION = Operation("unmerge", "Patient", False, frozenset({"POST"}), _unmerge)


def _need_key(request: Request) -> None:
    if request.header(b"idempotency-key") is None:
        raise Incorrect(
            "A merge needs an Idempotency-Key.",
            where="Idempotency-Key",
            remedy="Send a header Idempotency-Key that is new for each merge, and the same when you repeat it.",
            issue_code="required",
            http_status=400,
        )


def _patient(rooms: Rooms, asked: Parameters, name: str, caller: Caller) -> str:
    """Id of the one Patient that ``name`` or ``name-identifier`` names. Raises Incorrect (400), NotFound."""
    reference = asked.value(name, "valueReference")
    identifiers = asked.values(f"{name}-identifier", "valueIdentifier")
    if reference is None and not identifiers:
        raise missing(name, f"valueReference, or as {name}-identifier")
    scope = EVERYTHING if caller.role is Role.ADMIN else rooms.gate.scope(caller)
    found: set[str] | None = None
    if reference is not None:
        literal = reference.get("reference") if isinstance(reference, dict) else None
        if isinstance(literal, str):
            found = {_existing(rooms, literal, name, scope)}
        elif isinstance(reference, dict) and isinstance(reference.get("identifier"), dict):
            identifiers = [reference["identifier"], *identifiers]
        else:
            raise _wrong(f"{name} refers to nothing.", name, "Give a reference Patient/ID.", http_status=400)
    for identifier in identifiers:
        have = _having(rooms, identifier, name, scope)
        found = have if found is None else found & have
    if not found:
        raise _unknown(name)
    if len(found) > 1:
        raise _wrong(
            f"The identifiers of {name} lead to {len(found)} Patients.",
            f"{name}-identifier",
            "Give identifiers that lead to one, or a reference.",
        )
    return found.pop()


def _existing(rooms: Rooms, literal: str, name: str, scope: Scope) -> str:
    kind, _, patient = literal.rpartition("/")
    if kind.rpartition("/")[2] != "Patient":
        raise _wrong(f"{name} refers to no Patient.", name, "Give a reference Patient/ID.", http_status=400)
    try:
        return rooms.store.read("Patient", patient, scope).id
    except ExchangeError:
        raise _unknown(name) from None


def _having(rooms: Rooms, identifier: Any, name: str, scope: Scope) -> set[str]:
    value = identifier.get("value") if isinstance(identifier, dict) else None
    if not isinstance(value, str) or not value:
        raise _wrong(f"An identifier of {name} has no value.", f"{name}-identifier", "Give value.", http_status=400)
    system = identifier.get("system")
    token = f"{escaped(system)}|{escaped(value)}" if isinstance(system, str) and system else escaped(value)
    query = parse("Patient", [("identifier", token), ("_count", "50")])
    return {match.id for match in rooms.store.search(query, scope).matches}


def _linkage(caller: Caller, source: str, target: str, reason: str) -> bytes:
    return msgspec.json.encode(
        {
            "resourceType": "Linkage",
            "extension": [{"url": _REASON, "valueString": reason}],
            "active": True,
            "author": {"reference": f"Organization/{caller.organization}"},
            "item": [
                {"type": "source", "resource": {"reference": f"Patient/{target}"}},
                {"type": "historical", "resource": {"reference": f"Patient/{source}"}},
            ],
        }
    )


def _result_entry(result: bytes, source: str, target: str) -> Entry:
    """The target as it is to be: its own id, and a link that it replaces the source."""
    if body_id(result, "Patient") != target:
        raise _wrong("result-patient has not the id of the target.", "result-patient", "Send it with the target's id.")
    decode(result, "Patient")
    links = msgspec.json.decode(result).get("link") or ()
    replaced = [(link.get("other") or {}).get("reference") for link in links if link.get("type") == "replaces"]
    if f"Patient/{source}" not in replaced:
        raise _wrong(
            "result-patient does not say that it replaces the source.",
            "result-patient",
            f"Add link with type replaces and other Patient/{source}.",
        )
    return Entry(Method.UPDATE, "Patient", result, id=target)


class _Tried(ExchangeError):
    """Ends a preview that went well, so that nothing of it is kept."""


async def _try(rooms: Rooms, caller: Caller, source: str, target: str, reason: str) -> None:
    """Everything that a merge does with links, without keeping it. Raises what a merge would."""

    def run(view: CommitView) -> None:
        if any(one.undone_us is None for one in merges.merges_of(view.rows, source)):
            raise Conflict(
                "The source is merged already.", where="source-patient", remedy="Take that merge back first."
            )
        actions.assert_same(view, source, target, reason, origin="preview")
        raise _Tried("")

    try:
        await asyncio.wrap_future(rooms.store.act(run, caller))
    except _Tried:
        return


def _answer(rooms: Rooms, caller: Caller, body: bytes, target: str, told: str, merge_id: str | None = None) -> Response:
    parts: list[dict[str, Any]] = []
    if body:
        parts.append({"name": "input", "resource": msgspec.Raw(body)})
    parts.append({"name": "outcome", "resource": msgspec.Raw(success_outcome(told))})
    if merge_id is not None:
        parts.append({"name": "merge-id", "valueId": merge_id})
    scope = rooms.gate.scope(caller)
    if target and scope.sees_type("Patient"):
        try:
            parts.append({"name": "result", "resource": msgspec.Raw(rooms.store.read("Patient", target, scope).body)})
            rooms.audit.note(caller, "operation", "Patient", (target,))
        except ExchangeError:
            pass
    return Response(200, parameters_bytes(parts))


def _answered(answer: Response, receipt: Receipt) -> Response:
    answer.receipt = receipt
    mark_replay(answer, receipt)
    return answer


def _unknown(name: str) -> NotFound:
    return NotFound(f"The {name} is not known.", where=name, remedy="Send the Patient first, or check the reference.")


def _wrong(what: str, where: str, remedy: str, *, http_status: int = 422) -> Incorrect:
    return Incorrect(what, where=where, remedy=remedy, issue_code="business-rule", http_status=http_status)
