"""Files of one person at two clinics: merged by message, found as one, asked for by number, and parted again."""

import uuid
from typing import Any

from hub.contracts.codes import LOCAL_ID, RESIDENT_ID
from tests.journeys.county import County, resident_id
from tests.journeys.running_hub import wait_for


def person(county: County, patient: dict[str, Any], who: str = "hospital") -> str:
    return str(county.get(who, f"/fhir/Patient/{patient['id']}/$person")["id"])


def pid(number: str, name: str = "", facility: str = "QS001", sequence: int = 1) -> str:
    return f"PID|{sequence}||{number}^^^{facility}^PI||{name}\n"


def merge_message(county: County, surviving: str, prior: str, code: str = "AA", event: str = "A40") -> bytes:
    return county.hl7(county.header(f"ADT^{event}^ADT_A39") + pid(surviving) + f"MRG|{prior}^^^QS001^PI\n", code)


def pulse(county: County, who: str, patient: dict[str, Any]) -> None:
    body = {"resourceType": "Observation", "status": "final", "code": {"text": "脉搏"},
            "subject": {"reference": f"Patient/{patient['id']}"}}  # fmt: skip
    county.ask(who, "POST", "/fhir/Observation", 201, json=body)


def test_a_duplicate_file_is_merged_by_message_found_as_one_and_parted_again(county: County) -> None:
    number = resident_id(302)
    doubled = county.admit("MA1", name="丘月华")
    kept = county.admit("MA2", number, "栾彩云")
    other = county.admit("MA3", number, "栾彩云", facility="BH001")
    for who, patient in (("qingshan", doubled), ("qingshan", kept), ("baihe", other)):
        pulse(county, who, patient)
    apart = [county.get("hospital", f"/fhir/Patient/{one['id']}/$person") for one in (doubled, kept, other)]
    assert apart[0]["id"] != apart[1]["id"] == apart[2]["id"]

    merge_message(county, "MA2", "MA1")
    assert person(county, doubled) == person(county, kept) == person(county, other)
    assert len(county.find("hospital", "Observation", patient=kept["id"])) == 3
    assert len(county.find("qingshan", "Observation", patient=doubled["id"])) == 2
    everything = county.get("hospital", f"/fhir/Patient/{kept['id']}/$everything")
    assert sum(entry["resource"]["resourceType"] == "Patient" for entry in everything["entry"]) == 3

    described = {"resourceType": "Patient", "name": [{"text": "栾彩云"}], "identifier": [{"system": RESIDENT_ID,
                 "value": number}]}  # fmt: skip
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": described}, {"name": "onlyCertainMatches", "valueBoolean": True}]}  # fmt: skip
    (certain,) = county.ask("hospital", "POST", "/fhir/Patient/$match", json=body)["entry"]
    assert {link["other"]["reference"] for link in certain["resource"]["link"]} == {
        f"Patient/{one['id']}" for one in (doubled, kept, other)
    }
    asked = {"sourceIdentifier": f"{LOCAL_ID}/baihe/PI|MA3", "targetSystem": f"{LOCAL_ID}/qingshan/PI"}
    told = county.get("hospital", "/fhir/Patient/$ihe-pix", **asked)["parameter"]
    assert {p["valueIdentifier"]["value"] for p in told if p["name"] == "targetIdentifier"} == {"MA1", "MA2"}

    (linkage,) = county.find("qingshan", "Linkage", item=f"Patient/{doubled['id']}")
    undo = {"resourceType": "Parameters", "parameter": [{"name": "merge-id", "valueString": linkage["id"]},
                                                        {"name": "reason", "valueString": "并非同一人"}]}  # fmt: skip

    def reads_are_on_disk() -> bool:
        """The one before the merge and the three after it."""
        return len(county.find("auditor", "AuditEvent", patient=f"Patient/{doubled['id']}", action="R")) >= 4

    assert wait_for(reads_are_on_disk, 20)
    county.ask("operator", "POST", "/fhir/Patient/$unmerge", json=undo)
    now = [county.get("hospital", f"/fhir/Patient/{one['id']}/$person") for one in (doubled, kept, other)]
    assert now == apart
    assert len(county.find("hospital", "Observation", patient=doubled["id"])) == 1
    notices = county.find("hospital", "Communication", recipient="Organization/county-hospital")
    told_of = {notice["subject"]["reference"] for notice in notices}
    assert {f"Patient/{doubled['id']}", f"Patient/{kept['id']}"} <= told_of
    (provenance,) = [one for one in county.find("qingshan", "Provenance", target=f"Patient/{doubled['id']}")
                     if one["activity"]["coding"][0]["code"] == "unmerge"]  # fmt: skip
    assert provenance["reason"][0]["text"] == "并非同一人"
    assert provenance["agent"][0]["who"]["reference"] == "Organization/county-it"
    acts = [str(one) for one in county.find("auditor", "AuditEvent", patient=f"Patient/{kept['id']}", action="U")]
    assert any("operator" in one and "Linkage" in one for one in acts)


