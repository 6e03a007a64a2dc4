"""``Patient/$ihe-pix`` (PIXm ITI-83)."""

from typing import Any

import pytest

from hub.contracts.codes import RESIDENT_ID
from tests.conformance.fhir_hub import FhirHub, issue
from tests.conformance.people import number, register, two_clinics


def told(hub: FhirHub, query: str, caller: str = "hospital") -> tuple[set[tuple[str, str]], set[str]]:
    answer = hub.ask("GET", f"Patient/$ihe-pix?{query}", caller=caller)
    assert answer.status_code == 200, answer.text
    assert answer.json()["resourceType"] == "Parameters"
    parameters: list[dict[str, Any]] = answer.json()["parameter"]
    identifiers = [p["valueIdentifier"] for p in parameters if p["name"] == "targetIdentifier"]
    references = [p["valueReference"]["reference"] for p in parameters if p["name"] == "targetId"]
    return {(one["system"], one["value"]) for one in identifiers}, set(references)


def test_a_number_of_one_clinic_gives_those_of_the_others(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    identifiers, patients = told(hub, "sourceIdentifier=urn:test:qingshan|Q2")
    assert identifiers == {(RESIDENT_ID, number(2)), ("urn:test:baihe", "B2")}
    assert patients == {f"Patient/{one}", f"Patient/{other}"}


def test_a_target_system_narrows_the_answer(hub: FhirHub) -> None:
    _, other = two_clinics(hub)
    asked = f"sourceIdentifier={RESIDENT_ID}|{number(2)}&targetSystem=urn:test:baihe"
    assert told(hub, asked) == ({("urn:test:baihe", "B2")}, {f"Patient/{other}"})


def test_a_resident_number_is_known_in_all_its_forms(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    whole = number(2)
    old = whole[:6] + whole[8:17]
    for form in (whole, old):
        _, patients = told(hub, f"sourceIdentifier={RESIDENT_ID}|{form}&targetSystem=urn:test:qingshan")
        assert patients == {f"Patient/{one}"}


def test_a_logical_id_is_a_number_too(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    base = "http://hub.test/fhir"
    asked = f"sourceIdentifier={base}|Patient/{one}&targetSystem={base}"
    assert told(hub, asked) == (set(), {f"Patient/{other}"})


def test_a_clinic_is_told_of_its_own_files_alone(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    identifiers, patients = told(hub, "sourceIdentifier=urn:test:qingshan|Q2", caller="qingshan")
    assert identifiers == {(RESIDENT_ID, number(2))}
    assert patients == {f"Patient/{one}"}
    answer = hub.ask("GET", "Patient/$ihe-pix?sourceIdentifier=urn:test:baihe|B2", caller="qingshan")
    assert answer.status_code == 404


def test_a_known_patient_without_numbers_there_gives_an_empty_answer(hub: FhirHub) -> None:
    two_clinics(hub)
    register(hub, "baihe", "B8", None, name=[{"text": "李梅"}])
    asked = "sourceIdentifier=urn:test:baihe|B8&targetSystem=urn:test:qingshan"
    assert told(hub, asked) == (set(), set())


KNOWN = "sourceIdentifier=urn:test:qingshan|Q2"


@pytest.mark.parametrize(
    ("query", "status", "code", "text"),
    [
        (f"{KNOWN}9", 404, "not-found", "sourceIdentifier Patient Identifier not found"),
        ("sourceIdentifier=urn:nowhere|1", 400, "code-invalid", "sourceIdentifier Assigning Authority not found"),
        (f"{KNOWN}&targetSystem=urn:nowhere", 403, "code-invalid", "targetSystem not found"),
        ("", 400, "required", "sourceIdentifier"),
        ("sourceIdentifier=Q2", 400, "required", "sourceIdentifier"),
        ("sourceIdentifier=urn:a|1&sourceIdentifier=urn:b|2", 400, "required", "sourceIdentifier"),
        (f"{KNOWN}&targetsystem=urn:x", 400, "not-supported", "targetsystem"),
    ],
)
def test_failures_are_those_of_the_guide(hub: FhirHub, query: str, status: int, code: str, text: str) -> None:
    two_clinics(hub)
    answer = hub.ask("GET", f"Patient/$ihe-pix?{query}", caller="hospital")
    assert answer.status_code == status, answer.text
    assert issue(answer)["code"] == code
    assert text in issue(answer)["diagnostics"]


def test_a_number_that_two_persons_have_names_neither(hub: FhirHub) -> None:
    register(hub, "qingshan", "Q5", number(5))
    register(hub, "baihe", "B5", number(5), name=[{"text": "王建国"}], gender="male", birthDate="1962-04-15")
    answer = hub.ask("GET", f"Patient/$ihe-pix?sourceIdentifier={RESIDENT_ID}|{number(5)}", caller="hospital")
    assert answer.status_code == 409
    assert issue(answer)["code"] == "multiple-matches"


def test_only_those_may_ask_whose_duty_it_is(hub: FhirHub) -> None:
    two_clinics(hub)
    for caller in ("operator", "auditor"):
        asked = "Patient/$ihe-pix?sourceIdentifier=urn:test:qingshan|Q2"
        assert hub.ask("GET", asked, caller=caller).status_code == 403
    assert hub.ask("POST", "Patient/$ihe-pix", {"resourceType": "Parameters"}, caller="hospital").status_code == 405
