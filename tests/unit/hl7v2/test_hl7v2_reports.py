"""ORU^R01: reports and results, and what a second message of the same report changes."""

import json
from typing import Any

import pytest
from hl7v2_samples import SAMPLES, submission

from adapters.hl7v2.refusal import MessageIncorrect
from hub.contracts.codes import LOCAL_ID
from hub.contracts.submission import Entry, Method

HEADER = "MSH|^~\\&|LIS|QS001|||20261122093000||ORU^R01|{id}|P|2.5.1||||||UNICODE UTF-8"


def oru(*segments: str, id: str = "1") -> tuple[Entry, ...]:
    return submission("\r".join([HEADER.format(id=id), "PID|1||A1||倈億", *segments]).encode()).entries


def of_type(entries: tuple[Entry, ...], resource_type: str) -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in entries if entry.type == resource_type]


def conditions(entries: tuple[Entry, ...], resource_type: str = "Observation") -> list[str | None]:
    prefix = f"identifier={LOCAL_ID}/qingshan/"
    return [
        entry.condition and entry.condition.removeprefix(prefix) for entry in entries if entry.type == resource_type
    ]


def test_a_corrected_report_meets_the_same_resources() -> None:
    first = submission((SAMPLES / "oru_r01_blood_count.hl7").read_bytes())
    second = submission((SAMPLES / "oru_r01_blood_count_corrected.hl7").read_bytes())
    assert first.origin.key != second.origin.key
    updates = [entry.condition for entry in first.entries if entry.method is Method.UPDATE]
    assert updates == [entry.condition for entry in second.entries if entry.method is Method.UPDATE]
    assert {one["status"] for one in of_type(second.entries, "Observation")} == {"corrected"}
    assert len(updates) == 9


def test_a_thin_pid_never_replaces_the_patient() -> None:
    patient = oru("OBR|1||F1|T", "OBX|1|NM|A||1||||||F")[0]
    assert (patient.type, patient.method) == ("Patient", Method.CREATE)
    assert patient.condition == f"identifier={LOCAL_ID}/qingshan/PI|A1"


def test_two_panels_of_one_sample_number_are_two_reports() -> None:
    entries = oru("OBR|1||S9|GGN^肝功能", "OBX|1|NM|ALT||1", "OBR|2||S9|SGN^肾功能", "OBX|1|NM|CREA||2")
    assert conditions(entries, "DiagnosticReport") == ["report|S9/GGN", "report|S9/SGN"]
    assert conditions(entries) == ["observation|S9/GGN/ALT", "observation|S9/SGN/CREA"]


def test_the_same_code_twice_in_a_report_stays_two_results() -> None:
    entries = oru("OBR|1||F1|T", "OBX|1|NM|A||1", "OBX|2|NM|A||2", "OBX|3|NM|A|x|3")
    assert conditions(entries) == ["observation|F1/T/A", "observation|F1/T/A~2", "observation|F1/T/A/x"]


def test_a_report_without_numbers_is_known_by_patient_service_and_time() -> None:
    timed = oru("OBR|1|||T|||20261122080000", "OBX|1|NM|A||1")
    assert conditions(timed, "DiagnosticReport") == ["report|A1/T/2026-11-22T08:00:00"]
    timeless = oru("OBR|1|||T", "OBX|1|NM|A||1")
    assert {entry.method for entry in timeless} == {Method.CREATE}


def test_the_order_of_the_placer_number_is_referred_to_and_made_only_where_it_is_not_there() -> None:
    entries = oru("OBR|1|P1|F1|T|||||||||||||||||||||F", "OBX|1|NM|A||1||||||F")
    order = next(entry for entry in entries if entry.type == "ServiceRequest")
    assert (order.method, order.condition) == (Method.CREATE, f"identifier={LOCAL_ID}/qingshan/PLAC|P1")
    assert of_type(entries, "DiagnosticReport")[0]["basedOn"] == [{"reference": order.full_url}]


def test_every_result_stands_in_its_report_and_under_its_patient() -> None:
    entries = oru("OBR|1||F1|T", "OBX|1|NM|A||1", "OBX|2|NM|B||2")
    urls = [entry.full_url for entry in entries if entry.type == "Observation"]
    assert [one["reference"] for one in of_type(entries, "DiagnosticReport")[0]["result"]] == urls
    assert {one["subject"]["reference"] for one in of_type(entries, "Observation")} == {entries[0].full_url}


