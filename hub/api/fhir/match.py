"""``Patient/$match`` (https://hl7.org/fhir/R4/patient-operation-match.html; PDQm ITI-119): who is described here?

Answers with regional Patients, one for each person, the likeliest first, by the rules and scores that link records:
``certain`` is whom a record with these words would be linked to, and never more than one. A person of whom the asker
may read no record is not named.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from hub.contracts.caller import Scope
from hub.contracts.errors import Incorrect
from hub.contracts.persons import Persons
from hub.contracts.store import ResourceReader
from hub.fhir.model import decode
from hub.fhir.search import parse
from hub.identity import matching
from hub.identity.evidence import evidence_of, keys_of

from .exchange import Request, Response
from .operation import Operation
from .parameters import Parameters, missing
from .pix import token_of
from .regional import sources_shown
from .rooms import Rooms
from .writing import body_id

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
DEFAULT_COUNT, LARGEST_COUNT = 20, 100
BY_NUMBER = ("probable", 0.5)
"""Grade and least score of who holds a number that is given: numbers are mistyped and lent, so never certain alone."""
_PARAMETERS = ("resource", "onlyCertainMatches", "count")


async def _match(rooms: Rooms, request: Request, _: str | None) -> Response:
    caller = rooms.caller(request)
    rooms.gate.check_action(caller, "match")
    scope = rooms.scope(request, "Patient")
    request.no_parameters()
    asked = Parameters.read(await request.json_body(), _PARAMETERS, or_resource="resource")
    described = asked.resource("resource")
    if described is None:
        raise missing("resource", "resource, a Patient")
    body_id(described, "Patient")
    decode(described, "Patient")
    only_certain, count = asked.flag("onlyCertainMatches"), _count(asked)
    if rooms.persons is None:
        return Response(200, _bundle([], request.base))
    graded = _graded(msgspec.json.decode(described), rooms.persons, rooms.store, scope)
    shown: list[tuple[dict[str, Any], str, float]] = []
    for person, grade, score in graded:
        if (grade == "certain" or not only_certain) and len(shown) < count:
            regional = rooms.persons.regional(person, scope)
            if regional is not None:
                shown.append((regional, grade, score))
    rooms.audit.note(caller, "operation", "Patient", [one for each in shown for one in sources_shown(each[0])])
    return Response(200, _bundle(shown, request.base))


MATCH_OPERATION = Operation(
    "match", "Patient", False, frozenset({"POST"}), _match, "http://hl7.org/fhir/OperationDefinition/Patient-match"
)


def _graded(
    patient: dict[str, Any], persons: Persons, store: ResourceReader, scope: Scope
) -> list[tuple[str, str, float]]:
    """Person, grade and score, the likeliest first. Raises Incorrect where nobody could be found by this."""
    evidence = evidence_of(patient)
    found: dict[str, tuple[str, float]] = {}
    for one in matching.match(store.side_rows, evidence):
        found[one.person_id] = (one.grade, one.score)
    numbers = list(_numbers(patient))
    for token in numbers:
        query = parse("Patient", [("identifier", token), ("_count", "20")])
        for match in store.search(query, scope).matches:
            person = persons.person_of(match.id)
            if person is not None:
                grade, score = found.get(person, BY_NUMBER)
                found[person] = (grade if grade == "certain" else BY_NUMBER[0], max(score, BY_NUMBER[1]))
    if not found and not numbers and not keys_of(evidence):
        raise Incorrect(
            "The Patient says too little to be found by.",
            where="Parameters.parameter:resource",
            remedy="Give an identifier, or a name together with birth date, telephone or address.",
            issue_code="required",
        )
    return sorted(((person, *told) for person, told in found.items()), key=lambda one: (-one[2], one[1], one[0]))


def _numbers(patient: dict[str, Any]) -> Iterator[str]:
    for identifier in patient.get("identifier") or ():
        system, value = identifier.get("system"), identifier.get("value")
        if system and value and identifier.get("use") != "old":
            yield token_of(system, value)


def _count(asked: Parameters) -> int:
    count = asked.value("count", "valueInteger", "valuePositiveInt", "valueUnsignedInt")
    if count is None:
        return DEFAULT_COUNT
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise Incorrect("count is not a whole number above 0.", where="count", remedy="Leave it out.", http_status=400)
    return min(count, LARGEST_COUNT)


def _bundle(shown: list[tuple[dict[str, Any], str, float]], base: str) -> bytes:
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(shown)}
    if shown:
        bundle["entry"] = [
            {
                "fullUrl": f"{base}/Patient/{regional['id']}",
                "resource": regional,
                "search": {"extension": [{"url": GRADE, "valueCode": grade}], "mode": "match", "score": score},
            }
            for regional, grade, score in shown
        ]
    return msgspec.json.encode(bundle)
