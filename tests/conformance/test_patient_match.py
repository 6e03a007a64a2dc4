"""``Patient/$match``: who is described here, graded, one regional Patient for each person."""

from typing import Any

import pytest

from hub.contracts.codes import RESIDENT_ID
from tests.conformance.fhir_hub import FhirHub, issue
from tests.conformance.people import NAME, number, regional_of, register, two_clinics

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"


def described(resident: str | None = None, **elements: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"resourceType": "Patient", "name": [NAME], "gender": "female", "birthDate": "1962-04-15"}
    if resident is not None:
        body["identifier"] = [{"system": RESIDENT_ID, "value": resident}]
    return {**body, **elements}


def asked(patient: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    kinds = {bool: "valueBoolean", int: "valueInteger", str: "valueString"}
    more = [{"name": name, kinds[type(value)]: value} for name, value in parameters.items()]
    return {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}, *more]}


def matches(hub: FhirHub, body: dict[str, Any], caller: str = "hospital") -> list[tuple[str, str, float]]:
    """Id, grade and score of each entry."""
    answer = hub.ask("POST", "Patient/$match", body, caller=caller)
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    entries = bundle.get("entry", [])
    assert (bundle["resourceType"], bundle["type"], bundle["total"]) == ("Bundle", "searchset", len(entries))
    told = []
    for entry in entries:
        (grade,) = entry["search"]["extension"]
        assert grade["url"] == GRADE
        assert entry["search"]["mode"] == "match"
        told.append((entry["resource"]["id"], grade["valueCode"], entry["search"]["score"]))
    assert [score for *_, score in told] == sorted((score for *_, score in told), reverse=True)
    assert all(0 <= score <= 1 for *_, score in told)
    return told


def test_number_and_name_are_certain_and_one_however_many_files_there_are(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    (found,) = matches(hub, asked(described(number(2))))
    assert found[:2] == (regional_of(hub, one), "certain")
    assert matches(hub, asked(described(number(2)), onlyCertainMatches=True)) == [found]
    entry = hub.ask("POST", "Patient/$match", described(number(2)), caller="hospital").json()["entry"][0]
    links = {link["other"]["reference"] for link in entry["resource"]["link"]}
    assert links == {f"Patient/{one}", f"Patient/{other}"}


def test_a_number_under_another_name_is_never_certain(hub: FhirHub) -> None:
    two_clinics(hub)
    body = described(number(2), name=[{"text": "王建国"}])
    assert [grade for _, grade, _ in matches(hub, asked(body))] == ["probable"]
    assert matches(hub, asked(body, onlyCertainMatches=True)) == []


def test_a_number_alone_finds_whom_it_belongs_to_but_not_certainly(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    for system, value in ((RESIDENT_ID, number(2)), ("urn:test:baihe", "B2")):
        body = {"resourceType": "Patient", "identifier": [{"system": system, "value": value}]}
        assert [found[:2] for found in matches(hub, asked(body))] == [(regional_of(hub, one), "probable")]


def test_two_persons_of_one_name_and_birth_date_are_not_certain(hub: FhirHub) -> None:
    register(hub, "qingshan", "Q2", number(2))
    register(hub, "baihe", "B4", number(4))
    found = matches(hub, asked(described()))
    assert len(found) == 2
    assert "certain" not in {grade for _, grade, _ in found}
    assert matches(hub, asked(described(), onlyCertainMatches=True)) == []


def test_number_and_name_are_certain_beside_others_of_that_name_and_birth_date(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    register(hub, "baihe", "B4", number(4))
    for local in ("Q7", "Q8"):
        register(hub, "qingshan", local, None)
    found = matches(hub, asked(described(number(2))))
    assert found[0][:2] == (regional_of(hub, one), "certain")
    assert [grade for _, grade, _ in found].count("certain") == 1
    assert matches(hub, asked(described(number(2)), onlyCertainMatches=True)) == found[:1]


def test_a_person_under_another_number_is_not_certain_by_one_file_without(hub: FhirHub) -> None:
    held = register(hub, "qingshan", "Q4", number(4))
    register(hub, "baihe", "B4", None, telecom=[{"system": "phone", "value": "13900000001"}])
    assert "certain" not in {grade for _, grade, _ in matches(hub, asked(described(number(2))))}
    (found,) = matches(hub, asked(described(telecom=[{"system": "phone", "value": "13900000001"}])))
    assert found[:2] == (regional_of(hub, held), "certain")


def test_count_cuts_the_list(hub: FhirHub) -> None:
    for sequence in (2, 4, 6):
        register(hub, "qingshan", f"Q{sequence}", number(sequence))
    assert len(matches(hub, asked(described()))) == 3
    assert matches(hub, asked(described(), count=1)) == matches(hub, asked(described()))[:1]


def test_a_clinic_finds_the_persons_it_has_files_of(hub: FhirHub) -> None:
    one, _ = two_clinics(hub)
    register(hub, "baihe", "B4", number(4))
    (found,) = matches(hub, asked(described(number(2))), caller="qingshan")
    assert found[0] == regional_of(hub, one)
    assert matches(hub, asked(described(number(4))), caller="qingshan") == []
    assert len(matches(hub, asked(described(number(4))), caller="baihe")) == 1


def test_nobody_is_an_empty_bundle(hub: FhirHub) -> None:
    assert matches(hub, asked(described(number(8)))) == []


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({"resourceType": "Parameters"}, 400, "resource"),
        ({"resourceType": "Parameters", "parameter": [{"name": "resource", "valueString": "x"}]}, 400, "resource"),
        (asked({"resourceType": "Observation"}), 400, "Patient.resourceType"),
        (asked({"resourceType": "Patient", "gender": "lady"}), 422, "Patient.gender"),
        (asked({"resourceType": "Patient", "birthDate": "1962-04-15"}), 422, "resource"),
        (asked({"resourceType": "Patient", "name": [{"text": "无名氏"}]}), 422, "resource"),
        (asked(described(), count=0), 400, "count"),
        (asked(described(), onlyCertainMatches="yes"), 400, "onlyCertainMatches"),
        (asked(described(), threshold=3), 400, "Parameters.parameter.name"),
        ({"resourceType": "Parameters", "parameter": [{"valueInteger": 1}]}, 400, "Parameters.parameter[0]"),
        ([], 400, "Parameters"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(hub: FhirHub, body: Any, status: int, where: str) -> None:
    answer = hub.ask("POST", "Patient/$match", body, caller="hospital")
    assert answer.status_code == status, answer.text
    assert where in issue(answer)["expression"][0]


def test_only_those_may_ask_whose_duty_it_is(hub: FhirHub) -> None:
    for caller in ("operator", "auditor"):
        assert hub.ask("POST", "Patient/$match", asked(described()), caller=caller).status_code == 403
    assert hub.ask("GET", "Patient/$match", caller="hospital").status_code == 405


def test_who_was_shown_is_audited(hub: FhirHub) -> None:
    one, other = two_clinics(hub)
    matches(hub, asked(described(number(2))))
    noted = [shown for client, interaction, _, shown in hub.reads.noted if interaction == "operation"]
    assert set(noted[-1]) == {one, other}