def test_a_merge_of_a_patient_nobody_knows_is_refused_with_the_field_and_kept(county: County) -> None:
    county.admit("MB1", name="覃翠屏")
    for answer, field in (
        (merge_message(county, "MB1", "MB-unknown", "AE"), b"MRG^1^1"),
        (merge_message(county, "MB-unknown", "MB1", "AE"), b"PID^1^3"),
        (merge_message(county, "MB1", "MB1", "AE"), b"MRG^1^1"),
    ):
        assert field in answer, answer
    items = county.get("qingshan", "/quarantine")["items"]
    assert [item["field"] for item in items[:3]] == ["MRG-1", "PID-3", "MRG-1"]


def test_a_merge_of_two_resident_numbers_is_refused_with_the_reason(county: County) -> None:
    one, other = county.admit("MC1", resident_id(306), "糜建国"), county.admit("MC2", resident_id(308), "糜建国")
    answer = merge_message(county, "MC2", "MC1", "AE")
    assert "two different valid resident numbers" in answer.decode()
    assert person(county, one) != person(county, other)


def test_the_same_merge_again_changes_nothing(county: County) -> None:
    one, other = county.admit("MD1", name="濮兰馨"), county.admit("MD2", name="贲进宝")
    merge_message(county, "MD2", "MD1")
    merge_message(county, "MD2", "MD1", event="A34")
    assert person(county, one) == person(county, other)
    again = county.header("ADT^A40", number="MD-once") + pid("MD2") + "MRG|MD1^^^QS001^PI\n"
    assert county.hl7(again) == county.hl7(again)


def test_two_files_are_linked_and_unlinked_by_message(county: County) -> None:
    one, other = county.admit("ME1", name="璩丽华"), county.admit("ME2", name="郏敏慧")
    both = pid("ME1") + pid("ME2", sequence=2)
    county.hl7(county.header("ADT^A24") + both)
    assert person(county, one) == person(county, other)
    county.hl7(county.header("ADT^A37") + both)
    assert person(county, one) != person(county, other)
    county.hl7(county.header("ADT^A24") + pid("ME1") + pid("ME-unknown", sequence=2), "AE")


def test_a_clinic_cannot_merge_what_another_sent(county: County) -> None:
    county.admit("MF1", name="隗淑芬")
    county.admit("MF2", name="逄桂芝", facility="BH001")
    message = county.header("ADT^A40") + pid("MF1") + "MRG|MF2^^^BH001^PI\n"
    assert b"MRG^1" in county.hl7(message, "AE")


def test_a_platform_merges_what_it_sent(county: County) -> None:
    patients = []
    for number, name in (("MP1", "厍爽秋"), ("MP2", "胥远航")):
        county.hl7(county.header("ADT^A04", facility="DP001") + pid(number, name, "DP001"))
        patients += county.find("district", "Patient", identifier=f"{LOCAL_ID}/DP001/PI|{number}")
    county.hl7(county.header("ADT^A40", facility="DP001") + pid("MP2", facility="DP001") + "MRG|MP1^^^DP001^PI\n")
    assert person(county, patients[0]) == person(county, patients[1])


def test_an_operator_merges_once_however_often_it_is_sent(county: County) -> None:
    one, other = county.admit("MG1", name="殳刚毅"), county.admit("MG2", name="仉钢铁", facility="BH001")
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "source-patient", "valueReference": {"reference": f"Patient/{one['id']}"}},
        {"name": "target-patient", "valueReference": {"reference": f"Patient/{other['id']}"}}]}  # fmt: skip
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [county.ask("operator", "POST", "/fhir/Patient/$merge", json=body, headers=headers) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert person(county, one) == person(county, other)
    assert county.ask("hospital", "POST", "/fhir/Patient/$merge", None, json=body, headers=headers).status_code == 403


def test_an_order_check_for_the_regional_patient_sees_all_files(county: County) -> None:
    number = resident_id(304)
    one = county.admit("MH1", number, "阎素琴")
    county.admit("MH2", number, "阎素琴", facility="BH001")
    regional = f"regional-{person(county, one)}"
    draft = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "intent": "order",
             "subject": {"reference": f"Patient/{regional}"}, "code": {"text": "胸部CT平扫"}}  # fmt: skip
    call = {"hook": "order-sign", "hookInstance": str(uuid.uuid4()), "context": {
        "userId": "Practitioner/zhang", "patientId": regional,
        "draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}}}  # fmt: skip
    answer = county.ask("hospital", "POST", "/cds-services/duplicate-examination-sign", json=call)
    assert answer["extension"]["hub.verdicts"][0]["verdict"] == "none"
