"""One person across doors and clinics, through a running hub."""

from typing import Any

from hub.contracts.codes import LOCAL_ID, RESIDENT_ID
from tests.journeys.county import County, resident_id
from tests.journeys.running_hub import wait_for

FAMILY = "陈秀英"
BORN = "19710823"


def person_of(county: County, who: str, patient: dict[str, Any]) -> dict[str, Any]:
    return dict(county.get(who, f"/fhir/Patient/{patient['id']}/$person"))


def links(person: dict[str, Any]) -> set[str]:
    return {link["target"]["reference"].removeprefix("Patient/") for link in person["link"]}


def test_a_message_an_image_and_a_tracing_of_one_clinic_end_in_one_patient(county: County) -> None:
    patient = county.admit("X1")
    study = county.study(county.image("X1"))
    assert study["subject"]["reference"] == f"Patient/{patient['id']}"
    tracing, _task = county.traced(patient=f"{LOCAL_ID}/qingshan/PI|X1")
    assert tracing["subject"]["reference"] == f"Patient/{patient['id']}"
    own = county.tracing().replace(b"QS20260117", b"X1")
    receipt = county.ecg("qingshan", own)
    assert receipt["person"] == f"Person/{person_of(county, 'qingshan', patient)['id']}"
    assert [one["id"] for one in county.find("centre", "Patient", identifier="X1")] == [patient["id"]]
    assert len(county.find("centre", "ImagingStudy", patient=patient["id"])) == 3


def test_the_image_may_come_before_the_registration(county: County) -> None:
    study = county.study(county.image("X2", "Chen^Xiuying"))
    patient = county.admit("X2")
    assert study["subject"]["reference"] == f"Patient/{patient['id']}"
    assert patient["name"][0]["text"] == FAMILY


def test_the_same_number_of_two_clinics_is_two_patients_and_two_persons(county: County) -> None:
    one, other = county.admit("X3"), county.admit("X3", facility="BH001")
    assert person_of(county, "hospital", one)["id"] != person_of(county, "hospital", other)["id"]


def test_two_clinics_patients_with_number_and_name_are_one_person_for_every_asker(county: County) -> None:
    number = resident_id(202, BORN)
    one, other = county.admit("A1", number), county.admit("B1", number, facility="BH001")
    seen = {who: person_of(county, who, one) for who in ("qingshan", "hospital", "centre")}
    seen["baihe"] = person_of(county, "baihe", other)
    assert len({person["id"] for person in seen.values()}) == 1
    assert links(seen["qingshan"]) == {one["id"]}
    assert links(seen["baihe"]) == {other["id"]}
    assert links(seen["hospital"]) == links(seen["centre"]) == {one["id"], other["id"]}
    assert county.get("baihe", f"/fhir/Patient/{one['id']}/$person", 404)["resourceType"] == "OperationOutcome"
    assert county.get("operator", f"/fhir/Patient/{one['id']}/$person", None).status_code in (403, 404)
    assert county.get("qingshan", f"/fhir/Person/{seen['hospital']['id']}")["id"] == seen["hospital"]["id"]


def test_an_old_number_of_fifteen_digits_is_its_new_one(county: County) -> None:
    number = resident_id(204, BORN)
    old = number[:6] + number[8:17]
    one, other = county.admit("A2", number), county.admit("B2", old, facility="BH001")
    assert links(person_of(county, "hospital", one)) == {one["id"], other["id"]}
    (kept,) = [i["value"] for i in other["identifier"] if i["system"] == RESIDENT_ID]
    assert kept == old


def test_one_number_under_two_names_is_two_persons_and_so_is_a_wrong_number(county: County) -> None:
    number = resident_id(206, BORN)
    one, other = county.admit("A3", number), county.admit("B3", number, "王建国", facility="BH001")
    assert links(person_of(county, "hospital", one)) == {one["id"]}
    assert links(person_of(county, "hospital", other)) == {other["id"]}
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    first, second = county.admit("A4", wrong), county.admit("B4", wrong, "陈建国", facility="BH001")
    assert links(person_of(county, "hospital", first)) != links(person_of(county, "hospital", second))


def test_a_number_in_pid_19_and_an_untyped_one_count_like_a_typed_one(county: County) -> None:
    number = resident_id(208, BORN)
    one = county.admit("A5", number)
    pid = f"PID|1||B5^^^BH001^PI||{FAMILY}||{BORN}|F|||||||||||{number}\n"
    county.hl7(county.header("ADT^A08", facility="BH001") + pid)
    untyped = f"PID|1||C5^^^QS001^PI~{number}||{FAMILY}||{BORN}|F\n"
    county.hl7(county.header("ADT^A08") + untyped)
    assert len(links(person_of(county, "hospital", one))) == 3


