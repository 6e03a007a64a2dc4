"""Persons with files at several clinics, for the tests of what the hub answers about them."""

from typing import Any

from hub.contracts.codes import RESIDENT_ID
from hub.contracts.resident_id import check_character
from tests.conformance.fhir_hub import FhirHub

NAME = {"text": "陈秀英", "family": "陈", "given": ["秀英"]}


def number(sequence: int, born: str = "19620415") -> str:
    """A valid resident number of a region that does not exist."""
    digits = f"990101{born}{sequence:03d}"
    return digits + check_character(digits)


def register(hub: FhirHub, clinic: str, local: str, resident: str | None, **elements: Any) -> str:
    """A clinic's file of a person; returns the Patient's id. Who has no resident number is somebody else, of another
    birth date."""
    identifiers = [{"system": f"urn:test:{clinic}", "value": local}]
    if resident is not None:
        identifiers.append({"system": RESIDENT_ID, "value": resident})
    body = {"resourceType": "Patient", "identifier": identifiers, "name": [NAME], "gender": "female",
            "birthDate": "1962-04-15" if resident else "1971-08-02", **elements}  # fmt: skip
    return str(hub.create(body, caller=clinic)["id"])


def two_clinics(hub: FhirHub, sequence: int = 2) -> tuple[str, str]:
    """One person with a file at each of two clinics: their Patient ids."""
    resident = number(sequence)
    phone = {"system": "phone", "value": "13900000001"}
    return (
        register(hub, "qingshan", f"Q{sequence}", resident, telecom=[phone]),
        register(hub, "baihe", f"B{sequence}", resident, address=[{"text": "白河村 7 号"}]),
    )


def person_of(hub: FhirHub, patient: str, caller: str = "hospital") -> str:
    answer = hub.ask("GET", f"Patient/{patient}/$person", caller=caller)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def regional_of(hub: FhirHub, patient: str, caller: str = "hospital") -> str:
    return f"regional-{person_of(hub, patient, caller)}"