def test_a_message_for_two_patients_keeps_them_apart() -> None:
    entries = oru("OBR|1||F1|T", "OBX|1|NM|A||1", "PID|2||B2", "OBR|2||F2|T", "OBX|1|NM|A||2")
    first, second = (entry.full_url for entry in entries if entry.type == "Patient")
    assert [one["subject"]["reference"] for one in of_type(entries, "Observation")] == [first, second]


def test_the_impression_of_an_imaging_report_is_its_conclusion() -> None:
    report = of_type(submission((SAMPLES / "oru_r01_chest_ct.hl7").read_bytes()).entries, "DiagnosticReport")[0]
    assert report["conclusion"] == "右肺上叶磨玻璃结节，建议3个月后复查。"
    assert report["effectivePeriod"]["start"] == "2026-11-22T10:15:00+08:00"


@pytest.mark.parametrize(
    ("section", "results", "conclusion"),
    [
        ("RAD", ["OBX|1|TX|^所见||甲", "OBX|2|TX|^所见||乙"], "甲\n乙"),
        ("RAD", ["OBX|1|TX|71020&GDT||甲", "OBX|2|TX|71020&IMP||乙"], "乙"),
        ("EC", ["OBX|1|NM|HR||72", "OBX|2|ST|^心电图诊断||窦性心律"], "窦性心律"),
        ("EC", ["OBX|1|TX|^临床诊断||胸痛", "OBX|2|TX|^结论||正常"], "正常"),
        ("LAB", ["OBX|1|NM|WBC||1", "OBX|2|FT|^备注||溶血"], None),
        ("LAB", ["OBX|1|TX|^培养||无生长"], None),
        ("", ["OBX|1|NM|WBC||1", "OBX|2|FT|^备注||溶血"], None),
        ("", ["OBX|1|TX|||甲", "OBX|2|TX|||乙"], "甲\n乙"),
    ],
)
def test_the_words_of_a_report_are_its_conclusion(section: str, results: list[str], conclusion: str | None) -> None:
    entries = oru(f"OBR|1||F1|T^检查{'|' * 20}{section}|F", *results)
    assert of_type(entries, "DiagnosticReport")[0].get("conclusion") == conclusion
    assert len(of_type(entries, "Observation")) == len(results)


def test_an_obx_without_a_code_is_a_result_of_its_service() -> None:
    assert of_type(oru("OBR|1||F1|^腹部彩超", "OBX|1|TX|||甲"), "Observation")[0]["code"] == {"text": "腹部彩超"}


@pytest.mark.parametrize(
    ("stated", "results", "status"),
    [
        ("F", "P", "final"),
        ("C", "C", "corrected"),
        ("", "F", "final"),
        ("", "C", "corrected"),
        ("", "P", "preliminary"),
        ("", "", "unknown"),
    ],
)
def test_a_report_has_the_status_of_obr_25_or_of_its_results(stated: str, results: str, status: str) -> None:
    entries = oru(f"OBR|1||F1|T{'|' * 21}{stated}", f"OBX|1|NM|A||1||||||{results}")
    assert of_type(entries, "DiagnosticReport")[0]["status"] == status


def test_section_and_status_written_one_field_early_are_understood() -> None:
    entries = oru(f"OBR|1||F1|T{'|' * 17}20261122093000||LAB|F", "OBX|1|NM|A||1")
    report = of_type(entries, "DiagnosticReport")[0]
    assert (report["status"], report["issued"]) == ("final", "2026-11-22T09:30:00+08:00")
    assert report["category"][0]["coding"][0]["code"] == "LAB"


def test_a_pdf_is_attached_to_the_report() -> None:
    report = of_type(submission((SAMPLES / "oru_r01_ecg_with_pdf.hl7").read_bytes()).entries, "DiagnosticReport")[0]
    assert report["presentedForm"][0]["contentType"] == "application/pdf"


def test_a_wrong_time_names_the_segment_it_stands_in() -> None:
    with pytest.raises(MessageIncorrect) as refused:
        oru("OBR|1||F1|T", "OBX|1|NM|A||1", "OBX|2|NM|B||1" + "|" * 9 + "2026112299")
    assert (refused.value.where, refused.value.sequence) == ("OBX-14", 2)


def test_a_local_segment_of_a_report_is_kept_with_it() -> None:
    entries = oru("OBR|1||F1|T", "OBX|1|NM|A||1", "ZLB|1|试剂批号")
    extension = of_type(entries, "DiagnosticReport")[0]["extension"]
    assert [one["valueString"] for one in extension] == ["ZLB|1|试剂批号"]
