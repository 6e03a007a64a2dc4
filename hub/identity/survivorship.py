"""The Person as a pure function of the source Patients that the asker may read (FHIR R4 Person).

Which value survives: birth date and gender from the checked resident number, else from the record changed last. The
name of the latest record made by reading the card (an extension ``card-read`` on the number), else of the latest that
agrees with its number, else of the latest; other names are kept as ``old``. Identifiers of all sources, each once, the
newest source first; telephones and addresses so too (``regional``). Unlinking is exact, because nothing is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.contracts import resident_id
from hub.contracts.codes import EXTENSION, RESIDENT_ID

from .evidence import Evidence, evidence_of
from .judging import numbers_of
from .names import patient_names

Patient = Mapping[str, Any]

CARD_READ = f"{EXTENSION}/card-read"
"""On Identifier (valueBoolean): the number was read from the card by a machine, and the name with it."""
CHECKED, STATED = "level3", "level2"
"""Person.link.assurance (identity-assuranceLevel): by a checked national number and name; on the source's word."""


def person_of(person_id: str, patients: Sequence[Patient]) -> dict[str, Any]:
    """``patients`` as FHIR R4 JSON, at least one. Their order has no say."""
    newest = newest_first(patients)
    evidence = {patient["id"]: evidence_of(patient) for patient in newest}
    numbers = {number for one in evidence.values() for number in numbers_of(one)}
    number = resident_id.parse(numbers.pop()) if len(numbers) == 1 else None
    person: dict[str, Any] = {
        "resourceType": "Person",
        "id": person_id,
        "meta": {"lastUpdated": _last_updated(newest[0])},
        "active": True,
    }
    known = [one for one in newest if evidence[one["id"]].temporary is None] or newest
    person["identifier"] = _identifiers(known, number)
    person["name"] = _names(sorted(newest, key=lambda one: _trust(one, evidence[one["id"]])))
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


def _trust(patient: Patient, evidence: Evidence) -> int:
    """How little the name of a record is to be trusted."""
    if evidence.temporary is not None:
        return 3
    if evidence.number is None or evidence.contradicts:
        return 2
    read = any(
        extension.get("url") == CARD_READ and extension.get("valueBoolean") is True
        for identifier in patient.get("identifier") or ()
        for extension in identifier.get("extension") or ()
    )
    return 0 if read else 1


def _names(patients: Sequence[Patient]) -> list[dict[str, Any]]:
    """The first record's names as they are; every other name once, as ``old``. What only habits of writing tell apart
    is one name."""
    found: dict[Any, dict[str, Any]] = {}
    for place, patient in enumerate(patient for patient in patients if patient.get("name")):
        for name in patient["name"]:
            forms = patient_names({"name": [name]})
            key = forms[0].form if forms else repr(name)
            found.setdefault(key, name if place == 0 else {**name, "use": "old"})
    return list(found.values())


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
