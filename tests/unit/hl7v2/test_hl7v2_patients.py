"""ADT: the patient as the clinic states it, and the visit."""

import json
from typing import Any

import pytest
from hl7v2_samples import CLINIC, submission

from adapters.hl7v2.refusal import MessageIncorrect
from hub.contracts.caller import Caller, Role
from hub.contracts.codes import INSTITUTION_ID, LOCAL_ID, RESIDENT_ID
from hub.contracts.submission import Method

VALID = "990101195803140028"


def adt(pid: str, event: str = "A08", rest: str = "", header: str = "") -> bytes:
    return f"MSH|^~\\&|HIS|QS001|||20261122||ADT^{event}|1|P|2.5.1||||||UNICODE UTF-8{header}\r{pid}\r{rest}".encode()


def patient(pid: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(submission(adt(pid)).entries[0].body)
    return found


def numbers(pid: str) -> list[tuple[str, str]]:
    return [(one["system"].removeprefix(f"{LOCAL_ID}/"), one["value"]) for one in patient(pid)["identifier"]]


@pytest.mark.parametrize("kind", ["NI", "NNCHN", "NNCN", "nnchn"])
def test_a_typed_resident_id_is_one_whatever_its_digits(kind: str) -> None:
    assert numbers(f"PID|1||123456^^^CN^{kind}") == [(RESIDENT_ID, "123456")]


def test_an_untyped_valid_number_of_eighteen_characters_is_a_resident_id() -> None:
    assert numbers(f"PID|1||A1~{VALID}") == [("qingshan/PI", "A1"), (RESIDENT_ID, VALID)]


def test_an_untyped_number_with_a_wrong_check_character_is_the_clinics_own() -> None:
    assert numbers(f"PID|1||{VALID[:-1]}9") == [("qingshan/PI", f"{VALID[:-1]}9")]


def test_a_resident_id_in_pid_19_counts_once() -> None:
    assert numbers(f"PID|1||A1~{VALID}{'|' * 16}{VALID}") == [("qingshan/PI", "A1"), (RESIDENT_ID, VALID)]
    assert numbers(f"PID|1||A1{'|' * 16}{VALID}") == [("qingshan/PI", "A1"), (RESIDENT_ID, VALID)]


def test_a_check_character_x_is_written_large() -> None:
    assert numbers("PID|1||11010119900307002x^^^^NI")[0][1].endswith("X")


def test_numbers_of_different_kinds_and_authorities_never_share_a_system() -> None:
    assert numbers("PID|1||A1^^^QS001^PI~A1^^^QS001^MR~A1^^^OTHER^PI~A1^^^X&1.2.3&ISO^PI~A1^^^卫生 院^PI") == [
        ("qingshan/PI", "A1"),
        ("qingshan/MR", "A1"),
        ("qingshan/OTHER/PI", "A1"),
        ("urn:oid:1.2.3", "A1"),
        ("qingshan/卫生~20院/PI", "A1"),
    ]


def test_a_record_number_alone_counts_as_the_patient_number_as_in_an_image() -> None:
    assert numbers("PID|1||A1^^^QS001^MR") == [("qingshan/PI", "A1")]
    assert numbers("PID|1||A1^^^OTHER^MR") == [("qingshan/OTHER/MR", "A1")]


def test_for_a_platform_the_facility_takes_the_place_of_the_organization() -> None:
    platform = Caller("district", Role.PLATFORM, "district")
    sent = submission(adt("PID|1||A1^^^QS001^PI~B2^^^OTHER^PI"), platform).entries[0]
    systems = [one["system"].removeprefix(LOCAL_ID) for one in json.loads(sent.body)["identifier"]]
    assert systems == ["/QS001/PI", "/QS001/OTHER/PI"]


@pytest.mark.parametrize(
    ("numbers", "condition"),
    [
        (f"{VALID}^^^CN^NI~A1^^^QS001^MR~B2^^^QS001^PI", f"{LOCAL_ID}/qingshan/PI|B2"),
        (f"{VALID}^^^CN^NI~A1^^^QS001^MR", f"{LOCAL_ID}/qingshan/PI|A1"),
        (f"{VALID}^^^CN^NI", f"{RESIDENT_ID}|{VALID}"),
        ("A,1|".replace("|", "\\F\\") + "^^^QS001^PI", f"{LOCAL_ID}/qingshan/PI|A\\,1\\|"),
        ("A&1%^^^QS001^PI".replace("&", "\\T\\"), f"{LOCAL_ID}/qingshan/PI|A%261%25"),
    ],
)
def test_the_patient_is_updated_by_the_number_of_the_source(numbers: str, condition: str) -> None:
    entry = submission(adt(f"PID|1||{numbers}")).entries[0]
    assert (entry.method, entry.condition) == (Method.UPDATE, f"identifier={condition}")


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("倈億", "倈億"),
        ("倈^億", "倈億"),
        ("DOE^JOHN^A", "JOHN A DOE"),
        ("阿依古丽·买买提", "阿依古丽·买买提"),
        ("无名氏^^^^^^U", "无名氏"),
    ],
)
def test_a_name_is_told_as_it_is_written(sent: str, text: str) -> None:
    assert patient(f"PID|1||A1||{sent}")["name"][0]["text"] == text


