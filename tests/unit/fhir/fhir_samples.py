"""Made-up resources of one patient (region 990101, nobody real)."""

from typing import Any

import msgspec

LOINC = "http://loinc.org"
RESIDENT_ID = "urn:oid:2.16.156.10011.1.3"

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><b>张伟</b></div>'},
    "identifier": [{"system": RESIDENT_ID, "value": "990101198001011236"}],
    "active": True,
    "name": [{"use": "official", "text": "张 伟", "family": "张", "given": ["伟"]}],
    "telecom": [{"system": "phone", "value": "555-0100"}, {"system": "email", "value": "a@example.org"}],
    "gender": "male",
    "birthDate": "1980-01-01",
    "_birthDate": {"extension": [{"url": "http://example.org/precision", "valueCode": "day"}]},
    "address": [{"line": ["幸福路 1 号"], "city": "某县", "country": "CN"}],
    "managingOrganization": {"reference": "Organization/zx001"},
}

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {"tag": [{"system": "http://example.org/tag", "code": "demo"}], "profile": ["http://example.org/p|2"]},
    "status": "final",
    "category": [{"coding": [{"system": "http://example.org/category", "code": "laboratory"}]}],
    "code": {"coding": [{"system": LOINC, "code": "2345-7", "display": "葡萄糖"}], "text": "葡萄糖"},
    "subject": {"reference": "Patient/p1"},
    "encounter": {"reference": "Encounter/e1/_history/2"},
    "effectiveDateTime": "2024-02-29T08:30:00+08:00",
    "performer": [{"reference": "Organization/zx001"}, {"reference": "Practitioner/dr1"}],
    "valueQuantity": {"value": 5.4, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
    "component": [
        {
            "code": {"coding": [{"system": LOINC, "code": "8480-6"}]},
            "valueQuantity": {"value": 120, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
    ],
}

CONDITION: dict[str, Any] = {
    "resourceType": "Condition",
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    },
    "subject": {"reference": "Patient/p1"},
    "onsetDateTime": "2023-05",
}


def body(resource: dict[str, Any], **changes: Any) -> bytes:
    """The resource as JSON, with top-level elements replaced; None removes one."""
    changed = {**resource, **changes}
    return msgspec.json.encode({name: value for name, value in changed.items() if value is not None})
