"""``Patient/$ihe-pix``: the other numbers of a patient (PIXm ITI-83, https://profiles.ihe.net/ITI/PIXm/ITI-83.html).

Asked of one person alone: a number that two persons have names neither. A domain is recognised where a Patient of the
hub, whosever, has a number of it. What is told are the numbers and Patients that the asker may read, the number asked
with left out.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from hub.contracts import resident_id
from hub.contracts.caller import EVERYTHING, Scope
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import Conflict, ExchangeError, Forbidden, Incorrect, NotFound
from hub.contracts.persons import person_of_regional
from hub.fhir.search import parse

from .exchange import Request, Response
from .operation import Operation
from .parameters import parameters_bytes
from .rooms import Rooms

_PARAMETERS = frozenset({"sourceIdentifier", "targetSystem"})


async def _pix(rooms: Rooms, request: Request, _: str | None) -> Response:
    caller = rooms.caller(request)
    rooms.gate.check_action(caller, "match")
    scope = rooms.scope(request, "Patient")
    system, value, targets = _asked(request)
    if system != request.base and not _is_domain(rooms, system):
        raise Incorrect(
            "sourceIdentifier Assigning Authority not found",
            where="sourceIdentifier",
            issue_code="code-invalid",
            http_status=400,
        )
    if any(target != request.base and not _is_domain(rooms, target) for target in targets):
        raise Forbidden("targetSystem not found", where="targetSystem", issue_code="code-invalid")
    found = _patients(rooms, system, value, scope, request.base)
    if not found:
        raise NotFound("sourceIdentifier Patient Identifier not found", where="sourceIdentifier")
    told = list(_others(found, system, value, targets, request.base))
    rooms.audit.note(caller, "operation", "Patient", [patient["id"] for patient in found])
    return Response(200, parameters_bytes(told))


PIX_OPERATION = Operation(
    "ihe-pix",
    "Patient",
    False,
    frozenset({"GET"}),
    _pix,
    "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix",
)


def _asked(request: Request) -> tuple[str, str, list[str]]:
    """System, value and target systems. Raises Incorrect (400)."""
    sources = [value for name, value in request.pairs if name == "sourceIdentifier"]
    unknown = [name for name, _ in request.pairs if name not in _PARAMETERS]
    system, bar, value = sources[0].partition("|") if len(sources) == 1 else ("", "", "")
    if unknown or not (bar and system and value):
        raise Incorrect(
            f"The parameter {unknown[0][:64]!r} is not known to this operation."
            if unknown
            else "sourceIdentifier is not one identifier with its assigning authority.",
            where=unknown[0][:64] if unknown else "sourceIdentifier",
            remedy="Ask with sourceIdentifier=SYSTEM|VALUE once, and targetSystem=SYSTEM for each domain wanted.",
            issue_code="not-supported" if unknown else "required",
            http_status=400,
        )
    targets = [part for name, given in request.pairs if name == "targetSystem" for part in given.split(",") if part]
    return system, value, targets


def _is_domain(rooms: Rooms, system: str) -> bool:
    """Says nothing of anybody: only that numbers of this kind are known in the county."""
    if system == RESIDENT_ID:
        return True
    query = parse("Patient", [("identifier", f"{escaped(system)}|"), ("_count", "1")])
    return bool(rooms.store.search(query, EVERYTHING).matches)


def _patients(rooms: Rooms, system: str, value: str, scope: Scope, base: str) -> list[dict[str, Any]]:
    """All Patients within the scope of whoever has this number, the one that has it among them."""
    ids: Iterable[str] = ()
    if system == base:
        ids = [value.removeprefix("Patient/")]
        ids = [one for one in ids if person_of_regional(one) is not None or _read(rooms, one, scope) is not None]
    else:
        query = parse("Patient", [("identifier", token_of(system, value)), ("_count", "100")])
        ids = [match.id for match in rooms.store.search(query, scope).matches]
    persons = rooms.persons
    if persons is None:
        return []
    ids = list(ids)
    if len({persons.person_of(one) for one in ids}) > 1:
        raise Conflict(
            "Several persons have this number.",
            where="sourceIdentifier",
            remedy="Ask with a number of one institution, or wait for the identity review.",
            issue_code="multiple-matches",
        )
    everyone = dict.fromkeys(one for known in ids for one in persons.sources(known))
    return [patient for one in everyone if (patient := _read(rooms, one, scope)) is not None]


def _read(rooms: Rooms, patient_id: str, scope: Scope) -> dict[str, Any] | None:
    try:
        patient: dict[str, Any] = msgspec.json.decode(rooms.store.read("Patient", patient_id, scope).body)
    except ExchangeError:
        return None
    return patient


def _others(
    patients: list[dict[str, Any]], system: str, value: str, targets: list[str], base: str
) -> Iterable[dict[str, Any]]:
    seen = {(system, value)}
    for patient in patients:
        told = False
        for identifier in patient.get("identifier") or ():
            known = (identifier.get("system"), identifier.get("value"))
            if None in known or (targets and known[0] not in targets):
                continue
            told = told or known != (system, value)
            if known not in seen:
                seen.add(known)
                yield {"name": "targetIdentifier", "valueIdentifier": identifier}
        reference = f"Patient/{patient['id']}"
        if (base in targets or told or not targets) and (system, value) != (base, reference):
            yield {"name": "targetId", "valueReference": {"reference": reference}}


def token_of(system: str, value: str) -> str:
    """A number as it is searched for: a resident number in all forms in which records may have it."""
    forms = [value]
    number = resident_id.parse(value) if system == RESIDENT_ID else None
    if number is not None:
        old = [number.value[:6] + number.value[8:17]] if number.value[6:8] == "19" else []
        forms = list(dict.fromkeys([value, number.value, number.value.lower(), *old]))
    return ",".join(f"{escaped(system)}|{escaped(form)}" for form in forms)


def escaped(text: str) -> str:
    """A token's parts as they must be written (R4 search.html#escaping)."""
    for sign in ("\\", "|", ",", "$"):
        text = text.replace(sign, f"\\{sign}")
    return text
