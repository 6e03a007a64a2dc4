"""Person (https://hl7.org/fhir/R4/person.html), computed from the links between source Patients, and ``$person``.

A Person shows only the Patients that the asker may read; one with none of them is not there for this asker. Person
resources that a client stored itself stay what they are, beside the computed ones.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec

from hub.contracts.audit import ReadAudit
from hub.contracts.caller import EVERYTHING, Caller, Scope
from hub.contracts.errors import NotFound
from hub.contracts.gate import Gate
from hub.contracts.persons import Persons, person_of_regional
from hub.contracts.store import ResourceReader
from hub.fhir.bundle import searchset
from hub.fhir.search import parse

from .exchange import Request, Response
from .operation import Operation
from .rooms import Rooms

_encode = msgspec.json.encode
MOST_MATCHES = 200


class PersonType:
    """``VirtualType`` of the regional Persons."""

    def __init__(self, persons: Persons, store: ResourceReader, gate: Gate, audit: ReadAudit) -> None:
        self._persons = persons
        self._store = store
        self._gate = gate
        self._audit = audit

    def owns(self, resource_id: str) -> bool:
        return self._persons.view(resource_id, EVERYTHING) is not None

    def read(self, resource_id: str, caller: Caller) -> bytes | None:
        return self._view(resource_id, self._gate.scope(caller), caller, "read")

    def search(self, pairs: Sequence[tuple[str, str]], caller: Caller, base: str) -> bytes | None:
        """Knows ``_id``, ``link`` and ``identifier`` (of a linked Patient), one at a time; all else is the store's."""
        asked = [(name, value) for name, value in pairs if name not in ("_count", "_format", "_pretty")]
        if len(asked) != 1 or asked[0][0] not in ("_id", "link", "identifier"):
            return None
        name, value = asked[0]
        scope = self._gate.scope(caller)
        found = []
        for person in self._ids(name, value, scope):
            body = self._view(person, scope, caller, "search-type")
            if body is not None:
                found.append((f"Person/{person}", body))
        if not found:
            return None
        return searchset(base, found, links=[("self", f"{base}/Person?{urlencode(pairs)}")], total=len(found))

    def _ids(self, name: str, value: str, scope: Scope) -> list[str]:
        if name == "_id":
            return value.split(",")
        if name == "link":
            patients = [part.rpartition("/")[2] for part in value.split(",")]
        else:
            query = parse("Patient", [("identifier", value), ("_count", str(MOST_MATCHES))])
            patients = [match.id for match in self._store.search(query, scope).matches]
        persons = (self._persons.person_of(patient) for patient in patients)
        return list(dict.fromkeys(person for person in persons if person is not None))

    def _view(self, person: str, scope: Scope, caller: Caller, interaction: str) -> bytes | None:
        view = self._persons.view(person, scope)
        if view is None:
            return None
        self._audit.note(caller, interaction, "Person", linked_patients(view))
        return _encode(view)


def linked_patients(view: dict[str, object]) -> list[str]:
    """Ids of the Patients that a Person shows."""
    links = view.get("link")
    targets = [link["target"]["reference"] for link in links] if isinstance(links, list) else []
    return [target.removeprefix("Patient/") for target in targets]


async def _person(rooms: Rooms, request: Request, resource_id: str | None) -> Response:
    caller = rooms.caller(request)
    rooms.gate.check_action(caller, "person")
    scope = rooms.scope(request, "Patient")
    request.no_parameters()
    if resource_id is None or rooms.persons is None:
        raise NotFound("There is no person here.")
    if person_of_regional(resource_id) is None:
        rooms.store.read("Patient", resource_id, scope)
    person = rooms.persons.person_of(resource_id)
    view = rooms.persons.view(person, scope) if person is not None else None
    if view is None:
        raise NotFound("No person is known for this Patient.", remedy="Read the Patient itself.")
    rooms.audit.note(caller, "read", "Person", linked_patients(view))
    return Response(200, _encode(view))


PERSON_OPERATION = Operation("person", "Patient", True, frozenset({"GET"}), _person)
"""``GET Patient/ID/$person``: the regional Person of a source Patient, or of a regional one."""
