"""The Person as a pure function of the source Patients that the asker may read (FHIR R4 Person).

Which value survives: birth date and gender from the checked resident number, else from the record changed last; names
and identifiers of all sources, each once, the newest source first. Unlinking is exact, because nothing is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.contracts import resident_id
from hub.contracts.codes import RESIDENT_ID

from .evidence import evidence_of

Patient = Mapping[str, Any]

CHECKED, STATED = "level3", "level2"
"""Person.link.assurance (identity-assuranceLevel): by a checked national number and name; on the source's word."""


def person_of(person_id: str, patients: Sequence[Patient]) -> dict[str, Any]:
    """``patients`` as FHIR R4 JSON, at least one. Their order has no say."""
    newest = newest_first(patients)
    numbers = {evidence_of(dict(patient)).number for patient in newest} - {None}
    number = resident_id.parse(numbers.pop() or "") if len(numbers) == 1 else None
    person: dict[str, Any] = {
        "resourceType": "Person",
        "id": person_id,
        "meta": {"lastUpdated": _last_updated(newest[0])},
        "active": True,
    }
    person["identifier"] = _identifiers(newest, number)
    person["name"] = each_once(name for patient in newest for name in patient.get("name") or ())
    if number is not None:
        person["gender"], person["birthDate"] = number.gender, number.birth_date.isoformat()
    else:
        for element in ("gender", "birthDate"):
            person[element] = next((patient[element] for patient in newest if patient.get(element)), None)
    person["link"] = [
        {
            "target": {"reference": f"Patient/{patient['id']}"},
            "assurance": CHECKED if number is not None else STATED,
        }
        for patient in newest
    ]
    return {element: value for element, value in person.items() if value not in (None, [])}


def _identifiers(patients: Sequence[Patient], number: resident_id.ResidentId | None) -> list[dict[str, Any]]:
    """Every identifier once by system and value; the resident number first and in its 18 characters."""
    first = [{"use": "official", "system": RESIDENT_ID, "value": number.value}] if number else []
    rest = []
    for patient in patients:
        for identifier in patient.get("identifier") or ():
            parsed = resident_id.parse(str(identifier.get("value") or ""))
            same = number is not None and identifier.get("system") == RESIDENT_ID and parsed == number
            if not same:
                rest.append(identifier)
    return first + each_once(rest, by=lambda identifier: (identifier.get("system"), identifier.get("value")))


def newest_first(patients: Sequence[Patient]) -> list[Patient]:
    """The record changed last first; among equals the smaller id."""
    ordered = sorted(patients, key=lambda patient: patient["id"])
    ordered.sort(key=_last_updated, reverse=True)
    return ordered


def each_once(values: Any, by: Any = repr) -> list[dict[str, Any]]:
    """Each value where it stands first; ``by`` says what makes two of them one."""
    seen: dict[Any, dict[str, Any]] = {}
    for value in values:
        seen.setdefault(by(value), value)
    return list(seen.values())


def _last_updated(patient: Patient) -> str:
    return str((patient.get("meta") or {}).get("lastUpdated") or "")
