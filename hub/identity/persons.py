"""``hub.contracts.persons.Persons`` on the link table; every answer is as current as the last commit."""

from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts import resident_id
from hub.contracts.caller import Scope
from hub.contracts.codes import RESIDENT_ID
from hub.contracts.errors import Gone, NotFound
from hub.contracts.persons import person_of_regional
from hub.contracts.store import ResourceReader

from . import regional, survivorship


class SqlPersons:
    """One per process; may be used from any thread that may read the store."""

    def __init__(self, store: ResourceReader) -> None:
        self._store = store

    def person_of(self, patient_id: str) -> str | None:
        person = person_of_regional(patient_id)
        if person is not None:
            return person if self.patients(person) else self._successor(person)
        rows = self._store.side_rows("SELECT person_id FROM identity_link WHERE patient_id = ?", (patient_id,))
        return str(rows[0][0]) if rows else None

    def sources(self, patient_id: str) -> Sequence[str]:
        person = person_of_regional(patient_id)
        if person is not None:
            return self.patients(person) or self.patients(self._successor(person) or "")
        rows = self._store.side_rows(
            "SELECT other.patient_id FROM identity_link AS one JOIN identity_link AS other"
            " ON other.person_id = one.person_id WHERE one.patient_id = ? ORDER BY other.patient_id",
            (patient_id,),
        )
        return [patient_id, *(other for (other,) in rows if other != patient_id)]

    def patients(self, person_id: str) -> Sequence[str]:
        """Ids of the source Patients linked to this person; empty where there is no such person."""
        rows = self._store.side_rows(
            "SELECT patient_id FROM identity_link WHERE person_id = ? ORDER BY patient_id", (person_id,)
        )
        return [patient_id for (patient_id,) in rows]

    def view(self, person_id: str, scope: Scope) -> dict[str, Any] | None:
        readable = self._readable(person_id, scope)
        return survivorship.person_of(person_id, readable) if readable else None

    def regional(self, person_id: str, scope: Scope) -> dict[str, Any] | None:
        readable = self._readable(person_id, scope)
        if readable:
            return regional.patient_of(person_id, readable)
        successor = self._successor(person_id) if not self.patients(person_id) else None
        if successor is None or not self._readable(successor, scope):
            return None
        return regional.replaced(person_id, successor)

    def _successor(self, person_id: str) -> str | None:
        """The person that has the record with which this person began, where that one has left it."""
        rows = self._store.side_rows(
            "SELECT now.person_id FROM identity_event AS past JOIN identity_link AS now"
            " ON now.patient_id = past.patient_id WHERE past.left_person = ?1 AND now.own = ?1 LIMIT 1",
            (person_id,),
        )
        return str(rows[0][0]) if rows else None

    def _readable(self, person_id: str, scope: Scope) -> list[dict[str, Any]]:
        readable = []
        for patient_id in self.patients(person_id):
            try:
                stored = self._store.read("Patient", patient_id, scope)
            except (NotFound, Gone):
                continue
            readable.append(self._with_former_numbers(msgspec.json.decode(stored.body)))
        return readable

    def _with_former_numbers(self, patient: dict[str, Any]) -> dict[str, Any]:
        """Resident numbers that an official change has replaced are shown as ``old``, whatever the record says."""
        for identifier in patient.get("identifier") or ():
            if identifier.get("system") == RESIDENT_ID and identifier.get("use") != "old":
                number = resident_id.parse(str(identifier.get("value") or ""))
                if number is not None and self._is_retired(number.value):
                    identifier["use"] = "old"
        return patient

    def _is_retired(self, number: str) -> bool:
        sql = "SELECT 1 FROM identity_retired WHERE system = ? AND value = ?"
        return bool(self._store.side_rows(sql, (RESIDENT_ID, number)))
