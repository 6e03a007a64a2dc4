"""A report on its way back to a clinic as ORU^R01."""

import json
from typing import Any

import pytest
from hl7v2_samples import SAMPLES, submission

from adapters.hl7v2.message import parse
from adapters.hl7v2.report_to_oru import report_to_oru
from adapters.hl7v2.source import local_parts, local_system
from hub.contracts.codes import RESIDENT_ID, V2_0203

CONCLUSION = "右肺上叶磨玻璃结节|约6mm^\n建议3个月后复查 \\ ~ & 倈億"


def typed(kind: str, system: str, value: str) -> dict[str, Any]:
    return {"type": {"coding": [{"system": V2_0203, "code": kind}]}, "system": system, "value": value}


REPORT: dict[str, Any] = {
    "resourceType": "DiagnosticReport",
    "id": "r1",
    "meta": {"versionId": "2", "lastUpdated": "2026-11-22T01:02:03.456Z"},
    "status": "final",
    "code": {"text": "胸部CT平扫"},
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2026-11-22T08:00:00+08:00",
    "issued": "2026-11-22T09:00:00+08:00",
    "conclusion": CONCLUSION,
    "resultsInterpreter": [{"reference": "Practitioner/li-wen", "display": "李文"}],
}
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "identifier": [
        {**typed("PI", local_system("qingshan", "PI"), "A000123"), "assigner": {"display": "QS001"}},
        {"system": RESIDENT_ID, "value": "990101195803140028"},
        typed("MR", "urn:oid:1.2.3", "M|1"),
    ],
    "name": [{"text": "倈億", "family": "倈", "given": ["億"]}],
    "gender": "female",
    "birthDate": "1958-03-14",
}
ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "identifier": [
        typed("PLAC", local_system("qingshan", "PLAC", "HIS 2"), "P1"),
        typed("ACSN", local_system("qingshan", "ACSN"), "AC1"),
    ],
}
STUDY: dict[str, Any] = {
    "resourceType": "ImagingStudy",
    "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.99"}],
    "modality": [{"code": "CT"}],
}


def test_a_report_comes_back_with_the_clinics_own_numbers() -> None:
    read = parse(report_to_oru([REPORT, PATIENT, ORDER, STUDY], "KEY1"))
    header, pid, obr = read.header, read.need("PID"), read.need("OBR")
    assert [header.raw(at) for at in (6, 7, 9, 10, 12, 18)] == [
        "QS001", "20261122090203+0800", "ORU^R01^ORU_R01", "KEY1", "2.5.1", "UNICODE UTF-8",
    ]  # fmt: skip
    assert pid.repetitions(3) == ["A000123^^^QS001^PI", "990101195803140028^^^CN^NNCHN", "M\\F\\1^^^&1.2.3&ISO^MR"]
    assert (pid.raw(5), pid.raw(7), pid.raw(8)) == ("倈^億", "19580314", "F")
    assert (obr.raw(2), obr.raw(3), obr.raw(18), obr.raw(25)) == ("P1^HIS 2", "r1", "AC1", "F")
    assert (obr.text(4, 2), obr.raw(7), obr.raw(24), obr.raw(32)) == (
        "胸部CT平扫", "20261122080000+0800", "RAD", "li-wen&李文",
    )  # fmt: skip


def test_the_conclusion_arrives_letter_for_letter() -> None:
    obx = parse(report_to_oru([REPORT, PATIENT], "KEY1")).all("OBX")[0]
    assert (obx.raw(2), obx.whole(5)) == ("FT", CONCLUSION)


def test_the_same_version_gives_the_same_bytes() -> None:
    assert report_to_oru([REPORT, PATIENT], "KEY1") == report_to_oru([REPORT, PATIENT], "KEY1")


@pytest.mark.parametrize(
    ("status", "code"), [("final", "F"), ("amended", "C"), ("corrected", "C"), ("appended", "C"), ("preliminary", "P")]
)
def test_an_amended_report_says_so(status: str, code: str) -> None:
    read = parse(report_to_oru([{**REPORT, "status": status}, PATIENT], "K"))
    assert (read.need("OBR").raw(25), read.need("OBX").raw(11)) == (code, code)


def test_a_report_alone_is_still_a_message() -> None:
    read = parse(report_to_oru([{"resourceType": "DiagnosticReport", "status": "final", "code": {}}], "K"))
    assert [segment.name for segment in read.segments] == ["MSH", "PID", "ORC", "OBR"]


def test_what_the_hub_sends_the_hub_could_read() -> None:
    sent = report_to_oru([REPORT, PATIENT, ORDER, STUDY], "KEY1")
    report = next(entry for entry in submission(sent).entries if entry.type == "DiagnosticReport")
    assert json.loads(report.body)["conclusion"] == CONCLUSION


def test_the_results_of_a_laboratory_report_go_with_it() -> None:
    entries = submission((SAMPLES / "oru_r01_blood_count.hl7").read_bytes()).entries
    report, patient = (
        next(json.loads(one.body) for one in entries if one.type == kind) for kind in ("DiagnosticReport", "Patient")
    )
    results = [json.loads(one.body, parse_float=str) for one in entries if one.type == "Observation"]
    rows = parse(report_to_oru([report, *results, patient], "K")).all("OBX")
    assert [(row.raw(2), row.raw(5), row.raw(6)) for row in rows[:3]] == [
        ("NM", "6.50", "10\\S\\9/L"), ("SN", "<^5", "10\\S\\9/L"), ("ST", "未检出", ""),
    ]  # fmt: skip
    assert rows[0].raw(3) == "WBC^白细胞计数^L"
    assert (rows[0].raw(7), rows[0].raw(8), rows[0].raw(14)) == ("3.5-9.5", "N", "20261122092500+0800")


@pytest.mark.parametrize("name", ["QS001", "青山 镇", "a/b|c&d", "（一）", "~7e", ""])
def test_a_facility_is_found_again_in_the_system_made_of_it(name: str) -> None:
    assert local_parts(local_system(name, "PI", "n s")) == (name or "-", "PI", "n s")