@pytest.mark.parametrize(
    ("sent", "date"),
    [
        ("19580314", "1958-03-14"),
        ("1958", "1958"),
        ("195803", "1958-03"),
        ("1958-03-14", "1958-03-14"),
        ("00000000", None),
        ("", None),
    ],
)
def test_a_birth_date_keeps_its_precision(sent: str, date: str | None) -> None:
    assert patient(f"PID|1||A1||||{sent}").get("birthDate") == date


@pytest.mark.parametrize("sent", ["19581332", "19580230", "五八年", "1958031", "195803142561"])
def test_a_birth_date_that_is_none_is_refused_at_pid_7(sent: str) -> None:
    with pytest.raises(MessageIncorrect) as refused:
        patient(f"PID|1||A1||||{sent}")
    assert (refused.value.where, refused.value.code) == ("PID-7", 102)
    assert sent not in str(refused.value) + refused.value.remedy


@pytest.mark.parametrize(
    ("sent", "sex"), [("F", "female"), ("男", "male"), ("2", "female"), ("X", "unknown"), ("", None)]
)
def test_sex_is_read_in_either_language(sent: str, sex: str | None) -> None:
    assert patient(f"PID|1||A1|||||{sent}").get("gender") == sex


def test_local_segments_are_kept_word_for_word() -> None:
    found = json.loads(submission(adt("PID|1||A1", rest="ZPI|1|城乡居民医保^x|\rZZ9|\r")).entries[0].body)
    assert [one["valueString"] for one in found["extension"]] == ["ZPI|1|城乡居民医保^x|", "ZZ9|"]


@pytest.mark.parametrize(
    ("event", "visit", "status"),
    [
        ("A01", "PV1|1|I" + "|" * 17 + "V1", "in-progress"),
        ("A03", "PV1|1|I" + "|" * 17 + "V1", "finished"),
        ("A08", "PV1|1|I" + "|" * 17 + "V1" + "|" * 26 + "20261122", "finished"),
        ("A11", "PV1|1|I" + "|" * 17 + "V1", "cancelled"),
        ("A05", "PV1|1|P" + "|" * 17 + "V1", "planned"),
    ],
)
def test_a_visit_has_the_status_of_its_event(event: str, visit: str, status: str) -> None:
    entry = submission(adt("PID|1||A1", event, visit)).entries[1]
    assert entry.condition == f"identifier={LOCAL_ID}/qingshan/VN|V1"
    assert json.loads(entry.body)["status"] == status


def test_a_visit_number_written_one_field_early_is_understood() -> None:
    entry = submission(adt("PID|1||A1", "A08", "PV1|1|O" + "|" * 16 + "V-2026-01")).entries[1]
    assert entry.condition == f"identifier={LOCAL_ID}/qingshan/VN|V-2026-01"


def test_an_update_that_names_no_visit_makes_none() -> None:
    assert len(submission(adt("PID|1||A1", "A08", "PV1|1|O")).entries) == 1
    assert len(submission(adt("PID|1||A1", "A04", "PV1|1|O")).entries) == 2


def test_a_clinics_patient_is_the_clinics_and_a_platforms_patient_that_of_its_facility() -> None:
    platform = Caller("district", Role.PLATFORM, "district")
    assert patient("PID|1||A1")["managingOrganization"] == {"reference": f"Organization/{CLINIC.organization}"}
    by_facility = json.loads(submission(adt("PID|1||A1"), platform).entries[0].body)["managingOrganization"]
    assert by_facility["identifier"] == {"system": INSTITUTION_ID, "value": "QS001"}
    named = json.loads(submission(adt("PID|1||A1", header="||||青山镇卫生院^^qingshan"), platform).entries[0].body)
    assert named["managingOrganization"] == {"reference": "Organization/qingshan"}
