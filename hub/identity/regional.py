"""The regional Patient as a pure function of the source Patients that the asker may read (FHIR R4 Patient).

One for each person, computed like the Person and never stored: what survives of name, number, birth date and gender is
the Person's, phones and addresses are those of all sources, newest first. ``link`` (``seealso``) leads to the sources,
where every clinic's own words stand. Its version is a fingerprint of what this asker sees, so that it changes exactly
when that does; there is no history of it.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from hub.contracts.codes import RECORD_KIND, REGIONAL
from hub.contracts.errors import Incorrect
from hub.contracts.persons import person_of_regional, regional_id
from hub.contracts.store import CommitView, Reaction, Written

from .survivorship import Patient, each_once, newest_first, person_of

TAG = {"system": RECORD_KIND, "code": REGIONAL, "display": "区域患者（由各机构档案计算得出，只读）"}
_ONE_VALUE = ("maritalStatus", "deceasedDateTime", "deceasedBoolean")


def patient_of(person_id: str, patients: Sequence[Patient]) -> dict[str, Any]:
    """``patients`` as FHIR R4 JSON, at least one. Their order has no say."""
    person = person_of(person_id, patients)
    newest = newest_first(patients)
    regional: dict[str, Any] = {
        "resourceType": "Patient",
        "id": regional_id(person_id),
        "meta": {"lastUpdated": max(str(one.get("meta", {}).get("lastUpdated") or "") for one in patients)},
        "active": any(one.get("active", True) for one in patients),
    }
    for element in ("identifier", "name", "gender", "birthDate"):
        regional[element] = person.get(element)
    for element in ("telecom", "address"):
        regional[element] = each_once(value for one in newest for value in one.get(element) or ())
    for element in _ONE_VALUE:
        regional[element] = next((one[element] for one in newest if one.get(element)), None)
    if regional["deceasedDateTime"]:
        del regional["deceasedBoolean"]
    regional["link"] = [{"other": {"reference": f"Patient/{one['id']}"}, "type": "seealso"} for one in newest]
    return _versioned({element: value for element, value in regional.items() if value not in (None, [])})


def replaced(person_id: str, successor: str) -> dict[str, Any]:
    """What is left of a person whose records all belong to another one now: the way there."""
    link = {"other": {"reference": f"Patient/{regional_id(successor)}"}, "type": "replaced-by"}
    return _versioned({"resourceType": "Patient", "id": regional_id(person_id), "active": False, "link": [link]})


def _versioned(resource: dict[str, Any]) -> dict[str, Any]:
    resource["meta"] = {"versionId": _fingerprint(resource), **resource.get("meta", {}), "tag": [TAG]}
    return resource


def _fingerprint(resource: dict[str, Any]) -> str:
    """At most 15 digits, so that it serves as a version number."""
    return str(int.from_bytes(hashlib.sha256(msgspec.json.encode(resource)).digest()[:6], "big"))


def RegionalReaction() -> Reaction:
    """Refuses what would be written into the record of a regional Patient."""
    return Reaction(room="regional", types=None, run=refuse_regional)


def refuse_regional(written: Sequence[Written], view: CommitView) -> None:
    """Clinical resources keep the source Patient they were made for, so that unlinking loses none of them."""
    for one in written:
        if one.patient is not None and person_of_regional(one.patient) is not None:
            raise Incorrect(
                "A resource cannot be written for a regional Patient.",
                where=f"{one.type}.subject",
                remedy="Refer to one of the source Patients that its link elements name.",
                issue_code="business-rule",
            )