def test_an_fhir_patient_with_the_number_in_any_type_joins(county: County) -> None:
    number = resident_id(210, BORN)
    one = county.admit("A6", number)
    for kind in (None, "NI", "NNCHN", "NNCN"):
        typed = {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": kind}]}}
        identifier = {"system": RESIDENT_ID, "value": number} | (typed if kind else {})
        body = {"resourceType": "Patient", "identifier": [identifier], "name": [{"family": "陈", "given": ["秀英"]}]}
        stored = county.ask("baihe", "POST", "/fhir/Patient", 201, json=body)
        assert stored["identifier"] == [identifier]
    assert len(links(person_of(county, "hospital", one))) == 5


def test_a_search_by_patient_reaches_the_whole_person_for_those_who_may(county: County) -> None:
    number = resident_id(212, BORN)
    one, other = county.admit("A7", number), county.admit("B7", number, facility="BH001")
    for who, patient in (("qingshan", one), ("baihe", other)):
        body = {"resourceType": "Observation", "status": "final", "code": {"text": "脉搏"},
                "subject": {"reference": f"Patient/{patient['id']}"}}  # fmt: skip
        county.ask(who, "POST", "/fhir/Observation", 201, json=body)
    for by in ({"patient": one["id"]}, {"patient": f"Patient/{other['id']}"}, {"subject": f"Patient/{one['id']}"}):
        assert len(county.find("hospital", "Observation", **by)) == 2
    assert len(county.find("hospital", "Observation", **{"patient.identifier": number})) == 2
    assert len(county.find("qingshan", "Observation", patient=one["id"])) == 1
    assert county.find("qingshan", "Observation", patient=other["id"]) == []


def test_a_clinic_learns_nothing_of_another_clinics_records(county: County) -> None:
    number = resident_id(214, BORN)
    patient = county.admit("A8", number)
    assert county.get("baihe", f"/fhir/Patient/{patient['id']}", None).status_code == 404
    assert county.get("baihe", f"/fhir/Patient/{patient['id']}/_history", None).status_code == 404
    for by in ({"identifier": number}, {"_id": patient["id"]}, {"name": FAMILY, "identifier": "A8"}):
        counted = county.get("baihe", "/fhir/Patient", _summary="count", **by)
        assert counted["total"] == 0
    body = {**patient, "name": [{"text": "别人"}]}
    refused = county.ask("baihe", "PUT", f"/fhir/Patient/{patient['id']}", None, json=body)
    assert refused.status_code in (403, 404)
    assert county.get("baihe", "/fhir/Person", identifier=f"{RESIDENT_ID}|{number}").get("entry", []) == []
    for who in ("operator", "auditor"):
        assert county.get(who, f"/fhir/Patient/{patient['id']}", None).status_code in (403, 404)
        assert county.get(who, "/fhir/Patient", None).status_code == 403


def test_a_name_that_changes_parts_the_person_and_changed_back_joins_it_again(county: County) -> None:
    number = resident_id(216, BORN)
    one, other = county.admit("A9", number), county.admit("B9", number, facility="BH001")
    together = person_of(county, "hospital", one)["id"]
    county.admit("B9", number, "王建国", facility="BH001")
    assert person_of(county, "hospital", other)["id"] != person_of(county, "hospital", one)["id"] == together
    county.admit("B9", number, facility="BH001")
    assert person_of(county, "hospital", other)["id"] == together


def test_every_look_at_a_record_stands_in_the_audit_trail_with_client_and_practitioner(county: County) -> None:
    patient = county.admit("A10", resident_id(218, BORN))
    county.ask("hospital", "GET", f"/fhir/Patient/{patient['id']}", headers={"Acting-Practitioner": "Practitioner/zm"})

    def seen() -> list[str]:
        return [str(one) for one in county.find("auditor", "AuditEvent", patient=f"Patient/{patient['id']}")]

    assert wait_for(lambda: any("Practitioner/zm" in one and "hospital" in one for one in seen()), 5), seen()
    assert any("qingshan" in one for one in seen())  # the write
    for who in ("hospital", "operator", "qingshan"):
        assert county.get(who, "/fhir/AuditEvent", None).status_code in (403, 404), who
    assert county.ask("auditor", "POST", "/fhir/AuditEvent", None, json={"resourceType": "AuditEvent"}).status_code in (
        403, 405, 422,
    )  # fmt: skip
